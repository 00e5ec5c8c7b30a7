//! Which hours of which log source have reached us.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::baseline::CoverageMap;
use crate::time::EventTime;

use super::Monitor;

/// One log source reported during these hours, or (without any) has come this far in one that was told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageMark {
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// Hours since 1970 with at least one record, ascending and distinct.
    pub hours: Vec<u32>,
    /// Newest event time so far, in milliseconds.
    pub until_ms: i64,
}

/// Hours of one log source of which nothing is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteHours {
    /// The log source.
    pub scope: String,
    /// First and last hour (inclusive, since 1970) of each run.
    pub hours: Vec<(u32, u32)>,
}

impl Monitor {
    /// Takes in that log sources reported during these hours.
    pub(super) fn coverage(
        &mut self,
        marks: &[CoverageMark],
        note: fn(&mut CoverageMap, &str, &[u32], EventTime) -> bool,
    ) {
        let shared = Arc::clone(&self.shared);
        let mut coverage = shared.coverage_mut();
        for mark in marks {
            if note(&mut coverage, &mark.scope, &mark.hours, EventTime::from_millis(mark.until_ms)) {
                self.changes.scopes.insert(mark.scope.clone());
            } else {
                self.stats.count_evictions("scopes", 1);
            }
        }
        self.stats.scopes = coverage.len() as u64;
    }

    /// Takes in that nothing of these hours is missing.
    pub(super) fn complete(&mut self, complete: &[CompleteHours]) {
        let shared = Arc::clone(&self.shared);
        let mut coverage = shared.coverage_mut();
        for CompleteHours { scope, hours } in complete {
            let is_known = hours.iter().all(|run| coverage.note_proven(scope, *run));
            if is_known {
                self.changes.scopes.insert(scope.clone());
            } else {
                self.stats.count_evictions("scopes", 1);
            }
        }
        self.stats.scopes = coverage.len() as u64;
    }
}
