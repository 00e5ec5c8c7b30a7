//! Reports on log sources that fell silent: a pipe that broke, or somebody who stopped the logging.

use std::sync::Arc;

use crate::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};

use super::detector::Detector;
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::message;
use super::posture::Posture;

/// Confidence: that nothing came is certain, why is not.
const CONFIDENCE: u8 = 70;

/// Risk of a silent source: whatever happens behind it is seen by nobody.
const RISK: u8 = 60;

/// A silence of a log source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its newest event before it fell silent.
    pub since: EventTime,
    /// Longest silence that is usual of it, in hours.
    pub usual_hours: u32,
    /// Days from its first report to its newest.
    pub history_days: u32,
    /// How many log sources are missed at the same time, this one among them.
    pub silent: usize,
    /// How many log sources are known well enough to be missed.
    pub known: usize,
}

impl Silence {
    /// Whether most of what is known is silent: then it is the pipe, and not the source.
    #[must_use]
    pub const fn is_of_the_pipe(&self) -> bool {
        self.silent > 1 && self.silent * 2 > self.known
    }
}

impl IncidentReport {
    /// The report that a log source fell silent.
    #[must_use]
    pub fn source_silent(
        detector: &Arc<Detector>,
        scope: &str,
        silence: Silence,
        now: ProcessingTime,
    ) -> Self {
        let hours = (now.millis() - silence.since.millis()) / HOUR_MS;
        let message = message::of_silence(scope, silence, hours);
        let observed = format!("no record for {hours} hours");
        report(
            detector,
            scope,
            (Stage::Create, message, observed),
            (silence.since, Some(silence.usual_hours)),
            now,
        )
    }

    /// The report that ends it: the source has been silent for so long that it is not known any more.
    #[must_use]
    pub fn source_forgotten(
        detector: &Arc<Detector>,
        scope: &str,
        since: EventTime,
        now: ProcessingTime,
    ) -> Self {
        let days = (now.millis() - since.millis()) / DAY_MS;
        let message = message::of_forgotten_source(scope, since, days);
        let observed = format!("no record for {days} days");
        report(detector, scope, (Stage::Close, message, observed), (since, None), now)
    }

    /// The report that ends it: the source reports again, from `resumed` on.
    #[must_use]
    pub fn source_resumed(
        detector: &Arc<Detector>,
        scope: &str,
        (since, resumed): (EventTime, EventTime),
        now: ProcessingTime,
    ) -> Self {
        let message = message::of_resumption(scope, since, resumed);
        let observed = format!("a record of {}", resumed.to_rfc3339());
        report(detector, scope, (Stage::Close, message, observed), (since, None), now)
    }
}

fn report(
    detector: &Arc<Detector>,
    scope: &str,
    (stage, message, observed): (Stage, String, String),
    (since, usual_hours): (EventTime, Option<u32>),
    now: ProcessingTime,
) -> IncidentReport {
    let expected = match usual_hours {
        Some(hours) => format!("a record at least every {hours} hours"),
        None => "records as before".to_owned(),
    };
    let posture = Posture {
        stage,
        key: since.millis().to_string(),
        since: Some(since),
        message,
        expected,
        observed,
        risk: RISK,
        at_most: Severity::Critical,
        confidence: CONFIDENCE,
    };
    posture.report(detector, subject(scope), now)
}

/// A log source as what a finding is about: `aws:111122223333:eu-west-1` is of account 111122223333.
fn subject(scope: &str) -> Subject {
    let mut parts = scope.split(':');
    let provider = parts.next().unwrap_or_default().to_owned();
    let account = parts.next().filter(|_| provider == "aws").map(str::to_owned);
    Subject { identity_id: scope.to_owned(), provider, account, ..Subject::default() }
}
