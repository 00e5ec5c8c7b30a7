//! In which hours of the week an identity is active, and how busy it is then.

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

/// Bytes of each active hour: in how many weeks, and how busy.
const EACH: usize = 2;

/// Hours by which the room for them grows: most identities keep to some hours of the day.
const ROOM: usize = 8;

/// Steps of an hour's most events within a doubling: 9 % each, so that a byte reaches four thousand million.
const STEPS: f32 = 8.0;

/// For each hour of the week (UTC, Monday 00:00 first), in how many weeks it was active, decayed by halving, and the most events
/// it had, fading by 9 % with each week that has fewer.
///
/// Most identities are active in some of the hours, so only those have bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourProfile {
    /// Nothing, or one bit for each hour (lowest first) and then two bytes for each hour whose bit is set: weeks, and the step of
    /// the most events.
    bytes: ThinVec<u8>,
}

impl HourProfile {
    /// Notes an hour of the week (0 to 167) that was active. To be called once for each, when it is over.
    ///
    /// Where it had been active before, its most events at most double: going up week by week takes weeks.
    pub fn note(&mut self, hour_of_week: u8, events: u32) {
        let hour = usize::from(hour_of_week);
        if hour >= HOURS {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes.resize(MARKS, 0);
        }
        let place = MARKS + EACH * self.active_before(hour);
        let step = step_of(events);
        if !self.is_active(hour) {
            self.make_room();
            self.bytes[hour / 8] |= 1 << (hour % 8);
            self.bytes.insert(place, 0);
            self.bytes.insert(place + 1, step);
        }
        let known = self.bytes[place + 1];
        self.bytes[place + 1] = step.min(known.saturating_add(STEPS as u8)).max(known.saturating_sub(1));
        self.bytes[place] = self.bytes[place].saturating_add(1);
        if self.bytes[place] == u8::MAX {
            self.bytes[MARKS..].iter_mut().step_by(EACH).for_each(|weeks| *weeks /= 2);
        }
    }

    /// Shares of the hours, which sum to 1; empty before the first activity.
    #[must_use]
    pub fn shares(&self) -> Vec<f32> {
        if self.bytes.is_empty() {
            return Vec::new();
        }
        let total = self.marks().max(1) as f32;
        (0..HOURS).map(|hour| self.weeks(hour) as f32 / total).collect()
    }

    /// Whether enough is known of the week for an hour to be odd.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.marks() >= MIN_MARKS
    }

    /// The most events that an hour of the week had, to 9 %; 0 where it was never active.
    #[must_use]
    pub fn most_in(&self, hour_of_week: u8) -> f32 {
        let step = self.byte(usize::from(hour_of_week) % HOURS, 1);
        if step == 0 { 0.0 } else { (f32::from(step - 1) / STEPS).exp2() }
    }

    /// The most events that an hour of the week or one beside it had: clocks are put forward and back, and jobs start late.
    #[must_use]
    pub fn most_around(&self, hour_of_week: u8) -> f32 {
        let hour = usize::from(hour_of_week);
        let around = [hour + HOURS - 1, hour, hour + 1].map(|hour| self.most_in((hour % HOURS) as u8));
        around.into_iter().fold(0.0, f32::max)
    }

    /// How much an hour of the week speaks for somebody who keeps no hours rather than for this profile, in bits; 0 where the
    /// hour is as usual as any.
    ///
    /// The likelihood ratio of a uniform week, or day, to the share of this hour and its neighbours (clocks are put forward and
    /// back), with half an hour's weight for what was never seen.
    #[must_use]
    pub fn off_hours_bits(&self, hour_of_week: u8) -> f32 {
        let total = self.marks();
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

    /// All active hours of all weeks, decayed.
    fn marks(&self) -> u32 {
        self.bytes.iter().skip(MARKS).step_by(EACH).map(|weeks| u32::from(*weeks)).sum()
    }

    /// In how many weeks an hour of the week (0 to 167) was active, decayed.
    #[must_use]
    pub fn weeks_at(&self, hour_of_week: u8) -> u32 {
        self.weeks(usize::from(hour_of_week) % HOURS)
    }

    fn weeks(&self, hour: usize) -> u32 {
        u32::from(self.byte(hour, 0))
    }

    /// One of an hour's bytes; 0 where it was never active.
    fn byte(&self, hour: usize, which: usize) -> u8 {
        if !self.is_active(hour) {
            return 0;
        }
        self.bytes.get(MARKS + EACH * self.active_before(hour) + which).copied().unwrap_or_default()
    }

    /// Makes room for one more hour, and for some more with it: a list that doubles leaves half of it empty.
    fn make_room(&mut self) {
        if self.bytes.capacity() < self.bytes.len() + EACH {
            self.bytes.reserve_exact(ROOM * EACH);
        }
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
        let is_whole = active.is_some_and(|active: usize| bytes.len() == MARKS + EACH * active);
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

/// The step of so many events, from 1 up.
fn step_of(events: u32) -> u8 {
    // At most 257: the cast holds it to 255.
    (events.max(1) as f32).log2().mul_add(STEPS, 1.0).round() as u8
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
            profile.note(9, 20);
            if round % 3 == 0 {
                profile.note(10, 20);
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
            (0..7).for_each(|day| nightly.note(day * 24 + 2, 20));
        }
        assert_eq!(nightly.off_hours_bits(3), 0.0, "clocks were changed");
        assert!(nightly.off_hours_bits(14) > 1.0);
        assert_eq!(HourProfile::default().off_hours_bits(14), 0.0);
    }

    #[test]
    fn an_hour_knows_the_most_it_had_and_forgets_it_slowly() {
        let mut profile = HourProfile::default();
        assert_eq!(profile.most_around(14), 0.0);
        profile.note(14, 12);
        assert!((profile.most_in(14) / 12.0 - 1.0).abs() < 0.09, "{}", profile.most_in(14));
        assert_eq!((profile.most_in(13), profile.most_around(13)), (0.0, profile.most_in(14)));
        profile.note(14, 1_000);
        assert!(profile.most_in(14) < 26.0, "it at most doubles: {}", profile.most_in(14));
        (0..8).for_each(|_| profile.note(14, 1));
        assert!((profile.most_in(14) - 12.3).abs() < 1.0, "half in eight weeks: {}", profile.most_in(14));
        profile.note(167, u32::MAX);
        assert!(profile.most_around(0) > 3e9, "Sunday night is beside Monday morning");
    }

    /// A profile with one active hour, whose two bytes are these.
    fn of_bytes(weeks: u8, step: u8) -> HourProfile {
        let mut bytes = vec![0; MARKS];
        bytes[0] = 1;
        bytes.extend([weeks, step]);
        HourProfile::restored(&bytes)
    }

    #[test]
    fn what_a_damaged_snapshot_holds_neither_overflows_nor_divides_by_nothing() {
        let mut full = of_bytes(u8::MAX, u8::MAX);
        full.note(0, u32::MAX);
        assert!(full.shares()[0] > 0.99);
        let empty = of_bytes(0, 0);
        assert!(empty.shares().iter().all(|share| *share == 0.0));
        assert_eq!((empty.off_hours_bits(5), empty.most_around(0)), (0.0, 0.0));
        let mut marks_alone = vec![u8::MAX; MARKS];
        assert_eq!(HourProfile::restored(&marks_alone), HourProfile::default());
        marks_alone.extend([0; EACH * HOURS]);
        assert_eq!(HourProfile::restored(&marks_alone).shares().len(), HOURS);
    }

    proptest! {
        #[test]
        fn every_hour_has_its_own_count(hours in prop::collection::vec(0..HOURS as u8, 1..200)) {
            let (mut profile, mut weeks) = (HourProfile::default(), [0_u32; HOURS]);
            for hour in &hours {
                profile.note(*hour, u32::from(*hour));
                weeks[usize::from(*hour)] += 1;
            }
            let shares = profile.shares();
            for (share, weeks) in shares.iter().zip(weeks) {
                prop_assert!((share * hours.len() as f32 - weeks as f32).abs() < 1e-3);
            }
            prop_assert_eq!(HourProfile::restored(profile.as_bytes()), profile);
        }

        #[test]
        fn whatever_a_snapshot_holds_is_a_profile(bytes in prop::collection::vec(any::<u8>(), 0..400), hour in 0..168_u8) {
            let mut profile = HourProfile::restored(&bytes);
            profile.note(hour, 20);
            prop_assert_eq!(profile.shares().len(), HOURS);
            prop_assert!(profile.shares().iter().all(|share| share.is_finite()));
        }
    }
}
