//! Reads the inventory topic to its end.

use std::collections::BTreeMap;

use crate::cli::topic;
use crate::config::Config;
use crate::time::ProcessingTime;
use crate::wire::LastSeenRecord;
use crate::wire::last_seen::KEY_PREFIX;

/// The inventory as it stood at its watermark.
#[derive(Debug, Default)]
pub(in crate::cli) struct Inventory {
    /// The newest last-seen record of each identity.
    pub(in crate::cli) records: BTreeMap<String, LastSeenRecord>,
    /// Last-seen records that could not be read.
    pub(in crate::cli) unreadable: u64,
    /// The offset to which each partition was read, exclusive.
    pub(in crate::cli) ends: BTreeMap<i32, i64>,
}

impl Inventory {
    /// Up to where the topic was read, for a person.
    pub(in crate::cli) fn watermark(&self) -> String {
        let ends: Vec<String> =
            self.ends.iter().map(|(partition, end)| format!("{partition}:{end}")).collect();
        let unreadable = match self.unreadable {
            0 => String::new(),
            count => format!("; {count} records could not be read"),
        };
        format!("read to partition:offset {}{unreadable}", ends.join(" "))
    }

    /// When the newest record was written.
    pub(super) fn newest(&self) -> Option<ProcessingTime> {
        self.records.values().filter_map(|record| ProcessingTime::parse_rfc3339(&record.updated_at)).max()
    }

    /// Takes in one record of the topic; a tombstone takes its identity out.
    fn take(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let Some(id) =
            key.and_then(|key| std::str::from_utf8(key).ok()).and_then(|key| key.strip_prefix(KEY_PREFIX))
        else {
            return;
        };
        match value.map(LastSeenRecord::parse) {
            None => {
                self.records.remove(id);
            }
            Some(Ok(record)) => {
                self.records.insert(id.to_owned(), record);
            }
            Some(Err(_)) => {
                // What it said before counts no more.
                self.records.remove(id);
                self.unreadable += 1;
            }
        }
    }
}

/// Reads the inventory topic from its start to where it ends now.
///
/// # Errors
/// Where the brokers do not answer, the topic is missing, or reading stands still.
pub(super) fn read(config: &Config) -> anyhow::Result<Inventory> {
    let mut inventory = Inventory::default();
    let take = |key: Option<&[u8]>, value: Option<&[u8]>| inventory.take(key, value);
    let ends = topic::read_to_end(config, &config.topics.inventory, "unused", take)?;
    Ok(Inventory { ends, ..inventory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_record_of_a_key_counts_and_a_tombstone_takes_it_out() {
        let record = |days: u32| {
            format!(
                r#"{{"schema":"nhi.last-seen/1","identity_id":"linux:web:a","kind":"service_account","class":"non_human",
                "provider":"linux","status":"unused","unused_days":{days},"coverage":{{"ratio":1.0}},"updated_at":"2026-01-31T00:00:00.000Z"}}"#
            )
        };
        let mut inventory = Inventory::default();
        let key = Some(b"last-seen:linux:web:a".as_slice());
        inventory.take(key, Some(record(91).as_bytes()));
        inventory.take(key, Some(record(92).as_bytes()));
        inventory.take(Some(b"identity:linux:web:a"), Some(b"{}"));
        assert_eq!(inventory.records["linux:web:a"].unused_days, Some(92));
        inventory.take(key, None);
        assert!(inventory.records.is_empty());
        inventory.take(key, Some(record(93).as_bytes()));
        inventory.take(key, Some(b"{"));
        assert_eq!(
            (inventory.records.len(), inventory.unreadable),
            (0, 1),
            "an older word does not stand for one that cannot be read"
        );
    }
}
