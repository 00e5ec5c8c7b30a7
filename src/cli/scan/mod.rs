//! `scan`: the same core as with Kafka, over files, driven by the time of the events.

mod chains;
mod incidents;
pub(super) mod logs;
mod outputs;
pub(super) mod progress;
pub(super) mod report;
pub(super) mod session;
pub(super) mod text;

use std::io::{self, Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::detect::finding::IncidentReport;
use incidents::Incidents;
use logs::Logs;
use outputs::Outputs;
use report::Report;
use session::{Finished, Results, Session};

/// Look through log files and folders, and report.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    logs: Logs,
    /// Write all alerts here, one OCSF Detection Finding a line, as the topic carries them.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Write when each identity was last used here, one JSON record a line, as the topic carries them.
    #[arg(long, value_name = "FILE")]
    last_seen: Option<PathBuf>,
    /// Days without use after which an identity counts as unused (default: unused.after_days of the settings, 90).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    unused_days: Option<u32>,
    /// Print the report as JSON (schema `nhi.scan/1`).
    #[arg(long)]
    json: bool,
    /// Settings file, TOML or YAML.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor scan AWSLogs/                                  a folder of CloudTrail files
  nhi-monitor scan --unused-days 30 /var/log/auth.log*       Linux auth logs, oldest first
  zcat trail.gz | nhi-monitor scan --json - > report.json    standard input
  nhi-monitor scan --alerts alerts.jsonl --last-seen last-seen.jsonl logs/

Exit codes: 0 done, also where alerts were raised or some records could not be read; 1 it failed on the way; \
2 the command line or the settings are wrong, or nothing could be read.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = config(args)?;
    let mut session = session(args, &config)?;
    let reading = args.logs.read(&mut session, &config)?;
    let Finished { monitors, counts, results: Kept { incidents, mut outputs } } = session.finish()?;
    let monitor = monitors.first().ok_or_else(|| anyhow!("there is no core"))?;
    let report = Report::new(monitor, reading, (counts, incidents), &mut outputs)?;
    outputs.finish()?;
    conclude(args, &report)
}

/// What becomes of alerts.
struct Kept {
    incidents: Incidents,
    outputs: Outputs,
}

impl Results for Kept {
    fn alert(&mut self, _core: usize, report: IncidentReport) -> io::Result<()> {
        let written = self.outputs.alert(&report);
        self.incidents.note(report);
        written
    }
}

fn config(args: &Args) -> Result<Config, Failure> {
    let mut config = settings::load(args.config.as_deref())?;
    if let Some(days) = args.unused_days {
        config.unused.after_days = days;
    }
    Ok(config)
}

fn session(args: &Args, config: &Config) -> Result<Session<Kept>, Failure> {
    let outputs =
        Outputs::create(args.alerts.as_deref(), args.last_seen.as_deref()).map_err(Failure::Usage)?;
    let results = Kept { incidents: Incidents::default(), outputs };
    let detectors = Arc::new(settings::detectors(config)?);
    Session::new(config, &[detectors], args.logs.settings(), results)
}

fn conclude(args: &Args, report: &Report) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(report)?)?;
    } else {
        text::write(&mut out, report)?;
    }
    if report.is_empty() {
        return Err(Failure::Usage(anyhow!("nothing could be read: no record was understood")));
    }
    Ok(Exit::Ok)
}
