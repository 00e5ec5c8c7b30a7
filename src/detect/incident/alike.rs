//! When two signals of an incident say the same.

use super::super::detector::Rule;
use super::super::finding::Signal;
use crate::term::stable_hash;

/// Mark of the fingerprints of facts that last.
pub(super) const LASTING: u64 = 1;

/// What makes two signals say the same: the detector and what it saw, but for facts and volumes only the detector.
#[must_use]
pub fn fingerprint(signal: &Signal) -> u64 {
    let detector = &signal.detector;
    let hash = match detector.rule {
        Rule::Burst { .. }
        | Rule::HumanUse { .. }
        | Rule::SharedCredential { .. }
        | Rule::Dormancy { .. }
        | Rule::Retired { .. }
        | Rule::OffHours { .. } => stable_hash(&detector.id),
        _ => stable_hash(&format!("{}\0{}", detector.id, signal.observed)),
    };
    if is_lasting(&detector.rule) { hash | LASTING } else { hash & !LASTING }
}

/// Whether a rule states a fact that each further event states again for as long as it holds.
pub(super) const fn is_lasting(rule: &Rule) -> bool {
    matches!(rule, Rule::Retired { .. } | Rule::HumanUse { .. } | Rule::DisplacedCredential { .. })
}
