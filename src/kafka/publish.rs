//! Writes one record to a topic, and waits until the brokers have it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::{client, failure};
use crate::config::Config;
use crate::wire::FeedbackRecord;

/// How long the brokers may take: less than an HTTP request may.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(8);

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings do not make a client.
    #[error("no client can be made of `kafka.properties`: {0}")]
    Client(String),
    /// The brokers do not have it, or did not say so in time: then they may have it all the same.
    #[error("topic {topic} at {brokers} did not take it: {reason}")]
    NotDelivered {
        /// Topic.
        topic: String,
        /// Brokers as configured.
        brokers: String,
        /// The client's words.
        reason: String,
    },
    /// It has no JSON form.
    #[error("it has no JSON form: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Writes a record under its key, acknowledged by all replicas in sync. Blocks for up to eight seconds.
///
/// A producer for one record: people say little, and nothing lingers.
///
/// # Errors
/// Where the brokers did not confirm it.
pub fn publish(config: &Config, topic: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
    let settings = client::plain_producer(&config.kafka, DELIVERY_TIMEOUT);
    let producer: BaseProducer<Outcome> =
        BaseProducer::from_config_and_context(&settings, Outcome::default())
            .map_err(|error| Error::Client(failure::words(&error)))?;
    let refused = |reason: String| Error::NotDelivered {
        topic: topic.to_owned(),
        brokers: config.kafka.brokers.clone(),
        reason,
    };
    let message = BaseRecord::to(topic).key(key).payload(value);
    producer.send(message).map_err(|(error, _)| refused(failure::words(&error)))?;
    producer.flush(DELIVERY_TIMEOUT).map_err(|error| refused(failure::words(&error)))?;
    match producer.context().take() {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(refused(failure::words(&error))),
        None => Err(refused("no answer in time".into())),
    }
}

/// Writes an analyst's word to the feedback topic, as [`publish`] does.
///
/// # Errors
/// Where the brokers did not confirm it.
pub fn feedback(config: &Config, record: &FeedbackRecord) -> Result<(), Error> {
    publish(config, &config.topics.feedback, record.identity_id.as_bytes(), &record.to_bytes()?)
}

/// What became of the record.
#[derive(Default)]
struct Outcome(Mutex<Option<Result<(), KafkaError>>>);

impl Outcome {
    fn take(&self) -> Option<Result<(), KafkaError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Outcome {}

impl ProducerContext for Outcome {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let delivered = result.as_ref().map(|_| ()).map_err(|(error, _)| error.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(delivered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::feedback::SCHEMA;

    #[test]
    fn what_no_broker_takes_is_said_with_topic_and_brokers() {
        let mut config = Config::default();
        // Nobody listens there, and nobody waits for long.
        config.kafka.brokers = "127.0.0.1:1".into();
        config.kafka.properties.insert("message.timeout.ms".into(), "200".into());
        let record = FeedbackRecord {
            schema: SCHEMA.into(),
            identity_id: "linux:web:backup".into(),
            verdict: "accept".into(),
            incident_uid: None,
            detector: None,
            until: None,
            by: "ana".into(),
            reason: "change 4711".into(),
            at: "2026-01-31T09:30:00Z".into(),
        };
        let refused = feedback(&config, &record).unwrap_err().to_string();
        assert!(refused.starts_with("topic nhi.feedback at 127.0.0.1:1 did not take it: "), "{refused}");
    }
}
