//! The keys by which shapes of JSON objects are told apart.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The keys that matter; every other key is left unread.
#[expect(clippy::enum_variant_names, reason = "named as the keys are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(field_identifier)]
#[repr(usize)]
pub(super) enum Key {
    // CloudTrail
    #[serde(rename = "eventVersion")]
    EventVersion,
    #[serde(rename = "eventSource")]
    EventSource,
    #[serde(rename = "eventName")]
    EventName,
    #[serde(rename = "eventTime")]
    EventTime,
    #[serde(rename = "eventType")]
    EventType,
    #[serde(rename = "userIdentity")]
    UserIdentity,
    #[serde(rename = "digestStartTime")]
    DigestStartTime,
    #[serde(rename = "Records")]
    Records,
    // EventBridge
    #[serde(rename = "detail-type")]
    DetailType,
    #[serde(rename = "detail")]
    Detail,
    #[serde(rename = "source")]
    Source,
    // CloudWatch Logs
    #[serde(rename = "messageType")]
    MessageType,
    #[serde(rename = "logEvents")]
    LogEvents,
    #[serde(rename = "awslogs")]
    AwsLogs,
    // Kafka Connect
    #[serde(rename = "schema")]
    Schema,
    #[serde(rename = "payload")]
    Payload,
    // OCSF
    #[serde(rename = "class_uid")]
    ClassUid,
    // journald
    #[serde(rename = "MESSAGE")]
    JournalMessage,
    #[serde(rename = "_HOSTNAME")]
    JournalHost,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    JournalTime,
    // Filebeat, Vector, Fluent Bit
    #[serde(rename = "message")]
    Message,
    #[serde(rename = "log")]
    Log,
    #[serde(rename = "event")]
    Event,
    #[serde(rename = "event.original")]
    EventOriginal,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    SyslogIdentifier,
    #[serde(rename = "host")]
    Host,
    #[serde(rename = "host.name")]
    HostName,
    #[serde(rename = "hostname")]
    Hostname,
    #[serde(rename = "@timestamp")]
    AtTimestamp,
    #[serde(rename = "timestamp")]
    Timestamp,
    #[serde(rename = "time")]
    Time,
    #[serde(rename = "date")]
    Date,
    // SNS, S3, SQS
    #[serde(rename = "TopicArn")]
    TopicArn,
    #[serde(rename = "Message")]
    SnsMessage,
    #[serde(rename = "Sns")]
    Sns,
    #[serde(rename = "s3Bucket")]
    S3Bucket,
    #[serde(rename = "s3ObjectKey")]
    S3ObjectKey,
    #[serde(rename = "Event")]
    TestEvent,
    #[serde(rename = "ReceiptHandle", alias = "receiptHandle")]
    ReceiptHandle,
    // The last, and unread.
    #[serde(other)]
    Other,
}

/// Keys whose values lead to records: where one stands twice, the content is not certain.
const CONTENT: [(Key, &str); 9] = [
    (Key::Detail, "detail"),
    (Key::DetailType, "detail-type"),
    (Key::MessageType, "messageType"),
    (Key::LogEvents, "logEvents"),
    (Key::Payload, "payload"),
    (Key::ClassUid, "class_uid"),
    (Key::Message, "message"),
    (Key::Log, "log"),
    (Key::Event, "event"),
];

/// The values of one object's known keys, unread.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    values: [Option<&'a RawValue>; Key::Other as usize],
    /// One bit per key that stood more than once.
    twice: u64,
}

const _: () = assert!(Key::Other as usize <= u64::BITS as usize, "one bit per key");

impl Default for Keys<'_> {
    fn default() -> Self {
        Self { values: [None; Key::Other as usize], twice: 0 }
    }
}

impl<'a> Keys<'a> {
    /// Notes a value; [`Key::Other`] has none. The first of equal keys stays; which key stood twice is remembered.
    pub(super) fn put(&mut self, key: Key, value: &'a RawValue) {
        let Some(slot) = self.values.get_mut(key as usize) else { return };
        if slot.is_some() {
            self.twice |= 1 << key as u64;
        }
        slot.get_or_insert(value);
    }

    /// Whether the key is there, even as null.
    pub(super) fn has(&self, key: Key) -> bool {
        self.values[key as usize].is_some()
    }

    /// The value, unless null.
    pub(super) fn get(&self, key: Key) -> Option<&'a RawValue> {
        self.values[key as usize].filter(|value| value.get() != "null")
    }

    /// The value as a string, where it is one.
    pub(super) fn text(&self, key: Key) -> Option<crate::text::Text<'a>> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// The first of `keys` that has a value.
    pub(super) fn first(&self, keys: &[Key]) -> Option<&'a RawValue> {
        keys.iter().find_map(|key| self.get(*key))
    }

    /// How many of `keys` are there.
    pub(super) fn count(&self, keys: &[Key]) -> usize {
        keys.iter().filter(|key| self.has(**key)).count()
    }

    /// The name of a key that leads to records and stood twice.
    pub(super) fn content_twice(&self) -> Option<&'static str> {
        CONTENT.iter().find(|(key, _)| self.twice & (1 << *key as u64) != 0).map(|(_, name)| *name)
    }
}
