//! Judgements on truths made by hand.

use std::sync::Arc;

use super::*;
use crate::activity::{Activity, Class, Classification, Client, Event, Evidence, Identity, Kind, Origin};
use crate::detect::finding::{EventEvidence, IncidentReport, Severity, Signal, Stage, Subject};
use crate::detect::{Detector, Detectors};
use crate::generator::{AuthLine, Cause, Emission, Incident, Record, Scenario};
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS, ProcessingTime};

const START: i64 = 20_000 * DAY_MS;
const VICTIM: &str = "linux:db-01:backup";
const OTHER: &str = "linux:db-01:deploy";

fn at(minutes: i64) -> EventTime {
    EventTime::from_millis(START + minutes * MINUTE_MS)
}

fn emission(identity: &str, minutes: i64, incident: Option<usize>, cause: Cause) -> Emission {
    let time = at(minutes);
    let record = Record::Auth(AuthLine {
        time,
        host: "db-01".into(),
        program: "sudo",
        pid: 1,
        message: "backup : COMMAND=/usr/bin/id".into(),
        is_denied: false,
    });
    Emission { time, identity: identity.into(), incident, cause, record }
}

/// One attack on the victim, of three events at minutes 600, 610 and 620; before it one record of a deploy by each identity.
fn ledger() -> Ledger {
    let incident = Incident {
        scenario: Scenario::ServiceAccountShell,
        identity_id: VICTIM.into(),
        accomplices: Vec::new(),
        title: "",
        start: at(600),
        end: at(620),
    };
    let mut ledger = Ledger::new(&[incident]);
    ledger.enter(&emission(VICTIM, 0, None, Cause::Deploy), true);
    ledger.enter(&emission(OTHER, 1, None, Cause::Deploy), true);
    for minutes in [600, 610, 620] {
        ledger.enter(&emission(VICTIM, minutes, Some(0), Cause::Plain), true);
    }
    ledger
}

fn detector(is_posture: bool) -> Arc<Detector> {
    let detectors = Detectors::builtin().unwrap();
    let fits = |detector: &&Arc<Detector>| POSTURE.contains(&detector.id.as_str()) == is_posture;
    Arc::clone(detectors.iter().find(fits).unwrap())
}

fn report(uid: &str, identity: &str, stage: Stage, (place, minutes): (i64, i64)) -> IncidentReport {
    let signal = Signal {
        detector: detector(false),
        bits: 10.0,
        peak: 10.0,
        reason: String::new(),
        expected: String::new(),
        observed: String::new(),
        size: 0,
        time: at(minutes),
        evidence: EventEvidence { offset: place, ..EventEvidence::default() },
    };
    IncidentReport {
        uid: uid.into(),
        stage,
        sequence: 1,
        settlement: None,
        subject: Subject { identity_id: identity.into(), ..Subject::default() },
        found_at: ProcessingTime::from_millis(at(minutes).millis()),
        first_seen: at(minutes),
        last_seen: at(minutes),
        signals: vec![signal],
        signal_count: 1,
        risk: 50,
        severity: Severity::High,
        confidence: 50,
        message: String::new(),
    }
}

fn judged(reports: &[IncidentReport]) -> Tally {
    let (ledger, mut judge) = (ledger(), Judge::default());
    for report in reports {
        judge.take(report, report.last_seen, &ledger);
    }
    judge.finish().0
}

fn causes(tally: &Tally) -> Vec<Cause> {
    tally.false_alerts().map(|(cause, _)| cause).collect()
}

#[test]
fn an_alert_that_names_a_record_of_the_attack_is_true() {
    let tally = judged(&[report("a", VICTIM, Stage::Create, (3, 610))]);
    assert_eq!((tally.true_alerts, tally.false_count()), (1, 0));
    assert_eq!(tally.found[&0].minutes, 10.0);
}

#[test]
fn delay_counts_the_events_of_the_attack_so_far() {
    let mut ledger = Ledger::new(&[ledger().attacks()[0].incident.clone()]);
    ledger.enter(&emission(VICTIM, 600, Some(0), Cause::Plain), true);
    ledger.enter(&emission(VICTIM, 610, Some(0), Cause::Plain), true);
    let mut judge = Judge::default();
    judge.take(&report("a", VICTIM, Stage::Create, (1, 610)), at(610), &ledger);
    ledger.enter(&emission(VICTIM, 620, Some(0), Cause::Plain), true);
    judge.take(&report("a", VICTIM, Stage::Update, (2, 620)), at(620), &ledger);
    assert_eq!(judge.finish().0.found[&0], Found { events: 2, minutes: 10.0 });
}

#[test]
fn no_alert_is_a_miss() {
    let (tally, ledger) = (judged(&[]), ledger());
    let mut summary = Summary::default();
    summary.add(&ledger, &tally, &tally);
    assert_eq!(summary.product.total(), ScenarioResult { attacks: 1, found: 0 });
    assert_eq!(summary.rate(&summary.product).recall, 0.0);
    assert_eq!(summary.identity_days, 2);
}

#[test]
fn two_alerts_for_one_attack_find_it_once() {
    let reports = [("a", 2, 600), ("b", 4, 620)]
        .map(|(uid, place, minutes)| report(uid, VICTIM, Stage::Create, (place, minutes)));
    let (tally, ledger) = (judged(&reports), ledger());
    assert_eq!((tally.true_alerts, tally.found.len()), (2, 1));
    let mut summary = Summary::default();
    summary.add(&ledger, &tally, &Tally::default());
    assert_eq!(summary.rate(&summary.product).alerts_per_attack, 2.0);
}

#[test]
fn an_update_is_the_same_alert_and_a_close_is_none() {
    let stages = [Stage::Create, Stage::Update, Stage::Close];
    let tally = judged(&stages.map(|stage| report("a", VICTIM, stage, (3, 610))));
    assert_eq!((tally.true_alerts, tally.false_count()), (1, 0));
}

#[test]
fn an_alert_before_the_attack_is_false_and_has_the_cause_of_its_record() {
    let tally = judged(&[report("a", VICTIM, Stage::Create, (0, 0))]);
    assert_eq!((tally.true_alerts, causes(&tally)), (0, vec![Cause::Deploy]));
    assert!(tally.found.is_empty());
}

#[test]
fn a_false_alert_that_grows_into_the_attack_turns_true() {
    let before = report("a", VICTIM, Stage::Create, (0, 0));
    let tally = judged(&[before, report("a", VICTIM, Stage::Update, (3, 610))]);
    assert_eq!((tally.true_alerts, tally.false_count(), tally.found.len()), (1, 0, 1));
}

#[test]
fn an_alert_on_another_identity_at_the_time_of_the_attack_is_false() {
    let tally = judged(&[report("a", OTHER, Stage::Create, (1, 610))]);
    assert_eq!((tally.true_alerts, tally.false_count()), (0, 1));
}

#[test]
fn an_alert_that_names_no_record_counts_by_its_hour() {
    let near = judged(&[report("a", VICTIM, Stage::Create, (99, 680))]);
    assert_eq!((near.true_alerts, near.false_count()), (1, 0));
    for minutes in [599, 681] {
        let far = judged(&[report("a", VICTIM, Stage::Create, (99, minutes))]);
        assert_eq!((far.true_alerts, causes(&far)), (0, vec![Cause::Plain]), "{minutes}");
    }
}

#[test]
fn a_fact_about_an_identity_is_neither_true_nor_false() {
    let mut fact = report("a", VICTIM, Stage::Create, (3, 610));
    fact.signals[0].detector = detector(true);
    let tally = judged(&[fact]);
    assert_eq!((tally.true_alerts, tally.false_count()), (0, 0));
    assert_eq!(tally.posture.values().sum::<u64>(), 1);
}

/// What `identity` does on a day, for the naive detector.
fn activity(
    identity: &'static str,
    day: i64,
    operation: &'static str,
    client: &'static str,
) -> Activity<'static> {
    let time = EventTime::from_millis(START + day * DAY_MS);
    let classification =
        Classification { class: Class::NonHuman, confidence: 50, evidence: Evidence::Default };
    let identity = Identity { id: identity.into(), unique_id: None, kind: Kind::Workload, classification };
    let event = Event {
        time,
        time_clamped: false,
        received: ProcessingTime::from_millis(time.millis()),
        usage: crate::activity::Usage::Used,
        credential: None,
        service: "s3".into(),
        operation: operation.into(),
        read_only: None,
        resource: None,
        outcome: crate::activity::Outcome::Success,
        error_code: None,
        origin: Origin::default(),
        client: Some(Client { family: client.into(), version: None }),
        region: None,
        account: None,
        session: None,
        workload: None,
        caller: None,
        interactive: crate::activity::Interactive::default(),
        via_service: None,
        event_id: None,
        shared_event_id: None,
        scope: "aws".into(),
        provenance: crate::activity::Provenance::default(),
        is_past: false,
    };
    Activity { identity, event }
}

#[test]
fn the_naive_detector_alerts_once_a_day_on_what_is_new_after_a_week() {
    let (ledger, mut naive) = (ledger(), Naive::default());
    let days = [
        (0, "Get", "aws-cli", 0),
        (6, "Put", "aws-cli", 0),
        // Seen before, in the first week.
        (8, "Put", "aws-cli", 0),
        // New, twice on one day: one alert.
        (9, "List", "aws-cli", 0),
        (9, "Get", "boto3", 0),
        (10, "List", "boto3", 0),
        // New, and the attack's.
        (11, "Delete", "boto3", 2),
    ];
    for (day, operation, client, place) in days {
        naive.observe(&activity(VICTIM, day, operation, client), place, &ledger);
    }
    let tally = naive.finish();
    assert_eq!((tally.true_alerts, causes(&tally)), (1, vec![Cause::Deploy]));
    assert_eq!(tally.found.len(), 1);
}

#[test]
fn requirements_name_what_fails() {
    let (mut summary, tally) = (Summary::default(), judged(&[]));
    summary.add(&ledger(), &tally, &tally);
    let check = |text: &str| Requirement::parse(text).unwrap().failures(&summary).len();
    assert_eq!(check("recall=0.95,scenario=0.8,false=0.002,alerts=1.2"), 2);
    assert_eq!(check("false=0.002"), 0);
    for wrong in ["recall", "recall=much", "speed=1"] {
        assert!(Requirement::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn delays_are_medians_and_nineties() {
    let times = [at(0), at(5), at(90)];
    assert_eq!(Found::at(&times[..2], at(5)), Found { events: 2, minutes: 5.0 });
    assert_eq!(Found::at(&[], at(5)), Found { events: 0, minutes: 0.0 });
    let ledger = ledger();
    assert_eq!(ledger.attack_near(VICTIM, at(620).plus_millis(HOUR_MS)), Some(0));
    assert_eq!(ledger.attack_near(VICTIM, at(621).plus_millis(HOUR_MS)), None);
}
