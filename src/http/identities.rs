//! `/api/v1/identities`: identities as JSON.

use serde::Serialize;

use crate::baseline::profile::{TermList, TermUse};
use crate::baseline::{LastSeen, Profile};
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
}

/// A [`Profile`] with its times as RFC 3339.
#[derive(Serialize)]
struct Baseline {
    activities: u64,
    activities_per_day: f64,
    error_rate: f64,
    hour_of_week: Vec<f32>,
    terms: Vec<Dimension>,
    open_incident: Option<String>,
    risk: u8,
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
    pub(super) fn new((last_seen, profile): (LastSeen, Profile)) -> Self {
        Self { last_seen: LastSeenRecord::from(&last_seen), baseline: profile.into() }
    }
}

impl From<Profile> for Baseline {
    fn from(profile: Profile) -> Self {
        let Profile { activities, activities_per_day, error_rate, hour_of_week, terms, open_incident, risk } =
            profile;
        let terms = terms.into_iter().map(Dimension::from).collect();
        Self { activities, activities_per_day, error_rate, hour_of_week, terms, open_incident, risk }
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
