//! When an identity, its credentials and its services were last used.

use serde::{Deserialize, Serialize};

use crate::activity::{Class, CredentialKind, Kind};
use crate::identity::Declared;
use crate::time::{EventTime, ProcessingTime};

use super::decommission::{Decommission, Dependants};
use super::graded::Outcomes;

/// The last-seen facts of one identity, as published. All times are event times.
#[derive(Clone, Debug, PartialEq)]
pub struct LastSeen {
    /// Who.
    pub identity_id: String,
    /// Kind, after the inventory's word.
    pub kind: Kind,
    /// Class, after the inventory's word.
    pub class: Class,
    /// `aws`, `linux`, …
    pub provider: String,
    /// Account it belongs to.
    pub account: Option<String>,
    /// Provider's unique id.
    pub unique_id: Option<String>,
    /// First and last authenticated attempt; `None` for a declared identity never seen.
    pub first_seen: Option<EventTime>,
    /// Any authenticated attempt.
    pub last_seen: Option<EventTime>,
    /// Last attempt that worked.
    pub last_success: Option<EventTime>,
    /// Last attempt that was denied.
    pub last_denied: Option<EventTime>,
    /// Last use with signs of a person.
    pub last_human_use: Option<EventTime>,
    /// Last use by a provider service on its behalf.
    pub last_via_service: Option<EventTime>,
    /// Last authentication or session start with no action behind it.
    pub last_auth_only: Option<EventTime>,
    /// Action of the last use: `s3:GetObject`.
    pub last_activity: Option<String>,
    /// Each credential with its own first and last use, by kind and id; bounded.
    pub credentials: Vec<CredentialUse>,
    /// How many of these are long-term and still used.
    pub active_keys: u32,
    /// Each service with its own last use, by name; bounded.
    pub services: Vec<ServiceUse>,
    /// Services that the inventory allows and of which no use was seen, in text order.
    pub never_used_services: Vec<String>,
    /// Actions used that serve attacks, with their last use, by name; bounded.
    pub sensitive_actions: Vec<ActionUse>,
    /// Who depends on it, and on what it depends.
    pub dependants: Dependants,
    /// Status.
    pub status: UseStatus,
    /// Whole days without use at the coverage's end, where it is proven that there was none for its window; else `None`.
    pub unused_days: Option<u32>,
    /// Whether it may be decommissioned, and why.
    pub decommission: Decommission,
    /// How well the log source was covered.
    pub coverage: Coverage,
    /// What the inventory declares.
    pub declared: Option<Declared>,
    /// When this record was made.
    pub updated_at: ProcessingTime,
}

/// Use of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    /// Kind.
    pub kind: CredentialKind,
    /// Public identifier.
    pub id: String,
    /// When it was made, where the inventory or the identity's own log tells.
    pub created_at: Option<EventTime>,
    /// First use.
    pub first_seen: EventTime,
    /// Last use.
    pub last_seen: EventTime,
    /// Last uses that worked and that were denied.
    pub outcomes: Outcomes,
    /// Whether it is still used.
    pub state: CredentialState,
}

impl CredentialUse {
    /// Whether it is long-term and still used.
    #[must_use]
    pub fn is_active_key(&self) -> bool {
        self.kind == CredentialKind::LongTerm && self.state == CredentialState::Active
    }
}

/// Use of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUse {
    /// Short name.
    pub service: String,
    /// Last use.
    pub last_seen: EventTime,
    /// Last uses that worked and that were denied.
    pub outcomes: Outcomes,
}

/// Use of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionUse {
    /// `iam:CreateAccessKey`.
    pub action: String,
    /// Last use.
    pub last_seen: EventTime,
}

/// Whether a credential is still used.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// As far as is known.
    #[default]
    Active,
    /// Not used within the identity's window, and the log sources were covered for all of it.
    Unused,
    /// Long-term, and not used any more since another long-term one of the identity was used for the first time.
    Superseded,
}

/// Whether an identity is in use.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UseStatus {
    /// Used within its window.
    Active,
    /// Not used within its window, and the log source was covered for all of it.
    Unused,
    /// Declared, never seen, older than its window, and covered.
    NeverSeen,
    /// Not enough is known to say: the gap is named in the coverage.
    #[default]
    Unknown,
    /// The inventory calls it retired, whether it is used or not.
    Retired,
}

impl UseStatus {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Active, Self::Unused, Self::NeverSeen, Self::Unknown, Self::Retired];

    /// The name used in records and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unused => "unused",
            Self::NeverSeen => "never_seen",
            Self::Unknown => "unknown",
            Self::Retired => "retired",
        }
    }
}

/// How well the log sources of an identity were covered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Start of what is covered.
    pub since: Option<EventTime>,
    /// End of what is covered.
    pub until: Option<EventTime>,
    /// Gaps between, newest first; bounded.
    pub gaps: Vec<Gap>,
    /// Covered part of the identity's window, 0 to 1.
    pub ratio: f64,
}

/// A time in which it is not known what an identity did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Start, inclusive.
    pub since: EventTime,
    /// End, exclusive.
    pub until: EventTime,
    /// Why it is one.
    pub cause: GapCause,
}

/// Why a time is not covered.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// A log source said nothing for longer than is usual of it, or was not known yet.
    #[default]
    Silence,
    /// Records were gone before they were read: offsets lost, or an outage beyond the retention of the topic.
    Lost,
    /// Records came that cannot be read. They are among the dead letters.
    Unreadable,
}
