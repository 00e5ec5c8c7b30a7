//! The life of the partitions that a worker owns, as a pure state machine.
//!
//! ```text
//!  assigned ─► restoring ─► running ─► released
//!                  ▲           │ abort: changed since the last commit
//!                  └─ rewinding ◄┘
//! ```

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
    /// Whether its next message may have any later offset: no message came yet since its life began, or it was looked for losses.
    is_first: bool,
}

impl Owned {
    fn fresh(life: Life, position: Option<i64>) -> Self {
        Self { life, position, changed: false, caught_up: false, stream_time: None, is_first: true }
    }

    /// The time that a tick may pass on, where there is one.
    ///
    /// None where no offset is known: such a partition has no state, and a transaction that a tick opened could not name
    /// an offset, by which alone the coordinator recognises a former owner.
    pub(crate) fn tick_time(&self, wall: ProcessingTime) -> Option<ProcessingTime> {
        self.position?;
        if self.caught_up { Some(wall) } else { self.stream_time }
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

    /// Whether a message of this partition may be processed now.
    pub(crate) fn is_running(&self, source: Source) -> bool {
        self.owned.get(&source).is_some_and(|owned| owned.life == Life::Running)
    }

    /// Whether a message of this offset may come next. Later ones may, as markers of transactions and what was compacted leave
    /// holes; but the first one shows whether what was committed is still there, and none comes from before.
    pub(crate) fn is_expected(&self, source: Source, offset: i64) -> bool {
        let Some(owned) = self.owned.get(&source) else { return true };
        match owned.position {
            Some(next) => offset == next || (offset > next && !owned.is_first),
            None => !owned.is_first,
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

    /// A partition was read to its end.
    pub(crate) fn ended(&mut self, source: Source) {
        if let Some(owned) = self.owned.get_mut(&source) {
            owned.caught_up = true;
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

    /// Partitions whose committed offset is to be asked for.
    pub(crate) fn rewinding(&self) -> Vec<Source> {
        let rewinding = self.owned.iter().filter(|(_, owned)| owned.life == Life::Rewinding);
        rewinding.map(|(source, _)| *source).collect()
    }

    /// How many partitions are ours.
    pub(crate) fn len(&self) -> usize {
        self.owned.len()
    }
}
