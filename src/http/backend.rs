//! What the server asks of the process behind it.

use std::sync::Arc;

use serde::Serialize;

use crate::baseline::{LastSeen, Profile};
use crate::detect::Detectors;
use crate::detect::chain::{self, Links};
use crate::monitor::feedback::Entry;
use crate::monitor::{Filter, HeldIncident, IncidentFilter, Stats, View, joints};
use crate::term::Term;
use crate::wire::FeedbackRecord;

use super::alerts::{AlertQuery, RecentAlert};

/// The process as HTTP sees it. Calls may block for as long as it takes to look through all identities.
pub trait Backend: Send + Sync {
    /// How it is.
    fn health(&self) -> Health;

    /// All metrics in the Prometheus text format 0.0.4, as they stand now.
    fn metrics(&self) -> String;

    /// A request was answered; `endpoint` is a route, never a path as it came.
    fn answered(&self, endpoint: &'static str, code: u16);

    /// Alerts published lately that fit, newest first.
    fn alerts(&self, query: &AlertQuery) -> Vec<Arc<RecentAlert>>;

    /// What writes feedback; `None` where the operator did not allow for it.
    fn feedback_taker(&self) -> Option<&dyn FeedbackTaker> {
        None
    }

    /// The detectors in force.
    fn detectors(&self) -> Arc<Detectors>;

    /// Counts of all partitions that this instance owns or owned, since the start.
    fn stats(&self) -> Stats;

    /// The identities of each partition that this instance owns.
    fn views(&self) -> Vec<View>;

    /// Up to `limit` identities with an id greater than `after`, in order of id, over all partitions.
    fn identities(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<LastSeen> {
        let lists = self.views().into_iter().flat_map(|view| view.identities(filter, after, limit));
        let mut identities: Vec<_> = lists.collect();
        identities.sort_by(|one, other| one.identity_id.cmp(&other.identity_id));
        identities.truncate(limit);
        identities
    }

    /// Up to `limit` incidents, the weightiest first, over all partitions.
    fn incidents(&self, filter: &IncidentFilter, limit: usize) -> Vec<HeldIncident> {
        let lists = self.views().into_iter().flat_map(|view| view.incidents(filter, limit));
        let mut incidents: Vec<_> = lists.collect();
        incidents.sort_by(|one, other| {
            other.bits.total_cmp(&one.bits).then_with(|| one.identity_id.cmp(&other.identity_id))
        });
        incidents.truncate(limit);
        incidents
    }

    /// Up to `limit` incidents that fit of those that credentials join with that of an identity or of a uid, over all partitions:
    /// first who was used first. A chain leads on through incidents that do not fit.
    ///
    /// What other instances hold is not among them.
    fn chain(&self, uid_or_identity: &str, filter: &IncidentFilter, limit: usize) -> Vec<HeldIncident> {
        let views = self.views();
        let identities = joints::joined(&views, &IncidentFilter::of(uid_or_identity));
        let read = |id: &Term| views.iter().find_map(|view| view.incident(id.as_str()));
        let found: Vec<HeldIncident> = identities.iter().filter_map(read).collect();
        let links: Vec<Links> = found.iter().map(HeldIncident::links).collect();
        let in_order = chain::groups(&links).into_iter().flatten().map(|index| &found[index]);
        in_order.filter(|held| filter.admits(held)).take(limit).cloned().collect()
    }

    /// One identity with its baseline.
    fn identity(&self, id: &str) -> Option<(LastSeen, Profile)> {
        self.views().iter().find_map(|view| view.identity(id))
    }

    /// What analysts said about one identity, oldest first.
    fn verdicts(&self, id: &str) -> Vec<Entry> {
        self.views().iter().find_map(|view| view.verdicts(id)).unwrap_or_default()
    }
}

/// Writes an analyst's word where the stages read it.
pub trait FeedbackTaker: Send + Sync {
    /// Writes it. Blocks until it is written.
    ///
    /// # Errors
    /// Where it was not, for a person.
    fn take(&self, record: &FeedbackRecord) -> Result<(), String>;
}

/// How the process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it can still do its work; false asks for a restart.
    pub is_alive: bool,
    /// Why it is not ready; empty means that state is restored and records are consumed.
    pub not_ready: Vec<NotReady>,
}

impl Health {
    /// Whether state is restored and records are consumed.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.is_alive && self.not_ready.is_empty()
    }
}

/// One reason why the process is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotReady {
    /// Bounded: `restoring`, `no_assignment`, `failed`, `draining`.
    pub reason: &'static str,
    /// For a person: what is awaited, how far it is.
    pub detail: String,
}
