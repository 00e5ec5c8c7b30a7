//! What an analyst's verdict does to an identity's incident, its baseline, and the signals that come later.

use std::sync::Arc;

use crate::detect::bound;
use crate::detect::finding::Signal;
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::feedback::{Entry, Feedback, Ignored, RETIRED_ACCEPT_DAYS, Ruling, Scope, Verdict};
use super::identity::IdentityState;
use super::{Effect, Monitor, publish};

impl Monitor {
    /// Takes in an analyst's word. One on an identity that is not held is counted and changes nothing: there is nothing
    /// it could be about.
    pub(super) fn feedback(&mut self, feedback: &Feedback, effects: &mut Vec<Effect>) {
        let shared = Arc::clone(&self.shared);
        let taken = match shared.identities.get_mut(&*feedback.identity_id) {
            None => Err(Ignored::UnknownIdentity),
            Some(mut entry) => {
                let (id, state) = entry.pair_mut();
                let taken = self.decide(feedback, state, effects);
                if taken.is_ok() {
                    self.settle(id, state, ProcessingTime::from_millis(feedback.at.millis()));
                }
                taken
            }
        };
        match taken {
            Ok(()) => *self.stats.feedback.entry(feedback.verdict.as_str()).or_default() += 1,
            Err(why) => *self.stats.feedback_ignored.entry(why.as_str()).or_default() += 1,
        }
    }

    fn decide(
        &mut self,
        feedback: &Feedback,
        state: &mut IdentityState,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Ignored> {
        let mut entry = feedback.entry();
        if feedback.verdict == Verdict::Accept {
            aim(&mut entry, state);
            state.feedback.check(&entry)?;
            has_target(&entry, state)?;
            self.accept(feedback, &mut entry, state, effects);
        } else {
            state.feedback.check(&entry)?;
        }
        if feedback.verdict == Verdict::Reopen
            && let Some(incident) =
                state.incident.as_mut().filter(|incident| is_about(&feedback.scope, incident.uid))
        {
            incident.reopen();
        }
        let taken = state.feedback.take(entry);
        for (dimension, value) in &taken.released {
            state.behaviour.quarantine_again((*dimension, value.as_str()), feedback.at, &mut self.peers);
        }
        if taken.ends_mute {
            let muted_until = state.feedback.muted_until().unwrap_or_default();
            state.behaviour.terms.shorten_holds(muted_until.max(feedback.at));
        }
        self.stats.count_evictions("feedback", u64::from(taken.evicted));
        Ok(())
    }

    /// Lets what the incident brought age into the baseline at once, and closes it. Of an incident that was never
    /// reported, nothing is left.
    fn accept(
        &mut self,
        feedback: &Feedback,
        entry: &mut Entry,
        state: &mut IdentityState,
        effects: &mut Vec<Effect>,
    ) {
        let span = span(feedback, &entry.scope, state);
        let incident = state.incident.take_if(|incident| entry.scope == Scope::Incident(incident.uid));
        if let Some(mut incident) = incident {
            entry.fingerprints.extend(incident.own().iter().chain(&incident.accepted_as).copied());
            entry.released.extend(incident.held.drain(..).map(|(dimension, value, _)| (dimension, value)));
            let subject = publish::subject(&feedback.identity_id, state);
            let at = ProcessingTime::from_millis(feedback.at.millis());
            if let Some(report) = incident.accept(&subject, at, (&feedback.by, &feedback.reason)) {
                self.stats.open_incidents -= 1;
                effects.push(Effect::Alert(Box::new(report)));
            }
            state.incident = Some(incident).filter(|incident| incident.is_closed);
        } else if feedback.scope != Scope::Identity {
            return;
        }
        entry.released.extend(state.behaviour.terms.release(span, &mut self.peers));
    }

    /// Takes out the signals that analysts do not want to hear of. Where one of them is muted, gives the end of the mute:
    /// until then the event teaches nothing.
    pub(super) fn sift(
        &mut self,
        signals: &mut Vec<Signal>,
        state: &IdentityState,
        time: EventTime,
    ) -> Option<EventTime> {
        if state.feedback.is_empty() {
            return None;
        }
        let mut muted_until = None;
        signals.retain(|signal| {
            let ruling = state.feedback.admits(&signal.detector.id, time, |entry| covers(entry, signal));
            match ruling {
                Ruling::Counts => return true,
                Ruling::Accepted => self.stats.count_suppressed("accepted", 1),
                Ruling::Muted(until) => {
                    self.stats.count_suppressed("muted", 1);
                    muted_until = muted_until.max(Some(until));
                }
            }
            false
        });
        muted_until
    }

    /// Holds out again what was accepted only up to now. Comes before an event is learned.
    pub(super) fn expire_feedback(&mut self, state: &mut IdentityState, time: EventTime) {
        if state.feedback.is_empty() {
            return;
        }
        for (dimension, value) in state.feedback.expire(time) {
            state.behaviour.quarantine_again((dimension, value.as_str()), time, &mut self.peers);
        }
    }
}

/// Whether an acceptance covers a signal, within the bounds of its kind.
fn covers(accepted: &Entry, signal: &Signal) -> bool {
    let end = accepted.at.plus_millis(RETIRED_ACCEPT_DAYS * DAY_MS);
    let is_over = accepted.until.is_none() && bound::needs_an_end(signal) && signal.time >= end;
    !is_over && bound::is_covered(signal, &accepted.fingerprints)
}

/// Whether a word is about this incident of the identity.
fn is_about(scope: &Scope, uid: u128) -> bool {
    matches!(scope, Scope::Identity) || *scope == Scope::Incident(uid)
}

/// The acceptance of all of an identity is that of the incident which it has, so that one that comes later is not accepted.
fn aim(entry: &mut Entry, state: &IdentityState) {
    if entry.scope == Scope::Identity
        && let Some(incident) = state.incident.as_ref().filter(|incident| incident.first_seen <= entry.at)
    {
        entry.scope = Scope::Incident(incident.uid);
    }
}

/// The times at which values were held out that an acceptance of this aim releases, both inclusive: since the incident began, so that
/// what an earlier one brought stays out; without one all, but nothing of an incident that is not meant.
fn span(feedback: &Feedback, aim: &Scope, state: &IdentityState) -> (EventTime, EventTime) {
    let all = (EventTime::default(), EventTime::from_millis(i64::MAX));
    match (&state.incident, aim) {
        (Some(incident), Scope::Incident(_)) => (incident.first_seen, incident.last_seen.max(feedback.at)),
        (Some(_), _) => (all.0, feedback.at),
        (None, _) => all,
    }
}

/// An incident can be accepted while it is remembered; one that was accepted can be accepted again, with another end.
fn has_target(entry: &Entry, state: &IdentityState) -> Result<(), Ignored> {
    let Scope::Incident(uid) = entry.scope else { return Ok(()) };
    let is_held = state.incident.as_ref().is_some_and(|incident| incident.uid == uid);
    if is_held || state.feedback.has_accepted(uid) { Ok(()) } else { Err(Ignored::UnknownIncident) }
}
