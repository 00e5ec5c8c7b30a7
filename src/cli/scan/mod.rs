//! `scan`: the same core as with Kafka, over files, driven by the time of the events.

mod incidents;
mod outputs;
mod progress;
mod report;
mod session;
pub(super) mod text;

use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::decode::FormatHint;
use crate::detect::Detectors;
use crate::files::{self, Chunks, LogFile, NotRead, walk};
use crate::runtime::clock::{self, Clock, SystemClock};
use crate::wire::declared;
use outputs::Outputs;
use progress::Progress;
use report::Report;
use session::{Session, Settings};

/// Look through log files and folders, and report.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Files and folders; `-` is standard input. Folders are searched for .json, .jsonl, .ndjson, .log and .gz.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Declared identities (owner, purpose, status…), one JSON object a line.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Write all alerts here, one OCSF Detection Finding a line, as the topic carries them.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Write when each identity was last used here, one JSON record a line, as the topic carries them.
    #[arg(long, value_name = "FILE")]
    last_seen: Option<PathBuf>,
    /// Days without use after which an identity counts as unused (default: unused.after_days of the settings, 90).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    unused_days: Option<u32>,
    /// What the files carry.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Print the report as JSON (schema `nhi.scan/1`).
    #[arg(long)]
    json: bool,
    /// Settings file, TOML or YAML.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor scan AWSLogs/                                  a folder of CloudTrail files, packed or not
  nhi-monitor scan --unused-days 30 /var/log/auth.log*       Linux auth logs, oldest first
  zcat trail.gz | nhi-monitor scan --json - > report.json    standard input
  nhi-monitor scan --alerts alerts.jsonl --last-seen last-seen.jsonl logs/

Exit codes: 0 done, also where alerts were raised or some records could not be read; 1 it failed on the way;
2 the command line or the settings are wrong, or nothing could be read.";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Each record is recognised by its content.
    Auto,
    /// CloudTrail in any transport shape.
    #[value(name = "cloudtrail")]
    Cloudtrail,
    /// Linux auth logs: syslog or journald.
    #[value(name = "linux_auth")]
    LinuxAuth,
}

impl From<Format> for FormatHint {
    fn from(format: Format) -> Self {
        match format {
            Format::Auto => Self::Auto,
            Format::Cloudtrail => Self::Cloudtrail,
            Format::LinuxAuth => Self::LinuxAuth,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = config(args)?;
    let found = walk(&args.paths);
    let clock = SystemClock::start();
    let mut session = session(args, &config)?;
    if let Some(path) = &args.inventory {
        declare(path, &mut session)?;
    }
    let progress = Progress::new(&found.files);
    let mut not_read = found.not_read;
    let mut bytes = 0;
    for file in &found.files {
        match scan_file(file, &mut session, &progress, &config) {
            Ok(count) => bytes += count,
            Err(Stop::Unreadable(reason)) => not_read.push(NotRead { path: file.path.clone(), reason }),
            Err(Stop::Output(error)) => return Err(error.into()),
        }
    }
    progress.finish();
    let (read, elapsed) = (found.files.len(), clock.monotonic());
    let report = session.finish(report::Reading { files: read, bytes, not_read, elapsed })?;
    conclude(args, &report)
}

fn config(args: &Args) -> Result<Config, Failure> {
    let mut config = settings::load(args.config.as_deref())?;
    if let Some(days) = args.unused_days {
        config.unused.after_days = days;
    }
    Ok(config)
}

fn session(args: &Args, config: &Config) -> Result<Session, Failure> {
    let outputs =
        Outputs::create(args.alerts.as_deref(), args.last_seen.as_deref()).map_err(Failure::Usage)?;
    let settings = Settings { format: args.format.into(), as_of: clock::now() };
    Ok(Session::new(config, Arc::new(Detectors::builtin()?), settings, outputs))
}

/// Takes in the declared identities.
fn declare(path: &std::path::Path, session: &mut Session) -> Result<(), Failure> {
    let cannot_read = || format!("inventory {} cannot be read", path.display());
    let file = File::open(path).with_context(cannot_read).map_err(Failure::Usage)?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(cannot_read).map_err(Failure::Usage)?;
        if line.trim().is_empty() {
            continue;
        }
        let change = declared::parse_line(line.as_bytes())
            .map_err(|error| Failure::Usage(anyhow!("{}:{}: {error}", path.display(), index + 1)))?;
        session.declare(change);
    }
    Ok(())
}

/// Why the rest of a file was not read.
enum Stop {
    /// The file is at fault; the others are read all the same.
    Unreadable(String),
    /// The results could not be written.
    Output(std::io::Error),
}

/// Takes in one file; gives its bytes, unpacked.
fn scan_file(
    file: &LogFile,
    session: &mut Session,
    progress: &Progress,
    config: &Config,
) -> Result<u64, Stop> {
    let unreadable = |error: std::io::Error| Stop::Unreadable(files::walk::explain(&error));
    let reader = files::open(file, |raw| progress.observe(raw)).map_err(unreadable)?;
    let source = file.path.display().to_string();
    let mut chunks = Chunks::new(reader, config.limits.payload_bytes);
    let mut bytes = 0;
    while let Some(chunk) = chunks.next_chunk().map_err(unreadable)? {
        bytes += chunk.bytes.map_or(0, <[u8]>::len) as u64;
        session.take(&source, &chunk).map_err(Stop::Output)?;
        progress.records(session.records());
    }
    Ok(bytes)
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
