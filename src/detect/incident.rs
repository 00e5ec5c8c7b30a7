//! Incidents: the signals of one identity, grouped in time, weighed, and reported as they grow.

use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::baseline::Dimension;
use crate::config;
use crate::identity::declared::Criticality;
use crate::term::{Term, stable_hash};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::detector::Axis;
use super::finding::{IncidentReport, MAX_REPORTED_SIGNALS, Severity, Signal, Stage, Subject};
use super::kept::KeptSignal;

/// Bits that make a risk of 50: a release, a move or an upgrade stay below, at most 6 to 8 bits alone and 11 for two at once; one with
/// something that only attackers need does not.
const HALF_RISK_BITS: f32 = 12.8;

/// Days in which the weight of signals that raised nothing halves: someone who goes slowly is seen, and two releases a month
/// apart have nothing to do with each other.
const HALF_LIFE_DAYS: f32 = 5.0;

/// How long signals that raised nothing are remembered after the last one: three half-lives, an eighth of their weight.
const PENDING_MS: i64 = 15 * DAY_MS;

/// Most that facts and sensitive actions add up to, so that one long incident cannot overflow what a risk can tell.
const MAX_EXTRA_BITS: f32 = 60.0;

/// Bits by which an incident must grow before it is reported again: a thousandfold.
const UPDATE_BITS: f32 = 10.0;

/// Bits that must be new for a closed incident to come back: more of the same is known.
const REOPEN_BITS: f32 = 6.0;

/// Quiet after which what comes is another incident: days later, somebody looks anew.
const SUCCESSOR_MS: i64 = 2 * DAY_MS;

/// Reports of one incident's growth. Beyond it the incident only closes: whoever works on it knows by now.
const MAX_UPDATES: u32 = 10;

/// Distinct signals told apart within one incident; further ones weigh each time they come, so that nobody can hide behind many.
const MAX_DISTINCT: usize = 256;

/// Signals kept of an incident that is not open: one in three identities has one, most of which never open.
const MAX_KEPT_SIGNALS: usize = 5;

/// New values remembered of an incident that is not open yet. It opens after two or three signals.
pub const MAX_HELD: usize = 64;

/// Settings of incidents, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    open_risk: u8,
    /// Threshold that the alert budget asks for; not below `open_risk`.
    budget_risk: u8,
    quiet_ms: i64,
    memory_ms: i64,
}

impl Settings {
    /// From the configuration.
    #[must_use]
    pub fn new(detection: &config::Detection) -> Self {
        let quiet_ms = i64::try_from(detection.incident_quiet.as_millis()).unwrap_or(i64::MAX);
        let memory_ms = i64::from(detection.quarantine_days) * DAY_MS;
        Self {
            open_risk: detection.incident_risk,
            budget_risk: detection.incident_risk,
            quiet_ms,
            memory_ms: memory_ms.max(quiet_ms),
        }
    }

    /// The same with the threshold that the alert budget asks for.
    #[must_use]
    pub fn with_threshold(self, risk: u8) -> Self {
        Self { budget_risk: risk.max(self.open_risk), ..self }
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
    pub signals: ThinVec<KeptSignal>,
    /// How many signals there were.
    pub signal_count: u32,
    /// Weight of the distinct signals, in bits: the strongest surprise of each axis, and all that adds up.
    pub bits: f32,
    /// Strongest surprise by axis.
    pub peaks: [f32; Axis::COUNT],
    /// What adds up.
    pub extra: f32,
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
            peaks: [0.0; Axis::COUNT],
            extra: 0.0,
            distinct: ThinVec::new(),
            sequence: 0,
            reported_bits: 0.0,
            reported_severity: None,
            is_closed: false,
            held: ThinVec::new(),
        }
    }

    /// The incident that a signal of this event belongs to: this one, or after some days of quiet one that follows it and
    /// remembers what it said, so that more of the same says nothing.
    #[must_use]
    pub fn at(
        mut self: Box<Self>,
        identity_id: &str,
        event: (EventTime, ProcessingTime),
        key: u128,
    ) -> Box<Self> {
        if !self.is_closed || event.0.millis_since(self.last_seen) < SUCCESSOR_MS {
            return self;
        }
        let distinct = std::mem::take(&mut self.distinct);
        Box::new(Self { distinct, ..Self::begin(identity_id, event, key) })
    }

    /// Takes in a signal. One that says the same as an earlier one adds to the count and not to the weight; of those that speak
    /// of one kind of change, the most surprising counts. A signal's weight becomes what it added.
    pub fn add(&mut self, mut signal: Signal, received: ProcessingTime) {
        self.fade(signal.time);
        self.signal_count = self.signal_count.saturating_add(1);
        self.first_seen = self.first_seen.min(signal.time);
        self.last_seen = self.last_seen.max(signal.time);
        self.received = self.received.max(received);
        let fingerprint = fingerprint(&signal);
        if self.distinct.contains(&fingerprint) {
            self.grow_volume(&signal);
            return;
        }
        if self.distinct.len() < MAX_DISTINCT {
            self.distinct.reserve_exact(1);
            self.distinct.push(fingerprint);
        }
        signal.bits = self.weigh(&signal);
        let most = if self.is_open() { MAX_REPORTED_SIGNALS } else { MAX_KEPT_SIGNALS };
        let place = self.signals.partition_point(|other| other.bits >= signal.bits);
        if place < most {
            self.signals.truncate(most - 1);
            self.signals.reserve_exact(1);
            let kept = KeptSignal::beside(&self.signals, &signal);
            self.signals.insert(place, kept);
        }
    }

    /// Adds a signal's weight; returns by how much the incident's weight grew.
    fn weigh(&mut self, signal: &Signal) -> f32 {
        let before = self.bits;
        let peak = &mut self.peaks[signal.detector.rule.axis() as usize];
        *peak = peak.max(signal.peak);
        self.extra = (self.extra + (signal.bits - signal.peak).max(0.0)).min(MAX_EXTRA_BITS);
        self.sum_up();
        self.bits - before
    }

    /// A burst goes on: it says the same, and more loudly.
    fn grow_volume(&mut self, signal: &Signal) {
        if signal.detector.rule.axis() != Axis::Volume {
            return;
        }
        let grown = self.weigh(&Signal { bits: signal.peak, ..signal.clone() });
        let same = self.signals.iter_mut().find(|other| other.detector.id == signal.detector.id);
        if let Some(same) = same.filter(|_| grown > 0.0) {
            *same = KeptSignal::beside(&[], &Signal { bits: same.bits + grown, ..signal.clone() });
            self.signals.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        }
    }

    fn sum_up(&mut self) {
        self.bits = self.peaks.iter().sum::<f32>() + self.extra;
    }

    /// Lets what raised nothing fade until `time`, the time of what is added next.
    pub fn fade(&mut self, time: EventTime) {
        let passed_ms = time.millis_since(self.last_seen);
        if self.sequence > 0 || passed_ms <= 0 {
            return;
        }
        let left = (-(passed_ms as f32 / DAY_MS as f32) / HALF_LIFE_DAYS).exp2();
        self.peaks.iter_mut().for_each(|peak| *peak *= left);
        self.extra *= left;
        self.last_seen = time;
        self.sum_up();
    }

    /// The highest threshold at which it would open: its risk, and any where it is grave. The alert budget never hides what is
    /// of high severity before the identity's criticality is looked at.
    #[must_use]
    pub fn reach(&self, floor: u8) -> u8 {
        let is_grave = self.risk() >= floor && self.severity(Criticality::Medium) >= Severity::High;
        if is_grave { 100 } else { self.risk() }
    }

    /// Remembers what was new, to hold it out of the baseline should the incident open. Where there is too much, the oldest goes.
    pub fn hold(&mut self, dimension: Dimension, term: Term, time: EventTime) {
        if self.held.iter().any(|(of, known, _)| *of == dimension && *known == term) {
            return;
        }
        if self.held.len() >= MAX_HELD {
            self.held.remove(0);
        }
        self.held.reserve_exact(1);
        self.held.push((dimension, term, time));
    }

    /// Risk, 0 to 100: 50 at 12.8 bits, 75 at 25.6, nearing 100.
    #[must_use]
    pub fn risk(&self) -> u8 {
        (100.0 * (1.0 - (-self.bits / HALF_RISK_BITS).exp2())).round() as u8
    }

    /// Lets a closed incident come back with the next signal, as if none of it had been reported.
    pub fn reopen(&mut self) {
        self.reported_bits = 0.0;
    }

    /// Whether it was reported, and not closed since.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.sequence > 0 && !self.is_closed
    }

    /// When something is to be done about it if nothing is added: closed after the quiet time, forgotten after the
    /// quarantine. What was never reported is forgotten when it has faded.
    #[must_use]
    pub fn due_at(&self, settings: Settings) -> ProcessingTime {
        self.received.plus_millis(match self.sequence {
            0 => PENDING_MS,
            _ if self.is_closed => settings.memory_ms,
            _ => settings.quiet_ms,
        })
    }

    /// The report that is due now, if any: when it opens, when it has grown enough, and when it comes back after its close.
    pub fn next_report(&mut self, subject: &Subject, settings: Settings) -> Option<IncidentReport> {
        let severity = self.severity(subject.criticality);
        let stage = match self.sequence {
            0 if self.reach(settings.open_risk) >= settings.budget_risk => Stage::Create,
            0 => return None,
            _ if self.is_closed && self.bits < self.reported_bits + REOPEN_BITS => return None,
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
        let base = self.signals.iter().map(KeptSignal::severity).max().unwrap_or(Severity::Low);
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
        let report = IncidentReport {
            uid: format!("{:032x}", self.uid),
            stage,
            sequence: self.sequence,
            found_at,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            signals: self.signals.iter().map(KeptSignal::unpacked).collect(),
            signal_count: self.signal_count,
            risk: self.risk(),
            severity,
            confidence: self.confidence(),
            message: super::message::of_incident(self, &subject, stage),
            settlement: None,
            subject,
        };
        if self.is_closed {
            self.signals.truncate(MAX_KEPT_SIGNALS);
            self.signals.shrink_to_fit();
        }
        report
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

/// What makes two signals say the same: the detector and what it saw, but for facts and volumes only the detector.
#[must_use]
pub fn fingerprint(signal: &Signal) -> u64 {
    use super::detector::Rule;
    match signal.detector.rule {
        Rule::Burst { .. }
        | Rule::HumanUse { .. }
        | Rule::Dormancy { .. }
        | Rule::Retired { .. }
        | Rule::OffHours { .. } => stable_hash(&signal.detector.id),
        _ => stable_hash(&format!("{}\0{}", signal.detector.id, signal.observed)),
    }
}
