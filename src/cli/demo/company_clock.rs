//! The company's time of day: a month passes in seconds, and the monitor must not take that for silence.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::runtime::Clock;
use crate::runtime::clock::SystemClock;
use crate::time::{EventTime, ProcessingTime};

/// A clock whose time of day is that of the traffic played last.
pub(super) struct CompanyClock {
    system: SystemClock,
    wall_ms: AtomicI64,
}

impl CompanyClock {
    /// A clock at the beginning of time, until traffic is played.
    pub(super) fn start() -> Self {
        Self { system: SystemClock::start(), wall_ms: AtomicI64::new(0) }
    }

    /// Traffic was played up to `time`.
    pub(super) fn advance(&self, time: EventTime) {
        self.wall_ms.fetch_max(time.millis(), Ordering::Relaxed);
    }
}

impl Clock for CompanyClock {
    fn wall(&self) -> ProcessingTime {
        ProcessingTime::from_millis(self.wall_ms.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}
