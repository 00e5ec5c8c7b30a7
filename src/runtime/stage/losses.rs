//! What a stage does about messages that cannot be read any more: says so, and goes on after them.

use std::collections::BTreeMap;

use super::{Error, Log, Processor, Source, Stage};
use crate::runtime::log::{Loss, LossReason};

impl<L: Log, P: Processor> Stage<L, P> {
    /// Notes that a partition of ours may have lost messages.
    pub(super) fn doubt(&mut self, source: Source) {
        if self.partitions.doubted(source) {
            self.doubts.insert(source);
        }
    }

    /// Looks whether partitions in doubt have lost anything, and lets them go on. Until that is known, their messages are passed
    /// by: they are read again. What does not run yet is looked at once it does, as maybe no message comes that would show the loss.
    pub(super) fn settle_doubts(&mut self) -> Result<(), Error> {
        if self.doubtful_positions().is_empty() || self.clock.monotonic() < self.not_before {
            return Ok(());
        }
        // The answer may take as long as a transaction may stay open.
        if self.stretch_since.is_some() {
            self.commit()?;
        }
        let settled = self.look_for_losses();
        if matches!(settled, Err(Error::Transient { .. })) {
            self.back_off();
        }
        self.pass_over(settled)
    }

    fn look_for_losses(&mut self) -> Result<(), Error> {
        let positions = self.doubtful_positions();
        for loss in self.log.losses(&positions)? {
            self.take_loss(loss)?;
        }
        for source in positions.into_keys() {
            self.log.seek(source, self.partitions.position(source))?;
            self.partitions.looked_at(source);
            self.doubts.remove(&source);
        }
        Ok(())
    }

    fn doubtful_positions(&self) -> BTreeMap<Source, Option<i64>> {
        let running = self.partitions.running().filter(|(source, _)| self.doubts.contains(source));
        running.map(|(source, owned)| (source, owned.position)).collect()
    }

    /// The loss is told in the transaction that commits the offset after it, so that it is told once.
    fn take_loss(&mut self, loss: Loss) -> Result<(), Error> {
        self.partitions.passed_over(loss.source, loss.to);
        self.begin_stretch();
        if loss.reason != LossReason::Marker {
            say(&loss);
            self.processor.lost(&loss, &mut self.outbox);
        }
        self.tally.lost(loss);
        self.send()
    }
}

fn say(loss: &Loss) {
    let (topic, partition) = (&loss.topic, loss.source.partition);
    if !loss.is_certain() {
        tracing::info!(topic, partition, from = loss.to, "no committed offset: read from the beginning");
        return;
    }
    tracing::error!(
        topic,
        partition,
        reason = loss.reason.as_str(),
        offsets = loss.offsets(),
        from = loss.from,
        to = loss.to,
        "messages were lost before they were read; reading goes on after them"
    );
}
