//! What was lost on its way here, of log sources nobody can name: covered for none of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::last_seen::GapCause;

use super::runs::Runs;

/// Losses kept apart. Each is an outage longer than a topic's retention, or a day with files that cannot be read; beyond that the two oldest
/// become one, with all that lies between them, so that what was lost never counts as covered.
pub const MAX_LOSSES: usize = 64;

/// Hours in which single unreadable records are counted: those received lately. Records are received nearly in order; one of an hour
/// before these is a gap by itself, since nobody knows how many there were.
const COUNTED_HOURS: usize = 48;

/// How long before its reception what cannot be read may have happened, in hours: providers deliver within minutes to hours.
const DELIVERY_HOURS: u32 = 24;

/// Hours of which records were lost on their way, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Gone before they were read.
    lost: Runs,
    /// Read, and not understood.
    unreadable: Runs,
    /// Single unreadable records by hour of reception.
    counts: BTreeMap<u32, u32>,
}

impl Losses {
    /// Notes that records of these hours (inclusive) were gone before they were read. Says whether that was not known.
    pub(super) fn note(&mut self, first: u32, last: u32) -> bool {
        let is_new = self.lost.insert(first.min(last), last);
        self.lost.join_oldest(MAX_LOSSES);
        is_new
    }

    /// Notes what was received in an hour and cannot be read: whole payloads, and single records, of which so many are let pass in an
    /// hour. Says whether that made a gap that was not known.
    pub(super) fn note_unreadable(
        &mut self,
        hour: u32,
        (payloads, records): (u32, u32),
        tolerated: u32,
    ) -> bool {
        let is_gap =
            payloads > 0 || (records > 0 && self.count(hour, records).is_none_or(|count| count > tolerated));
        let is_new = is_gap && self.unreadable.insert(hour.saturating_sub(DELIVERY_HOURS), hour);
        self.unreadable.join_oldest(MAX_LOSSES);
        is_new
    }

    /// Counts single records of an hour, and says how many there were so far; `None` where that is not known any more.
    fn count(&mut self, hour: u32, records: u32) -> Option<u32> {
        let is_full = self.counts.len() >= COUNTED_HOURS;
        if is_full && self.counts.keys().next().is_some_and(|first| hour < *first) {
            return None;
        }
        let known = self.counts.entry(hour).or_default();
        *known = known.saturating_add(records);
        let count = *known;
        self.forget_oldest();
        Some(count)
    }

    fn forget_oldest(&mut self) {
        while self.counts.len() > COUNTED_HOURS {
            self.counts.pop_first();
        }
    }

    /// What this and another partition lost between them.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (hour, count) in &other.counts {
            let known = self.counts.entry(*hour).or_default();
            *known = (*known).max(*count);
        }
        self.forget_oldest();
        self.lost = self.lost.and(&other.lost);
        self.unreadable = self.unreadable.and(&other.unreadable);
        for runs in [&mut self.lost, &mut self.unreadable] {
            runs.join_oldest(MAX_LOSSES);
        }
        self
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The hours lost, by cause, but for those that are known whatever was lost.
    pub(super) fn without(&self, known: &Runs) -> [(GapCause, Runs); 2] {
        [(GapCause::Lost, self.lost.without(known)), (GapCause::Unreadable, self.unreadable.without(known))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_losses_become_one_with_what_lies_between() {
        let mut losses = Losses::default();
        let most = MAX_LOSSES as u32;
        for n in (0..=most).rev() {
            losses.note(1_000 + n * 10, 1_000 + n * 10 + 1);
        }
        assert_eq!(losses.lost.len(), MAX_LOSSES);
        assert_eq!(losses.lost.iter().take(2).collect::<Vec<_>>(), [(1_000, 1_011), (1_020, 1_021)]);
    }

    #[test]
    fn a_payload_that_cannot_be_read_is_a_gap_and_single_records_are_one_where_there_are_many() {
        let mut losses = Losses::default();
        assert!(!losses.note_unreadable(1_000, (0, 6), 10));
        assert!(!losses.note_unreadable(1_000, (0, 4), 10));
        assert!(losses.unreadable.is_empty());
        assert!(losses.note_unreadable(1_000, (0, 1), 10), "the eleventh");
        assert!(!losses.note_unreadable(1_000, (1, 0), 10), "it is known");
        assert_eq!(losses.unreadable, Runs::of(976, 1_000));
        assert!(losses.note_unreadable(2_000, (1, 0), 10));
    }

    #[test]
    fn counts_of_long_ago_are_forgotten() {
        let mut losses = Losses::default();
        (0..500).for_each(|hour| _ = losses.note_unreadable(hour, (0, 1), 10));
        assert_eq!(losses.counts.len(), COUNTED_HOURS);
        assert!(losses.unreadable.is_empty());
    }

    #[test]
    fn records_of_an_hour_that_is_not_counted_any_more_are_a_gap_whatever_came_before() {
        let mut losses = Losses::default();
        (100..148).for_each(|hour| _ = losses.note_unreadable(hour, (0, 1), 10));
        assert!(!losses.note_unreadable(99, (0, 0), 10), "of none there is nothing to count");
        assert!(losses.note_unreadable(99, (0, 1), 10));
        assert_eq!(losses.unreadable, Runs::of(75, 99));
        assert!(!losses.note_unreadable(100, (0, 9), 10), "the first that is counted");
        assert!(losses.note_unreadable(100, (0, 1), 10));
    }
}
