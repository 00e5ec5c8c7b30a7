//! The core over a sequence of payloads, with everything counted and written.

use std::io;
use std::sync::Arc;

use anyhow::bail;

use super::super::replay::Replay;
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
use crate::monitor::Effect;
use crate::time::ProcessingTime;

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
    replay: Replay,
    counts: Counts,
    incidents: Incidents,
    outputs: Outputs,
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
            replay: Replay::new(config, detectors),
            counts: Counts::default(),
            incidents: Incidents::default(),
            outputs,
            place: (String::new(), 0),
            failure: None,
        };
        Self { settings, ingest: Ingest::new(config.limits.clone()), state }
    }

    /// Takes in what the inventory declares.
    pub(super) fn declare(&mut self, change: DeclaredChange) {
        self.state.replay.declare(change);
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
        self.state.replay.finish();
        self.state.settle();
        if let Some(error) = self.state.failure.take() {
            return Err(error.into());
        }
        let State { replay, counts, incidents, mut outputs, .. } = self.state;
        if !counts.are_balanced() {
            bail!("records were lost on the way (please report this): {counts:?}");
        }
        let report = Report::new(&replay.monitor, reading, (counts, incidents), &mut outputs)?;
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

    /// Does what the monitor wants done. Last-seen records are written at the end, one for each identity.
    fn settle(&mut self) {
        for effect in self.replay.effects() {
            let Effect::Alert(report) = effect else { continue };
            if let Err(error) = self.outputs.alert(&report) {
                self.failure.get_or_insert(error);
            }
            self.incidents.note(*report);
        }
    }
}

impl Sink for State {
    fn activity(&mut self, activity: Activity<'_>) {
        self.counts.activity(activity.event.time);
        self.replay.activity(activity);
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
