//! Bytes to activities: decode, normalise, resolve the identity, and account for every record.

use crate::activity::Activity;
use crate::config::Limits;
use crate::decode::FormatHint;
use crate::time::ProcessingTime;

/// One payload: a Kafka message's value, or a line or chunk of a file.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// The bytes as they came.
    pub bytes: &'a [u8],
    /// Topic or file.
    pub source: &'a str,
    /// Partition; 0 for files.
    pub partition: i32,
    /// Offset; line number (from 0) for files.
    pub offset: i64,
    /// When it reached the topic.
    pub received: ProcessingTime,
    /// What the operator says it carries.
    pub format: FormatHint,
}

/// Takes what a payload turns into. For every record exactly one of the three is called.
pub trait Sink {
    /// An identity was used.
    fn activity(&mut self, activity: Activity<'_>);
    /// A record that is known and of no interest; `reason` is a bounded label (`control_message`).
    fn skipped(&mut self, reason: &'static str);
    /// A record (or whole payload) that could not be understood.
    fn rejected(&mut self, rejected: Rejected<'_>);
}

/// A record that could not be understood.
#[derive(Clone, Debug)]
pub struct Rejected<'a> {
    /// Bounded label: `bad_json`, `too_large`, …
    pub reason: &'static str,
    /// What was wrong, for a person; holds no payload.
    pub detail: String,
    /// The bytes of the record, or of the whole payload where no record could be told apart.
    pub bytes: &'a [u8],
    /// Index of the record within the payload.
    pub index: u32,
}

/// Buffers that one worker reuses from payload to payload.
#[derive(Default)]
pub struct Ingest {
    _limits: Limits,
}

impl Ingest {
    /// An ingest with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { _limits: limits }
    }

    /// Turns one payload into activities, and accounts for each of its records in `sink`.
    ///
    /// Returns how many records the payload held: `activities + skipped + rejected`, at least 1.
    pub fn ingest(&mut self, payload: Payload<'_>, sink: &mut dyn Sink) -> u32 {
        sink.rejected(Rejected {
            reason: "unsupported",
            detail: String::new(),
            bytes: payload.bytes,
            index: 0,
        });
        1
    }
}
