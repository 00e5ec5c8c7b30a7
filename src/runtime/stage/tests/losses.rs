//! What was deleted before it was read, and what is in doubt.

use super::*;

/// Losses that metrics were told of.
#[derive(Default)]
struct Losses(AtomicU64);

impl Observer for Losses {
    fn lost(&self, _topic: &str, _reason: &'static str, _offsets: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_was_deleted_is_told_with_its_offset_and_a_marker_is_passed_over_in_silence() {
    for (reason, told) in [(LossReason::Deleted, 1), (LossReason::Marker, 0)] {
        let (broker, losses) = (broker(), Arc::new(Losses::default()));
        let mut stage = stage(&broker, None);
        stage.observer = Arc::clone(&losses) as Arc<dyn Observer>;
        work(&mut stage, &broker).unwrap();
        let (topic, until) = (String::from("t"), stage.clock.wall());
        stage.log.lost = vec![Loss { source: source(0), topic, from: 11, to: 12, reason, until }];
        stage.log.say(Event::Doubt(vec![source(0)]));
        (0..200).for_each(|_| stage.step().unwrap());
        assert_eq!(broker.borrow().committed[&0], 12, "{reason:?}");
        let said =
            broker.borrow().outputs.iter().filter(|one| one.output == Output::DeadLetter).count() as u64;
        assert_eq!((said, losses.0.load(Ordering::Relaxed)), (told, told), "{reason:?}");
    }
}

/// Its messages are passed by until brokers say whether any were lost: the end of these is not an end of what was read.
#[test]
fn a_partition_in_doubt_is_not_taken_for_read_to_its_end() {
    let broker = broker();
    let mut stage = stage(&broker, None);
    let wall = stage.clock.wall();
    let is_at_end = |stage: &Stage<MemoryLog, Counter>| {
        let mut running = stage.partitions.running();
        running.any(|(running, owned)| running == source(0) && owned.tick_time(wall) == Some(wall))
    };
    while !is_at_end(&stage) {
        stage.step().unwrap();
    }
    stage.log.trouble = Trouble { losses: 3, ..Trouble::default() };
    stage.log.say(Event::Doubt(vec![source(0)]));
    stage.log.say(Event::End(source(0)));
    while stage.log.trouble.losses > 0 {
        stage.step().unwrap();
        assert!(!is_at_end(&stage));
    }
    (0..2_000).for_each(|_| stage.step().unwrap());
    assert!(is_at_end(&stage), "once that is known, its end is told again");
}
