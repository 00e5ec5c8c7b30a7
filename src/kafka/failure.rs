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
    if is_fenced(error) {
        return Error::Fenced { action, detail };
    }
    match error {
        KafkaError::Transaction(inner) if inner.is_fatal() => Error::Fatal { action, detail },
        _ => Error::Abortable { action, detail },
    }
}

/// A record was not delivered. One that is too large would be refused again: aborting would repeat forever.
pub(crate) fn undelivered(record: &Undelivered) -> Error {
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
    if names_fencing(code) { Error::Fenced { action, detail } } else { Error::Fatal { action, detail } }
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
    fn a_mistyped_property_is_named_and_its_value_is_not() {
        check("sasl.pasword", "hunter2", "`sasl.pasword`: No such configuration property");
        check("security.protocol", "hunter2", "`security.protocol`: its value is not allowed");
    }
}
