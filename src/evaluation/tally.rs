//! What one detector got right and wrong on one stream.

use std::collections::{BTreeMap, HashMap};

use crate::generator::Cause;
use crate::time::{EventTime, MINUTE_MS};

/// Counts of one detector on one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Attacks found, by index, each with how long it took.
    pub found: BTreeMap<usize, Found>,
    /// Alerts that are about an attack.
    pub true_alerts: u64,
    /// Findings that state a fact, by detector.
    pub posture: BTreeMap<String, u64>,
    /// Alerts about nothing, by id: the change that explains it, and the detector that leads it.
    false_alerts: HashMap<String, (Cause, String)>,
}

/// How long it took to find an attack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Events of the attack until then, that of the alert included.
    pub events: usize,
    /// Minutes from its first event.
    pub minutes: f64,
}

impl Found {
    /// Found at `now`, of an attack whose events happened at `times`, the past ones in order.
    #[must_use]
    pub fn at(times: &[EventTime], now: EventTime) -> Self {
        let minutes = times.first().map_or(0.0, |first| now.millis_since(*first) as f64 / MINUTE_MS as f64);
        Self { events: times.len(), minutes: minutes.max(0.0) }
    }
}

impl Tally {
    /// Notes that an attack was found; only the first time counts.
    pub fn find(&mut self, attack: usize, found: Found) {
        self.found.entry(attack).or_insert(found);
    }

    /// Counts a false alert.
    pub fn count_false(&mut self, uid: &str, cause: Cause, detector: &str) {
        self.false_alerts.insert(uid.to_owned(), (cause, detector.to_owned()));
    }

    /// Takes a false alert back: it turned out true.
    pub fn take_back(&mut self, uid: &str) {
        self.false_alerts.remove(uid);
    }

    /// Alerts that are about nothing.
    #[must_use]
    pub fn false_count(&self) -> u64 {
        self.false_alerts.len() as u64
    }

    /// Each false alert's cause and detector, in no order.
    pub fn false_alerts(&self) -> impl Iterator<Item = (Cause, &str)> {
        self.false_alerts.values().map(|(cause, detector)| (*cause, detector.as_str()))
    }
}
