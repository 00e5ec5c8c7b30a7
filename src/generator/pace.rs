//! How busy an identity is on a day: growth, holidays, month ends, backfills.

use super::archetype::{Archetype, Principal};
use super::calendar;
use super::cause::Cause;
use super::random::Random;
use super::rhythm::Rhythm;
use crate::time::EventTime;

/// How busy an identity is.
pub(super) struct Pace {
    tasks_per_day: f64,
    rhythm: Rhythm,
    span: (EventTime, EventTime),
    /// How many times as busy it is at the end of the span as at its beginning.
    growth: f64,
    /// How many times as busy it is at the end of a month.
    month_end: f64,
    /// It reads old data again until then.
    pub(super) backfill_until: EventTime,
}

/// A backfill makes it this many times as busy.
const BACKFILL: f64 = 5.0;
/// Part of the days that are month ends.
const MONTH_END_PART: f64 = 0.11;
/// Growth by which a rate is worth a mention.
const MUCH_GROWTH: f64 = 1.3;

impl Pace {
    /// The pace of one identity that is to have so many tasks a day over the whole span.
    pub(super) fn new(
        archetype: &Archetype,
        tasks_per_day: f64,
        span: (EventTime, EventTime),
        random: &mut Random,
    ) -> Self {
        let grows = archetype.rhythm == Rhythm::Customers && random.chance(0.3);
        let closes_books = random.chance(0.4)
            && matches!(
                archetype.principal,
                Principal::User | Principal::Lambda | Principal::Task | Principal::Instance | Principal::Pod
            );
        let growth = if grows { 1.2 + 1.6 * random.unit() } else { 1.0 };
        let month_end = if closes_books { 1.3 + 2.0 * random.unit() } else { 1.0 };
        let mean = f64::midpoint(1.0, growth) * (1.0 + (month_end - 1.0) * MONTH_END_PART);
        Self {
            tasks_per_day: tasks_per_day / mean,
            rhythm: archetype.rhythm,
            span,
            growth,
            month_end,
            backfill_until: EventTime::default(),
        }
    }

    /// Tasks a day, as of that time.
    pub(super) fn tasks_per_day(&self, time: EventTime) -> f64 {
        let holiday = if calendar::is_holiday(time) { self.on_holidays() } else { 1.0 };
        let month_end = if calendar::is_month_end(time) { self.month_end } else { 1.0 };
        let backfill = if time < self.backfill_until { BACKFILL } else { 1.0 };
        self.tasks_per_day * holiday * month_end * backfill * self.grown(time)
    }

    /// What explains that it is busier or less busy than usual.
    pub(super) fn cause(&self, time: EventTime) -> Cause {
        if time < self.backfill_until {
            Cause::Backfill
        } else if self.month_end > 1.0 && calendar::is_month_end(time) {
            Cause::MonthEnd
        } else if self.on_holidays() < 1.0 && calendar::is_holiday(time) {
            Cause::Holiday
        } else if self.grown(time) > MUCH_GROWTH {
            Cause::Growth
        } else {
            Cause::Plain
        }
    }

    const fn on_holidays(&self) -> f64 {
        match self.rhythm {
            Rhythm::Staff => 0.1,
            Rhythm::Customers => 0.7,
            Rhythm::Steady | Rhythm::Night => 1.0,
        }
    }

    fn grown(&self, time: EventTime) -> f64 {
        let whole = self.span.1.millis_since(self.span.0).max(1) as f64;
        let part = (time.millis_since(self.span.0) as f64 / whole).clamp(0.0, 1.0);
        1.0 + (self.growth - 1.0) * part
    }
}
