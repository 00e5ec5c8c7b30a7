//! Frames being filled, one for each partition of activities.

use super::log::Output;
use super::processor::Outbox;
use crate::monitor::Record;
use crate::term::partition_of;
use crate::wire::frame::{self, FrameEncoder};

/// Frames being filled.
pub(crate) struct Frames {
    encoders: Vec<FrameEncoder>,
}

impl Frames {
    /// Empty frames for this many partitions; at least one.
    pub(crate) fn new(partitions: i32) -> Self {
        let partitions = usize::try_from(partitions.max(1)).unwrap_or(1);
        Self { encoders: (0..partitions).map(|_| FrameEncoder::new(frame::CAPACITY)).collect() }
    }

    /// Adds a record to the frame of its identity's partition, and sends that frame where it is full.
    pub(crate) fn push(
        &mut self,
        identity_id: &str,
        record: &Record<'_>,
        out: &mut Outbox,
    ) -> Result<(), frame::Error> {
        let partition = partition_of(identity_id, self.encoders.len());
        let encoder = &mut self.encoders[partition];
        encoder.push(record)?;
        if encoder.is_full() {
            send(partition, encoder, out);
        }
        Ok(())
    }

    /// Adds a record to the frames of all partitions; to none where it is too large for one, as it is then for all.
    pub(crate) fn broadcast(&mut self, record: &Record<'_>, out: &mut Outbox) -> Result<(), frame::Error> {
        for (partition, encoder) in self.encoders.iter_mut().enumerate() {
            encoder.push(record)?;
            if encoder.is_full() {
                send(partition, encoder, out);
            }
        }
        Ok(())
    }

    /// Sends all frames that hold anything.
    pub(crate) fn flush(&mut self, out: &mut Outbox) {
        for (partition, encoder) in self.encoders.iter_mut().enumerate() {
            if !encoder.is_empty() {
                send(partition, encoder, out);
            }
        }
    }

    /// Forgets what is held.
    pub(crate) fn clear(&mut self) {
        for encoder in &mut self.encoders {
            drop(encoder.take());
        }
    }
}

fn send(partition: usize, encoder: &mut FrameEncoder, out: &mut Outbox) {
    let partition = i32::try_from(partition).unwrap_or_default();
    out.placed(Output::Activity, partition, None, Some(encoder.take()));
}
