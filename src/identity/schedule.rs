//! When the inventory allows an identity to work: hours of the week on the clocks of a time zone.
//!
//! ```text
//! schedule = window *( ";" window ) [ zone ]      zone   = UTC, or a name of the IANA time zone database; UTC where there is none
//! window   = days | hours | days hours            days   = day or day-day, several of them with commas; every day where there are none
//! hours    = HH:MM-HH:MM                          day    = Mon, Tue, Wed, Thu, Fri, Sat or Sun
//! ```
//!
//! The first minute of a window belongs to it and the last, which may be 24:00, does not. A window that ends before it begins goes on into the
//! next day. Clocks that are put forward or back are those of the zone.

use std::fmt;

use chrono::{Datelike, Timelike, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::time::EventTime;

/// The days, in the order of a week.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// All days, a bit each.
const EVERY_DAY: u8 = 0x7f;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// When an identity is allowed to work; as text `Mon-Fri 06:00-20:00; Sat 08:00-12:00 Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllowedSchedule {
    windows: Vec<Window>,
    zone: Tz,
}

/// Text that is no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a schedule; write days, hours or both, and a time zone where it is not UTC: Mon-Fri 06:00-20:00 Europe/Berlin"
)]
pub struct NotASchedule;

/// Hours of some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    /// The days on which it begins: Monday is the lowest bit.
    days: u8,
    /// Minute of the day at which it begins.
    from: u16,
    /// Minute of the day at which it is over; no greater than `from` where that is on the next day.
    to: u16,
}

impl AllowedSchedule {
    /// Whether the time is within one of the windows.
    #[must_use]
    pub fn admits(&self, time: EventTime) -> bool {
        let local = time.to_utc().with_timezone(&self.zone);
        let minute = (local.hour() * 60 + local.minute()) as u16;
        self.windows.iter().any(|window| window.holds(local.weekday(), minute))
    }

    /// The hour of the week that the clocks of its zone show: `Saturday 03:00 Europe/Berlin`.
    #[must_use]
    pub fn hour_of(&self, time: EventTime) -> String {
        format!("{} {}", time.to_utc().with_timezone(&self.zone).format("%A %H:00"), self.zone.name())
    }
}

impl Window {
    fn holds(self, day: Weekday, minute: u16) -> bool {
        if self.from < self.to {
            return self.is_on(day) && (self.from..self.to).contains(&minute);
        }
        (self.is_on(day) && minute >= self.from) || (self.is_on(day.pred()) && minute < self.to)
    }

    const fn is_on(self, day: Weekday) -> bool {
        self.days & (1 << day.num_days_from_monday()) != 0
    }

    /// Reads days, hours or both.
    fn parse(words: &[&str]) -> Option<Self> {
        let (days, hours) = match *words {
            [days, hours] => (days_of(days)?, hours_of(hours)?),
            [one] => match hours_of(one) {
                Some(hours) => (EVERY_DAY, hours),
                None => (days_of(one)?, (0, DAY_MINUTES)),
            },
            _ => return None,
        };
        Some(Self { days, from: hours.0, to: hours.1 })
    }
}

impl TryFrom<String> for AllowedSchedule {
    type Error = NotASchedule;

    fn try_from(text: String) -> Result<Self, NotASchedule> {
        let mut parts: Vec<Vec<&str>> =
            text.split(';').map(|part| part.split_whitespace().collect()).collect();
        let last = parts.last_mut().ok_or(NotASchedule)?;
        let named = last.last().filter(|_| last.len() > 1).and_then(|word| word.parse::<Tz>().ok());
        if named.is_some() {
            last.pop();
        }
        let windows: Option<Vec<Window>> = parts.iter().map(|words| Window::parse(words)).collect();
        Ok(Self { windows: windows.ok_or(NotASchedule)?, zone: named.unwrap_or(Tz::UTC) })
    }
}

/// The bits of `Mon-Fri,Sun`.
fn days_of(text: &str) -> Option<u8> {
    let number = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    text.split(',').try_fold(0, |days, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        let length = (last + 7 - first) % 7;
        Some((0..=length).fold(days, |days, nth| days | 1 << ((first + nth) % 7)))
    })
}

/// The minutes of the day of `06:00-20:00`, the second not included.
fn hours_of(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute_of(from)?, minute_of(to)?);
    (from != to && from < DAY_MINUTES).then_some((from, to))
}

/// The minute of the day of `06:00`, at most 24:00.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
}

impl fmt::Display for AllowedSchedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, window) in self.windows.iter().enumerate() {
            write!(out, "{}{window}", if nth > 0 { "; " } else { "" })?;
        }
        write!(out, " {}", self.zone.name())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = DAYS.iter().enumerate().filter(|(nth, _)| self.days & (1 << nth) != 0).map(|(_, day)| *day);
        if self.days != EVERY_DAY {
            write!(out, "{} ", on.collect::<Vec<_>>().join(","))?;
        }
        let Self { from, to, .. } = self;
        write!(out, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl From<AllowedSchedule> for String {
    fn from(schedule: AllowedSchedule) -> Self {
        schedule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> AllowedSchedule {
        AllowedSchedule::try_from(text.to_owned()).unwrap()
    }

    /// Times of the week of Monday 2026-01-05 and what is said of them.
    fn check(text: &str, times: &[(&str, bool)]) {
        let schedule = schedule(text);
        for (time, expected) in times {
            let time = EventTime::parse_rfc3339(time).unwrap();
            assert_eq!(schedule.admits(time), *expected, "{text}: {time}");
        }
    }

    #[test]
    fn a_window_holds_its_first_minute_and_not_its_last() {
        check(
            "Mon-Fri 06:00-20:00",
            &[
                ("2026-01-05T05:59:59Z", false),
                ("2026-01-05T06:00:00Z", true),
                ("2026-01-09T19:59:59Z", true),
                ("2026-01-09T20:00:00Z", false),
                ("2026-01-10T12:00:00Z", false),
            ],
        );
        check("02:00-24:00", &[("2026-01-10T23:59:59Z", true), ("2026-01-11T01:59:00Z", false)]);
        check("Sat,Mon", &[("2026-01-10T00:00:00Z", true), ("2026-01-11T00:00:00Z", false)]);
    }

    #[test]
    fn a_window_may_go_on_into_the_next_day_and_days_over_the_end_of_the_week() {
        let night = [
            ("2026-01-09T22:00:00Z", true),
            ("2026-01-10T03:59:00Z", true),
            ("2026-01-10T04:00:00Z", false),
            ("2026-01-10T22:00:00Z", false),
            ("2026-01-05T03:00:00Z", false),
        ];
        check("Mon-Fri 22:00-04:00", &night);
        check("Sat-Mon", &[("2026-01-11T12:00:00Z", true), ("2026-01-06T12:00:00Z", false)]);
        check(
            "mon 08:00-09:00; Sun 22:00-02:00",
            &[("2026-01-05T01:00:00Z", true), ("2026-01-05T08:30:00Z", true)],
        );
    }

    #[test]
    fn hours_are_those_of_the_zones_clocks_summer_and_winter() {
        let text = "Mon-Fri 06:00-20:00 Europe/Berlin";
        check(text, &[("2026-01-05T05:00:00Z", true), ("2026-01-05T04:59:00Z", false)]);
        check(text, &[("2026-07-06T04:00:00Z", true), ("2026-07-06T18:00:00Z", false)]);
        let saturday = EventTime::parse_rfc3339("2026-07-10T23:30:00Z").unwrap();
        assert_eq!(schedule(text).hour_of(saturday), "Saturday 01:00 Europe/Berlin");
    }

    #[test]
    fn what_is_read_comes_back_as_it_was_and_nothing_else_is_read() {
        for (text, shown) in [
            ("Mon-Fri 06:00-20:00", "Mon,Tue,Wed,Thu,Fri 06:00-20:00 UTC"),
            ("22:00-06:00 America/New_York", "22:00-06:00 America/New_York"),
            ("SAT; sun 08:00-09:30 UTC", "Sat 00:00-24:00; Sun 08:00-09:30 UTC"),
        ] {
            assert_eq!(schedule(text).to_string(), shown, "{text}");
            assert_eq!(schedule(shown), schedule(text), "{text}");
        }
        for text in [
            "",
            " ",
            ";",
            "UTC",
            "Europe/Berlin",
            "0 2 * * *",
            "Monday",
            "Mon-",
            "Mon,",
            "Mon 6:00-20:00",
            "06:00",
            "06:00-06:00",
            "24:00-06:00",
            "06:60-07:00",
            "06:00-24:01",
            "Mon 06:00-07:00 Mars/Base",
            "Mon UTC; Tue UTC",
            "06:00-07:00 Mon",
            "+1:00-+2:00",
            "Mon;",
            "é",
        ] {
            assert_eq!(AllowedSchedule::try_from(text.to_owned()), Err(NotASchedule), "{text}");
        }
    }
}
