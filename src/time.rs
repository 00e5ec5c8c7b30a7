//! Event time and processing time, as two types that cannot be mixed up.

use std::fmt;
use std::num::NonZeroU64;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds in one second, minute, hour and day.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The earliest and latest instants that are accepted as times at all: years 1970 to 9999 (RFC 3339).
const MAX_MS: i64 = 253_402_300_799_999;

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // One more than the milliseconds: zero is left for `Option`, which so takes no room of its own.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// From milliseconds since 1970-01-01T00:00:00Z, held within years 1970 to 9999.
            #[must_use]
            pub const fn from_millis(millis: i64) -> Self {
                let held = if millis < 0 {
                    0
                } else if millis > MAX_MS {
                    MAX_MS
                } else {
                    millis
                };
                Self(NonZeroU64::MIN.saturating_add(held as u64))
            }

            /// Milliseconds since 1970-01-01T00:00:00Z.
            #[must_use]
            pub const fn millis(self) -> i64 {
                self.0.get() as i64 - 1
            }

            /// Whole seconds since 1970-01-01T00:00:00Z.
            #[must_use]
            pub const fn secs(self) -> i64 {
                self.millis() / SECOND_MS
            }

            /// This instant moved by `millis` (may be negative), held within years 1970 to 9999.
            #[must_use]
            pub const fn plus_millis(self, millis: i64) -> Self {
                Self::from_millis(self.millis().saturating_add(millis))
            }

            /// Milliseconds from `earlier` to this instant; negative where `earlier` is later.
            #[must_use]
            pub const fn millis_since(self, earlier: Self) -> i64 {
                self.millis() - earlier.millis()
            }

            /// Parses RFC 3339 (`2026-01-31T09:30:00Z`, fractions and offsets allowed).
            #[must_use]
            pub fn parse_rfc3339(text: &str) -> Option<Self> {
                DateTime::parse_from_rfc3339(text).ok().map(|t| Self::from_millis(t.timestamp_millis()))
            }

            /// RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.000Z`.
            #[must_use]
            pub fn to_rfc3339(self) -> String {
                self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
            }

            /// As a `chrono` time, for calendar arithmetic.
            #[must_use]
            pub fn to_utc(self) -> DateTime<Utc> {
                DateTime::from_timestamp_millis(self.millis()).unwrap_or_default()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::from_millis(0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.millis())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                i64::deserialize(deserializer).map(Self::from_millis)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.millis()).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_rfc3339())
            }
        }
    };
}

instant! {
    /// When something happened, by the clock of the system that logged it.
    EventTime
}
instant! {
    /// When a record reached us: its Kafka timestamp, or the time that a caller passes in.
    ProcessingTime
}

impl EventTime {
    /// This event time, held to at most `skew_ms` after `received`. The second value is true where that changed it.
    ///
    /// A clock that runs ahead must not carry `last_seen` or the stream's clock into the future.
    #[must_use]
    pub fn clamped(self, received: ProcessingTime, skew_ms: i64) -> (Self, bool) {
        let latest = Self::from_millis(received.millis().saturating_add(skew_ms));
        if self > latest { (Self::from_millis(received.millis()), true) } else { (self, false) }
    }

    /// Hour of the week in UTC, 0 (Monday 00:00) to 167 (Sunday 23:00).
    #[must_use]
    pub const fn hour_of_week(self) -> u8 {
        // 1970-01-01 was a Thursday, the fourth day of an ISO week.
        let hours = self.millis() / HOUR_MS + 3 * 24;
        (hours % 168) as u8
    }

    /// Whole hours since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn hour(self) -> u32 {
        (self.millis() / HOUR_MS) as u32
    }

    /// Whole days since 1970-01-01.
    #[must_use]
    pub const fn day(self) -> u32 {
        (self.millis() / DAY_MS) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips() {
        let time = EventTime::parse_rfc3339("2026-01-31T09:30:00.250+02:00").unwrap();
        assert_eq!(time.to_rfc3339(), "2026-01-31T07:30:00.250Z");
        assert_eq!(EventTime::parse_rfc3339(&time.to_rfc3339()), Some(time));
    }

    #[test]
    fn a_time_that_may_be_absent_takes_no_more_room() {
        assert_eq!(size_of::<Option<EventTime>>(), size_of::<EventTime>());
        assert_eq!(EventTime::default().millis(), 0);
        assert_eq!(EventTime::from_millis(i64::MAX).millis(), MAX_MS);
        assert!(EventTime::from_millis(1) > EventTime::default());
    }

    #[test]
    fn a_future_time_is_clamped_to_reception() {
        let received = ProcessingTime::from_millis(1_000_000);
        assert_eq!(
            EventTime::from_millis(1_000_500).clamped(received, 500),
            (EventTime::from_millis(1_000_500), false)
        );
        assert_eq!(
            EventTime::from_millis(1_000_501).clamped(received, 500),
            (EventTime::from_millis(1_000_000), true)
        );
        assert_eq!(
            EventTime::from_millis(i64::MAX).clamped(received, 500),
            (EventTime::from_millis(1_000_000), true)
        );
    }

    #[test]
    fn hours_of_the_week_start_on_monday() {
        let monday = EventTime::parse_rfc3339("2026-02-02T00:59:59Z").unwrap();
        let sunday = EventTime::parse_rfc3339("2026-02-01T23:00:00Z").unwrap();
        assert_eq!(monday.hour_of_week(), 0);
        assert_eq!(sunday.hour_of_week(), 167);
    }
}
