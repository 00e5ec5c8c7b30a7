//! How good detection is: what was alerted, held against what is true about generated traffic.
//!
//! ```text
//!  emission ─► Ledger (which record is whose)      ┐
//!  alert ────► Judge  (true, false, posture, when) ├─► Tally (one seed) ─► Summary (all seeds)
//!  activity ─► Naive  (first seen, the yardstick)  ┘
//! ```
//!
//! Nothing here knows how detection works: an alert is judged by the records that it names and by its time.

mod judge;
mod ledger;
mod naive;
mod summary;
mod tally;
#[cfg(test)]
mod tests;

pub use judge::{Judge, Judged};
pub use ledger::{Attack, AttackEvent, Ledger};
pub use naive::Naive;
pub use summary::{Delay, Rate, Requirement, Results, ScenarioResult, Summary};
pub use tally::{Found, Tally};

/// Detectors that state a fact about an identity or a log source, not an attack.
pub const POSTURE: [&str; 10] = [
    "unused-identity",
    "never-used-identity",
    "unused-credential",
    "credential-not-rotated",
    "old-credential-still-used",
    "missed-heartbeat",
    "source-silent",
    "undeclared-identity",
    "unowned-identity",
    "expired-identity",
];
