//! How far a scan is: bytes read of all bytes, and records a second. Hidden where there is no terminal.

use std::io::Read;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::files::LogFile;

/// Often enough to look alive.
const REFRESH: Duration = Duration::from_millis(200);
const KNOWN: &str = "{bar:30} {percent:>3} %  {bytes} of {total_bytes}, {msg}, {eta} left";
const UNKNOWN: &str = "{spinner} {bytes} read, {msg}, {elapsed}";

/// The bar.
pub(in crate::cli) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over the bytes of `files`, or a wheel where standard input is among them.
    pub(in crate::cli) fn new(files: &[LogFile]) -> Self {
        let (bar, template) = if files.iter().any(LogFile::is_stdin) {
            (ProgressBar::new_spinner(), UNKNOWN)
        } else {
            (ProgressBar::new(files.iter().map(|file| file.bytes).sum()), KNOWN)
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REFRESH);
        Self { bar }
    }

    /// Counts what is read from `raw`.
    pub(in crate::cli) fn observe(&self, raw: Box<dyn Read>) -> Box<dyn Read> {
        Box::new(self.bar.wrap_read(raw))
    }

    /// Says how many records there were so far.
    pub(in crate::cli) fn records(&self, count: u64) {
        // Making the text costs more than a record does.
        const EVERY: u64 = 8_192;
        if count.is_multiple_of(EVERY) && !self.bar.is_hidden() {
            let rate = count as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
            self.bar.set_message(format!("{count} records, {rate:.0} a second"));
        }
    }

    /// Takes the bar away.
    pub(in crate::cli) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
