//! In which hours of the week an identity is active.

use thin_vec::ThinVec;

/// Hours in a week.
pub const HOURS: usize = 168;

/// Hours in a day.
const DAY: usize = 24;

/// Active hours before a profile says anything: three weeks of a job that runs once on working days.
const MIN_MARKS: u32 = 15;

/// Most that an odd hour says. People who keep machines do work at odd hours.
const MAX_OFF_HOURS_BITS: f32 = 3.0;

/// Bytes in which each hour of a week has one bit.
const MARKS: usize = HOURS / 8;

/// For each hour of the week (UTC, Monday 00:00 first), in how many weeks it was active, decayed by halving.
///
/// Most identities are active in some of the hours, so only those have a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourProfile {
    /// Nothing, or one bit for each hour (lowest first) and then one count for each hour whose bit is set.
    bytes: ThinVec<u8>,
}

impl HourProfile {
    /// Notes activity in an hour of the week (0 to 167). To be called once for each hour that is active.
    pub fn note(&mut self, hour_of_week: u8) {
        let hour = usize::from(hour_of_week);
        if hour >= HOURS {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes.resize(MARKS, 0);
        }
        let place = MARKS + self.active_before(hour);
        if !self.is_active(hour) {
            self.bytes[hour / 8] |= 1 << (hour % 8);
            self.bytes.insert(place, 0);
        }
        self.bytes[place] += 1;
        if self.bytes[place] == u8::MAX {
            self.bytes[MARKS..].iter_mut().for_each(|weeks| *weeks /= 2);
        }
    }

    /// Shares of the hours, which sum to 1; empty before the first activity.
    #[must_use]
    pub fn shares(&self) -> Vec<f32> {
        let Some(counts) = self.bytes.get(MARKS..) else { return Vec::new() };
        let total: u32 = counts.iter().map(|weeks| u32::from(*weeks)).sum();
        let mut counts = counts.iter();
        let weeks = |hour| if self.is_active(hour) { counts.next().copied().unwrap_or_default() } else { 0 };
        (0..HOURS).map(weeks).map(|weeks| f32::from(weeks) / total as f32).collect()
    }

    /// How much an hour of the week speaks for somebody who keeps no hours rather than for this profile, in bits; 0 where the
    /// hour is as usual as any.
    ///
    /// The likelihood ratio of a uniform week, or day, to the share of this hour and its neighbours (clocks are put forward and
    /// back), with half an hour's weight for what was never seen.
    #[must_use]
    pub fn off_hours_bits(&self, hour_of_week: u8) -> f32 {
        let Some(counts) = self.bytes.get(MARKS..) else { return 0.0 };
        let total: u32 = counts.iter().map(|weeks| u32::from(*weeks)).sum();
        if total < MIN_MARKS {
            return 0.0;
        }
        let around = |hour: usize| -> u32 {
            [hour + HOURS - 1, hour, hour + 1].into_iter().map(|hour| self.weeks(hour % HOURS)).sum()
        };
        let hour = usize::from(hour_of_week) % HOURS;
        let in_week = around(hour);
        let in_day: u32 = (0..HOURS / DAY).map(|day| around(day * DAY + hour % DAY)).sum();
        let bits = |seen: u32, hours: usize| {
            let share = (seen as f32 + 0.5) / (total as f32 + 1.0);
            -(share * hours as f32 / 3.0).log2()
        };
        bits(in_week, HOURS).max(bits(in_day, DAY)).clamp(0.0, MAX_OFF_HOURS_BITS)
    }

    fn weeks(&self, hour: usize) -> u32 {
        if !self.is_active(hour) {
            return 0;
        }
        self.bytes.get(MARKS + self.active_before(hour)).copied().map_or(0, u32::from)
    }

    /// The marks and counts, as a snapshot holds them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A profile as a snapshot holds it; marks and counts that do not fit each other are taken as none.
    #[must_use]
    pub fn restored(bytes: &[u8]) -> Self {
        let active =
            bytes.get(..MARKS).map(|marks| marks.iter().map(|byte| byte.count_ones() as usize).sum());
        let is_whole = active.is_some_and(|active: usize| bytes.len() == MARKS + active);
        if is_whole { Self { bytes: ThinVec::from(bytes) } } else { Self::default() }
    }

    fn is_active(&self, hour: usize) -> bool {
        self.bytes.get(hour / 8).is_some_and(|marks| marks & (1 << (hour % 8)) != 0)
    }

    /// How many hours of the week before this one were active.
    fn active_before(&self, hour: usize) -> usize {
        let whole: u32 = self.bytes[..hour / 8].iter().map(|marks| marks.count_ones()).sum();
        let part = self.bytes[hour / 8] & ((1 << (hour % 8)) - 1);
        (whole + part.count_ones()) as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_sum_to_one_and_survive_halving() {
        let mut profile = HourProfile::default();
        assert!(profile.shares().is_empty());
        for round in 0..600_u32 {
            profile.note(9);
            if round % 3 == 0 {
                profile.note(10);
            }
        }
        let shares = profile.shares();
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(shares[9] > 2.0 * shares[10] && shares[10] > 0.0);
        assert_eq!(HourProfile::restored(profile.as_bytes()), profile);
    }

    #[test]
    fn an_hour_far_from_the_usual_is_off_hours_and_one_beside_it_is_not() {
        let mut nightly = HourProfile::default();
        for _ in 0..4 {
            (0..7).for_each(|day| nightly.note(day * 24 + 2));
        }
        assert_eq!(nightly.off_hours_bits(3), 0.0, "clocks were changed");
        assert!(nightly.off_hours_bits(14) > 1.0);
        assert_eq!(HourProfile::default().off_hours_bits(14), 0.0);
    }

    proptest! {
        #[test]
        fn every_hour_has_its_own_count(hours in prop::collection::vec(0..HOURS as u8, 1..200)) {
            let (mut profile, mut weeks) = (HourProfile::default(), [0_u32; HOURS]);
            for hour in &hours {
                profile.note(*hour);
                weeks[usize::from(*hour)] += 1;
            }
            let shares = profile.shares();
            for (share, weeks) in shares.iter().zip(weeks) {
                prop_assert!((share * hours.len() as f32 - weeks as f32).abs() < 1e-3);
            }
            prop_assert_eq!(HourProfile::restored(profile.as_bytes()), profile);
        }

        #[test]
        fn whatever_a_snapshot_holds_is_a_profile(bytes in prop::collection::vec(any::<u8>(), 0..200), hour in 0..168_u8) {
            let mut profile = HourProfile::restored(&bytes);
            profile.note(hour);
            prop_assert_eq!(profile.shares().len(), HOURS);
        }
    }
}
