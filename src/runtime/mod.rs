//! The stages wired to Kafka: a service of worker threads that share nothing but a board for readers.
//!
//! Each worker is one [`stage::Stage`] on a thread of its own: a consumer, a transactional producer and a processor. Kafka
//! spreads the partitions over all workers of all instances.

mod board;
pub mod clock;
mod coverage;
#[cfg(test)]
mod fleet_tests;
mod frames;
mod in_force;
mod ingest;
mod latency;
pub mod log;
mod monitor;
pub mod observer;
mod partitions;
pub mod processor;
pub mod stage;
mod tally;
mod watchdog;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use clock::Clock;
pub use in_force::Knowledge;
pub use observer::{Counters, Observer, StageKind, TopicCounters, Unobserved};
pub use watchdog::Pulse;

use crate::config::{self, Config};
use crate::detect::Detectors;
use crate::enrich::Enrichment;
use crate::kafka::client::WorkerName;
use crate::kafka::{KafkaLog, Worker, topics};
use crate::monitor::{Stats, View};
use crate::term::Interner;
use board::Board;
use clock::SystemClock;
use in_force::InForce;
use ingest::IngestProcessor;
use monitor::{MonitorProcessor, Shared};
use observer::Counting;
use processor::Processor;
use stage::{Settings, Stage};
use watchdog::{Watchdog, Watched};

/// Time between ticks of the monitor.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// Which stages a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Logs to activities.
    pub ingest: bool,
    /// Activities to alerts and last-seen records.
    pub monitor: bool,
}

impl Stages {
    /// Both, in one process.
    pub const ALL: Self = Self { ingest: true, monitor: true };
}

/// Why a service could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The topics are not to be had.
    #[error(transparent)]
    Topics(#[from] topics::Error),
    /// A thread could not be started.
    #[error("a worker thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// A worker ended with an error; the others were stopped.
    #[error("{0}")]
    Worker(String),
    /// The last commit did not come about in time; its input is read again by the next owner.
    #[error("{workers} workers did not end within {} s; their uncommitted input will be read again", after.as_secs())]
    DrainTimeout {
        /// Workers that still ran.
        workers: usize,
        /// The time they were given.
        after: Duration,
    },
}

/// How a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Restored, consuming, and not failed.
    pub ready: bool,
    /// No partition waits for its state.
    pub restored: bool,
    /// Every worker has heard from its group what it owns (which may be nothing).
    pub consuming: bool,
    /// Partitions owned.
    pub partitions: usize,
    /// Of these, partitions whose state is not restored yet.
    pub restoring: usize,
    /// Why the service ended, where it did.
    pub failure: Option<String>,
}

/// The running stages of this process.
pub struct Service {
    stop: Arc<AtomicBool>,
    board: Arc<Board>,
    counting: Arc<Counting>,
    terms: Arc<Interner>,
    detectors: Arc<InForce<Detectors>>,
    enrichment: Arc<InForce<Enrichment>>,
    workers: usize,
    drain_timeout: Duration,
}

impl Service {
    /// Checks (or creates) the topics, and starts the workers. Does not wait until these own partitions; see [`Self::health`].
    ///
    /// # Errors
    /// Where Kafka does not answer, a topic is missing or not as it should be, or a thread cannot be started.
    pub fn start(
        config: Arc<Config>,
        knowledge: impl Into<Knowledge>,
        stages: Stages,
    ) -> Result<Self, Error> {
        Self::start_observed(config, knowledge, stages, Arc::new(Unobserved))
    }

    /// As [`Self::start`], with an observer that is told of everything that happens.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_observed(
        config: Arc<Config>,
        knowledge: impl Into<Knowledge>,
        stages: Stages,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        Self::start_timed(config, knowledge, stages, observer, Arc::new(SystemClock::start()))
    }

    /// As [`Self::start_observed`], with a clock of the caller's: who plays the past has its time pass, too.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_timed(
        config: Arc<Config>,
        knowledge: impl Into<Knowledge>,
        stages: Stages,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let report = topics::ensure(&config)?;
        for (topic, doubt) in report.doubts() {
            tracing::warn!(topic, doubt, "topic works, but not as well as it could");
        }
        let (plan, knowledge) = (Plan::new(&config, stages), knowledge.into());
        let board = Arc::new(Board::new(plan.workers.len(), config.http.recent_alerts));
        let counting = Arc::new(Counting::new(observer));
        let service = Self {
            stop: Arc::new(AtomicBool::new(false)),
            board,
            counting,
            terms: Arc::new(Interner::new()),
            detectors: Arc::new(InForce::new(knowledge.detectors)),
            enrichment: Arc::new(InForce::new(knowledge.enrichment)),
            workers: plan.workers.len(),
            drain_timeout: config.stage.drain_timeout,
        };
        let partitions = Arc::new(report.counts());
        let activity_partitions = report.partitions(&config.topics.activity).unwrap_or(1);
        let mut watched = Vec::new();
        for (kind, worker) in plan.workers {
            let name = WorkerName::new(&config.kafka, kind, worker, &plan.unique);
            let pulse = Arc::new(Pulse::default());
            watched.push(Watched::new(kind, worker, Arc::clone(&pulse)));
            let parts = WorkerParts {
                config: Arc::clone(&config),
                kind,
                worker,
                name,
                clock: Arc::clone(&clock),
                stop: Arc::clone(&service.stop),
                pulse,
                shared: service.shared(&config, &partitions),
                activity_partitions,
            };
            parts.spawn()?;
        }
        Watchdog::new(watched, &service.board, &service.stop).spawn()?;
        Ok(service)
    }

    fn shared(&self, config: &Arc<Config>, partitions: &Arc<BTreeMap<String, i32>>) -> Shared {
        Shared {
            config: Arc::clone(config),
            detectors: Arc::clone(&self.detectors),
            enrichment: Arc::clone(&self.enrichment),
            terms: Arc::clone(&self.terms),
            board: Arc::clone(&self.board),
            partitions: Arc::clone(partitions),
            observer: Arc::clone(&self.counting) as Arc<dyn Observer>,
        }
    }

    /// Has all workers go on with other detectors, each from its next transaction on: none has records judged by two sets.
    pub fn reload(&self, detectors: Arc<Detectors>) {
        self.detectors.set(detectors);
    }

    /// Has all workers go by other databases and lists, each from its next transaction on.
    pub fn enrich(&self, enrichment: Arc<Enrichment>) {
        self.enrichment.set(enrichment);
    }

    /// The detectors in force.
    #[must_use]
    pub fn detectors(&self) -> Arc<Detectors> {
        self.detectors.get()
    }

    /// Asks all workers to drain, commit and leave their groups; does not wait. May be called from anywhere.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Drains, commits and leaves the groups. Blocks for up to the configured drain timeout.
    ///
    /// # Errors
    /// Where a worker failed, or did not end in time.
    pub fn shutdown(&self) -> Result<(), Error> {
        self.stop();
        if !self.board.wait(Some(self.drain_timeout)) {
            return Err(Error::DrainTimeout { workers: self.board.running(), after: self.drain_timeout });
        }
        self.outcome()
    }

    /// Blocks until the service ended by itself or was stopped. After a failure the others get the drain timeout.
    ///
    /// # Errors
    /// Where a worker failed, or stands still.
    pub fn wait(&self) -> Result<(), Error> {
        self.board.wait_for_news();
        self.board.wait(Some(self.drain_timeout));
        self.outcome()
    }

    /// Whether all workers have ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.board.running() == 0
    }

    fn outcome(&self) -> Result<(), Error> {
        self.board.failure().map_or(Ok(()), |failure| Err(Error::Worker(failure)))
    }

    /// How the service is.
    #[must_use]
    pub fn health(&self) -> Health {
        let assignments = self.counting.assignments();
        let restoring = assignments.iter().map(|assignment| assignment.restoring).sum();
        let failure = self.board.failure();
        let consuming = assignments.len() == self.workers && failure.is_none() && !self.is_finished();
        Health {
            ready: consuming && restoring == 0,
            restored: assignments.len() == self.workers && restoring == 0,
            consuming,
            partitions: assignments.iter().map(|assignment| assignment.owned).sum(),
            restoring,
            failure,
        }
    }

    /// Views of all partitions owned, by partition number.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.board.views()
    }

    /// The most recent published alerts (JSON), oldest first; at most `http.recent_alerts`.
    #[must_use]
    pub fn alerts(&self) -> Vec<Arc<str>> {
        self.board.alerts_after(0).0
    }

    /// Published alerts after the first `seen` ones, oldest first, and how many there were in all: what to pass next time.
    #[must_use]
    pub fn alerts_after(&self, seen: u64) -> (Vec<Arc<str>>, u64) {
        self.board.alerts_after(seen)
    }

    /// Counts of committed work since start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counting.counters()
    }

    /// Counts and sizes of the monitors, as of their last commits.
    #[must_use]
    pub fn monitor_stats(&self) -> Stats {
        self.board.stats()
    }

    /// Distinct terms held by all baselines of this process.
    #[must_use]
    pub fn terms(&self) -> usize {
        self.terms.len()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Which workers to start.
struct Plan {
    workers: Vec<(StageKind, usize)>,
    unique: String,
}

impl Plan {
    fn new(config: &Config, stages: Stages) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (ingest, monitor) = workers(&config.stage, stages, processors);
        let ingest = (0..ingest).map(|n| (StageKind::Ingest, n));
        let monitor = (0..monitor).map(|n| (StageKind::Monitor, n));
        let unique = format!("{}-{}", std::process::id(), clock::now().millis());
        Self { workers: ingest.chain(monitor).collect(), unique }
    }
}

/// Workers of each stage: as many as are set, or the stage's share of the machine's processors, and at least one.
fn workers(set: &config::Stage, stages: Stages, processors: usize) -> (usize, usize) {
    let share = if stages == Stages::ALL { processors / 2 } else { processors };
    let count = |is_wanted: bool, set: usize| match set {
        _ if !is_wanted => 0,
        0 => share.max(1),
        set => set,
    };
    (count(stages.ingest, set.ingest_workers), count(stages.monitor, set.monitor_workers))
}

/// Everything that one worker is made of.
struct WorkerParts {
    config: Arc<Config>,
    kind: StageKind,
    worker: usize,
    name: WorkerName,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    pulse: Arc<Pulse>,
    shared: Shared,
    activity_partitions: i32,
}

impl WorkerParts {
    fn spawn(self) -> Result<(), std::io::Error> {
        let name = format!("{}-{}", self.kind.as_str(), self.worker);
        // The thread is not joined: it reports its end to the board, and a process that exits does not wait for it.
        std::thread::Builder::new().name(name).spawn(move || self.run()).map(drop)
    }

    fn run(self) {
        let mut end = End::new(&self.shared.board, &self.stop, &self.pulse);
        let (kind, worker) = (self.kind, self.worker);
        let outcome = match kind {
            StageKind::Ingest => {
                let (observer, enrichment) =
                    (Arc::clone(&self.shared.observer), Arc::clone(&self.shared.enrichment));
                let processor =
                    IngestProcessor::new(&self.config, self.activity_partitions, observer, enrichment);
                self.drive(processor, IngestProcessor::topics(&self.config))
            }
            StageKind::Monitor => {
                let topics = vec![self.config.topics.activity.clone()];
                self.drive(MonitorProcessor::new(self.shared.clone()), topics)
            }
        };
        if let Err(error) = &outcome {
            tracing::error!(stage = kind.as_str(), worker, %error, "worker failed");
        }
        end.outcome = Some(outcome.err().map(|error| format!("{} worker {worker}: {error}", kind.as_str())));
    }

    fn drive(&self, processor: impl Processor, topics: Vec<String>) -> Result<(), log::Error> {
        let worker = Worker { config: &self.config, stage: self.kind, name: &self.name, topics };
        let log = KafkaLog::connect(worker, &self.shared.observer)?;
        let settings = Settings {
            kind: self.kind,
            worker: self.worker,
            commit_interval: self.config.stage.commit_interval,
            commit_records: self.config.stage.commit_records as u64,
            tick_interval: TICK_INTERVAL,
        };
        let observer = Arc::clone(&self.shared.observer);
        Stage::new(log, processor, settings, Arc::clone(&self.clock), observer).run(&self.stop, &self.pulse)
    }
}

/// Tells the board how a worker ended, also where it panicked, and ends the others where it did not end as asked: one worker less
/// would only be noticed by its lag. The process ends, and is started anew.
struct End {
    board: Arc<Board>,
    stop: Arc<AtomicBool>,
    pulse: Arc<Pulse>,
    outcome: Option<Option<String>>,
}

impl End {
    fn new(board: &Arc<Board>, stop: &Arc<AtomicBool>, pulse: &Arc<Pulse>) -> Self {
        Self { board: Arc::clone(board), stop: Arc::clone(stop), pulse: Arc::clone(pulse), outcome: None }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let panicked = || Some("a worker panicked; its log line says where".to_owned());
        let failure = self.outcome.take().unwrap_or_else(panicked);
        if failure.is_some() {
            self.stop.store(true, Ordering::Release);
        }
        // The watchdog may have told the end of it already.
        if self.pulse.end() {
            self.board.end(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_workers_take_the_processors_that_there_are() {
        let (ingest, monitor) =
            (Stages { monitor: false, ..Stages::ALL }, Stages { ingest: false, ..Stages::ALL });
        let set = |ingest_workers, monitor_workers| config::Stage {
            ingest_workers,
            monitor_workers,
            ..config::Stage::default()
        };
        assert_eq!(workers(&set(0, 0), Stages::ALL, 8), (4, 4));
        assert_eq!(workers(&set(0, 3), Stages::ALL, 1), (1, 3));
        assert_eq!(workers(&set(0, 0), ingest, 8), (8, 0));
        assert_eq!(workers(&set(0, 5), monitor, 8), (0, 5));
        assert_eq!(workers(&config::Stage::default(), Stages::ALL, 8), (1, 1));
    }

    fn end_as_asked(board: &Arc<Board>, stop: &Arc<AtomicBool>) {
        End::new(board, stop, &Arc::default()).outcome = Some(None);
    }

    #[test]
    fn a_worker_that_panics_ends_the_others_and_is_the_failure() {
        let (board, stop) = (Arc::new(Board::new(2, 0)), Arc::new(AtomicBool::new(false)));
        let panicking = End::new(&board, &stop, &Arc::default());
        let panicked = std::thread::spawn(move || {
            let _end = panicking;
            std::panic::panic_any("as a test");
        });
        assert!(panicked.join().is_err());
        assert!(stop.load(Ordering::Acquire));
        end_as_asked(&board, &stop);
        assert!(board.wait(None));
        assert!(board.failure().is_some_and(|failure| failure.contains("panicked")));
    }

    #[test]
    fn a_worker_that_ends_as_asked_ends_nobody_else() {
        let (board, stop) = (Arc::new(Board::new(1, 0)), Arc::new(AtomicBool::new(false)));
        end_as_asked(&board, &stop);
        assert!(!stop.load(Ordering::Acquire));
        assert_eq!(board.failure(), None);
    }
}
