//! The handles of every metric, resolved once, and the events that move them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

use crate::config::Topics;
use crate::detect::Detectors;
use crate::detect::finding::{IncidentReport, Stage as ReportStage};
use crate::monitor::Stats;
use crate::time::ProcessingTime;

use super::catalog;
use super::families::Families;
use super::latency::Recent;
use super::partitions::Partitions;
use super::process::Process;

/// Label value for what is not among the known ones, so that no input can add series without end.
pub(super) const OTHER: &str = "other";

/// Reasons that exist from the start with 0, so that the first dead letter shows as an increase.
const KNOWN_REJECTIONS: [&str; 5] = ["bad_json", "missing_field", "bad_time", "no_identity", "too_large"];

/// Percentiles shown of the latency, with their label values.
const PERCENTILES: [(f64, &str); 3] = [(50.0, "50"), (99.0, "99"), (99.9, "99.9")];

/// A stage of the pipeline, as it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Input topics to activities.
    Ingest,
    /// Activities to effects.
    Monitor,
}

impl Stage {
    /// Both stages, in flow order.
    pub const ALL: [Self; 2] = [Self::Ingest, Self::Monitor];

    /// The name used in metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Monitor => "monitor",
        }
    }
}

/// All metrics of the process. Every method may be called from any thread; the per-batch ones cost little.
pub struct Metrics {
    registry: Registry,
    ingest: Ingest,
    effects: Effects,
    stages: HashMap<Stage, StageMetrics>,
    lag: IntGaugeVec,
    restore: Restore,
    state: State,
    http: IntCounterVec,
    process: Process,
    partitions: Mutex<Partitions>,
    topics: BTreeSet<String>,
    detectors: BTreeSet<String>,
}

struct Ingest {
    topics: HashMap<String, TopicMetrics>,
    received: IntCounterVec,
    activities: IntCounterVec,
    skipped: IntCounterVec,
    dead_lettered: IntCounterVec,
    clamped: IntCounter,
}

struct TopicMetrics {
    received: IntCounter,
    activities: IntCounter,
}

struct Effects {
    alerts: IntCounterVec,
    last_seen: IntCounter,
    latency: Histogram,
    percentiles: GaugeVec,
    recent: Mutex<Recent>,
}

struct StageMetrics {
    assigned: IntGauge,
    commits: IntCounter,
    aborts: IntCounter,
    duration: Histogram,
    records: Histogram,
}

struct Restore {
    progress: Gauge,
    records: IntCounter,
    duration: Gauge,
    ready: IntGauge,
}

struct State {
    terms: IntGauge,
    bytes: IntGauge,
}

impl Metrics {
    /// Metrics of a process with these topics and detectors: their names are the only ones that labels take.
    #[must_use]
    pub fn new(topics: &Topics, detectors: &Detectors) -> Self {
        Self::made_of(Families::default(), topics, detectors)
    }

    pub(super) fn made_of(mut families: Families, topics: &Topics, detectors: &Detectors) -> Self {
        let detectors: BTreeSet<_> = detectors.iter().map(|detector| detector.id.clone()).collect();
        show_build(&mut families);
        let ingest = Ingest::new(&mut families, topics);
        let effects = Effects::new(&mut families);
        let stages = stages(&mut families);
        let lag = families.gauges(&catalog::LAG);
        let restore = Restore::new(&mut families);
        let state = State {
            terms: families.gauge(&catalog::STATE_TERMS),
            bytes: families.gauge(&catalog::STATE_BYTES),
        };
        let http = families.counters(&catalog::HTTP_REQUESTS);
        let process = Process::new(&mut families);
        let partitions = Mutex::new(Partitions::new(&mut families, detectors.clone()));
        let (registry, topics) = (families.into_registry(), topic_names(topics));
        Self {
            registry,
            ingest,
            effects,
            stages,
            lag,
            restore,
            state,
            http,
            process,
            partitions,
            topics,
            detectors,
        }
    }

    /// `count` records were found in messages of `topic`.
    pub fn received(&self, topic: &str, count: u64) {
        self.ingest.topic(topic).received.inc_by(count);
    }

    /// `count` records of `topic` became activities or declarations.
    pub fn activities(&self, topic: &str, count: u64) {
        self.ingest.topic(topic).activities.inc_by(count);
    }

    /// `count` records of `topic` are of no interest.
    pub fn skipped(&self, topic: &str, reason: &'static str, count: u64) {
        self.ingest.skipped.with_label_values(&[self.ingest.name(topic), reason]).inc_by(count);
    }

    /// `count` records of `topic` went to the dead-letter topic.
    pub fn dead_lettered(&self, topic: &str, reason: &'static str, count: u64) {
        self.ingest.dead_lettered.with_label_values(&[self.ingest.name(topic), reason]).inc_by(count);
    }

    /// `count` events were dated too far ahead.
    pub fn clamped(&self, count: u64) {
        self.ingest.clamped.inc_by(count);
    }

    /// One alert was committed.
    pub fn alert(&self, report: &IncidentReport) {
        let led_by = report.detector().map_or(OTHER, |detector| detector.id.as_str());
        let detector = self.detectors.get(led_by).map_or(OTHER, String::as_str);
        let labels =
            [report.severity.as_str(), report.subject.kind.as_str(), detector, report_label(report.stage)];
        self.effects.alerts.with_label_values(&labels).inc();
    }

    /// `count` last-seen records were committed.
    pub fn last_seen_published(&self, count: u64) {
        self.effects.last_seen.inc_by(count);
    }

    /// The effect of a record was committed `latency` after the record arrived on its input topic.
    pub fn effect_latency(&self, latency: Duration) {
        self.effects.latency.observe(latency.as_secs_f64());
        lock(&self.effects.recent).add(latency, 1);
    }

    /// A transaction over `records` consumed records was committed in `duration`.
    pub fn committed(&self, stage: Stage, duration: Duration, records: u64) {
        let metrics = &self.stages[&stage];
        metrics.commits.inc();
        metrics.duration.observe(duration.as_secs_f64());
        metrics.records.observe(records as f64);
    }

    /// A transaction was aborted.
    pub fn aborted(&self, stage: Stage) {
        self.stages[&stage].aborts.inc();
    }

    /// A stage owns this many partitions now.
    pub fn assigned(&self, stage: Stage, partitions: usize) {
        self.stages[&stage].assigned.set(partitions as i64);
    }

    /// `records` messages of a partition are yet to be read.
    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        let labels = [self.known_topic(topic), &partition.to_string()];
        self.lag.with_label_values(&labels).set(records.max(0));
    }

    /// A partition went to another instance: its lag is theirs to report.
    pub fn lag_revoked(&self, topic: &str, partition: i32) {
        // An error says that no lag was reported of it yet.
        let _was_reported = self.lag.remove_label_values(&[self.known_topic(topic), &partition.to_string()]);
    }

    /// State is being read back; `progress` is its part done, 0 to 1, and `records` came since the last call.
    pub fn restoring(&self, progress: f64, records: u64) {
        self.restore.progress.set(progress.clamp(0.0, 1.0));
        self.restore.records.inc_by(records);
    }

    /// All assigned state is restored; that took `duration`.
    pub fn restored(&self, duration: Duration) {
        self.restore.progress.set(1.0);
        self.restore.duration.set(duration.as_secs_f64());
    }

    /// Takes the counts of one partition's monitor.
    pub fn stats(&self, partition: i32, stats: &Stats) {
        lock(&self.partitions).update(partition, stats);
    }

    /// A partition's monitor went to another instance.
    pub fn stats_revoked(&self, partition: i32) {
        lock(&self.partitions).forget(partition);
    }

    /// Size of all state: distinct shared terms, and memory in bytes as far as it is known.
    pub fn state_size(&self, terms: usize, bytes: usize) {
        self.state.terms.set(terms as i64);
        self.state.bytes.set(bytes as i64);
    }

    /// An HTTP request was answered.
    pub fn http_request(&self, endpoint: &'static str, code: u16) {
        self.http.with_label_values(&[endpoint, &code.to_string()]).inc();
    }

    /// All metrics in the text format 0.0.4, as they stand at `now`.
    #[must_use]
    pub fn render(&self, now: ProcessingTime, is_ready: bool) -> String {
        self.restore.ready.set(i64::from(is_ready));
        self.effects.show_percentiles(now);
        self.process.refresh();
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

impl Ingest {
    fn new(families: &mut Families, config: &Topics) -> Self {
        let mut ingest = Self {
            topics: HashMap::new(),
            received: families.counters(&catalog::RECORDS_RECEIVED),
            activities: families.counters(&catalog::ACTIVITIES),
            skipped: families.counters(&catalog::RECORDS_SKIPPED),
            dead_lettered: families.counters(&catalog::RECORDS_DEAD_LETTERED),
            clamped: families.counter(&catalog::EVENTS_CLAMPED),
        };
        let inputs = config.inputs.iter().map(|input| input.topic.as_str());
        for topic in inputs.chain([config.inventory.as_str(), OTHER]) {
            ingest.add_topic(topic);
        }
        ingest
    }

    fn add_topic(&mut self, topic: &str) {
        let metrics = TopicMetrics {
            received: self.received.with_label_values(&[topic]),
            activities: self.activities.with_label_values(&[topic]),
        };
        for reason in KNOWN_REJECTIONS {
            self.dead_lettered.with_label_values(&[topic, reason]);
        }
        self.topics.insert(topic.to_owned(), metrics);
    }

    fn topic(&self, topic: &str) -> &TopicMetrics {
        self.topics.get(topic).unwrap_or_else(|| &self.topics[OTHER])
    }

    fn name(&self, topic: &str) -> &str {
        self.topics.get_key_value(topic).map_or(OTHER, |(name, _)| name)
    }
}

impl Effects {
    fn new(families: &mut Families) -> Self {
        Self {
            alerts: families.counters(&catalog::ALERTS),
            last_seen: families.counter(&catalog::LAST_SEEN_PUBLISHED),
            latency: families.histogram(&catalog::EFFECT_LATENCY),
            percentiles: families.real_gauges(&catalog::EFFECT_LATENCY_PERCENTILE),
            recent: Mutex::new(Recent::new()),
        }
    }

    fn show_percentiles(&self, now: ProcessingTime) {
        let mut recent = lock(&self.recent);
        recent.turn(now);
        let values = recent.percentiles(PERCENTILES.map(|(percentage, _)| percentage));
        for ((_, label), value) in PERCENTILES.into_iter().zip(values) {
            self.percentiles.with_label_values(&[label]).set(value);
        }
    }
}

fn stages(families: &mut Families) -> HashMap<Stage, StageMetrics> {
    let assigned = families.gauges(&catalog::PARTITIONS_ASSIGNED);
    let (commits, aborts) = (families.counters(&catalog::COMMITS), families.counters(&catalog::ABORTS));
    let duration: HistogramVec = families.histograms(&catalog::COMMIT_DURATION);
    let records = families.histograms(&catalog::COMMIT_RECORDS_SIZE);
    let of_stage = |stage: Stage| StageMetrics {
        assigned: assigned.with_label_values(&[stage.as_str()]),
        commits: commits.with_label_values(&[stage.as_str()]),
        aborts: aborts.with_label_values(&[stage.as_str()]),
        duration: duration.with_label_values(&[stage.as_str()]),
        records: records.with_label_values(&[stage.as_str()]),
    };
    Stage::ALL.into_iter().map(|stage| (stage, of_stage(stage))).collect()
}

impl Restore {
    fn new(families: &mut Families) -> Self {
        Self {
            progress: families.real_gauge(&catalog::RESTORE_PROGRESS),
            records: families.counter(&catalog::RESTORED_RECORDS),
            duration: families.real_gauge(&catalog::RESTORE_DURATION),
            ready: families.gauge(&catalog::READY),
        }
    }
}

fn show_build(families: &mut Families) {
    families.gauges(&catalog::BUILD_INFO).with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
}

fn topic_names(topics: &Topics) -> BTreeSet<String> {
    let inputs = topics.inputs.iter().map(|input| &input.topic);
    inputs.chain([&topics.activity, &topics.inventory, &topics.state]).cloned().collect()
}

const fn report_label(stage: ReportStage) -> &'static str {
    match stage {
        ReportStage::Create => "create",
        ReportStage::Update => "update",
        ReportStage::Close => "close",
    }
}

/// A panic while counting leaves counts that are still counts.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
