//! One identity's incident as a snapshot holds it.

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::baseline::Dimension;
use crate::detect::Detectors;
use crate::detect::chain::Opened;
use crate::detect::detector::Axis;
use crate::detect::finding::{EventEvidence, Severity, Signal};
use crate::detect::incident::Incident;
use crate::term::Interner;
use crate::time::{EventTime, ProcessingTime};

#[derive(Serialize, Deserialize)]
pub(super) struct IncidentSnapshot {
    uid: u128,
    seen: (EventTime, EventTime),
    received: ProcessingTime,
    signals: Vec<SignalSnapshot>,
    signal_count: u32,
    peaks: [f32; Axis::COUNT],
    extra: f32,
    harmless: f32,
    distinct: Vec<u64>,
    sequence: u32,
    reported_bits: f32,
    reported_severity: Option<Severity>,
    is_closed: bool,
    held: Vec<(Dimension, String, EventTime)>,
    gravest: (Severity, EventTime),
    accepted_as: Vec<u64>,
    told_until: EventTime,
    went_on: EventTime,
    reminders: u8,
    opened: Vec<Opened>,
}

#[derive(Serialize, Deserialize)]
struct SignalSnapshot {
    detector_id: String,
    bits: f32,
    peak: f32,
    reason: String,
    expected: String,
    observed: String,
    time: EventTime,
    evidence: EventEvidence,
    size: u32,
}

impl IncidentSnapshot {
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            uid: incident.uid,
            seen: (incident.first_seen, incident.last_seen),
            received: incident.received,
            signals: incident.signals.iter().map(SignalSnapshot::of).collect(),
            signal_count: incident.signal_count,
            peaks: incident.peaks,
            extra: incident.extra,
            harmless: incident.harmless,
            distinct: incident.distinct.to_vec(),
            sequence: incident.sequence,
            reported_bits: incident.reported_bits,
            reported_severity: incident.reported_severity,
            is_closed: incident.is_closed,
            held: incident.held.iter().map(|(at, term, time)| (*at, term.to_string(), *time)).collect(),
            gravest: incident.gravest,
            accepted_as: incident.accepted_as.to_vec(),
            told_until: incident.told_until,
            went_on: incident.went_on,
            reminders: incident.reminders,
            opened: incident.opened.to_vec(),
        }
    }

    /// Signals of detectors that no longer exist are left out; their weight stays.
    pub(super) fn restore(self, terms: &Interner, detectors: &Detectors) -> Incident {
        let signals: ThinVec<Signal> =
            self.signals.into_iter().filter_map(|signal| signal.restore(detectors)).collect();
        Incident {
            uid: self.uid,
            first_seen: self.seen.0,
            last_seen: self.seen.1,
            received: self.received,
            signals,
            signal_count: self.signal_count,
            bits: self.peaks.iter().sum::<f32>() + self.extra + self.harmless,
            peaks: self.peaks,
            extra: self.extra,
            harmless: self.harmless,
            distinct: self.distinct.into_iter().collect(),
            sequence: self.sequence,
            reported_bits: self.reported_bits,
            reported_severity: self.reported_severity,
            is_closed: self.is_closed,
            held: self.held.iter().map(|(at, value, time)| (*at, terms.intern(value), *time)).collect(),
            gravest: self.gravest,
            accepted_as: self.accepted_as.into_iter().collect(),
            told_until: self.told_until,
            went_on: self.went_on,
            reminders: self.reminders,
            opened: self.opened.into_iter().collect(),
        }
    }
}

impl SignalSnapshot {
    fn of(signal: &Signal) -> Self {
        Self {
            detector_id: signal.detector.id.clone(),
            bits: signal.bits,
            peak: signal.peak,
            reason: signal.reason.clone(),
            expected: signal.expected.clone(),
            observed: signal.observed.clone(),
            time: signal.time,
            evidence: signal.evidence.clone(),
            size: signal.size,
        }
    }

    fn restore(self, detectors: &Detectors) -> Option<Signal> {
        Some(Signal {
            detector: detectors.get(&self.detector_id)?.clone(),
            bits: self.bits,
            peak: self.peak,
            harmless: 0.0,
            reason: self.reason,
            expected: self.expected,
            observed: self.observed,
            size: self.size,
            time: self.time,
            evidence: self.evidence,
        })
    }
}
