//! Reports on long-term credentials that nobody uses, of identities that are in use: one finding for each credential and silence.

use std::sync::Arc;

use crate::time::{EventTime, ProcessingTime};

use super::detector::Detector;
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::message;
use super::posture::Posture;

/// Confidence in the finding: the coverage proves it.
const CONFIDENCE: u8 = 95;

/// Risk of an unused credential: that of an unused identity.
const RISK: u8 = 20;

/// Why a finding that a credential is unused ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is used again.
    UsedAgain,
    /// The whole identity is unused by now, and that is a finding of its own.
    IdentityUnused,
    /// The inventory allows for longer pauses.
    LongerWindow,
    /// No such finding is made about the identity any more: the inventory calls it retired, or human.
    NotReported,
    /// Another identity has its name now.
    Renewed,
    /// It is not followed any more, since the identity has too many, or there are too many identities.
    Forgotten,
}

impl Ending {
    /// Why, as a person reads it.
    const fn words(self) -> &'static str {
        match self {
            Self::UsedAgain => "used again",
            Self::IdentityUnused => "the whole identity is unused by now, which is a finding of its own",
            Self::LongerWindow => "within the longer window that the inventory now allows",
            Self::NotReported => "retired or a person's, says the inventory",
            Self::Renewed => "another identity has its name now",
            Self::Forgotten => "not followed any more, since there are too many",
        }
    }
}

/// A credential that is not used.
#[derive(Clone, Copy, Debug)]
pub struct Unused<'c> {
    /// Its public id.
    pub credential: &'c str,
    /// Its last use.
    pub last_seen: EventTime,
    /// The window of its identity, in days.
    pub window_days: u32,
}

impl Unused<'_> {
    /// The report that opens the finding.
    #[must_use]
    pub fn opened(self, detector: &Arc<Detector>, subject: Subject, now: ProcessingTime) -> IncidentReport {
        let observed = format!("no use since {}", self.day());
        let message = message::of_unused_credential(&subject, self.credential, self.window_days, &self.day());
        self.posture(Stage::Create, message, observed).report(detector, subject, now)
    }

    /// The report that ends it.
    #[must_use]
    pub fn ended(
        self,
        detector: &Arc<Detector>,
        subject: Subject,
        ending: Ending,
        now: ProcessingTime,
    ) -> IncidentReport {
        let message = message::of_credential_ending(&subject, self.credential, ending.words());
        self.posture(Stage::Close, message, ending.words().to_owned()).report(detector, subject, now)
    }

    fn posture(self, stage: Stage, message: String, observed: String) -> Posture {
        Posture {
            stage,
            key: format!("{}\0{}", self.credential, self.last_seen.millis()),
            since: Some(self.last_seen),
            message,
            expected: format!("used within {} days", self.window_days),
            observed,
            risk: RISK,
            at_most: Severity::Low,
            confidence: CONFIDENCE,
        }
    }

    fn day(self) -> String {
        self.last_seen.to_utc().format("%Y-%m-%d").to_string()
    }
}
