//! Reads the inventory topic to its end.
//!
//! Of a compacted topic only the last record of a key counts, and which is the last is known at the end alone. So what is kept on
//! the way is, of each identity, what the command will say of it, and whether it has a record at all.

use std::collections::{BTreeMap, HashMap};

use crate::baseline::last_seen::UseStatus;
use crate::cli::topic;
use crate::config::Config;
use crate::term::stable_hash;
use crate::time::ProcessingTime;
use crate::wire::LastSeenRecord;
use crate::wire::last_seen::KEY_PREFIX;

/// The inventory as it stood at its watermark, with a `T` for each identity of which anything is kept.
#[derive(Debug)]
pub(in crate::cli) struct Inventory<T> {
    /// What is kept of the newest last-seen record of each identity, by its id.
    pub(in crate::cli) kept: BTreeMap<String, T>,
    /// Last-seen records that could not be read.
    pub(in crate::cli) unreadable: u64,
    /// The offset to which each partition was read, exclusive.
    pub(in crate::cli) ends: BTreeMap<i32, i64>,
    /// What each identity's newest record says of it, by the hash of its id, for the counts: of most, which are in use, it is all that is
    /// kept, up to 40 bytes each.
    statuses: HashMap<u64, UseStatus>,
    /// When the newest record was written.
    newest: Option<ProcessingTime>,
}

impl<T> Default for Inventory<T> {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            unreadable: 0,
            ends: BTreeMap::new(),
            statuses: HashMap::new(),
            newest: None,
        }
    }
}

impl<T> Inventory<T> {
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

    /// How many identities have a record that could be read.
    pub(super) fn identities(&self) -> usize {
        self.statuses.len()
    }

    /// How many of them have this status.
    pub(super) fn count(&self, status: UseStatus) -> usize {
        self.statuses.values().filter(|one| **one == status).count()
    }

    /// When the newest record was written.
    pub(super) fn newest(&self) -> Option<ProcessingTime> {
        self.newest
    }

    /// Takes in one record of the topic, of which `keep` says what is kept; a tombstone takes its identity out.
    fn take(
        &mut self,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        keep: impl FnOnce(&LastSeenRecord, &str) -> Option<T>,
    ) {
        let Some(id) =
            key.and_then(|key| std::str::from_utf8(key).ok()).and_then(|key| key.strip_prefix(KEY_PREFIX))
        else {
            return;
        };
        // What it said before counts no more, also where what it says now cannot be read.
        self.kept.remove(id);
        let place = stable_hash(id);
        let Some(value) = value else {
            self.statuses.remove(&place);
            return;
        };
        let Some((record, json)) = read_record(value) else {
            self.statuses.remove(&place);
            self.unreadable += 1;
            return;
        };
        self.statuses.insert(place, record.status);
        self.newest = self.newest.max(ProcessingTime::parse_rfc3339(&record.updated_at));
        if let Some(kept) = keep(&record, json) {
            self.kept.insert(id.to_owned(), kept);
        }
    }
}

/// The record, and the JSON that it was read from.
fn read_record(value: &[u8]) -> Option<(LastSeenRecord, &str)> {
    let json = std::str::from_utf8(value).ok()?;
    Some((LastSeenRecord::parse(value).ok()?, json))
}

/// Reads the inventory topic from its start to where it ends now. `keep` is shown each record as it was read and as its JSON.
///
/// # Errors
/// Where the brokers do not answer, the topic is missing, or reading stands still.
pub(super) fn read<T>(
    config: &Config,
    keep: impl Fn(&LastSeenRecord, &str) -> Option<T>,
) -> anyhow::Result<Inventory<T>> {
    let mut inventory = Inventory::default();
    let take = |key: Option<&[u8]>, value: Option<&[u8]>| inventory.take((key, value), &keep);
    let ends = topic::read_to_end(config, &config.topics.inventory, "unused", take)?;
    Ok(Inventory { ends, ..inventory })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"last-seen:linux:web:a";

    fn record(status: &str, days: u32, updated_at: &str) -> String {
        format!(
            r#"{{"schema":"nhi.last-seen/1","identity_id":"linux:web:a","kind":"service_account","class":"non_human",
            "provider":"linux","status":"{status}","unused_days":{days},"coverage":{{"ratio":1.0}},"updated_at":"{updated_at}"}}"#
        )
    }

    /// Takes in a record; what is kept of one of an unused identity are its days.
    fn take(inventory: &mut Inventory<u32>, key: &[u8], value: Option<&[u8]>) {
        inventory.take((Some(key), value), |record, _| {
            (record.status == UseStatus::Unused).then_some(record.unused_days).flatten()
        });
    }

    fn counts(inventory: &Inventory<u32>) -> (Vec<u32>, usize, usize, u64) {
        let kept = inventory.kept.values().copied().collect();
        (kept, inventory.identities(), inventory.count(UseStatus::Unknown), inventory.unreadable)
    }

    #[test]
    fn the_newest_record_of_a_key_counts_and_a_tombstone_takes_it_out() {
        let mut inventory = Inventory::default();
        let at = "2026-01-31T00:00:00.000Z";
        let mut then = |value: Option<&str>, expected: (Vec<u32>, usize, usize, u64)| {
            take(&mut inventory, KEY, value.map(str::as_bytes));
            assert_eq!(counts(&inventory), expected, "{value:?}");
        };
        then(Some(&record("unused", 91, at)), (vec![91], 1, 0, 0));
        then(Some(&record("unused", 92, at)), (vec![92], 1, 0, 0));
        then(Some(&record("unknown", 0, at)), (vec![], 1, 1, 0));
        then(Some(&record("unused", 93, at)), (vec![93], 1, 0, 0));
        then(Some(&record("active", 0, at)), (vec![], 1, 0, 0));
        then(None, (vec![], 0, 0, 0));
        then(Some(&record("unused", 94, at)), (vec![94], 1, 0, 0));
        // An older word does not stand for one that cannot be read.
        then(Some("{"), (vec![], 0, 0, 1));
    }

    #[test]
    fn declarations_and_text_that_is_none_are_no_records() {
        let mut inventory = Inventory::default();
        take(&mut inventory, b"identity:linux:web:a", Some(b"{}"));
        assert_eq!(counts(&inventory), (vec![], 0, 0, 0));
        let damaged =
            [record("unused", 91, "").trim_end_matches('}').as_bytes(), b",\"new\":\"\xff\"}"].concat();
        take(&mut inventory, KEY, Some(&damaged));
        assert_eq!(counts(&inventory), (vec![], 0, 0, 1));
    }

    #[test]
    fn the_newest_record_is_the_one_written_last_wherever_it_stands() {
        let mut inventory = Inventory::default();
        for (key, at) in [("a", "2026-01-30"), ("b", "2026-01-31"), ("c", "2026-01-29")] {
            let key = format!("last-seen:linux:web:{key}");
            let value = record("active", 0, &format!("{at}T00:00:00.000Z"));
            take(&mut inventory, key.as_bytes(), Some(value.as_bytes()));
        }
        assert_eq!(inventory.newest(), ProcessingTime::parse_rfc3339("2026-01-31T00:00:00Z"));
    }
}
