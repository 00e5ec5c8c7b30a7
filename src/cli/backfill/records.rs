//! Payloads of an archive to single records, as they are sent: the archive's own bytes, with what decides on their order.

use crate::activity::Provenance;
use crate::config::{FormatHint, Limits};
use crate::decode::{Decoder, Format, Outcome, RawRecord, Reply};
use crate::identity;
use crate::ingest::Hidden;
use crate::normalize::{self, Context, Normalized};
use crate::time::{EventTime, ProcessingTime};

/// One record of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archived {
    /// When it happened; `None` where nobody can tell: it is no activity, or not understood.
    pub(super) time: Option<EventTime>,
    /// Its format, where it has one that is known.
    pub(super) format: Option<Format>,
    /// The identity that was used.
    pub(super) identity: Option<String>,
    /// The log source that reported it.
    pub(super) scope: Option<String>,
    /// Whether the monitor will understand it.
    pub(super) is_understood: bool,
    /// What may be hidden in it, where it will not.
    pub(super) hidden: Hidden,
    /// Its bytes.
    pub(super) value: Vec<u8>,
}

/// Takes payloads apart.
pub(super) struct Splitter {
    decoder: Decoder,
    format: FormatHint,
    now: ProcessingTime,
    skew_ms: i64,
}

impl Splitter {
    /// A splitter of payloads in this format. `now` is when they will be received: times without a year depend on it.
    pub(super) fn new(limits: &Limits, format: FormatHint, now: ProcessingTime) -> Self {
        let skew_ms = i64::try_from(limits.clock_skew.as_millis()).unwrap_or(i64::MAX);
        Self { decoder: Decoder::new(limits.clone()), format, now, skew_ms }
    }

    /// Gives each record of a payload, in its order.
    pub(super) fn split(&mut self, payload: &[u8], mut take: impl FnMut(Archived)) {
        let context =
            Context { received: self.now, provenance: Provenance::default(), clock_skew_ms: self.skew_ms };
        self.decoder.decode(payload, self.format, &mut |piece| {
            let facts = match &piece.outcome {
                Outcome::Guess(record) => match understand(record, &context) {
                    Ok(facts) => facts,
                    Err(_) => return Reply::LookAgain,
                },
                Outcome::Record(record) => understand(record, &context).unwrap_or_else(|error| {
                    let format = Some(record.format);
                    Facts { format, ..Facts::rejected(error.kind()) }
                }),
                Outcome::Skipped(_) => Facts { is_understood: true, ..Facts::default() },
                Outcome::Rejected(error) => Facts::rejected(error.kind()),
            };
            let Facts { time, format, identity, scope, is_understood, hidden } = facts;
            let value = piece.bytes.to_vec();
            take(Archived { time, format, identity, scope, is_understood, hidden, value });
            Reply::Taken
        });
    }
}

/// What is known of a record.
struct Facts {
    time: Option<EventTime>,
    format: Option<Format>,
    identity: Option<String>,
    scope: Option<String>,
    is_understood: bool,
    hidden: Hidden,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            time: None,
            format: None,
            identity: None,
            scope: None,
            is_understood: false,
            hidden: Hidden::Nothing,
        }
    }
}

impl Facts {
    /// Of what is not understood, for this reason.
    fn rejected(reason: &str) -> Self {
        Self { hidden: Hidden::in_rejected(reason), ..Self::default() }
    }
}

/// What a record says of itself.
fn understand(record: &RawRecord<'_>, context: &Context<'_>) -> Result<Facts, normalize::Error> {
    let known = Facts { format: Some(record.format), is_understood: true, ..Facts::default() };
    match normalize::normalize(record, context)? {
        Normalized::Skipped(_) => Ok(known),
        Normalized::Activity(principal, event) => {
            let identity = identity::resolve(principal, &event)?;
            Ok(Facts {
                time: Some(event.time),
                identity: Some(identity.id.to_string()),
                scope: Some(event.scope.to_string()),
                ..known
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;
    use super::*;
    use crate::config::Config;

    fn split(payload: &str) -> Vec<Archived> {
        let mut records = Vec::new();
        let now = ProcessingTime::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        Splitter::new(&Config::default().limits, FormatHint::Auto, now)
            .split(payload.as_bytes(), |record| records.push(record));
        records
    }

    #[test]
    fn a_document_becomes_its_records_each_with_its_own_bytes() {
        let (one, two) = (record("app", "2026-01-31T09:30:00Z"), record("web", "2026-01-31T09:31:00Z"));
        let found = split(&format!(r#"{{"Records":[{one}, {two}]}}"#));
        let values: Vec<&[u8]> = found.iter().map(|record| record.value.as_slice()).collect();
        assert_eq!(values, [one.as_bytes(), two.as_bytes()]);
        assert_eq!(found[1].identity.as_deref(), Some("arn:aws:iam::111122223333:role/web"));
        assert_eq!(found[0].scope.as_deref(), Some("aws:111122223333:eu-west-1"));
        assert_eq!(found[0].time, EventTime::parse_rfc3339("2026-01-31T09:30:00Z"));
    }

    #[test]
    fn what_is_not_understood_is_kept_as_it_is() {
        let found = split("no record at all");
        assert_eq!((found.len(), found[0].is_understood, found[0].time), (1, false, None));
        assert_eq!(found[0].value, b"no record at all");
        assert_eq!(found[0].hidden, Hidden::Nothing);
        let torn = &record("app", "2026-01-31T09:30:00Z")[..200];
        assert_eq!(split(torn)[0].hidden, Hidden::Record);
    }
}
