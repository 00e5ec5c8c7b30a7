//! The core over records in order: what `scan`, `backtest` and `evaluate` share. The stream's time is the newest event time so
//! far: what waits for time to pass sees that, so that two runs over the same records say the same, whenever they are made.

mod coverage;

use std::sync::Arc;

use crate::activity::Activity;
use crate::config::Config;
use crate::detect::Detectors;
use crate::identity::DeclaredChange;
use crate::monitor::{Effect, HeldIncident, Monitor, Record};
use crate::term::Interner;
use crate::time::{EventTime, ProcessingTime};
use coverage::Coverage;

/// Monitors that are told the hours of one stream: one for each set of detectors.
pub(super) struct Replay {
    cores: Vec<Core>,
    coverage: Coverage,
    /// Newest event time so far.
    now: Option<EventTime>,
}

struct Core {
    monitor: Monitor,
    effects: Vec<Effect>,
}

impl Replay {
    pub(super) fn new(config: &Config, sets: &[Arc<Detectors>]) -> Self {
        let core = |detectors: &Arc<Detectors>| Core {
            monitor: Monitor::new(config, Arc::clone(detectors), Arc::new(Interner::new())),
            effects: Vec::new(),
        };
        Self { cores: sets.iter().map(core).collect(), coverage: Coverage::default(), now: None }
    }

    /// The stream's time.
    pub(super) fn now(&self) -> EventTime {
        self.now.unwrap_or_default()
    }

    /// What the monitors want done since this was last asked, with each one's place among the sets of detectors.
    pub(super) fn effects(&mut self) -> impl Iterator<Item = (usize, Effect)> {
        self.cores
            .iter_mut()
            .enumerate()
            .flat_map(|(place, core)| core.effects.drain(..).map(move |effect| (place, effect)))
    }

    /// The incident of an identity as the first monitor holds it, one below the threshold included.
    pub(super) fn incident(&self, id: &str) -> Option<HeldIncident> {
        self.cores.first()?.monitor.view().incident(id)
    }

    /// The monitors, in the order of the sets of detectors.
    pub(super) fn into_monitors(self) -> Vec<Monitor> {
        self.cores.into_iter().map(|core| core.monitor).collect()
    }

    /// Takes in what the inventory declares.
    pub(super) fn declare(&mut self, change: DeclaredChange) {
        self.each(&Record::Declared(Box::new(change)));
    }

    /// Lets time pass to an activity, and takes it in.
    pub(super) fn activity(&mut self, mut activity: Activity<'_>) {
        let time = activity.event.time;
        self.advance(time);
        activity.event.received = processing(self.now.unwrap_or(time));
        self.coverage.note(&activity.event.scope, time);
        for core in &mut self.cores {
            core.monitor.activity(&activity, &mut core.effects);
        }
    }

    /// Lets time pass to the newest event, and has everything published that is not yet.
    pub(super) fn finish(&mut self) {
        let now = self.now();
        self.tick(now);
        for core in &mut self.cores {
            core.monitor.flush(processing(now), &mut core.effects);
        }
    }

    /// Lets the stream's time go on to `time`: with every new hour the monitor is told, before it sees the event.
    fn advance(&mut self, time: EventTime) {
        let is_new_hour = self.now.is_some_and(|now| time.hour() > now.hour());
        if is_new_hour {
            self.tick(time);
        }
        self.now = self.now.max(Some(time));
    }

    fn tick(&mut self, now: EventTime) {
        if let Some(marks) = self.coverage.take() {
            self.each(&marks);
        }
        for core in &mut self.cores {
            core.monitor.tick(processing(now), &mut core.effects);
        }
    }

    fn each(&mut self, record: &Record<'_>) {
        for core in &mut self.cores {
            core.monitor.process(record, &mut core.effects);
        }
    }
}

/// Stream time as the monitor's clock.
const fn processing(time: EventTime) -> ProcessingTime {
    ProcessingTime::from_millis(time.millis())
}
