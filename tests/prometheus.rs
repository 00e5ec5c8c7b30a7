//! A real Prometheus scrapes the HTTP server: the format is right, and every dashboard query and rule gives data.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]
#![cfg(feature = "edges")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nhi_monitor::activity::Kind;
use nhi_monitor::baseline::last_seen::UseStatus;
use nhi_monitor::config::Topics;
use nhi_monitor::detect::Detectors;
use nhi_monitor::detect::finding::{IncidentReport, Severity, Stage, Subject};
use nhi_monitor::http::{AlertQuery, Backend, Health, RecentAlert, Server};
use nhi_monitor::monitor::{Stats, View};
use nhi_monitor::runtime::{Observer, StageKind, clock};
use nhi_monitor::telemetry::Metrics;
use nhi_monitor::time::EventTime;

/// Time between batches of made-up work.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);

struct Process(Metrics);

impl Backend for Process {
    fn health(&self) -> Health {
        Health { is_alive: true, not_ready: Vec::new() }
    }

    fn metrics(&self) -> String {
        self.0.render(clock::now(), true)
    }

    fn answered(&self, endpoint: &'static str, code: u16) {
        self.0.http_request(endpoint, code);
    }

    fn alerts(&self, _query: &AlertQuery) -> Vec<Arc<RecentAlert>> {
        Vec::new()
    }

    fn views(&self) -> Vec<View> {
        Vec::new()
    }

    fn detectors(&self) -> Arc<Detectors> {
        Arc::default()
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }
}

/// One batch through both stages. Nothing is wrong: no dead letter, no abort, no alert.
fn work(metrics: &Metrics, batch: u64) {
    metrics.received("cloudtrail", 1, 100, 150_000);
    metrics.activities("cloudtrail", 99);
    metrics.skipped("cloudtrail", "control_message", 1);
    metrics.monitored(99);
    metrics.published("state", 20, 9_000);
    for stage in [StageKind::Ingest, StageKind::Monitor] {
        metrics.assigned(stage, 0, 6, 0);
        metrics.committed(stage, Duration::from_millis(5), 100);
        metrics.latency(stage, Duration::from_millis(400), 99);
    }
    metrics.lag("cloudtrail", 0, 3);
    let identities = BTreeMap::from([((Kind::CloudRole, UseStatus::Active), 12)]);
    let signals = BTreeMap::from([("new-action".to_owned(), batch)]);
    metrics.stats(|| Stats { activities: 99 * batch, identities, signals, scopes: 2, ..Stats::default() });
}

fn incident() -> IncidentReport {
    IncidentReport {
        uid: "incident".into(),
        stage: Stage::Create,
        sequence: 1,
        subject: Subject::default(),
        found_at: clock::now(),
        first_seen: EventTime::default(),
        last_seen: EventTime::default(),
        signals: Vec::new(),
        signal_count: 0,
        risk: 60,
        severity: Severity::High,
        confidence: 50,
        message: String::new(),
        opened: Vec::new(),
        settlement: None,
    }
}

/// Runs `check.sh` on a server behind which work goes on.
fn check(process: Process) {
    let process = Arc::new(process);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/metrics", server.address());
    runtime.spawn(server.run(Arc::clone(&process) as Arc<dyn Backend>, std::future::pending()));

    let stop = Arc::new(AtomicBool::new(false));
    let working = Arc::clone(&stop);
    let worker = std::thread::spawn(move || {
        for batch in 1.. {
            if working.load(Ordering::Relaxed) {
                return;
            }
            work(&process.0, batch);
            std::thread::sleep(BATCH_INTERVAL);
        }
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prometheus/check.sh");
    let output = Command::new(script).arg(url).output().unwrap();
    stop.store(true, Ordering::Relaxed);
    worker.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "{text}");
}

fn has_tools() -> bool {
    ["promtool", "prometheus", "amtool"]
        .iter()
        .all(|tool| Command::new(tool).arg("--version").output().is_ok())
}

/// Metrics of a process, where what is to read them is there.
fn metrics() -> Option<Metrics> {
    if !has_tools() {
        println!("NOT RUN: prometheus, promtool and amtool are missing; `./test prometheus` gets them");
        return None;
    }
    Some(Metrics::new(&Topics::default(), &Detectors::builtin().unwrap()))
}

#[test]
fn every_query_gives_data_where_nothing_is_wrong() {
    let Some(metrics) = metrics() else { return };
    check(Process(metrics));
}

#[test]
fn every_query_gives_data_where_something_is_wrong() {
    let Some(troubled) = metrics() else { return };
    troubled.alert(&incident());
    troubled.dead_lettered("cloudtrail", "bad_json", 1);
    troubled.aborted(StageKind::Ingest, "transient");
    troubled.broker_error(StageKind::Ingest, "AllBrokersDown");
    troubled.restore_failed(0, "damaged");
    troubled.stats(|| Stats { evictions: BTreeMap::from([("terms", 5)]), ..Stats::default() });
    check(Process(troubled));
}
