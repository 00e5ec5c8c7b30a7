//! Facts that go on: told at once, then now and then, and anew when somebody comes back.

use super::*;
use crate::identity::declared::DeclaredStatus;
use crate::identity::{Declared, DeclaredChange};
use crate::time::EventTime;

/// A role that is retired after thirty days.
fn retired() -> Monitor {
    let mut monitor = settled();
    let declared = Declared {
        status: DeclaredStatus::Retired,
        retired_at: Some(EventTime::from_millis(START_MS + 30 * DAY_MS)),
        ..Declared::default()
    };
    let identity_id = "arn:aws:iam::111122223333:role/app".to_owned();
    let change = DeclaredChange { identity_id, declared: Some(declared) };
    monitor.process(&Record::Declared(Box::new(change)), &mut Vec::new());
    monitor
}

/// What a role does at these hours after its thirtieth day, and the reports of it with the hour at which each was made.
fn reported(
    mut monitor: Monitor,
    sample: &Sample,
    hours: impl Iterator<Item = i64>,
) -> Vec<(i64, IncidentReport)> {
    let mut effects = Vec::new();
    for hour in hours {
        let now_ms = 30 * DAY_MS + hour * HOUR_MS;
        monitor.tick(at(now_ms), &mut effects);
        monitor.activity(&activity("app", sample, now_ms, &format!("again-{hour}")), &mut effects);
    }
    let hour_of = |report: &IncidentReport| (report.found_at.millis() - START_MS - 30 * DAY_MS) / HOUR_MS;
    alerts(&effects).into_iter().map(|report| (hour_of(report), report.clone())).collect()
}

fn stages(reports: &[(i64, IncidentReport)]) -> Vec<(i64, Stage)> {
    reports.iter().map(|(hour, report)| (*hour, report.stage)).collect()
}

use Stage::{Close, Create, Update};

#[test]
fn a_retired_identity_at_work_for_weeks_is_told_of_again_less_and_less_often() {
    let reports = reported(retired(), &Sample::default(), (1..40 * 24).step_by(3));
    let told = [(1, Create), (22, Update), (64, Update), (145, Update), (307, Update), (475, Update)];
    assert_eq!(stages(&reports)[..6], told);
    assert!(reports.len() <= 10, "{:?}", stages(&reports));
    assert!(reports.iter().all(|(_, report)| report.uid == reports[0].1.uid));
    let message = &reports[1].1.message;
    assert!(
        message.contains("it goes on, 8 signals since 2026-02-04: at work though it was retired"),
        "{message}"
    );
}

#[test]
fn a_retired_identity_that_works_once_a_day_is_told_of_the_next_day() {
    let reports = reported(retired(), &Sample::default(), (1..5 * 24).step_by(24));
    let told = [(1, Create), (7, Close), (25, Update), (31, Close), (73, Update), (79, Close)];
    assert_eq!(stages(&reports), told);
}

#[test]
fn a_retired_identity_that_comes_back_after_days_is_another_incident() {
    let reports = reported(retired(), &Sample::default(), [1, 73, 145].into_iter());
    assert_eq!(stages(&reports), [(1, Create), (7, Close), (73, Create), (79, Close), (145, Create)]);
}

#[test]
fn a_person_at_a_machine_s_work_for_days_is_told_of_again() {
    let at_console = Sample { console: true, ..Sample::default() };
    let reports = reported(settled(), &at_console, (1..4 * 24).step_by(4));
    assert_eq!(stages(&reports), [(1, Create), (21, Update), (61, Update)]);
}

#[test]
fn what_is_only_unusual_is_not_told_again() {
    let reports = reported(settled(), &theft("iam:CreateAccessKey"), (1..6 * 24).step_by(4));
    let updates: Vec<_> = stages(&reports).into_iter().filter(|(hour, _)| *hour > 20).collect();
    assert_eq!(updates, [], "it is in the baseline's quarantine, and known");
}

/// Guarantees that reminders do not use up the reports of what is really new.
#[test]
fn what_is_new_is_told_however_long_a_fact_has_gone_on() {
    let mut monitor = retired();
    let mut effects = Vec::new();
    for day in 0..120 {
        let now_ms = 30 * DAY_MS + day * DAY_MS + HOUR_MS;
        monitor.tick(at(now_ms), &mut effects);
        monitor.activity(&activity("app", &Sample::default(), now_ms, &format!("again-{day}")), &mut effects);
    }
    assert!(alerts(&effects).last().unwrap().sequence > 20);
    effects.clear();
    let now_ms = 150 * DAY_MS;
    monitor.activity(&activity("app", &theft("cloudtrail:StopLogging"), now_ms, "worse"), &mut effects);
    assert_eq!(alerts(&effects).iter().map(|report| report.stage).collect::<Vec<_>>(), [Close, Update]);
    assert!(alerts(&effects)[1].message.contains("cloudtrail:StopLogging"));
    effects.clear();
    for day in 151..160 {
        let event = activity("app", &Sample::default(), day * DAY_MS, &format!("still-{day}"));
        monitor.activity(&event, &mut effects);
    }
    let reminder =
        alerts(&effects).into_iter().find(|report| report.message.contains("it goes on, ")).unwrap();
    assert!(
        reminder.message.contains("at work though it was retired"),
        "it names the fact: {}",
        reminder.message
    );
}
