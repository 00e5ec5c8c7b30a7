//! Embedded tests of detectors.

use serde::{Deserialize, Serialize};

/// One embedded test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
}
