//! Waits until the monitor has read what was sent.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::kafka::backfill::Reading;
use crate::runtime::clock::{Clock as _, SystemClock};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long nothing may be read before nobody is taken to read: longer than a rebalance, or a restart of the service.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
const WAITING: &str = "{spinner} waiting for the monitor to read, {msg} messages left at most, {elapsed}";

/// Waits until ingest has committed all of these topics up to where they end now; `false` where it stands still.
pub(super) fn wait(config: &Config, topics: &[String]) -> anyhow::Result<bool> {
    let reading = Reading::start(config, topics)?;
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(WAITING) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(LOOK_EVERY);
    let clock = SystemClock::start();
    let (mut least, mut moved) = (u64::MAX, clock.monotonic());
    loop {
        // Brokers that do not answer once are asked again.
        let left = reading.left().or_else(|error| {
            if clock.monotonic() - moved > STALL_TIMEOUT { Err(error) } else { Ok(least) }
        })?;
        if left == 0 {
            bar.finish_and_clear();
            return Ok(true);
        }
        if left < least {
            (least, moved) = (left, clock.monotonic());
        }
        if clock.monotonic() - moved > STALL_TIMEOUT {
            bar.finish_and_clear();
            return Ok(false);
        }
        bar.set_message(left.to_string());
        std::thread::sleep(LOOK_EVERY);
    }
}
