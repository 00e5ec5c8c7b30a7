//! The stateful core: `process(record, now) -> effects`, `tick(now) -> effects`.

use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use crate::baseline::LastSeen;
use crate::detect::finding::IncidentReport;
use crate::identity::DeclaredChange;

/// One input of the monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// An identity was used.
    #[serde(borrow)]
    Activity(Box<Activity<'a>>),
    /// The inventory says something about an identity.
    Declared(Box<DeclaredChange>),
    /// Log sources reported during these hours.
    Coverage(Vec<CoverageMark>),
}

/// One log source reported during these hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageMark {
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// Hours since 1970 with at least one record, ascending and distinct.
    pub hours: Vec<u32>,
    /// Newest event time among them, in milliseconds.
    pub until_ms: i64,
}

/// What the monitor wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Publish on `nhi.alerts`.
    Alert(Box<IncidentReport>),
    /// Publish on `nhi.inventory`.
    LastSeen(Box<LastSeen>),
}
