//! In which hours of the week an identity is active.

use thin_vec::ThinVec;

/// Hours in a week.
pub const HOURS: usize = 168;

/// For each hour of the week (UTC, Monday 00:00 first), in how many weeks it was active, decayed by halving.
///
/// One byte an hour; allocated with the first activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourProfile {
    weeks: ThinVec<u8>,
}

impl HourProfile {
    /// Notes activity in an hour of the week (0 to 167). To be called once for each hour that is active.
    pub fn note(&mut self, hour_of_week: u8) {
        if self.weeks.is_empty() {
            self.weeks.resize(HOURS, 0);
        }
        let Some(weeks) = self.weeks.get_mut(usize::from(hour_of_week)) else { return };
        *weeks += 1;
        if *weeks == u8::MAX {
            self.weeks.iter_mut().for_each(|weeks| *weeks /= 2);
        }
    }

    /// Shares of the hours, which sum to 1; empty before the first activity.
    #[must_use]
    pub fn shares(&self) -> Vec<f32> {
        let total: u32 = self.weeks.iter().map(|weeks| u32::from(*weeks)).sum();
        self.weeks.iter().map(|weeks| f32::from(*weeks) / total as f32).collect()
    }

    /// The counts, as a snapshot holds them: none, or 168.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.weeks
    }

    /// A profile as a snapshot holds it; anything but 168 counts is taken as none.
    #[must_use]
    pub fn restored(weeks: &[u8]) -> Self {
        if weeks.len() == HOURS { Self { weeks: ThinVec::from(weeks) } } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
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
}
