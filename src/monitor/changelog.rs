//! What the changelog needs of a monitor: what changed, and how it is put back.

use crate::detect::Detectors;
use crate::detect::budget::Budget;
use crate::term::{Interner, Lexicon, Term};

use super::identity::IdentityState;
use super::inputs::Inputs;
use super::state::Shared;
use super::{Changes, Monitor, is_open};

/// What texts and detector ids in the changelog stand for.
pub struct Vocabulary<'a> {
    /// Shared terms.
    pub terms: &'a Interner,
    /// Those met lately.
    pub lately: &'a mut Lexicon,
    /// Detectors.
    pub detectors: &'a Detectors,
}

impl Monitor {
    /// What changed since the last call, for the changelog.
    pub fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        for id in &changes.identities {
            if let Some(mut state) = self.shared.identities.get_mut(id) {
                state.is_dirty = false;
            }
        }
        changes
    }

    /// State of this partition, for the changelog.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What texts and detector ids in the changelog stand for.
    pub fn vocabulary(&mut self) -> Vocabulary<'_> {
        Vocabulary { terms: &self.terms, lately: &mut self.lately, detectors: &self.detectors }
    }

    /// How far the inputs were read, for the changelog.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Puts back how far the inputs were read.
    pub fn restore_inputs(&mut self, inputs: Inputs) {
        self.inputs = inputs;
    }

    /// How far the incidents of past days reached, for the changelog.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Puts back how far the incidents of past days reached.
    pub fn restore_budget(&mut self, budget: Budget) {
        self.stats.threshold_risk = u64::from(budget.threshold(self.budget_settings));
        self.budget = budget;
    }

    /// Puts back one identity from the changelog; `None` drops it.
    pub fn restore_identity(&mut self, id: &str, state: Option<Box<IdentityState>>) {
        let shared = std::sync::Arc::clone(&self.shared);
        let Some(mut state) = state else {
            let removed = shared.identities.remove(id);
            removed.iter().for_each(|(id, old)| self.discount(id, old));
            return;
        };
        let id = Term::unshared(id);
        state.due = state.due.map(|due| self.schedule.add(id.clone(), due));
        state.counted = Some((state.effective_kind(), state.published.status));
        self.stats.recount(None, state.counted);
        self.stats.open_incidents += u64::from(is_open(&state));
        self.peers.add_all(&state.behaviour.terms);
        self.declared_accounts.note(id.as_str(), false, state.declared.is_some());
        let replaced = shared.identities.insert(id.clone(), state);
        replaced.iter().for_each(|old| self.discount(&id, old));
    }

    /// Takes what was restored before out of the counts.
    fn discount(&mut self, id: &Term, old: &IdentityState) {
        self.declared_accounts.note(id.as_str(), old.declared.is_some(), false);
        self.peers.remove_all(&old.behaviour.terms);
        self.stats.recount(old.counted, None);
        self.stats.open_incidents -= u64::from(is_open(old));
    }
}
