//! The transactional stage: consume → process → produce outputs, changelog and offsets in one transaction.
//!
//! The protocol and its reasons are in `docs/adr/0001-transactional-stage.md`.

mod recovery;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clock::Clock;
use super::log::{Error, Event, Log, Restored, Source};
use super::observer::{Observer, StageKind};
use super::partitions::{Arrival, Life, Partitions};
use super::processor::{Commit, Outbox, Processor, Refusal};
use super::tally::Tally;

/// Longest wait for a message: how late a stop is noticed.
const MAX_POLL: Duration = Duration::from_millis(100);
/// Share of the loop that one step of restoring takes while other partitions run.
const RESTORE_BUDGET: Duration = Duration::from_millis(50);
/// Restoring reports its progress this often.
const RESTORE_REPORT: Duration = Duration::from_secs(5);
/// A transaction is committed early once it holds this much: half of the producer's queue, so that sending never waits for a commit.
const MAX_TRANSACTION_BYTES: u64 = 32 << 20;
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
    /// Assigned partitions whose committed offsets are not known yet.
    pending: Vec<Source>,
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
            pending: Vec::new(),
            next_tick: Duration::ZERO,
            next_report: Duration::ZERO,
            not_before: Duration::ZERO,
            backoff: MIN_BACKOFF,
        }
    }

    /// Runs until `stop` is set, then drains, commits and leaves the group.
    ///
    /// # Errors
    /// Where the stage cannot go on: it was fenced, the client failed, or the changelog may not be read.
    pub fn run(mut self, stop: &AtomicBool) -> Result<(), Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !stop.load(Ordering::Acquire) {
            outcome = self.step();
        }
        if outcome.is_ok() {
            outcome = self.drain();
        }
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
        self.settle_assignment()?;
        self.settle_rewinds()?;
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
        let (outbox, tally) = (&mut self.outbox, &mut self.tally);
        let event = self.log.poll(timeout, &mut |message| {
            let arrival = partitions.arrival(message.source, message.offset);
            came = Some((arrival, message.source));
            if arrival != Arrival::Due {
                return;
            }
            match processor.process(&message, outbox) {
                Ok(records) => tally.read(records),
                Err(refusal) => refused = Some(refusal),
            }
            partitions.processed(message.source, message.offset, message.timestamp);
        });
        if let Some(refusal) = refused {
            return Err(fatal("process", &refusal));
        }
        match event {
            Event::Message => came.map_or(Ok(()), |(arrival, source)| self.after_message(arrival, source)),
            Event::Idle => Ok(()),
            Event::End(source) => {
                self.partitions.ended(source);
                Ok(())
            }
            Event::Assigned(sources) => {
                self.pending.extend(sources);
                Ok(())
            }
            Event::Revoked(sources) => self.revoke(&sources),
            Event::Lost(sources) => self.lose(&sources),
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
            Arrival::Behind => {
                self.partitions.touched(source);
                let detail = format!("partition {} went back by itself", source.partition);
                Err(Error::Abortable { action: "read", detail })
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
        // While something waits, the others' commits do not make its trouble shorter.
        if self.pending.is_empty() && self.partitions.waiting() == 0 {
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

    /// Makes an assignment ours, from its committed offsets on.
    fn settle_assignment(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() || self.clock.monotonic() < self.not_before {
            return Ok(());
        }
        let sources = self.pending.clone();
        let Some(offsets) = self.look_up(&sources)? else { return Ok(()) };
        self.log.take(&sources, &offsets)?;
        self.pending.clear();
        for source in &sources {
            self.start(*source, offsets.get(source).copied())?;
        }
        self.report_assignment();
        tracing::info!(
            stage = self.settings.kind.as_str(),
            partitions = sources.len(),
            "partitions assigned"
        );
        Ok(())
    }

    /// Committed offsets; `None` where they cannot be had now, and are asked for again later.
    ///
    /// The answer may take as long as a transaction may stay open: what is open is committed first.
    fn look_up(
        &mut self,
        sources: &[Source],
    ) -> Result<Option<std::collections::BTreeMap<Source, i64>>, Error> {
        if self.stretch_since.is_some() {
            self.commit()?;
        }
        match self.log.committed(sources) {
            Ok(offsets) => Ok(Some(offsets)),
            Err(error @ Error::Transient { .. }) => {
                tracing::warn!(%error, "committed offsets are not to be had; asking again");
                self.back_off();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn start(&mut self, source: Source, position: Option<i64>) -> Result<(), Error> {
        self.processor.open(source);
        if self.processor.is_stateful() {
            let since = self.clock.monotonic();
            if self.partitions.restores().next().is_none() {
                self.next_report = since + RESTORE_REPORT;
            }
            self.partitions.start(source, Life::Restoring { records: 0, since }, position);
            self.log.restore_begin(source);
            return Ok(());
        }
        self.partitions.start(source, Life::Running, position);
        self.log.resume(&[source])
    }

    fn can_restore(&self) -> bool {
        self.partitions.restores().next().is_some() && self.clock.monotonic() >= self.not_before
    }

    /// Takes the next part of the changelogs that are being restored.
    fn restore(&mut self) -> Result<(), Error> {
        if !self.can_restore() {
            return Ok(());
        }
        let (mut done, mut refused) = (Vec::new(), None);
        let (partitions, processor) = (&mut self.partitions, &mut self.processor);
        self.log.restore_next(RESTORE_BUDGET, &mut |source, restored| match restored {
            Restored::Record(key, value) => {
                if refused.is_none() && partitions.restoring(source) {
                    refused = processor.restore(source, key, value).err().map(|error| (source, error));
                }
            }
            Restored::Done => done.push(source),
        })?;
        if let Some((source, error)) = refused {
            return Err(self.refuse(source, &error));
        }
        self.report_restoring();
        done.into_iter().try_for_each(|source| self.finish_restore(source))
    }

    fn refuse(&self, source: Source, error: &Refusal) -> Error {
        self.observer.restore_failed(source.partition, error.kind);
        let detail = format!("partition {}: {error}", source.partition);
        Error::Fatal { action: "restore state", detail }
    }

    fn finish_restore(&mut self, source: Source) -> Result<(), Error> {
        let Some((records, since)) = self.partitions.run(source) else { return Ok(()) };
        let took = self.clock.monotonic().saturating_sub(since);
        self.processor.restored(source);
        self.observer.restored(source.partition, records, took);
        self.report_assignment();
        tracing::info!(partition = source.partition, records, took_ms = took.as_millis(), "state restored");
        self.log.resume(&[source])
    }

    /// The group takes partitions back: what they led to is committed while they are ours.
    fn revoke(&mut self, sources: &[Source]) -> Result<(), Error> {
        let committed = self.commit();
        self.recover(committed)?;
        self.give_back(sources)
    }

    /// Partitions are another's already: what they led to must not be committed.
    fn lose(&mut self, sources: &[Source]) -> Result<(), Error> {
        tracing::warn!(stage = self.settings.kind.as_str(), partitions = sources.len(), "partitions lost");
        if self.stretch_since.is_some() {
            self.roll_back("lost")?;
        }
        self.give_back(sources)?;
        self.observer.unassigned(self.settings.kind, self.settings.worker);
        Ok(())
    }

    /// Answers the group also where nothing is left to give: what was revoked may be lost before that is done.
    fn give_back(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.log.restore_stop(sources);
        let mut ours = Vec::new();
        for source in sources {
            if self.partitions.remove(*source) {
                self.processor.close(*source);
                ours.push(*source);
            }
        }
        let is_given_back = |source: &mut Source| sources.contains(source);
        ours.extend(self.pending.extract_if(.., is_given_back));
        self.report_assignment();
        self.log.release(&ours)
    }

    fn poll_timeout(&self) -> Duration {
        if self.can_restore() {
            return Duration::ZERO;
        }
        let now = self.clock.monotonic();
        let until_tick = self.next_tick.saturating_sub(now);
        let until_commit = match self.stretch_since {
            Some(since) => (since + self.settings.commit_interval).saturating_sub(now),
            None => MAX_POLL,
        };
        until_commit.min(until_tick.max(Duration::from_millis(1))).min(MAX_POLL)
    }

    fn report_restoring(&mut self) {
        let now = self.clock.monotonic();
        if now < self.next_report {
            return;
        }
        self.next_report = now + RESTORE_REPORT;
        for (source, records) in self.partitions.restores() {
            self.observer.restoring(source.partition, records);
            tracing::info!(partition = source.partition, records, "restoring state");
        }
    }

    fn report_assignment(&self) {
        let Settings { kind, worker, .. } = self.settings;
        self.observer.assigned(kind, worker, self.partitions.len(), self.partitions.waiting());
    }
}

fn fatal(action: &'static str, refusal: &Refusal) -> Error {
    Error::Fatal { action, detail: refusal.to_string() }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
