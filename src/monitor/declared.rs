//! What the inventory says of identities, and what it does not say.
//!
//! Declarations come at any time, before or after what an identity does. What is missing is judged on ticks, by the identity's own
//! state and by how many of its account are declared, and told once for each time that it comes to be so.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::finding::IncidentReport;
use crate::detect::shortfall::{Age, Ending, Shortfall};
use crate::detect::{Detector, Fate, fate};
use crate::identity::{DeclaredChange, names};
use crate::time::{EventTime, ProcessingTime};

use super::identity::{FoundShortfall, IdentityState, PublishedRecord, Told};
use super::{Effect, Monitor, posture, publish};

/// How many identities of each account are declared, as far as this partition holds them. It follows from the identities, so it
/// is as bounded as they are, and put together anew by a restore.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DeclaredAccounts(BTreeMap<String, u32>);

impl DeclaredAccounts {
    /// Takes in whether an identity was declared, and whether it is.
    pub(super) fn note(&mut self, id: &str, was: bool, is: bool) {
        let Some(account) = names::account(id).filter(|_| was != is) else { return };
        if is {
            *self.0.entry(account.to_owned()).or_default() += 1;
        } else if let Some(count) = self.0.get_mut(account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(account);
            }
        }
    }

    /// Declared identities of the same account.
    fn beside(&self, id: &str) -> u32 {
        names::account(id).and_then(|account| self.0.get(account)).copied().unwrap_or_default()
    }
}

impl Monitor {
    /// Takes in a declaration or its withdrawal.
    pub(super) fn declared(&mut self, change: &DeclaredChange, effects: &mut Vec<Effect>) {
        self.stats.declarations += 1;
        let shared = Arc::clone(&self.shared);
        if change.declared.is_none() && self.forget_unused(&change.identity_id, effects) {
            return;
        }
        let may_have_past = self.may_have_gone(change);
        let mut entry = Self::entry(&shared, &change.identity_id);
        let (id, state) = entry.pair_mut();
        state.may_have_past |= may_have_past;
        let was_declared = state.declared.is_some();
        self.declared_accounts.note(id.as_str(), was_declared, change.declared.is_some());
        state.declared = change.declared.clone().map(Box::new);
        state.published.record = PublishedRecord::Missing;
        let soon = ProcessingTime::default();
        if state.due.is_none_or(|due| due > soon) {
            state.due = Some(self.schedule.add(id.clone(), soon));
        }
        if !state.is_dirty {
            state.is_dirty = true;
            self.changes.identities.push(id.clone());
        }
    }

    /// Tells of what the inventory comes to lack about an identity, and of what it does not lack any more.
    pub(super) fn note_shortfalls(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        for what in Shortfall::ALL {
            let known = state.shortfalls.iter().find(|found| found.what == what).copied();
            let since = self.shortfall_since(what, id, (state, known), now);
            if let Some(known) = known.filter(|known| since != Some(known.since)) {
                self.end_shortfall(id, state, (known, ending(what, state)), now, effects);
            }
            if let Some(since) = since {
                self.find_shortfall(id, state, (what, since), now, effects);
            }
        }
    }

    /// Since when the inventory lacks this about an identity; `None` where it does not, or is not asked.
    fn shortfall_since(
        &self,
        what: Shortfall,
        id: &str,
        (state, known): (&IdentityState, Option<FoundShortfall>),
        now: ProcessingTime,
    ) -> Option<EventTime> {
        let at = EventTime::from_millis(now.millis());
        let since = known.map_or(at, |known| known.since);
        let is_so = match (what, state.declared.as_deref()) {
            (Shortfall::Undeclared, None) => {
                let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
                let is_meant = known.is_some() || self.declared_accounts.beside(id) > 0;
                is_meant && posture::is_in_use(state, now, window_ms)
            }
            (Shortfall::Unowned, Some(declared)) => !declared.says_who_and_why(),
            (Shortfall::Expired, Some(declared)) if declared.is_expired_at(at) => {
                return declared.expires_at.filter(|_| posture::is_reported(state));
            }
            _ => false,
        };
        (is_so && posture::is_reported(state)).then_some(since)
    }

    /// Lets each detector of the shortfall say whether it is time; the first that alerts opens the finding. Those that only count
    /// do so once.
    fn find_shortfall(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        (what, since): (Shortfall, EventTime),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let detectors = Arc::clone(&self.detectors);
        let (first_seen, at) = (state.usage.first_seen, EventTime::from_millis(now.millis()));
        let age = Age { since, first_seen, declared_there: self.declared_accounts.beside(id) };
        for detector in detectors.of_shortfall(what).into_iter().filter(|detector| detector.runs()) {
            let place = place_of(state, what, since);
            let told = state.shortfalls[place].told;
            let who = state.who(id);
            let is_due = detector.scope.covers(&who) && Shortfall::is_ripe(&detector.rule, age, at);
            if told == Told::Raised || !is_due {
                continue;
            }
            let fate = fate(detector, detector.exception(&who, None, at).is_some());
            if fate == Fate::Raised || told == Told::Pending {
                self.stats.count_signal(&detector.id, fate);
            }
            state.shortfalls[place].told = if fate == Fate::Raised { Told::Raised } else { Told::Counted };
            if fate == Fate::Raised {
                let report =
                    IncidentReport::shortfall(detector, publish::subject(id, state), (what, since), now);
                effects.push(Effect::Alert(Box::new(report)));
                return;
            }
        }
    }

    fn end_shortfall(
        &self,
        id: &str,
        state: &mut IdentityState,
        (found, ending): (FoundShortfall, Ending),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        state.shortfalls.retain(|known| known.what != found.what);
        let detectors: Vec<&Arc<Detector>> = self.detectors.of_shortfall(found.what);
        let Some(detector) = detectors.first().filter(|_| found.told == Told::Raised) else { return };
        let (subject, what) = (publish::subject(id, state), (found.what, found.since));
        let report = IncidentReport::no_shortfall(detector, subject, what, ending, now);
        effects.push(Effect::Alert(Box::new(report)));
    }

    /// Ends all of them, since the identity is not held any more.
    pub(super) fn end_shortfalls(&self, id: &str, state: &mut IdentityState, effects: &mut Vec<Effect>) {
        let ending = if state.usage.last_seen.is_none() { Ending::Withdrawn } else { Ending::Forgotten };
        for found in state.shortfalls.clone() {
            self.end_shortfall(id, state, (found, ending), self.shared.now(), effects);
        }
    }
}

/// Where a shortfall is remembered: from its first sight on, so that its time can pass.
fn place_of(state: &mut IdentityState, what: Shortfall, since: EventTime) -> usize {
    state.shortfalls.iter().position(|found| found.what == what).unwrap_or_else(|| {
        state.shortfalls.push(FoundShortfall { what, since, told: Told::Pending });
        state.shortfalls.len() - 1
    })
}

fn ending(what: Shortfall, state: &IdentityState) -> Ending {
    match (what, &state.declared) {
        _ if !posture::is_reported(state) => Ending::NotAsked,
        (Shortfall::Undeclared, None) => Ending::OutOfUse,
        (Shortfall::Unowned | Shortfall::Expired, None) => Ending::Withdrawn,
        (_, Some(_)) => Ending::Settled,
    }
}

#[cfg(test)]
mod tests;
