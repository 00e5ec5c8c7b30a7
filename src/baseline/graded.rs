//! What came of the uses of each service and each credential: when it last worked, and when it was last denied.
//!
//! Most values never fail, and their last success is their last use: of those nothing is kept. What is kept comes out the same in
//! whatever order events arrive, as long as the identity uses no more values than its baseline holds.

use thin_vec::ThinVec;

use crate::activity::{Event, Outcome};
use crate::term::{Interner, Term};
use crate::time::EventTime;

use super::dimension::Dimension;
use super::terms::{TermEntry, TermSets};

/// The dimensions of which it is told what came of each use.
const GRADED: [Dimension; 2] = [Dimension::Service, Dimension::Credential];

/// Values kept at most: as many as the baseline holds of these dimensions. Beyond it those go that the baseline has forgotten.
const MAX_VALUES: usize = Dimension::Service.capacity() + Dimension::Credential.capacity();

/// What came of the uses of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outcomes {
    /// Last use that worked.
    pub last_success: Option<EventTime>,
    /// Last use that was denied.
    pub last_denied: Option<EventTime>,
}

/// A value with a use that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What the value is.
    pub dimension: Dimension,
    /// The value.
    pub value: Term,
    /// What came of its uses.
    pub outcomes: Outcomes,
}

/// What came of the uses of each service and credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graded(ThinVec<Failed>);

impl Graded {
    /// Takes one event in, before the baseline does: `known` are the values used before it. Says whether anything changed.
    pub fn note(&mut self, event: &Event<'_>, known: &TermSets, terms: &Interner) -> bool {
        if event.outcome == Outcome::Success && self.0.is_empty() {
            return false;
        }
        let mut is_changed = false;
        for dimension in GRADED {
            let noted =
                dimension.value_of(event, |value| self.note_value((dimension, value), event, known, terms));
            is_changed |= noted == Some(true);
        }
        is_changed
    }

    /// What came of the uses of a value of the baseline.
    #[must_use]
    pub fn of(&self, dimension: Dimension, entry: &TermEntry) -> Outcomes {
        let failed = self.0.iter().find(|failed| failed.is(dimension, entry.term.as_str()));
        let never_failed = Outcomes { last_success: Some(entry.last_seen()), last_denied: None };
        failed.map_or(never_failed, |failed| failed.outcomes)
    }

    /// The values with a use that did not work, for a snapshot.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Failed> {
        self.0.iter()
    }

    /// Puts them back from a snapshot.
    #[must_use]
    pub fn restored(failed: impl Iterator<Item = Failed>) -> Self {
        Self(failed.take(MAX_VALUES).collect())
    }

    fn note_value(
        &mut self,
        (dimension, value): (Dimension, &str),
        event: &Event<'_>,
        known: &TermSets,
        terms: &Interner,
    ) -> bool {
        if let Some(failed) = self.0.iter_mut().find(|failed| failed.is(dimension, value)) {
            return failed.outcomes.note(event);
        }
        if event.outcome == Outcome::Success {
            return false;
        }
        // All its uses before this one worked.
        let before = known.of(dimension).iter().find(|entry| entry.term.as_str() == value);
        let mut outcomes = Outcomes { last_success: before.map(TermEntry::last_seen), last_denied: None };
        outcomes.note(event);
        self.make_room(known);
        self.0.reserve_exact(1);
        self.0.push(Failed { dimension, value: terms.intern(value), outcomes });
        true
    }

    fn make_room(&mut self, known: &TermSets) {
        if self.0.len() < MAX_VALUES {
            return;
        }
        self.0.retain(|failed| known.of(failed.dimension).iter().any(|entry| entry.term == failed.value));
        // Only values that the baseline was too full to take stand in the way now.
        self.0.truncate(MAX_VALUES - 1);
    }
}

impl Failed {
    fn is(&self, dimension: Dimension, value: &str) -> bool {
        self.dimension == dimension && self.value.as_str() == value
    }
}

impl Outcomes {
    /// Takes one use in; says whether anything changed.
    fn note(&mut self, event: &Event<'_>) -> bool {
        let before = *self;
        let time = Some(event.time);
        match event.outcome {
            Outcome::Success => self.last_success = self.last_success.max(time),
            Outcome::Denied => self.last_denied = self.last_denied.max(time),
            Outcome::Failed => {}
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::peers::Peers;
    use crate::baseline::terms::{Retention, Words};
    use crate::detect::testing::Sample;
    use crate::monitor::fixture::activity;
    use crate::time::DAY_MS;

    /// A baseline's values, and what came of their uses.
    #[derive(Default)]
    struct Told {
        values: TermSets,
        graded: Graded,
    }

    impl Told {
        /// Takes in uses of services on days: `+` worked, `-` was denied, `?` failed.
        fn of(uses: &[(&str, i64, char)]) -> Self {
            let mut told = Self::default();
            uses.iter().for_each(|(service, day, came)| told.note(service, *day, *came));
            told
        }

        fn note(&mut self, service: &str, day: i64, came: char) {
            let outcome = match came {
                '+' => Outcome::Success,
                '-' => Outcome::Denied,
                _ => Outcome::Failed,
            };
            let sample = Sample { action: format!("{service}:Get"), outcome, ..Sample::default() };
            let event = activity("app", &sample, day * DAY_MS, "e").event;
            let terms = Interner::new();
            self.graded.note(&event, &self.values, &terms);
            let retention = Retention { capacity: 64, memory_ms: i64::MAX, quarantine_ms: 0 };
            let mut words = Words { terms: &terms, peers: &mut Peers::default() };
            self.values.touch((Dimension::Service, service), event.time, retention, &mut words);
        }

        /// Days of the last use of a service that worked and that was denied.
        fn days(&self, service: &str) -> (Option<i64>, Option<i64>) {
            let known = self.values.of(Dimension::Service);
            let entry = known.iter().find(|entry| entry.term.as_str() == service).unwrap();
            let outcomes = self.graded.of(Dimension::Service, entry);
            let start = activity("app", &Sample::default(), 0, "e").event.time;
            let days = |time: EventTime| time.millis_since(start) / DAY_MS;
            (outcomes.last_success.map(days), outcomes.last_denied.map(days))
        }
    }

    #[test]
    fn of_what_always_worked_nothing_is_kept_and_its_last_success_is_its_last_use() {
        let told = Told::of(&[("s3", 3, '+'), ("s3", 1, '+'), ("sqs", 2, '+')]);
        assert_eq!(told.graded.iter().len(), 0);
        assert_eq!((told.days("s3"), told.days("sqs")), ((Some(3), None), (Some(2), None)));
    }

    #[test]
    fn what_came_of_each_use_is_told_in_any_order() {
        let check = |uses: [(&str, i64, char); 4], expected| {
            for first in 0..4 {
                for swap in 0..3 {
                    let mut uses = uses;
                    uses.rotate_left(first);
                    uses.swap(swap, 3);
                    assert_eq!(Told::of(&uses).days("s3"), expected, "{uses:?}");
                }
            }
        };
        check([("s3", 1, '+'), ("s3", 2, '-'), ("s3", 3, '+'), ("s3", 4, '-')], (Some(3), Some(4)));
        check([("s3", 1, '+'), ("s3", 2, '-'), ("s3", 3, '?'), ("sqs", 4, '+')], (Some(1), Some(2)));
        check([("s3", 1, '-'), ("s3", 2, '?'), ("s3", 3, '-'), ("s3", 2, '-')], (None, Some(3)));
        check([("s3", 1, '-'), ("s3", 4, '+'), ("s3", 3, '+'), ("s3", 2, '+')], (Some(4), Some(1)));
    }

    #[test]
    fn no_more_values_are_kept_than_the_baseline_holds() {
        let mut told = Told::of(&[("s3", 900, '-')]);
        for number in 0..300 {
            told.note(&format!("guess{number}"), number, '-');
        }
        assert!(told.graded.iter().len() <= MAX_VALUES, "{}", told.graded.iter().len());
        assert_eq!(told.days("s3"), (None, Some(900)), "it was used last");
    }
}
