//! What goes when there are more identities than may be held, and what is known of those that went.
//!
//! Identities go in the order of their last use, those that the inventory declares last of all. So whoever is not held was last used no later than
//! the newest last use of any that went: what comes late about somebody unknown, from before then, may be of one that went. It is left out,
//! since what the topic says of that one is newer.

use std::sync::Arc;

use crate::activity::Activity;
use crate::detect::unused::Ending;
use crate::detect::{credential, heartbeat, rotation};
use crate::identity::DeclaredChange;
use crate::term::Term;
use crate::time::{EventTime, ProcessingTime};

use super::identity::IdentityState;
use super::{Effect, Monitor, is_outdated};

/// Share of the identities that goes when there are too many: enough that it is rare, too few to hurt.
const EVICTED_SHARE: usize = 100;

/// What tells who goes first: whether the inventory declares it, its last use, its name.
type Rank = (bool, EventTime, Term);

fn order(a: &Rank, b: &Rank) -> std::cmp::Ordering {
    (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| a.2.as_str().cmp(b.2.as_str()))
}

impl Monitor {
    /// Makes room for an identity that is not known yet, where there are as many as may be: those unseen for longest go.
    ///
    /// What is said of them last is exact: their last use is published, and an open incident or missed run is closed.
    pub(super) fn make_room(&mut self, id: &str, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let most = self.shared.settings.max_identities;
        if self.shared.identities.len() < most || self.shared.identities.contains_key(id) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let rank = |id: &Term, state: &IdentityState| {
            Some((state.declared.is_some(), state.usage.last_seen?, id.clone()))
        };
        let mut first: Vec<Rank> =
            shared.identities.iter().filter_map(|state| rank(state.key(), &state)).collect();
        let going = most / EVICTED_SHARE + 1;
        if going < first.len() {
            first.select_nth_unstable_by(going, order);
            first.truncate(going);
        }
        first.sort_unstable_by(order);
        for (_, last_seen, id) in first {
            self.forgotten_until = self.forgotten_until.max(Some(last_seen));
            self.changes.forgotten = true;
            self.evict(&id, now, effects);
        }
    }

    fn evict(&mut self, id: &Term, now: ProcessingTime, effects: &mut Vec<Effect>) {
        let Some((id, mut state)) = self.shared.identities.remove(id) else { return };
        self.leave(&id, &mut state, effects);
        self.end_missed(id.as_str(), &mut state, heartbeat::Ending::Forgotten, now, effects);
        self.end_credentials(id.as_str(), &mut state, credential::Ending::Forgotten, now, effects);
        self.end_keys(id.as_str(), &mut state, rotation::Ending::Forgotten, now, effects);
        let ended = self.ending(id.as_str(), &mut state, Ending::Forgotten, now);
        effects.extend(ended.map(Effect::Alert));
        if is_outdated(&state) {
            let judged = self.judge(id.as_str(), &state, now);
            self.publish(id.as_str(), &mut state, judged, now, effects);
        }
        let limit = if state.declared.is_some() { "declared_identities" } else { "identities" };
        self.stats.count_evictions(limit, 1);
    }

    /// Whether an event may be of an identity that went, and older than what is known of that: it is counted and left out.
    pub(super) fn is_of_the_forgotten(&mut self, activity: &Activity<'_>) -> bool {
        let is_old = self.forgotten_until.is_some_and(|until| activity.event.time <= until);
        let is_forgotten = is_old && !self.shared.identities.contains_key(&*activity.identity.id);
        self.stats.count_evictions("late_activities", u64::from(is_forgotten));
        is_forgotten
    }

    /// Whether an identity that is declared, and not held, may be one that went.
    pub(super) fn may_have_gone(&self, change: &DeclaredChange) -> bool {
        let Some(until) = self.forgotten_until else { return false };
        let created_at = change.declared.as_ref().and_then(|declared| declared.created_at);
        created_at.is_none_or(|created_at| created_at <= until)
            && !self.shared.identities.contains_key(change.identity_id.as_str())
    }

    /// Newest last use of an identity that went, for the changelog.
    #[must_use]
    pub const fn forgotten_until(&self) -> Option<EventTime> {
        self.forgotten_until
    }

    /// Puts that back.
    pub fn restore_forgotten_until(&mut self, until: Option<EventTime>) {
        self.forgotten_until = until;
    }
}

#[cfg(test)]
mod tests;
