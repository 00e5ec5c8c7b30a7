//! How many events an identity makes in any hour, and at each hour of the week.

use super::hours::HourProfile;
use super::rate::{Burst, Finished, HourlyRate, tail_bits};

/// How many times what is known of its time of the week an hour has that counts as odd once it is over, and fewest events of it.
/// As the detector asks for, so that what has come before is no news.
const ODD: (f32, u32) = (2.5, 40);

/// What an odd hour weighs without any evidence, in bits; each doubling of the weeks without one adds one. Alone it opens an incident
/// after half a year: a quarter's end, and a job run again by hand now and then, do not.
const ODD_BITS: f32 = 8.0;

/// Shape of the negative binomial of events at one time of the week: from week to week they differ by 70 % beyond chance. The spread
/// over all active hours says nothing here, as the rhythm itself is the larger part of it.
const SHAPE: f32 = 2.0;

/// Hours of a pause in which runs may have been missed: a long weekend. What was to be done then is done now.
const MOST_MISSED_HOURS: u32 = 72;

/// Events per hour and their rhythm over the week.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rhythm {
    /// Events of any active hour.
    pub rate: HourlyRate,
    /// Hours of the week.
    pub hours: HourProfile,
    /// The active hour before the one being counted (hours since 1970).
    pub previous_hour: u32,
    /// Day of the newest hour that was odd, or of the first one (days since 1970).
    pub odd_day: u32,
}

impl Rhythm {
    /// Goes on to the hour of an event that is to be counted, where that is a newer one, and learns what is over.
    pub fn pass_to(&mut self, hour: u32, is_young: bool) {
        let before = self.rate.current_hour();
        if let Some(finished) = self.rate.pass_to(hour, is_young) {
            self.learn(finished);
        }
        if hour > before {
            self.previous_hour = before;
        }
    }

    /// Counts an event of an hour; what the hour has, judged now and then against any active hour, and against what this time of
    /// the week has.
    pub fn count(&mut self, hour: u32, is_young: bool) -> (Burst, Burst) {
        self.pass_to(hour, is_young);
        self.rate.count(hour, is_young);
        let judged = self.rate.judged(hour).filter(|_| self.rate.is_settled());
        let Some(burst) = judged else { return Default::default() };
        (burst, self.odd(burst, hour).unwrap_or_default())
    }

    /// Surprise of that many events at this time of the week, where it usually has fewer than other active hours.
    ///
    /// Held against the geometric mean of the most that this time of the week has had (runs that were missed just before it
    /// included) and the most of any hour: what an identity can do at night it may do by day, but hardly ever does.
    fn odd(&self, burst: Burst, hour: u32) -> Option<Burst> {
        let usual = self.usual_at(hour)?;
        let weeks = (hour / 24).saturating_sub(self.odd_day) as f32 / 7.0;
        let bits = tail_bits(burst.count as f32, usual.max(1.0), SHAPE).min(ODD_BITS + (1.0 + weeks).log2());
        Some(Burst { count: burst.count, mean: usual, peak: self.held_against(usual)?, bits })
    }

    /// The most events that an hour at this time of the week is known to have; `None` while too little is known of the week.
    fn usual_at(&self, hour: u32) -> Option<f32> {
        if !self.hours.is_telling() {
            return None;
        }
        let from = self.previous_hour.saturating_add(1).max(hour.saturating_sub(MOST_MISSED_HOURS));
        let missed = (from..hour).map(|hour| self.hours.most_in(hour_of_week(hour)));
        Some(missed.fold(self.hours.most_around(hour_of_week(hour)), f32::max))
    }

    /// What an hour is held against of which `usual` are known; `None` where that is as much as any hour has.
    fn held_against(&self, usual: f32) -> Option<f32> {
        let busiest = self.rate.peak();
        (usual < busiest).then(|| (usual.max(1.0) * busiest).sqrt())
    }

    fn learn(&mut self, finished: Finished) {
        let Finished { hour, count } = finished;
        let usual = self.usual_at(hour).unwrap_or_default();
        let is_odd = self.held_against(usual).is_some_and(|most| count as f32 >= ODD.0 * most);
        if self.odd_day == 0 || (is_odd && count >= ODD.1) {
            self.odd_day = hour / 24;
        }
        self.hours.note(hour_of_week(hour), count);
    }
}

/// Hour of the week of an hour since 1970, as `EventTime::hour_of_week` counts them.
const fn hour_of_week(hour: u32) -> u8 {
    // 1970-01-01 was a Thursday.
    ((hour % 168 + 3 * 24) % 168) as u8
}

#[cfg(test)]
mod tests;
