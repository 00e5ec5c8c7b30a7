//! What one log source covered.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::time::EventTime;

use super::cadence::{Limits, MEMORY_HOURS};
use super::late::Late;
use super::runs::Runs;

/// Runs of hours kept per log source.
///
/// Of the last 60 days there are at most 720, of a source that reports every second hour; further back rests that are no gap of any
/// source are taken in, so that 560 are more than a year of one that works by day. Beyond that the oldest run goes, and what lies before
/// counts as not covered. Of hours told late only there are as many at most ([`super::late`]).
pub const MAX_RUNS: usize = 1_280;

/// What one log source covered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeCoverage {
    /// Hours in which it reported.
    pub(super) reported: Runs,
    /// Hours of which somebody vouches that nothing is missing, whether the source reported or not.
    pub(super) proven: Runs,
    /// Newest event time.
    pub(super) until: EventTime,
    /// The newest event time for which a finding says that the source is silent; `None` where none is open.
    pub(super) missed_since: Option<EventTime>,
    /// Whether it was ever heard of other than in an archive: one that ended in the past is not missed.
    pub(super) is_live: bool,
    /// Of the hours in which it reported, those told late only.
    pub(super) late: Late,
}

/// What was not known of what was told of a source, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// Nothing.
    Nothing,
    /// Anything but its hours, which is all that a cadence is learned from.
    Rest,
    /// That it reported in an hour.
    Report,
}

impl ScopeCoverage {
    /// Notes that the source reported in these hours, told in time. Order and repetition do not matter.
    pub(super) fn note_hours(&mut self, hours: &[u32], limits: Limits) -> News {
        hours.iter().fold(News::Nothing, |news, hour| news.max(self.note_hour(*hour, limits)))
    }

    fn note_hour(&mut self, hour: u32, limits: Limits) -> News {
        let was_late = self.late.forget(hour, hour);
        if self.report(hour, limits) {
            News::Report
        } else if was_late {
            News::Rest
        } else {
            News::Nothing
        }
    }

    /// The same of one hour, of a record that was received late, in hour `received`. What was told in time needs no more.
    pub(super) fn note_late(&mut self, hour: u32, received: u32, limits: Limits) -> News {
        if self.reported.holds(hour) && !self.late.holds(hour) {
            return News::Nothing;
        }
        let is_new = self.report(hour, limits);
        if !self.reported.holds(hour) {
            // It is older than all that is kept.
            return News::Nothing;
        }
        match (is_new, self.late.note(hour, received)) {
            (true, _) => News::Report,
            (false, true) => News::Rest,
            (false, false) => News::Nothing,
        }
    }

    fn report(&mut self, hour: u32, limits: Limits) -> bool {
        let is_new = self.reported.insert(hour, hour);
        if is_new {
            let newest = self.reported.last().unwrap_or(hour);
            self.reported.close(newest.saturating_sub(MEMORY_HOURS), limits.always_allowed());
            self.reported.keep_newest(MAX_RUNS);
            self.late.keep_from(self.reported.first().unwrap_or(hour));
        }
        is_new
    }

    /// Notes that nothing of these hours (inclusive) is missing.
    pub(super) fn note_proven(&mut self, first: u32, last: u32) -> News {
        let is_new = self.proven.insert(first, last);
        self.proven.keep_newest(MAX_RUNS);
        if is_new { News::Rest } else { News::Nothing }
    }

    /// The hours of which more may be on its way at `now` (an hour since 1970).
    pub(super) fn open(&self, now: u32, limits: Limits) -> Runs {
        self.late.open(now, limits.always_allowed())
    }

    /// The hours in which it reported, but for those that are open.
    pub(super) fn settled(&self, open: &Runs) -> Cow<'_, Runs> {
        // Most sources never are late.
        if open.is_empty() { Cow::Borrowed(&self.reported) } else { Cow::Owned(self.reported.without(open)) }
    }

    /// Newest event time of the source.
    #[must_use]
    pub const fn until(&self) -> EventTime {
        self.until
    }

    /// The first hour that is known of.
    pub(super) fn first(&self) -> Option<u32> {
        [self.reported.first(), self.proven.first()].into_iter().flatten().min()
    }

    /// Forgets that a finding says that it is silent.
    pub fn forget_missed(&mut self) {
        self.missed_since = None;
    }

    /// What two partitions agree on: the hours that both know. `None` where there are none.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let mut reported = self.reported.common(&other.reported);
        reported.keep_newest(MAX_RUNS);
        let mut late = self.late.clone().and(&other.late);
        late.keep(&reported);
        (!reported.is_empty()).then(|| Self {
            reported,
            proven: self.proven.common(&other.proven),
            until: self.until.min(other.until),
            missed_since: self.missed_since.max(other.missed_since),
            is_live: self.is_live || other.is_live,
            late,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { silence: 24, weekly: 96 };

    #[test]
    fn however_old_what_a_host_ships_its_record_has_a_bound() {
        for (step, pace) in [(2, u32::MAX), (2, 40), (8, u32::MAX), (8, 40)] {
            let mut coverage = ScopeCoverage::default();
            for at in 0..20_000 {
                coverage.note_late(at * step, 500_000 + at / pace, LIMITS);
            }
            let bytes = serde_json::to_vec(&coverage).unwrap().len();
            assert!(bytes < 64 << 10, "{bytes} bytes, a step of {step} hours");
            let late = coverage.open(500_000, LIMITS);
            assert!(coverage.reported.without(&late).is_empty(), "all of it waits");
            assert!(late.first() >= coverage.reported.first(), "no more is kept than was reported");
        }
    }
}
