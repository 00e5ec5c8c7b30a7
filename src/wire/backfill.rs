//! What `backfill` writes beside the history itself: headers, how far it has come, and which hours it covers.

use serde::{Deserialize, Serialize};

use crate::monitor::{CompleteHours, CoverageMark, Record};
use crate::time::{EventTime, ProcessingTime};

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
/// Hours that it may lie ahead of its arrival: clocks differ.
const MAX_AHEAD_HOURS: u32 = 24;

/// Which hours of a log source an archive covers. Told once all of its records were taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Always `nhi.backfill-statement/1`.
    schema: String,
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// First and last hour (inclusive, since 1970) of each run, ascending and apart.
    pub hours: Vec<(u32, u32)>,
    /// Up to when the source is known, in milliseconds.
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
}

impl Error {
    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadJson(_) => "bad_json",
            Self::UnknownSchema => "unknown_schema",
            Self::BadHours { .. } => "bad_hours",
        }
    }
}

impl Statement {
    /// A statement on one log source.
    #[must_use]
    pub fn new(scope: &str, hours: Vec<(u32, u32)>, until: EventTime, is_proven: bool) -> Self {
        let schema = STATEMENT_SCHEMA.to_owned();
        Self { schema, scope: scope.to_owned(), hours, until_ms: until.millis(), is_proven }
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
        let latest = EventTime::from_millis(received.millis()).hour() + MAX_AHEAD_HOURS;
        let (mut count, mut next) = (0_u32, 0);
        for &(first, last) in &statement.hours {
            count = count.saturating_add(last.saturating_sub(first)).saturating_add(1);
            if first > last || first < next || last > latest || count > MAX_HOURS {
                return Err(Error::BadHours { first, last });
            }
            next = last + 1;
        }
        Ok(statement)
    }

    /// What the monitors are told.
    #[must_use]
    pub fn into_record(self) -> Record<'static> {
        let Self { scope, hours, until_ms, is_proven, .. } = self;
        if is_proven {
            return Record::Complete(vec![CompleteHours { scope, hours }]);
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
    use crate::time::HOUR_MS;

    const RECEIVED: ProcessingTime = ProcessingTime::from_millis(1_000 * HOUR_MS);

    fn read(hours: &[(u32, u32)]) -> Result<Record<'static>, &'static str> {
        let statement =
            Statement::new("aws:111122223333:eu-west-1", hours.into(), EventTime::default(), false);
        let read = Statement::parse(&statement.to_bytes().unwrap(), RECEIVED);
        read.map(Statement::into_record).map_err(|error| error.kind())
    }

    #[test]
    fn runs_become_the_hours_in_them() {
        let hours = vec![7, 8, 9, 12];
        let mark = CoverageMark { scope: "aws:111122223333:eu-west-1".into(), hours, until_ms: 0 };
        assert_eq!(read(&[(7, 9), (12, 12)]), Ok(Record::PastCoverage(vec![mark])));
    }

    #[test]
    fn what_would_grow_without_end_or_lies_ahead_is_refused() {
        for hours in [&[(0, u32::MAX)][..], &[(9, 7)], &[(7, 9), (9, 11)], &[(1_020, 1_025)]] {
            assert_eq!(read(hours), Err("bad_hours"), "{hours:?}");
        }
        let late = ProcessingTime::from_millis(i64::from(2 * MAX_HOURS) * HOUR_MS);
        let all = Statement::new("linux:web", vec![(0, MAX_HOURS)], EventTime::default(), true);
        let refused = Statement::parse(&all.to_bytes().unwrap(), late).unwrap_err();
        assert_eq!(refused.kind(), "bad_hours");
        assert_eq!(Statement::parse(b"{}", RECEIVED).unwrap_err().kind(), "bad_json");
    }
}
