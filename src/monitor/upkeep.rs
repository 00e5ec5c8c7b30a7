//! Looking after limits.

use crate::detect::unused::Ending;
use crate::term::Term;
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::identity::IdentityState;
use super::{Effect, Monitor, is_open, publish};

/// Log sources silent for this long are dropped: longer than any window in which their identities could be judged.
const SCOPE_MEMORY_DAYS: i64 = 400;

impl Monitor {
    /// Drops terms that nobody holds, and log sources that nobody will hear of again; shows where the threshold has come to.
    pub(super) fn upkeep(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        self.drop_sources(now, effects);
        self.settle_scopes();
        self.threshold();
        self.lately.clear();
        self.terms.sweep_if_grown();
    }

    /// Drops log sources that have been silent for so long that nobody can be judged by them. What is still said of their silence ends.
    fn drop_sources(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let time = EventTime::from_millis(now.millis());
        let mut coverage = self.shared.coverage_mut();
        self.stats.silent_scopes = coverage.silent(time) as u64;
        let dropped = coverage.drop_silent(time.plus_millis(-SCOPE_MEMORY_DAYS * DAY_MS));
        self.stats.scopes = coverage.len() as u64;
        drop(coverage);
        for (scope, missed_since) in dropped {
            if let Some(since) = missed_since {
                self.source_forgotten(&scope, since, now, effects);
            }
            self.changes.scopes.insert(scope);
        }
    }

    /// Forgets an identity that only the inventory knew of, with all that was said of it; `false` where it was ever used.
    pub(super) fn forget_unused(&mut self, id: &str, effects: &mut Vec<Effect>) -> bool {
        let removed = self.shared.identities.remove_if(id, |_, state| state.usage.last_seen.is_none());
        let Some((id, mut state)) = removed else {
            return !self.shared.identities.contains_key(id);
        };
        self.leave(&id, &mut state, effects);
        let ended = self.ending(id.as_str(), &mut state, Ending::Withdrawn, self.shared.now());
        effects.extend(ended.map(Effect::Alert));
        if !state.may_have_past {
            effects.push(Effect::Withdrawn(id.to_string()));
        }
        true
    }

    /// Closes the incident of an identity that is gone and what the inventory lacked about it, and books that.
    pub(super) fn leave(&mut self, id: &Term, state: &mut IdentityState, effects: &mut Vec<Effect>) {
        self.stats.open_incidents -= u64::from(is_open(state));
        self.declared_accounts.note(id.as_str(), state.declared.is_some(), false);
        self.end_shortfalls(id.as_str(), state, effects);
        let subject = publish::subject(id.as_str(), state);
        let settings = self.shared.settings.incident;
        let report = state.incident.as_mut().and_then(|incident| incident.close(&subject, settings));
        effects.extend(report.map(|report| Effect::Alert(Box::new(report))));
        self.stats.recount(state.counted, None);
        self.peers.remove_all(&state.behaviour.terms);
        self.changes.dropped.push(id.clone());
    }
}
