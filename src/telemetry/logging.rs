//! The monitor's own log: constant messages plus fields, on standard error.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Log, LogFormat};
use crate::time::{MINUTE_MS, ProcessingTime};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter cannot be read.
    #[error(
        "log.level `{level}` is not a filter ({reason}): use `info`, or `nhi_monitor=debug,rdkafka=warn`"
    )]
    BadLevel {
        /// As configured.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Logging is set up already.
    #[error("logging cannot be set up twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up the log of this process. Call it once, before anything is logged.
///
/// # Errors
/// Where `log.level` is not a filter, or logging is set up already.
pub fn init(config: &Log) -> Result<(), Error> {
    let filter = filter(&config.level)?;
    // Colours are for people: a file, a journal or a collector of logs gets the plain text.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(console::colors_enabled_stderr());
    match config.format {
        LogFormat::Text => lines.with_target(false).finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).finish().try_init()?,
    }
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, Error> {
    let bad = |reason: String| Error::BadLevel { level: level.to_owned(), reason };
    if level.trim().is_empty() {
        return Err(bad("it is empty".into()));
    }
    EnvFilter::builder().parse(level).map_err(|error| bad(error.to_string()))
}

/// Holds back repeated warnings: one line per reason and interval, with the count of those held back.
///
/// Reasons are fixed in the program, so that the table of them cannot grow with the input.
#[derive(Debug, Default)]
pub struct RateLimit {
    reasons: Mutex<HashMap<&'static str, Window>>,
}

/// Shortest time between two lines of one reason: often enough to be seen, rare enough to be read.
pub const WARNING_INTERVAL_MS: i64 = MINUTE_MS;

#[derive(Debug)]
struct Window {
    since: ProcessingTime,
    held_back: u64,
}

impl RateLimit {
    /// No reason seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `count` occurrences of `reason`. `Some(n)`: write a line now, that stands for `n` occurrences; `None`: write none.
    ///
    /// ```
    /// use nhi_monitor::telemetry::logging::RateLimit;
    /// use nhi_monitor::time::ProcessingTime;
    ///
    /// let limit = RateLimit::new();
    /// let at = |secs: i64| ProcessingTime::from_millis(1_000 * secs);
    /// assert_eq!(limit.pass("bad_json", 1, at(0)), Some(1));
    /// assert_eq!(limit.pass("bad_json", 5, at(30)), None);
    /// assert_eq!(limit.pass("bad_json", 1, at(60)), Some(6));
    /// ```
    pub fn pass(&self, reason: &'static str, count: u64, now: ProcessingTime) -> Option<u64> {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(window) = reasons.get_mut(reason) else {
            reasons.insert(reason, Window { since: now, held_back: 0 });
            return Some(count);
        };
        window.held_back = window.held_back.saturating_add(count);
        if now.millis_since(window.since) < WARNING_INTERVAL_MS {
            return None;
        }
        window.since = now;
        Some(std::mem::take(&mut window.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_line_of_its_own() {
        let limit = RateLimit::new();
        let now = ProcessingTime::from_millis(5_000);
        assert_eq!(limit.pass("bad_json", 3, now), Some(3));
        assert_eq!(limit.pass("too_large", 1, now), Some(1));
        assert_eq!(limit.pass("bad_json", 1, now), None);
    }

    #[test]
    fn a_bad_filter_is_named() {
        for level in ["", "nhi_monitor=loud", "=="] {
            let error = filter(level).unwrap_err().to_string();
            assert!(error.starts_with(&format!("log.level `{level}`")), "{error}");
        }
        assert!(filter("nhi_monitor=debug,rdkafka=warn").is_ok());
    }
}
