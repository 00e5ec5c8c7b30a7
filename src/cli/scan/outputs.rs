//! The files that a scan writes: one JSON record a line, the bytes that the topics carry.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;

use crate::baseline::LastSeen;
use crate::detect::finding::IncidentReport;
use crate::wire::{Alert, LastSeenRecord};

/// The files asked for.
#[derive(Default)]
pub(super) struct Outputs {
    alerts: Option<BufWriter<File>>,
    last_seen: Option<BufWriter<File>>,
}

impl Outputs {
    /// Creates the files, or empties them.
    pub(super) fn create(alerts: Option<&Path>, last_seen: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self { alerts: alerts.map(create).transpose()?, last_seen: last_seen.map(create).transpose()? })
    }

    /// Writes one alert.
    pub(super) fn alert(&mut self, report: &IncidentReport) -> io::Result<()> {
        match &mut self.alerts {
            Some(file) => line(file, Alert::from_report(report).to_bytes()),
            None => Ok(()),
        }
    }

    /// Writes one last-seen record.
    pub(super) fn last_seen(&mut self, last_seen: &LastSeen) -> io::Result<()> {
        match &mut self.last_seen {
            Some(file) => line(file, LastSeenRecord::from(last_seen).to_bytes()),
            None => Ok(()),
        }
    }

    /// Writes out what is still held back.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for file in [&mut self.alerts, &mut self.last_seen].into_iter().flatten() {
            file.flush()?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(BufWriter::new(file))
}

fn line(file: &mut impl Write, bytes: Result<Vec<u8>, serde_json::Error>) -> io::Result<()> {
    file.write_all(&bytes?)?;
    file.write_all(b"\n")
}
