//! `/api/v1/incidents`: what this instance holds, below the threshold or above it, as JSON.

use serde::{Deserialize, Serialize};

use crate::monitor::{HeldIncident, HeldSignal, IncidentFilter, IncidentState};
use crate::wire::clip;

use super::problem::Problem;

/// Incidents on one answer, where the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// Most of them on one answer: with 16 signals each, whose reasons are cut at 512 characters, some 2 MB of JSON.
const MAX_LIMIT: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentsParams {
    state: Option<IncidentState>,
    min_risk: Option<u8>,
    identity: Option<String>,
    limit: Option<usize>,
}

impl IncidentsParams {
    /// What to list, and how many.
    pub(super) fn query(self) -> Result<(IncidentFilter, usize), Problem> {
        let Self { state, min_risk, identity, limit } = self;
        let limit = match limit {
            Some(0) => return Err(Problem::bad_request(format!("`limit` is 1 to {MAX_LIMIT}"))),
            limit => limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
        };
        let min_risk = min_risk.unwrap_or_default();
        if min_risk > 100 {
            return Err(Problem::bad_request("`min_risk` is 0 to 100"));
        }
        Ok((IncidentFilter { state, min_risk, identity }, limit))
    }
}

/// The answer.
#[derive(Serialize)]
pub(super) struct Incidents {
    incidents: Vec<Incident>,
}

#[derive(Serialize)]
struct Incident {
    uid: String,
    identity_id: String,
    state: IncidentState,
    accepted: bool,
    risk: u8,
    bits: f32,
    first_seen: String,
    last_seen: String,
    signal_count: u32,
    signals: Vec<Signal>,
}

#[derive(Serialize)]
struct Signal {
    detector: String,
    reason: String,
    bits: f32,
    time: String,
}

impl From<Vec<HeldIncident>> for Incidents {
    fn from(held: Vec<HeldIncident>) -> Self {
        Self { incidents: held.into_iter().map(Incident::from).collect() }
    }
}

impl From<HeldIncident> for Incident {
    fn from(held: HeldIncident) -> Self {
        Self {
            uid: held.uid,
            identity_id: held.identity_id,
            state: held.state,
            accepted: held.is_accepted,
            risk: held.risk,
            bits: held.bits,
            first_seen: held.first_seen.to_rfc3339(),
            last_seen: held.last_seen.to_rfc3339(),
            signal_count: held.signal_count,
            signals: held.signals.into_iter().map(Signal::from).collect(),
        }
    }
}

impl From<HeldSignal> for Signal {
    fn from(held: HeldSignal) -> Self {
        let HeldSignal { detector, reason, bits, time } = held;
        Self { detector, reason: clip(&reason), bits, time: time.to_rfc3339() }
    }
}
