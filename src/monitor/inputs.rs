//! How far the inputs are read: the time up to which silence means something.
//!
//! One log source is spread over all partitions of its topic. While one of them lags, an identity whose records lie there
//! looks silent although the others show its source at work. So the monitor's time is the earliest of its inputs, like
//! the stream time of a task in Kafka Streams that waits for all of its partitions.

use std::collections::BTreeMap;

use crate::time::ProcessingTime;

use super::InputProgress;

/// Input partitions known. More than that are not recorded; the limit is far above what one deployment reads.
const MAX_INPUTS: usize = 10_000;

/// How far each input partition is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Inputs {
    until: BTreeMap<(String, i32), ProcessingTime>,
    /// The earliest of them.
    earliest: Option<ProcessingTime>,
}

impl Inputs {
    /// Forgets the topics that are not read any more: they would hold time back for ever.
    pub(super) fn keep(&mut self, topics: &[String]) {
        self.until.retain(|(topic, _), _| topics.contains(topic));
        self.earliest = self.until.values().min().copied();
    }

    /// Takes in how far partitions are read; none goes back. Says whether anything changed.
    pub(crate) fn note(&mut self, inputs: &[InputProgress]) -> bool {
        let mut is_changed = false;
        for input in inputs {
            let key = (input.topic.clone(), input.partition);
            if self.until.len() >= MAX_INPUTS && !self.until.contains_key(&key) {
                continue;
            }
            let known = self.until.entry(key).or_default();
            is_changed |= *known < input.until;
            *known = input.until.max(*known);
        }
        self.earliest = self.until.values().min().copied();
        is_changed
    }

    /// What several partitions know between them: of each input, the least.
    #[must_use]
    pub fn least(mut self, other: &Self) -> Self {
        for (input, until) in &other.until {
            let known = self.until.entry(input.clone()).or_insert(*until);
            *known = (*known).min(*until);
        }
        self.earliest = self.until.values().min().copied();
        self
    }

    /// `now`, held to the time up to which all inputs are read. Without inputs (files, tests) time is as it is told.
    pub(super) fn as_of(&self, now: ProcessingTime) -> ProcessingTime {
        self.earliest.map_or(now, |earliest| earliest.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, until: i64) -> InputProgress {
        InputProgress { topic: "cloudtrail".into(), partition, until: ProcessingTime::from_millis(until) }
    }

    #[test]
    fn of_several_partitions_the_one_that_knows_of_the_least_counts() {
        let (mut one, mut two) = (Inputs::default(), Inputs::default());
        one.note(&[at(0, 800), at(1, 300)]);
        two.note(&[at(0, 700), at(2, 900)]);
        let mut expected = Inputs::default();
        expected.note(&[at(0, 700), at(1, 300), at(2, 900)]);
        assert_eq!(one.least(&two), expected);
        assert_eq!(expected.as_of(ProcessingTime::from_millis(999)), ProcessingTime::from_millis(300));
    }

    #[test]
    fn the_input_that_lags_holds_time_back() {
        let mut inputs = Inputs::default();
        let now = ProcessingTime::from_millis(900);
        assert_eq!(inputs.as_of(now), now);
        assert!(inputs.note(&[at(0, 800), at(1, 300)]));
        assert_eq!(inputs.as_of(now), ProcessingTime::from_millis(300));
        assert!(!inputs.note(&[at(1, 200)]), "none goes back");
        assert!(inputs.note(&[at(1, 950)]));
        assert_eq!(inputs.as_of(now), ProcessingTime::from_millis(800));
        inputs.keep(&["auth.linux".into()]);
        assert_eq!(inputs.as_of(now), now, "an input that is not read any more holds nothing back");
    }
}
