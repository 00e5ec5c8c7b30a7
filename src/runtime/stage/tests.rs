//! The protocol as a model: crashed and aborted at every call, what is committed equals an undisturbed run.

mod losses;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

use super::model::check;
use super::model::counter::{Counter, Looks};
use super::model::scripted::{Broker, Failure, Kind, MemoryLog, Trouble, source};
use super::*;
use crate::runtime::log::{Loss, LossReason, Output};
use crate::runtime::observer::Unobserved;

fn settings() -> Settings {
    Settings {
        kind: StageKind::Monitor,
        worker: 0,
        commit_interval: Duration::from_millis(40),
        commit_records: 4,
        tick_interval: Duration::from_millis(30),
    }
}

fn broker() -> Rc<RefCell<Broker>> {
    let message = |n: usize| (format!("k{}", n % 3), String::from("x"));
    let input = (0..2).map(|partition| (partition, (0..11).map(message).collect())).collect();
    Rc::new(RefCell::new(Broker { input, ..Broker::default() }))
}

fn stage(broker: &Rc<RefCell<Broker>>, failure: Option<Failure>) -> Stage<MemoryLog, Counter> {
    let log = MemoryLog::connect(broker, failure);
    Stage::new(log, Counter::default(), settings(), Arc::new(Looks::default()), Arc::new(Unobserved))
}

/// Turns the loop until all input is committed; `Err` where the process died first.
fn work(stage: &mut Stage<MemoryLog, Counter>, broker: &Rc<RefCell<Broker>>) -> Result<(), Error> {
    const MAX_TURNS: u32 = 20_000;
    for _ in 0..MAX_TURNS {
        if broker.borrow().committed.values().filter(|offset| **offset == 11).count() == 2 {
            return Ok(());
        }
        stage.step()?;
    }
    panic!("the stage makes no progress: {:?}", broker.borrow().committed);
}

/// What a `read_committed` reader sees of a topic: for each key, origins cannot be told apart, so sorted.
fn readable(broker: &Rc<RefCell<Broker>>, output: Output) -> Vec<(Vec<u8>, Vec<u8>)> {
    let broker = broker.borrow();
    let records = broker.outputs.iter().filter(|record| record.output == output);
    let mut readable: Vec<_> =
        records.map(|record| (record.key.clone().unwrap(), record.value.clone().unwrap())).collect();
    readable.sort();
    readable
}

fn alerts(broker: &Rc<RefCell<Broker>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    readable(broker, Output::Alerts)
}

fn undisturbed() -> Vec<(Vec<u8>, Vec<u8>)> {
    let broker = broker();
    work(&mut stage(&broker, None), &broker).unwrap();
    alerts(&broker)
}

#[test]
fn a_crash_at_any_call_loses_nothing_and_repeats_nothing() {
    let expected = undisturbed();
    assert_eq!(expected.len(), 22);
    for kind in [Kind::Crash, Kind::CrashAfter] {
        for after in 0..60 {
            let broker = broker();
            let mut first = stage(&broker, Some(Failure { after, kind }));
            if work(&mut first, &broker).is_err() {
                work(&mut stage(&broker, None), &broker).unwrap();
            }
            assert_eq!(alerts(&broker), expected, "{kind:?} after {after} calls");
        }
    }
}

#[test]
fn an_abort_at_any_call_brings_memory_back_to_the_changelog() {
    let expected = undisturbed();
    for kind in [Kind::Abort, Kind::Transient] {
        for after in 0..60 {
            let broker = broker();
            let mut stage = stage(&broker, Some(Failure { after, kind }));
            work(&mut stage, &broker).unwrap();
            assert_eq!(alerts(&broker), expected, "{kind:?} after {after} calls");
        }
    }
}

/// Brokers that take no writes cannot end a transaction: the stage stands still until they can, and the group is heard meanwhile.
#[test]
fn an_abort_that_does_not_end_is_tried_again_and_nothing_is_lost() {
    let expected = undisturbed();
    let mut stood_still = 0;
    for turns in 2..60 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        for _ in 0..turns {
            stage.step().unwrap();
        }
        stage.log.trouble = Trouble { abort: 3, ..Trouble::default() };
        stage.roll_back("test").unwrap();
        if stage.is_aborting {
            stood_still += 1;
            assert_eq!(stage.partitions.running().count(), 0, "nothing runs that would begin a transaction");
            stage.log.say(Event::Revoked(vec![source(0)]));
            stage.step().unwrap();
            assert_eq!(stage.partitions.len(), 1, "the group does not wait");
            stage.log.say(Event::Assigned(vec![source(0)]));
        }
        work(&mut stage, &broker).unwrap();
        assert!(!stage.is_aborting);
        assert_eq!(alerts(&broker), expected, "after {turns} turns");
    }
    assert!(stood_still > 10, "{stood_still}");
}

#[test]
fn a_former_owner_that_wakes_up_commits_nothing() {
    let expected = undisturbed();
    for turns in 0..80 {
        let broker = broker();
        let mut sleeper = stage(&broker, None);
        for _ in 0..turns {
            sleeper.step().unwrap();
        }
        let mut owner = stage(&broker, None);
        work(&mut owner, &broker).unwrap();
        for _ in 0..200 {
            sleeper.step().unwrap();
        }
        assert_eq!(alerts(&broker), expected, "asleep after {turns} turns");
    }
}

#[test]
fn a_revoked_partition_is_committed_before_it_is_given_back_and_the_other_goes_on() {
    let expected = undisturbed();
    for turns in 1..60 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        for _ in 0..turns {
            stage.step().unwrap();
        }
        stage.log.say(Event::Revoked(vec![source(0)]));
        stage.step().unwrap();
        assert!(stage.partitions.running().all(|(running, _)| running != source(0)));
        assert!(stage.processor.changed.is_empty(), "what was processed is committed");
        for _ in 0..100 {
            stage.step().unwrap();
        }
        assert_eq!(broker.borrow().committed[&1], 11, "the other partition went on");
        stage.log.say(Event::Assigned(vec![source(0)]));
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected, "revoked after {turns} turns");
    }
}

#[test]
fn a_lost_partition_is_not_committed() {
    let expected = undisturbed();
    for turns in 0..60 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        for _ in 0..turns {
            stage.step().unwrap();
        }
        let before = broker.borrow().committed.clone();
        stage.log.say(Event::Lost(vec![source(0), source(1)]));
        stage.poll().unwrap();
        assert_eq!(broker.borrow().committed, before, "lost after {turns} turns");
        stage.log.say(Event::Assigned(vec![source(0), source(1)]));
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected, "lost after {turns} turns");
    }
}

#[test]
fn a_partition_without_an_offset_gets_no_ticks() {
    let broker = Rc::new(RefCell::new(Broker { input: [(0, Vec::new())].into(), ..Broker::default() }));
    let mut stage = stage(&broker, None);
    let ticks = Rc::clone(&stage.processor.ticks);
    for _ in 0..500 {
        stage.step().unwrap();
    }
    assert_eq!(ticks.get(), 0);
    broker.borrow_mut().input.get_mut(&0).unwrap().push(("k".into(), "x".into()));
    for _ in 0..500 {
        stage.step().unwrap();
    }
    assert!(ticks.get() > 0);
}

/// What a tick passes on is kept, and never goes back: one message from the future would end all waiting for its partition.
#[test]
fn a_message_from_the_future_takes_no_time_along() {
    let broker = broker();
    broker.borrow_mut().ahead_ms = crate::time::DAY_MS;
    let mut stage = stage(&broker, None);
    let (wall, mut told) = (stage.clock.wall(), 0);
    while broker.borrow().committed.len() < 2 {
        stage.step().unwrap();
        for time in stage.partitions.running().filter_map(|(_, owned)| owned.tick_time(wall)) {
            assert!(time <= wall, "{time:?}");
            told += 1;
        }
    }
    assert!(told > 0);
}

#[test]
fn a_partition_whose_seek_fails_skips_nothing() {
    let expected = undisturbed();
    for turns in 2..40 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        for _ in 0..turns {
            stage.step().unwrap();
        }
        let waits = stage.partitions.running().all(|(running, _)| running != source(0));
        stage.log.trouble = Trouble { seek: 3, ..Trouble::default() };
        if waits {
            stage.log.leak(0);
        } else {
            stage.roll_back("test").unwrap();
        }
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected, "after {turns} turns");
    }
}

#[test]
fn what_is_due_is_committed_while_other_partitions_cannot_be_restored() {
    let broker = broker();
    let mut stage = stage(&broker, None);
    stage.log.say(Event::Revoked(vec![source(1)]));
    for _ in 0..2 {
        stage.step().unwrap();
    }
    stage.log.trouble = Trouble { restore: u32::MAX, ..Trouble::default() };
    stage.partitions.start(source(0), Life::Running, Some(0));
    stage.log.resume(&[source(0)]).unwrap();
    stage.log.say(Event::Assigned(vec![source(1)]));
    for _ in 0..400 {
        stage.step().unwrap();
    }
    assert_eq!(broker.borrow().committed.get(&0), Some(&11));
    assert_eq!(stage.partitions.restores().count(), 1);
}

#[test]
fn what_was_restored_when_trouble_came_is_not_waited_for() {
    let expected = undisturbed();
    let broker = broker();
    let mut stage = stage(&broker, None);
    stage.log.trouble = Trouble { restored: 1, ..Trouble::default() };
    work(&mut stage, &broker).unwrap();
    assert_eq!(stage.log.trouble.restored, 0);
    assert_eq!(stage.partitions.waiting(), 0);
    assert_eq!(alerts(&broker), expected);
}

#[test]
fn committed_offsets_are_asked_for_without_an_open_transaction() {
    let expected = undisturbed();
    for turns in 5..60 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        stage.log.say(Event::Revoked(vec![source(1)]));
        for _ in 0..turns {
            stage.step().unwrap();
        }
        stage.log.trouble = Trouble { committed: 3, ..Trouble::default() };
        stage.log.say(Event::Assigned(vec![source(1)]));
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected, "assigned after {turns} turns");
    }
}

/// What the stage said last about what it owns, with what waits; `None` after it was thrown out.
#[derive(Default)]
struct Told(std::sync::Mutex<Option<(usize, usize)>>);

impl Observer for Told {
    fn assigned(&self, _stage: StageKind, _worker: usize, owned: usize, restoring: usize) {
        *self.0.lock().unwrap() = Some((owned, restoring));
    }

    fn unassigned(&self, _stage: StageKind, _worker: usize) {
        *self.0.lock().unwrap() = None;
    }
}

#[test]
fn a_worker_that_consumes_nothing_does_not_say_that_it_is_ready() {
    let (broker, told) = (broker(), Arc::new(Told::default()));
    let mut stage = stage(&broker, None);
    stage.observer = Arc::clone(&told) as Arc<dyn Observer>;
    let last = || *told.0.lock().unwrap();
    while stage.partitions.running().count() < 2 {
        stage.step().unwrap();
    }
    assert_eq!(last(), Some((2, 0)));
    while stage.partitions.changed().is_empty() {
        stage.step().unwrap();
    }
    stage.roll_back("test").unwrap();
    assert_eq!(last(), Some((2, 1)), "what was rolled back waits");
    stage.log.say(Event::Lost(vec![source(0), source(1)]));
    stage.poll().unwrap();
    assert_eq!(last(), None);
    stage.log.say(Event::Assigned(vec![source(0), source(1)]));
    work(&mut stage, &broker).unwrap();
    assert_eq!(last(), Some((2, 0)));
}

#[test]
fn an_assignment_that_is_lost_before_it_was_taken_is_forgotten() {
    let expected = undisturbed();
    for event in [Event::Lost, Event::Revoked] {
        let broker = broker();
        let mut stage = stage(&broker, None);
        stage.log.trouble = Trouble { committed: 1, ..Trouble::default() };
        stage.step().unwrap();
        stage.log.say(event(vec![source(0), source(1)]));
        for _ in 0..500 {
            stage.step().unwrap();
        }
        assert_eq!(stage.partitions.len(), 0);
        stage.log.say(Event::Assigned(vec![source(0), source(1)]));
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected);
    }
}

#[test]
fn what_is_revoked_and_then_lost_is_given_back_once() {
    let broker = broker();
    let mut stage = stage(&broker, None);
    stage.step().unwrap();
    stage.log.say(Event::Revoked(vec![source(0)]));
    stage.log.say(Event::Lost(vec![source(0), source(1)]));
    for _ in 0..50 {
        stage.step().unwrap();
    }
    assert_eq!(stage.log.released, [source(0), source(1)]);
}

#[test]
fn assignments_that_wait_are_all_taken() {
    let expected = undisturbed();
    let broker = broker();
    let mut stage = stage(&broker, None);
    stage.log.trouble = Trouble { committed: 3, ..Trouble::default() };
    stage.log.say(Event::Revoked(vec![source(0), source(1)]));
    stage.log.say(Event::Assigned(vec![source(0)]));
    stage.log.say(Event::Assigned(vec![source(1)]));
    work(&mut stage, &broker).unwrap();
    assert_eq!(alerts(&broker), expected);
}

#[test]
fn a_message_that_comes_again_counts_once() {
    let expected = undisturbed();
    for turns in 8..60 {
        let broker = broker();
        let mut stage = stage(&broker, None);
        for _ in 0..turns {
            stage.step().unwrap();
        }
        stage.log.stutter(0);
        work(&mut stage, &broker).unwrap();
        assert_eq!(alerts(&broker), expected, "after {turns} turns");
    }
}

/// How often the stage aborted.
#[derive(Default)]
struct Aborts(AtomicU64);

impl Observer for Aborts {
    fn aborted(&self, _stage: StageKind, _reason: &'static str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets a stage turn, then asks it to stop and aborts its last commit at the call `after`. Says whether there was such a call.
fn drained_with_an_abort(turns: u32, after: u32) -> bool {
    let (broker, aborts) = (broker(), Arc::new(Aborts::default()));
    let mut stage = stage(&broker, None);
    stage.observer = Arc::clone(&aborts) as Arc<dyn Observer>;
    for _ in 0..turns {
        stage.step().unwrap();
    }
    stage.log.fail(Failure { after, kind: Kind::Abort });
    stage.run(&AtomicBool::new(true), &Pulse::default()).unwrap();
    let committed = broker.borrow().committed.clone();
    let word = |(partition, counted): (&i32, &i64)| {
        (partition.to_string().into_bytes(), counted.to_string().into_bytes())
    };
    let words: Vec<_> = committed.iter().map(word).collect();
    let context = format!("{turns} turns, {after} calls");
    assert_eq!(readable(&broker, Output::Inventory), words, "each says its last word once: {context}");
    let counted: i64 = committed.values().sum();
    assert_eq!(alerts(&broker).len() as i64, counted, "each message counts once: {context}");
    work(&mut self::stage(&broker, None), &broker).unwrap();
    assert_eq!(alerts(&broker), undisturbed(), "the next owner goes on: {context}");
    aborts.0.load(Ordering::Relaxed) > 0
}

/// Rebalances abort the last commits of members that leave at the same time.
#[test]
fn a_drain_that_is_aborted_is_done_again_and_its_outputs_are_there_once() {
    for turns in 8..60 {
        // Up to the commit, which is the last: at the least after a beginning and a last word.
        let aborted = (0..100).take_while(|after| drained_with_an_abort(turns, *after)).count();
        assert!(aborted >= 3, "{aborted} calls could be aborted after {turns} turns");
    }
}

#[test]
fn each_turn_is_a_beat() {
    let (broker, pulse, stop) = (broker(), Arc::new(Pulse::default()), AtomicBool::new(true));
    stage(&broker, None).run(&stop, &pulse).unwrap();
    let drained = pulse.beats();
    assert!(drained > 0, "the drain is watched, too");
    let failing = stage(&broker, Some(Failure { after: 3, kind: Kind::Crash }));
    failing.run(&AtomicBool::new(false), &pulse).unwrap_err();
    assert!(pulse.beats() > drained + 3);
}

#[test]
fn losing_a_worker_holds_up_only_what_it_owned() {
    (0..40).for_each(check::the_others_go_on);
}

/// Schedules of one test. There are four, so that they run beside each other.
const SCHEDULES: u64 = 500;
/// Losses that they lead to at least: fewer would show nothing of what is deleted before it is read.
const LOSSES: usize = 200;

#[test]
fn a_cluster_on_a_bad_day_loses_nothing_and_repeats_nothing_1() {
    assert!(check::all_hold(0..SCHEDULES) > LOSSES);
}

#[test]
fn a_cluster_on_a_bad_day_loses_nothing_and_repeats_nothing_2() {
    assert!(check::all_hold(SCHEDULES..2 * SCHEDULES) > LOSSES);
}

#[test]
fn a_cluster_on_a_bad_day_loses_nothing_and_repeats_nothing_3() {
    assert!(check::all_hold(2 * SCHEDULES..3 * SCHEDULES) > LOSSES);
}

#[test]
fn a_cluster_on_a_bad_day_loses_nothing_and_repeats_nothing_4() {
    assert!(check::all_hold(3 * SCHEDULES..4 * SCHEDULES) > LOSSES);
}
