//! What `backfill` writes beside the history itself: headers, how far it has come, and which hours it covers.

use serde::{Deserialize, Serialize};

use crate::monitor::{CompleteHours, CoverageMark, Record};
use crate::time::{EventTime, HOUR_MS, ProcessingTime};

/// Header of each record of history; its value is the id of the run.
pub const HEADER: &str = "nhi-backfill";
/// Header of each [`Statement`]; its value is the id of the run.
pub const STATEMENT_HEADER: &str = "nhi-backfill-statement";

/// What `schema` of a statement says.
const STATEMENT_SCHEMA: &str = "nhi.backfill-statement/1";
/// What `schema` of a position says.
const POSITION_SCHEMA: &str = "nhi.backfill/1";

/// Hours that one statement may name: ten years. What it names becomes a list, which must not grow without end.
pub const MAX_HOURS: u32 = 10 * 366 * 24;
/// Hours that it may lie ahead of its arrival: clocks differ, and an hour may have just begun. What lies further ahead has not happened, and is
/// covered by nobody.
const MAX_AHEAD_HOURS: u32 = 1;
/// Bytes of a log source's name: more than an account with its region has, and a host with its domain (RFC 1035: 255).
const MAX_SCOPE_BYTES: usize = 512;

/// Which hours of a log source an archive covers. Told once all of its records were taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Always `nhi.backfill-statement/1`.
    schema: String,
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// First and last hour (inclusive, since 1970) of each run, ascending and apart.
    pub hours: Vec<(u32, u32)>,
    /// Up to when the source is known, in milliseconds: a time within the last of the hours.
    pub until_ms: i64,
    /// Whether digests prove that nothing is missing; otherwise something was reported in each of the hours.
    pub is_proven: bool,
}

/// Why a statement is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or not as it should be.
    #[error("it is no statement of `backfill`: {0}")]
    BadJson(#[from] serde_json::Error),
    /// Another schema than this one.
    #[error("its schema is not `{STATEMENT_SCHEMA}`")]
    UnknownSchema,
    /// Hours in no order, too many, or ahead of time.
    #[error("hours {first} to {last} are in no order, too many, or ahead of time")]
    BadHours {
        /// First hour of the run at fault.
        first: u32,
        /// Last hour of it.
        last: u32,
    },
    /// No log source, or no name of one.
    #[error("`scope` has {bytes} bytes: a log source has a name of 1 to {MAX_SCOPE_BYTES}")]
    BadScope {
        /// Its length.
        bytes: usize,
    },
    /// It says nothing, or reaches further than what it says.
    #[error("`until_ms` is {until_ms}, which is not within the last of its hours")]
    BadUntil {
        /// Up to when the source is said to be known.
        until_ms: i64,
    },
}

impl Error {
    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadJson(_) => "bad_json",
            Self::UnknownSchema => "unknown_schema",
            Self::BadHours { .. } => "bad_hours",
            Self::BadScope { .. } => "bad_scope",
            Self::BadUntil { .. } => "bad_until",
        }
    }
}

impl Statement {
    /// A statement on one log source, whose newest event is of `until`: of these hours, it is known up to there.
    #[must_use]
    pub fn new(scope: &str, hours: Vec<(u32, u32)>, until: EventTime, is_proven: bool) -> Self {
        let end_ms = hours.last().map_or(i64::MAX, |(_, last)| (i64::from(*last) + 1) * HOUR_MS - 1);
        let (schema, until_ms) = (STATEMENT_SCHEMA.to_owned(), until.millis().min(end_ms));
        Self { schema, scope: scope.to_owned(), hours, until_ms, is_proven }
    }

    /// The bytes of its message.
    ///
    /// # Errors
    /// Where it has no JSON form, which no statement lacks.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a message that reached its topic at `received`.
    ///
    /// # Errors
    /// Where it is not as it should be: whoever may write to an input may write this.
    pub fn parse(value: &[u8], received: ProcessingTime) -> Result<Self, Error> {
        let statement: Self = serde_json::from_slice(value)?;
        if statement.schema != STATEMENT_SCHEMA {
            return Err(Error::UnknownSchema);
        }
        if !(1..=MAX_SCOPE_BYTES).contains(&statement.scope.len()) {
            return Err(Error::BadScope { bytes: statement.scope.len() });
        }
        statement.check_hours(received)?;
        statement.check_until()?;
        Ok(statement)
    }

    fn check_hours(&self, received: ProcessingTime) -> Result<(), Error> {
        let latest = EventTime::from_millis(received.millis()).hour().saturating_add(MAX_AHEAD_HOURS);
        let (mut count, mut next) = (0_u32, 0);
        for &(first, last) in &self.hours {
            count = count.saturating_add(last.saturating_sub(first)).saturating_add(1);
            if first > last || first < next || last > latest || count > MAX_HOURS {
                return Err(Error::BadHours { first, last });
            }
            next = last.saturating_add(1);
        }
        Ok(())
    }

    /// A source that were known up to later than what is said of it would look covered where nothing is.
    fn check_until(&self) -> Result<(), Error> {
        let last = self.hours.last().map(|(_, last)| i64::from(*last));
        let is_within = last == Some(self.until_ms.div_euclid(HOUR_MS));
        if is_within { Ok(()) } else { Err(Error::BadUntil { until_ms: self.until_ms }) }
    }

    /// What the monitors are told.
    #[must_use]
    pub fn into_record(self) -> Record<'static> {
        let Self { scope, hours, until_ms, is_proven, .. } = self;
        if is_proven {
            return Record::Complete(vec![CompleteHours { scope, hours, until_ms }]);
        }
        let hours = hours.into_iter().flat_map(|(first, last)| first..=last).collect();
        Record::PastCoverage(vec![CoverageMark { scope, hours, until_ms }])
    }
}

/// How far a run of `backfill` has come: a record of `topics.backfill` under the key of the run, written with what it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Always `nhi.backfill/1`.
    pub schema: String,
    /// Records sent, in the order of the archive.
    pub records: u64,
    /// What these records come to: an archive that reads otherwise is another one.
    pub check: String,
    /// What is done.
    pub stage: Stage,
    /// What was asked for, for a person.
    pub paths: Vec<String>,
    /// When this was written, RFC 3339.
    pub at: String,
}

/// What a run has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Some records are sent.
    Sending,
    /// All records are sent.
    Sent,
    /// It was also told which hours they cover.
    Told,
}

impl Position {
    /// A position.
    #[must_use]
    pub fn new(records: u64, check: String, stage: Stage, paths: &[String], at: ProcessingTime) -> Self {
        let (schema, paths) = (POSITION_SCHEMA.to_owned(), paths.to_vec());
        Self { schema, records, check, stage, paths, at: at.to_rfc3339() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: ProcessingTime = ProcessingTime::from_millis(1_000 * HOUR_MS);

    const SCOPE: &str = "aws:111122223333:eu-west-1";

    fn parsed(statement: &Statement) -> Result<Record<'static>, &'static str> {
        let read = Statement::parse(&statement.to_bytes().unwrap(), RECEIVED);
        read.map(Statement::into_record).map_err(|error| error.kind())
    }

    fn read(hours: &[(u32, u32)]) -> Result<Record<'static>, &'static str> {
        parsed(&Statement::new(SCOPE, hours.into(), EventTime::from_millis(i64::MAX), false))
    }

    #[test]
    fn runs_become_the_hours_in_them() {
        let hours = vec![7, 8, 9, 12];
        let mark = CoverageMark { scope: SCOPE.into(), hours, until_ms: 13 * HOUR_MS - 1 };
        assert_eq!(read(&[(7, 9), (12, 12)]), Ok(Record::PastCoverage(vec![mark])), "known up to their end");
        assert!(read(&[(0, 0), (1_001, 1_001)]).is_ok());
    }

    #[test]
    fn what_would_grow_without_end_or_lies_ahead_is_refused() {
        let refused = [
            &[(0, u32::MAX)][..],
            &[(u32::MAX, u32::MAX)],
            &[(9, 7)],
            &[(7, 9), (9, 11)],
            &[(7, 9), (3, 4)],
            &[(1_000, 1_002)],
        ];
        for hours in refused {
            assert_eq!(read(hours), Err("bad_hours"), "{hours:?}");
        }
        let late = ProcessingTime::from_millis(i64::from(2 * MAX_HOURS) * HOUR_MS);
        let all = Statement::new("linux:web", vec![(0, MAX_HOURS)], EventTime::from_millis(i64::MAX), true);
        let refused = Statement::parse(&all.to_bytes().unwrap(), late).unwrap_err();
        assert_eq!(refused.kind(), "bad_hours");
        assert_eq!(Statement::parse(b"{}", RECEIVED).unwrap_err().kind(), "bad_json");
    }

    #[test]
    fn no_source_is_known_up_to_later_or_earlier_than_the_last_hour_that_is_named() {
        let until = |until_ms| {
            parsed(&Statement {
                until_ms,
                ..Statement::new(SCOPE, vec![(7, 9)], EventTime::default(), false)
            })
        };
        for until_ms in [i64::MIN, -1, 0, 9 * HOUR_MS - 1, 10 * HOUR_MS, i64::MAX] {
            assert_eq!(until(until_ms).unwrap_err(), "bad_until", "{until_ms}");
        }
        assert!(until(9 * HOUR_MS).is_ok() && until(10 * HOUR_MS - 1).is_ok());
        assert_eq!(read(&[]), Err("bad_until"), "of no hours, nothing is known");
    }

    #[test]
    fn a_log_source_has_a_name_of_some_length() {
        let named = |scope: &str| {
            parsed(&Statement::new(scope, vec![(7, 9)], EventTime::from_millis(i64::MAX), true))
        };
        assert_eq!(named("").unwrap_err(), "bad_scope");
        assert_eq!(named(&"x".repeat(MAX_SCOPE_BYTES + 1)).unwrap_err(), "bad_scope");
        assert!(named(&"x".repeat(MAX_SCOPE_BYTES)).is_ok());
    }
}
