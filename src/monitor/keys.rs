//! How old long-term credentials are, and which are used though they should have been rotated.
//!
//! That a credential was used with success at an age is a fact that no gap in the logs undoes, so a finding opens without any coverage. It
//! ends where it is proven that the credential is not used any more, which takes coverage. Both are judged on ticks.

use std::sync::Arc;

use thin_vec::ThinVec;

use crate::activity::{CredentialKind, Event, Outcome};
use crate::baseline::Dimension;
use crate::baseline::dimension::credential_of;
use crate::baseline::terms::TermEntry;
use crate::detect::detector::Rule;
use crate::detect::rotation::{Born, Ending, Found, Grounds, Trouble};
use crate::detect::{Fate, fate};
use crate::term::{Interner, Term};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::identity::{IdentityState, StaleCredential, Told};
use super::{Effect, Monitor, posture, publish};

/// Keys remembered of which it was seen how they were made: an IAM user holds two at a time, so that these are those of years.
const MAX_MADE: usize = 8;

/// Days without success after which a replaced credential is not used any more: a month and a day, so that whatever runs once a month has
/// had its turn. At most the window of its identity.
const QUIET_DAYS: i64 = 32;

/// What is known of an identity's long-term credentials beyond their use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys that it made for itself, and when: the newest.
    pub made: ThinVec<(Term, EventTime)>,
    /// Findings that they are not rotated: open ones, and that there were some.
    pub found: ThinVec<FoundKey>,
    /// Those that are not used, while the identity is.
    pub stale: ThinVec<StaleCredential>,
}

/// A credential that should have been rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// What is wrong.
    pub what: Trouble,
    /// Its value in the baseline.
    pub value: Term,
    /// Since when it, or the newer one, exists, as it was known then.
    pub since: EventTime,
    /// What was told of it; pending after its end.
    pub told: Told,
    /// How many such findings it had before.
    pub returns: u8,
}

/// Takes in that an identity made a key for itself; says whether that is news.
///
/// A key is made once. Should two events say so, the newer counts: so the same are kept in whatever order they come.
pub(super) fn note_made(id: &str, state: &mut IdentityState, event: &Event<'_>, terms: &Interner) -> bool {
    let Some(key) = own_new_key(id, event) else { return false };
    let made = &mut state.keys.get_or_insert_default().made;
    if made.iter().any(|(known, at)| known.as_str() == key && *at >= event.time) {
        return false;
    }
    made.retain(|(known, _)| known.as_str() != key);
    made.push((terms.intern(key), event.time));
    made.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.as_str().cmp(b.0.as_str())));
    made.truncate(MAX_MADE);
    made.iter().any(|(known, _)| known.as_str() == key)
}

/// The key that an identity made for itself. Of one that somebody else makes, only that one's log tells.
fn own_new_key<'e>(id: &str, event: &'e Event<'_>) -> Option<&'e str> {
    let issued = event.issued.as_ref()?;
    let is_made = event.outcome == Outcome::Success
        && (&*event.service, &*event.operation) == ("iam", "CreateAccessKey");
    let name = id.rsplit('/').next();
    let is_own = event.resource.as_deref().is_none_or(|user| Some(user) == name || user == id);
    (is_made && is_own).then_some(&*issued.id)
}

/// When a credential was made, where the inventory or its own log tells.
pub(super) fn created_at(state: &IdentityState, credential: &str) -> Option<EventTime> {
    let declared = state.declared.as_ref().and_then(|declared| declared.key_made_at(credential));
    let made = state.keys.iter().flat_map(|keys| &keys.made);
    declared.or_else(|| made.into_iter().find(|(known, _)| known.as_str() == credential).map(|(_, at)| *at))
}

fn born(state: &IdentityState, entry: &TermEntry) -> Born {
    let (_, credential) = credential_of(entry.term.as_str());
    match created_at(state, credential) {
        // Whatever is said: it was there when it was used.
        Some(at) => Born { at: at.min(entry.first_seen()), is_known: at <= entry.first_seen() },
        None => Born { at: entry.first_seen(), is_known: false },
    }
}

fn long_term(state: &IdentityState) -> impl Iterator<Item = &TermEntry> {
    let known = state.behaviour.values(Dimension::Credential).iter();
    known.filter(|entry| credential_of(entry.term.as_str()).0 == CredentialKind::LongTerm)
}

fn last_success(state: &IdentityState, entry: &TermEntry) -> Option<EventTime> {
    state.graded.of(Dimension::Credential, entry).last_success
}

/// The grounds for a finding, by what is known of the credentials, whenever they were used.
fn grounds<'s>(state: &'s IdentityState, entry: &TermEntry, rule: &Rule) -> Option<Grounds<'s>> {
    let (what, days) = Trouble::of(rule)?;
    let (born, last_success) = (born(state, entry), last_success(state, entry)?);
    let is_beyond = |since: EventTime| last_success.millis_since(since) > i64::from(days) * DAY_MS;
    let grounds = Grounds { born, last_success, newer: None };
    match what {
        Trouble::NotRotated => is_beyond(born.at).then_some(grounds),
        Trouble::Replaced => {
            let newer = newer_than(state, (entry, born), days)?;
            is_beyond(newer.1.at).then_some(Grounds { newer: Some(newer), ..grounds })
        }
    }
}

/// The first credential that came after this one. Of two that were only seen, the one is newer that came so many days later: until then, it
/// may have been there and not been used.
fn newer_than<'s>(
    state: &'s IdentityState,
    (entry, older): (&TermEntry, Born),
    days: u32,
) -> Option<(&'s str, Born)> {
    let seen = long_term(state).filter(|other| other.term != entry.term);
    let seen = seen.map(|other| (credential_of(other.term.as_str()).1, self::born(state, other)));
    let known = |at: EventTime| Born { at, is_known: true };
    let made = state.keys.iter().flat_map(|keys| &keys.made).map(|(key, at)| (key.as_str(), known(*at)));
    let own = credential_of(entry.term.as_str()).1;
    let is_newer = |(id, other): &(&str, Born)| {
        let least = if other.is_known { 1 } else { i64::from(days) * DAY_MS };
        *id != own && other.at.millis_since(older.at) >= least
    };
    seen.chain(made).filter(is_newer).min_by_key(|(id, other)| (other.at, *id))
}

impl Monitor {
    /// Opens and ends findings that credentials of the identity are not rotated.
    pub(super) fn note_keys(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        if long_term(state).next().is_none() && state.keys.is_none() {
            return;
        }
        let found = state.keys.iter().flat_map(|keys| keys.found.clone());
        for one in found.collect::<Vec<_>>() {
            if let Some(ending) = self.key_ending(state, &one, now) {
                self.end_key(id, state, (&one, ending), now, effects);
            }
        }
        if !posture::is_reported(state) {
            return;
        }
        let values: Vec<Term> = long_term(state).map(|entry| entry.term.clone()).collect();
        for (what, value) in
            Trouble::ALL.iter().flat_map(|what| values.iter().map(move |value| (*what, value)))
        {
            self.find_key(id, state, (what, value), now, effects);
        }
    }

    /// Lets each detector say whether it finds this credential; the first that alerts opens the finding. Those that only count do so once.
    fn find_key(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        (what, value): (Trouble, &Term),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let detectors = Arc::clone(&self.detectors);
        let at = EventTime::from_millis(now.millis());
        for detector in detectors.of_trouble(what).into_iter().filter(|detector| detector.runs()) {
            let who = state.who(id);
            let Some(entry) = long_term(state).find(|entry| entry.term == *value) else { return };
            let Some(grounds) = grounds(state, entry, &detector.rule) else { continue };
            let is_quiet = at.millis_since(grounds.last_success) >= self.quiet_ms(state, entry, what);
            let mut one = known(state, what, value, grounds);
            if is_quiet || one.told == Told::Raised || !detector.scope.covers(&who) {
                continue;
            }
            let fate = fate(detector, detector.exception(&who, None, at).is_some());
            if fate == Fate::Raised || one.told == Told::Pending {
                self.stats.count_signal(&detector.id, fate);
            }
            one.told = if fate == Fate::Raised { Told::Raised } else { Told::Counted };
            if fate == Fate::Raised {
                let report = one.facts().opened(detector, publish::subject(id, state), grounds, now);
                effects.push(Effect::Alert(Box::new(report)));
            }
            remember(state, one);
        }
    }

    /// How long a credential must be without success to be out of use: its identity's window, or a month where another took its place.
    fn quiet_ms(&self, state: &IdentityState, entry: &TermEntry, what: Trouble) -> i64 {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let last = last_success(state, entry);
        let is_replaced =
            what == Trouble::Replaced || long_term(state).any(|other| Some(other.first_seen()) > last);
        if is_replaced { window_ms.min(QUIET_DAYS * DAY_MS) } else { window_ms }
    }

    /// Why a finding ends; `None` where it does not.
    fn key_ending(&self, state: &IdentityState, one: &FoundKey, now: ProcessingTime) -> Option<Ending> {
        let Some(entry) = long_term(state).find(|entry| entry.term == one.value) else {
            return Some(Ending::Forgotten);
        };
        if one.told == Told::Pending {
            return None;
        }
        let detectors = self.detectors.of_trouble(one.what);
        if detectors.iter().all(|detector| grounds(state, entry, &detector.rule).is_none()) {
            return Some(Ending::OtherDates);
        }
        if !posture::is_reported(state) {
            return Some(Ending::NotReported);
        }
        let last = last_success(state, entry)?;
        self.is_proven_quiet(state, last, self.quiet_ms(state, entry, one.what), now)
            .then_some(Ending::NotUsed)
    }

    /// Whether all log sources of the identity were covered for so long, and the last success is older.
    fn is_proven_quiet(
        &self,
        state: &IdentityState,
        last: EventTime,
        quiet_ms: i64,
        now: ProcessingTime,
    ) -> bool {
        let now = EventTime::from_millis(now.millis());
        if now.millis_since(last) < quiet_ms || state.has_more_scopes {
            return false;
        }
        let coverage = self.shared.coverage().over(state.scopes.iter().map(Term::as_str), now, quiet_ms);
        let until = coverage.until.map(|until| until.min(now).millis_since(last));
        coverage.gaps.is_empty() && until >= Some(quiet_ms + posture::DELIVERY_MS)
    }

    fn end_key(
        &self,
        id: &str,
        state: &mut IdentityState,
        (one, ending): (&FoundKey, Ending),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let Some(keys) = &mut state.keys else { return };
        if ending == Ending::Forgotten {
            keys.found.retain(|known| !known.is(one.what, &one.value));
        } else if let Some(known) = keys.found.iter_mut().find(|known| known.is(one.what, &one.value)) {
            known.told = Told::Pending;
            known.returns = known.returns.saturating_add(1);
        }
        let detectors = self.detectors.of_trouble(one.what);
        let Some(detector) = detectors.first().filter(|_| one.told == Told::Raised) else { return };
        let report = one.facts().ended(detector, publish::subject(id, state), ending, now);
        effects.push(Effect::Alert(Box::new(report)));
    }

    /// Ends all of them, since the identity is not held any more, or another has its name.
    pub(super) fn end_keys(
        &self,
        id: &str,
        state: &mut IdentityState,
        ending: Ending,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let found = state.keys.as_deref().map(|keys| keys.found.clone()).unwrap_or_default();
        for one in &found {
            self.end_key(id, state, (one, ending), now, effects);
        }
    }
}

/// What is remembered of a finding about a credential, or how it begins.
fn known(state: &IdentityState, what: Trouble, value: &Term, grounds: Grounds<'_>) -> FoundKey {
    let since = grounds.newer.map_or(grounds.born, |(_, born)| born).at;
    let known = state.keys.iter().flat_map(|keys| &keys.found).find(|known| known.is(what, value));
    match known {
        Some(known) if known.told == Told::Pending => FoundKey { since, ..known.clone() },
        Some(known) => known.clone(),
        None => FoundKey { what, value: value.clone(), since, told: Told::Pending, returns: 0 },
    }
}

fn remember(state: &mut IdentityState, one: FoundKey) {
    let found = &mut state.keys.get_or_insert_default().found;
    match found.iter_mut().find(|known| known.is(one.what, &one.value)) {
        Some(known) => *known = one,
        None => found.push(one),
    }
}

impl FoundKey {
    fn is(&self, what: Trouble, value: &Term) -> bool {
        self.what == what && self.value == *value
    }

    fn facts(&self) -> Found<'_> {
        let (_, credential) = credential_of(self.value.as_str());
        Found { what: self.what, credential, since: self.since, returns: self.returns }
    }
}

#[cfg(test)]
mod tests;
