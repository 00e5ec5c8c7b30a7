//! How surprising a new value is, by how often this identity brings new values.

use serde::{Deserialize, Serialize};

/// Active days over which the habit of bringing new values is remembered (as a decay constant).
///
/// Long enough that a fortnightly deploy is seen several times, short enough that a service which has
/// settled after a rewrite counts as settled within a quarter.
const HORIZON_DAYS: f32 = 60.0;

/// Pseudo-count of days with something new: half a day, the Krichevsky–Trofimov prior of a rare event
/// (Krichevsky and Trofimov, IEEE Trans. Inf. Theory 27(2), 1981).
const PRIOR_NEW_DAYS: f32 = 0.5;

/// How often an identity brings new values in one dimension, counted in its active days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Innovation {
    /// Decayed count of active days on which something new appeared.
    new_days: f32,
    /// Day of the newest value, so that one day counts once; doubled, and one more where that day counts. It does not where
    /// what it brought raised an alert.
    last_new_day: u32,
}

impl Innovation {
    /// Notes that something new appeared on `day`. Learning days do not count: everything is new at birth.
    pub fn note_new(&mut self, day: u32, learning: bool) {
        if !learning && day > self.last_new_day / 2 {
            self.new_days += 1.0;
            self.last_new_day = 2 * day + 1;
        }
    }

    /// Takes back what `day` brought: it raised an alert, and is no habit of the identity.
    pub fn take_back(&mut self, day: u32) {
        if self.last_new_day == 2 * day + 1 {
            self.new_days = (self.new_days - 1.0).max(0.0);
            self.last_new_day = 2 * day;
        }
    }

    /// Lets one active day pass.
    pub fn pass_day(&mut self) {
        self.new_days *= 1.0 - 1.0 / HORIZON_DAYS;
    }

    /// Surprise of one new value in bits: `-log2((new days + 1/2) / (active days + 1))`.
    ///
    /// `active_days` is decayed over the same horizon, see [`decay_active_days`]. A day that already
    /// brought something new has spent its surprise: the estimate counts it at once.
    #[must_use]
    pub fn surprise_bits(&self, active_days: f32) -> f32 {
        let chance = (self.new_days + PRIOR_NEW_DAYS) / (active_days + 1.0);
        (-chance.log2()).max(0.0)
    }
}

/// Adds one active day to a decayed count of active days.
#[must_use]
pub fn decay_active_days(active_days: f32) -> f32 {
    active_days * (1.0 - 1.0 / HORIZON_DAYS) + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Surprise after `days` active days with something new every `every` days.
    fn surprise(days: u32, every: u32) -> f32 {
        let (mut innovation, mut active_days) = (Innovation::default(), 0.0);
        for day in 1..=days {
            active_days = decay_active_days(active_days);
            innovation.pass_day();
            if every > 0 && day % every == 0 {
                innovation.note_new(day, false);
            }
        }
        innovation.surprise_bits(active_days)
    }

    #[test]
    fn a_settled_identity_is_surprised_and_a_restless_one_is_not() {
        assert!(surprise(30, 0) > 5.0, "{}", surprise(30, 0));
        assert!(surprise(30, 7) < 3.0, "{}", surprise(30, 7));
        assert!(surprise(30, 1) < 0.2, "{}", surprise(30, 1));
    }

    #[test]
    fn surprise_grows_with_experience_and_is_bounded() {
        assert!(surprise(90, 0) > surprise(14, 0));
        assert!(surprise(10_000, 0) < 8.0);
    }
}
