//! Topics and transactions: records that wait for their marker, epochs that fence, logs that are compacted or lose their beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dice::Dice;
use super::group::Group;
use crate::runtime::log::Source;
use crate::runtime::observer::StageKind;

/// A transaction that stays open for longer is aborted, and its producer fenced.
const TRANSACTION_TIMEOUT: Duration = Duration::from_millis(400);

/// See [`Broker::marker_pace`]: slow enough that others act between two markers of one transaction.
const SLOW_MARKERS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Input(u16),
    Activity,
    State,
    Alerts,
    /// What stages were told to be lost.
    Losses,
}

/// One partition of one topic.
pub(super) type Place = (Topic, i32);

/// What a stage's source is.
pub(super) const fn place(kind: StageKind, source: Source) -> Place {
    match kind {
        StageKind::Ingest => (Topic::Input(source.topic), source.partition),
        StageKind::Monitor => (Topic::Activity, source.partition),
    }
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offset: i64,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
    transaction: Option<usize>,
}

#[derive(Debug, Default)]
struct PartitionLog {
    /// Those before `start` as well, so that it can be said what was lost.
    entries: Vec<Entry>,
    /// What lies before is deleted.
    start: i64,
    end: i64,
    /// First offset of each transaction whose marker is not here yet.
    unmarked: BTreeMap<usize, i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Open,
    Commit,
    Abort,
}

#[derive(Debug)]
struct Transaction {
    since: Duration,
    decision: Decision,
    places: BTreeSet<Place>,
    offsets: Vec<(StageKind, BTreeMap<Source, i64>)>,
}

impl Transaction {
    fn is_complete(&self) -> bool {
        self.decision != Decision::Open && !self.is_pending()
    }

    /// Decided, but not all markers are written.
    fn is_pending(&self) -> bool {
        self.decision != Decision::Open && !(self.places.is_empty() && self.offsets.is_empty())
    }
}

#[derive(Debug, Default)]
struct Producer {
    epoch: u32,
    current: Option<usize>,
}

/// A newer producer took over, or the transaction took too long.
#[derive(Debug)]
pub(super) struct Fenced;

/// What survives every worker.
#[derive(Debug, Default)]
pub(super) struct Broker {
    logs: BTreeMap<Place, PartitionLog>,
    transactions: Vec<Transaction>,
    /// Those that are not complete.
    live: BTreeSet<usize>,
    producers: BTreeMap<String, Producer>,
    pub(super) groups: BTreeMap<StageKind, Group>,
    pub(super) now: Duration,
    /// A marker is written once in so many steps.
    marker_pace: usize,
}

impl Broker {
    pub(super) fn new(groups: impl IntoIterator<Item = (StageKind, Group)>) -> Self {
        Self { groups: groups.into_iter().collect(), marker_pace: SLOW_MARKERS, ..Self::default() }
    }

    /// From now on markers are written at once.
    pub(super) fn calm_down(&mut self) {
        self.marker_pace = 1;
    }

    /// Ends what a former producer of this name left open, and fences it.
    pub(super) fn init(&mut self, producer: &str) -> u32 {
        self.fence(producer);
        self.settle(producer);
        self.producers[producer].epoch
    }

    fn fence(&mut self, producer: &str) {
        let known = self.producers.entry(producer.to_owned()).or_default();
        known.epoch += 1;
        if let Some(transaction) = known.current.map(|index| &mut self.transactions[index])
            && transaction.decision == Decision::Open
        {
            transaction.decision = Decision::Abort;
        }
    }

    /// Waits until all markers of a producer's last transaction are written.
    fn settle(&mut self, producer: &str) {
        let Some(index) = self.producers.get_mut(producer).and_then(|known| known.current.take()) else {
            return;
        };
        while !self.transactions[index].is_complete() {
            self.write_marker(index);
        }
    }

    fn current(&mut self, producer: &str, epoch: u32) -> Result<usize, Fenced> {
        let known = self.producers.get(producer).filter(|known| known.epoch == epoch).ok_or(Fenced)?;
        if let Some(index) = known.current {
            if self.transactions[index].decision == Decision::Open {
                return Ok(index);
            }
            self.settle(producer);
        }
        let opened = Transaction {
            since: self.now,
            decision: Decision::Open,
            places: BTreeSet::new(),
            offsets: Vec::new(),
        };
        self.transactions.push(opened);
        let index = self.transactions.len() - 1;
        self.live.insert(index);
        self.producers.get_mut(producer).unwrap().current = Some(index);
        Ok(index)
    }

    pub(super) fn send(
        &mut self,
        (producer, epoch): (&str, u32),
        place: Place,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Fenced> {
        let index = self.current(producer, epoch)?;
        self.transactions[index].places.insert(place);
        self.append(place, key, value, Some(index));
        Ok(())
    }

    /// Appends a record outside of any transaction.
    pub(super) fn produce(&mut self, place: Place, key: &str, value: &str) {
        self.append(place, key.as_bytes(), Some(value.as_bytes()), None);
    }

    fn append(&mut self, place: Place, key: &[u8], value: Option<&[u8]>, transaction: Option<usize>) {
        let log = self.logs.entry(place).or_default();
        let offset = log.end;
        log.entries.push(Entry { offset, key: key.to_vec(), value: value.map(<[u8]>::to_vec), transaction });
        log.end += 1;
        if let Some(index) = transaction {
            log.unmarked.entry(index).or_insert(offset);
        }
    }

    /// Adds offsets to the open transaction; the caller has asked the group.
    pub(super) fn add_offsets(
        &mut self,
        (producer, epoch): (&str, u32),
        group: StageKind,
        offsets: &BTreeMap<Source, i64>,
    ) -> Result<(), Fenced> {
        let index = self.current(producer, epoch)?;
        self.transactions[index].offsets.push((group, offsets.clone()));
        Ok(())
    }

    /// Decides the open transaction. Its markers follow at their own pace.
    pub(super) fn end(&mut self, (producer, epoch): (&str, u32), decision: Decision) -> Result<(), Fenced> {
        let index = self.current(producer, epoch)?;
        self.transactions[index].decision = decision;
        Ok(())
    }

    fn write_marker(&mut self, index: usize) {
        let transaction = &mut self.transactions[index];
        if let Some((group, offsets)) = transaction.offsets.pop() {
            if transaction.decision == Decision::Commit {
                self.groups.get_mut(&group).unwrap().apply(&offsets);
            }
        } else if let Some(place) = transaction.places.pop_first() {
            let log = self.logs.get_mut(&place).unwrap();
            log.unmarked.remove(&index);
            log.end += 1;
        }
        if !self.transactions[index].is_pending() {
            self.live.remove(&index);
        }
    }

    /// Writes the markers of everything that is decided.
    pub(super) fn write_all_markers(&mut self) {
        for index in self.live.clone() {
            while self.transactions[index].is_pending() {
                self.write_marker(index);
            }
        }
    }

    /// Whether offsets of one of these partitions wait for their transaction.
    pub(super) fn is_pending(&self, group: StageKind, sources: &[Source]) -> bool {
        let touches = |(of, offsets): &(StageKind, BTreeMap<Source, i64>)| {
            *of == group && sources.iter().any(|source| offsets.contains_key(source))
        };
        self.live.iter().any(|index| self.transactions[*index].offsets.iter().any(touches))
    }

    /// Whether this producer has left something undecided.
    pub(super) fn has_open(&self, (producer, epoch): (&str, u32)) -> bool {
        let known = self.producers.get(producer).filter(|known| known.epoch == epoch);
        known
            .and_then(|known| known.current)
            .is_some_and(|index| self.transactions[index].decision == Decision::Open)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.live.iter().all(|index| self.transactions[*index].is_complete())
    }

    /// Time passes for the broker: perhaps a marker is written, a log compacted, somebody timed out, a group moved on.
    pub(super) fn turn(&mut self, now: Duration, dice: &mut Dice) {
        self.now = now;
        let pending = |index: &usize| self.transactions[*index].is_pending();
        let pending: Vec<usize> = self.live.iter().copied().filter(pending).collect();
        if let Some(index) = dice.pick(&pending).filter(|_| dice.one_in(self.marker_pace)) {
            self.write_marker(index);
        }
        if dice.one_in(20) {
            self.compact(dice);
        }
        self.time_out();
        for group in self.groups.values_mut() {
            group.expel_the_silent(now);
            group.rebalance(dice);
        }
    }

    fn time_out(&mut self) {
        let is_late = |producer: &Producer| {
            producer.current.map(|index| &self.transactions[index]).is_some_and(|transaction| {
                transaction.decision == Decision::Open && transaction.since + TRANSACTION_TIMEOUT < self.now
            })
        };
        let late: Vec<String> = self
            .producers
            .iter()
            .filter(|(_, producer)| is_late(producer))
            .map(|(name, _)| name.clone())
            .collect();
        late.iter().for_each(|name| self.fence(name));
    }

    /// Drops what is aborted or overwritten from one changelog, up to its last stable offset.
    fn compact(&mut self, dice: &mut Dice) {
        let places: Vec<Place> =
            self.logs.keys().filter(|(topic, _)| *topic == Topic::State).copied().collect();
        let Some(place) = dice.pick(&places) else { return };
        let stable = self.stable(place);
        let log = self.logs.get_mut(&place).unwrap();
        let mut newer = BTreeSet::new();
        let mut kept = Vec::new();
        for entry in log.entries.drain(..).rev() {
            let is_aborted =
                entry.transaction.is_some_and(|index| self.transactions[index].decision == Decision::Abort);
            if entry.offset >= stable || (!is_aborted && newer.insert(entry.key.clone())) {
                kept.push(entry);
            }
        }
        kept.reverse();
        log.entries = kept;
    }

    /// Deletes the beginning of one log that stages read, whoever has read it.
    pub(super) fn delete(&mut self, dice: &mut Dice) {
        let is_read = |topic: &Topic| matches!(topic, Topic::Input(_) | Topic::Activity);
        let places: Vec<Place> = self.logs.keys().filter(|(topic, _)| is_read(topic)).copied().collect();
        let Some(place) = dice.pick(&places) else { return };
        let deletable = usize::try_from(self.stable(place) - self.start(place)).unwrap();
        let log = self.logs.get_mut(&place).unwrap();
        log.start += dice.below(deletable + 1) as i64;
    }

    /// Where a partition begins.
    pub(super) fn start(&self, place: Place) -> i64 {
        self.logs.get(&place).map_or(0, |log| log.start)
    }

    /// Where a partition ends for a `read_uncommitted` reader.
    pub(super) fn high_watermark(&self, place: Place) -> i64 {
        self.logs.get(&place).map_or(0, |log| log.end)
    }

    /// Where it ends for a `read_committed` reader.
    pub(super) fn stable(&self, place: Place) -> i64 {
        let Some(log) = self.logs.get(&place) else { return 0 };
        log.unmarked.values().min().copied().unwrap_or(log.end)
    }

    /// The next committed record from `offset` on that is still there.
    pub(super) fn next(&self, place: Place, offset: i64) -> Option<&Entry> {
        self.find(place, offset.max(self.start(place)))
    }

    /// The next committed record from `offset` on, deleted or not: what a client has fetched it keeps.
    pub(super) fn find(&self, place: Place, offset: i64) -> Option<&Entry> {
        let stable = self.stable(place);
        let entries = &self.logs.get(&place)?.entries;
        let rest = &entries[entries.partition_point(|entry| entry.offset < offset)..];
        let is_committed = |entry: &&Entry| {
            entry.transaction.is_none_or(|index| self.transactions[index].decision == Decision::Commit)
        };
        rest.iter().take_while(|entry| entry.offset < stable).find(is_committed)
    }

    /// All committed records of a partition, in order, also those that were deleted.
    pub(super) fn read(&self, place: Place) -> impl Iterator<Item = &Entry> {
        let mut offset = 0;
        std::iter::from_fn(move || {
            let entry = self.find(place, offset)?;
            offset = entry.offset + 1;
            Some(entry)
        })
    }
}
