//! The handles of every metric, resolved once, and the events that move them.

use std::collections::BTreeSet;
use std::time::Duration;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};

use crate::config::Topics;
use crate::detect::Detectors;
use crate::detect::finding::{IncidentReport, Stage as ReportStage};
use crate::enrich::Enrichment;
use crate::monitor::Stats;
use crate::runtime::{Observer, StageKind};
use crate::time::ProcessingTime;

use super::catalog;
use super::enrichment::Addresses;
use super::families::Families;
use super::ingest::Ingest;
use super::losses::Losses;
use super::process::Process;
use super::restore::Restore;
use super::stages::Stages;
use super::state::State;

/// Label value for what is not among the known ones, so that no input can add series without end.
pub(super) const OTHER: &str = "other";

/// All metrics of the process. Every method may be called from any thread.
///
/// The running stages report through [`Observer`], once per transaction; sizes of state come as snapshots.
pub struct Metrics {
    registry: Registry,
    ingest: Ingest,
    losses: Losses,
    outputs: Outputs,
    stages: Stages,
    lag: IntGaugeVec,
    restore: Restore,
    terms: IntGauge,
    http: IntCounterVec,
    process: Process,
    state: Mutex<State>,
    addresses: Addresses,
    topics: BTreeSet<String>,
}

struct Outputs {
    alerts: IntCounterVec,
    records: IntCounterVec,
    bytes: IntCounterVec,
}

impl Metrics {
    /// Metrics of a process with these topics and detectors: their names are the only ones that labels take.
    #[must_use]
    pub fn new(topics: &Topics, detectors: &Detectors) -> Self {
        Self::made_of(Families::default(), topics, detectors)
    }

    pub(super) fn made_of(mut families: Families, topics: &Topics, detectors: &Detectors) -> Self {
        show_build(&mut families);
        Self {
            ingest: Ingest::new(&mut families, topics),
            losses: Losses::new(&mut families, topics),
            outputs: Outputs::new(&mut families),
            stages: Stages::new(&mut families),
            lag: families.gauges(&catalog::LAG),
            restore: Restore::new(&mut families),
            terms: families.gauge(&catalog::STATE_TERMS),
            http: families.counters(&catalog::HTTP_REQUESTS),
            process: Process::new(&mut families),
            state: Mutex::new(State::new(&mut families, detectors)),
            addresses: Addresses::new(&mut families),
            topics: topic_names(topics),
            registry: families.into_registry(),
        }
    }

    /// Takes the counts of all monitors as they stand now, those of partitions that left included.
    ///
    /// They are asked for under the lock: of two scrapes at once the later could otherwise bring the older counts, and
    /// what grew between them would be counted twice.
    pub fn stats(&self, counts: impl FnOnce() -> Stats) {
        let mut state = lock(&self.state);
        state.update(&counts());
    }

    /// The detectors were read at `at`, for the first time or again, and are in force.
    pub fn detectors_loaded(&self, detectors: &Arc<Detectors>, at: ProcessingTime) {
        lock(&self.state).loaded(detectors, at);
    }

    /// The detectors could not be read again.
    pub fn detectors_refused(&self) {
        lock(&self.state).detectors().failed();
    }

    /// What is known of addresses from the start on.
    pub fn enrichment_loaded(&self, enrichment: &Enrichment) {
        self.addresses.show(enrichment);
    }

    /// What is known of addresses was read again, and is in force.
    pub fn enrichment_reloaded(&self, enrichment: &Enrichment) {
        self.addresses.reloaded(enrichment);
    }

    /// It could not be read again.
    pub fn enrichment_refused(&self) {
        self.addresses.failed();
    }

    /// How many distinct terms all baselines share.
    pub fn state_size(&self, terms: usize) {
        self.terms.set(terms as i64);
    }

    /// An HTTP request was answered. `endpoint` is a route, never a path as it came.
    pub fn http_request(&self, endpoint: &'static str, code: u16) {
        self.http.with_label_values(&[endpoint, &code.to_string()]).inc();
    }

    /// All metrics in the text format 0.0.4, as they stand at `now`.
    #[must_use]
    pub fn render(&self, now: ProcessingTime, is_ready: bool) -> String {
        self.restore.ready(is_ready);
        self.stages.show_percentiles(now);
        self.process.refresh();
        lock(&self.state).detectors().refresh(now);
        let mut text = String::new();
        match TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => format!("# metrics could not be written: {error}\n"),
        }
    }

    fn known_topic(&self, topic: &str) -> &str {
        self.topics.get(topic).map_or(OTHER, String::as_str)
    }
}

impl Observer for Metrics {
    fn received(&self, topic: &str, messages: u64, records: u64, bytes: u64) {
        self.ingest.received(topic, messages, records, bytes);
    }

    fn activities(&self, topic: &str, records: u64) {
        self.ingest.activities(topic, records);
    }

    fn skipped(&self, topic: &str, reason: &'static str, records: u64) {
        self.ingest.skipped(topic, reason, records);
    }

    fn dead_lettered(&self, topic: &str, reason: &'static str, records: u64) {
        self.ingest.dead_lettered(topic, reason, records);
    }

    fn lost(&self, topic: &str, reason: &'static str, offsets: u64) {
        self.losses.lost(topic, reason, offsets);
    }

    fn monitored(&self, records: u64) {
        self.ingest.monitored(records);
    }

    fn published(&self, kind: &'static str, records: u64, bytes: u64) {
        self.outputs.records.with_label_values(&[kind]).inc_by(records);
        self.outputs.bytes.with_label_values(&[kind]).inc_by(bytes);
    }

    fn alert(&self, report: &IncidentReport) {
        let led_by = report.detector().map_or(OTHER, |detector| detector.id.as_str());
        let state = lock(&self.state);
        let (severity, kind) = (report.severity.as_str(), report.subject.kind.as_str());
        let labels = [severity, kind, state.detectors().label(led_by), report_label(report.stage)];
        self.outputs.alerts.with_label_values(&labels).inc();
    }

    fn committed(&self, stage: StageKind, duration: Duration, records: u64) {
        self.stages.of(stage).committed(duration, records);
    }

    fn aborted(&self, stage: StageKind, reason: &'static str) {
        self.stages.aborted(stage, reason);
    }

    fn latency(&self, stage: StageKind, latency: Duration, records: u64) {
        self.stages.of(stage).latency(latency, records);
    }

    fn restoring(&self, partition: i32, records: u64) {
        self.restore.restoring(partition, records);
    }

    fn restored(&self, partition: i32, records: u64, duration: Duration) {
        self.restore.restored(partition, records, duration);
    }

    fn restore_failed(&self, _partition: i32, reason: &'static str) {
        self.restore.failed(reason);
    }

    fn assigned(&self, stage: StageKind, worker: usize, owned: usize, restoring: usize) {
        let (owned, restoring) = self.stages.of(stage).assigned(worker, owned, restoring);
        if stage == StageKind::Monitor {
            self.restore.progress(owned, restoring);
        }
    }

    fn lag(&self, topic: &str, partition: i32, messages: i64) {
        let labels = [self.known_topic(topic), &partition.to_string()];
        self.lag.with_label_values(&labels).set(messages.max(0));
    }

    fn released(&self, topic: &str, partition: i32) {
        // An error says that no lag was reported of it yet.
        let _was_reported = self.lag.remove_label_values(&[self.known_topic(topic), &partition.to_string()]);
    }

    fn broker_error(&self, stage: StageKind, code: &str) {
        self.stages.broker_error(stage, code);
    }
}

impl Outputs {
    fn new(families: &mut Families) -> Self {
        let (records, bytes) =
            (families.counters(&catalog::PUBLISHED_RECORDS), families.counters(&catalog::PUBLISHED_BYTES));
        for kind in ["frame", "dead_letter", "state", "alert", "last_seen"] {
            records.with_label_values(&[kind]);
            bytes.with_label_values(&[kind]);
        }
        Self { alerts: families.counters(&catalog::ALERTS), records, bytes }
    }
}

fn show_build(families: &mut Families) {
    families.gauges(&catalog::BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
}

fn topic_names(topics: &Topics) -> BTreeSet<String> {
    let inputs = topics.inputs.iter().map(|input| &input.topic);
    inputs.chain([&topics.activity, &topics.inventory, &topics.feedback, &topics.state]).cloned().collect()
}

const fn report_label(stage: ReportStage) -> &'static str {
    match stage {
        ReportStage::Create => "create",
        ReportStage::Update => "update",
        ReportStage::Close => "close",
    }
}

/// A panic while counting leaves counts that are still counts.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
