//! The incidents of a scan, for its report.

use std::collections::HashMap;

use crate::detect::finding::{IncidentReport, Severity, Stage};

/// A report with more incidents is read by nobody; all of them go to `--alerts`.
pub(super) const MAX_REPORTED: usize = 1_000;

/// The newest report on each incident; of very many, the gravest.
#[derive(Default)]
pub(super) struct Incidents {
    by_uid: HashMap<String, IncidentReport>,
    opened: u64,
    by_severity: HashMap<Severity, u64>,
}

impl Incidents {
    /// Takes in a report. That an incident is over says less than what it was about: of a close only what the incident gave out is
    /// taken.
    pub(super) fn note(&mut self, report: IncidentReport) {
        self.opened += u64::from(report.stage == Stage::Create);
        let before = self.by_uid.get(&report.uid).map(|known| known.severity);
        let is_dropped = report.stage == Stage::Update && before.is_none();
        if report.stage == Stage::Close || is_dropped {
            if let Some(known) = self.by_uid.get_mut(&report.uid) {
                known.opened = report.opened;
            }
            return;
        }
        self.recount(before, report.severity);
        self.by_uid.insert(report.uid.clone(), report);
        if self.by_uid.len() > 2 * MAX_REPORTED {
            self.keep_gravest();
        }
    }

    /// How many there were in all.
    pub(super) const fn opened(&self) -> u64 {
        self.opened
    }

    /// How many there were of a severity.
    pub(super) fn of_severity(&self, severity: Severity) -> u64 {
        self.by_severity.get(&severity).copied().unwrap_or(0)
    }

    /// The gravest first, then those of the highest risk, then the newest.
    pub(super) fn into_sorted(self) -> Vec<IncidentReport> {
        let mut reports: Vec<IncidentReport> = self.by_uid.into_values().collect();
        reports.sort_by(|a, b| rank(b).cmp(&rank(a)));
        reports.truncate(MAX_REPORTED);
        reports
    }

    fn recount(&mut self, before: Option<Severity>, after: Severity) {
        if let Some(count) = before.and_then(|before| self.by_severity.get_mut(&before)) {
            *count -= 1;
        }
        *self.by_severity.entry(after).or_default() += 1;
    }

    fn keep_gravest(&mut self) {
        let kept = Self { by_uid: std::mem::take(&mut self.by_uid), ..Self::default() }.into_sorted();
        self.by_uid = kept.into_iter().map(|report| (report.uid.clone(), report)).collect();
    }
}

fn rank(report: &IncidentReport) -> (Severity, u8, crate::time::EventTime, &str) {
    (report.severity, report.risk, report.last_seen, &report.uid)
}
