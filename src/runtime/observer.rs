//! What the running stages report: one trait, called per transaction and not per record.

use std::collections::BTreeMap;
use std::time::Duration;

use std::sync::{Mutex, PoisonError};

use crate::detect::finding::IncidentReport;

/// Which stage a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageKind {
    /// Logs to activities.
    Ingest,
    /// Activities to alerts and last-seen records.
    Monitor,
}

impl StageKind {
    /// The name used in group ids, transactional ids, logs and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Monitor => "monitor",
        }
    }
}

/// Takes reports. Counts are of committed work only: what an aborted transaction did is reported when it is done again.
///
/// Every method has an empty default, so that an observer names only what it wants.
#[expect(unused_variables, reason = "the defaults do nothing")]
pub trait Observer: Send + Sync {
    /// Records were received in messages of an input topic.
    fn received(&self, topic: &str, messages: u64, records: u64, bytes: u64) {}
    /// Records became activities.
    fn activities(&self, topic: &str, records: u64) {}
    /// Records were left out, by bounded reason.
    fn skipped(&self, topic: &str, reason: &'static str, records: u64) {}
    /// Records went to the dead-letter topic, by bounded reason.
    fn dead_lettered(&self, topic: &str, reason: &'static str, records: u64) {}
    /// Messages of a topic were gone before they were read: `offsets` many (0: nobody can tell), by bounded reason.
    fn lost(&self, topic: &str, reason: &'static str, offsets: u64) {}
    /// The monitor took in activities.
    fn monitored(&self, records: u64) {}
    /// Records were published, by kind: `alert`, `last_seen`, `state`, `frame`, `dead_letter`.
    fn published(&self, kind: &'static str, records: u64, bytes: u64) {}
    /// A published alert.
    fn alert(&self, report: &IncidentReport) {}
    /// A transaction was committed; `duration` is from the end of processing to the broker's answer.
    fn committed(&self, stage: StageKind, duration: Duration, records: u64) {}
    /// A transaction was aborted, by bounded reason; its input is read again.
    fn aborted(&self, stage: StageKind, reason: &'static str) {}
    /// Time from the reception of a record in its input topic to the commit that published what it led to.
    fn latency(&self, stage: StageKind, latency: Duration, records: u64) {}
    /// A partition's state is being restored; `records` so far.
    fn restoring(&self, partition: i32, records: u64) {}
    /// A partition's state was restored.
    fn restored(&self, partition: i32, records: u64, duration: Duration) {}
    /// A changelog record was refused, by bounded reason.
    fn restore_failed(&self, partition: i32, reason: &'static str) {}
    /// How many partitions a worker owns, and how many of these are still being restored.
    fn assigned(&self, stage: StageKind, worker: usize, owned: usize, restoring: usize) {}
    /// The group threw a worker out: what it owns is not known until it was assigned something again.
    fn unassigned(&self, stage: StageKind, worker: usize) {}
    /// Messages of a partition that are not consumed yet.
    fn lag(&self, topic: &str, partition: i32, messages: i64) {}
    /// A partition is not consumed by this instance any more; its lag is another's to report.
    fn released(&self, topic: &str, partition: i32) {}
    /// The client library reported trouble with the brokers, by bounded code.
    fn broker_error(&self, stage: StageKind, code: &str) {}
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Counts since start, for tests, the demo's summary and the conservation law.
///
/// `received = activities + skipped + dead_lettered`, for each topic, at every instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Per input topic.
    pub topics: BTreeMap<String, TopicCounters>,
    /// Losses and the offsets lost in them, by topic and reason.
    pub losses: BTreeMap<(String, &'static str), (u64, u64)>,
    /// Activities that the monitor took in.
    pub monitored: u64,
    /// Records published, by kind.
    pub published: BTreeMap<&'static str, u64>,
    /// Commits, by stage.
    pub commits: BTreeMap<StageKind, u64>,
    /// Aborted transactions, by stage.
    pub aborts: BTreeMap<StageKind, u64>,
    /// Changelog records restored.
    pub restored_records: u64,
    /// Partitions restored.
    pub restored_partitions: u64,
    /// Unconsumed messages, by topic and partition.
    pub lag: BTreeMap<(String, i32), i64>,
}

/// Counts of one input topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicCounters {
    /// Messages.
    pub messages: u64,
    /// Records in these.
    pub received: u64,
    /// Bytes of these messages.
    pub bytes: u64,
    /// Records that became activities (in the inventory topic: declarations).
    pub activities: u64,
    /// Records left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Records dead-lettered, by reason.
    pub dead_lettered: BTreeMap<&'static str, u64>,
}

impl TopicCounters {
    /// Whether every received record is accounted for.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let skipped: u64 = self.skipped.values().sum();
        let dead_lettered: u64 = self.dead_lettered.values().sum();
        self.received == self.activities + skipped + dead_lettered
    }
}

/// What a worker owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Partitions.
    pub(crate) owned: usize,
    /// Those whose state is not restored yet.
    pub(crate) restoring: usize,
}

/// Counts, and passes every report on to another observer.
pub(crate) struct Counting {
    counters: Mutex<Counters>,
    assignments: Mutex<BTreeMap<(StageKind, usize), Assignment>>,
    next: std::sync::Arc<dyn Observer>,
}

impl Counting {
    pub(crate) fn new(next: std::sync::Arc<dyn Observer>) -> Self {
        Self { counters: Mutex::default(), assignments: Mutex::default(), next }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the workers own that heard from their group.
    pub(crate) fn assignments(&self) -> Vec<Assignment> {
        self.assignments.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }

    fn count(&self, add: impl FnOnce(&mut Counters)) {
        add(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn topic(&self, topic: &str, add: impl FnOnce(&mut TopicCounters)) {
        self.count(|counters| match counters.topics.get_mut(topic) {
            Some(known) => add(known),
            None => add(counters.topics.entry(topic.to_owned()).or_default()),
        });
    }
}

impl Observer for Counting {
    fn received(&self, topic: &str, messages: u64, records: u64, bytes: u64) {
        self.topic(topic, |counters| {
            counters.messages += messages;
            counters.received += records;
            counters.bytes += bytes;
        });
        self.next.received(topic, messages, records, bytes);
    }

    fn activities(&self, topic: &str, records: u64) {
        self.topic(topic, |counters| counters.activities += records);
        self.next.activities(topic, records);
    }

    fn skipped(&self, topic: &str, reason: &'static str, records: u64) {
        self.topic(topic, |counters| *counters.skipped.entry(reason).or_default() += records);
        self.next.skipped(topic, reason, records);
    }

    fn dead_lettered(&self, topic: &str, reason: &'static str, records: u64) {
        self.topic(topic, |counters| *counters.dead_lettered.entry(reason).or_default() += records);
        self.next.dead_lettered(topic, reason, records);
    }

    fn lost(&self, topic: &str, reason: &'static str, offsets: u64) {
        self.count(|counters| {
            let (losses, lost) = counters.losses.entry((topic.to_owned(), reason)).or_default();
            *losses += 1;
            *lost += offsets;
        });
        self.next.lost(topic, reason, offsets);
    }

    fn monitored(&self, records: u64) {
        self.count(|counters| counters.monitored += records);
        self.next.monitored(records);
    }

    fn published(&self, kind: &'static str, records: u64, bytes: u64) {
        self.count(|counters| *counters.published.entry(kind).or_default() += records);
        self.next.published(kind, records, bytes);
    }

    fn alert(&self, report: &IncidentReport) {
        self.next.alert(report);
    }

    fn committed(&self, stage: StageKind, duration: Duration, records: u64) {
        self.count(|counters| *counters.commits.entry(stage).or_default() += 1);
        self.next.committed(stage, duration, records);
    }

    fn aborted(&self, stage: StageKind, reason: &'static str) {
        self.count(|counters| *counters.aborts.entry(stage).or_default() += 1);
        self.next.aborted(stage, reason);
    }

    fn latency(&self, stage: StageKind, latency: Duration, records: u64) {
        self.next.latency(stage, latency, records);
    }

    fn restoring(&self, partition: i32, records: u64) {
        self.next.restoring(partition, records);
    }

    fn restored(&self, partition: i32, records: u64, duration: Duration) {
        self.count(|counters| {
            counters.restored_records += records;
            counters.restored_partitions += 1;
        });
        self.next.restored(partition, records, duration);
    }

    fn restore_failed(&self, partition: i32, reason: &'static str) {
        self.next.restore_failed(partition, reason);
    }

    fn assigned(&self, stage: StageKind, worker: usize, owned: usize, restoring: usize) {
        let mut assignments = self.assignments.lock().unwrap_or_else(PoisonError::into_inner);
        assignments.insert((stage, worker), Assignment { owned, restoring });
        drop(assignments);
        self.next.assigned(stage, worker, owned, restoring);
    }

    fn unassigned(&self, stage: StageKind, worker: usize) {
        self.assignments.lock().unwrap_or_else(PoisonError::into_inner).remove(&(stage, worker));
        self.next.unassigned(stage, worker);
    }

    fn lag(&self, topic: &str, partition: i32, messages: i64) {
        self.count(|counters| {
            counters.lag.insert((topic.to_owned(), partition), messages);
        });
        self.next.lag(topic, partition, messages);
    }

    fn released(&self, topic: &str, partition: i32) {
        self.count(|counters| {
            counters.lag.remove(&(topic.to_owned(), partition));
        });
        self.next.released(topic, partition);
    }

    fn broker_error(&self, stage: StageKind, code: &str) {
        self.next.broker_error(stage, code);
    }
}
