//! `/api/v1/identities`: identities as JSON.

use serde::Serialize;

use crate::baseline::profile::{Runs, TermList, TermUse};
use crate::baseline::{LastSeen, Profile};
use crate::monitor::feedback::{Entry, Scope, Verdict};
use crate::time::EventTime;
use crate::wire::LastSeenRecord;

/// One page of identities.
#[derive(Serialize)]
pub(super) struct Page {
    /// As the inventory topic carries them.
    identities: Vec<LastSeenRecord>,
    /// Value of `after` for the next page; `null` on the last.
    next: Option<String>,
}

impl Page {
    /// A page of at most `limit` of these, of which there may be one more.
    pub(super) fn new(mut found: Vec<LastSeen>, limit: usize) -> Self {
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| last.identity_id.clone());
        Self { identities: found.iter().map(LastSeenRecord::from).collect(), next }
    }
}

/// One identity with its baseline.
#[derive(Serialize)]
pub(super) struct Identity {
    #[serde(flatten)]
    last_seen: LastSeenRecord,
    baseline: Baseline,
    /// What analysts said that was not taken back, oldest first; it may have expired.
    feedback: Vec<Said>,
}

/// One verdict of an analyst. Who gave it and why is in the topic.
#[derive(Serialize)]
struct Said {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detector: Option<String>,
    at: String,
    until: Option<String>,
}

/// A [`Profile`] with its times as RFC 3339.
#[derive(Serialize)]
struct Baseline {
    activities: u64,
    activities_per_day: f64,
    error_rate: f64,
    hour_of_week: Vec<f32>,
    terms: Vec<Dimension>,
    /// The clock on which it runs; `null` where there is none.
    runs: Option<Running>,
    open_incident: Option<String>,
    risk: u8,
}

/// [`Runs`] with its time as RFC 3339.
#[derive(Serialize)]
struct Running {
    usual_hours: f64,
    longest_hours: f64,
    count: u32,
    last_start: String,
}

#[derive(Serialize)]
struct Dimension {
    dimension: &'static str,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    value: String,
    first_seen: String,
    last_seen: String,
    weight: f32,
    quarantined: bool,
}

impl Identity {
    /// From what a view gives.
    pub(super) fn new((last_seen, profile): (LastSeen, Profile), verdicts: &[Entry]) -> Self {
        let feedback = verdicts.iter().map(Said::from).collect();
        Self { last_seen: LastSeenRecord::from(&last_seen), baseline: profile.into(), feedback }
    }
}

impl From<&Entry> for Said {
    fn from(entry: &Entry) -> Self {
        let (incident_uid, detector) = match &entry.scope {
            Scope::Identity => (None, None),
            Scope::Incident(uid) => (Some(format!("{uid:032x}")), None),
            Scope::Detector(id) => (None, Some(id.clone())),
        };
        let (at, until) = (entry.at.to_rfc3339(), entry.until.map(EventTime::to_rfc3339));
        Self { verdict: entry.verdict, incident_uid, detector, at, until }
    }
}

impl From<Profile> for Baseline {
    fn from(profile: Profile) -> Self {
        Self {
            activities: profile.activities,
            activities_per_day: profile.activities_per_day,
            error_rate: profile.error_rate,
            hour_of_week: profile.hour_of_week,
            terms: profile.terms.into_iter().map(Dimension::from).collect(),
            runs: profile.runs.map(Running::from),
            open_incident: profile.open_incident,
            risk: profile.risk,
        }
    }
}

impl From<Runs> for Running {
    fn from(runs: Runs) -> Self {
        let Runs { usual_hours, longest_hours, count, last_start } = runs;
        Self { usual_hours, longest_hours, count, last_start: last_start.to_rfc3339() }
    }
}

impl From<TermList> for Dimension {
    fn from(list: TermList) -> Self {
        Self { dimension: list.dimension, values: list.values.into_iter().map(Value::from).collect() }
    }
}

impl From<TermUse> for Value {
    fn from(term: TermUse) -> Self {
        let (first_seen, last_seen) = (term.first_seen.to_rfc3339(), term.last_seen.to_rfc3339());
        Self { value: term.value, first_seen, last_seen, weight: term.weight, quarantined: term.quarantined }
    }
}
