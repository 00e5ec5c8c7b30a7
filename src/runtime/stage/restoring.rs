//! How a stage brings the state of its partitions back, in parts, while others run.

use super::{Error, Log, Processor, RESTORE_BUDGET, RESTORE_REPORT, Refusal, Restored, Source, Stage};

impl<L: Log, P: Processor> Stage<L, P> {
    pub(super) fn can_restore(&self) -> bool {
        !self.is_aborting
            && self.partitions.restores().next().is_some()
            && self.clock.monotonic() >= self.not_before
    }

    /// Takes the next part of the changelogs that are being restored.
    pub(super) fn restore(&mut self) -> Result<(), Error> {
        if !self.can_restore() {
            return Ok(());
        }
        let (mut done, mut refused) = (Vec::new(), None);
        let (partitions, processor) = (&mut self.partitions, &mut self.processor);
        let outcome = self.log.restore_next(RESTORE_BUDGET, &mut |source, restored| match restored {
            Restored::Record(key, value) => {
                if refused.is_none() && partitions.restoring(source) {
                    refused = processor.restore(source, key, value).err().map(|error| (source, error));
                }
            }
            Restored::Done => done.push(source),
        });
        // What was handed over before the trouble does not come again.
        if let Some((source, error)) = refused {
            return Err(self.refuse(source, &error));
        }
        self.report_restoring();
        done.into_iter().try_for_each(|source| self.finish_restore(source))?;
        outcome
    }

    pub(super) fn refuse(&self, source: Source, error: &Refusal) -> Error {
        self.observer.restore_failed(source.partition, error.kind);
        let detail = format!("partition {}: {error}", source.partition);
        Error::Fatal { action: "restore state", detail }
    }

    pub(super) fn finish_restore(&mut self, source: Source) -> Result<(), Error> {
        let Some((records, since)) = self.partitions.run(source) else { return Ok(()) };
        let took = self.clock.monotonic().saturating_sub(since);
        self.processor.restored(source);
        self.observer.restored(source.partition, records, took);
        self.report_assignment();
        tracing::info!(partition = source.partition, records, took_ms = took.as_millis(), "state restored");
        self.log.resume(&[source])
    }

    pub(super) fn report_restoring(&mut self) {
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
}
