//! Which log sources reported, and when: what the monitor needs to tell silence of an identity from silence of its source.

use std::collections::{BTreeMap, BTreeSet};

use crate::monitor::CoverageMark;
use crate::time::EventTime;

/// Marks in one record: with ids of some hundred bytes this stays far below the cap of a frame's record.
const MARKS_PER_RECORD: usize = 500;

/// What one transaction saw of the log sources.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    scopes: BTreeMap<String, Scope>,
}

#[derive(Debug, Default)]
struct Scope {
    hours: BTreeSet<u32>,
    until: EventTime,
}

impl Seen {
    /// Notes an event of a log source.
    pub(crate) fn add(&mut self, scope: &str, time: EventTime) {
        let known = match self.scopes.get_mut(scope) {
            Some(known) => known,
            None => self.scopes.entry(scope.to_owned()).or_default(),
        };
        known.hours.insert(time.hour());
        known.until = known.until.max(time);
    }

    /// Takes out everything noted, in portions for one record each.
    pub(crate) fn take(&mut self) -> Vec<Vec<CoverageMark>> {
        let scopes = std::mem::take(&mut self.scopes);
        let marks: Vec<_> = scopes.into_iter().map(|(scope, seen)| seen.mark(scope)).collect();
        marks.chunks(MARKS_PER_RECORD).map(<[_]>::to_vec).collect()
    }
}

impl Scope {
    fn mark(self, scope: String) -> CoverageMark {
        CoverageMark { scope, hours: self.hours.into_iter().collect(), until_ms: self.until.millis() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn hours_are_distinct_and_ascending_and_the_newest_event_counts() {
        let mut seen = Seen::default();
        for hour in [5, 3, 5] {
            seen.add("linux:web-1", EventTime::from_millis(hour * HOUR_MS + hour));
        }
        let taken = seen.take();
        let expected =
            CoverageMark { scope: "linux:web-1".into(), hours: vec![3, 5], until_ms: 5 * HOUR_MS + 5 };
        assert_eq!(taken, [[expected]]);
        assert!(seen.take().is_empty());
    }
}
