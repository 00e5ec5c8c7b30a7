//! What the monitor counts.

use std::collections::BTreeMap;

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;

/// Counts since the monitor was made; all only grow, except those marked as current.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Activities learned.
    pub activities: u64,
    /// Activities that had been taken before (same event id) and were left out.
    pub duplicates: u64,
    /// Activities older than their identity's newest.
    pub late: u64,
    /// Activities whose time lay too far in the future and was clamped.
    pub clamped: u64,
    /// Attempts by somebody who did not prove to be the identity.
    pub unproven: u64,
    /// Corrections of earlier records, which are no use of their own.
    pub corrections: u64,
    /// Activities of an identity that has since been deleted and made again under the same name.
    pub predecessors: u64,
    /// Declarations taken.
    pub declarations: u64,
    /// Input partitions that are not read any more, and were forgotten.
    pub forgotten_inputs: u64,
    /// Signals raised, by detector id.
    pub signals: BTreeMap<String, u64>,
    /// Signals that led to no alert when they came, by bounded reason.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// Verdicts of analysts taken, by verdict.
    pub feedback: BTreeMap<&'static str, u64>,
    /// Verdicts that changed nothing, by bounded reason.
    pub feedback_ignored: BTreeMap<&'static str, u64>,
    /// What was dropped at a limit, by limit.
    pub evictions: BTreeMap<&'static str, u64>,
    /// Identities held now, by kind and status.
    pub identities: BTreeMap<(Kind, UseStatus), u64>,
    /// Incidents open now.
    pub open_incidents: u64,
    /// Log sources known now.
    pub scopes: u64,
    /// Log sources now silent for longer than allowed.
    pub silent_scopes: u64,
}

impl Stats {
    /// Counts one signal of a detector.
    pub fn count_signal(&mut self, detector_id: &str) {
        match self.signals.get_mut(detector_id) {
            Some(count) => *count += 1,
            None => {
                self.signals.insert(detector_id.to_owned(), 1);
            }
        }
    }

    /// Counts signals that led to no alert.
    pub fn count_suppressed(&mut self, reason: &'static str, count: u64) {
        *self.suppressed.entry(reason).or_default() += count;
    }

    /// Counts what was dropped at a limit.
    pub fn count_evictions(&mut self, limit: &'static str, count: u64) {
        if count > 0 {
            *self.evictions.entry(limit).or_default() += count;
        }
    }

    /// Moves one identity from one kind and status to another.
    pub fn recount(&mut self, from: Option<(Kind, UseStatus)>, to: Option<(Kind, UseStatus)>) {
        if let Some(count) = from.and_then(|from| self.identities.get_mut(&from)) {
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.identities.entry(to).or_default() += 1;
        }
    }
}
