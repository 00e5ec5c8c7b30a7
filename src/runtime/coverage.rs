//! Which log sources reported, and when: what the monitor needs to tell silence of an identity from silence of its source.
//!
//! The first event of an hour is told before the event itself, so that what is judged by an event knows of everything read
//! before it, however much of a backlog one transaction spans. What is told at the end is only how far each source has come since.
//! Records that are late for their hour are told apart, by the hour in which they were received: more of them may follow.

use std::collections::{BTreeMap, BTreeSet};

use crate::baseline::coverage::late::is_late;
use crate::monitor::{CoverageMark, LateMark, Record};
use crate::time::{EventTime, ProcessingTime};

/// What one transaction saw of the log sources.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    scopes: BTreeMap<String, Scope>,
}

#[derive(Debug, Default)]
struct Scope {
    /// Hours, each with the hour of reception where that was late.
    hours: BTreeSet<(u32, Option<u32>)>,
    until: EventTime,
    /// How far was told.
    told: EventTime,
}

impl Seen {
    /// Notes an event of a log source. Returns what is to be told before it, where it is the first of its hour, or of its hour of
    /// reception where it is late.
    pub(crate) fn add(
        &mut self,
        scope: &str,
        time: EventTime,
        received: ProcessingTime,
    ) -> Option<Record<'static>> {
        let known = match self.scopes.get_mut(scope) {
            Some(known) => known,
            None => self.scopes.entry(scope.to_owned()).or_default(),
        };
        known.until = known.until.max(time);
        let (hour, received) = (time.hour(), EventTime::from_millis(received.millis()).hour());
        let late = is_late(hour, received).then_some(received);
        // What was told in time needs no more.
        if known.hours.contains(&(hour, None)) || !known.hours.insert((hour, late)) {
            return None;
        }
        known.told = known.told.max(time);
        let (scope, until_ms) = (scope.to_owned(), time.millis());
        Some(match late {
            Some(received) => Record::LateCoverage(vec![LateMark { scope, hour, received, until_ms }]),
            None => Record::Coverage(vec![CoverageMark { scope, hours: vec![hour], until_ms }]),
        })
    }

    /// Forgets a log source that nobody could be told of.
    pub(crate) fn forget(&mut self, scope: &str) {
        self.scopes.remove(scope);
    }

    /// Forgets everything, and says how far each log source came since it was told of.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = CoverageMark> + use<> {
        let moved = std::mem::take(&mut self.scopes).into_iter().filter(|(_, seen)| seen.until > seen.told);
        moved.map(|(scope, seen)| CoverageMark { scope, hours: Vec::new(), until_ms: seen.until.millis() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    fn at(hour: i64, ms: i64) -> EventTime {
        EventTime::from_millis(hour * HOUR_MS + ms)
    }

    fn mark(hours: &[u32], until: EventTime) -> CoverageMark {
        CoverageMark { scope: "linux:web-1".into(), hours: hours.to_vec(), until_ms: until.millis() }
    }

    fn told(hour: u32, until: EventTime) -> Record<'static> {
        Record::Coverage(vec![mark(&[hour], until)])
    }

    #[test]
    fn the_first_event_of_an_hour_is_told_at_once_and_the_newest_at_the_end() {
        let mut seen = Seen::default();
        let received = ProcessingTime::from_millis(5 * HOUR_MS);
        let mut marks = Vec::new();
        for time in [at(5, 1), at(3, 0), at(5, 9), at(3, 7)] {
            marks.extend(seen.add("linux:web-1", time, received));
        }
        assert_eq!(marks, [told(5, at(5, 1)), told(3, at(3, 0))]);
        assert_eq!(seen.take().collect::<Vec<_>>(), [mark(&[], at(5, 9))]);
        assert_eq!(
            seen.add("linux:web-1", at(5, 9), received),
            Some(told(5, at(5, 9))),
            "the next transaction starts anew"
        );
        assert_eq!(seen.take().count(), 0, "all of it is told");
    }

    #[test]
    fn what_is_late_is_told_for_each_hour_in_which_it_is_received_until_something_is_in_time() {
        let mut seen = Seen::default();
        let mut add = |hour, received| {
            seen.add("linux:web-1", at(hour, 0), ProcessingTime::from_millis(received * HOUR_MS + 9))
        };
        let late = |received| {
            let scope = "linux:web-1".into();
            Some(Record::LateCoverage(vec![LateMark { scope, hour: 3, received, until_ms: 3 * HOUR_MS }]))
        };
        assert_eq!([add(3, 10), add(3, 10), add(3, 11)], [late(10), None, late(11)]);
        assert_eq!(add(3, 9), Some(told(3, at(3, 0))), "another partition is read from earlier on");
        assert_eq!(add(3, 12), None);
    }
}
