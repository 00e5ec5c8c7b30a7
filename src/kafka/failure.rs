//! What an error of the client library means to a stage.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::context::Undelivered;
use crate::runtime::log::Error;

/// The stage cannot go on after this.
pub(crate) fn fatal(action: &'static str) -> impl FnOnce(KafkaError) -> Error {
    move |error| Error::Fatal { action, detail: words(&error) }
}

/// It may be tried again.
pub(crate) fn transient(action: &'static str) -> impl FnOnce(KafkaError) -> Error {
    move |error| Error::Transient { action, detail: words(&error) }
}

/// What the brokers were asked for, to be named where they do not allow it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// What is being done.
    pub(crate) action: &'static str,
    /// The topics, where one of them may be what is not allowed.
    pub(crate) topics: &'a str,
    /// What would be done to the topics.
    pub(crate) operation: &'static str,
    /// The group, likewise.
    pub(crate) group: &'a str,
    /// The transactional id, likewise.
    pub(crate) transactional_id: &'a str,
}

impl Request<'_> {
    /// A right that is missing ends the stage with words that name it: it does not come by waiting, and a restart asks again. None
    /// where the error is about something else.
    pub(crate) fn denied(&self, error: &KafkaError) -> Option<Error> {
        let code = match error {
            KafkaError::Transaction(inner) => inner.code(),
            other => other.rdkafka_error_code()?,
        };
        let (operation, resource, name) = match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => (self.operation, "topic", self.topics),
            RDKafkaErrorCode::GroupAuthorizationFailed => ("Read", "group", self.group),
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
                ("Write", "transactional id", self.transactional_id)
            }
            _ => return None,
        };
        let detail =
            format!("not allowed: {operation} on {resource} `{name}`; see Permissions in docs/operations.md");
        Some(Error::Fatal { action: self.action, detail })
    }
}

/// Trouble while reading: the library goes on by itself, except where it says that it cannot.
pub(crate) fn consumer(action: &'static str, error: &KafkaError) -> Error {
    match error {
        KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::FencedInstanceId) => {
            Error::Fenced { action, detail: words(error) }
        }
        KafkaError::MessageConsumptionFatal(_) => Error::Fatal { action, detail: words(error) },
        _ => Error::Transient { action, detail: words(error) },
    }
}

/// Trouble within a transaction: fenced, beyond repair, or to be aborted.
pub(crate) fn transaction(action: &'static str, error: &KafkaError) -> Error {
    let detail = words(error);
    match error {
        KafkaError::Transaction(inner) if inner.is_fatal() => beyond_repair(action, inner.code(), detail),
        _ if is_fenced(error) => Error::Fenced { action, detail },
        _ => Error::Abortable { action, detail },
    }
}

/// A record was not delivered. One that is too large would be refused again: aborting would repeat forever.
pub(crate) fn undelivered(record: &Undelivered) -> Error {
    let request = Request {
        action: "deliver",
        topics: &record.topic,
        operation: "Write",
        group: "",
        transactional_id: "",
    };
    if let Some(denied) = request.denied(&record.error) {
        return denied;
    }
    if record.error.rdkafka_error_code() != Some(RDKafkaErrorCode::MessageSizeTooLarge) {
        return transaction("deliver", &record.error);
    }
    let Undelivered { topic, bytes, .. } = record;
    let detail = format!(
        "topic `{topic}` refuses a record of {bytes} bytes as too large, or the batch that it came in; \
         set the topic's max.message.bytes to 1048588 or more"
    );
    Error::Fatal { action: "deliver", detail }
}

/// The producer as a whole has failed.
pub(crate) fn beyond_repair(action: &'static str, code: RDKafkaErrorCode, detail: String) -> Error {
    match code {
        // The coordinator knows of no such transaction: it ended, or never got to know it. The epoch is still ours, so nobody took over.
        RDKafkaErrorCode::InvalidTransactionalState => Error::Abortable { action, detail },
        code if names_fencing(code) => Error::Fenced { action, detail },
        _ => Error::Fatal { action, detail },
    }
}

/// The topic that a transaction may not write, from the library's log: it does not say so anywhere else, and lets the records time out
/// (librdkafka 2.12.1: `rd_kafka_txn_handle_AddPartitionsToTxn`).
pub(crate) fn topic_not_allowed<'a>(facility: &str, text: &'a str) -> Option<&'a str> {
    if facility != "ADDPARTS" || !text.contains("Topic authorization failed") {
        return None;
    }
    let (_, rest) = text.split_once("Failed to add partition \"")?;
    rest.split_once('"').map(|(topic, _)| topic)
}

/// Whether the same call may be repeated.
pub(crate) fn is_retriable(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(inner) if inner.is_retriable() && !inner.txn_requires_abort())
}

fn is_fenced(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::Transaction(inner) => Some(inner.code()),
        other => other.rdkafka_error_code(),
    };
    code.is_some_and(names_fencing)
}

fn names_fencing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch
            | RDKafkaErrorCode::TransactionCoordinatorFenced
    )
}

/// The library's words, with those of the broker where there are any. The one way to put its errors into words: its own would
/// show the values of properties, and so passwords.
pub(crate) fn words(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, key, value) => property(description, key, value),
        KafkaError::Transaction(inner) => format!("{} ({})", inner.string(), inner.name()),
        other => other.to_string(),
    }
}

/// What is wrong with a property, without its value.
pub(crate) fn property(description: &str, key: &str, value: &str) -> String {
    // The library repeats some values in its description.
    if description.is_empty() || (!value.is_empty() && description.contains(value)) {
        return format!("property `{key}`: its value is not allowed");
    }
    format!("property `{key}`: {description}")
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn check(key: &str, value: &str, expected: &str) {
        let created = ClientConfig::new().set(key, value).create::<BaseConsumer>();
        let Err(error) = created else { panic!("{key} is taken") };
        let said = [words(&error), fatal("create")(error).to_string()];
        for said in said {
            assert!(said.contains(expected) && !said.contains(value), "{said}");
        }
    }

    #[test]
    fn a_topic_that_may_not_be_written_is_known_from_the_librarys_log() {
        let line = "[thrd:main]: b1: Failed to add partition \"nhi.activity\" [3] to transaction: Broker: Topic authorization failed";
        assert_eq!(topic_not_allowed("ADDPARTS", line), Some("nhi.activity"));
        assert_eq!(topic_not_allowed("FAIL", line), None);
        assert_eq!(topic_not_allowed("ADDPARTS", &line.replace("Topic authorization failed", "x")), None);
    }

    #[test]
    fn a_transaction_that_the_coordinator_does_not_know_is_done_again() {
        for (code, expected) in [
            (RDKafkaErrorCode::InvalidTransactionalState, "abortable"),
            (RDKafkaErrorCode::Fenced, "fenced"),
            (RDKafkaErrorCode::InvalidProducerEpoch, "fenced"),
            (RDKafkaErrorCode::ClusterAuthorizationFailed, "fatal"),
        ] {
            assert_eq!(beyond_repair("deliver", code, String::new()).kind(), expected, "{code:?}");
        }
    }

    #[test]
    fn a_mistyped_property_is_named_and_its_value_is_not() {
        check("sasl.pasword", "hunter2", "`sasl.pasword`: No such configuration property");
        check("security.protocol", "hunter2", "`security.protocol`: its value is not allowed");
    }
}
