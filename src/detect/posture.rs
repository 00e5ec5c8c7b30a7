//! Reports that state a fact about how things stand, rather than what somebody did: posture findings.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::time::{EventTime, ProcessingTime};

use super::detector::Detector;
use super::finding::{EventEvidence, IncidentReport, Severity, Signal, Stage, Subject};

/// What a posture finding says.
#[derive(Clone, Debug)]
pub(super) struct Posture {
    /// Whether it opens or ends.
    pub(super) stage: Stage,
    /// What tells it from other findings of the same family about the same subject.
    pub(super) key: String,
    /// Since when it is so, where that is known.
    pub(super) since: Option<EventTime>,
    /// What happened, in a sentence that stands alone.
    pub(super) message: String,
    /// What should be.
    pub(super) expected: String,
    /// What is.
    pub(super) observed: String,
    /// Risk, 0 to 100: a standing one.
    pub(super) risk: u8,
    /// Severity it has at most.
    pub(super) at_most: Severity,
    /// How sure it is, 0 to 100.
    pub(super) confidence: u8,
}

impl Posture {
    /// The report of it.
    ///
    /// It is named by what was found and not by which detector found it: should another take over before it ends, the end is
    /// still of the same finding.
    pub(super) fn report(
        self,
        detector: &Arc<Detector>,
        subject: Subject,
        now: ProcessingTime,
    ) -> IncidentReport {
        let time = EventTime::from_millis(now.millis());
        let seed = format!("{}\0{}\0{}", detector.rule.family(), subject.identity_id, self.key);
        let signal = Signal {
            detector: Arc::clone(detector),
            bits: 0.0,
            peak: 0.0,
            harmless: 0.0,
            reason: self.message.clone(),
            expected: self.expected,
            observed: self.observed,
            size: 0,
            time,
            evidence: EventEvidence::default(),
        };
        IncidentReport {
            uid: format!("{:032x}", xxh3_128(seed.as_bytes())),
            stage: self.stage,
            sequence: if self.stage == Stage::Create { 1 } else { 2 },
            found_at: now,
            first_seen: self.since.unwrap_or(time),
            last_seen: time,
            signals: vec![signal],
            signal_count: 1,
            risk: self.risk,
            severity: detector.severity.min(self.at_most),
            confidence: self.confidence,
            message: self.message,
            opened: Vec::new(),
            settlement: None,
            subject,
        }
    }
}
