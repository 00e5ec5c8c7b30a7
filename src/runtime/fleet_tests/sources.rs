//! The log sources of the fleet, each with its own pace.

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

use super::made::{DAYS, Dice};

/// A log source.
pub(super) struct Source {
    pub(super) account: &'static str,
    pub(super) region: &'static str,
    pub(super) pace: Pace,
}

/// When a source has something to report, and how that is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// All the time, delivered within minutes or hours.
    Continuous,
    /// All the time, delivered once an hour.
    Hourly,
    /// Monday to Friday, 07:00 to 19:00 UTC.
    Office,
    /// From 02:00 to 03:00 UTC.
    Daily,
}

const ONE: &str = "111122223333";
const TWO: &str = "444455556666";

/// All of them.
pub(super) const SOURCES: [Source; 6] = [
    Source { account: ONE, region: "eu-west-1", pace: Pace::Continuous },
    Source { account: ONE, region: "us-east-1", pace: Pace::Hourly },
    Source { account: TWO, region: "eu-west-1", pace: Pace::Continuous },
    Source { account: TWO, region: "us-west-2", pace: Pace::Office },
    Source { account: TWO, region: "eu-central-1", pace: Pace::Continuous },
    Source { account: ONE, region: "ap-southeast-2", pace: Pace::Daily },
];

impl Source {
    /// The first source of the same account.
    pub(super) fn sibling(&self) -> Option<usize> {
        let first = SOURCES.iter().position(|other| other.account == self.account);
        first.filter(|first| SOURCES[*first].region != self.region)
    }

    /// Whether anything happens there at a time.
    pub(super) fn reports_at(&self, at: i64) -> bool {
        let hour = at / HOUR_MS % 24;
        match self.pace {
            Pace::Continuous | Pace::Hourly => true,
            Pace::Office => at / DAY_MS % 7 < 5 && (7..19).contains(&hour),
            Pace::Daily => hour == 2,
        }
    }

    /// The first time from `at` on at which something happens there.
    pub(super) fn next(&self, at: i64) -> Option<i64> {
        (0..7 * 24)
            .map(|hours| at + hours * HOUR_MS)
            .find(|at| self.reports_at(*at))
            .filter(|at| *at < DAYS * DAY_MS)
    }

    /// When the record of a use is received.
    pub(super) fn received(&self, at: i64, dice: &mut Dice) -> i64 {
        match self.pace {
            Pace::Hourly => (at / HOUR_MS + 1) * HOUR_MS + dice.below(5 * MINUTE_MS),
            Pace::Daily => at + dice.between(MINUTE_MS, 20 * MINUTE_MS),
            Pace::Continuous | Pace::Office => {
                at + match dice.below(100) {
                    0..85 => dice.between(MINUTE_MS, 20 * MINUTE_MS),
                    85..99 => dice.between(20 * MINUTE_MS, 3 * HOUR_MS),
                    _ => dice.between(3 * HOUR_MS, 5 * HOUR_MS),
                }
            }
        }
    }
}
