use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libdeflater::{CompressionLvl, Compressor};

use super::*;
use crate::time::EventTime;

mod damage;
mod fixtures;
mod laws;
mod shapes;

const RECORD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"ci"},"eventTime":"2026-01-31T09:30:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"1"}"#;
const OTHER: &str = r#"{"awsRegion":"eu-west-1","eventID":"2","eventName":"PutObject","eventSource":"s3.amazonaws.com","eventVersion":"1.08"}"#;
const LINE: &str =
    "<38>Jan 31 09:30:00 web-1 sshd[812]: Accepted publickey for deploy from 192.0.2.7 port 51514 ssh2";
const RFC5424: &str = "2026-01-31T09:30:00.123456+00:00 web-1 sudo: deploy : TTY=pts/0";
const ENTRY: &str =
    r#"{"MESSAGE":"session opened","_HOSTNAME":"web-1","__REALTIME_TIMESTAMP":"1769851800000000"}"#;

/// Checks what `input` decodes to: one word per piece (`cloudtrail`, `skip:…`, `reject:…`), records with their text.
#[track_caller]
fn check(input: impl AsRef<[u8]>, expected: &[&str]) {
    check_as(FormatHint::Auto, input, expected);
}

#[track_caller]
fn check_as(hint: FormatHint, input: impl AsRef<[u8]>, expected: &[&str]) {
    let (input, limits) = (input.as_ref(), Limits::default());
    let words = pieces(input, hint, &limits).into_iter().map(|piece| piece.word).collect::<Vec<_>>();
    assert_eq!(words, expected, "{}", String::from_utf8_lossy(&input[..input.len().min(400)]));
}

#[derive(Debug, PartialEq)]
struct Seen {
    word: String,
    bytes: Vec<u8>,
    host: Option<String>,
    time: Option<EventTime>,
}

/// Decodes as a receiver does that refuses every guess which is not exactly one JSON document.
fn pieces(input: &[u8], hint: FormatHint, limits: &Limits) -> Vec<Seen> {
    let mut seen = Vec::new();
    let count = Decoder::new(limits.clone()).decode(input, hint, &mut |piece| {
        if let Outcome::Guess(guess) = &piece.outcome
            && serde_json::from_str::<serde::de::IgnoredAny>(guess.text).is_err()
        {
            return Reply::LookAgain;
        }
        assert_eq!(piece.index as usize, seen.len(), "indices are consecutive");
        seen.push(Seen::from(piece));
        Reply::Taken
    });
    assert_eq!(count as usize, seen.len(), "every piece is counted once");
    assert!(count > 0, "every payload is accounted for");
    seen
}

impl From<Piece<'_>> for Seen {
    fn from(piece: Piece<'_>) -> Self {
        let bytes = piece.bytes.to_vec();
        match piece.outcome {
            Outcome::Record(record) | Outcome::Guess(record) => Self {
                word: format!("{}:{}", record.format.title().to_lowercase(), record.text),
                bytes,
                host: record.envelope.host.map(|host| host.to_string()),
                time: record.envelope.time,
            },
            Outcome::Skipped(reason) => {
                Self { word: format!("skip:{reason}"), bytes, host: None, time: None }
            }
            Outcome::Rejected(error) => {
                Self { word: format!("reject:{}", error.kind()), bytes, host: None, time: None }
            }
        }
    }
}

fn cloudtrail(text: &str) -> String {
    format!("cloudtrail:{text}")
}

fn syslog(text: &str) -> String {
    format!("syslog:{text}")
}

fn records(elements: &[&str]) -> String {
    format!(r#"{{"Records":[{}]}}"#, elements.join(","))
}

fn gzip(data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let len = compressor.gzip_compress(data, &mut out).unwrap();
    out.truncate(len);
    out
}

fn base64(data: impl AsRef<[u8]>) -> String {
    STANDARD.encode(data)
}

/// A JSON string literal.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn cloudwatch(messages: &[&str]) -> String {
    let mut events = String::new();
    for (id, message) in messages.iter().enumerate() {
        let comma = if id > 0 { "," } else { "" };
        let message = quoted(message);
        write!(events, r#"{comma}{{"id":"{id}","timestamp":1769851800000,"message":{message}}}"#).unwrap();
    }
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"trail","logStream":"s","subscriptionFilters":["f"],"logEvents":[{events}]}}"#
    )
}
