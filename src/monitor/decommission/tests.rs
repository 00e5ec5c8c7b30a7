use super::*;
use crate::activity::{Outcome, Usage};
use crate::baseline::LastSeen;
use crate::baseline::last_seen::CredentialState;
use crate::detect::testing::Sample;
use crate::identity::DeclaredChange;
use crate::identity::declared::DeclaredStatus;
use crate::monitor::fixture::{activity, covered, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::monitor::{Effect, Monitor, Record};
use crate::time::{DAY_MS, HOUR_MS, ProcessingTime};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A monitor in which the role was used each day until `day`, by that sample, with its log source covered throughout.
fn used_until(day: i64, sample: &Sample) -> Monitor {
    let mut monitor = empty_monitor();
    monitor.process(&Record::Coverage(vec![covered(0, 400 * 24)]), &mut Vec::new());
    for day in 0..=day {
        use_on(&mut monitor, day, sample);
    }
    monitor
}

fn use_on(monitor: &mut Monitor, day: i64, sample: &Sample) -> Vec<Effect> {
    let mut effects = Vec::new();
    let event = activity("app", sample, day * DAY_MS, &format!("{day}-{}", sample.action));
    monitor.activity(&event, &mut effects);
    effects
}

/// What is known of the role on a day, and what the topic says of it by then.
fn on(monitor: &mut Monitor, day: i64) -> LastSeen {
    let mut effects = Vec::new();
    monitor.tick(ProcessingTime::from_millis(START_MS + day * DAY_MS), &mut effects);
    let shown = monitor.view().identity(ROLE).unwrap().0;
    let published = effects.iter().rev().find_map(|effect| match effect {
        Effect::LastSeen(record) => Some(record),
        _ => None,
    });
    if let Some(published) = published {
        assert_eq!(published.decommission, shown.decommission);
    }
    shown
}

fn declare(monitor: &mut Monitor, declared: Declared) {
    let change = DeclaredChange { identity_id: ROLE.into(), declared: Some(declared) };
    monitor.process(&Record::Declared(Box::new(change)), &mut Vec::new());
}

fn said(record: &LastSeen) -> (Grade, Vec<&str>) {
    (record.decommission.grade, record.decommission.reasons.iter().map(String::as_str).collect())
}

fn denied() -> Sample {
    Sample { outcome: Outcome::Denied, ..Sample::default() }
}

#[test]
fn what_is_proven_unused_is_safe_and_the_reason_does_not_age() {
    let mut monitor = used_until(30, &Sample::default());
    let in_use = "it was used on 2026-02-04, and its window is 90 days";
    assert_eq!(said(&on(&mut monitor, 119)), (Grade::No, vec![in_use]));
    let proof = "no attempt, not even a denied one, since 2026-02-04, and its log sources were covered for all of its window of 90 days";
    for day in [121, 122, 300] {
        assert_eq!(said(&on(&mut monitor, day)), (Grade::Safe, vec![proof]), "day {day}");
    }
}

#[test]
fn without_proof_the_grade_is_no() {
    let mut monitor = used_until(30, &Sample::default());
    let record = on(&mut monitor, 600);
    assert_eq!(record.status, UseStatus::Unknown);
    let gap = "it was last seen on 2026-02-04, and its log sources were not covered for all of its window of 90 days";
    assert_eq!(said(&record), (Grade::No, vec![gap]));
}

#[test]
fn what_the_inventory_says_calls_for_a_second_look() {
    let critical = Declared { criticality: Criticality::Critical, ..Declared::default() };
    let short = Declared { unused_after_days: Some(31), ..Declared::default() };
    let enough = Declared { unused_after_days: Some(32), ..Declared::default() };
    let mixed = Declared { class: Some(Class::Mixed), ..Declared::default() };
    let check = |declared: Declared, expected: Option<&str>| {
        let mut monitor = used_until(30, &Sample::default());
        declare(&mut monitor, declared);
        let record = on(&mut monitor, 130);
        match expected {
            Some(reason) => assert_eq!(said(&record), (Grade::Caution, vec![reason])),
            None => assert_eq!(said(&record).0, Grade::Safe),
        }
    };
    check(critical, Some("the inventory calls its criticality critical"));
    check(short, Some("its window is 31 days: what runs once a month is silent for longer"));
    check(enough, None);
    check(mixed, Some("its class is mixed: a person may need it"));
}

#[test]
fn a_denied_probe_of_a_dormant_key_raises_an_alert_and_does_not_move_its_last_success() {
    let mut monitor = used_until(30, &Sample::default());
    let before = on(&mut monitor, 130);
    let probe = Sample { action: "iam:CreateAccessKey".into(), ip: "198.51.100.7".into(), ..denied() };
    let effects = use_on(&mut monitor, 131, &probe);
    let is_alert = |effect: &&Effect| matches!(effect, Effect::Alert(report) if report.detector().is_some_and(|d| d.id != "unused-identity"));
    assert!(effects.iter().any(|effect| is_alert(&effect)), "{effects:#?}");
    let after = on(&mut monitor, 131);
    assert_eq!(after.last_success, before.last_success);
    assert!(after.last_denied == after.last_seen && after.last_seen > before.last_seen);
    assert_eq!(
        after.credentials.iter().map(|key| key.outcomes.last_success).collect::<Vec<_>>(),
        before.credentials.iter().map(|key| key.outcomes.last_success).collect::<Vec<_>>(),
    );
    let outcomes =
        |name: &str| after.services.iter().find(|service| service.service == name).unwrap().outcomes;
    assert_eq!((outcomes("iam").last_success, outcomes("iam").last_denied), (None, after.last_denied));
    assert_eq!((outcomes("s3").last_success, outcomes("s3").last_denied), (before.last_success, None));
    let (grade, reasons) = said(&after);
    assert_eq!((grade, reasons.len()), (Grade::No, 2));
    assert!(reasons[1].contains("denied, and the last that worked was on 2026-02-04"), "{reasons:?}");
}

#[test]
fn a_last_attempt_that_was_denied_calls_for_a_second_look() {
    let mut monitor = used_until(30, &Sample::default());
    use_on(&mut monitor, 40, &denied());
    let (grade, reasons) = (
        Grade::Caution,
        "its last attempt, on 2026-02-14, was denied, and the last that worked was on 2026-02-04: somebody may still try to use it",
    );
    assert_eq!(said(&on(&mut monitor, 140)), (grade, vec![reasons]));
}

#[test]
fn least_privilege_reviews_see_what_was_never_used_and_what_is_sensitive() {
    let grant = Sample {
        action: "iam:CreateAccessKey".into(),
        caller: Some("aws-service:ec2.amazonaws.com".into()),
        ..Sample::default()
    };
    let mut monitor = used_until(3, &Sample::default());
    use_on(&mut monitor, 4, &grant);
    let assume = Sample {
        action: "sts:AssumeRole".into(),
        resource: Some("arn:aws:iam::444455556666:role/other".into()),
        ..Sample::default()
    };
    use_on(&mut monitor, 5, &assume);
    declare(
        &mut monitor,
        Declared {
            allowed_services: ["sqs", "s3", "dynamodb"].map(Into::into).into(),
            ..Declared::default()
        },
    );
    let record = on(&mut monitor, 6);
    assert_eq!(record.never_used_services, ["dynamodb", "sqs"]);
    let at = |day: i64| EventTime::from_millis(START_MS + day * DAY_MS);
    let sensitive = record.sensitive_actions.iter().map(|used| (used.action.as_str(), used.last_seen));
    assert!(
        sensitive.clone().any(|used| used == ("iam:CreateAccessKey", at(4))),
        "{:?}",
        record.sensitive_actions
    );
    assert!(sensitive.clone().all(|used| used.0 != "s3:GetObject"));
    let named =
        |them: &[Dependant]| them.iter().map(|one| (one.id.clone(), one.last_seen)).collect::<Vec<_>>();
    assert_eq!(named(&record.dependants.callers), [("aws-service:ec2.amazonaws.com".to_owned(), at(4))]);
    assert_eq!(
        named(&record.dependants.assumes),
        [("arn:aws:iam::444455556666:role/other".to_owned(), at(5))]
    );
}

#[test]
fn a_key_that_another_took_the_place_of_is_superseded_and_side_by_side_both_are_active() {
    let key = |id: &str| Sample { credential: Some(id.into()), ..Sample::default() };
    let mut monitor = used_until(3, &key("AKIAOLD"));
    use_on(&mut monitor, 5, &key("AKIANEW"));
    let states = |monitor: &mut Monitor, day: i64| -> Vec<(String, CredentialState)> {
        on(monitor, day).credentials.into_iter().map(|key| (key.id, key.state)).collect()
    };
    let expected = |old: CredentialState| {
        vec![("AKIANEW".to_owned(), CredentialState::Active), ("AKIAOLD".to_owned(), old)]
    };
    assert_eq!(states(&mut monitor, 6), expected(CredentialState::Superseded));
    use_on(&mut monitor, 7, &key("AKIAOLD"));
    assert_eq!(
        states(&mut monitor, 8),
        expected(CredentialState::Active),
        "still used after the new one appeared"
    );
}

#[test]
fn a_session_start_with_nothing_behind_it_is_told_apart() {
    let mut monitor = used_until(3, &Sample::default());
    let mut event = activity("app", &Sample::default(), 5 * DAY_MS + HOUR_MS, "signin");
    event.event.usage = Usage::AuthenticatedOnly;
    monitor.activity(&event, &mut Vec::new());
    use_on(&mut monitor, 6, &Sample::default());
    let record = on(&mut monitor, 7);
    assert_eq!(record.last_auth_only, Some(EventTime::from_millis(START_MS + 5 * DAY_MS + HOUR_MS)));
    assert!(record.last_auth_only < record.last_seen);
}

#[test]
fn what_is_retired_is_graded_by_its_use_and_says_so() {
    let since = EventTime::from_millis(START_MS + 35 * DAY_MS);
    let retired =
        Declared { status: DeclaredStatus::Retired, retired_at: Some(since), ..Declared::default() };
    let mut monitor = used_until(30, &Sample::default());
    declare(&mut monitor, retired);
    assert_eq!(on(&mut monitor, 34).status, UseStatus::Active, "not yet");
    let record = on(&mut monitor, 40);
    let word = "the inventory calls it retired since 2026-02-09";
    assert_eq!((record.status, record.unused_days), (UseStatus::Retired, None));
    let in_use = "it was used on 2026-02-04, and its window is 90 days";
    assert_eq!(said(&record), (Grade::No, vec![in_use, word]));
    let record = on(&mut monitor, 125);
    assert_eq!((record.status, record.unused_days), (UseStatus::Retired, Some(95)));
    let proof = "no attempt, not even a denied one, since 2026-02-04, and its log sources were covered for all of its window of 90 days";
    assert_eq!(said(&record), (Grade::Safe, vec![proof, word]));
}
