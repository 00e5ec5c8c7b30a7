//! What the stages said to be lost: written with their outputs, and checked against what was deleted.

use std::collections::BTreeMap;

use super::broker::{Entry, Topic, place};
use super::world::{KINDS, World};
use crate::runtime::log::{Loss, Source};
use crate::runtime::observer::StageKind;

/// Key of what is said.
pub(super) const KEY: &str = "loss";

/// Offsets that are lost, start inclusive and end exclusive, of each partition that stages read.
pub(super) type Lost = BTreeMap<(StageKind, Source), Vec<(i64, i64)>>;

/// What is said about a loss. Where nothing was committed, all that was there may be missing.
pub(super) fn saying(kind: StageKind, loss: &Loss) -> String {
    let Source { topic, partition } = loss.source;
    let from = if loss.is_certain() { loss.from } else { 0 };
    format!("{} {topic} {partition} {from} {}", kind.as_str(), loss.to)
}

fn parse(said: &str) -> ((StageKind, Source), (i64, i64)) {
    let [kind, topic, partition, from, to] = said.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{said}");
    };
    let kind = *KINDS.iter().find(|known| known.as_str() == kind).unwrap();
    let source = Source { topic: topic.parse().unwrap(), partition: partition.parse().unwrap() };
    ((kind, source), (from.parse().unwrap(), to.parse().unwrap()))
}

/// What a `read_committed` reader was told: each loss once, and nothing that is still there.
pub(super) fn told(world: &World) -> Lost {
    let broker = world.broker.borrow();
    let mut lost = Lost::new();
    for entry in broker.read((Topic::Losses, 0)) {
        let (of, range) = parse(std::str::from_utf8(entry.value.as_deref().unwrap()).unwrap());
        lost.entry(of).or_default().push(range);
    }
    for ((kind, source), ranges) in &mut lost {
        ranges.sort_unstable();
        let is_once = |pair: &[(i64, i64)]| pair[0].1 <= pair[1].0 && pair[0] != pair[1];
        assert!(ranges.windows(2).all(is_once), "{kind:?} {source:?} lost something twice: {ranges:?}");
        let start = broker.start(place(*kind, *source));
        assert!(ranges.iter().all(|range| range.1 <= start), "{kind:?} {source:?} {ranges:?} up to {start}");
    }
    lost
}

/// The records of a partition that are not lost: everything that came to it, deleted later or not.
pub(super) fn kept(world: &World, lost: &Lost, kind: StageKind, source: Source) -> Vec<Entry> {
    let broker = world.broker.borrow();
    let place = place(kind, source);
    let mut ranges = lost.get(&(kind, source)).cloned().unwrap_or_default();
    if broker.groups[&kind].committed(source).is_none() {
        // Nobody has read anything yet, so that nobody knows of what was there before.
        ranges.push((0, broker.start(place)));
    }
    let is_kept = |entry: &&Entry| !ranges.iter().any(|(from, to)| (*from..*to).contains(&entry.offset));
    broker.read(place).filter(is_kept).cloned().collect()
}
