//! The alert budget: how high the threshold must be for so many alerts a day. See `docs/adr/0009-alert-budget.md`.

use serde::{Deserialize, Serialize};

use crate::config;
use crate::time::{DAY_MS, ProcessingTime};

/// Risks at which an incident can open: 1 to 100.
const RISKS: usize = 100;

/// What a day's counts weigh a day later: half after 14 days, so that a release week is forgotten within a month.
const DAILY_DECAY: f32 = 0.951_695;

/// Days that must have passed before the threshold moves: a whole week, as weekends are quieter.
const MIN_DAYS: u32 = 7;

/// Days by which time may seem to go back: inputs are read side by side. More, and the time before was wrong.
const MAX_DAYS_BACK: i64 = 7;

/// Days of silence after which nothing of the past is left; more need not be counted one by one.
const MAX_SILENT_DAYS: i64 = 400;

/// Settings of one partition's budget.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Lowest threshold, and the one where there is no budget.
    pub floor: u8,
    /// Highest threshold; not below `floor`.
    pub ceiling: u8,
    /// New incidents that a day may bring; 0: any number.
    pub per_day: f64,
}

impl Settings {
    /// From the configuration, for one that has the whole budget.
    #[must_use]
    pub fn new(detection: &config::Detection) -> Self {
        let floor = detection.incident_risk;
        Self { floor, ceiling: detection.budget_ceiling_risk.max(floor), per_day: detection.alerts_per_day }
    }

    /// The equal share of one of so many partitions.
    #[must_use]
    pub fn of_one_in(self, partitions: usize) -> Self {
        Self { per_day: self.per_day / partitions.max(1) as f64, ..self }
    }
}

/// How far the incidents of past days reached.
///
/// Each entry counts those that came to a risk from below: the incidents that a day would bring if that were the threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Current day since 1970; `None` where nothing was told yet.
    day: Option<i64>,
    /// Days that are over since the first.
    days: u32,
    /// What all days weigh, the current one 1.
    weight: f32,
    /// Incidents by the risk that they came to (the first entry is risk 1), older days weighing less.
    reached: Vec<f32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { day: None, days: 0, weight: 1.0, reached: vec![0.0; RISKS] }
    }
}

impl Budget {
    /// Moves on to the day of `now`; says whether all begins with it. Time does not go back, but where it was far ahead
    /// all begins anew: else a single wrong time would put what comes for years on one day.
    ///
    /// How many steps it takes makes no difference.
    pub fn advance(&mut self, now: ProcessingTime) -> bool {
        let today = now.millis().div_euclid(DAY_MS);
        let Some(day) = self.day.filter(|day| day.saturating_sub(today) <= MAX_DAYS_BACK) else {
            *self = Self { day: Some(today), ..Self::default() };
            return true;
        };
        for _ in 0..today.saturating_sub(day).min(MAX_SILENT_DAYS) {
            self.days = self.days.saturating_add(1);
            self.weight = self.weight * DAILY_DECAY + 1.0;
            self.reached.iter_mut().for_each(|count| *count *= DAILY_DECAY);
        }
        self.day = Some(day.max(today));
        false
    }

    /// Counts an incident that came from one risk to another; says whether it rose.
    pub fn rise(&mut self, from: u8, to: u8) -> bool {
        let risks = usize::from(from)..usize::from(to).min(self.reached.len());
        let risen = self.reached.get_mut(risks).unwrap_or_default();
        risen.iter_mut().for_each(|count| *count += 1.0);
        !risen.is_empty()
    }

    /// The lowest risk from floor to ceiling at which a day is expected to bring no more incidents than it may.
    #[must_use]
    pub fn threshold(&self, settings: Settings) -> u8 {
        let Settings { floor, ceiling, per_day } = settings;
        if per_day <= 0.0 || self.days < MIN_DAYS {
            return floor;
        }
        (floor..ceiling).find(|risk| self.per_day(*risk) <= per_day).unwrap_or(ceiling)
    }

    /// New incidents expected of a day at this threshold.
    fn per_day(&self, risk: u8) -> f64 {
        let reached = usize::from(risk).checked_sub(1).and_then(|place| self.reached.get(place));
        f64::from(reached.copied().unwrap_or_default() / self.weight)
    }
}

#[cfg(test)]
mod tests;
