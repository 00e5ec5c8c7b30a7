//! An ordinary client beside the service: it creates topics, produces, and reads what is committed.

use std::time::Duration;

use nhi_monitor::config::{Config, Input};
use nhi_monitor::decode::FormatHint;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::support;

/// Partitions of input and output, as by default.
const PARTITIONS: i32 = 12;
/// Longer than a loaded machine takes for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings of a service with topics of its own that reads this input.
pub(crate) fn config(brokers: &str, name: &str, input: &str, interval: Duration) -> Config {
    let mut config = support::config(name);
    config.kafka.brokers = brokers.to_owned();
    config.topics.partitions = PARTITIONS;
    config.topics.inputs = vec![Input { topic: input.to_owned(), format: FormatHint::Cloudtrail }];
    config.stage.commit_interval = interval;
    config
}

/// Creates an input topic.
pub(crate) fn create(brokers: &str, topic: &str) {
    let admin: AdminClient<_> = client(brokers).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let answer = runtime.block_on(admin.create_topics([&new], &AdminOptions::new()));
    assert!(answer.unwrap().iter().all(Result::is_ok), "{topic} is created");
}

/// A producer that waits for nothing.
pub(crate) fn producer(brokers: &str) -> BaseProducer {
    let mut settings = client(brokers);
    settings.set("compression.type", "lz4").set("linger.ms", "0").create().unwrap()
}

/// Produces all of these, and waits until the broker has them.
pub(crate) fn produce(brokers: &str, topic: &str, payloads: impl Iterator<Item = Vec<u8>>) {
    let mut settings = client(brokers);
    let producer: BaseProducer =
        settings.set("compression.type", "lz4").set("linger.ms", "20").create().unwrap();
    payloads.for_each(|payload| send(&producer, topic, &payload));
    producer.flush(PATIENCE).unwrap();
}

/// Hands one record to a producer; waits only where its queue is full.
pub(crate) fn send(producer: &BaseProducer<DefaultProducerContext>, topic: &str, payload: &[u8]) {
    let mut record = BaseRecord::<(), [u8]>::to(topic).payload(payload);
    while let Err((error, back)) = producer.send(record) {
        assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        record = back;
        producer.poll(Duration::from_millis(1));
    }
    producer.poll(Duration::ZERO);
}

/// A `read_committed` consumer of all of a topic, from its beginning.
pub(crate) fn reader(brokers: &str, topic: &str) -> BaseConsumer {
    let mut settings = client(brokers);
    settings
        .set("group.id", "bench-reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        // As the service's own consumers.
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", "65536")
        .set("max.partition.fetch.bytes", (4 << 20).to_string());
    let consumer: BaseConsumer = settings.create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    consumer
}

fn client(brokers: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", brokers);
    settings
}
