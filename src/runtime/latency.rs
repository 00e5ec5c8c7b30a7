//! How long records took from their input topic to the commit that published what they led to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::observer::{Observer, StageKind};
use crate::time::ProcessingTime;

/// Records received within the same span count as one observation: fine enough for percentiles of a latency that is made
/// of the commit interval, coarse enough to stay small.
const SPAN_MS: i64 = 10;

/// Reception times of one transaction's records.
#[derive(Debug, Default)]
pub(crate) struct Receptions {
    spans: BTreeMap<i64, u64>,
}

impl Receptions {
    /// Counts records that were received at this time.
    pub(crate) fn add(&mut self, received: ProcessingTime, records: u64) {
        *self.spans.entry(received.millis() / SPAN_MS).or_default() += records;
    }

    /// Reports them against the time of their commit, and forgets them.
    pub(crate) fn report(&mut self, stage: StageKind, at: ProcessingTime, observer: &dyn Observer) {
        for (span, records) in std::mem::take(&mut self.spans) {
            let took_ms = at.millis().saturating_sub(span * SPAN_MS).max(0);
            observer.latency(stage, Duration::from_millis(took_ms.unsigned_abs()), records);
        }
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
    }
}
