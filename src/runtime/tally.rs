//! What one transaction holds, counted while it is open and reported once it is committed.

use std::collections::BTreeMap;

use super::log::{Loss, OutRecord, Output};
use super::observer::Observer;

/// Counts of one transaction.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    messages: u64,
    records: u64,
    sent: BTreeMap<Output, (u64, u64)>,
    losses: Vec<Loss>,
    bytes: u64,
}

impl Tally {
    /// Counts a message and the records in it.
    pub(crate) fn read(&mut self, records: u32) {
        self.messages += 1;
        self.records += u64::from(records);
    }

    /// Notes what was lost.
    pub(crate) fn lost(&mut self, loss: Loss) {
        self.losses.push(loss);
    }

    /// Whether any message was read or passed over: then there is an offset to commit.
    pub(crate) const fn has_read(&self) -> bool {
        self.messages > 0 || !self.losses.is_empty()
    }

    /// Input records.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Counts a record that went to the producer.
    pub(crate) fn sent(&mut self, record: &OutRecord) {
        let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) as u64;
        let bytes = size(&record.key) + size(&record.value);
        let (records, total) = self.sent.entry(record.output).or_default();
        *records += 1;
        *total += bytes;
        self.bytes += bytes;
    }

    /// Bytes that went to the producer.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tells what was published, and what was lost.
    pub(crate) fn report(&self, observer: &dyn Observer) {
        for loss in self.losses.iter().filter(|loss| loss.is_certain()) {
            observer.lost(&loss.topic, loss.reason.as_str(), loss.offsets());
        }
        for (output, (records, bytes)) in &self.sent {
            observer.published(output.kind(), *records, *bytes);
        }
    }
}
