//! Settings of the client library, and what it logs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::failure;
use crate::config::{Kafka, RESERVED_PROPERTIES};
use crate::runtime::StageKind;

/// Readers of `read_committed` wait this long for the transaction of an owner that died; the library's own default is a minute.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest record that is produced, headers included: what a topic takes by default (`max.message.bytes`). The library's own
/// default is less than that, so that a message which a topic took could not be passed on.
const MAX_MESSAGE_BYTES: u32 = 1_048_588;
/// A producer's connection that is idle for so long is closed. The library looks for the group's new coordinator only when some
/// connection changes; where the old one died and left the cluster, sending offsets would wait without end
/// (<https://github.com/confluentinc/librdkafka/issues/5511>). Below [`TRANSACTION_TIMEOUT`].
const IDLE_CONNECTION: Duration = Duration::from_secs(5);
/// What a worker's consumer holds of fetched messages before it asks for no more. Messages are counted unpacked, and only once
/// they are there: an answer that is on its way comes on top, from every broker.
const QUEUED_KBYTES: u32 = 16 << 10;
/// Largest answer of one broker to a fetch. Batches in it are compressed, and JSON logs unpack to ten times as much; the
/// library's own default is 50 MiB.
const FETCH_BYTES: u32 = 2 << 20;
/// The library's log repeats itself while a broker is down: each kind of line is passed on once in this time.
const LOG_EVERY_MS: i64 = 10_000;

/// One worker's names towards Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerName {
    /// Consumer group of the stage.
    pub group: String,
    /// Transactional id: stable where the instance is named.
    pub transactional_id: String,
    /// Static member id, where the instance is named.
    pub static_member: Option<String>,
}

impl WorkerName {
    /// The names of one worker. `unique` stands in where the instance is not named.
    #[must_use]
    pub fn new(kafka: &Kafka, stage: StageKind, worker: usize, unique: &str) -> Self {
        let (app, stage) = (&kafka.application_id, stage.as_str());
        let instance = kafka.instance_id.as_deref();
        Self {
            group: format!("{app}-{stage}"),
            transactional_id: format!("{app}-{stage}-{}-{worker}", instance.unwrap_or(unique)),
            static_member: instance.map(|instance| format!("{instance}-{worker}")),
        }
    }
}

/// Every property that the client library does not take, with the reason; values are left out, since they may be secret.
#[must_use]
pub fn refused_properties(kafka: &Kafka) -> Vec<(String, String)> {
    let refused = |(key, value): (&String, &String)| {
        let tried = ClientConfig::new().set(key, value).create_native_config();
        Some((key.clone(), failure::words(&tried.err()?)))
    };
    kafka.properties.iter().filter_map(refused).collect()
}

/// Settings that every client shares: brokers and the operator's properties.
#[must_use]
pub fn base(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers);
    config.set("client.id", &kafka.application_id);
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

/// Settings of a stage's consumer.
#[must_use]
pub fn consumer(kafka: &Kafka, name: &WorkerName) -> ClientConfig {
    let mut config = reader(kafka, &name.group);
    config
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        // How lag reaches the metrics.
        .set("statistics.interval.ms", "1000");
    if let Some(member) = &name.static_member {
        config.set("group.instance.id", member);
    }
    with_properties(config, kafka)
}

/// Settings of the consumer that restores state. It joins no group; the library wants a name all the same.
#[must_use]
pub fn restorer(kafka: &Kafka, group: &str) -> ClientConfig {
    let mut config = reader(kafka, &format!("{group}-restore"));
    config.set("auto.offset.reset", "earliest").set("isolation.level", "read_committed");
    with_properties(config, kafka)
}

/// Settings of the consumer that looks what can still be read. It joins no group, and takes no offset for another.
#[must_use]
pub fn looker(kafka: &Kafka, name: &WorkerName) -> ClientConfig {
    let mut config = reader(kafka, &format!("{}-look", name.group));
    config
        .set("auto.offset.reset", "error")
        // What is not committed, or never will be, can be read all the same.
        .set("isolation.level", "read_uncommitted")
        // It asks many times in a row for what cannot be read.
        .set("fetch.error.backoff.ms", "0")
        // One message is all that it wants.
        .set("queued.min.messages", "1");
    with_properties(config, kafka)
}

/// Settings of the client that asks where a changelog ends, pending transactions included.
#[must_use]
pub fn probe(kafka: &Kafka) -> ClientConfig {
    let mut config = base(kafka);
    config.set("isolation.level", "read_uncommitted");
    with_properties(config, kafka)
}

/// Settings of a stage's transactional producer.
#[must_use]
pub fn producer(kafka: &Kafka, name: &WorkerName) -> ClientConfig {
    let mut config = base(kafka);
    config
        .set("transactional.id", &name.transactional_id)
        .set("transaction.timeout.ms", TRANSACTION_TIMEOUT.as_millis().to_string())
        .set("connections.max.idle.ms", IDLE_CONNECTION.as_millis().to_string())
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
        // Java clients choose partitions so; the inventory's owner and we must agree on them.
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.kbytes", "65536")
        .set("queue.buffering.max.messages", "500000");
    with_properties(config, kafka)
}

/// Settings of a producer of single records outside of transactions: written once, by all replicas in sync, or known not to be.
#[must_use]
pub fn plain_producer(kafka: &Kafka, timeout: Duration) -> ClientConfig {
    let mut config = base(kafka);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", timeout.as_millis().to_string())
        .set("linger.ms", "0")
        // As in `producer`.
        .set("partitioner", "murmur2_random");
    with_properties(config, kafka)
}

fn reader(kafka: &Kafka, group: &str) -> ClientConfig {
    let mut config = base(kafka);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        // As Java clients do: a batch that was damaged on a broker's disk must not be taken for one that was not.
        .set("check.crcs", "true")
        // The default of a second makes catching up six times slower.
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", QUEUED_KBYTES.to_string())
        .set("fetch.max.bytes", FETCH_BYTES.to_string());
    config
}

fn with_properties(mut config: ClientConfig, kafka: &Kafka) -> ClientConfig {
    for (key, value) in &kafka.properties {
        if !RESERVED_PROPERTIES.iter().any(|(reserved, _)| reserved == key) {
            config.set(key, value);
        }
    }
    config
}

/// Passes the library's log lines on, each kind rarely.
#[derive(Default)]
pub(crate) struct LibraryLog {
    last: Mutex<BTreeMap<String, (i64, u64)>>,
}

impl LibraryLog {
    /// Logs one line, unless the same facility spoke just now; says how many were left out since.
    pub(crate) fn write(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let Some(left_out) = self.admit(facility, crate::runtime::clock::now().millis()) else { return };
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                tracing::error!(target: "librdkafka", facility, left_out, "{text}");
            }
            RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", facility, left_out, "{text}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, left_out, "{text}");
            }
        }
    }

    /// How many lines were left out since the last one; `None` where this one is to be left out too.
    fn admit(&self, facility: &str, now_ms: i64) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Facilities are a fixed set of words within the library.
        let entry = last.entry(facility.to_owned()).or_insert((i64::MIN, 0));
        if now_ms.saturating_sub(entry.0) < LOG_EVERY_MS {
            entry.1 += 1;
            return None;
        }
        let left_out = entry.1;
        *entry = (now_ms, 0);
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kafka(instance: Option<&str>) -> Kafka {
        Kafka { instance_id: instance.map(str::to_owned), ..Kafka::default() }
    }

    #[test]
    fn a_named_instance_keeps_its_transactional_id_over_restarts() {
        let name = WorkerName::new(&kafka(Some("pod-0")), StageKind::Monitor, 1, "unique");
        assert_eq!(name.transactional_id, "nhi-monitor-monitor-pod-0-1");
        assert_eq!(name.static_member.as_deref(), Some("pod-0-1"));
        let unnamed = WorkerName::new(&kafka(None), StageKind::Ingest, 0, "unique");
        assert_eq!(unnamed.transactional_id, "nhi-monitor-ingest-unique-0");
        assert_eq!(unnamed.static_member, None);
    }

    #[test]
    fn the_operator_may_change_anything_but_what_the_promises_rest_on() {
        let mut kafka = kafka(None);
        kafka.properties.insert("linger.ms".into(), "50".into());
        kafka.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let name = WorkerName::new(&kafka, StageKind::Monitor, 0, "unique");
        assert_eq!(producer(&kafka, &name).get("linger.ms"), Some("50"));
        assert_eq!(consumer(&kafka, &name).get("isolation.level"), Some("read_committed"));
    }

    #[test]
    fn properties_that_the_library_does_not_know_are_named_without_their_values() {
        let mut kafka = kafka(None);
        kafka.properties.insert("linger.ms".into(), "50".into());
        kafka.properties.insert("sasl.pasword".into(), "hunter2".into());
        let refused = refused_properties(&kafka);
        assert_eq!(refused.len(), 1);
        let (key, reason) = &refused[0];
        assert_eq!(key, "sasl.pasword");
        assert!(reason.contains("No such configuration property") && !reason.contains("hunter2"), "{reason}");
    }

    #[test]
    fn a_talkative_facility_is_heard_once_in_a_while_and_what_was_left_out_is_counted() {
        let log = LibraryLog::default();
        assert_eq!(log.admit("FAIL", 0), Some(0));
        assert_eq!(log.admit("FAIL", 1), None);
        assert_eq!(log.admit("FAIL", LOG_EVERY_MS), Some(1));
    }
}
