//! How grave an incident is, whatever of it is kept.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::config::Detection;
use crate::detect::finding::EventEvidence;
use crate::detect::{Detector, Detectors};

/// A detector whose signals add up, and say the same only where they saw the same.
static FACT: LazyLock<Detector> = LazyLock::new(|| {
    let detectors = Detectors::builtin().unwrap();
    detectors.get("cross-environment-use").unwrap().as_ref().clone()
});

fn at(day: i64) -> EventTime {
    EventTime::from_millis((20_000 + day) * DAY_MS)
}

fn received(day: i64) -> ProcessingTime {
    ProcessingTime::from_millis(at(day).millis())
}

fn add(incident: &mut Incident, severity: Severity, bits: f32, (seen, day): (&str, i64)) {
    let signal = Signal {
        detector: Arc::new(Detector { severity, ..FACT.clone() }),
        bits,
        peak: 0.0,
        harmless: 0.0,
        reason: String::new(),
        expected: String::new(),
        observed: seen.into(),
        size: 0,
        time: at(day),
        evidence: EventEvidence::default(),
    };
    incident.add(signal, received(day));
}

fn severity(incident: &mut Incident) -> Option<Severity> {
    let report = incident.next_report(&Subject::default(), Settings::new(&Detection::default()));
    report.map(|report| report.severity)
}

/// Severity of an incident that begins with something grave and light, and then has so many heavier signals that are not grave.
fn opened_by(heavier: usize, day: i64) -> Option<Severity> {
    let mut incident = Incident::begin("a", (at(0), received(0)), 1);
    add(&mut incident, Severity::High, 1.0, ("grave", 0));
    for number in 0..heavier {
        add(&mut incident, Severity::Low, 3.3, (&format!("other-{number}"), day));
    }
    assert!(incident.signals.len() <= MAX_REPORTED_SIGNALS);
    severity(&mut incident)
}

#[test]
fn what_was_grave_is_so_after_heavier_signals_have_taken_its_place() {
    assert_eq!(opened_by(4, 0), Some(Severity::High));
    assert_eq!(opened_by(MAX_KEPT_SIGNALS, 0), Some(Severity::High));
    assert_eq!(opened_by(0, 0), None);
}

#[test]
fn what_was_grave_is_forgotten_where_its_weight_is() {
    assert_eq!(opened_by(6, 15), Some(Severity::High));
    assert_eq!(opened_by(6, 16), Some(Severity::Low));
    let mut incident = Incident::begin("a", (at(0), received(0)), 1);
    add(&mut incident, Severity::High, 1.0, ("grave", 0));
    add(&mut incident, Severity::Medium, 9.0, ("kept", 10));
    for number in 0..6 {
        add(&mut incident, Severity::Low, 2.0, (&format!("other-{number}"), 16));
    }
    assert_eq!(severity(&mut incident), Some(Severity::Medium), "what is kept of the time since");
}

#[test]
fn what_is_grave_stays_so_while_the_incident_is_open() {
    let mut incident = Incident::begin("a", (at(0), received(0)), 1);
    add(&mut incident, Severity::High, 14.2, ("grave", 0));
    assert_eq!(severity(&mut incident), Some(Severity::High));
    for number in 0..2 * MAX_REPORTED_SIGNALS {
        add(&mut incident, Severity::Low, 14.0, (&format!("other-{number}"), number as i64));
    }
    assert_eq!(incident.severity(Criticality::Low), Severity::Critical, "two up by its risk, one down");
}
