//! A file read as a whole, within a bound.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::walk::explain;

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It cannot be: for a person.
    Unreadable(String),
    /// It has more bytes than asked for.
    TooLarge,
}

/// The bytes of a file, of which there are at most `most`.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
    let unreadable = |error: std::io::Error| Unread::Unreadable(explain(&error));
    // Opening a pipe would wait for whoever writes it.
    let facts = fs::metadata(path).map_err(unreadable)?;
    if !facts.is_file() {
        return Err(Unread::Unreadable("not a file".to_owned()));
    }
    // What is large already is not read to see that; a file may still grow while it is read.
    if facts.len() > most {
        return Err(Unread::TooLarge);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or_default() + 1);
    let file = File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most { Err(Unread::TooLarge) } else { Ok(bytes) }
}
