//! The life of partitions as a model: any sequence of operations, beside a reference that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What may be asked for, in any order and of any partition, ours or not.
#[derive(Clone, Debug)]
enum Operation {
    Assign { partition: i32, is_stateful: bool, from: Option<i64> },
    Record(i32),
    Restored(i32),
    Message { partition: i32, offset: i64, time: i64 },
    LookedAt(i32),
    PassedOver { partition: i32, lost: i64 },
    Doubted(i32),
    Tick(i32),
    End(i32),
    Rewind(i32),
    Commit,
    Abort,
    Remove(i32),
}

fn operation() -> impl Strategy<Value = Operation> {
    let partition = || 0..3i32;
    let from = || proptest::option::of(0..4i64);
    prop_oneof![
        1 => (partition(), any::<bool>(), from())
            .prop_map(|(partition, is_stateful, from)| Operation::Assign { partition, is_stateful, from }),
        1 => partition().prop_map(Operation::Record),
        1 => partition().prop_map(Operation::Restored),
        4 => (partition(), 0..9i64, 0..9i64)
            .prop_map(|(partition, offset, time)| Operation::Message { partition, offset, time }),
        1 => partition().prop_map(Operation::LookedAt),
        1 => (partition(), 0..3i64).prop_map(|(partition, lost)| Operation::PassedOver { partition, lost }),
        1 => partition().prop_map(Operation::Doubted),
        1 => partition().prop_map(Operation::Tick),
        1 => partition().prop_map(Operation::End),
        1 => partition().prop_map(Operation::Rewind),
        1 => Just(Operation::Commit),
        1 => Just(Operation::Abort),
        1 => partition().prop_map(Operation::Remove),
    ]
}

/// Everything that was done with one partition since it was put at the start of its life.
#[derive(Clone, Debug, Default)]
struct Story {
    runs: bool,
    rewinds: bool,
    restored_records: u64,
    from: Option<i64>,
    taken: Vec<(i64, i64)>,
    /// The next offset after what was lost.
    passed_over: Option<i64>,
    /// Whether it is known that nothing is missing before its next message.
    looked_at: bool,
    changed: bool,
    at_end: bool,
}

impl Story {
    fn position(&self) -> Option<i64> {
        let taken = self.taken.last().map(|(offset, _)| offset + 1);
        taken.max(self.passed_over).or(self.from)
    }

    fn expects(&self, offset: i64) -> bool {
        let may_skip = self.looked_at || !self.taken.is_empty();
        match self.position() {
            Some(next) if offset > next => may_skip,
            Some(next) => offset == next,
            None => may_skip,
        }
    }

    fn tick_time(&self, wall: i64) -> Option<i64> {
        self.position()?;
        if self.at_end { Some(wall) } else { self.taken.iter().map(|(_, time)| *time).max() }
    }
}

#[derive(Default)]
struct Reference(BTreeMap<i32, Story>);

fn source(partition: i32) -> Source {
    Source { topic: 0, partition }
}

/// What the stage does with a message: it asks first.
fn message(
    partitions: &mut Partitions,
    reference: &mut Reference,
    (partition, offset, time): (i32, i64, i64),
) {
    let story = reference.0.get_mut(&partition);
    let expected = match &story {
        None => Arrival::Astray,
        Some(story) if !story.runs => Arrival::Early,
        Some(story) if !story.expects(offset) => Arrival::Doubtful,
        Some(_) => Arrival::Due,
    };
    assert_eq!(partitions.arrival(source(partition), offset), expected);
    if let (Arrival::Due, Some(story)) = (expected, story) {
        partitions.processed(source(partition), offset, ProcessingTime::from_millis(time));
        story.taken.push((offset, time));
        (story.changed, story.at_end) = (true, false);
    }
}

fn rewind(partitions: &mut Partitions, reference: &mut Reference, partition: i32) {
    if let Some(story) = reference.0.get_mut(&partition) {
        partitions.start(source(partition), Life::Rewinding, None);
        *story = Story { rewinds: true, ..Story::default() };
    }
}

fn apply(partitions: &mut Partitions, reference: &mut Reference, operation: &Operation) {
    match *operation {
        Operation::Assign { partition, is_stateful, from } => {
            let restoring = Life::Restoring { records: 0, since: Duration::ZERO };
            let life = if is_stateful { restoring } else { Life::Running };
            partitions.start(source(partition), life, from);
            reference.0.insert(partition, Story { runs: !is_stateful, from, ..Story::default() });
        }
        Operation::Record(partition) => {
            let story = reference.0.get_mut(&partition).filter(|story| !story.runs && !story.rewinds);
            assert_eq!(partitions.restoring(source(partition)), story.is_some());
            story.into_iter().for_each(|story| story.restored_records += 1);
        }
        Operation::Restored(partition) => {
            let story = reference.0.get_mut(&partition).filter(|story| !story.runs && !story.rewinds);
            let expected = story.as_ref().map(|story| (story.restored_records, Duration::ZERO));
            assert_eq!(partitions.run(source(partition)), expected);
            story.into_iter().for_each(|story| story.runs = true);
        }
        Operation::Message { partition, offset, time } => {
            message(partitions, reference, (partition, offset, time));
        }
        Operation::LookedAt(partition) => {
            partitions.looked_at(source(partition));
            reference.0.get_mut(&partition).into_iter().for_each(|story| story.looked_at = true);
        }
        // Only what runs is passed over; here, as where offsets are not given anew, only forward.
        Operation::PassedOver { partition, lost } => {
            if let Some(story) = reference.0.get_mut(&partition).filter(|story| story.runs) {
                let next = story.position().unwrap_or_default() + lost;
                partitions.passed_over(source(partition), next);
                story.passed_over = Some(next);
                (story.changed, story.at_end) = (true, false);
            }
        }
        Operation::Doubted(partition) => {
            let story = reference.0.get_mut(&partition);
            assert_eq!(partitions.doubted(source(partition)), story.is_some());
            story.into_iter().for_each(|story| story.at_end = false);
        }
        // Only what has a time is ticked.
        Operation::Tick(partition) => {
            if let Some(story) = reference.0.get_mut(&partition).filter(|story| story.runs)
                && story.tick_time(0).is_some()
            {
                partitions.touched(source(partition));
                story.changed = true;
            }
        }
        Operation::End(partition) => {
            partitions.ended(source(partition));
            let story = reference.0.get_mut(&partition).filter(|story| story.runs);
            story.into_iter().for_each(|story| story.at_end = true);
        }
        Operation::Rewind(partition) => rewind(partitions, reference, partition),
        Operation::Commit => {
            partitions.committed();
            reference.0.values_mut().for_each(|story| story.changed = false);
        }
        Operation::Abort => {
            for changed in partitions.changed() {
                rewind(partitions, reference, changed.partition);
            }
        }
        Operation::Remove(partition) => {
            assert_eq!(partitions.remove(source(partition)), reference.0.remove(&partition).is_some());
        }
    }
}

/// Everything that can be asked gives what the reference says.
fn agree(partitions: &Partitions, reference: &Reference) {
    let of = |pick: fn(&Story) -> bool| {
        let picked = reference.0.iter().filter(move |(_, story)| pick(story));
        picked.map(|(partition, _)| source(*partition)).collect::<Vec<_>>()
    };
    assert_eq!(partitions.changed(), of(|story| story.changed));
    assert_eq!(partitions.rewinding(), of(|story| story.rewinds));
    let sources = |found: &mut dyn Iterator<Item = Source>| found.collect::<Vec<_>>();
    assert_eq!(sources(&mut partitions.running().map(|(source, _)| source)), of(|story| story.runs));
    let restoring = of(|story| !story.runs && !story.rewinds);
    assert_eq!(sources(&mut partitions.restores().map(|(source, _)| source)), restoring);
    assert_eq!((partitions.len(), partitions.waiting()), (reference.0.len(), of(|story| !story.runs).len()));
    for (of, owned) in partitions.running() {
        let story = &reference.0[&of.partition];
        let time = owned.tick_time(ProcessingTime::from_millis(1_000));
        assert_eq!(time.map(ProcessingTime::millis), story.tick_time(1_000));
    }
    for (partition, story) in &reference.0 {
        let expected = (!story.runs && !story.rewinds).then_some(story.from);
        assert_eq!(partitions.restores_from(source(*partition)), expected);
    }
}

/// What is committed is of partitions that changed, and known; it never goes back while they stay ours.
fn frontier_holds(before: &BTreeMap<Source, i64>, partitions: &Partitions) {
    let frontier = partitions.frontier();
    let changed: BTreeSet<Source> = partitions.changed().into_iter().collect();
    let running: BTreeSet<Source> = partitions.running().map(|(source, _)| source).collect();
    assert!(frontier.keys().all(|source| changed.contains(source)), "only what changed is committed");
    assert!(changed.is_subset(&running), "only what runs changes");
    assert_eq!(
        frontier.len(),
        changed.len(),
        "what changed has an offset by which a former owner is recognised"
    );
    for (source, offset) in &frontier {
        assert!(before.get(source) <= Some(offset), "{source:?} goes back to {offset}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_sequence_of_operations_leads_to_what_the_reference_says(
        operations in proptest::collection::vec(operation(), 0..40),
    ) {
        let (mut partitions, mut reference) = (Partitions::default(), Reference::default());
        let mut frontier = BTreeMap::new();
        for operation in &operations {
            apply(&mut partitions, &mut reference, operation);
            agree(&partitions, &reference);
            if let Operation::Assign { partition, .. } | Operation::Rewind(partition) | Operation::Remove(partition) = operation {
                frontier.remove(&source(*partition));
            }
            if matches!(operation, Operation::Abort) {
                partitions.rewinding().iter().for_each(|source| { frontier.remove(source); });
            }
            frontier_holds(&frontier, &partitions);
            frontier.extend(partitions.frontier());
        }
    }
}
