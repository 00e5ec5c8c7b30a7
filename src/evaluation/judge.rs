//! Alerts, judged one by one as they come.

use std::collections::HashMap;

use super::POSTURE;
use super::ledger::Ledger;
use super::tally::{Found, Tally};
use crate::detect::finding::{IncidentReport, Stage};
use crate::generator::Cause;
use crate::time::EventTime;

/// Alerts kept with their words, to be shown. More are counted and not kept.
const MAX_KEPT: usize = 400;

/// Judges alerts against the ledger.
#[derive(Default)]
pub struct Judge {
    tally: Tally,
    /// What each open alert was taken for: the attack, `None` for none.
    taken_for: HashMap<String, Option<usize>>,
    kept: HashMap<String, Judged>,
}

/// An alert with its judgement.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The alert in its last state.
    pub report: IncidentReport,
    /// Index of the attack that it is about; `None` for a false alert.
    pub attack: Option<usize>,
    /// What explains a false alert.
    pub cause: Cause,
}

impl Judge {
    /// Takes one report in. `now` is the time of the stream.
    ///
    /// An update belongs to the alert that was created under its id; a close says nothing new. An alert that was false turns
    /// true with the first report that names a record of an attack.
    pub fn take(&mut self, report: &IncidentReport, now: EventTime, ledger: &Ledger) {
        if report.stage == Stage::Close {
            return;
        }
        let detector = report.detector().map_or("", |detector| detector.id.as_str());
        if POSTURE.contains(&detector) {
            if report.stage == Stage::Create {
                *self.tally.posture.entry(detector.to_owned()).or_default() += 1;
            }
            return;
        }
        let attack = attack(report, ledger);
        let cause = cause(report, ledger);
        match self.taken_for.get(&report.uid).copied() {
            None => self.open(report, (attack, cause, detector)),
            Some(None) if attack.is_some() => self.turn_true(report, attack),
            Some(_) => {}
        }
        let attack = self.taken_for.get(&report.uid).copied().flatten();
        if let Some(index) = attack {
            self.tally.find(index, Found::at(&ledger.attacks()[index].times, now));
        }
        self.keep(report, attack, cause);
    }

    /// What was counted, and the alerts kept, oldest first.
    #[must_use]
    pub fn finish(self) -> (Tally, Vec<Judged>) {
        let mut kept: Vec<Judged> = self.kept.into_values().collect();
        kept.sort_by(|a, b| (a.report.found_at, &a.report.uid).cmp(&(b.report.found_at, &b.report.uid)));
        (self.tally, kept)
    }

    fn open(&mut self, report: &IncidentReport, (attack, cause, detector): (Option<usize>, Cause, &str)) {
        self.taken_for.insert(report.uid.clone(), attack);
        match attack {
            Some(_) => self.tally.true_alerts += 1,
            None => self.tally.count_false(&report.uid, cause, detector),
        }
    }

    fn turn_true(&mut self, report: &IncidentReport, attack: Option<usize>) {
        self.taken_for.insert(report.uid.clone(), attack);
        self.tally.true_alerts += 1;
        self.tally.take_back(&report.uid);
    }

    fn keep(&mut self, report: &IncidentReport, attack: Option<usize>, cause: Cause) {
        if self.kept.len() < MAX_KEPT || self.kept.contains_key(&report.uid) {
            self.kept.insert(report.uid.clone(), Judged { report: report.clone(), attack, cause });
        }
    }
}

/// The attack that an alert is about: by the records that it names, else by its hours.
fn attack(report: &IncidentReport, ledger: &Ledger) -> Option<usize> {
    let named = report.signals.iter().find_map(|signal| ledger.attack_at(signal.evidence.offset));
    let near = || {
        report.signals.iter().find_map(|signal| ledger.attack_near(&report.subject.identity_id, signal.time))
    };
    named.or_else(near)
}

/// The change that explains the weightiest signal.
fn cause(report: &IncidentReport, ledger: &Ledger) -> Cause {
    report.signals.first().map(|signal| ledger.cause_at(signal.evidence.offset)).unwrap_or_default()
}
