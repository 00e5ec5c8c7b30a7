//! The life of the partitions that a worker owns, as a pure state machine.
//!
//! ```text
//!                 ┌──── stateless ────┐
//!                 │                   ▼
//!     assigned ───┴─► restoring ─1─► running
//!                       │   ▲         │   ▲
//!                       2   3         4   3 stateless
//!                       ▼   │         ▼   │
//!                     ──────── rewinding ────────
//!
//!     released: out of any of these, when revoked or lost
//! ```
//!
//! 1. Its changelog was read to its end.
//! 2. A message came early, and could not be sought again.
//! 3. Its committed offset was found and sought.
//! 4. A transaction was aborted that it had part in, or a message came again that was processed before.
//!
//! What is asked of a partition that is not ours, or not in the life that it takes, changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::log::Source;
use crate::time::ProcessingTime;

/// What a partition is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its state is read from the changelog; its messages are paused.
    Restoring {
        /// Records so far.
        records: u64,
        /// When it began, by the monotonic clock.
        since: Duration,
    },
    /// Its messages are processed.
    Running,
    /// A transaction that changed it was aborted: its committed offset is asked for.
    Rewinding,
}

/// What to make of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Its partition runs, and has come to it.
    Due,
    /// It was fetched before its partition was paused, and is read again once that runs.
    Early,
    /// It is not the one that may come next: messages may have been lost before it, or the client went back by itself. It is read
    /// again once that is known.
    Doubtful,
    /// Its partition is not ours.
    Astray,
}

/// One partition that is ours.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    /// What it is doing.
    pub(crate) life: Life,
    /// Next offset to read, where one is known: from a message, or committed earlier.
    pub(crate) position: Option<i64>,
    /// Whether its state may differ from the changelog's.
    pub(crate) changed: bool,
    /// Whether it was read to its end, and nothing came since.
    caught_up: bool,
    /// Newest record time seen; never goes back.
    stream_time: Option<ProcessingTime>,
    /// Whether no message came yet since its life began, and it was not looked for losses either.
    is_first: bool,
}

impl Owned {
    fn fresh(life: Life, position: Option<i64>) -> Self {
        Self { life, position, changed: false, caught_up: false, stream_time: None, is_first: true }
    }

    /// Whether a message of this offset may come next. Later ones may, as markers of transactions and what was compacted leave
    /// holes; but the first one shows whether what was committed is still there, and none comes from before.
    fn expects(&self, offset: i64) -> bool {
        match self.position {
            Some(next) => offset == next || (offset > next && !self.is_first),
            None => !self.is_first,
        }
    }

    /// The time that a tick may pass on, where there is one.
    ///
    /// None where no offset is known: such a partition has no state, and a transaction that a tick opened could not name
    /// an offset, by which alone the coordinator recognises a former owner.
    pub(crate) fn tick_time(&self, wall: ProcessingTime) -> Option<ProcessingTime> {
        self.position?;
        if self.caught_up { Some(wall) } else { self.stream_time }
    }

    /// Whether nothing came since it runs, neither a message nor its end: what time it is there is not known.
    pub(crate) const fn is_unheard(&self) -> bool {
        self.position.is_some() && !self.caught_up && self.stream_time.is_none()
    }
}

/// All partitions of a worker.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    owned: BTreeMap<Source, Owned>,
}

impl Partitions {
    /// Puts a partition at the start of its life, to be read from `position`.
    pub(crate) fn start(&mut self, source: Source, life: Life, position: Option<i64>) {
        self.owned.insert(source, Owned::fresh(life, position));
    }

    /// Counts a changelog record of a partition that is being restored; `false` where it is not.
    pub(crate) fn restoring(&mut self, source: Source) -> bool {
        match self.owned.get_mut(&source).map(|owned| &mut owned.life) {
            Some(Life::Restoring { records, .. }) => {
                *records += 1;
                true
            }
            _ => false,
        }
    }

    /// Lets a restored partition run. Returns how many records that took, and since when; `None` where it was not restoring.
    pub(crate) fn run(&mut self, source: Source) -> Option<(u64, Duration)> {
        let owned = self.owned.get_mut(&source)?;
        let Life::Restoring { records, since } = owned.life else { return None };
        owned.life = Life::Running;
        Some((records, since))
    }

    /// Whether a message may be processed now.
    pub(crate) fn arrival(&self, source: Source, offset: i64) -> Arrival {
        match self.owned.get(&source) {
            Some(owned) if owned.life != Life::Running => Arrival::Early,
            Some(owned) if !owned.expects(offset) => Arrival::Doubtful,
            Some(_) => Arrival::Due,
            None => Arrival::Astray,
        }
    }

    /// The next offset to read, where one is known.
    pub(crate) fn position(&self, source: Source) -> Option<i64> {
        self.owned.get(&source)?.position
    }

    /// A partition was looked for losses: from here on its next message may have any later offset.
    pub(crate) fn looked_at(&mut self, source: Source) {
        if let Some(owned) = self.owned.get_mut(&source) {
            owned.is_first = false;
        }
    }

    /// What lies before `next` is lost: the frontier moves there.
    pub(crate) fn passed_over(&mut self, source: Source, next: i64) {
        let Some(owned) = self.owned.get_mut(&source) else { return };
        owned.position = Some(next);
        owned.changed = true;
        owned.caught_up = false;
    }

    /// A message was processed: the frontier moves past it.
    pub(crate) fn processed(&mut self, source: Source, offset: i64, timestamp: ProcessingTime) {
        let Some(owned) = self.owned.get_mut(&source) else { return };
        owned.position = Some(offset + 1);
        owned.changed = true;
        owned.caught_up = false;
        owned.is_first = false;
        owned.stream_time = owned.stream_time.max(Some(timestamp));
    }

    /// A tick may have changed the state.
    pub(crate) fn touched(&mut self, source: Source) {
        if let Some(owned) = self.owned.get_mut(&source) {
            owned.changed = true;
        }
    }

    /// A partition was read to its end. One that does not run is told again of its end when it does.
    pub(crate) fn ended(&mut self, source: Source) {
        if let Some(owned) = self.owned.get_mut(&source) {
            owned.caught_up = owned.life == Life::Running;
        }
    }

    /// The next offsets of all partitions that changed since the last commit.
    pub(crate) fn frontier(&self) -> BTreeMap<Source, i64> {
        let changed = self.owned.iter().filter(|(_, owned)| owned.changed);
        changed.filter_map(|(source, owned)| Some((*source, owned.position?))).collect()
    }

    /// The transaction is durable: nothing differs from the changelog.
    pub(crate) fn committed(&mut self) {
        for owned in self.owned.values_mut() {
            owned.changed = false;
        }
    }

    /// Partitions whose state may differ from the changelog's.
    pub(crate) fn changed(&self) -> Vec<Source> {
        self.owned.iter().filter(|(_, owned)| owned.changed).map(|(source, _)| *source).collect()
    }

    /// A partition may have lost messages, so that it is not known to be read to its end; `false` where it is not ours.
    pub(crate) fn doubted(&mut self, source: Source) -> bool {
        let Some(owned) = self.owned.get_mut(&source) else { return false };
        owned.caught_up = false;
        true
    }

    /// Takes a partition out; `false` where it was not ours.
    pub(crate) fn remove(&mut self, source: Source) -> bool {
        self.owned.remove(&source).is_some()
    }

    /// Running partitions, with what is known of each.
    pub(crate) fn running(&self) -> impl Iterator<Item = (Source, &Owned)> {
        self.owned
            .iter()
            .filter(|(_, owned)| owned.life == Life::Running)
            .map(|(source, owned)| (*source, owned))
    }

    /// How many are being restored, with their records so far.
    pub(crate) fn restores(&self) -> impl Iterator<Item = (Source, u64)> {
        self.owned.iter().filter_map(|(source, owned)| match owned.life {
            Life::Restoring { records, .. } => Some((*source, records)),
            Life::Running | Life::Rewinding => None,
        })
    }

    /// The offset from which a partition that is being restored will be read; `None` where it is not restoring.
    pub(crate) fn restores_from(&self, source: Source) -> Option<Option<i64>> {
        let owned = self.owned.get(&source)?;
        matches!(owned.life, Life::Restoring { .. }).then_some(owned.position)
    }

    /// Partitions whose committed offset is to be asked for.
    pub(crate) fn rewinding(&self) -> Vec<Source> {
        let rewinding = self.owned.iter().filter(|(_, owned)| owned.life == Life::Rewinding);
        rewinding.map(|(source, _)| *source).collect()
    }

    /// How many of ours do not run yet.
    pub(crate) fn waiting(&self) -> usize {
        self.owned.values().filter(|owned| owned.life != Life::Running).count()
    }

    /// How many partitions are ours.
    pub(crate) fn len(&self) -> usize {
        self.owned.len()
    }
}

#[cfg(test)]
mod tests;
