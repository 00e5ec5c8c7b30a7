//! The values that an identity used, by dimension, with first and last use, bounded.

use thin_vec::ThinVec;

use crate::term::{Interner, Term, stable_hash};
use crate::time::EventTime;

use super::dimension::Dimension;
use super::peers::Peers;

/// Room is made for that many values at a time. The list's header takes half of one value's place, so that a list fills
/// whole steps of 128 bytes but for that much.
const GROWTH: usize = 4;

/// One value and its use, in 32 bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TermEntry {
    /// The value.
    pub term: Term,
    /// Uses so far.
    pub uses: u32,
    /// Part of the value's hash, so that other values are passed over without a look at their text.
    hash: u16,
    first_seen: Packed,
    last_seen: Packed,
    quarantined_at: Packed,
}

/// Bytes of a time.
pub const TIME_BYTES: usize = 6;

/// A time in six bytes, which hold every time there is ([`EventTime::from_millis`]) and one more that stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed([u8; TIME_BYTES]);

/// First use, last use, and since when a value is held out, where it is: their milliseconds, little end first.
pub type PackedTimes = ([u8; TIME_BYTES], [u8; TIME_BYTES], Option<[u8; TIME_BYTES]>);

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

/// The values of all dimensions, in one list: an identity uses few in most of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TermSets {
    /// Values of the first dimension, then those of the second, and so on.
    entries: ThinVec<TermEntry>,
    /// Where each dimension's values end.
    ends: [u16; Dimension::COUNT],
}

/// The values of one dimension, in no order that means anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TermSet<'a>(&'a [TermEntry]);

/// What values are shared with: the words of all identities, and who has which.
pub struct Words<'a> {
    /// Shared terms.
    pub terms: &'a Interner,
    /// How many identities have each value.
    pub peers: &'a mut Peers,
}

/// What was known of a value, and what its use did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// What this identity knew.
    pub prior: Prior,
    /// Whether another value had to go for it.
    pub evicted: bool,
    /// How many other identities have it; told where it is not known.
    pub peers: u32,
}

/// How values are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Most values kept in a dimension.
    pub capacity: usize,
    /// How long a value unused stays known, in milliseconds.
    pub memory_ms: i64,
    /// How long a value that raised an alert is held out, in milliseconds.
    pub quarantine_ms: i64,
}

impl TermSets {
    /// Notes a use of `value` at `time`; says what was known of it before.
    pub fn touch(
        &mut self,
        (dimension, value): (Dimension, &str),
        time: EventTime,
        retention: Retention,
        words: &mut Words<'_>,
    ) -> Touched {
        let hash = short_hash(value);
        let known = self.of_mut(dimension);
        if let Some(entry) = known.iter_mut().find(|entry| entry.is(hash, value)) {
            return entry.touch_among(dimension, time, retention, words.peers);
        }
        let peers = words.peers.holders(dimension, value);
        let new = || TermEntry::new(words.terms.intern(value), hash, (time, time), 1, None);
        if known.len() < retention.capacity {
            self.push(dimension, new());
            words.peers.add(dimension, value);
            return Touched { prior: Prior::New, evicted: false, peers };
        }
        if let Some(oldest) = oldest(known, (value, time)) {
            let gone = std::mem::replace(oldest, new());
            if gone.is_learned() {
                words.peers.remove(dimension, gone.term.as_str());
            }
            words.peers.add(dimension, value);
        }
        Touched { prior: Prior::New, evicted: true, peers }
    }

    /// Notes when `value` was used, from a report that teaches nothing: a duplicate or a correction. A value that only such
    /// reports know of is still new at its first use. Says whether anything changed.
    pub fn note(
        &mut self,
        (dimension, value): (Dimension, &str),
        time: EventTime,
        words: &mut Words<'_>,
    ) -> bool {
        let hash = short_hash(value);
        let known = self.of_mut(dimension);
        if let Some(entry) = known.iter_mut().find(|entry| entry.is(hash, value)) {
            return entry.extend(time);
        }
        let new = || TermEntry::new(words.terms.intern(value), hash, (time, time), 0, None);
        if known.len() < dimension.capacity() {
            self.push(dimension, new());
            return true;
        }
        let Some(oldest) = oldest(known, (value, time)) else { return false };
        let gone = std::mem::replace(oldest, new());
        if gone.is_learned() {
            words.peers.remove(dimension, gone.term.as_str());
        }
        true
    }

    /// Holds `value` out of the baseline from `time` on.
    pub fn quarantine(&mut self, (dimension, value): (Dimension, &str), time: EventTime, peers: &mut Peers) {
        let hash = short_hash(value);
        if let Some(entry) = self.of_mut(dimension).iter_mut().find(|entry| entry.is(hash, value))
            && entry.quarantined_at().is_none()
        {
            if entry.is_learned() {
                peers.remove(dimension, value);
            }
            entry.quarantined_at = Packed::of(Some(time));
        }
    }

    /// Holds `value` out of the baseline as if it had raised an alert at `until`, which may lie ahead.
    pub fn hold(&mut self, (dimension, value): (Dimension, &str), until: EventTime, peers: &mut Peers) {
        let hash = short_hash(value);
        if let Some(entry) = self.of_mut(dimension).iter_mut().find(|entry| entry.is(hash, value)) {
            if entry.is_learned() {
                peers.remove(dimension, value);
            }
            entry.quarantined_at = Packed::of(entry.quarantined_at().max(Some(until)));
        }
    }

    /// Lets no value be held out as of later than `time`.
    pub fn shorten_holds(&mut self, time: EventTime) {
        for entry in self.entries.iter_mut().filter(|entry| entry.quarantined_at() > Some(time)) {
            entry.quarantined_at = Packed::of(Some(time));
        }
    }

    /// Makes part of the baseline what is held out as of these times, both inclusive, and tells which values.
    pub fn release(
        &mut self,
        (since, to): (EventTime, EventTime),
        peers: &mut Peers,
    ) -> Vec<(Dimension, Term)> {
        let mut released = Vec::new();
        for dimension in Dimension::ALL {
            for entry in self.of_mut(dimension) {
                if entry.quarantined_at().is_some_and(|time| time >= since && time <= to) {
                    entry.quarantined_at = Packed::of(None);
                    if entry.is_learned() {
                        peers.add(dimension, entry.term.as_str());
                    }
                    released.push((dimension, entry.term.clone()));
                }
            }
        }
        released
    }

    /// The values of one dimension.
    #[must_use]
    pub fn of(&self, dimension: Dimension) -> TermSet<'_> {
        let (start, end) = self.bounds(dimension);
        TermSet(self.entries.get(start..end).unwrap_or_default())
    }

    /// How many values are held in all dimensions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no value is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values there is room for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Values from a snapshot: so many of each dimension, which come in their order, with as much room as they would have had
    /// in use.
    ///
    /// # Errors
    /// Where a value cannot be had.
    pub fn restored<E>(
        counts: &[u16; Dimension::COUNT],
        values: impl Iterator<Item = Result<TermEntry, E>>,
    ) -> Result<Self, E> {
        let mut sets = Self::default();
        let mut end = 0;
        for (place, count) in sets.ends.iter_mut().zip(counts) {
            end += count;
            *place = end;
        }
        if end > 0 {
            sets.entries.reserve_exact(in_steps(usize::from(end)));
        }
        for value in values.take(usize::from(end)) {
            sets.entries.push(value?);
        }
        Ok(sets)
    }

    fn push(&mut self, dimension: Dimension, entry: TermEntry) {
        if self.entries.len() == self.entries.capacity() {
            let more = in_steps(self.entries.len() + 1) - self.entries.len();
            self.entries.reserve_exact(more);
        }
        let (_, end) = self.bounds(dimension);
        self.entries.insert(end, entry);
        self.ends[dimension as usize..].iter_mut().for_each(|end| *end += 1);
    }

    fn of_mut(&mut self, dimension: Dimension) -> &mut [TermEntry] {
        let (start, end) = self.bounds(dimension);
        self.entries.get_mut(start..end).unwrap_or_default()
    }

    fn bounds(&self, dimension: Dimension) -> (usize, usize) {
        let index = dimension as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        (usize::from(start), usize::from(self.ends[index]))
    }
}

impl<'a> TermSet<'a> {
    /// All values, in no order that means anything.
    pub fn iter(self) -> impl ExactSizeIterator<Item = &'a TermEntry> {
        self.0.iter()
    }

    /// How many values are held.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether no value is held.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The values used most, for an explanation.
    #[must_use]
    pub fn usual(self, count: usize) -> Vec<&'a str> {
        let mut known: Vec<&TermEntry> = self.iter().filter(|e| e.quarantined_at().is_none()).collect();
        known.sort_by(|a, b| b.uses.cmp(&a.uses).then_with(|| a.term.as_str().cmp(b.term.as_str())));
        known.into_iter().take(count).map(|entry| entry.term.as_str()).collect()
    }
}

/// The value unseen for longest, unless that was seen later than the newcomer. Ties go by the value: what is held are the
/// values used last, in whatever order the uses came.
fn oldest<'e>(
    entries: &'e mut [TermEntry],
    (newcomer, time): (&str, EventTime),
) -> Option<&'e mut TermEntry> {
    let age = |entry: &TermEntry| entry.last_seen();
    entries
        .iter_mut()
        .min_by(|a, b| age(a).cmp(&age(b)).then_with(|| a.term.as_str().cmp(b.term.as_str())))
        .filter(|oldest| (oldest.last_seen(), oldest.term.as_str()) < (time, newcomer))
}

/// Room that `values` take, in steps of [`GROWTH`].
fn in_steps(values: usize) -> usize {
    (values + 1).next_multiple_of(GROWTH) - 1
}

impl TermEntry {
    /// An entry of a term with its [`stable_hash`], used first and last then, so many times.
    #[cfg(test)]
    pub(crate) fn of(
        (term, hash): (Term, u64),
        seen: (EventTime, EventTime),
        (uses, quarantined_at): (u32, Option<EventTime>),
    ) -> Self {
        Self::new(term, hash as u16, seen, uses, quarantined_at)
    }

    /// An entry as a snapshot holds it: a term with its [`stable_hash`], and times as [`Self::packed_times`] gives them.
    #[must_use]
    pub fn restored((term, hash): (Term, u64), times: PackedTimes, uses: u32) -> Self {
        let (first_seen, last_seen) = (Packed(times.0), Packed(times.1));
        let quarantined_at = Packed(times.2.unwrap_or(Packed::NONE));
        Self { term, uses, hash: hash as u16, first_seen, last_seen, quarantined_at }
    }

    /// First use, last use and since when it is held out, for a snapshot.
    #[must_use]
    pub fn packed_times(&self) -> PackedTimes {
        let held_out = self.quarantined_at;
        (self.first_seen.0, self.last_seen.0, (held_out.0 != Packed::NONE).then_some(held_out.0))
    }

    fn new(
        term: Term,
        hash: u16,
        seen: (EventTime, EventTime),
        uses: u32,
        quarantined_at: Option<EventTime>,
    ) -> Self {
        let (first_seen, last_seen) = (Packed::of(Some(seen.0)), Packed::of(Some(seen.1)));
        Self { term, uses, hash, first_seen, last_seen, quarantined_at: Packed::of(quarantined_at) }
    }

    /// First use.
    #[must_use]
    pub fn first_seen(&self) -> EventTime {
        self.first_seen.time().unwrap_or_default()
    }

    /// Last use.
    #[must_use]
    pub fn last_seen(&self) -> EventTime {
        self.last_seen.time().unwrap_or_default()
    }

    /// Where set, the value raised an alert at this time and is held out of the baseline until it has aged.
    #[must_use]
    pub fn quarantined_at(&self) -> Option<EventTime> {
        self.quarantined_at.time()
    }

    /// Whether it is part of the baseline: used, and not held out.
    #[must_use]
    pub fn is_learned(&self) -> bool {
        self.uses > 0 && self.quarantined_at.0 == Packed::NONE
    }

    fn touch_among(
        &mut self,
        dimension: Dimension,
        time: EventTime,
        retention: Retention,
        peers: &mut Peers,
    ) -> Touched {
        let was_learned = self.is_learned();
        let prior = self.touch(time, retention);
        if prior == Prior::Known && was_learned {
            return Touched { prior, evicted: false, peers: 0 };
        }
        let holders = peers.holders(dimension, self.term.as_str());
        if !was_learned && self.is_learned() {
            peers.add(dimension, self.term.as_str());
        }
        Touched { prior, evicted: false, peers: holders - u32::from(was_learned && holders > 0) }
    }

    fn is(&self, hash: u16, value: &str) -> bool {
        self.hash == hash && self.term.as_str() == value
    }

    fn touch(&mut self, time: EventTime, retention: Retention) -> Prior {
        let forgotten = time.millis_since(self.last_seen()) > retention.memory_ms;
        let prior = match self.quarantined_at() {
            _ if self.uses == 0 => Prior::New,
            Some(since) if time.millis_since(since) < retention.quarantine_ms => Prior::Quarantined,
            _ if forgotten => Prior::New,
            _ => Prior::Known,
        };
        if prior != Prior::Quarantined {
            self.quarantined_at = Packed::of(None);
        }
        self.extend(time);
        self.uses = self.uses.saturating_add(1);
        prior
    }

    /// Notes a use at `time`; says whether it is the first or the last now.
    fn extend(&mut self, time: EventTime) -> bool {
        let seen = (self.first_seen(), self.last_seen());
        let extended = (seen.0.min(time), seen.1.max(time));
        self.first_seen = Packed::of(Some(extended.0));
        self.last_seen = Packed::of(Some(extended.1));
        extended != seen
    }
}

impl Packed {
    /// More than the milliseconds of any time.
    const NONE: [u8; TIME_BYTES] = [u8::MAX; TIME_BYTES];

    fn of(time: Option<EventTime>) -> Self {
        let Some(time) = time else { return Self(Self::NONE) };
        let [a, b, c, d, e, f, ..] = time.millis().to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    fn time(self) -> Option<EventTime> {
        let [a, b, c, d, e, f] = self.0;
        let millis = i64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        (self.0 != Self::NONE).then(|| EventTime::from_millis(millis))
    }
}

fn short_hash(value: &str) -> u16 {
    stable_hash(value) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::DAY_MS;

    const RETENTION: Retention =
        Retention { capacity: 3, memory_ms: 400 * DAY_MS, quarantine_ms: 7 * DAY_MS };

    fn day(day: i64) -> EventTime {
        EventTime::from_millis(day * DAY_MS)
    }

    const SERVICE: Dimension = Dimension::Service;

    fn touched(sets: &mut TermSets, value: &str, at: i64) -> Prior {
        touched_in(sets, SERVICE, value, at).0
    }

    fn touched_in(sets: &mut TermSets, dimension: Dimension, value: &str, at: i64) -> (Prior, bool) {
        let mut words = Words { terms: &Interner::new(), peers: &mut Peers::default() };
        let touched = sets.touch((dimension, value), day(at), RETENTION, &mut words);
        (touched.prior, touched.evicted)
    }

    fn values(sets: &TermSets, dimension: Dimension) -> Vec<&str> {
        let mut values: Vec<&str> = sets.of(dimension).iter().map(|entry| entry.term.as_str()).collect();
        values.sort_unstable();
        values
    }

    #[test]
    fn a_value_is_new_once_and_again_only_beyond_memory() {
        let mut set = TermSets::default();
        assert_eq!(touched(&mut set, "s3", 1), Prior::New);
        assert_eq!(touched(&mut set, "s3", 401), Prior::Known);
        assert_eq!(touched(&mut set, "s3", 802), Prior::New);
    }

    #[test]
    fn quarantine_holds_a_value_out_until_it_has_aged() {
        let mut set = TermSets::default();
        touched(&mut set, "iam", 1);
        set.quarantine((SERVICE, "iam"), day(1), &mut Peers::default());
        assert_eq!(touched(&mut set, "iam", 7), Prior::Quarantined);
        assert_eq!(touched(&mut set, "iam", 8), Prior::Known);
        assert_eq!(touched(&mut set, "iam", 9), Prior::Known);
    }

    #[test]
    fn what_is_released_is_known_at_once_and_told() {
        let mut set = TermSets::default();
        for (value, at) in [("a", 1), ("b", 5)] {
            touched(&mut set, value, at);
            set.quarantine((SERVICE, value), day(at), &mut Peers::default());
        }
        let released = set.release((day(2), day(5)), &mut Peers::default());
        assert_eq!(released.iter().map(|(_, term)| term.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(
            (touched(&mut set, "a", 6), touched(&mut set, "b", 6)),
            (Prior::Quarantined, Prior::Known)
        );
    }

    #[test]
    fn what_is_held_ages_from_the_end_of_the_hold_unless_that_is_shortened() {
        let mut set = TermSets::default();
        for value in ["a", "b"] {
            touched(&mut set, value, 1);
            set.hold((SERVICE, value), day(100), &mut Peers::default());
        }
        assert_eq!(touched(&mut set, "a", 106), Prior::Quarantined);
        assert_eq!(touched(&mut set, "a", 107), Prior::Known);
        set.shorten_holds(day(50));
        assert_eq!(
            (touched(&mut set, "b", 56), touched(&mut set, "b", 57)),
            (Prior::Quarantined, Prior::Known)
        );
    }

    #[test]
    fn a_full_set_drops_what_was_unseen_for_longest() {
        let mut set = TermSets::default();
        for (value, at) in [("a", 3), ("b", 1), ("c", 2)] {
            touched(&mut set, value, at);
        }
        assert_eq!(touched_in(&mut set, SERVICE, "d", 4), (Prior::New, true));
        assert_eq!(values(&set, SERVICE), ["a", "c", "d"]);
    }

    #[test]
    fn a_full_set_takes_nothing_older_than_all_it_holds() {
        let mut set = TermSets::default();
        for (value, at) in [("a", 3), ("b", 4), ("c", 5)] {
            touched(&mut set, value, at);
        }
        assert_eq!(touched_in(&mut set, SERVICE, "old", 2), (Prior::New, true));
        assert_eq!(values(&set, SERVICE), ["a", "b", "c"]);
    }

    #[test]
    fn late_use_moves_first_seen_back_and_last_seen_never() {
        let mut set = TermSets::default();
        touched(&mut set, "s3", 10);
        touched(&mut set, "s3", 5);
        let entry = set.of(SERVICE).iter().next().unwrap();
        assert_eq!((entry.first_seen(), entry.last_seen()), (day(5), day(10)));
    }

    #[test]
    fn an_entry_takes_32_bytes_and_holds_every_time_exactly() {
        assert_eq!(size_of::<TermEntry>(), 32);
        for millis in [0, 1, 1_769_850_000_251, i64::MAX] {
            let time = EventTime::from_millis(millis);
            let entry = TermEntry::of((Term::unshared("s3"), 1), (time, time), (1, Some(time)));
            assert_eq!((entry.first_seen(), entry.last_seen()), (time, time));
            assert_eq!(entry.quarantined_at(), Some(time));
        }
    }

    proptest! {
        /// What is counted as values come and go is what their baselines hold, so that a restore counts the same.
        #[test]
        fn peers_are_what_the_baselines_hold(
            uses in prop::collection::vec((0..3_usize, 0..5_u8, 1..900_i64, any::<bool>(), any::<bool>()), 0..120),
        ) {
            let (mut peers, terms) = (Peers::default(), Interner::new());
            let mut sets: [TermSets; 3] = Default::default();
            for (who, value, at, is_held_out, is_note) in uses {
                let value = format!("value-{value}");
                let mut words = Words { terms: &terms, peers: &mut peers };
                if is_note {
                    sets[who].note((SERVICE, &value), day(at), &mut words);
                } else {
                    sets[who].touch((SERVICE, &value), day(at), RETENTION, &mut words);
                }
                if is_held_out {
                    sets[who].quarantine((SERVICE, &value), day(at), &mut peers);
                }
            }
            for value in (0..5).map(|value| format!("value-{value}")) {
                let learned = |sets: &&TermSets| {
                    sets.of(SERVICE).iter().any(|entry| entry.term.as_str() == value && entry.is_learned())
                };
                let held = sets.iter().filter(learned).count();
                prop_assert_eq!(peers.holders(SERVICE, &value) as usize, held);
            }
            sets.iter().for_each(|sets| peers.remove_all(sets));
            prop_assert!(peers.is_empty());
        }

        /// One list for all dimensions is as good as a list for each.
        #[test]
        fn dimensions_do_not_mix(uses in prop::collection::vec((0..8_usize, 0..6_u8, 1..20_i64), 0..80)) {
            let mut together = TermSets::default();
            let mut apart: [TermSets; 8] = Default::default();
            for (index, value, at) in uses {
                let (dimension, value) = (Dimension::ALL[index], format!("value-{value}"));
                let said = touched_in(&mut together, dimension, &value, at);
                prop_assert_eq!(said, touched_in(&mut apart[index], dimension, &value, at));
            }
            for (alone, dimension) in apart.iter().zip(Dimension::ALL) {
                prop_assert_eq!(together.of(dimension), alone.of(dimension));
                prop_assert_eq!(alone.len(), alone.of(dimension).len());
            }
            prop_assert_eq!(together.len(), apart.iter().map(TermSets::len).sum::<usize>());
        }
    }
}
