//! Incidents: the signals of one identity, grouped in time, weighed, and reported as they grow.

use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::baseline::Dimension;
use crate::config;
use crate::identity::declared::Criticality;
use crate::term::{Term, stable_hash};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::finding::{IncidentReport, MAX_REPORTED_SIGNALS, Severity, Signal, Stage, Subject};

/// Bits that make a risk of 50: about the surprise of a one-in-a-thousand event.
const HALF_RISK_BITS: f32 = 10.0;

/// Bits by which an incident must grow before it is reported again: a thousandfold.
const UPDATE_BITS: f32 = 10.0;

/// Reports of one incident's growth. Beyond it the incident only closes: whoever works on it knows by now.
const MAX_UPDATES: u32 = 10;

/// Distinct signals told apart within one incident; further ones count as repeats of what is known.
const MAX_DISTINCT: usize = 256;

/// New values remembered of an incident that is not open yet. It opens after two or three signals.
pub const MAX_HELD: usize = 64;

/// Settings of incidents, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    open_risk: u8,
    quiet_ms: i64,
    memory_ms: i64,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(detection: &config::Detection) -> Self {
        let quiet_ms = i64::try_from(detection.incident_quiet.as_millis()).unwrap_or(i64::MAX);
        let memory_ms = i64::from(detection.quarantine_days) * DAY_MS;
        Self { open_risk: detection.incident_risk, quiet_ms, memory_ms: memory_ms.max(quiet_ms) }
    }
}

/// Signals of one identity that belong together.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Deterministic id.
    pub uid: u128,
    /// Event time of the first signal.
    pub first_seen: EventTime,
    /// Event time of the last signal.
    pub last_seen: EventTime,
    /// Reception of the newest signal's record.
    pub received: ProcessingTime,
    /// Weightiest signals, heaviest first.
    pub signals: ThinVec<Signal>,
    /// How many signals there were.
    pub signal_count: u32,
    /// Weight of the distinct signals, in bits.
    pub bits: f32,
    /// Fingerprints of the signals told apart.
    pub distinct: ThinVec<u64>,
    /// Reports made.
    pub sequence: u32,
    /// Weight at the last report.
    pub reported_bits: f32,
    /// Severity at the last report.
    pub reported_severity: Option<Severity>,
    /// Whether it was closed. It is remembered for as long as what it held is kept out of the baseline, so that more of the
    /// same is the old incident again and not a new one.
    pub is_closed: bool,
    /// What was new in its events while it was not open, with the time: held out of the baseline when it opens.
    pub held: ThinVec<(Dimension, Term, EventTime)>,
}

impl Incident {
    /// An incident that begins with an event of this time and reception; `event_key` is the event's dedupe key.
    #[must_use]
    pub fn begin(identity_id: &str, (time, received): (EventTime, ProcessingTime), event_key: u128) -> Self {
        let mut seed = identity_id.as_bytes().to_vec();
        seed.extend_from_slice(&event_key.to_be_bytes());
        Self {
            uid: xxh3_128(&seed),
            first_seen: time,
            last_seen: time,
            received,
            signals: ThinVec::new(),
            signal_count: 0,
            bits: 0.0,
            distinct: ThinVec::new(),
            sequence: 0,
            reported_bits: 0.0,
            reported_severity: None,
            is_closed: false,
            held: ThinVec::new(),
        }
    }

    /// Takes in a signal. One that says the same as an earlier one adds to the count and not to the weight.
    pub fn add(&mut self, signal: Signal, received: ProcessingTime) {
        self.signal_count = self.signal_count.saturating_add(1);
        self.first_seen = self.first_seen.min(signal.time);
        self.last_seen = self.last_seen.max(signal.time);
        self.received = self.received.max(received);
        let fingerprint = fingerprint(&signal);
        if self.distinct.contains(&fingerprint) || self.distinct.len() >= MAX_DISTINCT {
            return;
        }
        self.distinct.push(fingerprint);
        self.bits += signal.bits;
        let place = self.signals.partition_point(|other| other.bits >= signal.bits);
        if place < MAX_REPORTED_SIGNALS {
            self.signals.truncate(MAX_REPORTED_SIGNALS - 1);
            self.signals.insert(place, signal);
        }
    }

    /// Risk, 0 to 100: 50 at 10 bits, 75 at 20, nearing 100.
    #[must_use]
    pub fn risk(&self) -> u8 {
        (100.0 * (1.0 - (-self.bits / HALF_RISK_BITS).exp2())).round() as u8
    }

    /// Whether it was reported, and not closed since.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.sequence > 0 && !self.is_closed
    }

    /// When something is to be done about it if nothing is added: closed after the quiet time, forgotten after the
    /// quarantine. What was never reported is forgotten after the quiet time.
    #[must_use]
    pub fn due_at(&self, settings: Settings) -> ProcessingTime {
        self.received.plus_millis(if self.is_closed { settings.memory_ms } else { settings.quiet_ms })
    }

    /// The report that is due now, if any: when it opens, when it has grown enough, and when it comes back after its close.
    pub fn next_report(&mut self, subject: &Subject, settings: Settings) -> Option<IncidentReport> {
        let severity = self.severity(subject.criticality);
        let stage = match self.sequence {
            0 if self.risk() >= settings.open_risk => Stage::Create,
            0 => return None,
            _ if self.is_closed => Stage::Update,
            sequence if sequence > MAX_UPDATES => return None,
            _ if self.bits >= self.reported_bits + UPDATE_BITS => Stage::Update,
            _ if Some(severity) > self.reported_severity => Stage::Update,
            _ => return None,
        };
        Some(self.report(stage, subject.clone(), self.received))
    }

    /// The report that ends it; `None` where it is not open.
    pub fn close(&mut self, subject: &Subject, settings: Settings) -> Option<IncidentReport> {
        self.is_open().then(|| self.report(Stage::Close, subject.clone(), self.due_at(settings)))
    }

    /// The report that ends it because somebody, for a reason, accepted it; `None` where it is not open.
    pub fn accept(
        &mut self,
        subject: &Subject,
        at: ProcessingTime,
        (by, reason): (&str, &str),
    ) -> Option<IncidentReport> {
        self.is_open().then(|| {
            let mut report = self.report(Stage::Close, subject.clone(), at.max(self.received));
            report.settlement = Some(format!("accepted by {by}: {reason}"));
            report.message = super::message::of_acceptance(subject, by, reason);
            report
        })
    }

    /// Severity: of the gravest signal in it, up one at risk 75 and up one more at risk 90, and up or down one by
    /// how much depends on the identity.
    fn severity(&self, criticality: Criticality) -> Severity {
        let base = self.signals.iter().map(Signal::severity).max().unwrap_or(Severity::Low);
        let risk = self.risk();
        let steps = i32::from(risk >= 75) + i32::from(risk >= 90);
        let by_criticality = match criticality {
            Criticality::Low => -1,
            Criticality::Medium => 0,
            Criticality::High | Criticality::Critical => 1,
        };
        let level = base as i32 + steps + by_criticality;
        Severity::ALL[level.clamp(Severity::Low as i32, Severity::Critical as i32) as usize]
    }

    fn report(&mut self, stage: Stage, subject: Subject, found_at: ProcessingTime) -> IncidentReport {
        let severity = self.severity(subject.criticality);
        self.sequence += 1;
        self.is_closed = stage == Stage::Close;
        self.reported_bits = self.bits;
        self.reported_severity = Some(severity);
        IncidentReport {
            uid: format!("{:032x}", self.uid),
            stage,
            sequence: self.sequence,
            found_at,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            signals: self.signals.to_vec(),
            signal_count: self.signal_count,
            risk: self.risk(),
            severity,
            confidence: self.confidence(),
            message: super::message::of_incident(self, &subject, stage),
            settlement: None,
            subject,
        }
    }

    /// Confidence that it is not benign: independent detectors that agree raise it.
    fn confidence(&self) -> u8 {
        let mut detectors: Vec<&str> =
            self.signals.iter().map(|signal| signal.detector.id.as_str()).collect();
        detectors.sort_unstable();
        detectors.dedup();
        match detectors.len() {
            0 | 1 => 40,
            2 => 65,
            3 => 80,
            _ => 90,
        }
    }
}

/// What makes two signals say the same: the detector and what it saw, but for bursts only the detector.
#[must_use]
pub fn fingerprint(signal: &Signal) -> u64 {
    use super::detector::Rule;
    match signal.detector.rule {
        Rule::Burst { .. } | Rule::HumanUse { .. } | Rule::Dormancy { .. } => {
            stable_hash(&signal.detector.id)
        }
        _ => stable_hash(&format!("{}\0{}", signal.detector.id, signal.observed)),
    }
}
