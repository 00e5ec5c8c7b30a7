//! The core over records in order: what `scan` and `evaluate` share. The stream's time is the newest event time so far: what
//! waits for time to pass sees that, so that two runs over the same records say the same, whenever they are made.

mod coverage;

use std::sync::Arc;
use std::vec::Drain;

use crate::activity::Activity;
use crate::config::Config;
use crate::detect::Detectors;
use crate::identity::DeclaredChange;
use crate::monitor::{Effect, Monitor, Record};
use crate::term::Interner;
use crate::time::{EventTime, ProcessingTime};
use coverage::Coverage;

/// A monitor that is told the hours of its own stream.
pub(super) struct Replay {
    pub(super) monitor: Monitor,
    coverage: Coverage,
    effects: Vec<Effect>,
    /// Newest event time so far.
    now: Option<EventTime>,
}

impl Replay {
    pub(super) fn new(config: &Config, detectors: Arc<Detectors>) -> Self {
        Self {
            monitor: Monitor::new(config, detectors, Arc::new(Interner::new())),
            coverage: Coverage::default(),
            effects: Vec::new(),
            now: None,
        }
    }

    /// The stream's time.
    pub(super) fn now(&self) -> EventTime {
        self.now.unwrap_or_default()
    }

    /// What the monitor wants done since this was last asked.
    pub(super) fn effects(&mut self) -> Drain<'_, Effect> {
        self.effects.drain(..)
    }

    /// Takes in what the inventory declares.
    pub(super) fn declare(&mut self, change: DeclaredChange) {
        self.monitor.process(&Record::Declared(Box::new(change)), &mut self.effects);
    }

    /// Lets time pass to an activity, and takes it in.
    pub(super) fn activity(&mut self, mut activity: Activity<'_>) {
        let time = activity.event.time;
        self.advance(time);
        activity.event.received = processing(self.now.unwrap_or(time));
        self.coverage.note(&activity.event.scope, time);
        self.monitor.activity(&activity, &mut self.effects);
    }

    /// Lets time pass to the newest event, and has everything published that is not yet.
    pub(super) fn finish(&mut self) {
        let now = self.now();
        self.tick(now);
        self.monitor.flush(processing(now), &mut self.effects);
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
            self.monitor.process(&marks, &mut self.effects);
        }
        self.monitor.tick(processing(now), &mut self.effects);
    }
}

/// Stream time as the monitor's clock.
const fn processing(time: EventTime) -> ProcessingTime {
    ProcessingTime::from_millis(time.millis())
}
