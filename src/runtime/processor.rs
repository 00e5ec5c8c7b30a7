//! What a stage does to records, as its loop sees it.

use std::time::Duration;

use super::log::{Loss, Message, OutRecord, Output, Source};
use crate::time::ProcessingTime;

/// Records on their way to the producer.
#[derive(Debug, Default)]
pub struct Outbox {
    records: Vec<OutRecord>,
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    pub fn push(&mut self, record: OutRecord) {
        self.records.push(record);
    }

    /// Adds a record whose partition its key decides.
    pub fn keyed(&mut self, output: Output, key: String, value: Vec<u8>) {
        let key = Some(key.into_bytes());
        self.push(OutRecord { output, partition: None, key, value: Some(value), headers: Vec::new() });
    }

    /// Adds a tombstone whose partition its key decides.
    pub fn tombstone(&mut self, output: Output, key: String) {
        let key = Some(key.into_bytes());
        self.push(OutRecord { output, partition: None, key, value: None, headers: Vec::new() });
    }

    /// Adds a record for one partition.
    pub fn placed(&mut self, output: Output, partition: i32, key: Option<Vec<u8>>, value: Option<Vec<u8>>) {
        self.push(OutRecord { output, partition: Some(partition), key, value, headers: Vec::new() });
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes everything out.
    pub fn drain(&mut self) -> impl Iterator<Item = OutRecord> + '_ {
        self.records.drain(..)
    }
}

/// A committed transaction, told to the processor.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// When, by the wall clock.
    pub at: ProcessingTime,
    /// From the end of processing to the broker's answer.
    pub took: Duration,
}

/// What happens to records: the part of a stage that knows what they mean. One thread calls it.
pub trait Processor {
    /// Whether partitions have state that must be restored before their messages come.
    fn is_stateful(&self) -> bool;

    /// A partition became ours, or starts again from nothing after an abort.
    fn open(&mut self, source: Source);

    /// Takes one changelog record of a partition that is being restored.
    ///
    /// # Errors
    /// Where the record may not be taken: going on would overwrite state that was not understood.
    fn restore(&mut self, source: Source, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal>;

    /// A partition's changelog was handed over in full.
    fn restored(&mut self, source: Source);

    /// Takes one message in. Returns how many records it held.
    ///
    /// # Errors
    /// Where the message may not be passed by, such as one of a newer version of this program. A damaged message is no such case.
    fn process(&mut self, message: &Message<'_>, out: &mut Outbox) -> Result<u32, Refusal>;

    /// Part of a running partition cannot be read any more; what comes next is from after it.
    fn lost(&mut self, _loss: &Loss, _out: &mut Outbox) {}

    /// Lets time pass for a running partition. `now` is the wall clock where it is read to its end, else its newest record's time.
    fn tick(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox);

    /// The stage is about to end: says what it would have said later.
    fn drain(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox);

    /// Hands out all that is still held back, and all changed state: the transaction is about to be committed.
    ///
    /// # Errors
    /// Where state has no stored form.
    fn before_commit(&mut self, out: &mut Outbox) -> Result<(), Refusal>;

    /// The transaction is durable.
    fn committed(&mut self, commit: Commit);

    /// Everything that was read is committed: what comes next is of another transaction. Whatever must not change within one
    /// may change here.
    fn between(&mut self) {}

    /// The transaction was aborted: forgets what it held back. State of changed partitions is dropped by [`Processor::close`] and restored.
    fn aborted(&mut self);

    /// A partition is not ours any more, or its state is to be restored: drops it.
    fn close(&mut self, source: Source);
}

/// Why the stage must stop rather than go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Bounded label for metrics.
    pub kind: &'static str,
    /// What was wrong, and what to do.
    pub message: String,
}
