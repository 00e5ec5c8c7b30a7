//! `backtest`: the same logs under two sets of detectors, side by side; every record is decoded once.

mod compare;
mod report;
mod text;

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::{Exit, Failure};
use super::scan::logs::Logs;
use super::scan::session::{Finished, Results, Session};
use super::settings;
use crate::detect::Detectors;
use crate::detect::finding::IncidentReport;
use crate::time::DAY_MS;
use compare::Side;
use report::Report;

/// Replay logs under two sets of detectors, and say which alerts would be new, gone or graver.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The detectors that are proposed: a folder, laid over the built-in ones, or `builtin`.
    #[arg(long, value_name = "DIR")]
    detectors: String,
    /// The detectors that they are compared with: a folder, or `builtin`.
    #[arg(long, value_name = "DIR")]
    against: String,
    #[command(flatten)]
    logs: Logs,
    /// Compare only alerts that begin within the last N days of the logs; what comes before them is learned.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,
    /// Print the comparison as JSON (schema `nhi.backtest/1`).
    #[arg(long)]
    json: bool,
    /// Exit with 1 where more than N alerts are new.
    #[arg(long, value_name = "N")]
    fail_on_new: Option<u64>,
    /// Settings file, TOML or YAML; its `detection.detectors` is left aside.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor backtest --detectors new/ --against builtin AWSLogs/
  nhi-monitor backtest --detectors new/ --against detectors/ --days 30 --json logs/ > change.json
  nhi-monitor backtest --detectors new/ --against detectors/ --fail-on-new 0 logs/     in a pipeline

Exit codes: 0 done; 1 more alerts are new than --fail-on-new allows, or it failed on the way; 2 the command line, \
the settings or the detectors are wrong, or nothing could be read.";

/// The place of the proposed detectors among the cores, and of those that they are compared with.
const PROPOSED: usize = 0;
/// See [`PROPOSED`].
const AGAINST: usize = 1;

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(args.config.as_deref())?;
    let sets = [&args.detectors, &args.against].map(|name| load(name));
    let [proposed, against] = sets;
    let sets = [proposed?, against?];
    let mut session = Session::new(&config, &sets, args.logs.settings(), Sides::default())?;
    let reading = args.logs.read(&mut session, &config)?;
    let finished = session.finish()?;
    if finished.counts.activities + finished.counts.skipped_count() == 0 {
        return Err(Failure::Usage(anyhow!("nothing could be read: no record was understood")));
    }
    let since = args.days.zip(finished.counts.last);
    let since = since.map(|(days, last)| last.plus_millis(-i64::from(days) * DAY_MS));
    let Finished { monitors, counts, results: Sides([proposed, against]) } = finished;
    let changes = compare::compare(&proposed, &against, since);
    let mut report = Report::new([&args.detectors, &args.against], counts.records, &changes);
    report.note_dropped([proposed.dropped(), against.dropped()]);
    report.note_signals([monitors[PROPOSED].stats(), monitors[AGAINST].stats()]);
    report.note_unread(reading.not_read.len());
    write(args, &report)?;
    let is_too_new = args.fail_on_new.is_some_and(|most| report.total.new > most);
    Ok(if is_too_new { Exit::Findings } else { Exit::Ok })
}

fn load(name: &str) -> Result<Arc<Detectors>, Failure> {
    let folder = (name != "builtin").then(|| Path::new(name));
    settings::detectors_of(folder).map(Arc::new)
}

fn write(args: &Args, report: &Report) -> Result<(), Failure> {
    let mut out = stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        text::write(&mut out, report)?;
    }
    Ok(())
}

/// The alerts under the proposed detectors, and under those that they are compared with.
#[derive(Default)]
struct Sides([Side; 2]);

impl Results for Sides {
    fn alert(&mut self, core: usize, report: IncidentReport) -> io::Result<()> {
        if let Some(side) = self.0.get_mut(core) {
            side.note(&report);
        }
        Ok(())
    }
}
