//! When identities work: weights by hour of the week, and calendars of periodic jobs.

use chrono::Datelike;

use super::random::Random;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS};

/// How activity spreads over the week (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// The same at all hours.
    Steady,
    /// Follows the customers: high by day, a fifth by night, lower at weekends.
    Customers,
    /// Follows the staff: working hours on working days, a trickle otherwise.
    Staff,
    /// By night only.
    Night,
}

impl Rhythm {
    /// Relative activity in the hour of `time`, 0 to 1.
    pub(super) fn weight(self, time: EventTime) -> f64 {
        let hour_of_week = usize::from(time.hour_of_week());
        let (weekend, hour) = (hour_of_week >= 5 * 24, hour_of_week % 24);
        match self {
            Self::Steady => 1.0,
            Self::Customers => CUSTOMERS[hour] * if weekend { 0.6 } else { 1.0 },
            Self::Staff if weekend => 0.02,
            Self::Staff => STAFF[hour],
            Self::Night => f64::from(u8::from((1..5).contains(&hour))),
        }
    }

    /// Mean weight over the week.
    pub(super) fn mean(self) -> f64 {
        (0..168).map(|hour| self.weight(EventTime::from_millis(hour * HOUR_MS))).sum::<f64>() / 168.0
    }

    /// The next time after `from` of a process that comes `per_day` times a day on average.
    ///
    /// Thinning (Lewis and Shedler 1979): candidates come at the peak rate and are kept in proportion to the weight.
    pub(super) fn next(self, from: EventTime, per_day: f64, random: &mut Random) -> EventTime {
        // Candidates are dropped about `1 / mean` times; the night rhythm, the barest, drops five of six.
        const MAX_CANDIDATES: usize = 10_000;
        let peak_gap_ms = DAY_MS as f64 * self.mean() / per_day.max(1e-6);
        let mut time = from;
        for _ in 0..MAX_CANDIDATES {
            time = time.plus_millis((random.exponential() * peak_gap_ms) as i64 + 1);
            if random.chance(self.weight(time)) {
                break;
            }
        }
        time
    }
}

const CUSTOMERS: [f64; 24] = [
    0.25, 0.20, 0.18, 0.18, 0.20, 0.28, 0.40, 0.58, 0.75, 0.88, 0.95, 1.0, 0.98, 0.95, 0.93, 0.92, 0.94,
    0.97, 1.0, 0.95, 0.85, 0.68, 0.48, 0.33,
];

const STAFF: [f64; 24] = [
    0.02, 0.01, 0.01, 0.01, 0.01, 0.02, 0.10, 0.45, 0.85, 1.0, 1.0, 0.95, 0.70, 0.85, 1.0, 0.95, 0.80, 0.50,
    0.22, 0.12, 0.08, 0.06, 0.04, 0.03,
];

/// When a periodic job runs (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Every {
    /// Each hour, at the job's own minute.
    Hour,
    /// Each day at this hour.
    Day(u8),
    /// Each working day at this hour.
    WorkDay(u8),
    /// Each week on this day (0 is Monday) at this hour.
    Week(u8, u8),
    /// Each month on this day at this hour.
    Month(u8, u8),
}

impl Every {
    /// The first run after `from`, at the given minute of its hour.
    pub(super) fn next(self, from: EventTime, minute: i64) -> EventTime {
        let first_hour = from.plus_millis(-minute * MINUTE_MS).hour() + 1;
        (i64::from(first_hour)..)
            .map(|hour| EventTime::from_millis(hour * HOUR_MS))
            // A year has every day of every calendar above.
            .take(366 * 24)
            .find(|time| self.falls_in(*time))
            .map_or(from.plus_millis(DAY_MS), |time| time.plus_millis(minute * MINUTE_MS))
    }

    /// Runs a day, on average.
    pub(super) const fn per_day(self) -> f64 {
        match self {
            Self::Hour => 24.0,
            Self::Day(_) => 1.0,
            Self::WorkDay(_) => 5.0 / 7.0,
            Self::Week(..) => 1.0 / 7.0,
            Self::Month(..) => 12.0 / 365.25,
        }
    }

    /// Whether it comes once a month.
    pub(super) const fn is_monthly(self) -> bool {
        matches!(self, Self::Month(..))
    }

    fn falls_in(self, time: EventTime) -> bool {
        let (day, hour) = (time.hour_of_week() / 24, time.hour_of_week() % 24);
        match self {
            Self::Hour => true,
            Self::Day(at) => hour == at,
            Self::WorkDay(at) => hour == at && day < 5,
            Self::Week(on, at) => hour == at && day == on,
            Self::Month(on, at) => hour == at && time.to_utc().day() == u32::from(on),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventTime {
        EventTime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn jobs_run_on_their_calendar() {
        let check = |every: Every, from, expected: &str| assert_eq!(every.next(at(from), 7), at(expected));
        check(Every::Hour, "2026-01-31T09:30:00Z", "2026-01-31T10:07:00Z");
        check(Every::Hour, "2026-01-31T09:07:00Z", "2026-01-31T10:07:00Z");
        check(Every::Hour, "2026-01-31T09:06:00Z", "2026-01-31T09:07:00Z");
        check(Every::WorkDay(6), "2026-01-30T09:00:00Z", "2026-02-02T06:07:00Z");
        check(Every::Week(6, 3), "2026-01-31T09:30:00Z", "2026-02-01T03:07:00Z");
        check(Every::Month(1, 2), "2026-01-31T09:30:00Z", "2026-02-01T02:07:00Z");
    }

    #[test]
    fn the_mean_rate_is_kept() {
        let mut random = Random::new(1, "rate");
        for rhythm in [Rhythm::Steady, Rhythm::Customers, Rhythm::Staff, Rhythm::Night] {
            let (mut time, mut count) = (EventTime::from_millis(0), 0);
            while time.day() < 280 {
                time = rhythm.next(time, 40.0, &mut random);
                count += 1;
            }
            assert!((f64::from(count) / 280.0 - 40.0).abs() < 2.0, "{rhythm:?}: {count}");
        }
    }
}
