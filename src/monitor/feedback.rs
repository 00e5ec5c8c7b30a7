//! What analysts said about an identity: verdicts that are in force until they expire or are taken back.
//!
//! A verdict is a register: of two about the same thing, the one with the later [`Feedback::at`] counts, whichever comes
//! first. That makes them order-tolerant, and a repetition changes nothing.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use crate::baseline::Dimension;
use crate::term::{Term, stable_hash};
use crate::time::EventTime;

/// Verdicts kept of one identity: one a month for as long as the longest mute, some times over. Beyond it, an expired
/// one goes, else the oldest.
pub const MAX_VERDICTS: usize = 32;

/// Released values that one acceptance remembers, to hold them out again where it ends: an incident brings a handful.
/// What was released beyond it stays in the baseline.
pub const MAX_RELEASED: usize = 128;

/// How long a mute lasts that names no end, in days.
pub const DEFAULT_MUTE_DAYS: i64 = 30;

/// How long an acceptance that names no end covers use of a retired identity, in days: nothing else bounds it.
pub const RETIRED_ACCEPT_DAYS: i64 = 30;

/// The longest that a mute may last, in days: as long as a baseline remembers (`baseline.memory_days`).
pub const MAX_MUTE_DAYS: i64 = 400;

/// What an analyst decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is legitimate: what the incident brought becomes part of the baseline at once.
    Accept,
    /// Not to be told of for a while: counted, raises nothing, teaches nothing.
    Mute,
    /// Takes back what was accepted or muted.
    Reopen,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Mute, Self::Reopen];

    /// The name used in records and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Mute => "mute",
            Self::Reopen => "reopen",
        }
    }
}

/// What a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All of the identity.
    Identity,
    /// One incident, by its uid.
    Incident(u128),
    /// One detector, by its id.
    Detector(String),
}

/// One analyst's word on one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// The identity it is about.
    pub identity_id: String,
    /// What was decided.
    pub verdict: Verdict,
    /// What about.
    pub scope: Scope,
    /// When it was decided.
    pub at: EventTime,
    /// Events at this time or later are not covered any more; `None` lasts until it is taken back.
    pub until: Option<EventTime>,
    /// Who decided.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Feedback {
    /// Tells this record from others of its identity, the same in every run.
    #[must_use]
    pub fn key(&self) -> u64 {
        let Self { identity_id: _, verdict, scope, at, until, by, reason } = self;
        let until = until.map(EventTime::millis);
        stable_hash(&format!("{verdict:?}\0{scope:?}\0{}\0{until:?}\0{by}\0{reason}", at.millis()))
    }

    /// The verdict to keep, which covers nothing yet.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            verdict: self.verdict,
            scope: self.scope.clone(),
            at: self.at,
            until: self.until,
            key: self.key(),
            fingerprints: ThinVec::new(),
            released: ThinVec::new(),
        }
    }
}

/// One verdict as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was decided.
    pub verdict: Verdict,
    /// What about. The acceptance of all of an identity is about the incident that it had.
    pub scope: Scope,
    /// When it was decided.
    pub at: EventTime,
    /// End, exclusive.
    pub until: Option<EventTime>,
    /// [`Feedback::key`] of its record.
    pub key: u64,
    /// Signals that were accepted: their fingerprints, and the bounds of those that count by their detector alone.
    pub fingerprints: ThinVec<u64>,
    /// Values that were released into the baseline, to be held out again where the acceptance ends.
    pub released: ThinVec<(Dimension, Term)>,
}

impl Entry {
    fn order(&self) -> (EventTime, u64) {
        (self.at, self.key)
    }

    fn is_over(&self, time: EventTime) -> bool {
        self.until.is_some_and(|until| time >= until)
    }

    /// Whether it says anything about a signal.
    fn is_about(&self, detector: &str, is_covered: impl Fn(&Self) -> bool) -> bool {
        match (self.verdict, &self.scope) {
            (Verdict::Accept, _) => is_covered(self),
            (_, Scope::Identity) => true,
            (_, Scope::Detector(id)) => id == detector,
            (_, Scope::Incident(_)) => false,
        }
    }

    /// Whether a later one of this kind takes the place of `older`.
    fn replaces(&self, older: &Self) -> bool {
        let is_same = self.verdict == older.verdict && self.scope == older.scope;
        let is_lifted = self.verdict == Verdict::Reopen
            && older.verdict != Verdict::Reopen
            && (self.scope == Scope::Identity || self.scope == older.scope);
        is_same || is_lifted
    }
}

/// What the verdicts say about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing: it counts.
    Counts,
    /// It was accepted.
    Accepted,
    /// It is muted, up to this time.
    Muted(EventTime),
}

/// Why a verdict changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// The identity was never seen.
    UnknownIdentity,
    /// The identity has no such incident, or none any more.
    UnknownIncident,
    /// The same record was taken before.
    Repeated,
    /// A later verdict on the same thing was taken before.
    Outdated,
}

impl Ignored {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::UnknownIdentity, Self::UnknownIncident, Self::Repeated, Self::Outdated];

    /// Bounded label for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownIdentity => "unknown_identity",
            Self::UnknownIncident => "unknown_incident",
            Self::Repeated => "repeated",
            Self::Outdated => "outdated",
        }
    }
}

/// What taking in a verdict led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Values of acceptances that were taken back.
    pub released: Vec<(Dimension, Term)>,
    /// Whether a mute was taken back, or has another end.
    pub ends_mute: bool,
    /// Whether another verdict had to go for it.
    pub evicted: bool,
}

/// The verdicts on one identity, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdicts(ThinVec<Entry>);

impl Verdicts {
    /// What is to become of a signal of this detector, whose event happened at `time`; `is_covered` tells which acceptances
    /// cover it. Of several verdicts in force the latest counts.
    #[must_use]
    pub fn admits(&self, detector: &str, time: EventTime, is_covered: impl Fn(&Entry) -> bool) -> Ruling {
        let in_force = |entry: &&Entry| !entry.is_over(time) && entry.is_about(detector, &is_covered);
        match self.0.iter().rev().find(in_force) {
            Some(Entry { verdict: Verdict::Accept, .. }) => Ruling::Accepted,
            Some(Entry { verdict: Verdict::Mute, until, .. }) => Ruling::Muted(until.unwrap_or(time)),
            Some(Entry { verdict: Verdict::Reopen, .. }) | None => Ruling::Counts,
        }
    }

    /// Whether this incident was accepted, and that was not taken back.
    #[must_use]
    pub fn has_accepted(&self, incident_uid: u128) -> bool {
        self.0
            .iter()
            .any(|entry| entry.verdict == Verdict::Accept && entry.scope == Scope::Incident(incident_uid))
    }

    /// Whether a verdict may be taken.
    ///
    /// # Errors
    /// Where it was taken before, or a later one was.
    pub fn check(&self, entry: &Entry) -> Result<(), Ignored> {
        if self.0.iter().any(|known| known.key == entry.key) {
            return Err(Ignored::Repeated);
        }
        let is_later = |known: &Entry| known.replaces(entry) && known.order() > entry.order();
        if self.0.iter().any(is_later) { Err(Ignored::Outdated) } else { Ok(()) }
    }

    /// Takes a verdict that was checked. What an acceptance covered, a later one of the same incident covers too.
    pub fn take(&mut self, mut entry: Entry) -> Taken {
        let mut taken = Taken::default();
        for old in self.displaced_by(&entry) {
            taken.ends_mute |= old.verdict == Verdict::Mute;
            if entry.verdict == Verdict::Accept {
                entry.fingerprints.extend(old.fingerprints);
                entry.released.extend(old.released);
            } else {
                taken.released.extend(old.released);
            }
        }
        entry.fingerprints.sort_unstable();
        entry.fingerprints.dedup();
        entry.released.truncate(MAX_RELEASED);
        if self.0.len() >= MAX_VERDICTS {
            self.drop_one(entry.at);
            taken.evicted = true;
        }
        self.push(entry);
        taken
    }

    /// The values of acceptances that are over at `time`, each told once.
    pub fn expire(&mut self, time: EventTime) -> Vec<(Dimension, Term)> {
        let over = self.0.iter_mut().filter(|entry| entry.is_over(time));
        over.flat_map(|entry| std::mem::take(&mut entry.released)).collect()
    }

    /// The latest end of a mute.
    #[must_use]
    pub fn muted_until(&self) -> Option<EventTime> {
        self.0.iter().filter(|entry| entry.verdict == Verdict::Mute).filter_map(|entry| entry.until).max()
    }

    /// All verdicts, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts back verdicts from a snapshot, oldest first.
    #[must_use]
    pub fn restored(entries: impl Iterator<Item = Entry>) -> Self {
        Self(entries.collect())
    }

    fn displaced_by(&mut self, entry: &Entry) -> Vec<Entry> {
        let is_displaced = |known: &Entry| entry.replaces(known) && known.order() < entry.order();
        let (displaced, kept): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(&mut self.0).into_iter().partition(is_displaced);
        self.0 = kept.into_iter().collect();
        displaced
    }

    fn push(&mut self, entry: Entry) {
        let place = self.0.partition_point(|known| known.order() < entry.order());
        self.0.reserve_exact(1);
        self.0.insert(place, entry);
    }

    fn drop_one(&mut self, now: EventTime) {
        let over = self.0.iter().position(|entry| entry.is_over(now));
        self.0.remove(over.unwrap_or_default());
    }
}
