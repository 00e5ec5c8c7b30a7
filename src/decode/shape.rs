//! The transport shape of one JSON object, by its keys.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::keys::{Key, Keys};
use super::{Envelope, Error, Format, line};
use crate::text::Text;
use crate::time::EventTime;

/// What an object is, and where its content is.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    /// A record, with what it says of its own host and time where its format keeps that in the envelope.
    Record(Format, Envelope<'a>),
    /// A journald entry whose `MESSAGE` was renamed by Vector: that value.
    RenamedJournald(&'a RawValue, Envelope<'a>),
    /// A wrapper around one value.
    Wrapper(&'a RawValue, Envelope<'a>),
    /// A CloudWatch Logs subscription's array of log events.
    LogEvents(&'a RawValue),
    /// Known and of no interest.
    Skip(&'static str),
    /// Known and of no use here.
    Refused(Error),
}

/// Keys of which a CloudTrail record has at least two, of any version and however abridged.
const CLOUDTRAIL: [Key; 6] =
    [Key::EventVersion, Key::EventSource, Key::EventName, Key::EventTime, Key::EventType, Key::UserIdentity];

/// OCSF's class of API Activity (<https://schema.ocsf.io/classes/api_activity>).
const OCSF_API_ACTIVITY: &str = "6003";

impl<'a> Shape<'a> {
    /// The shape of an object with these keys.
    ///
    /// What is a record by its own keys is a record, whatever else it carries: a `message` beside them hides nothing.
    pub(super) fn of(keys: &Keys<'a>) -> Self {
        let record = || notification(keys).or_else(|| cloudtrail(keys));
        let wrapper = || ocsf(keys).or_else(|| aws_wrapper(keys)).or_else(|| collector_wrapper(keys));
        let unknown = Self::Refused(Error::Unrecognised);
        match (record(), keys.content_twice()) {
            (Some(shape), _) => shape,
            (None, Some(key)) => Self::Refused(Error::DuplicateKey(key)),
            (None, None) => wrapper().unwrap_or(unknown),
        }
    }
}

fn notification<'a>(keys: &Keys<'a>) -> Option<Shape<'a>> {
    let source = keys.text(Key::EventSource).unwrap_or_default();
    let error = if source.ends_with(":s3") || keys.has(Key::S3Bucket) && keys.has(Key::S3ObjectKey) {
        Error::S3Notification
    } else if keys.has(Key::Sns) || keys.has(Key::TopicArn) && keys.has(Key::SnsMessage) {
        Error::SnsNotification
    } else if keys.text(Key::TestEvent).is_some_and(|event| event == "s3:TestEvent") {
        Error::S3Notification
    } else if source.starts_with("aws:") || keys.has(Key::ReceiptHandle) {
        Error::EventSourceMessage
    } else {
        return None;
    };
    Some(Shape::Refused(error))
}

fn cloudtrail<'a>(keys: &Keys<'a>) -> Option<Shape<'a>> {
    let is_record = keys.count(&CLOUDTRAIL) >= 2;
    is_record.then(|| Shape::Record(Format::CloudTrail, Envelope::default()))
}

fn ocsf<'a>(keys: &Keys<'a>) -> Option<Shape<'a>> {
    let class = keys.get(Key::ClassUid)?;
    Some(match class.get() {
        OCSF_API_ACTIVITY => Shape::Record(Format::OcsfApiActivity, Envelope::default()),
        _ => Shape::Skip("ocsf_other_class"),
    })
}

fn aws_wrapper<'a>(keys: &Keys<'a>) -> Option<Shape<'a>> {
    if keys.has(Key::DigestStartTime) {
        return Some(Shape::Skip("cloudtrail_digest"));
    }
    if keys.has(Key::DetailType) && keys.has(Key::Detail) {
        return Some(event_bridge(keys));
    }
    if keys.has(Key::MessageType) && keys.has(Key::LogEvents) {
        return Some(cloudwatch_logs(keys));
    }
    let data =
        keys.get(Key::AwsLogs).and_then(|logs| serde_json::from_str::<AwsLogs<'a>>(logs.get()).ok())?;
    Some(Shape::Wrapper(data.data, Envelope::default()))
}

/// What a Lambda function is called with by a CloudWatch Logs subscription.
#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

/// EventBridge names what CloudTrail gave it `AWS API Call via CloudTrail`, `AWS Console Sign In via CloudTrail`, ….
fn event_bridge<'a>(keys: &Keys<'a>) -> Shape<'a> {
    let detail_type = keys.text(Key::DetailType).unwrap_or_default();
    match keys.get(Key::Detail) {
        Some(detail) if detail_type.ends_with(" via CloudTrail") => {
            Shape::Wrapper(detail, Envelope::default())
        }
        _ if keys.text(Key::Source).is_some_and(|source| source == "aws.s3") => {
            Shape::Refused(Error::S3Notification)
        }
        _ => Shape::Skip("eventbridge_other"),
    }
}

fn cloudwatch_logs<'a>(keys: &Keys<'a>) -> Shape<'a> {
    match (keys.text(Key::MessageType), keys.get(Key::LogEvents)) {
        (Some(kind), _) if kind == "CONTROL_MESSAGE" => Shape::Skip("control_message"),
        (_, Some(events)) => Shape::LogEvents(events),
        _ => Shape::Skip("empty"),
    }
}

fn collector_wrapper<'a>(keys: &Keys<'a>) -> Option<Shape<'a>> {
    if keys.has(Key::Schema) && keys.has(Key::Payload) {
        let payload = keys.get(Key::Payload);
        return Some(
            payload.map_or(Shape::Skip("tombstone"), |value| Shape::Wrapper(value, Envelope::default())),
        );
    }
    if keys.has(Key::JournalMessage) {
        return Some(Shape::Record(Format::Journald, envelope(keys)));
    }
    let content = content(keys)?;
    if let (Some(message), true) = (keys.get(Key::Message), keys.has(Key::SyslogIdentifier)) {
        return Some(Shape::RenamedJournald(message, envelope(keys)));
    }
    Some(Shape::Wrapper(content, envelope(keys)))
}

/// The original text within a collector's event.
///
/// `event.original` is the text before any pipeline touched it, `message` may be it; `log` is Fluent Bit's name for it
/// and the home of file paths in Elastic's schema; `event` is Splunk's.
fn content<'a>(keys: &Keys<'a>) -> Option<&'a RawValue> {
    let original = keys.get(Key::EventOriginal).or_else(|| nested(keys.get(Key::Event)?).original);
    let message = keys.get(Key::Message);
    let telling = [original, message].into_iter().flatten().find(|value| is_telling(value));
    telling.or(message).or(original).or_else(|| keys.first(&[Key::Log, Key::Event]))
}

/// Whether a value looks like a record from outside.
fn is_telling(value: &RawValue) -> bool {
    let Some(text) = value.get().strip_prefix('"') else { return value.get().starts_with(['{', '[']) };
    text.starts_with(['{', '[']) || line::begins_as_syslog(text) || line::begins_as_base64(text)
}

fn envelope<'a>(keys: &Keys<'a>) -> Envelope<'a> {
    Envelope { host: host(keys), time: time(keys) }
}

fn host<'a>(keys: &Keys<'a>) -> Option<Text<'a>> {
    let plain = || {
        [Key::JournalHost, Key::HostName, Key::Host, Key::Hostname].into_iter().find_map(|key| keys.text(key))
    };
    let from_object = || {
        let host = nested(keys.get(Key::Host)?);
        host.name.or(host.hostname).and_then(|name| serde_json::from_str(name.get()).ok())
    };
    plain().or_else(from_object).filter(|host| !host.is_empty())
}

/// Objects whose fields are content or hints: `event.original`, `host.name`, `host.hostname`.
#[derive(Default, Deserialize)]
struct Nested<'a> {
    #[serde(borrow)]
    original: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    hostname: Option<&'a RawValue>,
}

fn nested(value: &RawValue) -> Nested<'_> {
    let is_object = value.get().starts_with('{');
    is_object.then(|| serde_json::from_str(value.get()).ok()).flatten().unwrap_or_default()
}

fn time(keys: &Keys<'_>) -> Option<EventTime> {
    const MICROS: &[Key] = &[Key::JournalTime];
    const ANY: &[Key] = &[Key::AtTimestamp, Key::Timestamp, Key::Time, Key::Date];
    keys.first(MICROS).or_else(|| keys.first(ANY)).and_then(|value| parse_time(value.get()))
}

/// A collector's time: RFC 3339, or a number (also as a string) since 1970, whose size tells its unit.
fn parse_time(value: &str) -> Option<EventTime> {
    let text = serde_json::from_str::<Text<'_>>(value);
    let plain = text.as_deref().unwrap_or(value);
    plain.parse().ok().and_then(from_epoch).or_else(|| EventTime::parse_rfc3339(plain))
}

/// Seconds reach the year 5138 before they are taken for milliseconds; those of today are 1.8e9, 1.8e12 and so on.
fn from_epoch(number: f64) -> Option<EventTime> {
    let millis = match number {
        n if !n.is_finite() || n <= 0.0 => return None,
        n if n < 1e11 => n * 1e3,
        n if n < 1e14 => n,
        n if n < 1e17 => n / 1e3,
        n => n / 1e6,
    };
    Some(EventTime::from_millis(millis as i64))
}
