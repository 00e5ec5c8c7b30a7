//! Finds a worker that stands still, and ends the process for it.
//!
//! A call of the client library that does not come back cannot be ended by anybody: `rd_kafka_send_offsets_to_transaction` has
//! been seen to ignore its timeout for minutes after a broker died (librdkafka issues 5511 and 5456). The group hears such a
//! worker's heartbeats, so that nobody else takes its partitions over. A restart is the one recovery that is always right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::board::Board;
use super::observer::StageKind;

/// Time between looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a worker may stay within one turn of its loop, counted in looks that found it there: while the process itself is
/// stopped, nobody looks.
///
/// More than the longest turn that is still sound, when each step of it takes all of its time: deliveries 10 s, offsets and commit
/// 30 s each, an abort and a new producer 65 s, a look for losses 80 s. Less than the five minutes of `max.poll.interval.ms`, after
/// which the group expels it.
const STUCK_AFTER: Duration = Duration::from_secs(240);

/// How a worker shows that its loop turns.
#[derive(Debug, Default)]
pub struct Pulse {
    turns: AtomicU64,
    has_ended: AtomicBool,
}

impl Pulse {
    /// The loop begins another turn. Before its first one a worker connects, which has timeouts of its own.
    pub(crate) fn beat(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// The worker ended, or was given up. Says whether it had not before: then its end is still to be told.
    pub(crate) fn end(&self) -> bool {
        !self.has_ended.swap(true, Ordering::AcqRel)
    }

    /// How often it beat.
    pub(crate) fn beats(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}

/// A worker under watch.
pub(crate) struct Watched {
    kind: StageKind,
    worker: usize,
    pulse: Arc<Pulse>,
    turns: u64,
    /// For how long it has not turned.
    still: Duration,
}

impl Watched {
    pub(crate) const fn new(kind: StageKind, worker: usize, pulse: Arc<Pulse>) -> Self {
        Self { kind, worker, pulse, turns: 0, still: Duration::ZERO }
    }

    /// Whether it stands still for too long.
    fn is_stuck(&mut self) -> bool {
        let turns = self.pulse.beats();
        let stands = turns > 0 && turns == self.turns;
        self.turns = turns;
        self.still = if stands { self.still + LOOK_EVERY } else { Duration::ZERO };
        self.still >= STUCK_AFTER
    }

    fn describe(&self) -> String {
        format!(
            "{} worker {} has not turned for {} s: a call of the Kafka client does not come back; start the process anew",
            self.kind.as_str(),
            self.worker,
            self.still.as_secs()
        )
    }
}

/// Looks after all workers of a service.
pub(crate) struct Watchdog {
    workers: Vec<Watched>,
    board: Arc<Board>,
    stop: Arc<AtomicBool>,
}

impl Watchdog {
    pub(crate) fn new(workers: Vec<Watched>, board: &Arc<Board>, stop: &Arc<AtomicBool>) -> Self {
        Self { workers, board: Arc::clone(board), stop: Arc::clone(stop) }
    }

    /// Looks from a thread of its own until all workers have ended.
    pub(crate) fn spawn(mut self) -> Result<(), std::io::Error> {
        let look = move || {
            while self.look() {
                std::thread::sleep(LOOK_EVERY);
            }
        };
        std::thread::Builder::new().name("watchdog".into()).spawn(look).map(drop)
    }

    /// Looks once, and gives up whom it finds stuck. Says whether there is anybody left to look after.
    fn look(&mut self) -> bool {
        self.workers.retain(|watched| !watched.pulse.has_ended());
        for watched in &mut self.workers {
            if watched.is_stuck() && watched.pulse.end() {
                let (stage, worker) = (watched.kind.as_str(), watched.worker);
                let still_secs = watched.still.as_secs();
                tracing::error!(stage, worker, still_secs, "worker stands still; the process ends");
                self.stop.store(true, Ordering::Release);
                self.board.end(Some(watched.describe()));
            }
        }
        !self.workers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks that it takes to give a worker up, after the one that saw its last turn.
    const LOOKS: u64 = STUCK_AFTER.as_secs() / LOOK_EVERY.as_secs();

    struct Fixture {
        pulses: [Arc<Pulse>; 2],
        board: Arc<Board>,
        stop: Arc<AtomicBool>,
        watchdog: Watchdog,
    }

    fn fixture() -> Fixture {
        let pulses = [Arc::new(Pulse::default()), Arc::new(Pulse::default())];
        let (board, stop) = (Arc::new(Board::new(2, 0)), Arc::new(AtomicBool::new(false)));
        let kinds = [StageKind::Ingest, StageKind::Monitor];
        let watched =
            kinds.into_iter().zip(&pulses).map(|(kind, pulse)| Watched::new(kind, 7, Arc::clone(pulse)));
        let watchdog = Watchdog::new(watched.collect(), &board, &stop);
        Fixture { pulses, board, stop, watchdog }
    }

    #[test]
    fn a_worker_that_stands_still_ends_the_service_and_is_named() {
        let Fixture { pulses: [standing, turning], board, stop, mut watchdog } = fixture();
        standing.beat();
        for _ in 0..LOOKS {
            turning.beat();
            watchdog.look();
        }
        assert_eq!((board.failure(), stop.load(Ordering::Acquire)), (None, false));
        turning.beat();
        assert!(watchdog.look(), "the other is still looked after while it drains");
        let failure = board.failure().expect("it is told");
        assert!(failure.starts_with("ingest worker 7 has not turned for 240 s"), "{failure}");
        assert!(stop.load(Ordering::Acquire));
        assert_eq!(board.running(), 1);
        assert!(!standing.end(), "should it wake up after all, its end is told already");
        assert!(turning.end());
        assert!(!watchdog.look());
    }

    #[test]
    fn one_turn_in_time_starts_the_count_anew() {
        let Fixture { pulses: [one, other], board, mut watchdog, .. } = fixture();
        for _ in 0..3 {
            one.beat();
            other.beat();
            assert!((0..LOOKS).all(|_| watchdog.look()));
        }
        assert_eq!(board.failure(), None);
    }

    #[test]
    fn who_connects_and_who_has_ended_is_not_stuck() {
        let Fixture { pulses: [connecting, ended], board, mut watchdog, .. } = fixture();
        ended.beat();
        assert!(ended.end());
        assert!((0..3 * LOOKS).all(|_| watchdog.look()));
        assert_eq!(board.failure(), None);
        assert!(connecting.end());
        assert!(!watchdog.look());
    }

    /// A stopped process makes no looks, however long it is stopped: only looks count.
    #[test]
    fn time_without_looks_does_not_count() {
        let Fixture { pulses: [one, other], board, mut watchdog, .. } = fixture();
        one.beat();
        other.beat();
        assert!((0..LOOKS).all(|_| watchdog.look()));
        // Here lies any time at all; then the workers wake up with the watchdog.
        one.beat();
        other.beat();
        watchdog.look();
        assert_eq!(board.failure(), None);
    }
}
