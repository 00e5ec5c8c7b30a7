//! Reports on long-term credentials that are not rotated, or whose rotation was begun and not ended: one finding for each credential
//! and each time that it comes to be so.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::text::visible;
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::detector::{Detector, Rule, Status};
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::posture::Posture;
use super::{Detectors, message};

/// Confidence: that it was used is certain, and that it is no younger too.
const CONFIDENCE: u8 = 95;

/// Risk: a standing one, as of an unused credential.
const RISK: u8 = 20;

/// What is wrong with a credential in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// It is old.
    NotRotated,
    /// A newer one is there for long.
    Replaced,
}

/// Since when a credential exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Born {
    /// When it was made, or first seen.
    pub at: EventTime,
    /// Whether that is when it was made; else it is at least so old.
    pub is_known: bool,
}

/// The grounds of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'k> {
    /// Since when the credential exists.
    pub born: Born,
    /// Its last use that worked.
    pub last_success: EventTime,
    /// The newer credential, with since when it exists.
    pub newer: Option<(&'k str, Born)>,
}

/// Why such a finding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is not used any more: another took its place, or nothing is left to do.
    NotUsed,
    /// The dates that are known now say otherwise.
    OtherDates,
    /// The inventory calls the identity retired, or human.
    NotReported,
    /// Another identity has its name now.
    Renewed,
    /// It is not followed any more, since the identity has too many, or there are too many identities.
    Forgotten,
}

/// A credential with a finding, and which of its findings that is.
#[derive(Clone, Copy, Debug)]
pub struct Found<'k> {
    /// What is wrong.
    pub what: Trouble,
    /// Its public id.
    pub credential: &'k str,
    /// Since when it, or the newer one, exists: as it was known when the finding opened.
    pub since: EventTime,
    /// How many findings of this sort it had before.
    pub returns: u8,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NotRotated, Self::Replaced];

    /// What a rule of posture looks for, where it is one of these, and after how many days.
    #[must_use]
    pub const fn of(rule: &Rule) -> Option<(Self, u32)> {
        match rule {
            Rule::NotRotated { max_age_days } => Some((Self::NotRotated, *max_age_days)),
            Rule::OldCredential { min_days } => Some((Self::Replaced, *min_days)),
            _ => None,
        }
    }

    fn expected(self, days: u32) -> String {
        match self {
            Self::NotRotated => format!("rotated within {days} days"),
            Self::Replaced => format!("not used any more {days} days after a newer one came"),
        }
    }
}

impl Ending {
    /// Why, as a person reads it.
    const fn words(self) -> &'static str {
        match self {
            Self::NotUsed => "not used any more",
            Self::OtherDates => "by the dates that are known now, that is not so",
            Self::NotReported => "retired or a person's, says the inventory",
            Self::Renewed => "another identity has its name now",
            Self::Forgotten => "not followed any more, since there are too many",
        }
    }
}

impl Born {
    /// How many whole days it existed by `time`, at least.
    #[must_use]
    pub const fn days_by(self, time: EventTime) -> i64 {
        time.millis_since(self.at) / DAY_MS
    }

    fn words(self) -> String {
        format!("{} on {}", if self.is_known { "made" } else { "first seen" }, day(self.at))
    }
}

impl Detectors {
    /// The detectors that look for such trouble, whatever their status: those that alert first.
    #[must_use]
    pub fn of_trouble(&self, what: Trouble) -> Vec<&Arc<Detector>> {
        let fits = |detector: &&Arc<Detector>| Trouble::of(&detector.rule).is_some_and(|(of, _)| of == what);
        let mut found: Vec<_> = self.detectors.iter().filter(fits).collect();
        found.sort_by_key(|detector| detector.status != Status::Enabled);
        found
    }
}

impl Found<'_> {
    /// The report that opens the finding.
    #[must_use]
    pub fn opened(
        self,
        detector: &Arc<Detector>,
        subject: Subject,
        grounds: Grounds<'_>,
        now: ProcessingTime,
    ) -> IncidentReport {
        let last = day(grounds.last_success);
        let observed = match grounds.newer {
            None => format!("{}, and used on {last}", grounds.born.words()),
            Some((newer, born)) => {
                format!("used on {last}, though {} was {}", visible(newer), born.words())
            }
        };
        let what = format!("long-term credential {}: {observed}", visible(self.credential));
        let message = message::of_fact(&subject, &what);
        self.report(detector, subject, (Stage::Create, message, observed), now)
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
        self.report(detector, subject, (Stage::Close, message, ending.words().to_owned()), now)
    }

    fn report(
        self,
        detector: &Arc<Detector>,
        subject: Subject,
        (stage, message, observed): (Stage, String, String),
        now: ProcessingTime,
    ) -> IncidentReport {
        let days = Trouble::of(&detector.rule).map_or(0, |(_, days)| days);
        let posture = Posture {
            stage,
            key: format!("{}\0{}\0{}", self.credential, self.since.millis(), self.returns),
            since: Some(self.since),
            message,
            expected: self.what.expected(days),
            observed,
            risk: RISK,
            at_most: Severity::Low,
            confidence: CONFIDENCE,
        };
        posture.report(detector, subject, now)
    }
}

fn day(time: EventTime) -> String {
    time.to_utc().format("%Y-%m-%d").to_string()
}
