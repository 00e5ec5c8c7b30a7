//! Whether an identity may be decommissioned, as published: a grade, its reasons, and who depends on it.

use serde::{Deserialize, Serialize};

use crate::time::EventTime;

/// Whether an identity may be decommissioned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decommission {
    /// The word.
    pub grade: Grade,
    /// Its reasons, at least one: sentences with figures, which change only when what they say does.
    pub reasons: Vec<String>,
}

/// How safe it is to disable an identity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Proven unused, and nothing speaks against it.
    Safe,
    /// Proven unused, and somebody should look at the reasons first.
    Caution,
    /// In use, or not proven unused.
    #[default]
    No,
}

/// Whom an identity was used by, and what it used in turn. Bounded: those used last, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependants {
    /// Identities that assumed it.
    pub callers: Vec<Dependant>,
    /// Roles that it assumed.
    pub assumes: Vec<Dependant>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// Identity id.
    pub id: String,
    /// Last such use.
    pub last_seen: EventTime,
}
