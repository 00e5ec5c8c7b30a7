//! One identity's state as a snapshot holds it, version 1.
//!
//! Fields are only ever added behind a new version: postcard has no names, the order is the format.

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::activity::{Classification, Kind};
use crate::baseline::hours::HourProfile;
use crate::baseline::novelty::Innovation;
use crate::baseline::rate::HourlyRate;
use crate::baseline::recent::Recent;
use crate::baseline::terms::{TermEntry, TermSet};
use crate::baseline::usage::Usage;
use crate::baseline::{Behaviour, Dimension};
use crate::detect::Detectors;
use crate::detect::finding::{EventEvidence, Severity, Signal};
use crate::detect::incident::Incident;
use crate::identity::Declared;
use crate::monitor::identity::{IdentityState, Published, UnusedFinding};
use crate::term::Interner;
use crate::text::Text;
use crate::time::{EventTime, ProcessingTime};

use super::snapshot::{Error, damaged};

#[derive(Serialize, Deserialize)]
pub(super) struct IdentitySnapshot<'a> {
    #[serde(borrow)]
    unique_id: Option<Text<'a>>,
    unique_id_seen: EventTime,
    kind: Kind,
    classification: Option<Classification>,
    was_non_human: bool,
    declared: Option<Declared>,
    usage: Usage,
    #[serde(borrow)]
    behaviour: BehaviourSnapshot<'a>,
    recent: (Vec<u64>, u8),
    #[serde(borrow)]
    scopes: Vec<Text<'a>>,
    has_more_scopes: bool,
    incident: Option<IncidentSnapshot>,
    unused: Option<UnusedFinding>,
    published: Published,
    due: Option<ProcessingTime>,
}

#[derive(Serialize, Deserialize)]
struct BehaviourSnapshot<'a> {
    activities: u64,
    active_days: f32,
    last_day: u32,
    longest_pause_days: u32,
    #[serde(borrow)]
    terms: Vec<Vec<TermSnapshot<'a>>>,
    innovation: [Innovation; 8],
    rates: (HourlyRate, HourlyRate),
    hours: Vec<u8>,
    error_rate: f32,
    human_since: Option<EventTime>,
    is_human_use_known: bool,
}

#[derive(Serialize, Deserialize)]
struct TermSnapshot<'a> {
    #[serde(borrow)]
    value: Text<'a>,
    first_seen: EventTime,
    /// Milliseconds from first to last use: small, so that it packs well.
    span_ms: i64,
    uses: u32,
    quarantined_at: Option<EventTime>,
}

#[derive(Serialize, Deserialize)]
struct IncidentSnapshot {
    uid: u128,
    seen: (EventTime, EventTime),
    received: ProcessingTime,
    signals: Vec<SignalSnapshot>,
    signal_count: u32,
    bits: f32,
    distinct: Vec<u64>,
    sequence: u32,
    reported_bits: f32,
    reported_severity: Option<Severity>,
    is_closed: bool,
    held: Vec<(Dimension, String, EventTime)>,
}

#[derive(Serialize, Deserialize)]
struct SignalSnapshot {
    detector_id: String,
    bits: f32,
    reason: String,
    expected: String,
    observed: String,
    time: EventTime,
    evidence: EventEvidence,
}

impl<'a> IdentitySnapshot<'a> {
    pub(super) fn of(state: &'a IdentityState) -> Self {
        let (keys, next) = state.recent.parts();
        Self {
            unique_id: state.unique_id.as_ref().map(|term| term.as_str().into()),
            unique_id_seen: state.unique_id_seen,
            kind: state.kind,
            classification: state.classification,
            was_non_human: state.was_non_human,
            declared: state.declared.as_deref().cloned(),
            usage: state.usage.clone(),
            behaviour: BehaviourSnapshot::of(&state.behaviour),
            recent: (keys.to_vec(), next),
            scopes: state.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            has_more_scopes: state.has_more_scopes,
            incident: state.incident.as_deref().map(IncidentSnapshot::of),
            unused: state.unused,
            published: state.published,
            due: state.due,
        }
    }

    pub(super) fn restore(self, terms: &Interner, detectors: &Detectors) -> Result<IdentityState, Error> {
        Ok(IdentityState {
            unique_id: self.unique_id.map(|id| terms.intern(&id)),
            unique_id_seen: self.unique_id_seen,
            kind: self.kind,
            classification: self.classification,
            was_non_human: self.was_non_human,
            declared: self.declared.map(Box::new),
            usage: self.usage,
            behaviour: self.behaviour.restore(terms)?,
            recent: Recent::restored(&self.recent.0, self.recent.1),
            scopes: self.scopes.iter().map(|scope| terms.intern(scope)).collect(),
            has_more_scopes: self.has_more_scopes,
            incident: self.incident.map(|incident| Box::new(incident.restore(terms, detectors))),
            unused: self.unused,
            published: self.published,
            due: self.due,
            is_dirty: false,
            counted: None,
        })
    }
}

impl<'a> BehaviourSnapshot<'a> {
    fn of(behaviour: &'a Behaviour) -> Self {
        Self {
            activities: behaviour.activities,
            active_days: behaviour.active_days,
            last_day: behaviour.last_day,
            longest_pause_days: behaviour.longest_pause_days,
            terms: behaviour.terms.iter().map(|set| set.iter().map(TermSnapshot::of).collect()).collect(),
            innovation: behaviour.innovation,
            rates: (behaviour.rate, behaviour.denied_rate),
            hours: behaviour.hours.as_bytes().to_vec(),
            error_rate: behaviour.error_rate,
            human_since: behaviour.human_since,
            is_human_use_known: behaviour.is_human_use_known,
        }
    }

    fn restore(self, terms: &Interner) -> Result<Behaviour, Error> {
        let sets: Vec<TermSet> = self.terms.into_iter().map(|set| restored_set(set, terms)).collect();
        Ok(Behaviour {
            activities: self.activities,
            active_days: self.active_days,
            last_day: self.last_day,
            longest_pause_days: self.longest_pause_days,
            terms: sets.try_into().map_err(|_| damaged("wrong number of dimensions"))?,
            innovation: self.innovation,
            rate: self.rates.0,
            denied_rate: self.rates.1,
            hours: HourProfile::restored(&self.hours),
            error_rate: self.error_rate,
            human_since: self.human_since,
            is_human_use_known: self.is_human_use_known,
        })
    }
}

fn restored_set(values: Vec<TermSnapshot<'_>>, terms: &Interner) -> TermSet {
    let mut set = TermSet::default();
    for value in values {
        let seen = (value.first_seen, value.first_seen.plus_millis(value.span_ms));
        set.restore(TermEntry::restored(terms.intern(&value.value), seen, value.uses, value.quarantined_at));
    }
    set
}

impl<'a> TermSnapshot<'a> {
    fn of(entry: &'a TermEntry) -> Self {
        Self {
            value: entry.term.as_str().into(),
            first_seen: entry.first_seen,
            span_ms: entry.last_seen.millis_since(entry.first_seen),
            uses: entry.uses,
            quarantined_at: entry.quarantined_at,
        }
    }
}

impl IncidentSnapshot {
    fn of(incident: &Incident) -> Self {
        Self {
            uid: incident.uid,
            seen: (incident.first_seen, incident.last_seen),
            received: incident.received,
            signals: incident.signals.iter().map(SignalSnapshot::of).collect(),
            signal_count: incident.signal_count,
            bits: incident.bits,
            distinct: incident.distinct.to_vec(),
            sequence: incident.sequence,
            reported_bits: incident.reported_bits,
            reported_severity: incident.reported_severity,
            is_closed: incident.is_closed,
            held: incident.held.iter().map(|(at, term, time)| (*at, term.to_string(), *time)).collect(),
        }
    }

    /// Signals of detectors that no longer exist are left out; their weight stays.
    fn restore(self, terms: &Interner, detectors: &Detectors) -> Incident {
        let signals: ThinVec<Signal> =
            self.signals.into_iter().filter_map(|signal| signal.restore(detectors)).collect();
        Incident {
            uid: self.uid,
            first_seen: self.seen.0,
            last_seen: self.seen.1,
            received: self.received,
            signals,
            signal_count: self.signal_count,
            bits: self.bits,
            distinct: self.distinct.into_iter().collect(),
            sequence: self.sequence,
            reported_bits: self.reported_bits,
            reported_severity: self.reported_severity,
            is_closed: self.is_closed,
            held: self.held.iter().map(|(at, value, time)| (*at, terms.intern(value), *time)).collect(),
        }
    }
}

impl SignalSnapshot {
    fn of(signal: &Signal) -> Self {
        Self {
            detector_id: signal.detector.id.clone(),
            bits: signal.bits,
            reason: signal.reason.clone(),
            expected: signal.expected.clone(),
            observed: signal.observed.clone(),
            time: signal.time,
            evidence: signal.evidence.clone(),
        }
    }

    fn restore(self, detectors: &Detectors) -> Option<Signal> {
        Some(Signal {
            detector: detectors.get(&self.detector_id)?.clone(),
            bits: self.bits,
            reason: self.reason,
            expected: self.expected,
            observed: self.observed,
            time: self.time,
            evidence: self.evidence,
        })
    }
}
