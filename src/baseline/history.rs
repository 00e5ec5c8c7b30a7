//! Days of history that come after days which are newer: a backfill while live records flow already.

use serde::{Deserialize, Serialize};

use crate::time::EventTime;

/// Which days were learned behind those that an identity was known for; both are zero where none were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The first day that was known before there was history (days since 1970): from there on nothing is counted twice.
    since: u32,
    /// Newest day of the history.
    day: u32,
}

impl History {
    /// Takes in a day of the past; says whether it is one more. Days come in order, so that those before the newest were
    /// counted: history that is fed in behind other history is not.
    ///
    /// `first_seen` is the identity's first use as known before.
    pub fn moves_on(&mut self, day: u32, first_seen: Option<EventTime>) -> bool {
        if self.since == 0 {
            self.since = first_seen.map_or(0, EventTime::day);
        }
        let is_next = self.day < day && day < self.since;
        if is_next {
            self.day = day;
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_MS;

    #[test]
    fn each_day_before_those_that_are_known_counts_once() {
        let mut history = History::default();
        let first_seen = |day: i64| Some(EventTime::from_millis(day * DAY_MS));
        let counted: Vec<bool> = [(70, 100), (70, 70), (72, 70), (71, 70), (99, 70), (100, 70), (101, 70)]
            .map(|(day, first)| history.moves_on(day, first_seen(first)))
            .into();
        assert_eq!(counted, [true, false, true, false, true, false, false]);
    }
}
