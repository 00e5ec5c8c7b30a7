//! Reports on identities that nobody uses: one finding for each identity and transition.

use std::sync::Arc;

use crate::time::{EventTime, ProcessingTime};

use super::detector::Detector;
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::message;
use super::posture::Posture;

/// Confidence in a finding about use: the coverage proves it.
const CONFIDENCE: u8 = 95;

/// Risk of an unused identity: a standing one, far below that of an attack under way.
const RISK: u8 = 20;

/// Why a finding that an identity is unused ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is in use again.
    UsedAgain,
    /// The inventory allows for longer pauses.
    LongerWindow,
    /// It was never used, and the inventory does not declare it any more.
    Withdrawn,
    /// It is retired, or turned out to be of a sort that is not reported.
    NotReported,
    /// There are more identities than are kept, and it was used longest ago.
    Forgotten,
}

impl IncidentReport {
    /// The report that an identity is proven unused. `key` is the last use, where there was one, and the window in days:
    /// together they name the finding.
    #[must_use]
    pub fn unused(
        detector: &Arc<Detector>,
        subject: Subject,
        unused_days: u32,
        key: (Option<EventTime>, u32),
        now: ProcessingTime,
    ) -> Self {
        let last = key.0.map(|last| last.to_utc().format("%Y-%m-%d").to_string());
        let message = message::of_unused(&subject, unused_days, last.as_deref());
        let observed = format!("{unused_days} covered days without use");
        report(detector, subject, (Stage::Create, message, observed), key, now)
    }

    /// The report that ends the finding.
    #[must_use]
    pub fn no_longer_unused(
        detector: &Arc<Detector>,
        subject: Subject,
        ending: Ending,
        key: (Option<EventTime>, u32),
        now: ProcessingTime,
    ) -> Self {
        let message = message::of_ending(&subject, ending);
        let observed = match ending {
            Ending::UsedAgain => "a new use",
            Ending::LongerWindow => "a longer window in the inventory",
            Ending::Withdrawn => "its declaration withdrawn",
            Ending::NotReported => "retired, or not reported any more",
            Ending::Forgotten => "the limit on identities",
        };
        report(detector, subject, (Stage::Close, message, observed.to_owned()), key, now)
    }
}

fn report(
    detector: &Arc<Detector>,
    subject: Subject,
    (stage, message, observed): (Stage, String, String),
    (last_seen, window_days): (Option<EventTime>, u32),
    now: ProcessingTime,
) -> IncidentReport {
    let posture = Posture {
        stage,
        key: format!("{}\0{window_days}", last_seen.map_or(0, EventTime::millis)),
        since: last_seen,
        message,
        expected: format!("used within {window_days} days"),
        observed,
        risk: RISK,
        at_most: Severity::Low,
        confidence: CONFIDENCE,
    };
    posture.report(detector, subject, now)
}
