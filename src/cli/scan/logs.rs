//! Which logs a command reads, and reading them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::progress::Progress;
use super::report::Reading;
use super::session::{Results, Session, Settings};
use crate::cli::exit::Failure;
use crate::config::Config;
use crate::decode::FormatHint;
use crate::files::{self, Chunks, LogFile, NotRead, walk};
use crate::runtime::clock::{self, Clock, SystemClock};
use crate::wire::declared;

/// Which logs are read, and what is declared about the identities in them.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Logs {
    /// Files and folders; `-` is standard input. Folders are searched for .json, .jsonl, .ndjson, .log and .gz.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Declared identities (owner, purpose, status…), one JSON object a line.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// What the files carry.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
}

/// What files carry.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum Format {
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

impl Logs {
    /// What holds for all payloads.
    pub(in crate::cli) fn settings(&self) -> Settings {
        Settings { format: self.format.into(), as_of: clock::now() }
    }

    /// Has a session take in the declared identities, and then all logs in order.
    ///
    /// # Errors
    /// Where the declarations are wrong, or a result cannot be written. A log that cannot be read is noted, and the others are
    /// read all the same.
    pub(in crate::cli) fn read<R: Results>(
        &self,
        session: &mut Session<R>,
        config: &Config,
    ) -> Result<Reading, Failure> {
        let found = walk(&self.paths);
        let clock = SystemClock::start();
        if let Some(path) = &self.inventory {
            declare(path, session)?;
        }
        let progress = Progress::new(&found.files);
        let mut not_read = found.not_read;
        let mut bytes = 0;
        for file in &found.files {
            match scan_file(file, session, &progress, config) {
                Ok(count) => bytes += count,
                Err(Stop::Unreadable(reason)) => not_read.push(NotRead { path: file.path.clone(), reason }),
                Err(Stop::Output(error)) => return Err(error.into()),
            }
        }
        progress.finish();
        Ok(Reading { files: found.files.len(), bytes, not_read, elapsed: clock.monotonic() })
    }
}

/// Takes in the declared identities.
fn declare<R: Results>(path: &Path, session: &mut Session<R>) -> Result<(), Failure> {
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
fn scan_file<R: Results>(
    file: &LogFile,
    session: &mut Session<R>,
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
