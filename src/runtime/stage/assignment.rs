//! What a stage does as the group gives it partitions and takes them back.

use std::collections::BTreeMap;

use super::{Error, Life, Log, Processor, RESTORE_REPORT, Settings, Source, Stage};

impl<L: Log, P: Processor> Stage<L, P> {
    /// Makes an assignment ours, from its committed offsets on.
    pub(super) fn settle_assignment(&mut self) -> Result<(), Error> {
        if self.clock.monotonic() < self.not_before {
            return Ok(());
        }
        let Some(sources) = self.pending.clone() else { return Ok(()) };
        let Some(offsets) = self.look_up(&sources)? else { return Ok(()) };
        self.log.take(&sources, &offsets)?;
        self.pending = None;
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
    pub(super) fn look_up(&mut self, sources: &[Source]) -> Result<Option<BTreeMap<Source, i64>>, Error> {
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

    pub(super) fn start(&mut self, source: Source, position: Option<i64>) -> Result<(), Error> {
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

    /// The group takes partitions back: what they led to is committed while they are ours.
    pub(super) fn revoke(&mut self, sources: &[Source]) -> Result<(), Error> {
        let committed = self.commit();
        self.recover(committed)?;
        self.give_back(sources)
    }

    /// Partitions are another's already: what they led to must not be committed.
    pub(super) fn lose(&mut self, sources: &[Source]) -> Result<(), Error> {
        tracing::warn!(stage = self.settings.kind.as_str(), partitions = sources.len(), "partitions lost");
        if self.stretch_since.is_some() {
            self.roll_back("lost")?;
        }
        self.give_back(sources)?;
        self.observer.unassigned(self.settings.kind, self.settings.worker);
        Ok(())
    }

    /// Answers the group also where nothing is left to give: what was revoked may be lost before that is done.
    pub(super) fn give_back(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.log.restore_stop(sources);
        let mut ours = Vec::new();
        for source in sources {
            self.doubts.remove(source);
            if self.partitions.remove(*source) {
                self.processor.close(*source);
                ours.push(*source);
            }
        }
        // With this answer the group has the one to the assignment, too: what is left of it is only to be read.
        let (given_back, left): (Vec<_>, Vec<_>) =
            self.pending.take().into_iter().flatten().partition(|source| sources.contains(source));
        self.pending = (!left.is_empty()).then_some(left);
        ours.extend(given_back);
        self.report_assignment();
        self.log.release(&ours)
    }

    pub(super) fn report_assignment(&self) {
        let Settings { kind, worker, .. } = self.settings;
        self.observer.assigned(kind, worker, self.partitions.len(), self.partitions.waiting());
    }
}
