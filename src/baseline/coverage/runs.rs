//! Sets of hours, as runs.

use serde::{Deserialize, Serialize};

/// A set of hours since 1970 as runs: first and last hour (inclusive), ascending, with at least one hour between two runs that is
/// not in the set. A set has one such form, so that two are equal where their hours are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs(Vec<(u32, u32)>);

impl Runs {
    /// One run, from first to last hour (inclusive, in either order).
    #[must_use]
    pub fn of(first: u32, last: u32) -> Self {
        Self(vec![(first.min(last), first.max(last))])
    }

    /// Adds the hours from first to last (inclusive). Says whether any of them is new.
    pub fn insert(&mut self, first: u32, last: u32) -> bool {
        let touches_from = self.0.partition_point(|run| run.1.saturating_add(1) < first);
        let touches_to = self.0.partition_point(|run| run.0 <= last.saturating_add(1));
        let touched = &self.0[touches_from..touches_to];
        if touched.iter().any(|run| run.0 <= first && last <= run.1) {
            return false;
        }
        let start = touched.first().map_or(first, |run| run.0.min(first));
        let end = touched.last().map_or(last, |run| run.1.max(last));
        self.0.splice(touches_from..touches_to, [(start, end)]);
        true
    }

    /// Whether an hour is in the set.
    #[must_use]
    pub fn holds(&self, hour: u32) -> bool {
        let at = self.0.partition_point(|run| run.1 < hour);
        self.0.get(at).is_some_and(|run| run.0 <= hour)
    }

    /// Takes the hours between two runs in, where both lie before an hour and the second begins no more than so many hours after
    /// the first ends.
    pub fn close(&mut self, before: u32, step: u32) {
        self.0.dedup_by(|next, run| {
            let is_close = next.1 < before && next.0 - run.1 <= step;
            if is_close {
                run.1 = next.1;
            }
            is_close
        });
    }

    /// Drops the oldest runs until there are at most so many.
    pub fn keep_newest(&mut self, most: usize) {
        self.0.drain(..self.0.len().saturating_sub(most));
    }

    /// Joins the two oldest runs, with all that lies between, until there are at most so many.
    pub fn join_oldest(&mut self, most: usize) {
        while let [oldest, next, ..] = self.0[..]
            && self.0.len() > most
        {
            self.0[1] = (oldest.0, next.1);
            self.0.remove(0);
        }
    }

    /// Hours that are in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut runs = Vec::new();
        while let (Some(one), Some(two)) = (ours.peek(), theirs.peek()) {
            let (start, end) = (one.0.max(two.0), one.1.min(two.1));
            if start <= end {
                runs.push((start, end));
            }
            if one.1 <= two.1 {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self(runs)
    }

    /// Hours that are in any of the two.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (first, last) in &other.0 {
            self.insert(*first, *last);
        }
        self
    }

    /// Hours that are in this and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for &(first, last) in &self.0 {
            let mut at = Some(first);
            for &(start, end) in other.0.iter().filter(|run| run.0 <= last && first <= run.1) {
                let Some(from) = at else { break };
                if from < start {
                    left.push((from, start - 1));
                }
                at = end.checked_add(1).filter(|next| *next <= last).map(|next| next.max(from));
            }
            left.extend(at.map(|from| (from, last)));
        }
        Self(left)
    }

    /// The runs, first and last hour (inclusive), ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, u32)> + ExactSizeIterator + '_ {
        self.0.iter().copied()
    }

    /// Silences between the runs that follow each other: the last hour before, and how many hours later the next one is.
    pub fn silences(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.0.windows(2).map(|pair| (pair[0].1, pair[1].0 - pair[0].1))
    }

    /// How many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no hour is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many hours are in the set.
    #[must_use]
    pub fn hours(&self) -> u64 {
        self.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// The first hour of the set.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|run| run.0)
    }

    /// The last hour of the set.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|run| run.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn runs_of(hours: &BTreeSet<u32>) -> Runs {
        let mut runs = Runs::default();
        hours.iter().for_each(|hour| _ = runs.insert(*hour, *hour));
        runs
    }

    fn hours_of(runs: &Runs) -> BTreeSet<u32> {
        runs.iter().flat_map(|(first, last)| first..=last).collect()
    }

    fn some_hours() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(0_u32..200, 0..80)
    }

    #[test]
    fn the_last_hour_of_all_ends_nothing_badly() {
        let mut runs = Runs::of(u32::MAX - 1, u32::MAX);
        assert!(!runs.insert(u32::MAX, u32::MAX));
        assert!(runs.without(&Runs::of(u32::MAX, u32::MAX)) == Runs::of(u32::MAX - 1, u32::MAX - 1));
    }

    proptest! {
        #[test]
        fn runs_are_sets(ours in some_hours(), theirs in some_hours(), order in any::<u64>()) {
            let (one, two) = (runs_of(&ours), runs_of(&theirs));
            prop_assert_eq!(&hours_of(&one), &ours);
            prop_assert_eq!(one.hours(), ours.len() as u64);
            prop_assert!((0..210).all(|hour| one.holds(hour) == ours.contains(&hour)));
            prop_assert_eq!(hours_of(&one.common(&two)), ours.intersection(&theirs).copied().collect());
            prop_assert_eq!(hours_of(&one.without(&two)), ours.difference(&theirs).copied().collect());
            prop_assert_eq!(hours_of(&one.clone().and(&two)), ours.union(&theirs).copied().collect());
            prop_assert_eq!(one.clone().and(&two), two.clone().and(&one), "one form for one set");
            let mut shuffled: Vec<u32> = ours.iter().copied().collect();
            shuffled.sort_by_key(|hour| u64::from(*hour).wrapping_mul(order | 1).rotate_left(17));
            let mut again = Runs::default();
            for hour in &shuffled {
                prop_assert!(again.insert(*hour, *hour));
                prop_assert!(!again.insert(*hour, *hour));
            }
            prop_assert_eq!(again, one);
        }

        #[test]
        fn what_is_closed_early_and_what_is_closed_late_is_the_same(ours in some_hours(), hour in 0_u32..200, before in 0_u32..200) {
            let (mut early, mut late) = (runs_of(&ours), runs_of(&ours));
            early.close(before / 2, 6);
            for runs in [&mut early, &mut late] {
                runs.insert(hour, hour);
                runs.close(before, 6);
            }
            prop_assert_eq!(&early, &late);
            prop_assert!(late.silences().all(|(after, step)| step > 6 || after >= before || late.iter().any(|run| run.0 > after && run.1 >= before)));
        }

        #[test]
        fn a_run_inserted_is_its_hours(ours in some_hours(), first in 0_u32..200, length in 0_u32..40) {
            let mut runs = runs_of(&ours);
            let added: BTreeSet<u32> = (first..=first + length).collect();
            prop_assert_eq!(runs.insert(first, first + length), !added.is_subset(&ours));
            prop_assert_eq!(runs, runs_of(&ours.union(&added).copied().collect()));
        }
    }
}
