//! Reads a topic to its end.

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

/// How long the brokers may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long reading may stand still before it counts as failed.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// One wait for records.
const POLL: Duration = Duration::from_millis(200);

/// Hands key and value of each record to `take`, from the topic's start to where it ends now. Gives the offset to which
/// each partition was read, exclusive. `purpose` names the client.
///
/// # Errors
/// Where the brokers do not answer, the topic is missing, or reading stands still.
pub(super) fn read_to_end(
    config: &Config,
    topic: &str,
    purpose: &str,
    mut take: impl FnMut(Option<&[u8]>, Option<&[u8]>),
) -> anyhow::Result<BTreeMap<i32, i64>> {
    let settings = client::restorer(&config.kafka, &format!("{}-{purpose}", config.kafka.application_id));
    let consumer = BaseConsumer::from_config(&settings)
        .map_err(|error| anyhow!("the Kafka client cannot be set up: {}", kafka::words(&error)))?;
    let ends = ends(&consumer, topic, &config.kafka.brokers)?;
    let mut left = assign(&consumer, topic, &ends)?;
    let clock = SystemClock::start();
    let mut moved = clock.monotonic();
    while !left.is_empty() {
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                take(message.key(), message.payload());
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
    Ok(ends)
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
