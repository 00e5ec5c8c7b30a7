//! How a log source usually reports, and so how long a silence of it may be before it is a gap.

use super::runs::Runs;

/// Days of the past, up to the newest report, that the cadence is learned from.
pub(super) const MEMORY_HOURS: u32 = 60 * 24;

/// History before a cadence says anything: a week, so that each day of it was there once.
const MIN_HISTORY_HOURS: u32 = 7 * 24;

/// Reports (hours in which there were any) before a cadence says anything.
const MIN_STEPS: u64 = 24;

/// Share of the steps from one hour with reports to the next that are no longer than the usual one.
const USUAL_SHARE: f64 = 0.99;

/// How many times the usual step a silence may last. Of a source that reports in four hours of five at random, one silence in two million
/// is longer.
const SPARE: u32 = 3;

/// Silence that is always allowed, in hours: deliveries are late by that much on a bad day.
const LEAST_ALLOWED_HOURS: u32 = 6;

/// Hours in a week.
const WEEK: u32 = 168;

/// The hour of the week (Monday 00:00 first) in which hour 0 of 1970, a Thursday, lies.
const EPOCH_HOUR_OF_WEEK: u32 = 3 * 24;

/// Weekends alike before they are taken for a habit.
const MIN_WEEKENDS: usize = 4;

/// By how many hours the start of weekends may differ.
const WEEKEND_START_HOURS: u32 = 6;

/// History before a source is missed when it falls silent: two weeks.
const PROVEN_HOURS: u32 = 14 * 24;

/// Longest silences that may be taken as usual, in hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `unused.max_silence`: of any silence.
    pub silence: u32,
    /// `unused.max_weekly_silence`: of one that comes each week.
    pub weekly: u32,
}

impl Limits {
    /// The silence that is no gap of any source, in hours.
    pub(super) fn always_allowed(self) -> u32 {
        LEAST_ALLOWED_HOURS.min(self.silence)
    }
}

/// How a log source usually reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Longest silence that is as usual, in hours from one hour with reports to the next.
    allowed: u32,
    /// The silence that comes each week: the hour of the week before it, and its longest usual length.
    weekly: Option<(u32, u32)>,
    /// Whether there is enough history for the source to be missed.
    is_proven: bool,
}

impl Cadence {
    /// Learns from the hours in which a source reported; of the same hours, always the same.
    #[must_use]
    pub fn learned(reported: &Runs, limits: Limits) -> Self {
        let (Some(first), Some(last)) = (reported.first(), reported.last()) else {
            return Self { allowed: limits.silence, weekly: None, is_proven: false };
        };
        let recent = reported.common(&Runs::of(last.saturating_sub(MEMORY_HOURS), last));
        let history = last - recent.first().unwrap_or(last);
        let steps = recent.hours().saturating_sub(1);
        if history < MIN_HISTORY_HOURS || steps < MIN_STEPS {
            return Self { allowed: limits.silence, weekly: None, is_proven: false };
        }
        let allowed = (usual_step(&recent, steps) * SPARE).max(LEAST_ALLOWED_HOURS).min(limits.silence);
        let weekly = weekly(&recent, allowed).map(|(start, hours)| (start, hours.min(limits.weekly)));
        Self { allowed, weekly, is_proven: last - first >= PROVEN_HOURS }
    }

    /// The longest step that is as usual after a report in this hour, in hours.
    #[must_use]
    pub fn allowed_after(&self, hour: u32) -> u32 {
        match self.weekly {
            Some((start, hours)) if is_near(hour_of_week(hour), start) => self.allowed.max(hours),
            _ => self.allowed,
        }
    }

    /// Whether there is enough history for the source to be missed when it falls silent.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.is_proven
    }
}

/// The step that nearly all are no longer than, in hours; 1 where the source reports in each hour.
fn usual_step(reported: &Runs, steps: u64) -> u32 {
    let mut longer: Vec<u32> = reported.silences().map(|(_, step)| step).collect();
    longer.sort_unstable();
    let rank = (steps as f64 * USUAL_SHARE).ceil() as u64;
    let of_one = steps - longer.len() as u64;
    match rank.checked_sub(of_one + 1) {
        None => 1,
        Some(place) => longer.get(place as usize).copied().unwrap_or(1),
    }
}

/// The silence that comes each week where there is one: the hour of the week before it, and a length that holds all of these.
fn weekly(reported: &Runs, allowed: u32) -> Option<(u32, u32)> {
    let long: Vec<(u32, u32)> = reported.silences().filter(|(_, step)| *step > allowed).collect();
    let alike = |(start, step): &(u32, u32)| -> Vec<u32> {
        let is_alike = |other: &&(u32, u32)| {
            is_near(hour_of_week(other.0), hour_of_week(*start)) && other.1.abs_diff(*step) * 4 <= *step
        };
        long.iter().filter(is_alike).map(|(_, step)| *step).collect()
    };
    let best = long.iter().max_by_key(|silence| alike(silence).len())?;
    let steps = alike(best);
    let longest = steps.iter().max().copied()?;
    (steps.len() >= MIN_WEEKENDS).then(|| (hour_of_week(best.0), longest + LEAST_ALLOWED_HOURS))
}

fn hour_of_week(hour: u32) -> u32 {
    (hour % WEEK + EPOCH_HOUR_OF_WEEK) % WEEK
}

/// Whether two hours of the week are close to each other, around its end too.
fn is_near(one: u32, other: u32) -> bool {
    let apart = one.abs_diff(other);
    apart.min(WEEK - apart) <= WEEKEND_START_HOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { silence: 24, weekly: 96 };

    /// A Monday, 00:00.
    const MONDAY: u32 = 2_930 * WEEK - EPOCH_HOUR_OF_WEEK;

    fn learned(hours: impl Iterator<Item = u32>) -> Cadence {
        let mut runs = Runs::default();
        hours.for_each(|hour| _ = runs.insert(hour, hour));
        Cadence::learned(&runs, LIMITS)
    }

    #[test]
    fn a_source_that_never_rests_is_missed_after_hours_and_one_that_reports_daily_after_a_day() {
        assert_eq!(learned(MONDAY..MONDAY + 1_000).allowed_after(MONDAY), LEAST_ALLOWED_HOURS);
        assert_eq!(learned((0..60).map(|day| MONDAY + day * 24)).allowed_after(MONDAY), 24);
        let every_third = learned((0..400).map(|n| MONDAY + n * 3));
        assert_eq!(every_third.allowed_after(MONDAY), 9);
    }

    #[test]
    fn little_history_allows_what_the_settings_do_and_is_not_missed() {
        for hours in [0, 1, 100] {
            let young = learned(MONDAY..MONDAY + hours);
            assert_eq!((young.allowed_after(MONDAY), young.is_proven()), (LIMITS.silence, false));
        }
        assert!(learned(MONDAY..MONDAY + PROVEN_HOURS + 1).is_proven());
    }

    #[test]
    fn a_few_outages_do_not_become_the_usual() {
        let outage = |hour: &u32| !(MONDAY + 300..MONDAY + 320).contains(hour);
        let cadence = learned((MONDAY..MONDAY + 1_000).filter(outage));
        assert_eq!(cadence.allowed_after(MONDAY + 299), LEAST_ALLOWED_HOURS);
    }

    #[test]
    fn weekends_are_usual_once_there_were_some_and_other_days_are_not() {
        let working =
            |hour: &u32| (*hour - MONDAY) % WEEK < 5 * 24 && (7..19).contains(&((*hour - MONDAY) % 24));
        let weeks = |weeks: u32| learned((MONDAY..MONDAY + weeks * WEEK).filter(working));
        let friday = MONDAY + 4 * 24 + 18;
        assert_eq!(weeks(8).allowed_after(friday), 61 + LEAST_ALLOWED_HOURS);
        assert_eq!(weeks(8).allowed_after(friday - 24), 24, "on a Thursday it comes back the next day");
        assert_eq!(weeks(3).allowed_after(friday), 24);
    }

    #[test]
    fn what_comes_each_week_is_held_to_its_limit() {
        let on_monday = learned((0..8).flat_map(|week| (0..24).map(move |hour| MONDAY + week * WEEK + hour)));
        assert_eq!(on_monday.allowed_after(MONDAY + 23), LIMITS.weekly);
    }
}
