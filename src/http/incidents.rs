//! `/api/v1/incidents`: what this instance holds, below the threshold or above it, as JSON.

use serde::{Deserialize, Serialize};

use crate::detect::chain::Opened;
use crate::monitor::{HeldIncident, HeldSignal, IncidentFilter, IncidentState};
use crate::wire::clip;

use super::backend::Backend;
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
    chain: Option<String>,
    limit: Option<usize>,
}

/// What to list.
pub(super) struct IncidentsQuery {
    filter: IncidentFilter,
    /// All that credentials join with that of this identity or uid.
    chain: Option<String>,
    limit: usize,
}

impl IncidentsQuery {
    /// The answer.
    pub(super) fn answer(&self, backend: &dyn Backend) -> Incidents {
        let Self { filter, chain, limit } = self;
        let found = match chain {
            None => backend.incidents(filter, *limit),
            Some(of) => backend.chain(of, filter, *limit),
        };
        Incidents { incidents: found.into_iter().map(Incident::from).collect() }
    }
}

impl IncidentsParams {
    /// What to list, and how many.
    pub(super) fn query(self) -> Result<IncidentsQuery, Problem> {
        let Self { state, min_risk, identity, chain, limit } = self;
        let limit = match limit {
            Some(0) => return Err(Problem::bad_request(format!("`limit` is 1 to {MAX_LIMIT}"))),
            limit => limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
        };
        let min_risk = min_risk.unwrap_or_default();
        if min_risk > 100 {
            return Err(Problem::bad_request("`min_risk` is 0 to 100"));
        }
        if identity.is_some() && chain.is_some() {
            return Err(Problem::bad_request(
                "`identity` or `chain`, not both: a chain is of several identities",
            ));
        }
        let filter = IncidentFilter { state, min_risk, identity, ..IncidentFilter::default() };
        Ok(IncidentsQuery { filter, chain, limit })
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
    issued: Vec<Issued>,
    used: Vec<String>,
}

/// A credential that the incident gave out.
#[derive(Serialize)]
struct Issued {
    credential: String,
    session: Option<String>,
    target: Option<String>,
    action: String,
    time: String,
}

#[derive(Serialize)]
struct Signal {
    detector: String,
    reason: String,
    bits: f32,
    time: String,
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
            issued: held.issued.into_iter().map(Issued::from).collect(),
            used: held.used,
        }
    }
}

impl From<Opened> for Issued {
    fn from(opened: Opened) -> Self {
        let Opened { credential, session, target, action, time, .. } = opened;
        Self { credential, session, target, action, time: time.to_rfc3339() }
    }
}

impl From<HeldSignal> for Signal {
    fn from(held: HeldSignal) -> Self {
        let HeldSignal { detector, reason, bits, time } = held;
        Self { detector, reason: clip(&reason), bits, time: time.to_rfc3339() }
    }
}
