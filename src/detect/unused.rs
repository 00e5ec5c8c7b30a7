//! Reports on identities that nobody uses: one finding for each identity and transition.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use crate::time::{EventTime, ProcessingTime};

use super::detector::Detector;
use super::finding::{EventEvidence, IncidentReport, Severity, Signal, Stage, Subject};
use super::message;

/// Confidence in a finding about use: the coverage proves it.
const CONFIDENCE: u8 = 95;

/// Risk of an unused identity: a standing one, far below that of an attack under way.
const RISK: u8 = 20;

impl IncidentReport {
    /// The report that an identity is proven unused. `since` names the last use (1970 where there was none) and with it
    /// the finding.
    #[must_use]
    pub fn unused(
        detector: &Arc<Detector>,
        subject: Subject,
        unused_days: u32,
        (since, last_seen): (EventTime, Option<EventTime>),
        now: ProcessingTime,
    ) -> Self {
        let last = last_seen.map(|last| last.to_utc().format("%Y-%m-%d").to_string());
        let message = message::of_unused(&subject, unused_days, last.as_deref());
        let signal = Signal {
            detector: Arc::clone(detector),
            bits: 0.0,
            reason: message.clone(),
            expected: "used within its window".into(),
            observed: format!("{unused_days} covered days without use"),
            time: EventTime::from_millis(now.millis()),
            evidence: EventEvidence::default(),
        };
        Self {
            uid: uid(detector, &subject, since),
            stage: Stage::Create,
            sequence: 1,
            found_at: now,
            first_seen: if last_seen.is_some() { since } else { EventTime::from_millis(now.millis()) },
            last_seen: EventTime::from_millis(now.millis()),
            signals: vec![signal],
            signal_count: 1,
            risk: RISK,
            severity: detector.severity.min(Severity::Low),
            confidence: CONFIDENCE,
            message,
            subject,
        }
    }

    /// The report that ends the finding: the identity is in use again.
    #[must_use]
    pub fn used_again(
        detector: &Arc<Detector>,
        subject: Subject,
        since: EventTime,
        now: ProcessingTime,
    ) -> Self {
        let message = message::of_use_again(&subject);
        let opened = Self::unused(detector, subject, 0, (since, Some(since)), now);
        let signals = opened
            .signals
            .into_iter()
            .map(|signal| Signal { reason: message.clone(), observed: "a new use".into(), ..signal })
            .collect();
        Self { stage: Stage::Close, sequence: 2, message, signals, ..opened }
    }
}

fn uid(detector: &Detector, subject: &Subject, since: EventTime) -> String {
    let seed = format!("{}\0{}\0{}", detector.id, subject.identity_id, since.millis());
    format!("{:032x}", xxh3_128(seed.as_bytes()))
}
