//! Times as CloudTrail and its exporters write them.

use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Reads `YYYY-MM-DDTHH:MM:SSZ` fast, and falls back to all of RFC 3339.
///
/// `2026-01-31 09:30:00` and the same without a zone are taken as UTC: so exporters over Parquet and Athena write
/// CloudTrail's times, which are always UTC.
pub(in crate::normalize) fn parse(text: &str) -> Option<EventTime> {
    fixed_form(text.as_bytes()).or_else(|| EventTime::parse_rfc3339(text)).or_else(|| without_zone(text))
}

fn without_zone(text: &str) -> Option<EventTime> {
    /// Longest form: with nanoseconds.
    const MAX_BYTES: usize = 29;
    (text.len() <= MAX_BYTES).then(|| EventTime::parse_rfc3339(&format!("{text}Z"))).flatten()
}

fn fixed_form(text: &[u8]) -> Option<EventTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        zone @ ..,
    ] = text
    else {
        return None;
    };
    if !matches!(zone, b"" | b"Z") {
        return None;
    }
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (number(&[*mo1, *mo2])?, number(&[*d1, *d2])?);
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    let is_valid = year >= 1970 && hour < 24 && minute < 60 && second < 60;
    if !is_valid || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let days = days_since_1970(year, month, day);
    Some(EventTime::from_millis(days * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + is_leap(year) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, by counting years from March, so that the leap day comes last
/// (<https://howardhinnant.github.io/date_algorithms.html>, `days_from_civil`).
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_form_agrees_with_the_full_parser() {
        let mut day = EventTime::default();
        for _ in 0..60_000 {
            let text = day.to_rfc3339().replace(".000Z", "Z");
            assert_eq!(fixed_form(text.as_bytes()), Some(day), "{text}");
            day = day.plus_millis(DAY_MS + HOUR_MS + MINUTE_MS + SECOND_MS);
        }
    }

    #[test]
    fn other_spellings() {
        let expected = EventTime::parse_rfc3339("2026-01-31T09:30:00Z");
        for text in [
            "2026-01-31T09:30:00Z",
            "2026-01-31 09:30:00",
            "2026-01-31 09:30:00.000000000",
            "2026-01-31T10:30:00+01:00",
            "2026-01-31T09:30:00.000Z",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "today",
            "20é6-01-31T09:30:0Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
