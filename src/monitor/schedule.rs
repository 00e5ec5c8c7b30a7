//! When to look at an identity again, without looking at all of them.

use std::collections::BTreeMap;

use crate::term::Term;
use crate::time::{MINUTE_MS, ProcessingTime};

/// Identities by the minute in which they are due.
///
/// Activity moves what is due later and not earlier, so it does not touch the schedule: an identity that
/// comes up too early is looked at and put back. That keeps the cost per event at nothing, and the cost
/// per tick at the number of identities that are due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    minutes: BTreeMap<i64, Vec<Term>>,
}

impl Schedule {
    /// Puts an identity on the schedule for the first whole minute at or after `at`, and returns that minute.
    pub(super) fn add(&mut self, identity_id: Term, at: ProcessingTime) -> ProcessingTime {
        let minute = at.millis().div_euclid(MINUTE_MS) + i64::from(at.millis() % MINUTE_MS != 0);
        self.minutes.entry(minute).or_default().push(identity_id);
        ProcessingTime::from_millis(minute * MINUTE_MS)
    }

    /// Takes the identities of the earliest minute that is not later than `now`.
    pub(super) fn take_due(&mut self, now: ProcessingTime) -> Option<(ProcessingTime, Vec<Term>)> {
        let entry = self.minutes.first_entry()?;
        let at = ProcessingTime::from_millis(entry.key() * MINUTE_MS);
        (at <= now).then(|| (at, entry.remove()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Interner;

    #[test]
    fn what_is_due_comes_out_in_order_and_never_early() {
        let terms = Interner::new();
        let at = |minutes: i64| ProcessingTime::from_millis(minutes * MINUTE_MS);
        let mut schedule = Schedule::default();
        schedule.add(terms.intern("late"), at(9));
        assert_eq!(schedule.add(terms.intern("soon"), at(2).plus_millis(1)), at(3));
        assert!(schedule.take_due(at(2)).is_none());
        assert_eq!(schedule.take_due(at(9)), Some((at(3), vec![terms.intern("soon")])));
        assert_eq!(schedule.take_due(at(9)), Some((at(9), vec![terms.intern("late")])));
        assert!(schedule.take_due(at(99)).is_none());
    }
}
