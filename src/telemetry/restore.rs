//! How far state is restored, and whether the process is ready.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge};

use super::catalog;
use super::families::Families;
use super::metrics::lock;

/// Metrics of restoring.
pub(super) struct Restore {
    progress: Gauge,
    records: IntCounter,
    duration: Gauge,
    failures: IntCounterVec,
    ready: IntGauge,
    /// Records counted so far of the partitions under way.
    under_way: Mutex<HashMap<i32, u64>>,
}

impl Restore {
    /// Nothing restored.
    pub(super) fn new(families: &mut Families) -> Self {
        Self {
            progress: families.real_gauge(&catalog::RESTORE_PROGRESS),
            records: families.counter(&catalog::RESTORED_RECORDS),
            duration: families.real_gauge(&catalog::RESTORE_DURATION),
            failures: families.counters(&catalog::RESTORE_FAILURES),
            ready: families.gauge(&catalog::READY),
            under_way: Mutex::default(),
        }
    }

    /// `records` of a partition are read back so far.
    pub(super) fn restoring(&self, partition: i32, records: u64) {
        let counted = lock(&self.under_way).insert(partition, records).unwrap_or(0);
        self.records.inc_by(records.saturating_sub(counted));
    }

    /// All `records` of a partition are read back.
    pub(super) fn restored(&self, partition: i32, records: u64, duration: Duration) {
        self.restoring(partition, records);
        lock(&self.under_way).remove(&partition);
        self.duration.set(duration.as_secs_f64());
    }

    /// A changelog record was refused.
    pub(super) fn failed(&self, reason: &'static str) {
        self.failures.with_label_values(&[reason]).inc();
    }

    /// Of the `owned` partitions, so many are under way. An instance that owns none has nothing to restore.
    pub(super) fn progress(&self, owned: usize, restoring: usize) {
        let done = owned.saturating_sub(restoring);
        self.progress.set(if owned == 0 { 1.0 } else { done as f64 / owned as f64 });
    }

    /// Whether the process is ready.
    pub(super) fn ready(&self, is_ready: bool) {
        self.ready.set(i64::from(is_ready));
    }
}
