//! The monitor's state as changelog records: one per identity and one per log source.
//!
//! Keys are `identity:<identity id>`, `scope:<log source>`, `inputs` (how far each input partition was read) and
//! `losses` (hours of which records were lost). Values begin with one version byte; the rest is
//! postcard (<https://postcard.jamesmunns.com/wire-format>). A version that is newer than this program is refused,
//! so that a roll-back never overwrites what it cannot read.

use serde::{Deserialize, Serialize};

use crate::baseline::coverage::ScopeCoverage;
use crate::monitor::Monitor;

use super::snapshot_identity::IdentitySnapshot;

/// Version of the values written.
pub const VERSION: u8 = 1;

/// Room made for a value at first. An identity with a month's history takes about that much (`benches/memory.rs`), so
/// that most are written without growing.
const USUAL_BYTES: usize = 2048;

const IDENTITY_PREFIX: &str = "identity:";
const SCOPE_PREFIX: &str = "scope:";
const INPUTS_KEY: &str = "inputs";
const LOSSES_KEY: &str = "losses";

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
            let value = encode(&IdentitySnapshot::of(&state))?;
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
    Ok(out)
}

/// Puts one changelog record into a monitor that is being restored.
///
/// # Errors
/// Where the record was written by a newer version or is damaged.
pub fn restore(monitor: &mut Monitor, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let key = std::str::from_utf8(key).map_err(damaged)?;
    if let Some(id) = key.strip_prefix(IDENTITY_PREFIX) {
        let (terms, detectors) = monitor.vocabulary();
        let state = value
            .map(|bytes| decode::<IdentitySnapshot<'_>>(bytes)?.restore(terms, detectors))
            .transpose()?;
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
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(VERSION);
    postcard::to_extend(value, bytes).map_err(damaged)
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(damaged),
        Some((&found, _)) if found > VERSION => Err(Error::TooNew { found }),
        _ => Err(Error::Damaged("no version".into())),
    }
}

pub(super) fn damaged(error: impl std::fmt::Display) -> Error {
    Error::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::baseline::coverage::Losses;
    use crate::config::Config;
    use crate::detect::Detectors;
    use crate::monitor::fixture;
    use crate::term::Interner;
    use crate::time::ProcessingTime;

    fn restored(changes: &[Change]) -> Monitor {
        restored_with(changes, &Arc::new(Detectors::builtin().unwrap()))
    }

    fn restored_with(changes: &[Change], detectors: &Arc<Detectors>) -> Monitor {
        let detectors = Arc::clone(detectors);
        let mut monitor = Monitor::new(&Config::default(), detectors, Arc::new(Interner::new()));
        for change in changes {
            restore(&mut monitor, &change.key, change.value.as_deref()).unwrap();
        }
        monitor
    }

    #[test]
    fn a_restored_monitor_is_the_one_that_was_written_and_goes_on_like_it() {
        let mut original = fixture::busy_monitor(60);
        let changes = take_changes(&mut original).unwrap();
        let mut copy = restored(&changes);
        assert_eq!(copy.stats().identities, original.stats().identities);
        assert_eq!(copy.stats().open_incidents, original.stats().open_incidents);
        assert!(original.stats().open_incidents > 0, "the test must cover an open incident");
        let (ours, theirs) = (fixture::go_on(&mut original), fixture::go_on(&mut copy));
        assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
        assert_eq!(take_changes(&mut original).unwrap(), take_changes(&mut copy).unwrap());
    }

    #[test]
    fn what_was_lost_is_kept() {
        let mut original = fixture::busy_monitor(2);
        original.lost_records(ProcessingTime::from_millis(1_769_850_000_000), true);
        let changes = take_changes(&mut original).unwrap();
        let copy = restored(&changes);
        assert_eq!(copy.shared().coverage().losses(), original.shared().coverage().losses());
        assert_ne!(*copy.shared().coverage().losses(), Losses::default());
        assert!(
            take_changes(&mut original).unwrap().iter().all(|change| change.key != LOSSES_KEY.as_bytes())
        );
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused() {
        let mut monitor = restored(&[]);
        let error = restore(&mut monitor, b"identity:a", Some(&[VERSION + 1, 0])).unwrap_err();
        assert_eq!(error, Error::TooNew { found: VERSION + 1 });
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let changes = take_changes(&mut fixture::busy_monitor(20)).unwrap();
        let detectors = Arc::new(Detectors::builtin().unwrap());
        for change in &changes {
            let value = change.value.as_deref().unwrap();
            for end in 0..value.len().min(400) {
                let mut monitor = restored_with(&[], &detectors);
                assert!(restore(&mut monitor, &change.key, Some(&value[..end])).is_err());
            }
        }
        assert!(restore(&mut restored(&[]), b"other:key", None).is_err());
    }

    #[test]
    fn a_tombstone_drops_the_identity() {
        let mut changes = take_changes(&mut fixture::busy_monitor(5)).unwrap();
        let full = restored(&changes).view().len();
        let key = changes[0].key.clone();
        changes.push(Change { key, value: None });
        assert_eq!(restored(&changes).view().len(), full - 1);
    }
}
