//! Local time, public holidays and month ends.

use chrono::{DateTime, Datelike, NaiveDate, Utc, Weekday};

use super::random::Random;
use crate::time::{DAY_MS, EventTime, HOUR_MS};

/// The time zone that an identity's schedules are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// UTC: most machines.
    Utc,
    /// Central European Time.
    Berlin,
    /// US Eastern Time.
    NewYork,
}

impl Zone {
    /// A zone for a new identity: half of all schedules are in UTC.
    pub(super) fn draw(random: &mut Random) -> Self {
        *random.pick(&[Self::Utc, Self::Utc, Self::Utc, Self::Berlin, Self::Berlin, Self::NewYork])
    }

    /// The wall clock's time at `time`, as if it were UTC.
    pub(super) fn local(self, time: EventTime) -> EventTime {
        time.plus_millis(self.offset_hours(time) * HOUR_MS)
    }

    /// When the wall clock shows `local`; within an hour of a change of the clock it may be an hour off.
    pub(super) fn utc(self, local: EventTime) -> EventTime {
        let about = local.plus_millis(-self.offset_hours(local) * HOUR_MS);
        local.plus_millis(-self.offset_hours(about) * HOUR_MS)
    }

    /// Whether this zone's clocks changed in the days before `time`.
    pub(super) fn changed_within(self, time: EventTime, days: i64) -> bool {
        self.offset_hours(time) != self.offset_hours(time.plus_millis(-days * DAY_MS))
    }

    fn offset_hours(self, time: EventTime) -> i64 {
        let utc = time.to_utc();
        match self {
            Self::Utc => 0,
            // Last Sunday of March to last Sunday of October, 01:00 UTC (directive 2000/84/EC).
            Self::Berlin => 1 + i64::from(is_between(utc, (3, LAST, 1), (10, LAST, 1))),
            // Second Sunday of March to first Sunday of November, 02:00 local time (Energy Policy Act of 2005).
            Self::NewYork => -5 + i64::from(is_between(utc, (3, 2, 7), (11, 1, 6))),
        }
    }
}

/// The last Sunday of a month is the fifth, or the fourth where there is none.
const LAST: u8 = 5;

/// Month, which Sunday of it, hour in UTC.
type Change = (u32, u8, i64);

fn is_between(time: DateTime<Utc>, from: Change, to: Change) -> bool {
    let secs = |(month, nth, hour): Change| {
        let sunday = |nth| NaiveDate::from_weekday_of_month_opt(time.year(), month, Weekday::Sun, nth);
        let day = sunday(nth).or_else(|| sunday(4)).and_then(|day| day.and_hms_opt(0, 0, 0));
        day.map_or(0, |day| day.and_utc().timestamp() + hour * 3_600)
    };
    (secs(from)..secs(to)).contains(&time.timestamp())
}

/// Month and day of holidays that most of the company's countries share.
const HOLIDAYS: [(u32, u32); 6] = [(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)];
/// Good Fridays and Easter Mondays of 2025 to 2027.
const EASTER: [(i32, u32, u32); 6] =
    [(2025, 4, 18), (2025, 4, 21), (2026, 4, 3), (2026, 4, 6), (2027, 3, 26), (2027, 3, 29)];

/// Whether most of the staff is off.
pub(super) fn is_holiday(time: EventTime) -> bool {
    let day = time.to_utc();
    HOLIDAYS.contains(&(day.month(), day.day())) || EASTER.contains(&(day.year(), day.month(), day.day()))
}

/// Whether books are being closed: the last day of a month and the first two; a day more around quarters.
pub(super) fn is_month_end(time: EventTime) -> bool {
    let day = time.to_utc();
    let tomorrow = time.plus_millis(DAY_MS).to_utc();
    let is_quarter = matches!((day.month(), tomorrow.month()), (1 | 4 | 7 | 10, _) | (_, 1 | 4 | 7 | 10));
    tomorrow.day() == 1 || day.day() <= if is_quarter { 3 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventTime {
        EventTime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn clocks_change_when_the_law_says() {
        let check = |zone: Zone, utc, local| {
            assert_eq!(zone.local(at(utc)), at(local), "{utc}");
            assert_eq!(zone.utc(at(local)), at(utc), "{local}");
        };
        check(Zone::Berlin, "2026-03-28T09:00:00Z", "2026-03-28T10:00:00Z");
        check(Zone::Berlin, "2026-03-29T09:00:00Z", "2026-03-29T11:00:00Z");
        check(Zone::Berlin, "2026-10-25T09:00:00Z", "2026-10-25T10:00:00Z");
        check(Zone::NewYork, "2026-03-07T12:00:00Z", "2026-03-07T07:00:00Z");
        check(Zone::NewYork, "2026-03-08T12:00:00Z", "2026-03-08T08:00:00Z");
        assert!(Zone::Berlin.changed_within(at("2026-03-30T00:00:00Z"), 3));
        assert!(!Zone::Utc.changed_within(at("2026-03-30T00:00:00Z"), 3));
    }

    #[test]
    fn holidays_and_month_ends_are_known() {
        assert!(is_holiday(at("2026-04-06T12:00:00Z")) && !is_holiday(at("2026-04-07T12:00:00Z")));
        for (day, expected) in
            [("2026-02-28", true), ("2026-03-02", true), ("2026-03-03", false), ("2026-04-03", true)]
        {
            assert_eq!(is_month_end(at(&format!("{day}T12:00:00Z"))), expected, "{day}");
        }
    }
}
