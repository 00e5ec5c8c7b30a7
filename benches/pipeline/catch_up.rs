//! Both stages work off a topic from its beginning, or a plain consumer does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nhi_monitor::detect::Detectors;
use nhi_monitor::runtime::{Observer, Service, StageKind, Stages};
use rdkafka::message::Message as _;

use crate::floor::floor as parse;
use crate::{kafka, support};

/// Longer than the slowest catch-up on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Clock ticks of `/proc/self/stat` in a second (`USER_HZ`, 100 on every Linux).
const TICKS_PER_SEC: f64 = 100.0;

/// What a stretch of work took, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// By the clock on the wall.
    pub(crate) wall: f64,
    /// Processor time of this process, all threads; 0 where the system does not tell it.
    pub(crate) cpu: f64,
}

/// How one catch-up went.
pub(crate) struct CatchUp {
    /// Until ingest had committed the last record, in seconds.
    pub(crate) ingest_wall: f64,
    /// Until the monitor had.
    pub(crate) both: Spent,
    /// Transactions that ingest committed.
    pub(crate) ingest_commits: u64,
    /// Transactions that the monitor committed.
    pub(crate) monitor_commits: u64,
    /// Transactions aborted.
    pub(crate) aborts: u64,
    commit_secs: f64,
}

impl CatchUp {
    /// Time that a commit took, on average of both stages, in milliseconds.
    pub(crate) fn commit_millis(&self) -> f64 {
        self.commit_secs * 1e3 / (self.ingest_commits + self.monitor_commits) as f64
    }
}

/// Reads and parses every record of the topic.
pub(crate) fn floor(brokers: &str, topic: &str, records: usize) -> Spent {
    let consumer = kafka::reader(brokers, topic);
    let mut begun = None;
    for _ in 0..records {
        let message = consumer.poll(PATIENCE).expect("the topic holds as many records").unwrap();
        // From the first message on: connecting is not the floor's business.
        begun.get_or_insert_with(Begun::now);
        parse(message.payload().unwrap_or_default());
    }
    begun.expect("there are records").spent()
}

/// Both stages read the topic under a name of their own, with state and outputs of their own.
pub(crate) fn run(brokers: &str, name: &str, topic: &str, records: usize, interval: Duration) -> CatchUp {
    let watch = Arc::new(Watch { input: topic.to_owned(), records: records as u64, ..Watch::default() });
    let config = Arc::new(kafka::config(brokers, name, topic, interval));
    let detectors = Arc::new(Detectors::builtin().unwrap());
    let observer = Arc::clone(&watch) as Arc<dyn Observer>;
    let service = Service::start_observed(config, detectors, Stages::ALL, observer).unwrap();
    support::until_within(PATIENCE, "all records are monitored", || {
        std::thread::sleep(Duration::from_millis(1));
        watch.noted.lock().unwrap().both.is_some()
    });
    service.shutdown().unwrap();
    let noted = watch.noted.lock().unwrap();
    let commits = |stage| noted.commits.get(&stage).copied().unwrap_or_default();
    CatchUp {
        ingest_wall: noted.ingest.expect("ingest is done before the monitor").wall,
        both: noted.both.expect("it was waited for"),
        ingest_commits: commits(StageKind::Ingest),
        monitor_commits: commits(StageKind::Monitor),
        aborts: noted.aborts,
        commit_secs: noted.commit_secs,
    }
}

#[derive(Clone, Copy)]
struct Begun {
    wall: Instant,
    cpu: f64,
}

impl Begun {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu: cpu_secs() }
    }

    fn spent(&self) -> Spent {
        Spent { wall: self.wall.elapsed().as_secs_f64(), cpu: cpu_secs() - self.cpu }
    }
}

fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may hold anything; fields are counted from behind it. User and system time are the 14th and 15th of all.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SEC
}

/// Notes when ingest owned its first partition, and when each stage had committed the last record.
#[derive(Default)]
struct Watch {
    input: String,
    records: u64,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    begun: Option<Begun>,
    received: u64,
    activities: u64,
    monitored: u64,
    ingest: Option<Spent>,
    both: Option<Spent>,
    commits: BTreeMap<StageKind, u64>,
    commit_secs: f64,
    aborts: u64,
}

impl Noted {
    fn is_working(&self) -> bool {
        self.begun.is_some() && self.both.is_none()
    }
}

impl Observer for Watch {
    fn assigned(&self, stage: StageKind, _worker: usize, owned: usize, _restoring: usize) {
        let mut noted = self.noted.lock().unwrap();
        if stage == StageKind::Ingest && owned > 0 {
            noted.begun.get_or_insert_with(Begun::now);
        }
    }

    fn received(&self, topic: &str, _messages: u64, records: u64, _bytes: u64) {
        let mut noted = self.noted.lock().unwrap();
        if topic == self.input {
            noted.received += records;
            if noted.received == self.records {
                noted.ingest = noted.begun.map(|begun| begun.spent());
            }
        }
    }

    fn activities(&self, topic: &str, records: u64) {
        if topic == self.input {
            self.noted.lock().unwrap().activities += records;
        }
    }

    fn monitored(&self, records: u64) {
        let mut noted = self.noted.lock().unwrap();
        noted.monitored += records;
        if noted.received == self.records && noted.monitored == noted.activities && noted.both.is_none() {
            noted.both = noted.begun.map(|begun| begun.spent());
        }
    }

    fn committed(&self, stage: StageKind, took: Duration, _records: u64) {
        let mut noted = self.noted.lock().unwrap();
        if noted.is_working() {
            *noted.commits.entry(stage).or_default() += 1;
            noted.commit_secs += took.as_secs_f64();
        }
    }

    fn aborted(&self, _stage: StageKind, _reason: &'static str) {
        self.noted.lock().unwrap().aborts += 1;
    }
}
