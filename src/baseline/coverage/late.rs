//! Hours of which the first records came late, and whether the rest of them may still be on its way.
//!
//! What a source could not deliver for days comes in pieces: over hours, from several forwarders, through partitions that are read at different
//! paces. Its first records lie in all hours of the gap before most of it has come. So such hours prove nothing until the source has
//! delivered nothing late for a while. What is kept is, of each hour that was told late only, the newest hour of reception: a maximum over
//! records, so that it does not matter in which order they are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::runs::Runs;
use super::source::MAX_RUNS;

/// How many hours after its own a record may be received to be in time. So an event at the start of an hour may be that many hours late, and
/// nearly one more: for so long, records are waited for before anything is called unused.
pub const TIMELY_HOURS: u32 = 6;

/// How long a source must have delivered nothing late until what came late counts, in hours: longer than forwarders pause before they try
/// again, and half as long as it takes until a source that delivers once a day counts as silent again.
const CALM_HOURS: u32 = 3;

/// Hours of reception kept apart: nearly three days of a source that always is late. Beyond that the two oldest become one, as of the
/// newer, so that nothing counts before its time.
const MAX_RECEPTIONS: usize = 64;

/// Whether a record of this hour, received in that one (both since 1970), is late.
#[must_use]
pub const fn is_late(hour: u32, received: u32) -> bool {
    received > hour.saturating_add(TIMELY_HOURS)
}

/// The hours of a source that were told late only, by the hour in which the newest record of each was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late(BTreeMap<u32, Runs>);

impl Late {
    /// Notes that a late record of an hour was received. Says whether that was not known.
    pub(super) fn note(&mut self, hour: u32, received: u32) -> bool {
        let known = self.0.iter().find(|(_, hours)| hours.holds(hour)).map(|(known, _)| *known);
        if known.is_some_and(|known| known >= received) {
            return false;
        }
        self.forget(hour, hour);
        self.0.entry(received).or_default().insert(hour, hour);
        self.bound();
        true
    }

    /// Notes that hours (inclusive) were told in time, or by somebody who knew all of them. Says whether any was late so far.
    pub(super) fn forget(&mut self, first: u32, last: u32) -> bool {
        let told = Runs::of(first, last);
        let mut was_late = false;
        for hours in self.0.values_mut().filter(|hours| !hours.common(&told).is_empty()) {
            *hours = hours.without(&told);
            was_late = true;
        }
        if was_late {
            self.0.retain(|_, hours| !hours.is_empty());
        }
        was_late
    }

    /// Whether an hour was told late only.
    pub(super) fn holds(&self, hour: u32) -> bool {
        self.0.values().any(|hours| hours.holds(hour))
    }

    /// The hours that may be incomplete at `now` (an hour since 1970), with the rests of up to `rest` hours between them: those told since the
    /// source was last calm, and those told later than `now`, since other inputs are not read up to there.
    pub(super) fn open(&self, now: u32, rest: u32) -> Runs {
        let mut open = Runs::default();
        let mut calm_before = now;
        for (received, hours) in self.0.iter().rev() {
            if received.saturating_add(CALM_HOURS) < calm_before {
                break;
            }
            calm_before = calm_before.min(*received);
            open = open.and(hours);
        }
        open.close(u32::MAX, rest);
        open
    }

    /// What this and another partition were told.
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (received, hours) in &other.0 {
            for (first, last) in hours.iter() {
                (first..=last).for_each(|hour| _ = self.note(hour, *received));
            }
        }
        self
    }

    /// Leaves out hours that do not count for other reasons.
    pub(super) fn keep(&mut self, reported: &Runs) {
        self.0.values_mut().for_each(|hours| *hours = hours.common(reported));
        self.0.retain(|_, hours| !hours.is_empty());
        self.bound();
    }

    /// Leaves out hours before this one.
    pub(super) fn keep_from(&mut self, first: u32) {
        if self.0.values().any(|hours| hours.first().is_some_and(|hour| hour < first)) {
            self.keep(&Runs::of(first, u32::MAX));
        }
    }

    /// Joins what is too much, so that nothing counts before its time: the oldest receptions as of the newer, and of the last one left its
    /// oldest runs with all that lies between.
    fn bound(&mut self) {
        while self.0.len() > MAX_RECEPTIONS || (self.runs() > MAX_RUNS && self.0.len() > 1) {
            let Some((_, oldest)) = self.0.pop_first() else { break };
            let Some(mut next) = self.0.first_entry() else { break };
            let joined = std::mem::take(next.get_mut()).and(&oldest);
            next.insert(joined);
        }
        if self.runs() > MAX_RUNS {
            self.0.values_mut().for_each(|hours| hours.join_oldest(MAX_RUNS));
        }
    }

    fn runs(&self) -> usize {
        self.0.values().map(Runs::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn late(told: &[(u32, u32)]) -> Late {
        let mut late = Late::default();
        told.iter().for_each(|(hour, received)| _ = late.note(*hour, *received));
        late
    }

    fn open(late: &Late, now: u32) -> Vec<(u32, u32)> {
        late.open(now, 6).iter().collect()
    }

    #[test]
    fn a_record_is_late_once_its_hour_is_over_for_longer_than_is_waited_for() {
        assert_eq!([106, 107].map(|received| is_late(100, received)), [false, true]);
        assert!(!is_late(u32::MAX, u32::MAX));
    }

    #[test]
    fn hours_told_late_are_open_until_nothing_came_late_for_a_while() {
        let backlog = late(&[(100, 200), (101, 200), (120, 202), (121, 205)]);
        assert_eq!(open(&backlog, 199), [(100, 101), (120, 121)], "it is read ahead of other inputs");
        assert_eq!(open(&backlog, 208), [(100, 101), (120, 121)], "one backlog, as it came without a pause");
        assert_eq!(open(&backlog, 209), []);
        let paused = late(&[(100, 200), (120, 204)]);
        assert_eq!(open(&paused, 205), [(120, 120)], "an older one is over");
    }

    #[test]
    fn rests_between_hours_that_are_open_are_open() {
        assert_eq!(open(&late(&[(100, 200), (106, 200), (113, 200)]), 200), [(100, 106), (113, 113)]);
    }

    #[test]
    fn of_too_many_receptions_the_oldest_wait_for_the_newer() {
        let last = 3_000 + MAX_RECEPTIONS as u32 * 10;
        let all: Vec<_> = (3_000..=last).step_by(10).map(|received| (received - 1_000, received)).collect();
        let late = late(&all);
        assert_eq!(late.0.len(), MAX_RECEPTIONS);
        assert_eq!(open(&late, 3_013).first(), Some(&(2_000, 2_000)), "as if it had come with the next");
    }

    #[test]
    fn of_too_many_runs_none_counts_before_its_time_and_the_rest_between_the_oldest_counts_as_late() {
        let told: Vec<_> = (0..2 * MAX_RUNS as u32).map(|at| (at * 2, 9_000 + at % 2 * 10)).collect();
        let late = late(&told);
        assert_eq!(late.runs(), MAX_RUNS);
        assert!(told.iter().all(|(hour, _)| late.open(9_013, 1).holds(*hour)));
    }

    #[test]
    fn what_is_left_out_up_to_an_hour_is_not_kept() {
        let mut late = late(&[(100, 200), (101, 200), (120, 202)]);
        late.keep_from(101);
        assert_eq!(open(&late, 200), [(101, 101), (120, 120)]);
        late.keep_from(121);
        assert_eq!(late, Late::default());
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(told in prop::collection::vec((0..40_u32, 100..140_u32), 0..60), now in 90..150_u32) {
            let forth = late(&told);
            let back: Vec<_> = told.iter().rev().chain(&told).copied().collect();
            prop_assert_eq!(&late(&back), &forth);
            let (one, other) = told.split_at(told.len() / 2);
            prop_assert_eq!(&late(one).and(&late(other)), &forth);
            let newest = |hour: u32| told.iter().filter(|mark| mark.0 == hour).map(|mark| mark.1).max();
            for hour in 0..40 {
                prop_assert_eq!(forth.holds(hour), newest(hour).is_some());
                let is_fresh = newest(hour).is_some_and(|received| received + CALM_HOURS >= now);
                prop_assert!(!is_fresh || forth.open(now, 1).holds(hour));
            }
        }

        #[test]
        fn of_more_receptions_than_are_kept_none_counts_before_its_time(
            told in prop::collection::vec((0..400_u32, 1_000..3_000_u32), 100..300), now in 900..3_100_u32,
        ) {
            let late = late(&told);
            prop_assert!(late.0.len() <= MAX_RECEPTIONS);
            for (hour, received) in &told {
                prop_assert!(late.holds(*hour));
                prop_assert!(received + CALM_HOURS < now || late.open(now, 1).holds(*hour));
            }
        }
    }
}
