//! What the monitor counts.

use std::collections::BTreeMap;

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::detect::Fate;

/// Counts since the monitor was made; all only grow, except those marked as current.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Activities learned.
    pub activities: u64,
    /// Activities that had been taken before (same event id) and were left out.
    pub duplicates: u64,
    /// Activities older than their identity's newest.
    pub late: u64,
    /// Activities of the past, fed in by `backfill`: among those learned.
    pub past: u64,
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
    /// Signals that led to no alert when they came, by bounded reason.
    pub suppressed: BTreeMap<&'static str, u64>,
    /// Verdicts of analysts taken, by verdict.
    pub feedback: BTreeMap<&'static str, u64>,
    /// Verdicts that changed nothing, by bounded reason.
    pub feedback_ignored: BTreeMap<&'static str, u64>,
    /// Signals raised, by detector id; those of detectors in shadow too.
    pub signals: BTreeMap<String, u64>,
    /// Of these, signals of detectors in shadow, which weigh nothing.
    pub shadow_signals: BTreeMap<String, u64>,
    /// What an exception let pass, by detector id; these are no signals.
    pub excepted: BTreeMap<String, u64>,
    /// What was dropped at a limit, by limit.
    pub evictions: BTreeMap<&'static str, u64>,
    /// Identities held now, by kind and status.
    pub identities: BTreeMap<(Kind, UseStatus), u64>,
    /// Incidents open now.
    pub open_incidents: u64,
    /// Risk at which incidents open now.
    pub threshold_risk: u64,
    /// Log sources known now.
    pub scopes: u64,
    /// Log sources now silent for longer than allowed.
    pub silent_scopes: u64,
}

impl Stats {
    /// Counts one signal of a detector by what becomes of it.
    pub fn count_signal(&mut self, detector_id: &str, fate: Fate) {
        match fate {
            Fate::Raised => count(&mut self.signals, detector_id),
            Fate::Excepted => count(&mut self.excepted, detector_id),
            Fate::Shadow => {
                count(&mut self.signals, detector_id);
                count(&mut self.shadow_signals, detector_id);
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

fn count(counts: &mut BTreeMap<String, u64>, detector_id: &str) {
    match counts.get_mut(detector_id) {
        Some(count) => *count += 1,
        None => {
            counts.insert(detector_id.to_owned(), 1);
        }
    }
}
