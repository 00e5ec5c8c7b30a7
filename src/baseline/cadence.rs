//! How regularly an identity runs: the time from the start of one run to the start of the next.
//!
//! A run is what follows a pause that is long beside the identity's usual intervals. A rhythm is known while the newest intervals
//! are whole multiples of a day, or of the usual interval where that is shorter: so do jobs on a clock, also those that
//! keep weekends or the month's first Monday, and hardly anything else does.

use serde::{Deserialize, Serialize};

use crate::time::{DAY_MS, EventTime, MINUTE_MS};

/// Minutes in one unit of an interval: 16 bits of them hold 136 days, more than a quarter.
const UNIT_MINUTES: u32 = 3;

/// Units in a day.
const DAY: u16 = (DAY_MS / MINUTE_MS) as u16 / UNIT_MINUTES as u16;

/// Newest intervals kept: enough to tell a clock from chance, few enough that a changed schedule is learned within days.
const KEPT: usize = 8;

/// Intervals before they are judged at all.
const MIN_KEPT: usize = 4;

/// Shortest pause between two runs. Below it, pauses belong to the work: an hourly job may take 40 minutes.
const MIN_PAUSE_MINUTES: u32 = 20;

/// Part of the mean interval that a pause takes to end a run. What a job waits for within a run is shorter.
const PAUSE_SHARE: u32 = 4;

/// A run that lasts this many mean intervals is none: the identity works more often than it did.
const ENDLESS: u32 = 2;

/// Least that a start may be off the clock, in units: schedulers take minutes.
const MIN_SLIP: u16 = 2;

/// Part of the interval by which a start may be off the clock: half an hour of a day. People who begin their day are less exact.
const SLIP_SHARE: u16 = 48;

/// Interval from which on jobs are rare, in units: monthly ones, not weekly ones. Few of them are ever seen.
const RARE: u16 = 20 * DAY;

/// How far off the clock a rare job may start, in units: an hour for a clock that was put forward or back since, and half an hour.
const RARE_SLIP: u16 = 30;

/// Days on top of twice the longest interval that may still be part of a rhythm: a first weekend, and a free Monday.
const FREE_DAYS: u32 = 3;

/// Runs from which on a far longer interval is a break, and not part of the rhythm.
const MIN_SETTLED_RUNS: u16 = 4;

/// The newest intervals between runs, and what they have in common. Every identity has one, so it is small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// Start of the newest run (minutes since 1970); 0 before the first.
    start: u32,
    /// Start of the first run in this rhythm.
    since: u32,
    /// Intervals in this rhythm.
    runs: u16,
    /// Longest of them.
    longest: u16,
    /// Median of the newest intervals; 0 where they are not regular.
    usual: u16,
    /// Mean of the newest intervals; 0 where there is none.
    mean: u16,
    /// Newest intervals, newest first; 0 where there is none yet.
    recent: [u16; KEPT],
}

/// The rhythm of a job that runs on a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Usual time from one start to the next, in milliseconds.
    pub usual_ms: i64,
    /// Longest time from one start to the next, in milliseconds.
    pub longest_ms: i64,
    /// How many times it ran so.
    pub runs: u32,
    /// Start of the newest run, to the minute.
    pub last_start: EventTime,
}

impl Cadence {
    /// Takes in an event. `last_seen` is the newest use before it; what is older than that is late and says nothing.
    ///
    /// `was_missed` tells that the run was given up on: the time that it took to come teaches nothing, and the rhythm has to
    /// prove itself anew.
    pub fn note(&mut self, time: EventTime, last_seen: Option<EventTime>, was_missed: bool) {
        let minute = minute_of(time);
        let Some(last) = last_seen.filter(|_| self.start > 0).map(minute_of) else {
            *self = Self::beginning(minute);
            return;
        };
        if minute <= last {
            return;
        }
        if minute - last < self.shortest_pause() {
            if self.is_endless(minute) {
                *self = Self::beginning(minute);
            }
            return;
        }
        let interval = units(minute.saturating_sub(self.start));
        self.start = minute;
        if was_missed || self.is_break(interval) {
            self.begin_again();
        } else {
            self.learn(interval);
        }
    }

    /// The rhythm, where it held for at least `min_runs` intervals (half of that, but no fewer than four, for rare jobs)
    /// and `min_days` days.
    #[must_use]
    pub fn rhythm(&self, min_runs: u32, min_days: u32) -> Option<Rhythm> {
        let is_rare = self.usual >= RARE;
        let least = if is_rare { (min_runs / 2).max(MIN_KEPT as u32) } else { min_runs };
        let days = self.start.saturating_sub(self.since) / (u32::from(DAY) * UNIT_MINUTES);
        let is_proven = self.usual > 0 && u32::from(self.runs) >= least && days >= min_days;
        is_proven.then(|| Rhythm {
            usual_ms: millis(self.usual),
            longest_ms: millis(self.longest),
            runs: u32::from(self.runs),
            last_start: EventTime::from_millis(i64::from(self.start) * MINUTE_MS),
        })
    }

    /// Shortest time within which a run can be missed, in milliseconds; `None` where there is no rhythm at all.
    #[must_use]
    pub fn least_silence_ms(&self) -> Option<i64> {
        (self.usual > 0).then(|| millis(self.longest))
    }

    fn beginning(minute: u32) -> Self {
        Self { start: minute, since: minute, ..Self::default() }
    }

    fn shortest_pause(&self) -> u32 {
        (u32::from(self.mean) * UNIT_MINUTES / PAUSE_SHARE).max(MIN_PAUSE_MINUTES)
    }

    fn is_endless(&self, minute: u32) -> bool {
        let lasted = minute.saturating_sub(self.start) / UNIT_MINUTES;
        self.mean > 0 && lasted > ENDLESS * u32::from(self.mean)
    }

    /// Whether an interval is beyond anything that the rhythm had: the job or its log source was out of order.
    fn is_break(&self, interval: u16) -> bool {
        self.runs >= MIN_SETTLED_RUNS
            && u32::from(interval) > 2 * u32::from(self.longest) + FREE_DAYS * u32::from(DAY)
    }

    fn learn(&mut self, interval: u16) {
        self.recent.rotate_right(1);
        self.recent[0] = interval;
        let kept = self.recent.iter().filter(|interval| **interval > 0).count();
        let sum: u32 = self.recent.iter().copied().map(u32::from).sum();
        self.mean = (sum / kept.max(1) as u32) as u16;
        self.usual = usual(self.recent, kept);
        self.runs = self.runs.saturating_add(1);
        self.longest = self.longest.max(interval);
        if self.usual == 0 && kept >= MIN_KEPT {
            self.begin_again();
        }
    }

    /// Counts runs from the newest on.
    fn begin_again(&mut self) {
        (self.runs, self.longest, self.since) = (0, 0, self.start);
    }
}

/// The median of `kept` intervals, where all but a quarter of them at most are on the clock; else 0.
///
/// A run by hand makes two that are not.
fn usual(mut intervals: [u16; KEPT], kept: usize) -> u16 {
    if kept < MIN_KEPT {
        return 0;
    }
    intervals.sort_unstable_by(|a, b| b.cmp(a));
    let intervals = &intervals[..kept];
    let median = intervals[kept / 2];
    let base = if median.saturating_add(slip(DAY)) >= DAY { DAY } else { median };
    let off = intervals.iter().filter(|interval| !is_on_clock(**interval, base)).count();
    if off <= (kept - MIN_KEPT) / 2 { median } else { 0 }
}

/// Whether an interval is a whole multiple of `base`, give or take.
fn is_on_clock(interval: u16, base: u16) -> bool {
    let allowed = if interval >= RARE { RARE_SLIP } else { slip(base) };
    let over = interval % base;
    let is_first = interval < base;
    (!is_first && over <= allowed) || base - over <= allowed
}

const fn slip(base: u16) -> u16 {
    let share = base / SLIP_SHARE;
    if share > MIN_SLIP { share } else { MIN_SLIP }
}

const fn minute_of(time: EventTime) -> u32 {
    (time.millis() / MINUTE_MS) as u32
}

/// Minutes as an interval, which is never nothing.
fn units(minutes: u32) -> u16 {
    u16::try_from(minutes / UNIT_MINUTES).unwrap_or(u16::MAX).max(1)
}

const fn millis(units: u16) -> i64 {
    units as i64 * UNIT_MINUTES as i64 * MINUTE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    /// Monday 2026-01-05, midnight UTC.
    const MONDAY_MS: i64 = 1_767_571_200_000;

    /// Takes in events at these hours after a Monday's midnight.
    fn after(hours: impl IntoIterator<Item = f64>) -> Cadence {
        let (mut cadence, mut last) = (Cadence::default(), None);
        for hour in hours {
            let time = EventTime::from_millis(MONDAY_MS + (hour * HOUR_MS as f64) as i64);
            cadence.note(time, last, false);
            last = last.max(Some(time));
        }
        cadence
    }

    /// Usual and longest interval in hours, and runs, of what is proven by eight runs in two weeks.
    fn proven(hours: impl IntoIterator<Item = f64>) -> Option<(i64, i64, u32)> {
        let rhythm = after(hours).rhythm(8, 14)?;
        Some((rhythm.usual_ms / HOUR_MS, rhythm.longest_ms / HOUR_MS, rhythm.runs))
    }

    fn each(days: std::ops::Range<i64>, hour: f64) -> impl Iterator<Item = f64> {
        days.map(move |day| day as f64 * 24.0 + hour)
    }

    fn is_working(day: i64) -> bool {
        day.rem_euclid(7) < 5
    }

    #[test]
    fn jobs_on_a_clock_have_a_rhythm() {
        assert_eq!(proven(each(0..41, 2.0)), Some((24, 24, 40)));
        assert_eq!(proven((0..400).map(f64::from)), Some((1, 1, 399)));
        assert_eq!(proven((0..100).map(|run| f64::from(run) * 4.0)), Some((4, 4, 99)));
        assert_eq!(proven((0..10).map(|week| f64::from(week) * 168.0)), Some((168, 168, 9)));
        let working: Vec<i64> = (0..40).filter(|day| is_working(*day)).collect();
        assert_eq!(proven(working.iter().map(|day| *day as f64 * 24.0)), Some((24, 72, 29)));
        let twice_a_week = (0..60).filter(|day| matches!(day % 7, 0 | 3)).map(|day| f64::from(day) * 24.0);
        assert_eq!(proven(twice_a_week), Some((72, 96, 17)));
        let office = working.iter().flat_map(|day| (8..18).map(move |hour| (day * 24 + hour) as f64));
        assert_eq!(proven(office).map(|(_, longest, _)| longest), Some(72));
    }

    #[test]
    fn monthly_and_quarterly_jobs_need_fewer_runs() {
        let months = [0, 31, 59, 90, 120, 151, 181].map(|day| f64::from(day) * 24.0);
        assert_eq!(proven(months), Some((31 * 24, 31 * 24, 6)).map(|found| (30 * 24, found.1, found.2)));
        assert_eq!(proven(months[..4].to_vec()), None);
        // Clocks are put forward in between.
        let quarters = [0.0, 90.0 * 24.0 - 1.0, 181.0 * 24.0 - 1.0, 273.0 * 24.0 - 1.0, 365.0 * 24.0];
        assert_eq!(proven(quarters).map(|(_, _, runs)| runs), Some(4));
    }

    #[test]
    fn what_a_run_does_within_itself_is_no_run() {
        let steps = [0.0, 0.2, 0.7, 1.2, 1.9, 2.4, 3.0];
        let nightly = each(0..30, 2.0).flat_map(|night| steps.map(|step| night + step));
        let (usual, longest, _) = proven(nightly).unwrap();
        assert_eq!((usual, longest), (24, 24));
    }

    #[test]
    fn runs_by_hand_and_changes_of_the_clock_do_not_end_a_rhythm() {
        let by_hand = each(0..20, 2.0).chain([19.0 * 24.0 + 15.0]).chain(each(20..25, 2.0));
        assert_eq!(proven(by_hand).map(|(usual, longest, _)| (usual, longest)), Some((24, 24)));
        let summer = each(0..20, 2.0).chain(each(20..30, 1.0));
        assert_eq!(proven(summer), Some((24, 24, 29)));
    }

    #[test]
    fn what_comes_by_chance_has_no_rhythm() {
        // Multiples of the golden ratio fill an interval evenly.
        let chance = |run: u32| f64::from(run) * 19.0 + (f64::from(run) * 0.618_034).fract() * 17.0;
        for runs in 4..200 {
            assert_eq!(proven((0..runs).map(chance)), None, "{runs}");
        }
    }

    #[test]
    fn late_events_make_no_runs() {
        let in_order = after(each(0..30, 2.0));
        let late = each(0..30, 2.0).chain([10.5 * 24.0, 28.9 * 24.0, 29.0 * 24.0 + 1.0]);
        assert_eq!(after(late), in_order);
    }

    #[test]
    fn what_was_out_of_order_teaches_nothing_and_the_rhythm_is_proven_anew() {
        let broken = |runs: i64| after(each(0..30, 2.0).chain(each(50..50 + runs, 2.0)));
        assert_eq!(broken(1).rhythm(1, 0), None);
        assert_eq!(broken(9).rhythm(8, 14), None);
        let again = broken(15).rhythm(8, 14).unwrap();
        assert_eq!((again.usual_ms, again.longest_ms, again.runs), (DAY_MS, DAY_MS, 14));
    }

    #[test]
    fn a_run_that_was_given_up_on_begins_a_new_rhythm() {
        let mut cadence = after(each(0..30, 2.0));
        let last = EventTime::from_millis(MONDAY_MS + 29 * DAY_MS + 2 * HOUR_MS);
        assert!(cadence.rhythm(8, 14).is_some());
        cadence.note(last.plus_millis(2 * DAY_MS), Some(last), true);
        assert_eq!(cadence.rhythm(1, 0), None);
    }

    #[test]
    fn another_schedule_is_learned() {
        let sparser = each(0..30, 2.0).chain((0..12).map(|week| 31.0 * 24.0 + f64::from(week) * 168.0));
        assert_eq!(proven(sparser).map(|(usual, longest, _)| (usual, longest)), Some((168, 168)));
        let denser = each(0..30, 2.0).chain((0..500).map(|hour| 30.0 * 24.0 + f64::from(hour)));
        assert_eq!(proven(denser).map(|(usual, longest, _)| (usual, longest)), Some((1, 1)));
    }

    #[test]
    fn it_takes_little_room() {
        assert_eq!(size_of::<Cadence>(), 32);
    }

    #[test]
    fn an_identity_that_works_all_the_time_has_no_runs() {
        assert_eq!(proven((0..20_000).map(|minute| f64::from(minute * 10) / 60.0)), None);
    }
}
