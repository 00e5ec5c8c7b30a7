//! What a stage does about trouble: passes over it, or aborts and starts again from what is committed.

use super::{Error, Life, Log, MAX_BACKOFF, Outbox, Processor, Source, Stage, Tally};

impl<L: Log, P: Processor> Stage<L, P> {
    /// Turns an abortable error into a roll-back; passes the others on.
    pub(super) fn recover(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        match outcome {
            Err(error @ Error::Abortable { .. }) => {
                tracing::warn!(stage = self.settings.kind.as_str(), %error, "transaction aborted");
                self.roll_back(error.kind())
            }
            other => self.pass_over(other),
        }
    }

    /// Trouble that passes by itself must not put off what is due: the broker ends a transaction that stays open for too long.
    pub(super) fn pass_over(&self, outcome: Result<(), Error>) -> Result<(), Error> {
        match outcome {
            Err(error @ Error::Transient { .. }) => {
                tracing::warn!(stage = self.settings.kind.as_str(), %error, "trouble with Kafka");
                Ok(())
            }
            other => other,
        }
    }

    /// Aborts, and brings every changed partition back to what is committed.
    pub(super) fn roll_back(&mut self, reason: &'static str) -> Result<(), Error> {
        self.log.abort()?;
        self.in_transaction = false;
        self.stretch_since = None;
        self.outbox = Outbox::new();
        self.tally = Tally::default();
        self.rewind(&self.partitions.changed())?;
        self.processor.aborted();
        self.observer.aborted(self.settings.kind, reason);
        Ok(())
    }

    /// Lets partitions start again from what is committed, after a pause.
    pub(super) fn rewind(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.log.pause(sources)?;
        self.log.restore_stop(sources);
        for source in sources {
            self.processor.close(*source);
            self.partitions.start(*source, Life::Rewinding, None);
        }
        self.back_off();
        self.report_assignment();
        Ok(())
    }

    /// Brings partitions of an aborted transaction back to their committed offsets.
    pub(super) fn settle_rewinds(&mut self) -> Result<(), Error> {
        if self.clock.monotonic() < self.not_before {
            return Ok(());
        }
        let sources = self.partitions.rewinding();
        if sources.is_empty() {
            return Ok(());
        }
        let Some(offsets) = self.look_up(&sources)? else { return Ok(()) };
        for source in sources {
            self.settle_rewind(source, offsets.get(&source).copied())?;
        }
        self.report_assignment();
        Ok(())
    }

    /// Where the seek fails, the partition stays as it is, and its turn comes again.
    pub(super) fn settle_rewind(&mut self, source: Source, offset: Option<i64>) -> Result<(), Error> {
        match self.log.seek(source, offset) {
            Err(error @ Error::Transient { .. }) => {
                self.back_off();
                self.pass_over(Err(error))
            }
            Err(error) => Err(error),
            Ok(()) => self.start(source, offset),
        }
    }

    /// Reads messages again that came too early: from where the partition will begin. Where that cannot be arranged, it starts again
    /// from what is committed, since going on would skip them.
    pub(super) fn put_back(&mut self, source: Source) -> Result<(), Error> {
        // One that rewinds is sought anyway.
        let Some(begin) = self.partitions.restores_from(source) else { return Ok(()) };
        match self.log.seek(source, begin) {
            Err(error @ Error::Transient { .. }) => {
                tracing::warn!(partition = source.partition, %error, "partition is read again from its committed offset");
                self.rewind(&[source])
            }
            other => other,
        }
    }

    pub(super) fn back_off(&mut self) {
        self.not_before = self.clock.monotonic() + self.backoff;
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
    }
}
