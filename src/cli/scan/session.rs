//! The core over a sequence of payloads. The stream's time is the newest event time so far: what waits for time to
//! pass sees that, so that two scans of the same files say the same, whenever they are run.

use std::io;
use std::sync::Arc;

use anyhow::bail;

use super::super::exit::Failure;
use super::super::replay::Replay;
use super::super::settings::enrichment;
use super::report::Counts;
use crate::activity::Activity;
use crate::config::Config;
use crate::decode::FormatHint;
use crate::detect::Detectors;
use crate::detect::finding::IncidentReport;
use crate::files::Chunk;
use crate::identity::DeclaredChange;
use crate::ingest::{Ingest, Payload, Rejected, Sink};
use crate::monitor::{Effect, Monitor};
use crate::time::ProcessingTime;

/// What holds for all payloads of a scan.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Settings {
    /// What they carry.
    pub(in crate::cli) format: FormatHint,
    /// When the scan is made: no event can be later.
    pub(in crate::cli) as_of: ProcessingTime,
}

/// Takes the alerts of a scan.
pub(in crate::cli) trait Results {
    /// An alert of a core, by its place among the sets of detectors.
    ///
    /// # Errors
    /// Where it cannot be written; the scan ends.
    fn alert(&mut self, core: usize, report: IncidentReport) -> io::Result<()>;
}

/// One scan: every record is decoded once, and taken in by one core for each set of detectors.
pub(in crate::cli) struct Session<R> {
    settings: Settings,
    ingest: Ingest,
    state: State<R>,
}

/// What is known at the end of a scan.
pub(in crate::cli) struct Finished<R> {
    /// The cores' monitors, in the order of the sets of detectors.
    pub(in crate::cli) monitors: Vec<Monitor>,
    /// What became of the records.
    pub(in crate::cli) counts: Counts,
    /// What took the alerts.
    pub(in crate::cli) results: R,
}

/// What payloads turn into.
struct State<R> {
    replay: Replay,
    counts: Counts,
    results: R,
    place: (String, u64),
    /// The first time that a result could not be written.
    failure: Option<io::Error>,
}

impl<R: Results> Session<R> {
    /// A scan by these settings and sets of detectors.
    ///
    /// # Errors
    /// Where what the settings let know of addresses cannot be read.
    pub(in crate::cli) fn new(
        config: &Config,
        sets: &[Arc<Detectors>],
        settings: Settings,
        results: R,
    ) -> Result<Self, Failure> {
        let mut ingest = Ingest::new(config.limits.clone());
        ingest.enrich(Arc::new(enrichment(config)?));
        let state = State {
            replay: Replay::new(config, sets),
            counts: Counts::default(),
            results,
            place: (String::new(), 0),
            failure: None,
        };
        Ok(Self { settings, ingest, state })
    }

    /// Takes in what the inventory declares.
    pub(in crate::cli) fn declare(&mut self, change: DeclaredChange) {
        self.state.replay.declare(change);
        self.state.settle();
    }

    /// Takes in one payload of the file `source`.
    ///
    /// # Errors
    /// Where a result cannot be written.
    pub(in crate::cli) fn take(&mut self, source: &str, chunk: &Chunk<'_>) -> io::Result<()> {
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
    pub(in crate::cli) const fn records(&self) -> u64 {
        self.state.counts.records
    }

    /// Lets time pass to the newest event.
    ///
    /// # Errors
    /// Where a result cannot be written, or a record was lost on the way.
    pub(in crate::cli) fn finish(mut self) -> anyhow::Result<Finished<R>> {
        self.state.replay.finish();
        self.state.settle();
        if let Some(error) = self.state.failure.take() {
            return Err(error.into());
        }
        let State { replay, counts, results, .. } = self.state;
        if !counts.are_balanced() {
            bail!("records were lost on the way (please report this): {counts:?}");
        }
        Ok(Finished { monitors: replay.into_monitors(), counts, results })
    }

    fn payload<'a>(&self, source: &'a str, offset: i64, bytes: &'a [u8]) -> Payload<'a> {
        let Settings { format, as_of } = self.settings;
        Payload { bytes, source, partition: 0, offset, received: as_of, format }
    }
}

impl<R: Results> State<R> {
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

    /// Does what the monitors want done. Last-seen records are written at the end, one for each identity.
    fn settle(&mut self) {
        for (place, effect) in self.replay.effects() {
            let Effect::Alert(report) = effect else { continue };
            if let Err(error) = self.results.alert(place, *report) {
                self.failure.get_or_insert(error);
            }
        }
    }
}

impl<R: Results> Sink for State<R> {
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
