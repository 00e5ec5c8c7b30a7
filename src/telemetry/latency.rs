//! Percentiles of latency over the recent past.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::time::{MINUTE_MS, ProcessingTime};

/// Length of one window. Two are read together, so that percentiles cover five to ten minutes and never start from nothing.
const WINDOW_MS: i64 = 5 * MINUTE_MS;

/// The longest latency told apart, in milliseconds: a week. What is older is a replay, not a delay.
const LONGEST_MS: u64 = 7 * 24 * 3600 * 1000;

/// Digits kept: 2 (1 %) in about 20 KB a window.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Latencies of the current and the previous window.
pub(super) struct Recent {
    current: Histogram<u64>,
    previous: Histogram<u64>,
    since: Option<ProcessingTime>,
}

impl Recent {
    /// Two empty windows.
    pub(super) fn new() -> Self {
        Self { current: empty(), previous: empty(), since: None }
    }

    /// Adds `count` effects that took `latency`.
    pub(super) fn add(&mut self, latency: Duration, count: u64) {
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.current.saturating_record_n(millis, count);
    }

    /// Begins a new window where the current one is full.
    pub(super) fn turn(&mut self, now: ProcessingTime) {
        let age = now.millis_since(*self.since.get_or_insert(now));
        if age < WINDOW_MS {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.reset();
        if age >= 2 * WINDOW_MS {
            self.previous.reset();
        }
        self.since = Some(now);
    }

    /// The latencies, in seconds, below which these percentages (0 to 100) lie; 0 where there are none.
    pub(super) fn percentiles<const N: usize>(&self, percentages: [f64; N]) -> [f64; N] {
        let mut both = self.previous.clone();
        // Both windows have one layout, so that nothing can be out of range.
        if both.add(&self.current).is_err() {
            return [0.0; N];
        }
        percentages.map(|percentage| both.value_at_percentile(percentage) as f64 / 1000.0)
    }
}

fn empty() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants; a unit test makes one")]
    Histogram::new_with_bounds(1, LONGEST_MS, SIGNIFICANT_DIGITS).expect("constant bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: ProcessingTime = ProcessingTime::from_millis(1_000_000);

    fn check(minutes: &[i64], expected: f64) {
        let mut recent = Recent::new();
        recent.turn(START);
        recent.add(Duration::from_secs(2), 100);
        for minute in minutes {
            recent.turn(START.plus_millis(minute * MINUTE_MS));
        }
        let [median] = recent.percentiles([50.0]);
        assert!((median - expected).abs() <= 0.02 * expected, "{minutes:?}: {median}");
    }

    #[test]
    fn a_latency_is_kept_for_its_window_and_the_next() {
        check(&[], 2.0);
        check(&[4], 2.0);
        check(&[5, 9], 2.0);
        check(&[5, 10], 0.0);
        check(&[11], 0.0);
    }

    #[test]
    fn percentiles_tell_the_slow_few_from_the_many() {
        let mut recent = Recent::new();
        recent.add(Duration::from_millis(500), 990);
        recent.add(Duration::from_secs(30), 10);
        recent.add(Duration::MAX, 1);
        let [median, high, highest] = recent.percentiles([50.0, 99.5, 100.0]);
        assert!((median - 0.5).abs() < 0.01 && (high - 30.0).abs() < 0.5 && highest >= 604_800.0);
    }
}
