//! When it is told that a job does not run any more, and when not.

use super::*;
use crate::baseline::last_seen::UseStatus;
use crate::detect::finding::Stage;
use crate::detect::testing::Sample;
use crate::detect::{Detectors, Fault};
use crate::identity::declared::DeclaredStatus;
use crate::identity::{Declared, DeclaredChange};
use crate::monitor::fixture::{activity, covered, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::monitor::{InputProgress, Record};
use crate::time::DAY_MS;
use crate::wire::snapshot;

const JOB: &str = "arn:aws:iam::111122223333:role/job";
const HEARTBEAT: &str = include_str!("../../../detectors/missed-heartbeat.yaml");

/// Nights on which the job ran, at two, before it is watched.
const NIGHTS: i64 = 30;

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

fn hour(day: i64, hour: i64) -> i64 {
    day * DAY_MS + hour * HOUR_MS
}

fn run_of_day(day: i64) -> crate::activity::Activity<'static> {
    activity("job", &Sample::default(), hour(day, 2), &format!("run-{day}"))
}

/// A monitor in which the job ran on thirty nights, at two.
fn nightly() -> Monitor {
    let mut monitor = empty_monitor();
    for night in 0..NIGHTS {
        live(&mut monitor, night..night + 1, true, &mut Vec::new());
    }
    monitor
}

/// Lets days pass hour by hour, with the log source at work, with or without the job.
fn live(monitor: &mut Monitor, days: std::ops::Range<i64>, runs: bool, effects: &mut Vec<Effect>) {
    for day in days {
        for hours in 0..24 {
            let now = day * 24 + hours;
            monitor.process(&Record::Coverage(vec![covered(now, now)]), effects);
            if hours == 2 && runs {
                monitor.activity(&run_of_day(day), effects);
            }
            monitor.tick(at(hour(day, hours)), effects);
        }
    }
}

/// The findings of missed runs: stage, hours after the start, message.
fn findings(effects: &[Effect]) -> Vec<(Stage, i64, String)> {
    let missed = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) if report.detector().is_some_and(|d| d.id == "missed-heartbeat") => {
            let hours = (report.found_at.millis() - START_MS) / HOUR_MS;
            Some((report.stage, hours, report.message.clone()))
        }
        _ => None,
    });
    missed.collect()
}

fn stages(effects: &[Effect]) -> Vec<Stage> {
    findings(effects).into_iter().map(|(stage, ..)| stage).collect()
}

fn declare(monitor: &mut Monitor, declared: Declared, effects: &mut Vec<Effect>) {
    let change = DeclaredChange { identity_id: JOB.into(), declared: Some(declared) };
    monitor.process(&Record::Declared(Box::new(change)), effects);
}

#[test]
fn a_job_that_stops_is_told_once_and_again_when_it_runs() {
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    live(&mut monitor, NIGHTS..NIGHTS + 10, false, &mut effects);
    live(&mut monitor, NIGHTS + 10..NIGHTS + 12, true, &mut effects);
    let found = findings(&effects);
    let [(Stage::Create, missed, said), (Stage::Close, again, end)] = &found[..] else {
        panic!("{found:#?}")
    };
    // The hour after 54 hours without: a usual interval on top of the longest, and six hours.
    assert_eq!((*missed, *again), ((NIGHTS - 1) * 24 + 2 + 55, (NIGHTS + 10) * 24 + 2));
    assert_eq!(
        said,
        "Cloud role role/job in 111122223333: no run for more than 54 h (last 2026-02-03 02:00 UTC). It ran every day about \
         02:00 UTC (24 h apart, at most 24 h, over 29 runs), and its log source was covered since."
    );
    assert_eq!(end, "Cloud role role/job in 111122223333: ran again at 2026-02-14 02:00 UTC.");
    let uids = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) => Some(report.uid.clone()),
        _ => None,
    });
    assert_eq!(uids.collect::<std::collections::BTreeSet<_>>().len(), 1);
}

#[test]
fn after_a_finding_the_rhythm_is_proven_anew() {
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    live(&mut monitor, NIGHTS..NIGHTS + 5, false, &mut effects);
    live(&mut monitor, NIGHTS + 5..NIGHTS + 15, true, &mut effects);
    live(&mut monitor, NIGHTS + 15..NIGHTS + 25, false, &mut effects);
    assert_eq!(stages(&effects), [Stage::Create, Stage::Close], "ten nights prove little");
    live(&mut monitor, NIGHTS + 25..NIGHTS + 42, true, &mut effects);
    live(&mut monitor, NIGHTS + 42..NIGHTS + 47, false, &mut effects);
    assert_eq!(stages(&effects), [Stage::Create, Stage::Close, Stage::Create]);
}

/// Guarantees that hand-overs at any time change nothing of what is said.
#[test]
fn a_monitor_that_is_restored_every_hour_says_the_same() {
    let (mut one, mut said) = (nightly(), Vec::new());
    let mut other = nightly();
    let (mut changelog, mut said_by_others) = (std::collections::BTreeMap::new(), Vec::new());
    for day in NIGHTS..NIGHTS + 6 {
        let runs = day != NIGHTS + 1 && day != NIGHTS + 2 && day != NIGHTS + 3;
        live(&mut one, day..day + 1, runs, &mut said);
        for hours in 0..24 {
            let changes = snapshot::take_changes(&mut other).unwrap();
            changelog.extend(changes.into_iter().map(|change| (change.key, change.value)));
            other = empty_monitor();
            for (key, value) in &changelog {
                snapshot::restore(&mut other, key, value.as_deref()).unwrap();
            }
            let now = day * 24 + hours;
            other.process(&Record::Coverage(vec![covered(now, now)]), &mut said_by_others);
            if hours == 2 && runs {
                other.activity(&run_of_day(day), &mut said_by_others);
            }
            other.tick(at(hour(day, hours)), &mut said_by_others);
        }
    }
    assert_eq!(stages(&said), [Stage::Create, Stage::Close]);
    assert_eq!(format!("{said:#?}"), format!("{said_by_others:#?}"));
}

#[test]
fn what_is_unused_by_then_is_told_as_that_and_no_longer_as_missed() {
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    live(&mut monitor, NIGHTS..NIGHTS + 100, false, &mut effects);
    let alerts = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) => Some((report.detector()?.id.as_str(), report.stage)),
        _ => None,
    });
    let expected = [
        ("missed-heartbeat", Stage::Create),
        ("unused-identity", Stage::Create),
        ("missed-heartbeat", Stage::Close),
    ];
    assert_eq!(alerts.collect::<Vec<_>>(), expected);
    assert_eq!(monitor.view().identity(JOB).unwrap().0.status, UseStatus::Unused);
}

#[test]
fn what_the_inventory_expects_no_more_is_not_missed() {
    let retired = Declared { status: DeclaredStatus::Retired, ..Declared::default() };
    let expires_at = Some(EventTime::from_millis(START_MS + hour(NIGHTS + 5, 0)));
    let expired = Declared { expires_at, ..Declared::default() };
    for declared in [retired, expired] {
        let (mut monitor, mut effects) = (nightly(), Vec::new());
        live(&mut monitor, NIGHTS..NIGHTS + 4, false, &mut effects);
        declare(&mut monitor, declared.clone(), &mut effects);
        live(&mut monitor, NIGHTS + 4..NIGHTS + 9, false, &mut effects);
        let found = findings(&effects);
        assert_eq!(stages(&effects), [Stage::Create, Stage::Close], "{found:#?}");
        assert!(found[1].2.ends_with("not expected to run any more, says the inventory."), "{found:#?}");
    }
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    let expires_at = Some(EventTime::from_millis(START_MS + hour(NIGHTS, 0)));
    declare(&mut monitor, Declared { expires_at, ..Declared::default() }, &mut effects);
    live(&mut monitor, NIGHTS..NIGHTS + 9, false, &mut effects);
    assert_eq!(stages(&effects), []);
}

#[test]
fn nothing_is_missed_while_an_input_lags_and_a_run_that_comes_late_is_a_run() {
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    let until = at(hour(NIGHTS, 0));
    let topic = String::from("cloudtrail");
    let lagging = InputProgress { topic, partition: 0, until };
    monitor.process(&Record::Progress(vec![lagging.clone()]), &mut effects);
    live(&mut monitor, NIGHTS..NIGHTS + 6, false, &mut effects);
    assert_eq!(stages(&effects), [], "its run may wait to be read");
    for night in NIGHTS..NIGHTS + 6 {
        monitor.activity(&run_of_day(night), &mut effects);
    }
    let caught_up = InputProgress { until: at(hour(NIGHTS + 6, 0)), ..lagging };
    monitor.process(&Record::Progress(vec![caught_up]), &mut effects);
    monitor.tick(at(hour(NIGHTS + 6, 0)), &mut effects);
    assert_eq!(stages(&effects), []);
}

#[test]
fn nothing_is_missed_across_a_loss() {
    let (mut monitor, mut effects) = (nightly(), Vec::new());
    live(&mut monitor, NIGHTS..NIGHTS + 1, false, &mut effects);
    monitor.lost_records(at(hour(NIGHTS + 1, 0)), true);
    live(&mut monitor, NIGHTS + 1..NIGHTS + 20, false, &mut effects);
    assert_eq!(stages(&effects), []);
}

#[test]
fn a_detector_in_shadow_counts_each_silence_once() {
    let file = HEARTBEAT.replace("version: 1", "version: 1\nstatus: shadow");
    let files = [("a.yaml".to_owned(), Ok::<_, Fault>(file.into_bytes()))];
    let mut monitor = nightly();
    monitor.adopt(&Arc::new(Detectors::over_builtin("test", &files).unwrap()));
    let mut effects = Vec::new();
    live(&mut monitor, NIGHTS..NIGHTS + 9, false, &mut effects);
    live(&mut monitor, NIGHTS + 9..NIGHTS + 11, true, &mut effects);
    assert_eq!(stages(&effects), []);
    assert_eq!(monitor.stats().shadow_signals.get("missed-heartbeat"), Some(&1));
}

#[test]
fn behind_a_gap_that_never_closes_a_job_is_looked_at_less_and_less() {
    let mut monitor = nightly();
    let mut looks = std::collections::BTreeSet::new();
    for hours in NIGHTS * 24..(NIGHTS + 30) * 24 {
        monitor.tick(at(hours * HOUR_MS), &mut Vec::new());
        looks.insert(monitor.shared().identities.get(JOB).unwrap().due);
    }
    assert!((30..100).contains(&looks.len()), "{} looks in 30 days", looks.len());
    let mut effects = Vec::new();
    monitor.process(&Record::Coverage(vec![covered(NIGHTS * 24, (NIGHTS + 32) * 24)]), &mut effects);
    (0..48).for_each(|hours| monitor.tick(at(((NIGHTS + 30) * 24 + hours) * HOUR_MS), &mut effects));
    assert_eq!(stages(&effects), [Stage::Create], "once it is proven it is told all the same");
}
