//! Reports on identities that the inventory should say more of: one finding for each identity and transition.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::detector::{Detector, Rule, Status};
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::posture::Posture;
use super::{Detectors, message};

/// Confidence: what the inventory says is certain.
const CONFIDENCE: u8 = 95;

/// Risk: a standing one, as of an unused identity.
const RISK: u8 = 20;

/// Time for an inventory to be told whole: until then what is missing may be on its way.
const GRACE_MS: i64 = DAY_MS;

/// What the inventory lacks about an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shortfall {
    /// It is in use and not declared, though others of its account are.
    Undeclared,
    /// It is declared without owner or purpose.
    Unowned,
    /// Its end is over, and it is still declared active.
    Expired,
}

/// Why such a finding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The inventory says what was missing.
    Settled,
    /// It is not declared any more.
    Withdrawn,
    /// It is not in use any more.
    OutOfUse,
    /// It is retired, or a person's.
    NotAsked,
    /// There are too many identities, and it is not followed any more.
    Forgotten,
}

/// Since when it is so.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// When the shortfall began, as far as the monitor knows.
    pub since: EventTime,
    /// First use of the identity.
    pub first_seen: Option<EventTime>,
    /// Identities of its account that are declared, as far as this partition holds them.
    pub declared_there: u32,
}

impl Shortfall {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Undeclared, Self::Unowned, Self::Expired];

    /// What a rule of posture looks for, where it is one of these.
    const fn of(rule: &Rule) -> Option<Self> {
        match rule {
            Rule::Undeclared { .. } => Some(Self::Undeclared),
            Rule::Unowned { .. } => Some(Self::Unowned),
            Rule::Expired {} => Some(Self::Expired),
            _ => None,
        }
    }

    /// Whether it is time for a detector to tell of it.
    #[must_use]
    pub fn is_ripe(rule: &Rule, age: Age, now: EventTime) -> bool {
        let is_old = |since: EventTime, days: u32| now.millis_since(since) >= i64::from(days) * DAY_MS;
        match *rule {
            Rule::Undeclared { min_days, min_declared } => {
                age.first_seen.is_some_and(|first| is_old(first, min_days))
                    && now.millis_since(age.since) >= GRACE_MS
                    && age.declared_there >= min_declared
            }
            Rule::Unowned { min_days } => is_old(age.since, min_days),
            Rule::Expired {} => true,
            _ => false,
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Undeclared => "declared in the inventory, as others of its account are",
            Self::Unowned => "an owner and a purpose in the inventory",
            Self::Expired => "retired, or a later end",
        }
    }
}

impl Detectors {
    /// The detectors that look for such a shortfall, whatever their status: those that alert first.
    #[must_use]
    pub fn of_shortfall(&self, what: Shortfall) -> Vec<&Arc<Detector>> {
        let fits = |detector: &&Arc<Detector>| Shortfall::of(&detector.rule) == Some(what);
        let mut found: Vec<_> = self.detectors.iter().filter(fits).collect();
        found.sort_by_key(|detector| detector.status != Status::Enabled);
        found
    }
}

impl IncidentReport {
    /// The report that the inventory lacks something since that time.
    #[must_use]
    pub fn shortfall(
        detector: &Arc<Detector>,
        subject: Subject,
        (what, since): (Shortfall, EventTime),
        now: ProcessingTime,
    ) -> Self {
        let observed = observed(what, since, &subject);
        let message = message::of_fact(&subject, &observed);
        report(detector, subject, (what, since), (Stage::Create, message, observed), now)
    }

    /// The report that ends that finding.
    #[must_use]
    pub fn no_shortfall(
        detector: &Arc<Detector>,
        subject: Subject,
        (what, since): (Shortfall, EventTime),
        ending: Ending,
        now: ProcessingTime,
    ) -> Self {
        let observed = words(what, ending).to_owned();
        let message = message::of_fact(&subject, &observed);
        report(detector, subject, (what, since), (Stage::Close, message, observed), now)
    }
}

fn report(
    detector: &Arc<Detector>,
    subject: Subject,
    (what, since): (Shortfall, EventTime),
    (stage, message, observed): (Stage, String, String),
    now: ProcessingTime,
) -> IncidentReport {
    let posture = Posture {
        stage,
        key: since.millis().to_string(),
        since: Some(since),
        message,
        expected: what.expected().to_owned(),
        observed,
        risk: RISK,
        at_most: Severity::Low,
        confidence: CONFIDENCE,
    };
    posture.report(detector, subject, now)
}

fn observed(what: Shortfall, since: EventTime, subject: &Subject) -> String {
    match what {
        Shortfall::Undeclared => {
            "in use and not in the inventory, though others of its account are".to_owned()
        }
        Shortfall::Unowned => match (&subject.owner, &subject.purpose) {
            (None, None) => "declared without an owner and without a purpose".to_owned(),
            (None, Some(_)) => "declared without an owner".to_owned(),
            (Some(_), _) => "declared without a purpose".to_owned(),
        },
        Shortfall::Expired => {
            format!("expired on {}, and the inventory still calls it active", &since.to_rfc3339()[..10])
        }
    }
}

const fn words(what: Shortfall, ending: Ending) -> &'static str {
    match (ending, what) {
        (Ending::Settled, Shortfall::Undeclared) => "in the inventory now",
        (Ending::Settled, Shortfall::Unowned) => "has an owner and a purpose now",
        (Ending::Settled, Shortfall::Expired) => "has a later end in the inventory now, or none",
        (Ending::Withdrawn, _) => "not declared any more",
        (Ending::OutOfUse, _) => "not in use any more",
        (Ending::NotAsked, _) => "retired, or a person's, so that nothing is missing",
        (Ending::Forgotten, _) => "not followed any more, since there are too many identities",
    }
}
