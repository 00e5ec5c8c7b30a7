//! Bytes to records: recognises the transport shape by content and unwraps it, within limits.
//!
//! ```text
//!  payload ─► gzip? base64? ─► UTF-8 once ─► documents and lines ─► shape of each ─► records
//!                  ▲                                                   │
//!                  └──────────── the text inside a wrapper ◄───────────┘
//! ```
//!
//! Every record ends up in exactly one [`Piece`]: it is understood, skipped or rejected. `serde_json` alone decides
//! what a field means; the few places that look at raw text only decide where a damaged record ends, or guess at
//! what `serde_json` then confirms.

mod document;
mod error;
mod gunzip;
mod keys;
mod line;
mod shape;
mod split;
mod utf8;
mod walk;

pub use crate::config::FormatHint;

use crate::config::Limits;
pub use error::Error;

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

impl Envelope<'_> {
    /// This envelope, filled up with what `outer` says besides.
    fn or(self, outer: &Self) -> Self {
        Self { host: self.host.or_else(|| outer.host.clone()), time: self.time.or(outer.time) }
    }
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

impl Format {
    /// Its name, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::CloudTrail => "CloudTrail",
            Self::OcsfApiActivity => "OCSF API Activity",
            Self::Syslog => "syslog",
            Self::Journald => "journald",
        }
    }
}

impl FormatHint {
    /// Whether records of `format` belong into an input of this kind.
    #[must_use]
    pub const fn accepts(self, format: Format) -> bool {
        match self {
            Self::Auto => true,
            Self::Cloudtrail => matches!(format, Format::CloudTrail | Format::OcsfApiActivity),
            Self::LinuxAuth => matches!(format, Format::Syslog | Format::Journald),
        }
    }
}

/// A part of a payload that is accounted for on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece<'a> {
    /// Index within the payload, from 0.
    pub index: u32,
    /// Its bytes as they came, with the wrappers that hold nothing else; fit to be sent in again on their own.
    pub bytes: &'a [u8],
    /// What it is.
    pub outcome: Outcome<'a>,
}

/// What a piece of a payload is.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// One record; its text is delimited exactly.
    Record(RawRecord<'a>),
    /// A line that begins and ends like one record. Spares the hot path a parse: the receiver parses it anyway,
    /// and answers [`Reply::LookAgain`] where the text is not exactly one valid record.
    Guess(RawRecord<'a>),
    /// Known and of no interest; the label is bounded.
    Skipped(&'static str),
    /// Not understood.
    Rejected(Error),
}

/// What the receiver says to a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Accounted for.
    Taken,
    /// The guess was wrong: it is not accounted for, and comes again, delimited exactly. Only for [`Outcome::Guess`].
    LookAgain,
}

/// Takes payloads apart, with buffers that it reuses from payload to payload.
#[derive(Default)]
pub struct Decoder {
    limits: Limits,
    gunzip: gunzip::Gunzip,
}

impl Decoder {
    /// A decoder with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, gunzip: gunzip::Gunzip::default() }
    }

    /// Gives each piece of `payload` to `take`, in order, and returns how many there were; at least 1.
    pub fn decode(
        &mut self,
        payload: &[u8],
        hint: FormatHint,
        take: &mut dyn FnMut(Piece<'_>) -> Reply,
    ) -> u32 {
        let mut walk = walk::Walk::new(&self.limits, hint, &mut self.gunzip, take);
        walk.payload(payload);
        walk.count()
    }
}

#[cfg(test)]
mod tests;
