//! When to look at an identity again, without looking at all of them.

use std::collections::BTreeMap;

use crate::term::{Term, stable_hash};
use crate::time::{DAY_MS, MINUTE_MS, ProcessingTime};

use super::identity::IdentityState;
use super::{Monitor, posture, quiet_since};

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

impl Monitor {
    /// Puts an identity on the schedule where it must be looked at before it is by now.
    pub(super) fn reschedule(&mut self, id: &Term, state: &mut IdentityState, now: ProcessingTime) {
        let next = self.next_due(state, now);
        if state.due.is_none_or(|due| due > next.plus_millis(MINUTE_MS)) {
            let is_idle = next == now.plus_millis(DAY_MS);
            let at = if is_idle { within_a_day(id.as_str(), now) } else { next };
            state.due = Some(self.schedule.add(id.clone(), at));
        }
    }

    /// When an identity must be looked at even if nothing arrives: within a day at the latest, so that entries which
    /// activity has overtaken do not pile up on the schedule.
    fn next_due(&self, state: &IdentityState, now: ProcessingTime) -> ProcessingTime {
        let settings = &self.shared.settings;
        let publish = quiet_since(state).map(|since| since.plus_millis(settings.publish_every_ms));
        let close = state.incident.as_ref().map(|incident| incident.due_at(settings.incident));
        let window_ms = posture::window_ms(state, settings.unused_after_days);
        let in_use_until =
            state.usage.last_seen.map(|last| ProcessingTime::from_millis(last.millis() + window_ms));
        let tomorrow = now.plus_millis(DAY_MS);
        let judge = in_use_until.filter(|until| *until > now).map_or(tomorrow, |until| until.min(tomorrow));
        let overdue = self.overdue_at(state, now, tomorrow);
        [publish, close, overdue].into_iter().flatten().fold(judge, Ord::min)
    }
}

/// When to look at an identity again of which nothing is due: half a day to a day from now, by its name. What came all at
/// once, as in a catch-up, would otherwise be looked at all at once, day by day.
fn within_a_day(identity_id: &str, now: ProcessingTime) -> ProcessingTime {
    const HALF_MS: i64 = DAY_MS / 2;
    now.plus_millis(HALF_MS + (stable_hash(identity_id) % HALF_MS as u64) as i64)
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

    #[test]
    fn what_came_at_once_is_looked_at_in_turn() {
        let now = ProcessingTime::from_millis(DAY_MS);
        let mut by_hour = [0; 24];
        for identity in 0..1_200 {
            let wait_ms = within_a_day(&format!("identity-{identity}"), now).millis() - now.millis();
            by_hour[(wait_ms / (60 * MINUTE_MS)) as usize] += 1;
        }
        assert!(by_hour[..12].iter().all(|count| *count == 0), "{by_hour:?}");
        assert!(by_hour[12..].iter().all(|count| (60..150).contains(count)), "{by_hour:?}");
    }
}
