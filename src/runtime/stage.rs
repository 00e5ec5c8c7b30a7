//! The transactional stage: consume → process → produce outputs, changelog and offsets in one transaction.
//!
//! The protocol and its reasons are in `docs/adr/0001-transactional-stage.md`.

mod assignment;
mod losses;
mod recovery;
mod restoring;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::log::{Error, Event, Log, Restored, Source};
use super::observer::{Observer, StageKind};
use super::partitions::{Arrival, Life, Partitions};
use super::processor::{Commit, Outbox, Processor, Refusal};
use super::tally::Tally;
use super::watchdog::Pulse;

/// Longest wait for a message: how late a stop is noticed.
const MAX_POLL: Duration = Duration::from_millis(100);
/// Share of the loop that one step of restoring takes while other partitions run.
const RESTORE_BUDGET: Duration = Duration::from_millis(50);
/// Restoring reports its progress this often.
const RESTORE_REPORT: Duration = Duration::from_secs(5);
/// A transaction is committed early once it holds this much: half of the producer's queue, so that sending never waits for a commit.
const MAX_TRANSACTION_BYTES: u64 = 32 << 20;
/// Most tries to commit what is left at the end. Rebalances abort some of them while many members leave.
const MAX_DRAINS: u32 = 5;
/// First and longest pause after an aborted transaction or a failed look-up of offsets.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// See [`MIN_BACKOFF`].
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How a stage runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which stage.
    pub kind: StageKind,
    /// Which of its workers, from 0.
    pub worker: usize,
    /// Longest time between commits.
    pub commit_interval: Duration,
    /// Most input records between commits.
    pub commit_records: u64,
    /// Time between ticks.
    pub tick_interval: Duration,
}

/// One worker: a loop over a log and a processor.
pub struct Stage<L, P> {
    log: L,
    processor: P,
    settings: Settings,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    partitions: Partitions,
    outbox: Outbox,
    tally: Tally,
    /// When the stretch of input that is not committed yet began.
    stretch_since: Option<Duration>,
    in_transaction: bool,
    /// The open transaction is to be aborted, and Kafka could not do that yet: until it can, nothing else is done.
    is_aborting: bool,
    /// An assignment, maybe of nothing, that the group waits to see taken: the committed offsets are not known yet.
    pending: Option<Vec<Source>>,
    /// Partitions that may have lost messages.
    doubts: BTreeSet<Source>,
    next_tick: Duration,
    next_report: Duration,
    not_before: Duration,
    backoff: Duration,
}

impl<L: Log, P: Processor> Stage<L, P> {
    /// A stage that owns no partitions yet.
    pub fn new(
        log: L,
        processor: P,
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            log,
            processor,
            settings,
            clock,
            observer,
            partitions: Partitions::default(),
            outbox: Outbox::new(),
            tally: Tally::default(),
            stretch_since: None,
            in_transaction: false,
            is_aborting: false,
            pending: None,
            doubts: BTreeSet::new(),
            next_tick: Duration::ZERO,
            next_report: Duration::ZERO,
            not_before: Duration::ZERO,
            backoff: MIN_BACKOFF,
        }
    }

    /// Runs until `stop` is set, then drains, commits and leaves the group. Each turn is a beat of `pulse`.
    ///
    /// # Errors
    /// Where the stage cannot go on: it was fenced, the client failed, or the changelog may not be read.
    pub fn run(mut self, stop: &AtomicBool, pulse: &Pulse) -> Result<(), Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !stop.load(Ordering::Acquire) {
            pulse.beat();
            outcome = self.step();
        }
        if outcome.is_ok() {
            outcome = self.finish(pulse);
        }
        pulse.beat();
        self.end(outcome)
    }

    /// Ends what is open, and leaves the group. Nothing else is called afterwards.
    fn end(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        self.abort_the_rest();
        self.log.close();
        outcome
    }

    /// A transaction left open would hold up readers until the broker times it out.
    fn abort_the_rest(&mut self) {
        if !self.in_transaction {
            return;
        }
        if let Err(error) = self.log.abort() {
            tracing::warn!(%error, "the last transaction could not be aborted");
        }
    }

    /// One turn of the loop: one poll, and what is due.
    ///
    /// # Errors
    /// As [`Stage::run`].
    pub fn step(&mut self) -> Result<(), Error> {
        let turn = self.turn();
        self.recover(turn)
    }

    /// Drains. Where a rebalance aborts the last commit, as when other members leave at the same time, it is done again.
    fn finish(&mut self, pulse: &Pulse) -> Result<(), Error> {
        for _ in 1..MAX_DRAINS {
            pulse.beat();
            match self.drain() {
                aborted @ Err(Error::Abortable { .. }) => self.recover(aborted)?,
                outcome => return outcome,
            }
            while self.is_waiting() {
                pulse.beat();
                self.step()?;
            }
        }
        pulse.beat();
        self.drain()
    }

    /// Whether the group or Kafka owes an answer before all partitions can drain.
    fn is_waiting(&self) -> bool {
        let has_state = self.processor.is_stateful();
        let mut unheard = self.partitions.running().filter(|(_, owned)| has_state && owned.is_unheard());
        self.is_aborting
            || self.pending.is_some()
            || self.partitions.waiting() > 0
            || unheard.next().is_some()
    }

    /// Publishes what would have been published later, and commits.
    ///
    /// # Errors
    /// Where the last transaction could not be committed; its input is read again by the next owner.
    pub fn drain(&mut self) -> Result<(), Error> {
        let wall = self.clock.wall();
        let due: Vec<_> = self.tick_times(wall);
        for (source, now) in due {
            self.processor.drain(source, now, &mut self.outbox);
            self.partitions.touched(source);
            self.begin_stretch();
        }
        self.commit()
    }

    fn turn(&mut self) -> Result<(), Error> {
        let polled = self.poll();
        self.pass_over(polled)?;
        if self.waits_for_abort()? {
            return Ok(());
        }
        self.settle_assignment()?;
        self.settle_rewinds()?;
        self.settle_doubts()?;
        let restored = self.restore();
        if matches!(restored, Err(Error::Transient { .. })) {
            self.back_off();
        }
        self.pass_over(restored)?;
        self.tick()?;
        self.commit_if_due()
    }

    /// Polls once, and acts on what came.
    fn poll(&mut self) -> Result<(), Error> {
        let mut came = None;
        let mut refused = None;
        let timeout = self.poll_timeout();
        let (partitions, processor) = (&mut self.partitions, &mut self.processor);
        let (outbox, tally, doubts) = (&mut self.outbox, &mut self.tally, &self.doubts);
        let clock = &self.clock;
        let event = self.log.poll(timeout, &mut |message| {
            let arrival = match partitions.arrival(message.source, message.offset) {
                Arrival::Due if doubts.contains(&message.source) => Arrival::Doubtful,
                arrival => arrival,
            };
            came = Some((arrival, message.source));
            if arrival != Arrival::Due {
                return;
            }
            match processor.process(&message, outbox) {
                Ok(records) => tally.read(records),
                Err(refusal) => refused = Some(refusal),
            }
            // Producers stamp by their own clocks: one that runs ahead must not make its partition look further read than it is.
            let received = message.timestamp.min(clock.wall());
            partitions.processed(message.source, message.offset, received);
        });
        if let Some(refusal) = refused {
            return Err(fatal("process", &refusal));
        }
        match event {
            Event::Message => came.map_or(Ok(()), |(arrival, source)| self.after_message(arrival, source)),
            Event::Idle => Ok(()),
            Event::End(source) => {
                // While in doubt its messages are passed by: that end is not ours.
                if !self.doubts.contains(&source) {
                    self.partitions.ended(source);
                }
                Ok(())
            }
            Event::Assigned(sources) => {
                self.pending.get_or_insert_default().extend(sources);
                Ok(())
            }
            Event::Revoked(sources) => self.revoke(&sources),
            Event::Lost(sources) => self.lose(&sources),
            Event::Doubt(sources) => {
                sources.into_iter().for_each(|source| self.doubt(source));
                Ok(())
            }
            Event::Error(error) => Err(error),
        }
    }

    fn after_message(&mut self, arrival: Arrival, source: Source) -> Result<(), Error> {
        match arrival {
            Arrival::Due => {
                self.begin_stretch();
                self.send()
            }
            Arrival::Early => self.put_back(source),
            Arrival::Doubtful => {
                self.doubt(source);
                Ok(())
            }
            Arrival::Astray => Ok(()),
        }
    }

    fn begin_stretch(&mut self) {
        if self.stretch_since.is_none() {
            self.stretch_since = Some(self.clock.monotonic());
        }
    }

    /// Hands everything in the outbox to the producer.
    fn send(&mut self) -> Result<(), Error> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        self.begin()?;
        for record in self.outbox.drain() {
            self.log.send(&record).map_err(Error::within_transaction)?;
            self.tally.sent(&record);
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.in_transaction {
            self.log.begin().map_err(Error::within_transaction)?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        if now < self.next_tick {
            return Ok(());
        }
        self.next_tick = now + self.settings.tick_interval;
        for (source, time) in self.tick_times(self.clock.wall()) {
            self.processor.tick(source, time, &mut self.outbox);
            // A stateful processor's memory may have changed even where it says nothing.
            if self.processor.is_stateful() || !self.outbox.is_empty() {
                self.partitions.touched(source);
                self.begin_stretch();
            }
        }
        self.send()
    }

    fn tick_times(&self, wall: crate::time::ProcessingTime) -> Vec<(Source, crate::time::ProcessingTime)> {
        let running = self.partitions.running();
        running.filter_map(|(source, owned)| Some((source, owned.tick_time(wall)?))).collect()
    }

    fn commit_if_due(&mut self) -> Result<(), Error> {
        let Some(since) = self.stretch_since else { return Ok(()) };
        let is_old = self.clock.monotonic().saturating_sub(since) >= self.settings.commit_interval;
        let is_big = self.tally.records() >= self.settings.commit_records
            || self.tally.bytes() >= MAX_TRANSACTION_BYTES;
        if is_old || is_big { self.commit() } else { Ok(()) }
    }

    /// Commits everything since the last commit, where there is anything.
    fn commit(&mut self) -> Result<(), Error> {
        if self.is_aborting {
            return Ok(());
        }
        let begun = self.clock.monotonic();
        self.processor.before_commit(&mut self.outbox).map_err(|refusal| fatal("store state", &refusal))?;
        self.send()?;
        if self.in_transaction || self.tally.has_read() {
            self.begin()?;
            self.log.commit(&self.partitions.frontier()).map_err(Error::within_transaction)?;
            self.in_transaction = false;
            self.report_commit(begun);
        }
        self.stretch_since = None;
        self.partitions.committed();
        self.processor.between();
        // While something waits, the others' commits do not make its trouble shorter.
        if self.pending.is_none() && self.partitions.waiting() == 0 {
            self.backoff = MIN_BACKOFF;
        }
        Ok(())
    }

    fn report_commit(&mut self, begun: Duration) {
        let took = self.clock.monotonic().saturating_sub(begun);
        self.processor.committed(Commit { at: self.clock.wall(), took });
        self.observer.committed(self.settings.kind, took, self.tally.records());
        self.tally.report(&*self.observer);
        self.tally = Tally::default();
    }

    fn poll_timeout(&self) -> Duration {
        if self.can_restore() {
            return Duration::ZERO;
        }
        let now = self.clock.monotonic();
        let until_tick = self.next_tick.saturating_sub(now);
        if self.is_aborting {
            return MAX_POLL;
        }
        let until_commit = match self.stretch_since {
            Some(since) => (since + self.settings.commit_interval).saturating_sub(now),
            None => MAX_POLL,
        };
        until_commit.min(until_tick.max(Duration::from_millis(1))).min(MAX_POLL)
    }
}

fn fatal(action: &'static str, refusal: &Refusal) -> Error {
    Error::Fatal { action, detail: refusal.to_string() }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
