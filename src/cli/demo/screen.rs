//! What the demo shows: progress, cards, tables. Without a terminal it writes plain lines.

use std::io::Write;

use console::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::card::card;
use crate::cli::table;
use crate::wire::alert::Alert;

/// Widest card: longer lines are hard to read.
const MAX_WIDTH: usize = 100;

/// The terminal, or whatever standard output is.
pub(super) struct Screen {
    bar: ProgressBar,
    is_terminal: bool,
    shown_tenths: u64,
}

impl Screen {
    pub(super) fn new() -> Self {
        let is_terminal = console::user_attended() && console::user_attended_stderr();
        Self { bar: ProgressBar::hidden(), is_terminal, shown_tenths: 0 }
    }

    /// Starts a part whose progress runs to `length`; 0 shows none.
    pub(super) fn part(&mut self, title: &str, length: u64) {
        self.bar.finish_and_clear();
        self.shown_tenths = 0;
        self.say(&format!("\n{}", Style::new().bold().apply_to(title)));
        if length == 0 {
            self.bar = ProgressBar::hidden();
            return;
        }
        let target =
            if self.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let template = "  {bar:32} {percent:>3} %  {human_pos} records  {per_sec}  {eta} left";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::with_draw_target(Some(length), target).with_style(style);
    }

    /// Moves the progress; without a terminal it is written at each tenth.
    pub(super) fn progress(&mut self, position: u64) {
        self.bar.set_position(position);
        let tenths = position * 10 / self.bar.length().unwrap_or(1).max(1);
        if !self.is_terminal && tenths > self.shown_tenths {
            self.shown_tenths = tenths;
            self.say(&format!("  {:>3} %  {} records", (tenths * 10).min(100), table::grouped(position)));
        }
    }

    /// Ends the part.
    pub(super) fn part_done(&mut self) {
        self.bar.finish_and_clear();
    }

    /// Shows an alert.
    pub(super) fn alert(&self, alert: &Alert) {
        self.say(&format!("\n{}", card(alert, table::width().min(MAX_WIDTH))));
    }

    /// Writes a line. A reader that went away is no reason to stop.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| {
            let mut out = std::io::stdout().lock();
            let written = writeln!(out, "{line}").and_then(|()| out.flush());
            if let Err(error) = written {
                tracing::debug!(%error, "nobody reads the output");
            }
        });
    }
}
