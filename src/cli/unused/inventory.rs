//! Reads the inventory topic to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::Config;
use crate::kafka::{self, client};
use crate::runtime::clock::{Clock, SystemClock};
use crate::wire::LastSeenRecord;
use crate::wire::last_seen::KEY_PREFIX;

/// How long the brokers may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long reading may stand still before it counts as failed.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// One wait for records.
const POLL: Duration = Duration::from_millis(200);

/// The inventory as it stood at its watermark.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// The newest last-seen record of each identity.
    pub(super) records: BTreeMap<String, LastSeenRecord>,
    /// Last-seen records that could not be read.
    pub(super) unreadable: u64,
    /// The offset to which each partition was read, exclusive.
    pub(super) ends: BTreeMap<i32, i64>,
}

impl Inventory {
    /// Up to where the topic was read, for a person.
    pub(super) fn watermark(&self) -> String {
        let ends: Vec<String> =
            self.ends.iter().map(|(partition, end)| format!("{partition}:{end}")).collect();
        let unreadable = match self.unreadable {
            0 => String::new(),
            count => format!("; {count} records could not be read"),
        };
        format!("read to partition:offset {}{unreadable}", ends.join(" "))
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
            Some(Err(_)) => self.unreadable += 1,
        }
    }
}

/// Reads the inventory topic from its start to where it ends now.
///
/// # Errors
/// Where the brokers do not answer, the topic is missing, or reading stands still.
pub(super) fn read(config: &Config) -> anyhow::Result<Inventory> {
    let topic = &config.topics.inventory;
    let settings = client::restorer(&config.kafka, &format!("{}-unused", config.kafka.application_id));
    let consumer = BaseConsumer::from_config(&settings)
        .map_err(|error| anyhow!("the Kafka client cannot be set up: {}", kafka::words(&error)))?;
    let mut inventory =
        Inventory { ends: ends(&consumer, topic, &config.kafka.brokers)?, ..Inventory::default() };
    let mut left = assign(&consumer, topic, &inventory.ends)?;
    let clock = SystemClock::start();
    let mut moved = clock.monotonic();
    while !left.is_empty() {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                inventory.take(message.key(), message.payload());
                moved = clock.monotonic();
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("topic {topic} cannot be read")),
        }
        left = unread(&consumer, left)?;
        if clock.monotonic() - moved > STALL_TIMEOUT {
            bail!("topic {topic}: no record for {} s, and the end is not reached", STALL_TIMEOUT.as_secs());
        }
    }
    Ok(inventory)
}

/// Where each partition ends for readers of committed records.
fn ends(consumer: &BaseConsumer, topic: &str, brokers: &str) -> anyhow::Result<BTreeMap<i32, i64>> {
    let metadata = consumer
        .fetch_metadata(Some(topic), ANSWER_TIMEOUT)
        .with_context(|| format!("Kafka at {brokers} does not answer"))?;
    let partitions = metadata.topics().first().map(|topic| topic.partitions()).unwrap_or_default();
    if partitions.is_empty() {
        bail!("topic {topic} does not exist: see `nhi-monitor topics check`");
    }
    let end = |partition: i32| {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, ANSWER_TIMEOUT)
            .with_context(|| format!("topic {topic}: the end of partition {partition} is not known"))?;
        Ok((partition, end))
    };
    partitions.iter().map(|partition| end(partition.id())).collect()
}

/// Starts reading at the beginning; gives the partitions that hold anything, with their ends.
fn assign(
    consumer: &BaseConsumer,
    topic: &str,
    ends: &BTreeMap<i32, i64>,
) -> anyhow::Result<BTreeMap<i32, i64>> {
    let mut list = TopicPartitionList::new();
    for partition in ends.keys() {
        list.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(ends.iter().filter(|(_, end)| **end > 0).map(|(partition, end)| (*partition, *end)).collect())
}

/// The partitions that are not read to their ends. The position counts, not the last record: compaction and
/// transaction markers leave offsets without one.
fn unread(consumer: &BaseConsumer, left: BTreeMap<i32, i64>) -> anyhow::Result<BTreeMap<i32, i64>> {
    let positions = consumer.position()?;
    let reached = |partition: i32, end: i64| {
        positions.elements().iter().any(|place| {
            place.partition() == partition && matches!(place.offset(), Offset::Offset(at) if at >= end)
        })
    };
    Ok(left.into_iter().filter(|(partition, end)| !reached(*partition, *end)).collect())
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
        inventory.take(key, Some(b"{"));
        assert_eq!(inventory.records["linux:web:a"].unused_days, Some(92));
        assert_eq!((inventory.records.len(), inventory.unreadable), (1, 1));
        inventory.take(key, None);
        assert!(inventory.records.is_empty());
    }
}
