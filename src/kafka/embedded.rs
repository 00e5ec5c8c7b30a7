//! The embedded broker of the demo: librdkafka's own mock, in this process.
//!
//! It is not durable. It keeps about 5 MiB of each partition and silently drops what is older, so whoever produces must
//! wait for the consumers. It takes part in transactions without keeping them: aborts, isolation and
//! transactional offsets are ignored. The stages run on it unchanged; what they promise rests on a real Kafka.

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::topics;
use crate::config::Config;

/// Bytes that a partition keeps before it drops its oldest messages (librdkafka: `rdkafka_mock.c`, `max_size`).
pub const PARTITION_BYTES: usize = 5 << 20;

/// A broker within this process. It ends when this is dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts a broker with the topics of `config`, and points `config` to it.
    ///
    /// # Errors
    /// Where no loopback port can be had, or a topic is named twice.
    pub fn start(config: &mut Config) -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1)?;
        for topic in topics::wanted(&config.topics) {
            cluster.create_topic(&topic.name, topic.partitions, 1)?;
        }
        config.kafka.brokers = cluster.bootstrap_servers();
        Ok(Self { cluster })
    }

    /// `host:port` to connect to.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
