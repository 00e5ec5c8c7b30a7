//! How many different actions and services an identity uses within an hour, and services within a minute.
//!
//! Whoever tries out what a credential is good for uses much of it at once, though each part may be known.

use serde::{Deserialize, Serialize};

use super::peak::Peak;
use super::rate::{Burst, HORIZON_HOURS, MIN_HOURS, tail_bits};

/// Shape of the negative binomial: hours differ by what is due in them, by a third or so beyond chance.
const SHAPE: f32 = 10.0;

/// Fewest different values that are judged.
const MIN_JUDGED: u64 = 4;

/// A set of values, as far as its size is asked for: each sets one bit by its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sketch(u64);

impl Sketch {
    /// Adds a value by its hash. Says whether the set looks larger now.
    const fn add(&mut self, hash: u64) -> bool {
        let before = self.0;
        self.0 |= 1 << (hash % 64);
        self.0 != before
    }

    /// How many values, by linear counting: `-64·ln(z/64)` for `z` bits that are not set (Whang, Vander-Zanden and Taylor, ACM
    /// TODS 15(2), 1990), rounded down. Off by one in ten at 20; 310 where all are set.
    fn len(self) -> u64 {
        let unset = f64::from(self.0.count_zeros()).max(0.5);
        (-64.0 * (unset / 64.0).ln()) as u64
    }
}

/// What is usual for one of the counts, over active hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Usual {
    mean: f32,
    peak: Peak,
}

/// What a refused call adds to its hour.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refused {
    /// Different calls that were refused, with this one.
    pub calls: u64,
    /// Whether this one was not among them.
    pub is_new: bool,
}

/// What an event uses, as hashes.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Of the action.
    pub action: u64,
    /// Of the service.
    pub service: u64,
}

/// How many of each: actions and services within the hour, services within the minute.
pub type Counts = [Burst; 3];

/// Counts different actions and services by hour and minute of event time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FanOut {
    /// Hour being counted (hours since 1970).
    hour: u32,
    /// Minute being counted (minutes since 1970).
    minute: u32,
    actions: Sketch,
    services: Sketch,
    services_of_minute: Sketch,
    /// Different calls that were refused in this hour.
    refused: Sketch,
    /// Most services of a minute of this hour.
    most_in_minute: u16,
    /// Decayed number of active hours learned.
    hours: f32,
    usual: [Usual; 3],
    /// Whether the hour being counted raised an alert, and so teaches nothing.
    is_held_out: bool,
}

impl FanOut {
    /// Counts what an event uses in a minute (since 1970). Events of earlier hours are late and do not count, those of earlier
    /// minutes count for the hour only. Judged is what grew.
    pub fn count(&mut self, minute: u32, used: Used, is_young: bool) -> Counts {
        let hour = minute / 60;
        self.pass_to(hour, is_young);
        if hour < self.hour {
            return Counts::default();
        }
        if minute > self.minute {
            (self.minute, self.services_of_minute) = (minute, Sketch::default());
        }
        let is_now = minute == self.minute;
        let grown = [
            self.actions.add(used.action),
            self.services.add(used.service),
            is_now && self.services_of_minute.add(used.service),
        ];
        if grown == [false; 3] { Counts::default() } else { self.judged(grown) }
    }

    /// Counts a refused call by its hash, in the minute that was counted last. One of an earlier hour is late and does not count.
    pub fn count_refused(&mut self, minute: u32, call: u64) -> Refused {
        if minute / 60 != self.hour {
            return Refused::default();
        }
        let is_new = self.refused.add(call);
        Refused { calls: self.refused.len(), is_new }
    }

    /// Holds the hour that is being counted out of what is learned: it raised an alert.
    pub fn hold_out(&mut self) {
        self.is_held_out = true;
    }

    fn judged(&mut self, grown: [bool; 3]) -> Counts {
        let in_minute = self.services_of_minute.len();
        self.most_in_minute = self.most_in_minute.max(in_minute as u16);
        let counts = [self.actions.len(), self.services.len(), in_minute];
        let is_settled = self.hours >= MIN_HOURS;
        std::array::from_fn(|which| {
            let (count, usual) = (counts[which], self.usual[which]);
            if !is_settled || !grown[which] || count < MIN_JUDGED {
                return Burst::default();
            }
            let bits = tail_bits(count as f32, usual.mean.max(1.0), SHAPE);
            Burst { count, mean: usual.mean, peak: usual.peak.value(), bits }
        })
    }

    fn pass_to(&mut self, hour: u32, is_young: bool) {
        if hour <= self.hour {
            return;
        }
        if self.actions != Sketch::default() && !self.is_held_out {
            self.learn(is_young);
        }
        self.usual.iter_mut().for_each(|usual| usual.peak.ripen(hour));
        *self = Self { hour, hours: self.hours, usual: self.usual, ..Self::default() };
    }

    fn learn(&mut self, is_young: bool) {
        self.hours = self.hours * (1.0 - 1.0 / HORIZON_HOURS) + 1.0;
        let counts = [self.actions.len(), self.services.len(), u64::from(self.most_in_minute)];
        for (usual, count) in self.usual.iter_mut().zip(counts) {
            usual.mean += (count as f32 - usual.mean) / self.hours;
            usual.peak.learn(count as f32, self.hour, is_young);
        }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn used(action: u64, service: u64) -> Used {
        Used { action: xxh3_64(&action.to_le_bytes()), service: xxh3_64(&service.to_le_bytes()) }
    }

    /// One that has used two of ten actions, of one of five services, in each hour.
    fn settled() -> FanOut {
        let mut fan_out = FanOut::default();
        for hour in 1..=100_u32 {
            for minute in 0..2 {
                let action = u64::from(hour + minute) % 10;
                fan_out.count(hour * 60 + minute, used(action, u64::from(hour % 5)), true);
            }
        }
        fan_out
    }

    #[test]
    fn a_sketch_counts_well_enough() {
        for expected in [1_u64, 5, 12, 30, 80] {
            let mut sketch = Sketch::default();
            let new = (0..expected).filter(|value| sketch.add(xxh3_64(&value.to_le_bytes()))).count();
            assert!(new <= expected as usize);
            assert!(sketch.len().abs_diff(expected) <= 1 + expected / 5, "{} for {expected}", sketch.len());
        }
        assert_eq!(Sketch(u64::MAX).len(), 310);
    }

    #[test]
    fn all_that_is_known_at_once_is_a_burst_and_the_usual_is_none() {
        let mut fan_out = settled();
        let mut last = Counts::default();
        for value in 0..10 {
            last = fan_out.count(101 * 60, used(value, value % 5), false);
        }
        let [actions, _, _] = last;
        assert!(actions.count >= 8 && actions.bits > 5.0 && actions.peak < 3.0, "{actions:?}");
        let mut usual = settled();
        assert_eq!(usual.count(101 * 60, used(1, 1), false), Counts::default());
    }

    #[test]
    fn services_of_a_minute_are_those_of_that_minute() {
        let mut fan_out = settled();
        for value in 0..5 {
            let [_, _, in_minute] = fan_out.count(101 * 60 + value as u32, used(value, value), false);
            assert_eq!(in_minute.count, 0, "each in a minute of its own");
        }
        let counts: Vec<u64> =
            (0..5).map(|value| fan_out.count(101 * 60 + 10, used(value, value), false)[2].count).collect();
        assert_eq!(counts, [0, 0, 0, 4, 5]);
        assert_eq!(fan_out.count(101 * 60 + 9, used(7, 7), false)[2].count, 0, "late by a minute");
    }

    #[test]
    fn an_hour_held_out_teaches_nothing_and_late_hours_do_not_count() {
        let mut fan_out = settled();
        let before = fan_out.usual;
        for value in 0..60 {
            fan_out.count(101 * 60, used(value, value), false);
        }
        assert_eq!(fan_out.count(100 * 60, used(99, 99), false), Counts::default());
        fan_out.hold_out();
        fan_out.count(102 * 60, used(1, 1), false);
        assert!(fan_out.usual.iter().zip(before).all(|(after, before)| after.mean <= before.mean * 1.2));
        assert!(fan_out.usual[0].mean < 4.0);
    }
}
