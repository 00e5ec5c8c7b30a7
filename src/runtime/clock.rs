//! The one place that reads the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::ProcessingTime;

/// What time it is. Tests and models bring their own.
pub trait Clock: Send + Sync {
    /// Time of day.
    fn wall(&self) -> ProcessingTime;
    /// Time since some fixed start; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> ProcessingTime {
        now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn now() -> ProcessingTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ProcessingTime::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
