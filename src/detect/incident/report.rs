//! When an incident is reported, and what its reports say.

use crate::detect::finding::{IncidentReport, Severity, Stage, Subject};
use crate::detect::kept::KeptSignal;
use crate::identity::declared::Criticality;
use crate::time::{DAY_MS, HOUR_MS, ProcessingTime};

use super::{Incident, MAX_KEPT_SIGNALS, Settings};

/// Bits by which an incident must grow before it is reported again: a thousandfold.
pub(super) const UPDATE_BITS: f32 = 10.0;

/// Bits that must be new for a closed incident to come back: more of the same is known.
const REOPEN_BITS: f32 = 6.0;

/// Reports of one incident's growth. Beyond it the incident only closes: whoever works on it knows by now.
const MAX_UPDATES: u32 = 10;

/// Time after which a fact that goes on is told again: a day, less what a daily job's time may vary. From then on it takes twice
/// as long each time, up to a week: who was told each day of the same would stop reading.
const REMINDER_MS: i64 = 20 * HOUR_MS;
const MAX_REMINDER_MS: i64 = 7 * DAY_MS;
const MAX_DOUBLINGS: u8 = 4;

/// Reports that a reminder brings: itself, and the close after it.
const REPORTS_OF_A_REMINDER: u32 = 2;

impl Incident {
    /// The report that is due now, if any: when it opens, when it has grown enough, when it comes back after its close, and where
    /// no more than a known fact goes on, now and then.
    pub fn next_report(&mut self, subject: &Subject, settings: Settings) -> Option<IncidentReport> {
        if let Some(stage) = self.growth(subject, settings) {
            return Some(self.report(stage, subject.clone(), self.received));
        }
        self.is_reminder_due().then(|| {
            let mut report = self.report(Stage::Update, subject.clone(), self.received);
            self.reminders = self.reminders.saturating_add(1);
            report.message = crate::detect::message::of_reminder(self, subject);
            report
        })
    }

    fn growth(&self, subject: &Subject, settings: Settings) -> Option<Stage> {
        let most = MAX_UPDATES + REPORTS_OF_A_REMINDER * u32::from(self.reminders);
        match self.sequence {
            0 => (self.reach(settings.open_risk) >= settings.budget_risk).then_some(Stage::Create),
            _ if self.is_closed => (self.bits >= self.reported_bits + REOPEN_BITS).then_some(Stage::Update),
            sequence if sequence > most => None,
            _ => {
                let is_grown = self.bits >= self.reported_bits + UPDATE_BITS;
                let is_graver = Some(self.severity(subject.criticality)) > self.reported_severity;
                (is_grown || is_graver).then_some(Stage::Update)
            }
        }
    }

    /// Whether a fact that was told has gone on for so long since that whoever works on it should hear of it again.
    fn is_reminder_due(&self) -> bool {
        let wait_ms = (REMINDER_MS << self.reminders.min(MAX_DOUBLINGS)).min(MAX_REMINDER_MS);
        self.sequence > 0 && self.went_on.millis_since(self.told_until) >= wait_ms
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
            report.message = crate::detect::message::of_acceptance(subject, by, reason);
            report
        })
    }

    /// Severity: of the gravest signal in it, up one at risk 75 and up one more at risk 90, and up or down one by
    /// how much depends on the identity.
    pub(super) fn severity(&self, criticality: Criticality) -> Severity {
        let base = self.gravest.0;
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
        if !self.is_closed {
            self.told_until = self.last_seen;
        }
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
            opened: self.opened.to_vec(),
            risk: self.risk(),
            severity,
            confidence: self.confidence(),
            message: crate::detect::message::of_incident(self, &subject, stage),
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
