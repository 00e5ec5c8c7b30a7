//! Waits that end: with what they wait for, by Ctrl-C, by the monitor's failure, or by a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::{Health, Service};

/// Longest wait for anything: all of it is in one process, where steps take seconds on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest wait once Ctrl-C was pressed: enough for what is under way to reach the summary, short enough for a person.
const PATIENCE_INTERRUPTED: Duration = Duration::from_secs(3);

/// Pause between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How the demo waits. Clones share the interrupt.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    clock: SystemClock,
    interrupted: Arc<AtomicBool>,
}

impl Waits {
    /// Waits by this clock, until the flag is set.
    pub(super) fn new(clock: SystemClock, interrupted: Arc<AtomicBool>) -> Self {
        Self { clock, interrupted }
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Time since the demo's start.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Looks again and again until `is_done`; gives up quietly some seconds after Ctrl-C.
    ///
    /// # Errors
    /// Where the monitor failed, or `what` did not happen in time.
    pub(super) fn until(
        &self,
        what: &str,
        service: &Service,
        mut is_done: impl FnMut(&Health) -> bool,
    ) -> anyhow::Result<()> {
        let since = self.now();
        loop {
            let health = service.health();
            if is_done(&health) {
                return Ok(());
            }
            if let Some(failure) = health.failure {
                anyhow::bail!("the monitor failed: {failure}");
            }
            if self.gives_up(what, self.now().saturating_sub(since))? {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Whether a wait of this length ends without its result, as Ctrl-C was pressed.
    ///
    /// # Errors
    /// Where it was too long.
    pub(super) fn gives_up(&self, what: &str, waited: Duration) -> anyhow::Result<bool> {
        if self.is_interrupted() {
            return Ok(waited >= PATIENCE_INTERRUPTED);
        }
        anyhow::ensure!(waited < PATIENCE, "{what} within {} s", PATIENCE.as_secs());
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interrupted: bool, waited: Duration, expected: Result<bool, &str>) {
        let waits = Waits::new(SystemClock::start(), Arc::new(AtomicBool::new(interrupted)));
        let outcome = waits.gives_up("the monitor was not ready", waited).map_err(|error| error.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{waited:?}");
    }

    #[test]
    fn waits_end_by_their_deadline_or_soon_after_an_interrupt() {
        check(false, Duration::from_secs(59), Ok(false));
        check(false, Duration::from_secs(60), Err("the monitor was not ready within 60 s"));
        check(true, Duration::from_secs(2), Ok(false));
        check(true, Duration::from_secs(3), Ok(true));
        check(true, Duration::from_secs(60), Ok(true));
    }
}
