//! Which log sources reported in which hours.

use std::collections::{BTreeSet, HashMap};

use crate::monitor::{CoverageMark, Record};
use crate::time::EventTime;

/// What was seen of the log sources since the last tick. Ticks come with every hour of the stream, so that this holds
/// little; out of order input adds an entry for each source and hour.
#[derive(Default)]
pub(super) struct Coverage {
    scopes: HashMap<String, Seen>,
}

#[derive(Default)]
struct Seen {
    hours: BTreeSet<u32>,
    until: EventTime,
}

impl Coverage {
    /// Notes an event of the log source `scope`.
    pub(super) fn note(&mut self, scope: &str, time: EventTime) {
        if let Some(seen) = self.scopes.get_mut(scope) {
            seen.note(time);
        } else {
            self.scopes.entry(scope.to_owned()).or_default().note(time);
        }
    }

    /// Takes everything noted, as a record for the monitor; `None` where nothing was.
    pub(super) fn take(&mut self) -> Option<Record<'static>> {
        if self.scopes.is_empty() {
            return None;
        }
        let mut marks: Vec<CoverageMark> =
            self.scopes.drain().map(|(scope, seen)| seen.mark(scope)).collect();
        // In an order that does not depend on hashing, so that two scans of the same files do the same.
        marks.sort_by(|a, b| a.scope.cmp(&b.scope));
        Some(Record::Coverage(marks))
    }
}

impl Seen {
    fn note(&mut self, time: EventTime) {
        self.hours.insert(time.hour());
        self.until = self.until.max(time);
    }

    fn mark(self, scope: String) -> CoverageMark {
        CoverageMark { scope, hours: self.hours.into_iter().collect(), until_ms: self.until.millis() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn hours_are_distinct_and_ascending() {
        let mut coverage = Coverage::default();
        for (scope, hour) in [("b", 7), ("a", 5), ("a", 3), ("a", 5)] {
            coverage.note(scope, EventTime::from_millis(hour * HOUR_MS));
        }
        let mark = |scope: &str, hours: &[u32], until: i64| CoverageMark {
            scope: scope.into(),
            hours: hours.into(),
            until_ms: until * HOUR_MS,
        };
        assert_eq!(coverage.take(), Some(Record::Coverage(vec![mark("a", &[3, 5], 5), mark("b", &[7], 7)])));
        assert_eq!(coverage.take(), None);
    }
}
