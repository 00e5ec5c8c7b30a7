//! The most that an hour ever had, learned so late and so little at a time that going up step by step does not raise it.

use serde::{Deserialize, Serialize};

/// Hours for which a new maximum waits before it counts: a week, as long as what raised an alert is held out of the baseline
/// by default. Whoever takes a little more each hour is held against what was usual a week ago.
const RIPENING_HOURS: u32 = 168;

/// Most that the maximum grows by at once: a month's end of four times the usual is learned with its second time, and a climb
/// of ten times takes more than three weeks.
const MOST_GROWTH: f32 = 2.0;

/// Active hours over which it fades (as a decay constant): the month's end must not be new each month.
const FADING_HOURS: f32 = 2_000.0;

/// The most that an hour had, fading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    value: f32,
    /// The most of the hours that went beyond it and have not ripened; 0 where none did.
    rising: f32,
    /// The first of them (hours since 1970).
    rising_since: u32,
}

impl Peak {
    /// The most that an hour had.
    #[must_use]
    pub const fn value(&self) -> f32 {
        self.value
    }

    /// Learns what a finished hour had. Of the first hour ever, and while the identity is young, it counts at once.
    pub fn learn(&mut self, amount: f32, hour: u32, is_young: bool) {
        self.value *= 1.0 - 1.0 / FADING_HOURS;
        if amount <= self.value {
            return;
        }
        if is_young || self.value < 1.0 {
            self.value = amount;
            return;
        }
        if self.rising == 0.0 {
            self.rising_since = hour;
        }
        self.rising = self.rising.max(amount);
    }

    /// Lets time pass up to `hour`: what went beyond the maximum and has waited for long enough is taken into it.
    pub fn ripen(&mut self, hour: u32) {
        let is_ripe = hour.saturating_sub(self.rising_since) >= RIPENING_HOURS;
        if self.rising > 0.0 && is_ripe {
            self.value = self.value.max(self.rising.min(self.value * MOST_GROWTH));
            self.rising = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_twenty() -> Peak {
        let mut peak = Peak::default();
        (1..=48).for_each(|hour| peak.learn(20.0, hour, true));
        peak
    }

    fn near(peak: Peak, expected: f32) {
        assert!((peak.value() / expected - 1.0).abs() < 0.1, "{} for {expected}", peak.value());
    }

    #[test]
    fn the_young_and_the_first_count_at_once() {
        let mut first = Peak::default();
        first.learn(30.0, 5, false);
        near(first, 30.0);
        let mut young = at_twenty();
        young.learn(300.0, 49, true);
        near(young, 300.0);
    }

    #[test]
    fn a_busier_hour_counts_after_a_week_and_at_most_doubles() {
        let mut peak = at_twenty();
        peak.learn(80.0, 100, false);
        peak.ripen(100 + RIPENING_HOURS - 1);
        near(peak, 20.0);
        peak.ripen(100 + RIPENING_HOURS);
        near(peak, 40.0);
        // The next month's end.
        peak.learn(80.0, 900, false);
        peak.ripen(1_100);
        near(peak, 80.0);
    }

    #[test]
    fn going_up_a_little_each_hour_takes_weeks() {
        let (mut peak, mut amount) = (at_twenty(), 20.0_f32);
        for hour in 49..49 + 7 * 24 {
            amount *= 1.05;
            peak.learn(amount, hour, false);
            peak.ripen(hour);
        }
        assert!(amount > 50_000.0 && peak.value() <= 40.0, "{amount} and {}", peak.value());
    }
}
