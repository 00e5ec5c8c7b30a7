//! Bytes to activities: decode, normalise, resolve the identity, and account for every record.

use std::sync::Arc;

use crate::activity::{Activity, Event, Provenance};
use crate::config::Limits;
use crate::decode::{Decoder, FormatHint, Outcome, Piece, RawRecord, Reply};
use crate::enrich::{Enrichment, Locator};
use crate::identity;
use crate::normalize::{self, Context, Normalized, Principal};
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
    /// Bounded label: `bad_json`, `record_too_large`, …
    pub reason: &'static str,
    /// What was wrong, for a person.
    pub detail: String,
    /// The bytes of the record, or of the whole payload where no record could be told apart.
    pub bytes: &'a [u8],
    /// Index of the record within the payload.
    pub index: u32,
}

/// What may be hidden in something that could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Nobody knows how many records.
    Payload,
    /// One record of a log.
    Record,
    /// Nothing that any identity did: no log, or a record that names no identity.
    Nothing,
}

impl Hidden {
    /// What may be hidden in something that was rejected for this reason.
    #[must_use]
    pub fn in_rejected(reason: &str) -> Self {
        match reason {
            "payload_too_large" | "unpacked_too_large" | "too_many_records" | "too_deep"
            | "too_many_encodings" | "bad_gzip" | "too_damaged" => Self::Payload,
            "record_too_large" | "bad_json" | "bad_utf8" | "duplicate_key" | "bad_time" => Self::Record,
            _ => Self::Nothing,
        }
    }
}

impl Rejected<'_> {
    /// What may be hidden in it.
    #[must_use]
    pub fn hidden(&self) -> Hidden {
        Hidden::in_rejected(self.reason)
    }
}

/// Buffers that one worker reuses from payload to payload.
#[derive(Default)]
pub struct Ingest {
    decoder: Decoder,
    locator: Locator,
    clock_skew_ms: i64,
}

impl Ingest {
    /// An ingest with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let clock_skew_ms = i64::try_from(limits.clock_skew.as_millis()).unwrap_or(i64::MAX);
        Self { decoder: Decoder::new(limits), locator: Locator::default(), clock_skew_ms }
    }

    /// From now on it tells what these know of addresses.
    pub fn enrich(&mut self, enrichment: Arc<Enrichment>) {
        self.locator = Locator::new(enrichment);
    }

    /// Turns one payload into activities, and accounts for each of its records in `sink`.
    ///
    /// Returns how many records the payload held: `activities + skipped + rejected`, at least 1.
    pub fn ingest(&mut self, payload: Payload<'_>, sink: &mut dyn Sink) -> u32 {
        let Self { decoder, locator, clock_skew_ms } = self;
        decoder.decode(payload.bytes, payload.format, &mut |piece| {
            let context = context(&payload, piece.index, *clock_skew_ms);
            account(piece, &context, &mut Located { locator, sink })
        })
    }
}

/// Says what is known of an activity's address, before it goes on.
struct Located<'i> {
    locator: &'i mut Locator,
    sink: &'i mut dyn Sink,
}

impl Located<'_> {
    fn activity<'x>(
        &'x mut self,
        principal: Principal<'x>,
        mut event: Event<'x>,
    ) -> Result<(), normalize::Error> {
        let identity = identity::resolve(principal, &event)?;
        self.locator.locate(&mut event.origin);
        self.sink.activity(Activity { identity, event });
        Ok(())
    }
}

fn context<'a>(payload: &Payload<'a>, index: u32, clock_skew_ms: i64) -> Context<'a> {
    let Payload { source, partition, offset, received, .. } = *payload;
    let provenance = Provenance { source: source.into(), partition, offset, index };
    Context { received, provenance, clock_skew_ms }
}

/// Sees that `sink` hears of one piece exactly once, unless it comes again.
fn account(piece: Piece<'_>, context: &Context<'_>, located: &mut Located<'_>) -> Reply {
    let Piece { index, bytes, outcome } = piece;
    let (reason, detail) = match outcome {
        Outcome::Skipped(reason) => {
            located.sink.skipped(reason);
            return Reply::Taken;
        }
        Outcome::Rejected(error) => (error.kind(), error.to_string()),
        Outcome::Guess(record) => match understand(&record, context, located) {
            Ok(()) => return Reply::Taken,
            Err(_) => return Reply::LookAgain,
        },
        Outcome::Record(record) => match understand(&record, context, located) {
            Ok(()) => return Reply::Taken,
            Err(error) => (error.kind(), error.to_string()),
        },
    };
    located.sink.rejected(Rejected { reason, detail, bytes, index });
    Reply::Taken
}

/// Tells `sink` what a record is. It is told nothing where the record is not understood.
fn understand(
    record: &RawRecord<'_>,
    context: &Context<'_>,
    located: &mut Located<'_>,
) -> Result<(), normalize::Error> {
    match normalize::normalize(record, context)? {
        Normalized::Skipped(reason) => {
            located.sink.skipped(reason);
            Ok(())
        }
        Normalized::Activity(principal, event) => located.activity(principal, *event),
    }
}

#[cfg(test)]
mod tests;
