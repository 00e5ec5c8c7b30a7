//! How the stages commit, and how long effects take.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};

use crate::runtime::StageKind;
use crate::time::ProcessingTime;

use super::catalog;
use super::families::Families;
use super::latency::Recent;
use super::metrics::{OTHER, lock};

/// Percentiles shown of the latency, with their label values.
const PERCENTILES: [(f64, &str); 3] = [(50.0, "50"), (99.0, "99"), (99.9, "99.9")];

/// The longest name among librdkafka's error codes has fewer letters than this.
const MAX_ERROR_NAME: usize = 48;

/// Metrics of both stages.
pub(super) struct Stages {
    ingest: Stage,
    monitor: Stage,
    aborts: IntCounterVec,
    broker_errors: IntCounterVec,
}

/// Metrics of one stage.
pub(super) struct Stage {
    owned: IntGauge,
    restoring: IntGauge,
    workers: Mutex<HashMap<usize, (usize, usize)>>,
    commits: IntCounter,
    commit_duration: Histogram,
    commit_records: Histogram,
    latency: Histogram,
    percentiles: [Gauge; PERCENTILES.len()],
    recent: Mutex<Recent>,
}

impl Stages {
    /// Both stages, nothing committed.
    pub(super) fn new(families: &mut Families) -> Self {
        let gauges =
            [&catalog::PARTITIONS_ASSIGNED, &catalog::PARTITIONS_RESTORING].map(|f| families.gauges(f));
        let commits = families.counters(&catalog::COMMITS);
        let histograms = [&catalog::COMMIT_DURATION, &catalog::COMMIT_RECORDS_SIZE, &catalog::EFFECT_LATENCY]
            .map(|family| families.histograms(family));
        let percentiles = families.real_gauges(&catalog::EFFECT_LATENCY_PERCENTILE);
        let of = |kind: StageKind| {
            let label = [kind.as_str()];
            let [owned, restoring] = gauges.each_ref().map(|vec| vec.with_label_values(&label));
            let [commit_duration, commit_records, latency] =
                histograms.each_ref().map(|vec| vec.with_label_values(&label));
            Stage {
                owned,
                restoring,
                workers: Mutex::default(),
                commits: commits.with_label_values(&label),
                commit_duration,
                commit_records,
                latency,
                percentiles: PERCENTILES
                    .map(|(_, name)| percentiles.with_label_values(&[kind.as_str(), name])),
                recent: Mutex::new(Recent::new()),
            }
        };
        let (ingest, monitor) = (of(StageKind::Ingest), of(StageKind::Monitor));
        let (aborts, broker_errors) =
            (families.counters(&catalog::ABORTS), families.counters(&catalog::BROKER_ERRORS));
        Self { ingest, monitor, aborts, broker_errors }
    }

    /// One of them.
    pub(super) const fn of(&self, kind: StageKind) -> &Stage {
        match kind {
            StageKind::Ingest => &self.ingest,
            StageKind::Monitor => &self.monitor,
        }
    }

    /// A transaction was aborted.
    pub(super) fn aborted(&self, kind: StageKind, reason: &'static str) {
        self.aborts.with_label_values(&[kind.as_str(), reason]).inc();
    }

    /// The client library reported trouble.
    pub(super) fn broker_error(&self, kind: StageKind, code: &str) {
        let is_name = code.len() <= MAX_ERROR_NAME && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.broker_errors.with_label_values(&[kind.as_str(), if is_name { code } else { OTHER }]).inc();
    }

    /// Brings the percentiles up to `now`.
    pub(super) fn show_percentiles(&self, now: ProcessingTime) {
        self.ingest.show_percentiles(now);
        self.monitor.show_percentiles(now);
    }
}

impl Stage {
    /// A transaction over so many records was committed.
    pub(super) fn committed(&self, duration: Duration, records: u64) {
        self.commits.inc();
        self.commit_duration.observe(duration.as_secs_f64());
        self.commit_records.observe(records as f64);
    }

    /// So many records were committed that long after they came.
    pub(super) fn latency(&self, latency: Duration, records: u64) {
        // The library has no weighted observation; the local copy makes one cost a few nanoseconds.
        let local = self.latency.local();
        for _ in 0..records {
            local.observe(latency.as_secs_f64());
        }
        local.flush();
        lock(&self.recent).add(latency, records);
    }

    /// A worker owns so many partitions, of which so many are being restored. Returns both over all workers.
    pub(super) fn assigned(&self, worker: usize, owned: usize, restoring: usize) -> (usize, usize) {
        let mut workers = lock(&self.workers);
        workers.insert(worker, (owned, restoring));
        let sums = workers.values().fold((0, 0), |sums, counts| (sums.0 + counts.0, sums.1 + counts.1));
        self.owned.set(sums.0 as i64);
        self.restoring.set(sums.1 as i64);
        sums
    }

    fn show_percentiles(&self, now: ProcessingTime) {
        let mut recent = lock(&self.recent);
        recent.turn(now);
        let values = recent.percentiles(PERCENTILES.map(|(percentage, _)| percentage));
        for (gauge, value) in self.percentiles.iter().zip(values) {
            gauge.set(value);
        }
    }
}
