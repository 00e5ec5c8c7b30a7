//! The verdicts on one identity as a snapshot holds them.

use serde::{Deserialize, Serialize};

use crate::baseline::Dimension;
use crate::monitor::feedback::{Entry, Scope, Verdict};
use crate::term::Interner;
use crate::time::EventTime;

#[derive(Serialize, Deserialize)]
pub(super) struct EntrySnapshot {
    verdict: Verdict,
    scope: Scope,
    at: EventTime,
    until: Option<EventTime>,
    key: u64,
    fingerprints: Vec<u64>,
    released: Vec<(Dimension, String)>,
}

impl EntrySnapshot {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            verdict: entry.verdict,
            scope: entry.scope.clone(),
            at: entry.at,
            until: entry.until,
            key: entry.key,
            fingerprints: entry.fingerprints.to_vec(),
            released: entry.released.iter().map(|(at, value)| (*at, value.to_string())).collect(),
        }
    }

    pub(super) fn restore(self, terms: &Interner) -> Entry {
        Entry {
            verdict: self.verdict,
            scope: self.scope,
            at: self.at,
            until: self.until,
            key: self.key,
            fingerprints: self.fingerprints.into_iter().collect(),
            released: self.released.iter().map(|(at, value)| (*at, terms.intern(value))).collect(),
        }
    }
}
