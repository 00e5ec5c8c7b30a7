//! What the inventory's owner declares about an identity.

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::{AllowedNetwork, AllowedSchedule};
use crate::activity::{Class, Kind};
use crate::time::EventTime;

/// One declaration, or its withdrawal, as it comes from the inventory topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredChange {
    /// The identity it is about.
    pub identity_id: String,
    /// The declaration; `None` for a tombstone: the identity is not declared any more.
    pub declared: Option<Declared>,
}

/// What the inventory's owner declares about an identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Overrides the observed kind.
    pub kind: Option<Kind>,
    /// Overrides the observed class.
    pub class: Option<Class>,
    /// Technical owner.
    pub owner: Option<String>,
    /// Business owner.
    pub business_owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// `prod`, `staging`, …
    pub environment: Option<String>,
    /// How much depends on it.
    pub criticality: Criticality,
    /// Whether it is meant to be in use.
    pub status: DeclaredStatus,
    /// When it was made.
    pub created_at: Option<EventTime>,
    /// When it is to end.
    pub expires_at: Option<EventTime>,
    /// When it was retired.
    pub retired_at: Option<EventTime>,
    /// Days without use after which it counts as unused; the configured default where absent.
    pub unused_after_days: Option<u32>,
    /// Services it is meant to use; empty means any.
    pub allowed_services: Vec<String>,
    /// Networks it is meant to come from; empty means any.
    pub allowed_networks: Vec<AllowedNetwork>,
    /// The declaration as it came, as a JSON object on one line with all its keys, so that unknown ones are passed on.
    pub original: String,
    /// When it is meant to work; any time where nothing is said.
    pub allowed_schedule: Option<Box<AllowedSchedule>>,
    /// When its long-term credentials were made, by their public id.
    pub key_dates: ThinVec<(String, EventTime)>,
}

impl Declared {
    /// Whether it is retired at `time`.
    #[must_use]
    pub fn is_retired_at(&self, time: EventTime) -> bool {
        self.status == DeclaredStatus::Retired && self.retired_at.is_none_or(|since| time > since)
    }

    /// When a credential of this public id was made.
    #[must_use]
    pub fn key_made_at(&self, id: &str) -> Option<EventTime> {
        self.key_dates.iter().find(|(known, _)| known == id).map(|(_, at)| *at)
    }

    /// Whether it says who answers for the identity, and what it is for.
    #[must_use]
    pub fn says_who_and_why(&self) -> bool {
        (self.owner.is_some() || self.business_owner.is_some()) && self.purpose.is_some()
    }

    /// Whether it has expired at `time`, the moment of its end not included.
    #[must_use]
    pub fn is_expired_at(&self, time: EventTime) -> bool {
        self.expires_at.is_some_and(|end| time > end)
    }
}

/// How much depends on an identity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Little depends on it.
    Low,
    /// Nothing was said.
    #[default]
    Medium,
    /// Much depends on it.
    High,
    /// The business stops without it.
    Critical,
}

impl Criticality {
    /// All of them, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Whether an identity is meant to be in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredStatus {
    /// In use.
    #[default]
    Active,
    /// Out of use: any activity is suspect.
    Retired,
}

impl DeclaredStatus {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Active, Self::Retired];

    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}
