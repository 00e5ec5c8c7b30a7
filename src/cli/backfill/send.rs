//! Sends the records of an archive, each once: those that a former process has sent are passed over.

use std::time::Duration;

use anyhow::{Context, bail};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::covered::Covered;
use super::plan::Plan;
use crate::cli::topic;
use crate::config::Config;
use crate::kafka::backfill::{Feeder, Message};
use crate::runtime::clock::{self, Clock as _, SystemClock};
use crate::wire::backfill::{Position, Stage};

/// Shortest pause: less is not worth it.
const LEAST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause at a time, so that what is open is committed in between.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// One run on its way.
pub(super) struct Sender {
    feeder: Feeder,
    paths: Vec<String>,
    /// What a former process has done.
    done: Option<Position>,
    /// Records in the order of the archive, and what they come to.
    records: u64,
    check: u64,
    /// Records sent by this process, since when, and how many a second at most.
    sent: u64,
    clock: SystemClock,
    rate: Option<u32>,
}

impl Sender {
    /// Takes the run over from whoever had it before.
    pub(super) fn start(
        config: &Config,
        plan: &Plan,
        rate: Option<u32>,
        is_anew: bool,
    ) -> anyhow::Result<Self> {
        let feeder = Feeder::start(config, &plan.run).context("the archive cannot be fed in")?;
        let done = if is_anew { None } else { position(config, &plan.run)? };
        let (paths, clock) = (plan.paths.clone(), SystemClock::start());
        Ok(Self { feeder, paths, done, records: 0, check: 0, sent: 0, clock, rate })
    }

    /// Records that a former process has sent.
    pub(super) fn done(&self) -> u64 {
        self.done.as_ref().map_or(0, |done| done.records)
    }

    /// Records sent by this process.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Takes the next record of the archive; says whether it was sent.
    pub(super) fn take(&mut self, message: Message) -> anyhow::Result<bool> {
        self.records += 1;
        self.check = xxh3_64_with_seed(&message.value, self.check);
        if self.records <= self.done() {
            if self.records == self.done() {
                self.compare()?;
            }
            return Ok(false);
        }
        self.feeder.send(message)?;
        self.sent += 1;
        self.keep()?;
        self.pace()?;
        Ok(true)
    }

    /// Commits what has been open for long enough.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        if self.feeder.is_due() {
            self.commit(Stage::Sending)?;
        }
        Ok(())
    }

    /// Commits the end of the archive; says whether it must be waited for until all is taken in. What was told of it before was waited for: it
    /// is told anew at once, since what could not be read then may be gone from the archive now.
    pub(super) fn finish(&mut self) -> anyhow::Result<bool> {
        if self.records < self.done() {
            return self.differs();
        }
        let is_told = self.done.as_ref().is_some_and(|done| done.stage == Stage::Told);
        if is_told && self.sent == 0 {
            return Ok(false);
        }
        if self.feeder.is_open() {
            self.commit(Stage::Sending)?;
        }
        // In a transaction after the last record's: by then that one's end can be read.
        self.commit(Stage::Sent)?;
        Ok(true)
    }

    /// Tells which hours are covered.
    pub(super) fn tell(&mut self, covered: &Covered, topic: &str) -> anyhow::Result<()> {
        for statement in covered.statements() {
            self.feeder.state(topic, &statement)?;
            if self.feeder.is_due() {
                self.commit(Stage::Sent)?;
            }
        }
        self.commit(Stage::Told)
    }

    fn compare(&self) -> anyhow::Result<()> {
        let is_same = self.done.as_ref().is_some_and(|done| done.check == hex(self.check));
        if is_same { Ok(()) } else { self.differs().map(drop) }
    }

    fn differs(&self) -> anyhow::Result<bool> {
        let at = self.done.as_ref().map(|done| done.at.clone()).unwrap_or_default();
        bail!(
            "the archive is not what it was when {} of its records were sent ({at}): files came or went. Nothing was sent now. \
             Name a time from which on it is new (--since), or send all of it again (--restart): records that were sent \
             count twice then",
            self.done()
        )
    }

    fn commit(&mut self, stage: Stage) -> anyhow::Result<()> {
        let position = Position::new(self.records, hex(self.check), stage, &self.paths, clock::now());
        self.feeder.commit(&position)?;
        Ok(())
    }

    /// Waits where this is faster than it may be.
    fn pace(&mut self) -> anyhow::Result<()> {
        let Some(rate) = self.rate else { return Ok(()) };
        let due = Duration::from_secs_f64(self.sent as f64 / f64::from(rate));
        loop {
            let ahead = due.saturating_sub(self.clock.monotonic());
            if ahead < LEAST_PAUSE {
                return Ok(());
            }
            self.keep()?;
            std::thread::sleep(ahead.min(LONGEST_PAUSE));
        }
    }
}

/// How far a run has come, as far as anybody wrote it down.
fn position(config: &Config, run: &str) -> anyhow::Result<Option<Position>> {
    let mut newest = None;
    topic::read_to_end(config, &config.topics.backfill, "backfill", |key, value| {
        if key == Some(run.as_bytes()) {
            newest = value.map(<[u8]>::to_vec);
        }
    })?;
    let read = |value: Vec<u8>| serde_json::from_slice(&value);
    newest
        .map(read)
        .transpose()
        .with_context(|| format!("topic {}: the position of run {run}", config.topics.backfill))
}

fn hex(check: u64) -> String {
    format!("{check:016x}")
}
