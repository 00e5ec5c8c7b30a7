//! The transport shapes in which log records really arrive.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libdeflater::{CompressionLvl, Compressor};
use serde_json::{Value, json, value::RawValue};

use super::emission::{Emission, Record};
use super::ocsf;
use super::record::ApiCall;
use crate::term::stable_hash;

/// A transport shape. Those of CloudTrail take calls, those of Linux auth logs take lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// One CloudTrail record.
    Bare,
    /// `{"Records":[…]}`.
    Records,
    /// The same, gzip.
    RecordsGzip,
    /// EventBridge: the record under `detail`.
    EventBridge,
    /// CloudWatch Logs subscription, gzip.
    CloudWatchGzip,
    /// The same in base64, as Firehose and Lambda pass it on.
    CloudWatchBase64Gzip,
    /// Filebeat: the record as text under `message`.
    Filebeat,
    /// Fluent Bit: the record as text under `log`.
    FluentBit,
    /// Vector: the record as an object under `message`.
    Vector,
    /// Kafka Connect with schema: `{"schema","payload"}`.
    KafkaConnect,
    /// OCSF API Activity, as Security Lake writes it.
    SecurityLakeOcsf,
    /// A syslog line after RFC 3164.
    Syslog3164,
    /// A syslog line after RFC 5424.
    Syslog5424,
    /// A journald entry.
    Journald,
    /// Filebeat around a syslog line.
    FilebeatSyslog,
    /// Vector around a syslog line.
    VectorSyslog,
}

impl Shape {
    /// All shapes of CloudTrail.
    pub const CLOUDTRAIL: [Self; 11] = [
        Self::Bare,
        Self::Records,
        Self::RecordsGzip,
        Self::EventBridge,
        Self::CloudWatchGzip,
        Self::CloudWatchBase64Gzip,
        Self::Filebeat,
        Self::FluentBit,
        Self::Vector,
        Self::KafkaConnect,
        Self::SecurityLakeOcsf,
    ];

    /// All shapes of Linux auth logs.
    pub const AUTH: [Self; 5] =
        [Self::Syslog3164, Self::Syslog5424, Self::Journald, Self::FilebeatSyslog, Self::VectorSyslog];

    /// Whether a payload holds several records.
    #[must_use]
    pub const fn is_batch(self) -> bool {
        matches!(self, Self::Records | Self::RecordsGzip | Self::CloudWatchGzip | Self::CloudWatchBase64Gzip)
    }

    /// Whether a payload is bytes that no text file can hold line by line.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::RecordsGzip | Self::CloudWatchGzip)
    }

    /// One payload of one record.
    pub(super) fn wrap(self, emission: &Emission) -> Vec<u8> {
        match &emission.record {
            Record::CloudTrail(call) => self.wrap_call(emission, call),
            Record::Auth(line) => match self {
                Self::Syslog5424 => line.to_rfc5424(),
                Self::Journald => line.to_journald(),
                Self::FilebeatSyslog => filebeat(&line.to_rfc3164(), emission, &line.host),
                Self::VectorSyslog => vector(&json!(line.to_rfc3164()), emission, &line.host),
                _ => line.to_rfc3164(),
            },
        }
        .into_bytes()
    }

    fn wrap_call(self, emission: &Emission, call: &ApiCall) -> String {
        let record = call.to_json();
        match self {
            Self::EventBridge => event_bridge(call, &record),
            Self::Filebeat => filebeat(&record, emission, "collector-01"),
            Self::FluentBit => fluent_bit(&record, emission),
            Self::Vector => vector(&raw(&record), emission, "collector-02"),
            Self::KafkaConnect => {
                json!({"schema": {"type": "string", "optional": false}, "payload": record}).to_string()
            }
            Self::SecurityLakeOcsf => ocsf::api_activity(emission.time, call).to_string(),
            _ => record,
        }
    }

    /// One payload of several records, given as JSON texts with their times in milliseconds.
    pub(super) fn wrap_batch(self, records: &[(i64, String)]) -> Vec<u8> {
        match self {
            Self::RecordsGzip => gzip(records_object(records).as_bytes()),
            Self::CloudWatchGzip => gzip(cloudwatch(records).as_bytes()),
            Self::CloudWatchBase64Gzip => STANDARD.encode(gzip(cloudwatch(records).as_bytes())).into_bytes(),
            _ => records_object(records).into_bytes(),
        }
    }
}

fn records_object(records: &[(i64, String)]) -> String {
    let texts: Vec<_> = records.iter().map(|(_, text)| text.as_str()).collect();
    format!("{{\"Records\":[{}]}}", texts.join(","))
}

fn cloudwatch(records: &[(i64, String)]) -> String {
    let events = records.iter().map(|(time, text)| {
        let id = format!("{:056}", u128::from(stable_hash(text)) << 32);
        json!({"id": id, "timestamp": time, "message": text})
    });
    json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "organization-trail",
        "logStream": "o-example_111122223333_CloudTrail_eu-west-1", "subscriptionFilters": ["to-kafka"],
        "logEvents": events.collect::<Vec<_>>(),
    })
    .to_string()
}

fn event_bridge(call: &ApiCall, record: &str) -> String {
    #[derive(serde::Serialize)]
    struct Envelope<'a> {
        version: &'static str,
        id: String,
        #[serde(rename = "detail-type")]
        detail_type: &'static str,
        source: String,
        account: &'a str,
        time: &'a str,
        region: &'a str,
        resources: [&'a str; 0],
        detail: Option<&'a RawValue>,
    }
    let envelope = Envelope {
        version: "0",
        id: format!("{:016x}{:016x}", stable_hash(&call.event_id), stable_hash(&call.request_id)),
        detail_type: "AWS API Call via CloudTrail",
        source: format!("aws.{}", call.event_source.trim_end_matches(".amazonaws.com")),
        account: &call.recipient_account_id,
        time: &call.event_time,
        region: &call.aws_region,
        resources: [],
        detail: serde_json::from_str(record).ok(),
    };
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn filebeat(message: &str, emission: &Emission, host: &str) -> String {
    json!({
        "@timestamp": emission.time.to_rfc3339(),
        "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.14.1"},
        "message": message, "host": {"name": host}, "input": {"type": "filestream"},
        "agent": {"type": "filebeat", "version": "8.14.1", "name": host}, "ecs": {"version": "8.0.0"},
    })
    .to_string()
}

fn fluent_bit(log: &str, emission: &Emission) -> String {
    json!({"date": emission.time.millis() as f64 / 1_000.0, "stream": "stdout", "log": log}).to_string()
}

fn vector(message: &Value, emission: &Emission, host: &str) -> String {
    json!({
        "message": message, "host": host, "source_type": "file", "timestamp": emission.time.to_rfc3339(),
    })
    .to_string()
}

fn raw(record: &str) -> Value {
    serde_json::from_str(record).unwrap_or_default()
}

/// `bytes` as one gzip member.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::fastest());
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    // The bound is the compressor's own: the output always fits.
    let written = compressor.gzip_compress(bytes, &mut out).map_err(io::Error::other).unwrap_or(0);
    out.truncate(written);
    out
}
