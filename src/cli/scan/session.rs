//! The core over a sequence of payloads. The stream's time is the newest event time so far: what waits for time to
//! pass sees that, so that two scans of the same files say the same, whenever they are run.

use std::io;
use std::sync::Arc;

use anyhow::bail;

use super::coverage::Coverage;
use super::incidents::Incidents;
use super::outputs::Outputs;
use super::report::{Counts, Reading, Report};
use crate::activity::Activity;
use crate::config::Config;
use crate::decode::FormatHint;
use crate::detect::Detectors;
use crate::files::Chunk;
use crate::identity::DeclaredChange;
use crate::ingest::{Ingest, Payload, Rejected, Sink};
use crate::monitor::{Effect, Monitor, Record};
use crate::term::Interner;
use crate::time::{EventTime, ProcessingTime};

/// What holds for all payloads of a scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// What they carry.
    pub(super) format: FormatHint,
    /// When the scan is made: no event can be later.
    pub(super) as_of: ProcessingTime,
}

/// One scan.
pub(super) struct Session {
    settings: Settings,
    ingest: Ingest,
    state: State,
}

/// What payloads turn into.
struct State {
    monitor: Monitor,
    effects: Vec<Effect>,
    coverage: Coverage,
    counts: Counts,
    incidents: Incidents,
    outputs: Outputs,
    /// Newest event time so far.
    now: Option<EventTime>,
    place: (String, u64),
    /// The first time that an output could not be written.
    failure: Option<io::Error>,
}

impl Session {
    pub(super) fn new(
        config: &Config,
        detectors: Arc<Detectors>,
        settings: Settings,
        outputs: Outputs,
    ) -> Self {
        let state = State {
            monitor: Monitor::new(config, detectors, Arc::new(Interner::new())),
            effects: Vec::new(),
            coverage: Coverage::default(),
            counts: Counts::default(),
            incidents: Incidents::default(),
            outputs,
            now: None,
            place: (String::new(), 0),
            failure: None,
        };
        Self { settings, ingest: Ingest::new(config.limits.clone()), state }
    }

    /// Takes in what the inventory declares.
    pub(super) fn declare(&mut self, change: DeclaredChange) {
        self.state.monitor.process(&Record::Declared(Box::new(change)), &mut self.state.effects);
        self.state.settle();
    }

    /// Takes in one payload of the file `source`.
    ///
    /// # Errors
    /// Where a result cannot be written.
    pub(super) fn take(&mut self, source: &str, chunk: &Chunk<'_>) -> io::Result<()> {
        self.state.at(source, chunk.line);
        self.state.counts.records += match chunk.bytes {
            Some(bytes) => {
                let payload = self.payload(source, chunk.place, bytes);
                u64::from(self.ingest.ingest(payload, &mut self.state))
            }
            None => self.state.reject_large(),
        };
        self.state.failure.take().map_or(Ok(()), Err)
    }

    /// Records so far.
    pub(super) const fn records(&self) -> u64 {
        self.state.counts.records
    }

    /// Lets time pass to the newest event, and sums up.
    ///
    /// # Errors
    /// Where a result cannot be written, or a record was lost on the way.
    pub(super) fn finish(mut self, reading: Reading) -> anyhow::Result<Report> {
        let now = self.state.now.unwrap_or_default();
        self.state.tick(now);
        self.state.monitor.flush(processing(now), &mut self.state.effects);
        self.state.settle();
        if let Some(error) = self.state.failure.take() {
            return Err(error.into());
        }
        let State { monitor, counts, incidents, mut outputs, .. } = self.state;
        if !counts.are_balanced() {
            bail!("records were lost on the way (please report this): {counts:?}");
        }
        let report = Report::new(&monitor, reading, (counts, incidents), &mut outputs)?;
        outputs.finish()?;
        Ok(report)
    }

    fn payload<'a>(&self, source: &'a str, offset: i64, bytes: &'a [u8]) -> Payload<'a> {
        let Settings { format, as_of } = self.settings;
        Payload { bytes, source, partition: 0, offset, received: as_of, format }
    }
}

impl State {
    fn at(&mut self, source: &str, line: u64) {
        if self.place.0 != source {
            source.clone_into(&mut self.place.0);
        }
        self.place.1 = line;
    }

    fn reject_large(&mut self) -> u64 {
        let detail = "larger than limits.payload_bytes".to_owned();
        self.rejected(Rejected { reason: "too_large", detail, bytes: &[], index: 0 });
        1
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
        self.settle();
    }

    /// Does what the monitor wants done. Last-seen records are written at the end, one for each identity.
    fn settle(&mut self) {
        for effect in self.effects.drain(..) {
            let Effect::Alert(report) = effect else { continue };
            if let Err(error) = self.outputs.alert(&report) {
                self.failure.get_or_insert(error);
            }
            self.incidents.note(*report);
        }
    }
}

impl Sink for State {
    fn activity(&mut self, mut activity: Activity<'_>) {
        let time = activity.event.time;
        self.advance(time);
        activity.event.received = processing(self.now.unwrap_or(time));
        self.counts.activity(time);
        self.coverage.note(&activity.event.scope, time);
        self.monitor.activity(&activity, &mut self.effects);
        self.settle();
    }

    fn skipped(&mut self, reason: &'static str) {
        self.counts.skipped(reason);
    }

    fn rejected(&mut self, rejected: Rejected<'_>) {
        let (source, line) = &self.place;
        self.counts.rejected(rejected.reason, || (format!("{source}:{line}"), rejected.detail));
    }
}

/// Stream time as the monitor's clock.
const fn processing(time: EventTime) -> ProcessingTime {
    ProcessingTime::from_millis(time.millis())
}
