//! One identity's incident as a snapshot holds it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::baseline::Dimension;
use crate::detect::Detectors;
use crate::detect::chain::Opened;
use crate::detect::detector::Axis;
use crate::detect::finding::Severity;
use crate::detect::incident::Incident;
use crate::detect::kept::KeptSignal;
use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

use super::{Error, as_bytes};

#[derive(Serialize, Deserialize)]
pub(super) struct IncidentSnapshot<'a> {
    uid: u128,
    seen: (EventTime, EventTime),
    received: ProcessingTime,
    /// The events behind the signals, each once.
    #[serde(borrow)]
    events: Vec<Bytes<'a>>,
    #[serde(borrow)]
    signals: Vec<SignalSnapshot<'a>>,
    signal_count: u32,
    peaks: [f32; Axis::COUNT],
    extra: f32,
    harmless: f32,
    /// Each in eight bytes, little end first.
    #[serde(borrow, serialize_with = "as_bytes")]
    distinct: Cow<'a, [u8]>,
    sequence: u32,
    reported_bits: f32,
    reported_severity: Option<Severity>,
    is_closed: bool,
    #[serde(borrow)]
    held: Vec<(Dimension, Bytes<'a>, EventTime)>,
    gravest: (Severity, EventTime),
    accepted_as: Vec<u64>,
    told_until: EventTime,
    went_on: EventTime,
    reminders: u8,
    opened: Vec<Opened>,
    inherited: u16,
    looked: (u32, u8),
}

#[derive(Serialize, Deserialize)]
struct SignalSnapshot<'a> {
    detector_id: &'a str,
    gives_control: bool,
    bits: f32,
    peak: f32,
    #[serde(borrow)]
    words: Bytes<'a>,
    time: EventTime,
    /// Which of the events.
    event: u8,
}

#[derive(Serialize, Deserialize)]
struct Bytes<'a>(#[serde(serialize_with = "as_bytes")] &'a [u8]);

impl<'a> IncidentSnapshot<'a> {
    pub(super) fn of(incident: &'a Incident) -> Self {
        let mut events: Vec<&Arc<[u8]>> = Vec::new();
        let signals = incident.signals.iter().map(|signal| SignalSnapshot::of(signal, &mut events)).collect();
        Self {
            uid: incident.uid,
            seen: (incident.first_seen, incident.last_seen),
            received: incident.received,
            signals,
            events: events.into_iter().map(|event| Bytes(event)).collect(),
            signal_count: incident.signal_count,
            peaks: incident.peaks,
            extra: incident.extra,
            harmless: incident.harmless,
            distinct: incident.distinct.iter().flat_map(|known| known.to_le_bytes()).collect(),
            sequence: incident.sequence,
            reported_bits: incident.reported_bits,
            reported_severity: incident.reported_severity,
            is_closed: incident.is_closed,
            held: incident
                .held
                .iter()
                .map(|(at, term, time)| (*at, Bytes(term.as_str().as_bytes()), *time))
                .collect(),
            gravest: incident.gravest,
            accepted_as: incident.accepted_as.to_vec(),
            told_until: incident.told_until,
            went_on: incident.went_on,
            reminders: incident.reminders,
            opened: incident.opened.to_vec(),
            inherited: incident.inherited,
            looked: incident.looked,
        }
    }

    /// Signals of detectors that no longer exist are left out; their weight stays.
    pub(super) fn restore(
        self,
        detectors: &Detectors,
        mut term: impl FnMut(&[u8]) -> Result<(Term, u64), Error>,
    ) -> Result<Incident, Error> {
        let held = self.held.into_iter().map(|(at, value, time)| Ok((at, term(value.0)?.0, time)));
        Ok(Incident {
            uid: self.uid,
            first_seen: self.seen.0,
            last_seen: self.seen.1,
            received: self.received,
            signals: restored(&self.signals, &self.events, detectors),
            signal_count: self.signal_count,
            bits: self.peaks.iter().sum::<f32>() + self.extra + self.harmless,
            peaks: self.peaks,
            extra: self.extra,
            harmless: self.harmless,
            distinct: self.distinct.as_chunks().0.iter().copied().map(u64::from_le_bytes).collect(),
            sequence: self.sequence,
            reported_bits: self.reported_bits,
            reported_severity: self.reported_severity,
            is_closed: self.is_closed,
            held: held.collect::<Result<_, Error>>()?,
            gravest: self.gravest,
            accepted_as: self.accepted_as.into_iter().collect(),
            told_until: self.told_until,
            went_on: self.went_on,
            reminders: self.reminders,
            opened: self.opened.into_iter().collect(),
            inherited: self.inherited,
            looked: self.looked,
        })
    }
}

fn restored(
    signals: &[SignalSnapshot<'_>],
    events: &[Bytes<'_>],
    detectors: &Detectors,
) -> ThinVec<KeptSignal> {
    let events: Vec<Arc<[u8]>> = events.iter().map(|event| event.0.into()).collect();
    let mut kept = ThinVec::with_capacity(signals.len());
    for signal in signals {
        let event = events.get(usize::from(signal.event));
        if let Some((detector, event)) = detectors.get(signal.detector_id).zip(event) {
            kept.push(signal.restore(detector, event));
        }
    }
    kept
}

impl<'a> SignalSnapshot<'a> {
    fn of(signal: &'a KeptSignal, events: &mut Vec<&'a Arc<[u8]>>) -> Self {
        let known = events.iter().position(|event| Arc::ptr_eq(event, signal.event()));
        let event = known.unwrap_or_else(|| {
            events.push(signal.event());
            events.len() - 1
        });
        Self {
            detector_id: &signal.detector.id,
            gives_control: signal.gives_control,
            bits: signal.bits,
            peak: signal.peak,
            words: Bytes(signal.words()),
            time: signal.time,
            event: event as u8,
        }
    }

    fn restore(&self, detector: &Arc<crate::detect::Detector>, event: &Arc<[u8]>) -> KeptSignal {
        KeptSignal::restored(
            (Arc::clone(detector), self.gives_control),
            (self.bits, self.peak),
            self.time,
            (self.words.0, Arc::clone(event)),
        )
    }
}
