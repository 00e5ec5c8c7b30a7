//! How many events an identity makes in an hour in which it is active.

use serde::{Deserialize, Serialize};

use super::peak::Peak;

/// Active hours over which the rate is remembered (as a decay constant): a week of round-the-clock work.
pub(super) const HORIZON_HOURS: f32 = 168.0;

/// Active hours before a rate says anything.
pub(super) const MIN_HOURS: f32 = 6.0;

/// How many events an hour has, or how much of something else, and how surprising that is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Burst {
    /// Events (actions, services, bytes) in the current hour; 0 where nothing was judged.
    pub count: u64,
    /// What an active hour usually has; at an odd hour, the most that is known of this time of the week.
    pub mean: f32,
    /// What a burst is held against: the most of an hour so far, in the memory of the rate; at an odd hour somewhere between that
    /// and the most of this time of the week.
    pub peak: f32,
    /// Surprise in bits.
    pub bits: f32,
}

/// An hour that is over and was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which (hours since 1970).
    pub hour: u32,
    /// Events in it; at least one.
    pub count: u32,
}

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
    /// Most events of one hour.
    peak: Peak,
    /// Whether the hour being counted raised an alert, and so teaches nothing.
    is_held_out: bool,
}

impl HourlyRate {
    /// Counts one event in `hour`. Events of earlier hours are late and do not count. Says how many the hour has now.
    pub fn count(&mut self, hour: u32, is_young: bool) -> u32 {
        self.pass_to(hour, is_young);
        if hour == self.hour {
            self.count = self.count.saturating_add(1);
        }
        self.count
    }

    /// Goes on to an hour, where it is a newer one: the one before is finished, and learned unless it is held out.
    pub fn pass_to(&mut self, hour: u32, is_young: bool) -> Option<Finished> {
        if hour <= self.hour {
            return None;
        }
        let finished = Finished { hour: self.hour, count: self.count };
        let is_learned = finished.count > 0 && !self.is_held_out;
        if is_learned {
            self.learn(finished, is_young);
        }
        self.peak.ripen(hour);
        (self.hour, self.count, self.is_held_out) = (hour, 0, false);
        is_learned.then_some(finished)
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
        self.peak.value()
    }

    /// Whether enough active hours were learned for a judgement.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.hours >= MIN_HOURS
    }

    /// The current hour, judged now and then, so that bursts cost little; nothing where `hour` is not the current one, or this
    /// is not the time.
    #[must_use]
    pub fn judged(&self, hour: u32) -> Option<Burst> {
        let is_judged = hour == self.hour && self.count >= MIN_JUDGED && is_judged_at(self.count);
        is_judged.then(|| Burst {
            count: u64::from(self.count),
            mean: self.mean,
            peak: self.peak(),
            bits: self.surprise_bits(),
        })
    }

    /// Surprise, in bits, of at least this hour's count, with the mean and spread that were learned. A mean below one event counts
    /// as one.
    #[must_use]
    pub fn surprise_bits(&self) -> f32 {
        let mean = self.mean.max(1.0);
        tail_bits(self.count as f32, mean, self.shape(mean))
    }

    /// Shape by the method of moments, `m² / (v − m)`, held between bursty (0.5) and almost Poisson (50).
    fn shape(&self, mean: f32) -> f32 {
        let excess = self.variance - mean;
        if excess <= 0.0 { 50.0 } else { (mean * mean / excess).clamp(0.5, 50.0) }
    }

    fn learn(&mut self, finished: Finished, is_young: bool) {
        let count = finished.count as f32;
        self.hours = self.hours * (1.0 - 1.0 / HORIZON_HOURS) + 1.0;
        self.peak.learn(count, finished.hour, is_young);
        let weight = 1.0 / self.hours;
        let deviation = count - self.mean;
        self.mean += weight * deviation;
        self.variance += weight * (deviation * (count - self.mean) - self.variance);
    }
}

/// Fewest events of an hour that are judged: fewer are nobody's burst.
const MIN_JUDGED: u32 = 8;

/// Four times with each doubling, and from 256 on at each multiple of that.
const fn is_judged_at(count: u32) -> bool {
    count.trailing_zeros() + 2 >= count.ilog2() || count.is_multiple_of(256)
}

/// Surprise, in bits, of at least `count` under a negative binomial with mean `m` and shape `r`.
///
/// The Chernoff bound of the upper tail: `c·ln(c/m) − (c + r)·ln((c + r)/(m + r))` nats (the Kullback–Leibler rate of the
/// negative binomial; it becomes the Poisson bound as `r` grows). `mean` and `shape` are above 0.
pub(super) fn tail_bits(count: f32, mean: f32, shape: f32) -> f32 {
    let (count, mean, shape) = (f64::from(count), f64::from(mean), f64::from(shape));
    if count <= mean {
        return 0.0;
    }
    let nats = count * (count / mean).ln() - (count + shape) * ((count + shape) / (mean + shape)).ln();
    (nats / std::f64::consts::LN_2) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(per_hour: u32, hours: u32) -> HourlyRate {
        let mut rate = HourlyRate::default();
        for hour in 1..=hours {
            for _ in 0..per_hour {
                rate.count(hour, true);
            }
        }
        rate
    }

    fn bits_at(mut rate: HourlyRate, count: u32) -> f32 {
        let hour = rate.current_hour() + 1;
        for _ in 0..count {
            rate.count(hour, false);
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
                bursty.count(hour, true);
            }
        }
        assert!(bits_at(bursty, 400) < 6.0, "{}", bits_at(bursty, 400));
    }

    #[test]
    fn an_hour_held_out_teaches_nothing() {
        let mut rate = steady(20, 48);
        let before = rate.mean();
        for _ in 0..5_000 {
            rate.count(100, false);
            rate.hold_out();
        }
        assert_eq!(rate.pass_to(101, false), None);
        assert!((rate.mean() - before).abs() < f32::EPSILON);
    }

    #[test]
    fn late_events_do_not_count() {
        let mut rate = steady(3, 10);
        assert_eq!(rate.count(2, false), 3);
        assert_eq!(rate.judged(2), None);
    }

    #[test]
    fn a_little_more_each_hour_ends_as_a_burst() {
        let (mut rate, mut per_hour) = (steady(20, 720), 20.0_f32);
        let mut found = None;
        for hour in 721..721 + 200 {
            per_hour *= 1.03;
            for _ in 0..per_hour as u32 {
                rate.count(hour, false);
            }
            if per_hour >= 3.0 * rate.peak().max(rate.mean()) {
                found = Some(per_hour);
                break;
            }
        }
        assert!(found.is_some_and(|per_hour| per_hour < 120.0), "{found:?}");
    }
}
