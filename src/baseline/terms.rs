//! The values that an identity used in one dimension, with first and last use, bounded.

use thin_vec::ThinVec;

use crate::term::{Interner, Term, stable_hash};
use crate::time::EventTime;

/// One value and its use.
#[derive(Clone, Debug, PartialEq)]
pub struct TermEntry {
    /// The value.
    pub term: Term,
    /// First use.
    pub first_seen: EventTime,
    /// Last use.
    pub last_seen: EventTime,
    /// Uses so far.
    pub uses: u32,
    /// Where set, the value raised an alert at this time and is held out of the baseline until it has aged.
    pub quarantined_at: Option<EventTime>,
    hash: u32,
}

/// What was known of a value before it was seen this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior {
    /// Part of the baseline.
    Known,
    /// Seen before, but held out of the baseline.
    Quarantined,
    /// Never seen, or not within memory.
    New,
}

/// The values of one dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TermSet {
    entries: ThinVec<TermEntry>,
}

/// How values are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Most values kept.
    pub capacity: usize,
    /// How long a value unused stays known, in milliseconds.
    pub memory_ms: i64,
    /// How long a value that raised an alert is held out, in milliseconds.
    pub quarantine_ms: i64,
}

impl TermSet {
    /// Notes a use of `value` at `time`; says what was known of it before, and whether another value had to go for it.
    pub fn touch(
        &mut self,
        value: &str,
        time: EventTime,
        retention: Retention,
        terms: &Interner,
    ) -> (Prior, bool) {
        let hash = short_hash(value);
        if let Some(entry) = self.entries.iter_mut().find(|e| e.hash == hash && e.term.as_str() == value) {
            return (entry.touch(time, retention), false);
        }
        let is_full = self.entries.len() >= retention.capacity;
        if is_full && !self.make_room(value, time) {
            return (Prior::New, true);
        }
        self.entries.push(TermEntry {
            term: terms.intern(value),
            first_seen: time,
            last_seen: time,
            uses: 1,
            quarantined_at: None,
            hash,
        });
        (Prior::New, is_full)
    }

    /// Notes when `value` was used, from a report that teaches nothing: a duplicate or a correction. A value that only such
    /// reports know of is still new at its first use. Says whether anything changed.
    pub fn note(&mut self, value: &str, time: EventTime, capacity: usize, terms: &Interner) -> bool {
        let hash = short_hash(value);
        if let Some(entry) = self.entries.iter_mut().find(|e| e.hash == hash && e.term.as_str() == value) {
            let seen = (entry.first_seen.min(time), entry.last_seen.max(time));
            let is_changed = seen != (entry.first_seen, entry.last_seen);
            (entry.first_seen, entry.last_seen) = seen;
            return is_changed;
        }
        let has_room = self.entries.len() < capacity || self.make_room(value, time);
        if has_room {
            self.entries.push(TermEntry::restored(terms.intern(value), (time, time), 0, None));
        }
        has_room
    }

    /// Holds `value` out of the baseline from `time` on.
    pub fn quarantine(&mut self, value: &str, time: EventTime) {
        let hash = short_hash(value);
        if let Some(entry) = self.entries.iter_mut().find(|e| e.hash == hash && e.term.as_str() == value) {
            entry.quarantined_at.get_or_insert(time);
        }
    }

    /// All values, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &TermEntry> {
        self.entries.iter()
    }

    /// How many values are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no value is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts back a value from a snapshot.
    pub fn restore(&mut self, entry: TermEntry) {
        self.entries.push(entry);
    }

    /// The values used most, for an explanation.
    #[must_use]
    pub fn usual(&self, count: usize) -> Vec<&str> {
        let mut known: Vec<&TermEntry> = self.entries.iter().filter(|e| e.quarantined_at.is_none()).collect();
        known.sort_by(|a, b| b.uses.cmp(&a.uses).then_with(|| a.term.as_str().cmp(b.term.as_str())));
        known.into_iter().take(count).map(|entry| entry.term.as_str()).collect()
    }

    /// Drops the value unseen for longest, unless that was seen later than the newcomer. Ties go by the value: what is held
    /// are the values used last, in whatever order the uses came.
    fn make_room(&mut self, newcomer: &str, time: EventTime) -> bool {
        let oldest = self
            .entries
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| {
                a.last_seen.cmp(&b.last_seen).then_with(|| a.term.as_str().cmp(b.term.as_str()))
            })
            .filter(|(_, oldest)| (oldest.last_seen, oldest.term.as_str()) < (time, newcomer))
            .map(|(index, _)| index);
        oldest.inspect(|index| drop(self.entries.swap_remove(*index))).is_some()
    }
}

impl TermEntry {
    /// An entry as a snapshot holds it.
    #[must_use]
    pub fn restored(
        term: Term,
        seen: (EventTime, EventTime),
        uses: u32,
        quarantined_at: Option<EventTime>,
    ) -> Self {
        let hash = short_hash(term.as_str());
        Self { term, first_seen: seen.0, last_seen: seen.1, uses, quarantined_at, hash }
    }

    fn touch(&mut self, time: EventTime, retention: Retention) -> Prior {
        let forgotten = time.millis_since(self.last_seen) > retention.memory_ms;
        let prior = match self.quarantined_at {
            _ if self.uses == 0 => Prior::New,
            Some(since) if time.millis_since(since) < retention.quarantine_ms => Prior::Quarantined,
            _ if forgotten => Prior::New,
            _ => Prior::Known,
        };
        if prior != Prior::Quarantined {
            self.quarantined_at = None;
        }
        self.first_seen = self.first_seen.min(time);
        self.last_seen = self.last_seen.max(time);
        self.uses = self.uses.saturating_add(1);
        prior
    }
}

fn short_hash(value: &str) -> u32 {
    stable_hash(value) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_MS;

    const RETENTION: Retention =
        Retention { capacity: 3, memory_ms: 400 * DAY_MS, quarantine_ms: 7 * DAY_MS };

    fn day(day: i64) -> EventTime {
        EventTime::from_millis(day * DAY_MS)
    }

    fn touched(set: &mut TermSet, value: &str, at: i64) -> Prior {
        set.touch(value, day(at), RETENTION, &Interner::new()).0
    }

    #[test]
    fn a_value_is_new_once_and_again_only_beyond_memory() {
        let mut set = TermSet::default();
        assert_eq!(touched(&mut set, "s3", 1), Prior::New);
        assert_eq!(touched(&mut set, "s3", 401), Prior::Known);
        assert_eq!(touched(&mut set, "s3", 802), Prior::New);
    }

    #[test]
    fn quarantine_holds_a_value_out_until_it_has_aged() {
        let mut set = TermSet::default();
        touched(&mut set, "iam", 1);
        set.quarantine("iam", day(1));
        assert_eq!(touched(&mut set, "iam", 7), Prior::Quarantined);
        assert_eq!(touched(&mut set, "iam", 8), Prior::Known);
        assert_eq!(touched(&mut set, "iam", 9), Prior::Known);
    }

    #[test]
    fn a_full_set_drops_what_was_unseen_for_longest() {
        let mut set = TermSet::default();
        for (value, at) in [("a", 3), ("b", 1), ("c", 2)] {
            touched(&mut set, value, at);
        }
        assert_eq!(set.touch("d", day(4), RETENTION, &Interner::new()), (Prior::New, true));
        assert_eq!(set.len(), 3);
        assert!(set.iter().all(|entry| entry.term.as_str() != "b"));
    }

    #[test]
    fn a_full_set_takes_nothing_older_than_all_it_holds() {
        let mut set = TermSet::default();
        for (value, at) in [("a", 3), ("b", 4), ("c", 5)] {
            touched(&mut set, value, at);
        }
        assert_eq!(set.touch("old", day(2), RETENTION, &Interner::new()), (Prior::New, true));
        assert!(set.iter().all(|entry| entry.term.as_str() != "old"));
    }

    #[test]
    fn late_use_moves_first_seen_back_and_last_seen_never() {
        let mut set = TermSet::default();
        touched(&mut set, "s3", 10);
        touched(&mut set, "s3", 5);
        let entry = set.iter().next().unwrap();
        assert_eq!((entry.first_seen, entry.last_seen), (day(5), day(10)));
    }
}
