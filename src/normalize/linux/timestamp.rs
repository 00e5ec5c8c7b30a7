//! Times as syslog writes them: with and without year, zone and fractions.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime};

use crate::time::{DAY_MS, EventTime, ProcessingTime};

/// How far a time without a year may lie ahead of its reception before it is taken to be last year's: a day covers
/// every time zone and a clock that is a little fast.
const AHEAD_MS: i64 = DAY_MS;
/// Years looked back for a date that a year lacks: 29 February is missing for eight years around 2100.
const YEARS_BACK: i32 = 8;
/// Characters of the longest ISO time: `2026-01-31T09:30:00.123456789+02:00`.
const MAX_ISO: usize = 35;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Splits a line after its leading time. `None` where it starts with none.
///
/// Understood are RFC 3164 (`Jan  2 03:04:05`, also with a year before or after the day, also with fractions) and ISO 8601 as
/// rsyslog and journalctl write it. A time without a zone is taken as UTC.
pub(super) fn split(line: &str, received: ProcessingTime) -> Option<(EventTime, &str)> {
    if line.as_bytes().first()?.is_ascii_digit() {
        split_iso(line).or_else(|| split_year_first(line))
    } else {
        split_bsd(line, received)
    }
}

/// The time of an ISO 8601 text; UTC where it names no zone.
pub(super) fn parse_iso(text: &str) -> Option<EventTime> {
    if text.len() > MAX_ISO {
        return None;
    }
    let zoned =
        || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok().map(|t| t.timestamp_millis());
    let local = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(utc_millis);
    EventTime::parse_rfc3339(text).or_else(|| zoned().or_else(local).map(EventTime::from_millis))
}

fn split_iso(line: &str) -> Option<(EventTime, &str)> {
    let (word, rest) = line.split_once(' ')?;
    Some((parse_iso(word)?, rest))
}

/// `2026 Jan  2 03:04:05`
fn split_year_first(line: &str) -> Option<(EventTime, &str)> {
    let (year, rest) = line.split_once(' ')?;
    let (month, day, rest) = split_month_day(rest)?;
    let (time, rest) = split_clock(rest)?;
    let date = NaiveDate::from_ymd_opt(parse_year(year)?, month, day)?;
    Some((event_time(date, time), rest))
}

/// `Jan  2 03:04:05` and `Jan  2 2026 03:04:05`
fn split_bsd(line: &str, received: ProcessingTime) -> Option<(EventTime, &str)> {
    let (month, day, rest) = split_month_day(line)?;
    if let Some((time, rest)) = split_clock(rest) {
        return Some((without_year(month, day, time, received)?, rest));
    }
    let (year, rest) = rest.split_once(' ')?;
    let (time, rest) = split_clock(rest)?;
    Some((event_time(NaiveDate::from_ymd_opt(parse_year(year)?, month, day)?, time), rest))
}

/// The newest such date that is not ahead of `received` by more than [`AHEAD_MS`].
///
/// So a December line that comes in January is last year's, and a January line from a zone (or clock) ahead of ours
/// is next year's.
fn without_year(month: u32, day: u32, time: NaiveTime, received: ProcessingTime) -> Option<EventTime> {
    let latest = received.millis().saturating_add(AHEAD_MS);
    let year = received.to_utc().year();
    (year - YEARS_BACK..=year + 1)
        .rev()
        .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
        .map(|date| event_time(date, time))
        .find(|time| time.millis() <= latest)
}

fn split_month_day(line: &str) -> Option<(u32, u32, &str)> {
    let month = MONTHS.iter().position(|name| line.get(..3) == Some(name))?;
    let rest = line[3..].strip_prefix(' ')?.trim_start_matches(' ');
    let (day, rest) = rest.split_once(' ')?;
    let is_day = matches!(day.len(), 1 | 2) && day.bytes().all(|b| b.is_ascii_digit());
    is_day.then(|| day.parse().ok())?.map(|day| (month as u32 + 1, day, rest))
}

/// `03:04:05` or `03:04:05.678`, up to a space or the line's end.
fn split_clock(line: &str) -> Option<(NaiveTime, &str)> {
    let (clock, rest) = line.split_once(' ').unwrap_or((line, ""));
    let time = NaiveTime::parse_from_str(clock.trim_end_matches(':'), "%H:%M:%S%.f").ok()?;
    Some((time, rest))
}

fn parse_year(text: &str) -> Option<i32> {
    let is_year = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    is_year.then(|| text.parse().ok())?
}

fn event_time(date: NaiveDate, time: NaiveTime) -> EventTime {
    EventTime::from_millis(utc_millis(date.and_time(time)))
}

fn utc_millis(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn received(text: &str) -> ProcessingTime {
        ProcessingTime::parse_rfc3339(text).unwrap()
    }

    fn check(line: &str, received_at: &str, expected: Option<&str>) {
        let text = format!("{line} rest of it");
        let found = split(&text, received(received_at));
        let expected = expected.map(|time| (EventTime::parse_rfc3339(time).unwrap(), "rest of it"));
        assert_eq!(found, expected, "{line} received {received_at}");
    }

    #[test]
    fn times_in_all_their_spellings() {
        let now = "2026-03-10T12:00:00Z";
        check("Mar 10 11:59:58", now, Some("2026-03-10T11:59:58Z"));
        check("Mar  1 00:00:00.250", now, Some("2026-03-01T00:00:00.250Z"));
        check("Mar 1 00:00:00:", now, Some("2026-03-01T00:00:00Z"));
        check("Mar  1 2024 00:00:00", now, Some("2024-03-01T00:00:00Z"));
        check("2024 Mar  1 00:00:00", now, Some("2024-03-01T00:00:00Z"));
        check("2026-03-10T13:59:58.123456+02:00", now, Some("2026-03-10T11:59:58.123Z"));
        check("2026-03-10T13:59:58+0200", now, Some("2026-03-10T11:59:58Z"));
        check("2026-03-10T11:59:58", now, Some("2026-03-10T11:59:58Z"));
        check("Mar 32 00:00:00", now, None);
        check("Feb 30 00:00:00", now, None);
        check("Mär  1 00:00:00", now, None);
        check("Mar 10 25:00:00", now, None);
        check("Mar +1 00:00:00", now, None);
        check("99999 Mar 1 00:00:00", now, None);
    }

    #[test]
    fn the_year_is_inferred_around_its_ends() {
        check("Dec 31 23:59:59", "2026-01-01T00:00:10Z", Some("2025-12-31T23:59:59Z"));
        check("Jan  1 00:00:05", "2025-12-31T23:59:58Z", Some("2026-01-01T00:00:05Z"));
        check("Jan  1 13:00:00", "2025-12-31T23:59:58Z", Some("2026-01-01T13:00:00Z"));
        check("Jan  3 00:00:00", "2025-12-31T23:59:58Z", Some("2025-01-03T00:00:00Z"));
        check("Feb 29 12:00:00", "2028-02-29T12:00:01Z", Some("2028-02-29T12:00:00Z"));
        check("Feb 29 12:00:00", "2026-03-01T00:00:00Z", Some("2024-02-29T12:00:00Z"));
        check("Feb 29 12:00:00", "2103-03-01T00:00:00Z", Some("2096-02-29T12:00:00Z"));
    }

    proptest! {
        /// Whatever the delay (up to 11 months) or lead (up to a day), writing a time without its year and reading it back gives it.
        #[test]
        fn the_year_is_found_again(
            secs in 1_577_836_800_i64..1_893_456_000, // 2020 to 2029
            delay_secs in -86_400_i64..330 * 86_400,
        ) {
            let time = EventTime::from_millis(secs * 1_000);
            let line = time.to_utc().format("%b %e %H:%M:%S host").to_string();
            let received = ProcessingTime::from_millis((secs + delay_secs) * 1_000);
            prop_assert_eq!(split(&line, received), Some((time, "host")));
        }

        #[test]
        fn no_text_panics(line in "\\PC{0,60}", millis in any::<i64>()) {
            split(&line, ProcessingTime::from_millis(millis));
        }
    }
}
