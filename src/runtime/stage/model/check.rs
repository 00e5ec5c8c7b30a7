//! Runs a schedule, and says what must hold once all is quiet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::broker::{Entry, Topic, place};
use super::losses;
use super::work::{Memory, TICKS, Work, fold, saying};
use super::world::{ACTIVITY_PARTITIONS, KINDS, Worker, World};
use crate::runtime::log::Source;
use crate::runtime::observer::StageKind;

/// Steps of a bad day.
const CHAOS_STEPS: usize = 300;
/// Steps within which everything is consumed after that.
const MAX_CALM_STEPS: usize = 20_000;

/// Runs these schedules. The first that fails is run again with its trace printed. Returns how many losses they led to.
pub(in crate::runtime::stage) fn all_hold(seeds: std::ops::Range<u64>) -> usize {
    let outcome = |seed| {
        catch_unwind(AssertUnwindSafe(|| holds(seed, false))).unwrap_or_else(|panic| {
            eprintln!("seed {seed} fails; its schedule:");
            holds(seed, true);
            resume_unwind(panic)
        })
    };
    seeds.map(outcome).sum()
}

/// One schedule: a bad day of its own badness, then calm until all is consumed. Returns how many losses there were.
fn holds(seed: u64, is_traced: bool) -> usize {
    let world = World::new(seed, [0, 25, 60, 150, 400][seed as usize % 5], is_traced);
    for _ in 0..CHAOS_STEPS {
        world.stir();
    }
    calm(&world);
    outputs_are_those_of_an_undisturbed_run(&world);
    drain(&world);
    outputs_are_those_of_an_undisturbed_run(&world);
    world.workers.borrow_mut().clear();
    losses::told(&world).values().flatten().filter(|(from, to)| from < to).count()
}

/// A worker that dies with its offsets pending holds up its own partitions, and no others.
pub(in crate::runtime::stage) fn the_others_go_on(seed: u64) {
    let world = World::new(seed, 0, false);
    for kind in [StageKind::Ingest, StageKind::Monitor, StageKind::Monitor] {
        world.start_one(kind);
    }
    while world.of(StageKind::Monitor).iter().any(|worker| running(worker).is_empty())
        || sum(&world, &all()) < 20
    {
        world.produce();
        world.step();
    }
    let dead = world.of(StageKind::Monitor).remove(0);
    let its_own = running(&dead);
    let others: Vec<Source> = all().into_iter().filter(|source| !its_own.contains(source)).collect();
    world.die_with_offsets_pending(&dead, &its_own);
    let before = (sum(&world, &its_own), sum(&world, &others));
    while world.broker.borrow().is_pending(StageKind::Monitor, &its_own) {
        world.produce();
        world.step();
    }
    assert_eq!(sum(&world, &its_own), before.0, "nobody else commits what is pending");
    assert!(sum(&world, &others) > before.1, "{others:?} stand still at {}", before.1);
    calm(&world);
    outputs_are_those_of_an_undisturbed_run(&world);
    world.workers.borrow_mut().clear();
}

fn all() -> Vec<Source> {
    (0..ACTIVITY_PARTITIONS).map(|partition| Source { topic: 0, partition }).collect()
}

fn running(worker: &RefCell<Worker>) -> Vec<Source> {
    worker.borrow().stage.partitions.running().map(|(source, _)| source).collect()
}

fn sum(world: &World, sources: &[Source]) -> i64 {
    let broker = world.broker.borrow();
    let group = &broker.groups[&StageKind::Monitor];
    sources.iter().filter_map(|source| group.committed(*source)).sum()
}

fn calm(world: &Rc<World>) {
    world.calm_down();
    KINDS.iter().for_each(|kind| world.start_one(*kind));
    for _ in 0..MAX_CALM_STEPS {
        world.step();
        if is_done(world) {
            return;
        }
        let is_missing = |kind: &&StageKind| world.of(**kind).is_empty();
        KINDS.iter().filter(is_missing).for_each(|kind| world.start_one(*kind));
    }
    panic!("not everything is consumed: {:?}", world.broker.borrow().groups);
}

/// Whether every record is consumed, and no transaction waits for anything.
fn is_done(world: &World) -> bool {
    let broker = world.broker.borrow();
    let is_read = |kind: StageKind, source: Source| {
        let place = place(kind, source);
        let committed = broker.groups[&kind].committed(source);
        // What was deleted before it was read is still to be said, where anything was read before.
        committed.is_none_or(|committed| committed >= broker.start(place))
            && broker.next(place, committed.unwrap_or(0)).is_none()
    };
    broker.is_settled()
        && KINDS.iter().all(|kind| broker.groups[kind].sources().all(|source| is_read(*kind, source)))
}

/// What each key's records lead to, one after the other, and what is left of it: of all that was not lost on its way.
fn expected(world: &World) -> (BTreeMap<String, Vec<String>>, Memory) {
    let lost = losses::told(world);
    let of = |kind: StageKind| {
        let sources: Vec<Source> = world.broker.borrow().groups[&kind].sources().collect();
        sources.into_iter().flat_map(|source| losses::kept(world, &lost, kind, source)).collect()
    };
    let relayed: Vec<Entry> = of(StageKind::Ingest);
    assert_eq!(by_key(&relayed), by_key(&passed_on(world)), "what is between the stages");
    let (mut said, mut memory) = (BTreeMap::<String, Vec<String>>::new(), Memory::new());
    for (key, values) in by_key(&of(StageKind::Monitor)) {
        for value in values {
            let state = fold(memory.get(&key).map(String::as_str), &value);
            said.entry(key.clone()).or_default().push(saying(state.as_deref()));
            match state {
                Some(state) => drop(memory.insert(key.clone(), state)),
                None => drop(memory.remove(&key)),
            }
        }
    }
    (said, memory)
}

/// All that reached the topic between the stages.
fn passed_on(world: &World) -> Vec<Entry> {
    let broker = world.broker.borrow();
    (0..ACTIVITY_PARTITIONS)
        .flat_map(|partition| broker.read((Topic::Activity, partition)))
        .cloned()
        .collect()
}

/// The values of each key, in order: all records of a key lie in one partition.
fn by_key(entries: &[Entry]) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::<String, Vec<String>>::new();
    for entry in entries {
        values.entry(text(&entry.key)).or_default().push(text(entry.value.as_deref().unwrap()));
    }
    values
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn outputs_are_those_of_an_undisturbed_run(world: &World) {
    let (expected_said, expected_memory) = expected(world);
    let broker = world.broker.borrow();
    let mut said = BTreeMap::<String, Vec<String>>::new();
    for partition in 0..2 {
        for entry in broker.read((Topic::Alerts, partition)) {
            said.entry(text(&entry.key)).or_default().push(text(entry.value.as_deref().unwrap()));
        }
    }
    assert_eq!(said, expected_said, "what a read_committed reader sees");
    let mut memory = Memory::new();
    (0..ACTIVITY_PARTITIONS).for_each(|partition| memory.extend(changelog(world, partition)));
    memory.remove(TICKS);
    assert_eq!(memory, expected_memory, "what the changelog keeps");
}

/// The newest values of one changelog.
fn changelog(world: &World, partition: i32) -> Memory {
    let mut memory = Memory::new();
    for entry in world.broker.borrow().read((Topic::State, partition)) {
        match &entry.value {
            Some(value) => drop(memory.insert(text(&entry.key), text(value))),
            None => drop(memory.remove(&text(&entry.key))),
        }
    }
    memory
}

/// Every worker that is stopped has in memory what the changelog keeps.
fn drain(world: &Rc<World>) {
    let workers = world.workers.borrow().clone();
    for worker in workers {
        let mut stopping = worker.borrow_mut();
        // A former owner may learn only now that it is one.
        let is_current = stopping.stage.drain().is_ok();
        world.broker.borrow_mut().write_all_markers();
        let Work { memory, .. } = &stopping.stage.processor;
        for (source, _) in
            stopping.stage.partitions.running().filter(|_| is_current && stopping.kind == StageKind::Monitor)
        {
            assert_eq!(memory[&source], changelog(world, source.partition), "memory of {source:?}");
        }
        drop(stopping);
        world.stop(&worker);
    }
}
