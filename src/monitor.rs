//! The stateful core: `process(record, now) -> effects`, `tick(now) -> effects`.

use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use std::sync::Arc;

use crate::activity::Kind;
use crate::baseline::{LastSeen, Profile, last_seen::UseStatus};
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::finding::IncidentReport;
use crate::identity::DeclaredChange;
use crate::term::Interner;
use crate::time::ProcessingTime;

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

/// The monitor of one partition of identities.
pub struct Monitor {
    stats: Stats,
}

/// Counts since the monitor was made; all only grow, except the last four, which are current sizes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Activities learned.
    pub activities: u64,
    /// Activities that had been seen before (same event id) and were left out.
    pub duplicates: u64,
    /// Activities older than their identity's newest.
    pub late: u64,
    /// Declarations taken.
    pub declarations: u64,
    /// Signals raised, by detector id.
    pub signals: std::collections::BTreeMap<String, u64>,
    /// Terms and identities dropped at a limit, by limit.
    pub evictions: std::collections::BTreeMap<&'static str, u64>,
    /// Identities held, by kind and status.
    pub identities: std::collections::BTreeMap<(Kind, UseStatus), u64>,
    /// Incidents open now.
    pub open_incidents: u64,
    /// Log sources known, and those of them with a gap in the last day.
    pub scopes: u64,
    /// See `scopes`.
    pub silent_scopes: u64,
}

/// Lets readers (HTTP) look at the identities of one partition while its monitor works. Cheap to clone.
#[derive(Clone)]
pub struct View {}

/// Which identities to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this status.
    pub status: Option<UseStatus>,
    /// Only ids that contain this text.
    pub text: Option<String>,
}

impl View {
    /// Up to `limit` identities with an id greater than `after`, in order of id.
    #[must_use]
    pub fn identities(&self, _filter: &Filter, _after: Option<&str>, _limit: usize) -> Vec<LastSeen> {
        Vec::new()
    }

    /// One identity with its baseline.
    #[must_use]
    pub fn identity(&self, _id: &str) -> Option<(LastSeen, Profile)> {
        None
    }
}

impl Monitor {
    /// A monitor without any state.
    #[must_use]
    pub fn new(_config: Arc<Config>, _detectors: Arc<Detectors>, _terms: Arc<Interner>) -> Self {
        Self { stats: Stats::default() }
    }

    /// Takes one record in; what is to be done about it is added to `effects`.
    pub fn process(&mut self, record: &Record<'_>, effects: &mut Vec<Effect>) {
        let _ = (record, effects);
    }

    /// Lets time pass to `now`: closes quiet incidents, re-evaluates unused identities, publishes what became quiet.
    pub fn tick(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let _ = (now, effects);
    }

    /// Publishes the exact last use of every identity whose newest use is not published yet (at shutdown).
    pub fn flush(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let _ = (now, effects);
    }

    /// Counts so far.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// A handle for readers.
    #[must_use]
    pub fn view(&self) -> View {
        View {}
    }
}
