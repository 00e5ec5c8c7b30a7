//! Bytes to records: recognises the transport shape by content and unwraps it, within limits.

use serde::{Deserialize, Serialize};

/// One record as it came, in one log format.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRecord<'a> {
    /// The log format of `text`.
    pub format: Format,
    /// The record: one JSON object, or one syslog line.
    pub text: &'a str,
    /// What the wrapper around the record said about it.
    pub envelope: Envelope<'a>,
}

/// What a wrapper said about a record, used where the record itself does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope<'a> {
    /// Host that the log line comes from (Filebeat `host.name`, Vector `host`).
    pub host: Option<crate::text::Text<'a>>,
    /// Time that the collector stamped.
    pub time: Option<crate::time::EventTime>,
}

/// The log formats that can be normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A CloudTrail record (JSON).
    CloudTrail,
    /// An OCSF API Activity event, as Security Lake writes CloudTrail (JSON, class_uid 6003).
    OcsfApiActivity,
    /// A syslog line, RFC 3164 or RFC 5424.
    Syslog,
    /// A journald entry (JSON with `MESSAGE`).
    Journald,
}

/// What the operator says an input carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatHint {
    /// Recognise each record by its content.
    #[default]
    Auto,
    /// CloudTrail in any transport shape.
    Cloudtrail,
    /// Linux auth logs: syslog or journald, in any transport shape.
    LinuxAuth,
}
