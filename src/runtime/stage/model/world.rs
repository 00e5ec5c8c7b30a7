//! Who turns next and what goes wrong: a schedule from one seed, in virtual time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::broker::{Broker, Topic};
use super::dice::Dice;
use super::group::Group;
use super::log::ClusterLog;
use super::work::{END, Work};
use crate::runtime::clock::Clock;
use crate::runtime::log::{Error, Source};
use crate::runtime::observer::{StageKind, Unobserved};
use crate::runtime::stage::{Settings, Stage};
use crate::time::ProcessingTime;

/// Topics that the relay reads, and partitions of each.
pub(super) const INPUTS: (u16, i32) = (2, 2);
/// Partitions of the topic between the two stages.
pub(super) const ACTIVITY_PARTITIONS: i32 = 3;
/// Both stages.
pub(super) const KINDS: [StageKind; 2] = [StageKind::Ingest, StageKind::Monitor];
/// Workers of one stage that run at a time, zombies apart.
const MAX_WORKERS: usize = 3;
/// Records that are produced while things go wrong.
const RECORDS: usize = 60;
/// Steps of the schedule that a stall in the middle of a call lasts at most.
const MAX_STALL_STEPS: usize = 60;

/// Longest time of one step, in milliseconds; longer when nothing happens between steps that could be missed.
const STEP_MS: usize = 8;
/// See [`STEP_MS`].
const CALM_STEP_MS: usize = 30;

/// Where a fault may strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Waiting for messages.
    Poll,
    /// Asking for committed offsets.
    LookUp,
    /// Seeking.
    Seek,
    /// Reading the changelog.
    Restore,
    /// Taking or releasing partitions.
    Client,
    /// Within a transaction.
    Transaction,
    /// Around the end of a transaction, which is decided.
    Decided,
    /// Aborting, which brokers that take no writes put off.
    Abort,
}

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Crash,
    Stall,
    Abort,
    Transient,
}

/// Time that passes only with the schedule.
#[derive(Default)]
pub(super) struct VirtualClock(AtomicU64);

impl VirtualClock {
    pub(super) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> ProcessingTime {
        ProcessingTime::from_millis(1_000_000 + self.0.load(Ordering::Relaxed) as i64)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// One process with one stage.
pub(super) struct Worker {
    pub(super) kind: StageKind,
    pub(super) stage: Stage<ClusterLog, Work>,
    asleep_until: Duration,
}

/// The whole cluster.
pub(super) struct World {
    pub(super) broker: RefCell<Broker>,
    pub(super) dice: RefCell<Dice>,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) workers: RefCell<Vec<Rc<RefCell<Worker>>>>,
    pub(super) produced: RefCell<Vec<(String, String)>>,
    /// A fault strikes once in so many calls; never at 0.
    rarity: usize,
    is_calm: Cell<bool>,
    is_nested: Cell<bool>,
    is_traced: bool,
}

impl World {
    pub(super) fn new(seed: u64, rarity: usize, is_traced: bool) -> Rc<Self> {
        let sources = |topics: u16, partitions: i32| {
            let partitions = move |topic| (0..partitions).map(move |partition| Source { topic, partition });
            (0..topics).flat_map(partitions)
        };
        let broker = Broker::new([
            (StageKind::Ingest, Group::new(sources(INPUTS.0, INPUTS.1))),
            (StageKind::Monitor, Group::new(sources(1, ACTIVITY_PARTITIONS))),
        ]);
        Rc::new(Self {
            broker: RefCell::new(broker),
            dice: RefCell::new(Dice::new(seed)),
            clock: Arc::default(),
            workers: RefCell::default(),
            produced: RefCell::default(),
            rarity,
            is_calm: Cell::new(false),
            is_nested: Cell::new(false),
            is_traced,
        })
    }

    pub(super) fn trace(&self, line: impl FnOnce() -> String) {
        if self.is_traced {
            eprintln!("{:>6} {}", self.clock.monotonic().as_millis(), line());
        }
    }

    /// From now on nothing goes wrong, and who stalled wakes up.
    pub(super) fn calm_down(&self) {
        self.trace(|| String::from("calm"));
        self.is_calm.set(true);
        self.broker.borrow_mut().calm_down();
        self.workers.borrow().iter().for_each(|worker| worker.borrow_mut().asleep_until = Duration::ZERO);
    }

    fn is_calm(&self) -> bool {
        self.is_calm.get()
    }

    fn die(&self, bound: usize) -> usize {
        self.dice.borrow_mut().below(bound)
    }

    /// What goes wrong at this call, if anything.
    pub(super) fn strike(&self, call: Call, who: &str) -> Option<Fault> {
        if self.is_calm() || self.rarity == 0 || self.die(self.rarity) != 0 {
            return None;
        }
        let faults: &[Fault] = match call {
            Call::Poll | Call::LookUp | Call::Seek | Call::Restore | Call::Abort => {
                &[Fault::Crash, Fault::Stall, Fault::Transient, Fault::Transient]
            }
            Call::Transaction => &[Fault::Crash, Fault::Stall, Fault::Abort, Fault::Transient],
            Call::Client | Call::Decided => &[Fault::Crash, Fault::Stall],
        };
        let fault = self.dice.borrow_mut().pick(faults).filter(|fault| {
            // A stall within a stall would only be a longer one.
            *fault != Fault::Stall || !self.is_nested.get()
        });
        self.trace(|| format!("{who} meets {fault:?} in {call:?}"));
        fault
    }

    /// The others go on while one is stuck in a call.
    pub(super) fn meanwhile(&self) {
        self.is_nested.set(true);
        for _ in 0..=self.die(MAX_STALL_STEPS) {
            self.step();
        }
        self.is_nested.set(false);
    }

    /// One step: time passes, the broker does something, a worker turns.
    pub(super) fn step(&self) {
        let longest = if self.is_calm() { CALM_STEP_MS } else { STEP_MS };
        self.clock.pass(Duration::from_millis(1 + self.die(longest) as u64));
        self.broker.borrow_mut().turn(self.clock.monotonic(), &mut self.dice.borrow_mut());
        let workers = self.workers.borrow().clone();
        for worker in &workers {
            self.background(worker);
        }
        let picked = self.dice.borrow_mut().pick(&workers);
        if let Some(worker) = picked {
            self.turn(&worker);
        }
    }

    fn background(&self, worker: &Rc<RefCell<Worker>>) {
        let is_due = self.is_calm() || self.die(8) == 0;
        if let Ok(mut worker) = worker.try_borrow_mut()
            && is_due
            && worker.asleep_until <= self.clock.monotonic()
        {
            worker.stage.log.heartbeat();
        }
    }

    fn turn(&self, worker: &Rc<RefCell<Worker>>) {
        // Who is stuck in a call does not turn.
        let Ok(mut turning) = worker.try_borrow_mut() else { return };
        if turning.asleep_until > self.clock.monotonic() {
            return;
        }
        let Err(error) = turning.stage.step() else { return };
        self.trace(|| format!("{} ends: {error}", turning.stage.log.producer));
        assert!(matches!(error, Error::Fatal { .. } | Error::Fenced { .. }), "a worker ended with {error}");
        assert!(
            turning.stage.log.is_dead || matches!(error, Error::Fenced { .. }),
            "a worker failed: {error}"
        );
        drop(turning.stage.end(Err(error)));
        drop(turning);
        self.remove(worker);
    }

    /// Workers of one stage that are not stuck in a call.
    pub(super) fn of(&self, kind: StageKind) -> Vec<Rc<RefCell<Worker>>> {
        let workers = self.workers.borrow();
        let is_of =
            |worker: &&Rc<RefCell<Worker>>| worker.try_borrow().is_ok_and(|worker| worker.kind == kind);
        workers.iter().filter(is_of).cloned().collect()
    }

    /// Ends a worker between sending its offsets and deciding.
    pub(super) fn die_with_offsets_pending(&self, worker: &Rc<RefCell<Worker>>, sources: &[Source]) {
        let dying = worker.borrow();
        let mut broker = self.broker.borrow_mut();
        let offsets = sources.iter().map(|source| (*source, i64::MAX)).collect();
        let added = broker.add_offsets(dying.stage.log.identity(), dying.kind, &offsets);
        added.expect("it is not fenced");
        drop((broker, dying));
        self.remove(worker);
    }

    fn remove(&self, worker: &Rc<RefCell<Worker>>) {
        self.workers.borrow_mut().retain(|other| !Rc::ptr_eq(other, worker));
    }

    /// One step of a bad day: what happens to workers as a whole, and to the load.
    pub(super) fn stir(self: &Rc<Self>) {
        if self.produced.borrow().len() < RECORDS && self.die(2) == 0 {
            self.produce();
        }
        match self.die(400) {
            0..8 => self.start(),
            8..11 => self.with_any(|world, worker| world.stop(worker)),
            11..14 => self.with_any(|world, worker| world.sleep(worker)),
            14..16 => self.with_any(|world, worker| world.remove(worker)),
            16..18 => self.with_any(|world, worker| world.replace(worker)),
            18..22 => self.delete(),
            _ => {}
        }
        self.step();
    }

    /// Retention takes messages away, read or not.
    fn delete(&self) {
        self.trace(|| String::from("messages are deleted"));
        self.broker.borrow_mut().delete(&mut self.dice.borrow_mut());
    }

    fn with_any(self: &Rc<Self>, act: impl FnOnce(&Rc<Self>, &Rc<RefCell<Worker>>)) {
        let picked = self.dice.borrow_mut().pick(&self.workers.borrow());
        if let Some(worker) = picked {
            act(self, &worker);
        }
    }

    /// Produces one record. All of one key lie in one partition.
    pub(super) fn produce(&self) {
        let (topic, partition) = (self.die(usize::from(INPUTS.0)), self.die(INPUTS.1 as usize));
        let key = format!("{}{topic}{partition}", ['a', 'b', 'c'][self.die(3)]);
        let value = if self.die(8) == 0 { END.to_owned() } else { self.die(100).to_string() };
        let place = (Topic::Input(topic as u16), partition as i32);
        self.broker.borrow_mut().produce(place, &key, &value);
        self.produced.borrow_mut().push((key, value));
    }

    /// Starts a worker where there is room, under the first name that is free.
    pub(super) fn start(self: &Rc<Self>) {
        let kind = KINDS[self.die(2)];
        self.start_one(kind);
    }

    pub(super) fn start_one(self: &Rc<Self>, kind: StageKind) {
        let names: Vec<String> = self
            .workers
            .borrow()
            .iter()
            .filter_map(|worker| Some(worker.try_borrow().ok()?.stage.log.producer.clone()))
            .collect();
        let name = |index: usize| format!("{}-{index}", kind.as_str());
        if let Some(free) = (0..MAX_WORKERS).map(name).find(|name| !names.contains(name)) {
            self.connect(kind, &free);
        }
    }

    fn connect(self: &Rc<Self>, kind: StageKind, name: &str) {
        self.trace(|| format!("{name} starts"));
        let log = ClusterLog::connect(self, kind, name);
        let work = if kind == StageKind::Ingest { Work::relay() } else { Work::fold() };
        let settings = Settings {
            kind,
            worker: 0,
            commit_interval: Duration::from_millis(40),
            commit_records: 6,
            tick_interval: Duration::from_millis(70),
        };
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let stage = Stage::new(log, work, settings, clock, Arc::new(Unobserved));
        let worker = Worker { kind, stage, asleep_until: Duration::ZERO };
        self.workers.borrow_mut().push(Rc::new(RefCell::new(worker)));
    }

    /// Stops a worker as asked. One that ends well leaves nothing open.
    pub(super) fn stop(&self, worker: &Rc<RefCell<Worker>>) {
        let Ok(mut stopping) = worker.try_borrow_mut() else { return };
        let stage = &mut stopping.stage;
        self.trace(|| format!("{} is stopped", stage.log.producer));
        let drained = stage.drain();
        let ended_well = stage.end(drained).is_ok();
        let is_open = self.broker.borrow().has_open(stage.log.identity());
        assert!(!ended_well || !is_open, "{} leaves a transaction open", stage.log.producer);
        drop(stopping);
        self.remove(worker);
    }

    fn sleep(&self, worker: &Rc<RefCell<Worker>>) {
        let long = Duration::from_millis(self.die(600) as u64);
        if let Ok(mut worker) = worker.try_borrow_mut() {
            self.trace(|| format!("{} stalls for {long:?}", worker.stage.log.producer));
            worker.asleep_until = self.clock.monotonic() + long;
        }
    }

    /// A static member is started anew while its former process lives on.
    fn replace(self: &Rc<Self>, worker: &Rc<RefCell<Worker>>) {
        self.sleep(worker);
        let former = worker.try_borrow().ok().map(|worker| (worker.kind, worker.stage.log.producer.clone()));
        if let Some((kind, name)) = former {
            self.connect(kind, &name);
        }
    }
}
