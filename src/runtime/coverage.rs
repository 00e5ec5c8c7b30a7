//! Which log sources reported, and when: what the monitor needs to tell silence of an identity from silence of its source.
//!
//! The first event of an hour is told before the event itself, so that what is judged by an event knows of everything read
//! before it, however much of a backlog one transaction spans. What is told at the end is only how far each source has come since.

use std::collections::{BTreeMap, BTreeSet};

use crate::monitor::CoverageMark;
use crate::time::EventTime;

/// What one transaction saw of the log sources.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    scopes: BTreeMap<String, Scope>,
}

#[derive(Debug, Default)]
struct Scope {
    hours: BTreeSet<u32>,
    until: EventTime,
    /// How far was told.
    told: EventTime,
}

impl Seen {
    /// Notes an event of a log source. Returns what is to be told before it, where it is the first of its hour.
    pub(crate) fn add(&mut self, scope: &str, time: EventTime) -> Option<CoverageMark> {
        let known = match self.scopes.get_mut(scope) {
            Some(known) => known,
            None => self.scopes.entry(scope.to_owned()).or_default(),
        };
        known.until = known.until.max(time);
        let is_new = known.hours.insert(time.hour());
        is_new.then(|| {
            known.told = known.told.max(time);
            CoverageMark { scope: scope.to_owned(), hours: vec![time.hour()], until_ms: time.millis() }
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

    #[test]
    fn the_first_event_of_an_hour_is_told_at_once_and_the_newest_at_the_end() {
        let mut seen = Seen::default();
        let mut told = Vec::new();
        for time in [at(5, 1), at(3, 0), at(5, 9), at(3, 7)] {
            told.extend(seen.add("linux:web-1", time));
        }
        assert_eq!(told, [mark(&[5], at(5, 1)), mark(&[3], at(3, 0))]);
        assert_eq!(seen.take().collect::<Vec<_>>(), [mark(&[], at(5, 9))]);
        assert_eq!(
            seen.add("linux:web-1", at(5, 9)),
            Some(mark(&[5], at(5, 9))),
            "the next transaction starts anew"
        );
        assert_eq!(seen.take().count(), 0, "all of it is told");
    }
}
