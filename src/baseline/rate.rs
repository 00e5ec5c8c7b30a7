//! How many events an identity makes in an hour in which it is active.

use serde::{Deserialize, Serialize};

/// Active hours over which the rate is remembered (as a decay constant): a week of round-the-clock work.
const HORIZON_HOURS: f32 = 168.0;

/// Active hours over which the busiest hour is remembered (as a decay constant): the month's end must not be new each month.
const PEAK_HOURS: f32 = 2_000.0;

/// Active hours before a rate says anything.
const MIN_HOURS: f32 = 6.0;

/// Counts events by hour of event time and remembers the mean and spread over active hours.
///
/// Active hours, not all hours: a nightly job is compared with its own nights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HourlyRate {
    /// Hour being counted (hours since 1970).
    hour: u32,
    /// Events in it so far.
    count: u32,
    /// Decayed number of active hours learned.
    hours: f32,
    /// Mean events per active hour.
    mean: f32,
    /// Mean square deviation.
    variance: f32,
    /// Most events of one hour, fading.
    peak: f32,
    /// Whether the hour being counted raised an alert, and so teaches nothing.
    is_held_out: bool,
}

impl HourlyRate {
    /// Counts one event in `hour`. Events of earlier hours are late and do not count. Says how many the hour has now.
    ///
    /// When a new hour begins, the finished one is learned, unless it is held out.
    pub fn count(&mut self, hour: u32) -> u32 {
        if hour > self.hour {
            if self.count > 0 && !self.is_held_out {
                self.learn(self.count as f32);
            }
            (self.hour, self.count, self.is_held_out) = (hour, 0, false);
        }
        if hour == self.hour {
            self.count = self.count.saturating_add(1);
        }
        self.count
    }

    /// Holds the hour that is being counted out of what is learned: it raised an alert.
    pub fn hold_out(&mut self) {
        self.is_held_out = true;
    }

    /// The hour that is being counted (hours since 1970).
    #[must_use]
    pub const fn current_hour(&self) -> u32 {
        self.hour
    }

    /// Mean events per active hour.
    #[must_use]
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// Most events of one hour, as far as it is remembered.
    #[must_use]
    pub const fn peak(&self) -> f32 {
        self.peak
    }

    /// Whether enough active hours were learned for a judgement.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.hours >= MIN_HOURS
    }

    /// Surprise, in bits, of at least this hour's count under a negative binomial with the learned mean and spread.
    ///
    /// The Chernoff bound of the upper tail with mean `m` and shape `r`:
    /// `c·ln(c/m) − (c + r)·ln((c + r)/(m + r))` nats (the Kullback–Leibler rate of the negative binomial;
    /// it becomes the Poisson bound as `r` grows). A mean below one event counts as one.
    #[must_use]
    pub fn surprise_bits(&self) -> f32 {
        let (count, mean) = (f64::from(self.count), f64::from(self.mean.max(1.0)));
        if count <= mean {
            return 0.0;
        }
        let shape = self.shape(mean);
        let nats = count * (count / mean).ln() - (count + shape) * ((count + shape) / (mean + shape)).ln();
        (nats / std::f64::consts::LN_2) as f32
    }

    /// Shape by the method of moments, `m² / (v − m)`, held between bursty (0.5) and almost Poisson (50).
    fn shape(&self, mean: f64) -> f64 {
        let excess = f64::from(self.variance) - mean;
        if excess <= 0.0 { 50.0 } else { (mean * mean / excess).clamp(0.5, 50.0) }
    }

    fn learn(&mut self, count: f32) {
        self.hours = self.hours * (1.0 - 1.0 / HORIZON_HOURS) + 1.0;
        self.peak = count.max(self.peak * (1.0 - 1.0 / PEAK_HOURS));
        let weight = 1.0 / self.hours;
        let deviation = count - self.mean;
        self.mean += weight * deviation;
        self.variance += weight * (deviation * (count - self.mean) - self.variance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(per_hour: u32, hours: u32) -> HourlyRate {
        let mut rate = HourlyRate::default();
        for hour in 1..=hours {
            for _ in 0..per_hour {
                rate.count(hour);
            }
        }
        rate
    }

    fn bits_at(mut rate: HourlyRate, count: u32) -> f32 {
        let hour = rate.current_hour() + 1;
        for _ in 0..count {
            rate.count(hour);
        }
        rate.surprise_bits()
    }

    #[test]
    fn a_burst_surprises_more_the_larger_it_is_and_the_usual_not_at_all() {
        let rate = steady(20, 48);
        assert_eq!(bits_at(rate, 20), 0.0);
        assert!(bits_at(rate, 30) < 10.0);
        assert!(bits_at(rate, 400) > 40.0);
    }

    #[test]
    fn a_bursty_past_makes_bursts_unsurprising() {
        let mut bursty = HourlyRate::default();
        for hour in 1..=96 {
            for _ in 0..(if hour % 4 == 0 { 400 } else { 5 }) {
                bursty.count(hour);
            }
        }
        assert!(bits_at(bursty, 400) < 6.0, "{}", bits_at(bursty, 400));
    }

    #[test]
    fn an_hour_held_out_teaches_nothing() {
        let mut rate = steady(20, 48);
        let before = rate.mean();
        for _ in 0..5_000 {
            rate.count(100);
            rate.hold_out();
        }
        rate.count(101);
        assert!((rate.mean() - before).abs() < f32::EPSILON);
    }

    #[test]
    fn late_events_do_not_count() {
        let mut rate = steady(3, 10);
        assert_eq!(rate.count(2), 3);
    }
}
