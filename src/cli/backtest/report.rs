//! What would change, as a machine reads it. The text for people is made from the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::Change;
use crate::monitor::Stats;

/// Name and version of the report's form. Keys may be added under it; none changes its meaning or goes away.
const SCHEMA: &str = "nhi.backtest/1";
/// Alerts shown of each detector and kind of change: enough to see what it is about.
const MAX_SAMPLES: usize = 5;

/// What would change.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    /// The proposed detectors, as named on the command line.
    pub(super) detectors: String,
    /// Those that they are compared with.
    pub(super) against: String,
    /// Records read.
    pub(super) records: u64,
    /// Files that were not read, or not to their end.
    pub(super) files_not_read: usize,
    /// Incidents of either side beyond what is compared.
    pub(super) not_compared: u64,
    /// All alerts.
    pub(super) total: Counts,
    /// By the detector that leads the alert: the proposed set's where it has the alert.
    pub(super) by_detector: BTreeMap<String, Detector>,
    /// By the day (UTC) on which the alert begins.
    pub(super) by_day: BTreeMap<String, Counts>,
}

/// How many alerts there are, and how many differ.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Under the detectors compared with.
    pub(super) before: u64,
    /// Under the proposed detectors.
    pub(super) after: u64,
    /// Only under the proposed ones.
    pub(super) new: u64,
    /// No more under the proposed ones.
    pub(super) gone: u64,
    /// Under both, with another severity.
    pub(super) changed: u64,
}

/// One detector.
#[derive(Debug, Default, Serialize)]
pub(super) struct Detector {
    #[serde(flatten)]
    pub(super) alerts: Counts,
    /// Signals, before and after; those of a detector in shadow are among them.
    pub(super) signals: (u64, u64),
    /// Signals in shadow, before and after.
    pub(super) shadow_signals: (u64, u64),
    /// What exceptions let pass, before and after.
    pub(super) excepted: (u64, u64),
    /// The first alerts of each kind of change.
    pub(super) samples: Vec<Sample>,
}

/// An alert that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sample {
    /// `new`, `gone` or `changed`.
    pub(super) change: &'static str,
    /// Identity.
    pub(super) identity_id: String,
    /// When it began, RFC 3339.
    pub(super) first_seen: String,
    /// Severity before and after; `null` where there is none.
    pub(super) severity: (Option<&'static str>, Option<&'static str>),
}

impl Counts {
    fn add(&mut self, change: &Change<'_>, kind: Option<&str>) {
        self.before += u64::from(change.before.is_some());
        self.after += u64::from(change.after.is_some());
        match kind {
            Some("new") => self.new += 1,
            Some("gone") => self.gone += 1,
            Some(_) => self.changed += 1,
            None => {}
        }
    }
}

impl Report {
    /// Sums up the changes between two sets of detectors: the proposed one's name first.
    pub(super) fn new(names: [&String; 2], records: u64, changes: &[Change<'_>]) -> Self {
        let mut report = Self {
            schema: SCHEMA,
            detectors: names[0].clone(),
            against: names[1].clone(),
            records,
            files_not_read: 0,
            not_compared: 0,
            total: Counts::default(),
            by_detector: BTreeMap::new(),
            by_day: BTreeMap::new(),
        };
        changes.iter().for_each(|change| report.add(change));
        report
    }

    /// Adds what was not kept of each side.
    pub(super) fn note_dropped(&mut self, dropped: [u64; 2]) {
        self.not_compared = dropped.iter().sum();
    }

    /// Adds how many files were not read.
    pub(super) fn note_unread(&mut self, files: usize) {
        self.files_not_read = files;
    }

    /// Adds what the proposed detectors and those compared with counted.
    pub(super) fn note_signals(&mut self, [proposed, against]: [&Stats; 2]) {
        type Get = fn(&Stats) -> &BTreeMap<String, u64>;
        type Put = fn(&mut Detector) -> &mut (u64, u64);
        let kinds: [(Get, Put); 3] = [
            (|stats| &stats.signals, |detector| &mut detector.signals),
            (|stats| &stats.shadow_signals, |detector| &mut detector.shadow_signals),
            (|stats| &stats.excepted, |detector| &mut detector.excepted),
        ];
        for (get, put) in kinds {
            for (id, count) in get(against) {
                put(self.by_detector.entry(id.clone()).or_default()).0 = *count;
            }
            for (id, count) in get(proposed) {
                put(self.by_detector.entry(id.clone()).or_default()).1 = *count;
            }
        }
    }

    fn add(&mut self, change: &Change<'_>) {
        let Some(seen) = change.seen() else { return };
        let kind = kind(change);
        self.total.add(change, kind);
        let day = seen.first.to_utc().date_naive().to_string();
        self.by_day.entry(day).or_default().add(change, kind);
        let detector = self.by_detector.entry(seen.detector.clone()).or_default();
        detector.alerts.add(change, kind);
        let Some(kind) = kind else { return };
        if detector.samples.iter().filter(|sample| sample.change == kind).count() < MAX_SAMPLES {
            let severity = |seen: Option<&super::compare::Seen>| seen.map(|seen| seen.severity.as_str());
            detector.samples.push(Sample {
                change: kind,
                identity_id: seen.identity.clone(),
                first_seen: seen.first.to_rfc3339(),
                severity: (severity(change.before), severity(change.after)),
            });
        }
    }
}

/// How an alert differs; `None` where it does not.
fn kind(change: &Change<'_>) -> Option<&'static str> {
    match (change.before, change.after) {
        (None, Some(_)) => Some("new"),
        (Some(_), None) => Some("gone"),
        (Some(before), Some(after)) if before.severity != after.severity => Some("changed"),
        _ => None,
    }
}
