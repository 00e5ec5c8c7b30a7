//! The running service as HTTP sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::finding::IncidentReport;
use crate::enrich::Enrichment;
use crate::http::{AlertQuery, Backend, FeedbackTaker, Health, NotReady, RecentAlert, RecentAlerts};
use crate::kafka;
use crate::monitor::{Stats, View};
use crate::runtime::{self, Clock, Knowledge, Observer, Service, StageKind, Stages, clock};
use crate::telemetry::Metrics;
use crate::wire::FeedbackRecord;

/// The service, with what is told about it.
pub(in crate::cli) struct Process {
    config: Arc<Config>,
    service: Service,
    reports: Arc<Reports>,
    draining: AtomicBool,
}

impl Process {
    /// Starts the stages.
    ///
    /// # Errors
    /// Where Kafka does not answer, or topics are not as they should be.
    pub(in crate::cli) fn start(
        config: Arc<Config>,
        knowledge: impl Into<Knowledge>,
        stages: Stages,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, runtime::Error> {
        let knowledge = knowledge.into();
        let reports = Arc::new(Reports {
            metrics: Metrics::new(&config.topics, &knowledge.detectors),
            alerts: RecentAlerts::new(config.http.recent_alerts),
        });
        reports.metrics.detectors_loaded(&knowledge.detectors, clock::now());
        reports.metrics.enrichment_loaded(&knowledge.enrichment);
        let observer = Arc::clone(&reports) as Arc<dyn Observer>;
        let service = Service::start_timed(Arc::clone(&config), knowledge, stages, observer, clock)?;
        Ok(Arc::new(Self { config, service, reports, draining: AtomicBool::new(false) }))
    }

    /// The stages.
    pub(in crate::cli) const fn service(&self) -> &Service {
        &self.service
    }

    /// Goes on with other detectors.
    pub(in crate::cli) fn reload(&self, detectors: Arc<Detectors>) {
        self.reports.metrics.detectors_loaded(&detectors, clock::now());
        self.service.reload(detectors);
    }

    /// Counts that detectors could not be taken.
    pub(in crate::cli) fn refuse_reload(&self) {
        self.reports.metrics.detectors_refused();
    }

    /// Goes on with other databases and lists.
    pub(in crate::cli) fn enrich(&self, enrichment: Arc<Enrichment>) {
        self.reports.metrics.enrichment_reloaded(&enrichment);
        self.service.enrich(enrichment);
    }

    /// Counts that databases or lists could not be taken.
    pub(in crate::cli) fn refuse_enrichment(&self) {
        self.reports.metrics.enrichment_refused();
    }

    /// From now on it is not ready: it is about to stop.
    pub(in crate::cli) fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

impl Backend for Process {
    fn health(&self) -> Health {
        let health = self.service.health();
        let mut not_ready = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            not_ready.push(NotReady { reason: "draining", detail: "stopping as asked".into() });
        }
        if let Some(failure) = &health.failure {
            not_ready.push(NotReady { reason: "failed", detail: failure.clone() });
        }
        if !health.consuming {
            let detail = "waits for the consumer groups to say what to read".into();
            not_ready.push(NotReady { reason: "no_assignment", detail });
        }
        if health.restoring > 0 {
            let detail =
                format!("{} of {} partitions wait for their state", health.restoring, health.partitions);
            not_ready.push(NotReady { reason: "restoring", detail });
        }
        Health { is_alive: health.failure.is_none(), not_ready }
    }

    fn metrics(&self) -> String {
        self.reports.metrics.state_size(self.service.terms());
        self.reports.metrics.stats(|| self.service.monitor_stats());
        self.reports.metrics.render(clock::now(), self.health().is_ready())
    }

    fn answered(&self, endpoint: &'static str, code: u16) {
        self.reports.metrics.http_request(endpoint, code);
    }

    fn alerts(&self, query: &AlertQuery) -> Vec<Arc<RecentAlert>> {
        self.reports.alerts.list(query)
    }

    fn feedback_taker(&self) -> Option<&dyn FeedbackTaker> {
        self.config.http.feedback.then_some(self)
    }

    fn detectors(&self) -> Arc<Detectors> {
        self.service.detectors()
    }

    fn stats(&self) -> Stats {
        self.service.monitor_stats()
    }

    fn views(&self) -> Vec<View> {
        self.service.views()
    }
}

impl FeedbackTaker for Process {
    fn take(&self, record: &FeedbackRecord) -> Result<(), String> {
        kafka::feedback(&self.config, record).map_err(|error| {
            tracing::warn!(%error, "feedback could not be written");
            error.to_string()
        })
    }
}

/// Takes the stages' reports: everything as metrics, alerts for `/api/v1/alerts` too.
struct Reports {
    metrics: Metrics,
    alerts: RecentAlerts,
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $name(&self, $($argument: $type),*) {
            self.metrics.$name($($argument),*);
        })*
    };
}

impl Observer for Reports {
    fn alert(&self, report: &IncidentReport) {
        self.metrics.alert(report);
        match RecentAlert::from_report(report) {
            Ok(alert) => self.alerts.push(alert),
            Err(error) => tracing::warn!(%error, "an alert could not be kept for the API"),
        }
    }

    pass_on! {
        received(topic: &str, messages: u64, records: u64, bytes: u64);
        activities(topic: &str, records: u64);
        skipped(topic: &str, reason: &'static str, records: u64);
        dead_lettered(topic: &str, reason: &'static str, records: u64);
        lost(topic: &str, reason: &'static str, offsets: u64);
        monitored(records: u64);
        published(kind: &'static str, records: u64, bytes: u64);
        committed(stage: StageKind, duration: Duration, records: u64);
        aborted(stage: StageKind, reason: &'static str);
        latency(stage: StageKind, latency: Duration, records: u64);
        restoring(partition: i32, records: u64);
        restored(partition: i32, records: u64, duration: Duration);
        restore_failed(partition: i32, reason: &'static str);
        assigned(stage: StageKind, worker: usize, owned: usize, restoring: usize);
        lag(topic: &str, partition: i32, messages: i64);
        released(topic: &str, partition: i32);
        broker_error(stage: StageKind, code: &str);
    }
}
