//! How much harm an action can do.

use serde::{Deserialize, Serialize};

/// Sensitivity.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

/// Entry.
#[derive(Clone, Debug)]
pub struct Sensitivity {
    /// Level.
    pub level: Level,
}

/// The sensitivity of an action.
#[must_use]
pub fn sensitivity(_service: &str, _operation: &str) -> Option<&'static Sensitivity> {
    None
}
