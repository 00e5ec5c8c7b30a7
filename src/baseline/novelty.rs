//! How surprising a new value is, by how often this identity brings new values.

use serde::{Deserialize, Serialize};

/// Active days over which the habit of bringing new values is remembered (as a decay constant).
///
/// Long enough that a fortnightly deploy is seen several times, short enough that a service which has
/// settled after a rewrite counts as settled within a quarter.
const HORIZON_DAYS: f32 = 60.0;

/// What an active day leaves of what was counted before it.
const KEPT_A_DAY: f32 = 1.0 - 1.0 / HORIZON_DAYS;

/// Pseudo-count of days with something new: half a day, the Krichevsky–Trofimov prior of a rare event
/// (Krichevsky and Trofimov, IEEE Trans. Inf. Theory 27(2), 1981).
const PRIOR_NEW_DAYS: f32 = 0.5;

/// Days, the newest with something new included, of which it is remembered whether they count. An incident's signals fade by then
/// to an eighth, so that what it brought before seldom opens it.
const REMEMBERED_DAYS: u32 = 16;

/// How often an identity brings new values in one dimension, counted in its active days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Innovation {
    /// Decayed count of active days on which something new appeared.
    new_days: f32,
    /// Below, the newest day with something new, so that one day counts once: days since 1970, up to 2149. Above, from the lowest
    /// bit on, whether that day counts, the day before, and so on. One does not where what it brought raised an alert.
    recent: u32,
}

impl Innovation {
    /// Notes that something new appeared on `day`. Learning days do not count: everything is new at birth.
    pub fn note_new(&mut self, day: u32, learning: bool) {
        let (last, counting) = self.recent();
        let day = day.min(u32::from(u16::MAX));
        if !learning && day > last {
            self.new_days += 1.0;
            self.remember(day, counting.checked_shl(day - last).unwrap_or_default() | 1);
        }
    }

    /// Takes back what `day` brought: it raised an alert, and is no habit of the identity.
    ///
    /// What is left of it by now is known exactly where the identity was active each day since. Where it paused, a little too
    /// much stays, at most a quarter of a day; of what is older than the days remembered, all does.
    pub fn take_back(&mut self, day: u32) {
        let (last, counting) = self.recent();
        let Some(age) = last.checked_sub(day).filter(|age| *age < REMEMBERED_DAYS) else { return };
        if counting & (1 << age) != 0 {
            self.new_days = (self.new_days - KEPT_A_DAY.powi(age as i32)).max(0.0);
            self.remember(last, counting & !(1 << age));
        }
    }

    /// The newest day with something new, and the days that count from there back.
    const fn recent(&self) -> (u32, u32) {
        (self.recent & u16::MAX as u32, self.recent >> REMEMBERED_DAYS)
    }

    fn remember(&mut self, day: u32, counting: u32) {
        self.recent = counting << REMEMBERED_DAYS | day;
    }

    /// Lets one active day pass.
    pub fn pass_day(&mut self) {
        self.new_days *= KEPT_A_DAY;
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

    /// Surprise of the first new value of an identity that never brought any, in bits.
    #[must_use]
    pub fn surprise_of_first(active_days: f32) -> f32 {
        Self::default().surprise_bits(active_days)
    }
}

/// Adds one active day to a decayed count of active days.
#[must_use]
pub fn decay_active_days(active_days: f32) -> f32 {
    active_days * KEPT_A_DAY + 1.0
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

    /// After thirty days of which every `every`th is active, with something new on these.
    fn after(every: u32, new_on: &[u32]) -> Innovation {
        let mut innovation = Innovation::default();
        for day in (20_000..=20_030).filter(|day| day % every == 0) {
            innovation.pass_day();
            if new_on.contains(&(day - 20_000)) {
                innovation.note_new(day, false);
            }
        }
        innovation
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        for gone in [15, 18, 22, 30] {
            let mut innovation = after(1, &[3, 15, 18, 22, 30]);
            innovation.take_back(20_000 + gone);
            innovation.take_back(20_000 + gone);
            let rest: Vec<u32> = [3, 15, 18, 22, 30].into_iter().filter(|day| *day != gone).collect();
            let error = innovation.new_days - after(1, &rest).new_days;
            assert!(error.abs() < 1e-4, "{gone}: {error}");
        }
    }

    #[test]
    fn days_that_brought_nothing_and_days_long_gone_are_not_taken_back() {
        let untouched = after(1, &[3, 18, 30]);
        for day in [0, 3, 14, 17, 19, 29, 31, 400] {
            let mut innovation = untouched;
            innovation.take_back(20_000 + day);
            assert_eq!(innovation, untouched, "{day}");
        }
        let mut innovation = untouched;
        innovation.take_back(0);
        innovation.note_new(u32::MAX, false);
        innovation.note_new(u32::MAX, false);
        innovation.take_back(u32::MAX);
        assert_eq!(innovation.new_days, untouched.new_days + 1.0, "beyond 2149 a day counts once");
    }

    #[test]
    fn of_an_identity_that_pauses_little_too_much_stays() {
        for every in [2, 5, 15] {
            let mut innovation = after(every, &[15, 30]);
            innovation.take_back(20_015);
            let error = innovation.new_days - after(every, &[30]).new_days;
            assert!((0.0..0.25).contains(&error), "{every}: {error}");
        }
    }

    #[test]
    fn surprise_grows_with_experience_and_is_bounded() {
        assert!(surprise(90, 0) > surprise(14, 0));
        assert!(surprise(10_000, 0) < 8.0);
    }
}
