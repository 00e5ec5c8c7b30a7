//! How grave an incident is, whatever of it is kept.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::config::Detection;
use crate::detect::finding::EventEvidence;
use crate::detect::finding::Subject;
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

fn signal(detector: Detector, bits: f32, (seen, day): (&str, i64)) -> Signal {
    Signal {
        detector: Arc::new(detector),
        bits,
        peak: 0.0,
        harmless: 0.0,
        reason: String::new(),
        expected: String::new(),
        observed: seen.into(),
        size: 0,
        time: at(day),
        evidence: EventEvidence::default(),
    }
}

fn add(incident: &mut Incident, severity: Severity, bits: f32, (seen, day): (&str, i64)) {
    incident.add(signal(Detector { severity, ..FACT.clone() }, bits, (seen, day)), received(day));
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

/// An incident that begins three days after another, which it follows, was filled by `fill`.
fn follower(fill: impl FnOnce(&mut Incident)) -> Box<Incident> {
    let mut first = Incident::begin("a", (at(0), received(0)), 1);
    add(&mut first, Severity::High, 14.2, ("first", 0));
    fill(&mut first);
    assert!(severity(&mut first).is_some());
    assert!(first.close(&Subject::default(), Settings::new(&Detection::default())).is_some());
    Box::new(first).at("a", (at(3), received(3)), 2)
}

#[test]
fn what_was_said_before_makes_room_for_what_is_said_now() {
    let said = |number: usize| format!("said-{number}");
    let mut next = follower(|first| {
        (0..MAX_DISTINCT).for_each(|number| add(first, Severity::Low, 0.1, (&said(number), 0)));
    });
    assert_eq!((next.distinct.len(), next.own().len()), (MAX_DISTINCT, 0));
    add(&mut next, Severity::Low, 2.0, (&said(MAX_DISTINCT - 2), 3));
    assert_eq!((next.bits, next.own().len()), (0.0, 0), "it was said before");
    for number in 0..3 {
        add(&mut next, Severity::Low, 2.0, (&format!("new-{number}"), 3));
        add(&mut next, Severity::Low, 2.0, (&format!("new-{number}"), 3));
    }
    assert_eq!((next.bits, next.own().len(), next.distinct.len()), (6.0, 3, MAX_DISTINCT));
}

#[test]
fn a_burst_that_goes_on_is_told_and_accepted_as_the_next_incident_s_own() {
    let burst = |size: u64, bits: f32, day: i64| {
        let detectors = Detectors::builtin().unwrap();
        let detector = detectors.get("volume-burst").unwrap().as_ref().clone();
        Signal { size, peak: bits, ..signal(detector, bits, (&size.to_string(), day)) }
    };
    let mut next = follower(|first| first.add(burst(300, 6.0, 0), received(0)));
    next.add(burst(3_000, 9.0, 3), received(3));
    next.add(burst(300, 6.0, 3), received(3));
    assert_eq!((next.signals.len(), next.own().len(), next.inherited), (1, 1, 1));
    let is_covered = |size: u64| bound::is_covered(&burst(size, 6.0, 4), &next.accepted_as);
    assert_eq!([3_000, 9_000].map(is_covered), [true, false]);
}

#[test]
fn what_says_nothing_new_is_not_accepted_with_the_rest() {
    let hour = |hour: &str, day: i64| {
        let detectors = Detectors::builtin().unwrap();
        signal(detectors.get("off-hours").unwrap().as_ref().clone(), 3.0, (hour, day))
    };
    let mut next = follower(|first| first.add(hour("Monday 03:00 UTC", 0), received(0)));
    next.add(hour("Thursday 04:00 UTC", 3), received(3));
    assert!(next.signals.is_empty() && next.accepted_as.is_empty(), "of odd hours it was told before");
}

/// Weight of what ordinary changes bring, of eight calls that look around or do not, on as many days or on one.
fn harmless(operation: &str, days_between: i64) -> f32 {
    let mut incident = Incident::begin("a", (at(0), received(0)), 1);
    for number in 0..8 {
        let day = number * days_between;
        let evidence =
            EventEvidence { service: "iam".into(), operation: operation.into(), ..EventEvidence::default() };
        let looked = Signal { bits: 1.4, harmless: 1.4, evidence, ..signal(FACT.clone(), 0.0, ("", day)) };
        incident.add(Signal { observed: format!("call-{number}"), ..looked }, received(day));
    }
    incident.harmless
}

#[test]
fn who_looks_around_day_after_day_weighs_more_than_a_release_that_does_so_once() {
    assert_eq!(harmless("ListUsers", 0), MAX_HARMLESS_BITS);
    assert_eq!(harmless("TagRole", 1), MAX_HARMLESS_BITS);
    assert!(
        harmless("ListUsers", 1 + i64::from(LOOKING_PAUSE_DAYS)) <= MAX_HARMLESS_BITS,
        "a release a week"
    );
    let slowly = harmless("ListUsers", 1);
    assert!(slowly > MAX_HARMLESS_BITS + LOOKING_DAY_BITS && slowly <= MAX_LOOKING_BITS, "{slowly}");
}

#[test]
fn a_look_around_after_a_pause_takes_nothing_away_from_an_open_incident() {
    let look = |operation: &str, day| {
        let (service, operation) = ("iam".into(), operation.into());
        let evidence = EventEvidence { service, operation, ..EventEvidence::default() };
        let seen = format!("{day}");
        Signal { bits: 1.4, harmless: 1.4, evidence, ..signal(FACT.clone(), 0.0, (&seen, day)) }
    };
    let mut incident = Incident::begin("a", (at(0), received(0)), 1);
    add(&mut incident, Severity::High, 14.2, ("grave", 0));
    assert_eq!(severity(&mut incident), Some(Severity::High), "it is open, and fades no more");
    for day in 0..5 {
        incident.add(look("ListUsers", day), received(day));
    }
    let (before, later) = (incident.bits, 5 + 2 * i64::from(LOOKING_PAUSE_DAYS));
    assert!(incident.harmless > MAX_HARMLESS_BITS);
    incident.add(look("ListUsers", later), received(later));
    assert!(incident.bits >= before, "{} after {before}", incident.bits);
}
