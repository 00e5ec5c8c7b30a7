//! A baseline as a person or a dashboard reads it.

use serde::Serialize;

use crate::time::{EventTime, HOUR_MS};

use super::cadence::Rhythm;

/// What is usual for one identity, for display.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Profile {
    /// Activities learned from, in all.
    pub activities: u64,
    /// Activities a day, decayed.
    pub activities_per_day: f64,
    /// Part of the activities that were denied or failed, decayed, 0 to 1.
    pub error_rate: f64,
    /// Relative activity by hour of the week in UTC, Monday 00:00 first; 168 values that sum to 1, or empty.
    pub hour_of_week: Vec<f32>,
    /// What it uses, by dimension: `action`, `service`, `region`, `network`, `client`, `credential`, `workload`, `caller`.
    pub terms: Vec<TermList>,
    /// On which clock it runs, where it does.
    pub runs: Option<Runs>,
    /// Uid of its open incident.
    pub open_incident: Option<String>,
    /// Risk of that incident so far, 0 to 100; below the threshold nothing was alerted.
    pub risk: u8,
}

/// The clock on which an identity runs, as far as its newest runs tell.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Runs {
    /// Hours from one start to the next, median of the newest.
    pub usual_hours: f64,
    /// Most of them in this rhythm.
    pub longest_hours: f64,
    /// How often it ran in this rhythm.
    pub count: u32,
    /// Start of the newest run.
    #[schemars(with = "String")]
    pub last_start: EventTime,
}

impl From<Rhythm> for Runs {
    fn from(rhythm: Rhythm) -> Self {
        let hours = |millis: i64| millis as f64 / HOUR_MS as f64;
        Self {
            usual_hours: hours(rhythm.usual_ms),
            longest_hours: hours(rhythm.longest_ms),
            count: rhythm.runs,
            last_start: rhythm.last_start,
        }
    }
}

/// The values that one dimension of a baseline holds.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TermList {
    /// Dimension.
    pub dimension: &'static str,
    /// Values, heaviest first.
    pub values: Vec<TermUse>,
}

/// One value that a baseline holds.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TermUse {
    /// The value: `s3:GetObject`.
    pub value: String,
    /// First use.
    #[schemars(with = "String")]
    pub first_seen: EventTime,
    /// Last use.
    #[schemars(with = "String")]
    pub last_seen: EventTime,
    /// Uses, decayed.
    pub weight: f32,
    /// Held out of the baseline since it raised an alert.
    pub quarantined: bool,
}
