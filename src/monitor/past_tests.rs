//! What history does to a monitor: it teaches, and says nothing.

use super::fixture::{activity, covered, empty_monitor};
use super::rehearsal::START_MS;
use super::*;
use crate::baseline::last_seen::UseStatus;
use crate::detect::testing::Sample;
use crate::time::EventTime;

/// Days of the archive.
const DAYS: i64 = 40;

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

fn theft(client: &str) -> Sample {
    let action = "iam:CreateAccessKey".into();
    Sample { action, ip: "198.51.100.7".into(), client: client.into(), ..Sample::default() }
}

/// An event of the past, which is received on the day after the archive.
fn past(sample: &Sample, at_ms: i64) -> Activity<'static> {
    let mut past = activity("app", sample, at_ms, &format!("p{at_ms}"));
    past.event.is_past = true;
    past.event.received = at(DAYS * DAY_MS);
    past
}

/// Forty days of a role that reads a bucket every six hours; a theft on the thirtieth.
fn archive() -> impl Iterator<Item = Activity<'static>> {
    (0..DAYS * 4).map(|step| {
        let sample = if step == 30 * 4 { theft("curl") } else { Sample::default() };
        past(&sample, step * 6 * HOUR_MS)
    })
}

fn count(effects: &[Effect]) -> (usize, usize) {
    let alerts = effects.iter().filter(|effect| matches!(effect, Effect::Alert(_))).count();
    (alerts, effects.len() - alerts)
}

#[test]
fn history_teaches_raises_nothing_and_is_published_once() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    archive().for_each(|event| monitor.activity(&event, &mut effects));
    assert_eq!(count(&effects), (0, 0));
    monitor.tick(at(DAYS * DAY_MS + 2 * HOUR_MS), &mut effects);
    assert_eq!(count(&effects), (0, 1), "{effects:?}");
    let Effect::LastSeen(record) = &effects[0] else { panic!("{effects:?}") };
    let last = EventTime::from_millis(START_MS + (DAYS * 4 - 1) * 6 * HOUR_MS);
    assert_eq!((record.last_seen, record.status), (Some(last), UseStatus::Active));
    assert_eq!((monitor.stats().past, monitor.stats().open_incidents), (DAYS as u64 * 4, 0));

    effects.clear();
    monitor.activity(&activity("app", &theft("nmap"), DAYS * DAY_MS + 3 * HOUR_MS, "live"), &mut effects);
    assert_eq!(count(&effects).0, 0, "the archive held this call from that network: it is usual by now");
    let other = Sample { action: "kms:Decrypt".into(), ip: "203.0.113.9".into(), ..theft("nmap") };
    monitor.activity(&activity("app", &other, DAYS * DAY_MS + 4 * HOUR_MS, "other"), &mut effects);
    assert_eq!(count(&effects).0, 1, "another theft is told at once: {effects:?}");
}

#[test]
fn an_open_incident_neither_grows_nor_closes_by_history() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    for hour in 0..30 * 24 {
        monitor.activity(
            &activity("app", &Sample::default(), hour * HOUR_MS, &format!("h{hour}")),
            &mut effects,
        );
    }
    monitor.activity(&activity("app", &theft("curl"), 30 * DAY_MS, "theft"), &mut effects);
    let before = count(&effects);
    assert_eq!((before.0, monitor.stats().open_incidents), (1, 1));
    let attack = Sample { action: "kms:Decrypt".into(), ip: "203.0.113.9".into(), ..theft("nmap") };
    monitor.activity(&past(&attack, 29 * DAY_MS), &mut effects);
    assert_eq!((count(&effects), monitor.stats().open_incidents), (before, 1));
}

#[test]
fn whether_history_comes_before_or_after_the_first_live_day_its_days_count_once() {
    let live = |day: i64| activity("app", &Sample::default(), (DAYS + day) * DAY_MS, &format!("l{day}"));
    let active_days = |events: Vec<Activity<'static>>| {
        let mut monitor = empty_monitor();
        events.iter().for_each(|event| monitor.activity(event, &mut Vec::new()));
        let id = events[0].identity.id.to_string();
        let view = monitor.view();
        view.with(&id, |state| state.behaviour.active_days).unwrap()
    };
    let in_order = active_days(archive().chain((0..3).map(live)).collect());
    let behind = active_days((0..2).map(live).chain(archive()).chain([live(2)]).collect());
    let twice = (0..2).map(live).chain(archive()).chain(archive()).chain([live(2)]);
    assert!(in_order > 30.0);
    assert_eq!((behind, active_days(twice.collect())), (in_order, in_order));
}

#[test]
fn what_only_history_knows_is_unused_where_its_source_is_covered() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    monitor.activity(&past(&Sample::default(), HOUR_MS), &mut effects);
    let today = 100 * DAY_MS;
    monitor.tick(at(today), &mut effects);
    monitor.flush(at(today), &mut effects);
    let statuses = |effects: &[Effect]| -> Vec<UseStatus> {
        let said = effects.iter().filter_map(|effect| match effect {
            Effect::LastSeen(record) => Some(record.status),
            Effect::Alert(_) | Effect::Withdrawn(_) => None,
        });
        said.collect()
    };
    assert_eq!(statuses(&effects), [UseStatus::Unknown], "history alone covers nothing");
    monitor.process(&Record::PastCoverage(vec![covered(0, 101 * 24)]), &mut effects);
    monitor.tick(at(today + DAY_MS), &mut effects);
    assert_eq!(statuses(&effects), [UseStatus::Unknown, UseStatus::Unused]);
}

#[test]
fn what_an_archive_proves_closes_what_was_lost() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    monitor.activity(&past(&Sample::default(), HOUR_MS), &mut effects);
    monitor.process(&Record::PastCoverage(vec![covered(0, 101 * 24)]), &mut effects);
    let lost =
        InputLoss { topic: "cloudtrail".into(), partition: 3, until: at(50 * DAY_MS), is_certain: true };
    monitor.process(&Record::Lost(lost), &mut effects);
    monitor.tick(at(100 * DAY_MS), &mut effects);
    let status = |effects: &[Effect]| match effects.last() {
        Some(Effect::LastSeen(record)) => Some(record.status),
        _ => None,
    };
    assert_eq!(status(&effects), Some(UseStatus::Unknown), "{effects:?}");
    let first = (START_MS / HOUR_MS) as u32;
    let complete = CompleteHours {
        scope: super::rehearsal::SCOPE.into(),
        hours: vec![(first, first + 100 * 24)],
        until_ms: START_MS + 100 * DAY_MS,
    };
    monitor.process(&Record::Complete(vec![complete]), &mut effects);
    monitor.tick(at(101 * DAY_MS), &mut effects);
    assert_eq!(status(&effects), Some(UseStatus::Unused), "{effects:?}");
}

#[test]
fn a_log_source_that_ended_in_the_past_is_not_missed() {
    let silent = |record: fn(Vec<CoverageMark>) -> Record<'static>| {
        let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
        monitor.process(&record(vec![covered(0, 40 * 24)]), &mut effects);
        monitor.tick(at(60 * DAY_MS), &mut effects);
        count(&effects).0
    };
    assert_eq!((silent(Record::PastCoverage), silent(Record::Coverage)), (0, 1));
}
