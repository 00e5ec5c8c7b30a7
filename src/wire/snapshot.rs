//! The monitor's state as changelog records: one per identity and one per log source.
//!
//! Keys are `identity:<identity id>`, `scope:<log source>`, `inputs` (how far each input partition was read),
//! `losses` (hours of which records were lost), `budget` (how far incidents reached) and `forgotten` (up to when identities that went were used). Values begin with one version byte; the rest is
//! postcard (<https://postcard.jamesmunns.com/wire-format>). A version that is newer than this program is refused,
//! so that a roll-back never overwrites what it cannot read.

use serde::{Deserialize, Serialize, Serializer};

use crate::baseline::coverage::source::ScopeCoverage;
use crate::monitor::Monitor;

pub mod facts;
mod feedback;
mod identity;
mod incident;
#[cfg(test)]
mod tests;
mod values;

/// Version of the values written.
pub const VERSION: u8 = 4;

/// Room made for a value at first. An identity with a month's history takes about that much (`benches/memory.rs`), so
/// that most are written without growing.
const USUAL_BYTES: usize = 2048;

const IDENTITY_PREFIX: &str = "identity:";
const SCOPE_PREFIX: &str = "scope:";
const INPUTS_KEY: &str = "inputs";
const LOSSES_KEY: &str = "losses";
const BUDGET_KEY: &str = "budget";
const FORGOTTEN_KEY: &str = "forgotten";

/// One changelog record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Record key, unique within the partition.
    pub key: Vec<u8>,
    /// New value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a changelog record could not be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Written by a newer version.
    #[error(
        "state record of version {found}, this program reads up to {VERSION}: run the newer program, or reset the application"
    )]
    TooNew {
        /// Version found.
        found: u8,
    },
    /// Written before this form was settled.
    #[error(
        "state record of version {found}, this program reads version {VERSION}: reset the application (docs/operations.md, Reset)"
    )]
    TooOld {
        /// Version found.
        found: u8,
    },
    /// Not a state record.
    #[error("state record is damaged: {0}")]
    Damaged(String),
}

impl Error {
    /// Bounded label for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooNew { .. } => "too_new",
            Self::TooOld { .. } => "too_old",
            Self::Damaged(_) => "damaged",
        }
    }
}

/// Everything that changed in `monitor` since the last call, as changelog records.
///
/// # Errors
/// Where a state cannot be written down, which no input brings about.
pub fn take_changes(monitor: &mut Monitor) -> Result<Vec<Change>, Error> {
    let changes = monitor.take_changes();
    let shared = monitor.shared();
    let mut out = Vec::with_capacity(changes.identities.len() + changes.scopes.len() + changes.dropped.len());
    for id in &changes.identities {
        if let Some(state) = shared.identities.get(id) {
            let value = identity::write(&state, start())?;
            out.push(Change { key: key(IDENTITY_PREFIX, id.as_str()), value: Some(value) });
        }
    }
    // What was dropped and came back since has its value above.
    let gone = changes.dropped.iter().filter(|id| !shared.identities.contains_key(*id));
    out.extend(gone.map(|id| Change { key: key(IDENTITY_PREFIX, id.as_str()), value: None }));
    let coverage = shared.coverage();
    for scope in &changes.scopes {
        let value = coverage.get(scope).map(encode).transpose()?;
        out.push(Change { key: key(SCOPE_PREFIX, scope), value });
    }
    if changes.losses {
        out.push(Change { key: LOSSES_KEY.into(), value: Some(encode(coverage.losses())?) });
    }
    if changes.inputs {
        let value = Some(encode(monitor.inputs())?);
        out.push(Change { key: INPUTS_KEY.into(), value });
    }
    if changes.budget {
        out.push(Change { key: BUDGET_KEY.into(), value: Some(encode(monitor.budget())?) });
    }
    if changes.forgotten {
        let value = Some(encode(&monitor.forgotten_until())?);
        out.push(Change { key: FORGOTTEN_KEY.into(), value });
    }
    Ok(out)
}

/// Puts one changelog record into a monitor that is being restored.
///
/// # Errors
/// Where the record was written by a newer version or is damaged.
pub fn restore(monitor: &mut Monitor, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let key = std::str::from_utf8(key).map_err(damaged)?;
    if let Some(id) = key.strip_prefix(IDENTITY_PREFIX) {
        let read = |bytes| identity::read(versioned(bytes)?, monitor.vocabulary());
        let state = value.map(read).transpose()?;
        monitor.restore_identity(id, state);
        return Ok(());
    }
    if key == INPUTS_KEY {
        monitor.restore_inputs(value.map(decode).transpose()?.unwrap_or_default());
        return Ok(());
    }
    if key == LOSSES_KEY {
        let losses = value.map(decode).transpose()?.unwrap_or_default();
        monitor.shared().coverage_mut().restore_losses(losses);
        return Ok(());
    }
    if key == BUDGET_KEY {
        monitor.restore_budget(value.map(decode).transpose()?.unwrap_or_default());
        return Ok(());
    }
    if key == FORGOTTEN_KEY {
        monitor.restore_forgotten_until(value.map(decode).transpose()?.unwrap_or_default());
        return Ok(());
    }
    let Some(scope) = key.strip_prefix(SCOPE_PREFIX) else {
        return Err(Error::Damaged(format!("unknown key `{}`", key.chars().take(80).collect::<String>())));
    };
    let coverage: Option<ScopeCoverage> = value.map(decode).transpose()?;
    monitor.shared().coverage_mut().restore(scope.to_owned(), coverage);
    Ok(())
}

fn key(prefix: &str, name: &str) -> Vec<u8> {
    [prefix.as_bytes(), name.as_bytes()].concat()
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_extend(value, start()).map_err(damaged)
}

/// A value before anything but its version is written.
fn start() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(VERSION);
    bytes
}

/// In one piece, where serde would go byte by byte.
fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    postcard::from_bytes(versioned(bytes)?).map_err(damaged)
}

/// What follows the version, where it is ours.
fn versioned(bytes: &[u8]) -> Result<&[u8], Error> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&found, _)) if found > VERSION => Err(Error::TooNew { found }),
        Some((&found, _)) => Err(Error::TooOld { found }),
        None => Err(Error::Damaged("no version".into())),
    }
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Damaged(error.to_string())
}
