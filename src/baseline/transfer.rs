//! How many bytes an identity takes out in an hour in which it takes any.

use serde::{Deserialize, Serialize};

use super::peak::Peak;
use super::rate::{Burst, HORIZON_HOURS};

/// Least spread of the hours' bytes, in doublings: of sizes nothing is as steady as a short past may look.
const MIN_SPREAD: f32 = 1.0;

/// Hours' worth of doubt about the spread, in doublings: after one hour the next may well be a hundred times larger, after six, four
/// times.
const DOUBT: f32 = 6.0;

/// Sums bytes by hour of event time and remembers their usual magnitude: sizes differ by factors, so all is learned in doublings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// Hour being summed (hours since 1970).
    hour: u32,
    /// Bytes in it so far.
    bytes: u64,
    /// Decayed number of hours learned.
    hours: f32,
    /// Mean of the hours' bytes, in doublings.
    mean: f32,
    /// Mean square deviation of that.
    variance: f32,
    /// Most bytes of one hour.
    peak: Peak,
    /// Whether the hour being summed raised an alert, and so teaches nothing.
    is_held_out: bool,
}

impl Transfer {
    /// Adds an event's bytes, at least one, to its hour. Events of earlier hours are late and do not count. Judged is the hour
    /// with each half of a doubling.
    pub fn add(&mut self, hour: u32, bytes: u64, is_young: bool) -> Option<Burst> {
        self.pass_to(hour, is_young);
        if hour < self.hour {
            return None;
        }
        let before = half_doublings(self.bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        let is_judged = self.hours >= 1.0 && half_doublings(self.bytes) > before;
        is_judged.then(|| Burst {
            count: self.bytes,
            mean: self.mean.exp2(),
            peak: self.peak.value(),
            bits: self.surprise_bits(),
        })
    }

    /// Holds the hour that is being summed out of what is learned: it raised an alert.
    pub fn hold_out(&mut self) {
        self.is_held_out = true;
    }

    /// Surprise of at least that many bytes, in bits: the Chernoff bound of a log-normal's tail, `z²/2` nats.
    fn surprise_bits(&self) -> f32 {
        let above = (self.bytes as f32).log2() - self.mean;
        let spread = self.variance.sqrt().max(MIN_SPREAD) + DOUBT / self.hours;
        let deviations = above.max(0.0) / spread;
        deviations * deviations / 2.0 * std::f32::consts::LOG2_E
    }

    fn pass_to(&mut self, hour: u32, is_young: bool) {
        if hour <= self.hour {
            return;
        }
        if self.bytes > 0 && !self.is_held_out {
            self.learn(is_young);
        }
        self.peak.ripen(hour);
        (self.hour, self.bytes, self.is_held_out) = (hour, 0, false);
    }

    fn learn(&mut self, is_young: bool) {
        self.hours = self.hours * (1.0 - 1.0 / HORIZON_HOURS) + 1.0;
        self.peak.learn(self.bytes as f32, self.hour, is_young);
        let doublings = (self.bytes as f32).log2();
        let (weight, deviation) = (1.0 / self.hours, doublings - self.mean);
        self.mean += weight * deviation;
        self.variance += weight * (deviation * (doublings - self.mean) - self.variance);
    }
}

/// Half doublings in a number: two for each bit behind the highest, and one where the second highest is set.
const fn half_doublings(bytes: u64) -> u32 {
    match bytes.checked_ilog2() {
        None => 0,
        Some(0) => 1,
        Some(bit) => 1 + 2 * bit + (bytes >> (bit - 1) & 1) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn settled() -> Transfer {
        let mut transfer = Transfer::default();
        for hour in 1..=50 {
            for _ in 0..10 {
                transfer.add(hour, (1 + u64::from(hour % 4)) * MIB, true);
            }
        }
        transfer
    }

    #[test]
    fn many_times_the_bytes_surprise_and_the_usual_do_not() {
        let mut transfer = settled();
        let usual: Vec<Burst> = (0..10).filter_map(|_| transfer.add(51, 4 * MIB, false)).collect();
        assert!(!usual.is_empty() && usual.iter().all(|burst| burst.bits < 3.0), "{usual:?}");
        let theft = transfer.add(52, 2_000 * MIB, false).unwrap();
        assert!(theft.bits > 15.0 && theft.count == 2_000 * MIB, "{theft:?}");
        assert!((theft.peak - (40 * MIB) as f32).abs() < (2 * MIB) as f32, "{theft:?}");
    }

    #[test]
    fn the_less_is_known_the_larger_an_hour_may_be() {
        let bits = [1, 3, 12].map(|hours| {
            let mut transfer = Transfer::default();
            for hour in 1..=hours {
                transfer.add(hour, MIB, true);
            }
            transfer.add(20, 10_000 * MIB, false).unwrap().bits
        });
        assert!(bits[0] < 6.0 && bits[1] > 12.0 && bits[2] > 40.0, "{bits:?}");
    }

    #[test]
    fn an_hour_held_out_teaches_nothing_and_late_ones_do_not_count() {
        let mut transfer = settled();
        transfer.add(52, 2_000 * MIB, false);
        transfer.hold_out();
        assert_eq!(transfer.add(51, 1, false), None);
        transfer.add(53, MIB, false);
        assert!((transfer.peak.value() / (40 * MIB) as f32) < 1.01);
    }

    #[test]
    fn no_number_of_bytes_overflows() {
        let mut transfer = settled();
        assert!(transfer.add(51, u64::MAX, false).is_some());
        assert_eq!(transfer.add(51, u64::MAX, false), None);
        transfer.add(600, 1, false);
        assert!(transfer.mean.is_finite() && transfer.variance.is_finite());
    }

    #[test]
    fn half_doublings_rise_with_the_bytes() {
        let steps = [0, 1, 2, 3, 4, 6, 8, 12, 16].map(half_doublings);
        assert!(steps.is_sorted() && steps[8] - steps[6] == 2, "{steps:?}");
    }
}
