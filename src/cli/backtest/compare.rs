//! Which incidents of two sides are the same.

use std::collections::{BTreeMap, HashMap};

use crate::detect::finding::{IncidentReport, Severity, Stage};
use crate::time::EventTime;

/// Incidents held of one side, some 300 bytes each. A set of detectors that raises more is not one to compare by hand; they
/// are counted.
const MAX_INCIDENTS: usize = 1_000_000;

/// Detector of an incident of which no signal is left.
const NO_DETECTOR: &str = "other";

/// What is kept of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Identity, or log source.
    pub(super) identity: String,
    /// The detector that led it at last.
    pub(super) detector: String,
    /// Its gravest severity.
    pub(super) severity: Severity,
    /// Event time of its first signal.
    pub(super) first: EventTime,
    /// Event time of its last signal.
    pub(super) last: EventTime,
}

/// The incidents under one set of detectors, by uid.
#[derive(Default)]
pub(super) struct Side {
    incidents: HashMap<String, Seen>,
    dropped: u64,
}

impl Side {
    /// Takes in an alert. A close says nothing new.
    pub(super) fn note(&mut self, report: &IncidentReport) {
        if report.stage == Stage::Close {
            return;
        }
        let detector = report.detector().map_or(NO_DETECTOR, |detector| detector.id.as_str()).to_owned();
        if let Some(known) = self.incidents.get_mut(&report.uid) {
            known.severity = known.severity.max(report.severity);
            (known.last, known.detector) = (known.last.max(report.last_seen), detector);
        } else if self.incidents.len() < MAX_INCIDENTS {
            let (severity, first, last) = (report.severity, report.first_seen, report.last_seen);
            let identity = report.subject.identity_id.clone();
            self.incidents.insert(report.uid.clone(), Seen { identity, detector, severity, first, last });
        } else {
            self.dropped += u64::from(report.stage == Stage::Create);
        }
    }

    /// Incidents that were not kept.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What became of one incident: under the detectors compared with, and under the proposed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// Under the detectors compared with; `None` where it is new.
    pub(super) before: Option<&'a Seen>,
    /// Under the proposed detectors; `None` where it is gone.
    pub(super) after: Option<&'a Seen>,
}

impl<'a> Change<'a> {
    /// The incident, as the proposed detectors see it where they do.
    pub(super) const fn seen(&self) -> Option<&'a Seen> {
        match self.after {
            Some(after) => Some(after),
            None => self.before,
        }
    }
}

/// Puts the incidents of both sides together, in order of time: those of one uid, and then those of one identity whose times
/// overlap, for another detector may begin the same incident with another event. Those that began before `since` on both
/// sides are left out.
pub(super) fn compare<'a>(
    proposed: &'a Side,
    against: &'a Side,
    since: Option<EventTime>,
) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let mut unmatched: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for (uid, before) in &against.incidents {
        match proposed.incidents.get(uid) {
            Some(after) => changes.push(Change { before: Some(before), after: Some(after) }),
            None => unmatched.entry(&before.identity).or_default().push(before),
        }
    }
    unmatched.values_mut().for_each(|list| list.sort_by_key(|seen| (seen.first, seen.last, &seen.detector)));
    let new = proposed.incidents.iter().filter(|(uid, _)| !against.incidents.contains_key(*uid));
    let mut new: Vec<&Seen> = new.map(|(_, seen)| seen).collect();
    new.sort_by_key(|seen| order(seen));
    for after in new {
        let before =
            unmatched.get_mut(after.identity.as_str()).and_then(|list| take_overlapping(list, after));
        changes.push(Change { before, after: Some(after) });
    }
    let gone = unmatched.into_values().flatten();
    changes.extend(gone.map(|before| Change { before: Some(before), after: None }));
    changes.retain(|change| since.is_none_or(|since| change.seen().is_some_and(|seen| seen.first >= since)));
    changes.sort_by_key(|change| change.seen().map(order));
    changes
}

fn order(seen: &Seen) -> (EventTime, &str, &str) {
    (seen.first, &seen.identity, &seen.detector)
}

fn take_overlapping<'a>(list: &mut Vec<&'a Seen>, after: &Seen) -> Option<&'a Seen> {
    let overlaps = |before: &&Seen| before.first <= after.last && after.first <= before.last;
    let place = list.iter().position(overlaps)?;
    Some(list.remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(identity: &str, severity: Severity, (first, last): (i64, i64)) -> Seen {
        Seen {
            identity: identity.into(),
            detector: "d".into(),
            severity,
            first: EventTime::from_millis(first),
            last: EventTime::from_millis(last),
        }
    }

    fn side(incidents: &[(&str, Seen)]) -> Side {
        let incidents = incidents.iter().map(|(uid, seen)| ((*uid).to_owned(), seen.clone())).collect();
        Side { incidents, dropped: 0 }
    }

    /// `before>after` by identity and first time, in order.
    fn check(proposed: &[(&str, Seen)], against: &[(&str, Seen)], since: Option<i64>, expected: &[&str]) {
        let (proposed, against) = (side(proposed), side(against));
        let word = |seen: Option<&Seen>| {
            seen.map_or("-".to_owned(), |seen| format!("{}{}", seen.identity, seen.first.millis()))
        };
        let changes = compare(&proposed, &against, since.map(EventTime::from_millis));
        let words: Vec<String> =
            changes.iter().map(|change| format!("{}>{}", word(change.before), word(change.after))).collect();
        assert_eq!(words, expected);
    }

    #[test]
    fn incidents_meet_by_uid_and_then_by_identity_and_time() {
        use Severity::{High, Low};
        let a = |first, last| seen("a", Low, (first, last));
        check(&[("1", a(1, 5))], &[("1", a(1, 5))], None, &["a1>a1"]);
        check(&[("2", a(3, 9))], &[("1", a(1, 3))], None, &["a1>a3"]);
        check(&[("2", a(4, 9))], &[("1", a(1, 3))], None, &["a1>-", "->a4"]);
        check(&[("2", seen("b", High, (1, 3)))], &[("1", a(1, 3))], None, &["a1>-", "->b1"]);
        // Each is matched once.
        check(&[("2", a(1, 9)), ("3", a(2, 9))], &[("1", a(1, 9))], None, &["a1>a1", "->a2"]);
        check(&[("1", a(1, 2)), ("2", a(7, 8))], &[], Some(7), &["->a7"]);
    }
}
