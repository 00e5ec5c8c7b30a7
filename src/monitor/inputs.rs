//! How far the inputs are read: the time up to which silence means something.
//!
//! One log source is spread over all partitions of its topic. While one of them lags, an identity whose records lie there
//! looks silent although the others show its source at work. So the monitor's time is the earliest of its inputs, like
//! the stream time of a task in Kafka Streams that waits for all of its partitions.

use std::collections::BTreeMap;

use crate::time::ProcessingTime;

use super::{InputProgress, Monitor};

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
    /// Forgets the partitions that `is_read` does not know: they would hold time back for ever. Returns these, with how far they
    /// were read.
    fn keep(&mut self, is_read: impl Fn(&str, i32) -> bool) -> Vec<((String, i32), ProcessingTime)> {
        let (kept, gone) = std::mem::take(&mut self.until)
            .into_iter()
            .partition(|((topic, number), _)| is_read(topic, *number));
        self.until = kept;
        self.earliest = self.until.values().min().copied();
        BTreeMap::into_iter(gone).collect()
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

    /// How far one partition is read, where that was told.
    pub(super) fn until(&self, topic: &str, partition: i32) -> Option<ProcessingTime> {
        self.until.get(&(topic.to_owned(), partition)).copied()
    }

    /// How far the partition is read that lags most.
    pub(super) const fn earliest(&self) -> Option<ProcessingTime> {
        self.earliest
    }

    /// `now`, held to the time up to which all inputs are read. Without inputs (files, tests) time is as it is told.
    pub(super) fn as_of(&self, now: ProcessingTime) -> ProcessingTime {
        self.earliest.map_or(now, |earliest| earliest.min(now))
    }
}

impl Monitor {
    /// Takes in how far partitions are read. Of topics that are not ours to read, since another instance still has older settings, nothing
    /// is kept: once that instance ends, nobody would move them on.
    pub(super) fn progress(&mut self, inputs: &[InputProgress]) {
        let is_ours = |input: &InputProgress| self.input_topics.contains(&input.topic);
        self.changes.inputs |= if inputs.iter().all(is_ours) {
            self.inputs.note(inputs)
        } else {
            let ours: Vec<_> = inputs.iter().filter(|input| is_ours(input)).cloned().collect();
            self.inputs.note(&ours)
        };
    }

    /// Forgets how far inputs were read that are not read any more: topics that the settings do not name, and partitions beyond those
    /// that a topic has (where `partitions` says how many). What such a partition still held is lost. Returns what was forgotten.
    pub fn forget_inputs(
        &mut self,
        partitions: &BTreeMap<String, i32>,
        now: ProcessingTime,
    ) -> Vec<(String, i32)> {
        let topics = &self.input_topics;
        let gone = self.inputs.keep(|topic, number| {
            topics.iter().any(|known| known == topic)
                && partitions.get(topic).is_none_or(|partitions| number < *partitions)
        });
        self.changes.inputs |= !gone.is_empty();
        self.stats.forgotten_inputs += gone.len() as u64;
        for ((topic, _), until) in &gone {
            // The log sources of a topic that was taken out of the settings are missed by themselves.
            if self.input_topics.contains(topic) {
                self.note_loss(Some(*until), now);
            }
        }
        gone.into_iter().map(|(input, _)| input).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::super::fixture::empty_monitor;
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
    }

    fn noted(monitor: &mut Monitor, inputs: Vec<InputProgress>) {
        monitor.process(&Record::Progress(inputs), &mut Vec::new());
    }

    fn in_topic(topic: &str, input: InputProgress) -> InputProgress {
        InputProgress { topic: topic.into(), ..input }
    }

    #[test]
    fn partitions_that_are_gone_hold_nothing_back_and_what_they_held_is_lost() {
        let now = ProcessingTime::from_millis(900);
        let mut monitor = empty_monitor();
        noted(&mut monitor, vec![at(0, 800), at(1, 850), at(2, 300)]);
        monitor.take_changes();
        let partitions = |number| BTreeMap::from([(String::from("cloudtrail"), number)]);
        assert_eq!(monitor.forget_inputs(&BTreeMap::new(), now), [], "how many there are is not known");
        assert_eq!(monitor.forget_inputs(&partitions(3), now), []);
        assert!(!monitor.take_changes().inputs);
        assert_eq!(monitor.forget_inputs(&partitions(2), now), [("cloudtrail".into(), 2)]);
        assert_eq!(monitor.inputs().as_of(now), ProcessingTime::from_millis(800));
        let changes = monitor.take_changes();
        assert!(changes.inputs && changes.losses);
        assert_eq!(monitor.stats().forgotten_inputs, 1);
    }

    #[test]
    fn topics_that_the_settings_do_not_name_hold_nothing_back_whoever_still_reads_them() {
        let now = ProcessingTime::from_millis(900);
        let mut monitor = empty_monitor();
        let mut restored = Inputs::default();
        restored.note(&[in_topic("retired", at(0, 100)), at(0, 800)]);
        monitor.restore_inputs(restored);
        assert_eq!(monitor.inputs().as_of(now), ProcessingTime::from_millis(100));
        assert_eq!(monitor.forget_inputs(&BTreeMap::new(), now), [("retired".into(), 0)]);
        noted(&mut monitor, vec![in_topic("retired", at(0, 200)), at(0, 850)]);
        assert_eq!(monitor.inputs().as_of(now), ProcessingTime::from_millis(850));
        assert!(!monitor.take_changes().losses, "its log sources are missed by themselves");
    }
}
