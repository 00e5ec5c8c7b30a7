//! Long-term credentials that nobody uses, of identities that are in use.
//!
//! Whether one is unused is a matter of its own last use and of the identity's coverage, as of the time of the judgement. The finding
//! about it opens and ends on ticks.

use std::sync::Arc;

use crate::activity::CredentialKind;
use crate::baseline::Dimension;
use crate::baseline::dimension::credential_of;
use crate::baseline::last_seen::UseStatus;
use crate::baseline::terms::TermEntry;
use crate::detect::credential::{Ending, Unused};
use crate::detect::{Fate, fate};
use crate::term::Term;
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::identity::{IdentityState, StaleCredential};
use super::posture::Judgement;
use super::{Effect, Monitor, posture, publish};

/// Whether it is proven that a long-term credential was not used for the window of its identity, which is in use.
pub(super) fn is_unused(
    state: &IdentityState,
    entry: &TermEntry,
    judged: &Judgement,
    now: ProcessingTime,
) -> bool {
    let now = EventTime::from_millis(now.millis());
    // Where the identity as a whole is about to be unused, that is what is told.
    let is_in_use = state.usage.last_seen.is_some_and(|last| !is_older(last, now, judged.window_days));
    let is_proven = judged.by_use == UseStatus::Active
        && is_in_use
        && judged.coverage.gaps.is_empty()
        && !state.has_more_scopes
        && credential_of(entry.term.as_str()).0 == CredentialKind::LongTerm;
    let known_until = judged.coverage.until.map(|until| until.min(now).plus_millis(-posture::DELIVERY_MS));
    is_proven && known_until.is_some_and(|until| is_older(entry.last_seen(), until, judged.window_days))
}

fn is_older(last_seen: EventTime, now: EventTime, window_days: u32) -> bool {
    now.millis_since(last_seen) >= i64::from(window_days) * DAY_MS
}

/// Whether a look at an identity's credentials can find anything: one was idle for so long, or was found to be.
pub(super) fn may_change(state: &IdentityState, now: ProcessingTime, window_ms: i64) -> bool {
    let is_idle = |entry: &TermEntry| now.millis() - entry.last_seen().millis() >= window_ms;
    !state.stale().is_empty() || state.behaviour.values(Dimension::Credential).iter().any(is_idle)
}

impl Monitor {
    /// Opens and ends findings about credentials of the identity. Says whether one became unused, or is so no more.
    pub(super) fn note_credentials(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let before: Vec<Term> = stale_values(state);
        let stale = state.take_stale();
        for mut one in stale {
            let entry = state.behaviour.values(Dimension::Credential).iter().find(|e| e.term == one.value);
            one.is_proven = entry.is_some_and(|entry| {
                entry.last_seen() == one.last_seen && is_unused(state, entry, judged, now)
            });
            match ending(state, entry, &one, judged, now) {
                Some(ending) => self.end_credential(id, state, (&one, ending), now, effects),
                None => state.keys.get_or_insert_default().stale.push(one),
            }
        }
        self.find_unused_credentials(id, state, judged, now, effects);
        before != stale_values(state)
    }

    fn find_unused_credentials(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let known = state.behaviour.values(Dimension::Credential).iter();
        let is_new = |entry: &&TermEntry| !state.stale().iter().any(|one| one.value == entry.term);
        let new: Vec<StaleCredential> = known
            .filter(|entry| is_unused(state, entry, judged, now) && is_new(entry))
            .map(|entry| StaleCredential {
                value: entry.term.clone(),
                last_seen: entry.last_seen(),
                window_days: judged.window_days,
                is_proven: true,
                is_raised: false,
            })
            .collect();
        for mut one in new {
            one.is_raised =
                posture::is_reported(state) && self.raise_credential(id, state, &one, now, effects);
            state.keys.get_or_insert_default().stale.push(one);
        }
    }

    /// Lets each detector of unused credentials say whether it finds this one; the first that alerts opens the finding.
    fn raise_credential(
        &mut self,
        id: &str,
        state: &IdentityState,
        one: &StaleCredential,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let detectors = Arc::clone(&self.detectors);
        for detector in detectors.of_credentials() {
            let who = state.who(id);
            if !detector.runs() || !detector.scope.covers(&who) {
                continue;
            }
            let is_excepted = detector.exception(&who, None, EventTime::from_millis(now.millis())).is_some();
            let fate = fate(detector, is_excepted);
            self.stats.count_signal(&detector.id, fate);
            if fate == Fate::Raised {
                let report = one.facts().opened(detector, publish::subject(id, state), now);
                effects.push(Effect::Alert(Box::new(report)));
                return true;
            }
        }
        false
    }

    fn end_credential(
        &self,
        id: &str,
        state: &IdentityState,
        (one, ending): (&StaleCredential, Ending),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let detector = self.detectors.of_credentials().next().filter(|_| one.is_raised);
        let Some(detector) = detector else { return };
        let report = one.facts().ended(detector, publish::subject(id, state), ending, now);
        effects.push(Effect::Alert(Box::new(report)));
    }

    /// Ends all findings about credentials of the identity.
    pub(super) fn end_credentials(
        &self,
        id: &str,
        state: &mut IdentityState,
        ending: Ending,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        for one in state.take_stale() {
            self.end_credential(id, state, (&one, ending), now, effects);
        }
    }
}

/// Why the finding about a credential ends; `None` where it does not. A finding whose proof has a gap now stays open.
fn ending(
    state: &IdentityState,
    entry: Option<&TermEntry>,
    one: &StaleCredential,
    judged: &Judgement,
    now: ProcessingTime,
) -> Option<Ending> {
    let Some(entry) = entry else { return Some(Ending::Forgotten) };
    if entry.last_seen() > one.last_seen {
        return Some(Ending::UsedAgain);
    }
    if !is_older(one.last_seen, EventTime::from_millis(now.millis()), judged.window_days) {
        return Some(Ending::LongerWindow);
    }
    match judged.by_use {
        UseStatus::Unused => Some(Ending::IdentityUnused),
        _ if one.is_raised && !posture::is_reported(state) => Some(Ending::NotReported),
        _ if !one.is_proven && !one.is_raised => Some(Ending::LongerWindow),
        _ => None,
    }
}

/// The values of which it is proven that they are unused.
fn stale_values(state: &IdentityState) -> Vec<Term> {
    let mut values: Vec<Term> =
        state.stale().iter().filter(|one| one.is_proven).map(|one| one.value.clone()).collect();
    values.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    values
}

impl StaleCredential {
    fn facts(&self) -> Unused<'_> {
        let (_, credential) = credential_of(self.value.as_str());
        Unused { credential, last_seen: self.last_seen, window_days: self.window_days }
    }
}

#[cfg(test)]
mod tests;
