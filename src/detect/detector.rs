//! A detector: what it looks for, why, and how, as read from `detectors/*.yaml`.

use serde::{Deserialize, Serialize};

use super::finding::Severity;

/// One detector, as its file states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Stable id, as in `finding_info.analytic.uid`: `new-service`.
    pub id: String,
    /// Title, as shown in alerts.
    pub title: String,
    /// Counts up with every change of meaning.
    pub version: u32,
    /// `enabled`, `shadow` (counted, not alerted) or `disabled`.
    #[serde(default)]
    pub status: Status,
    /// What it looks for, in a sentence or two.
    pub description: String,
    /// Why that matters.
    pub rationale: String,
    /// Least severity of an incident that this detector leads.
    pub severity: Severity,
    /// The family that runs it, with its parameters.
    pub rule: Rule,
    /// MITRE ATT&CK techniques.
    #[serde(default)]
    pub attack: Vec<Technique>,
    /// OWASP Non-Human Identities Top 10 ids (`NHI7:2025`).
    #[serde(default)]
    pub owasp_nhi: Vec<String>,
    /// What it cannot see.
    pub blind_spots: Vec<String>,
    /// What may raise it without an attack.
    pub false_positives: Vec<String>,
    /// What the analyst does first.
    pub response: Vec<String>,
    /// Embedded tests: at least one that fires, one that stays quiet, one at the boundary.
    #[serde(default)]
    pub tests: Vec<super::testing::Case>,
}

/// Whether a detector alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its signals count.
    #[default]
    Enabled,
    /// Its signals are counted in metrics and raise nothing.
    Shadow,
    /// It does not run.
    Disabled,
}

/// A MITRE ATT&CK technique with its tactic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technique {
    /// `TA0003`.
    pub tactic: String,
    /// `Persistence`.
    pub tactic_name: String,
    /// `T1098` or `T1098.001`.
    pub technique: String,
    /// `Account Manipulation`.
    pub technique_name: String,
}

/// The families, each with the parameters that its detectors set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "family", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Placeholder until the families land.
    None {},
}
