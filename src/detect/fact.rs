//! Reports of facts: findings that stand or fall by themselves, where behaviour adds up to incidents.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::time::{EventTime, ProcessingTime};

use super::detector::Detector;
use super::finding::{EventEvidence, IncidentReport, Severity, Signal, Stage, Subject};

/// Risk of such a finding: a standing one, far below that of an attack under way.
const RISK: u8 = 20;

/// What is found, or not so any more.
pub(super) struct Fact {
    /// Create or close.
    pub(super) stage: Stage,
    /// What tells this finding from others of the identity and family.
    pub(super) key: String,
    /// Since when it is so.
    pub(super) since: Option<EventTime>,
    /// How sure it is, 0 to 100.
    pub(super) confidence: u8,
    pub(super) message: String,
    pub(super) expected: String,
    pub(super) observed: String,
}

impl Fact {
    /// The report of it.
    pub(super) fn report(
        self,
        detector: &Arc<Detector>,
        subject: Subject,
        now: ProcessingTime,
    ) -> IncidentReport {
        let time = EventTime::from_millis(now.millis());
        let signal = Signal {
            detector: Arc::clone(detector),
            bits: 0.0,
            peak: 0.0,
            reason: self.message.clone(),
            expected: self.expected,
            observed: self.observed,
            time,
            evidence: EventEvidence::default(),
        };
        IncidentReport {
            uid: uid(detector, &subject, &self.key),
            stage: self.stage,
            sequence: if self.stage == Stage::Create { 1 } else { 2 },
            found_at: now,
            first_seen: self.since.unwrap_or(time),
            last_seen: time,
            signals: vec![signal],
            signal_count: 1,
            risk: RISK,
            severity: detector.severity.min(Severity::Low),
            confidence: self.confidence,
            message: self.message,
            settlement: None,
            subject,
        }
    }
}

/// Names the finding by what was found and not by which detector found it: should another take over before it ends, the end
/// is still of the same finding.
fn uid(detector: &Detector, subject: &Subject, key: &str) -> String {
    let seed = format!("{}\0{}\0{key}", detector.rule.family(), subject.identity_id);
    format!("{:032x}", xxh3_128(seed.as_bytes()))
}
