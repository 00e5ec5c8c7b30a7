//! What the inventory's word brings about, and when.

use super::*;
use crate::baseline::last_seen::UseStatus;
use crate::detect::Detectors;
use crate::detect::finding::Stage;
use crate::detect::testing::Sample;
use crate::identity::declared::{Criticality, DeclaredStatus};
use crate::identity::{AllowedNetwork, Declared};
use crate::monitor::Record;
use crate::monitor::fixture::{activity, covered, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::time::{DAY_MS, HOUR_MS};
use crate::wire::snapshot;

const APP: &str = "arn:aws:iam::111122223333:role/app";
const OTHER: &str = "arn:aws:iam::111122223333:role/other";
const UNDECLARED: &str = include_str!("../../../detectors/undeclared-identity.yaml");
const UNOWNED: &str = include_str!("../../../detectors/unowned-identity.yaml");

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

fn time(ms: i64) -> EventTime {
    EventTime::from_millis(START_MS + ms)
}

fn tell(monitor: &mut Monitor, id: &str, declared: Option<Declared>, effects: &mut Vec<Effect>) {
    let change = DeclaredChange { identity_id: id.into(), declared };
    monitor.process(&Record::Declared(Box::new(change)), effects);
}

/// Lets days pass, with a tick each hour, and a use of the role every six hours where it is in use.
fn live(monitor: &mut Monitor, days: std::ops::Range<i64>, is_used: bool, effects: &mut Vec<Effect>) {
    for hour in days.start * 24..days.end * 24 {
        if is_used && hour % 6 == 0 {
            let event = activity("app", &Sample::default(), hour * HOUR_MS, &format!("use-{hour}"));
            monitor.activity(&event, effects);
        }
        monitor.tick(at(hour * HOUR_MS), effects);
    }
}

/// A monitor whose detectors all alert.
fn outspoken() -> Monitor {
    let alerting = [UNDECLARED, UNOWNED].map(|text| text.replace("status: shadow", "status: enabled"));
    let files = alerting.map(|text| (String::from("own"), Ok(text.into_bytes())));
    let [(_, undeclared), (_, unowned)] = files;
    let own = [("undeclared.yaml".to_owned(), undeclared), ("unowned.yaml".to_owned(), unowned)];
    let mut monitor = empty_monitor();
    monitor.adopt(&Arc::new(Detectors::over_builtin("own", &own).unwrap()));
    monitor
}

/// Reports of a detector: stage, day, message.
fn told(effects: &[Effect], detector: &str) -> Vec<(Stage, i64, String)> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) if report.detector().is_some_and(|found| found.id == detector) => {
            let day = (report.found_at.millis() - START_MS) / DAY_MS;
            Some((report.stage, day, report.message.clone()))
        }
        _ => None,
    });
    told.collect()
}

fn stages(effects: &[Effect], detector: &str) -> Vec<Stage> {
    told(effects, detector).into_iter().map(|(stage, ..)| stage).collect()
}

fn uids(effects: &[Effect]) -> Vec<&str> {
    let mut uids: Vec<&str> = Vec::new();
    for effect in effects {
        if let Effect::Alert(report) = effect {
            uids.push(&report.uid);
        }
    }
    uids.dedup();
    uids
}

#[test]
fn an_identity_that_is_not_declared_is_told_once_and_again_when_it_is() {
    let (mut monitor, mut effects) = (outspoken(), Vec::new());
    tell(&mut monitor, OTHER, Some(owned()), &mut effects);
    live(&mut monitor, 0..20, true, &mut effects);
    tell(&mut monitor, APP, Some(owned()), &mut effects);
    live(&mut monitor, 20..22, true, &mut effects);
    let found = told(&effects, "undeclared-identity");
    let [(Stage::Create, 7 | 8, said), (Stage::Close, 20, end)] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(
        said,
        "Cloud role role/app in 111122223333: in use and not in the inventory, though others of its account are."
    );
    assert_eq!(end, "Cloud role role/app in 111122223333 (owner team-a): in the inventory now.");
    assert_eq!(uids(&effects).len(), 1);
    // Withdrawn: a finding of its own, after a day's grace.
    tell(&mut monitor, APP, None, &mut effects);
    live(&mut monitor, 22..30, true, &mut effects);
    assert_eq!(stages(&effects, "undeclared-identity"), [Stage::Create, Stage::Close, Stage::Create]);
    assert_eq!(uids(&effects).len(), 2);
}

fn owned() -> Declared {
    Declared { owner: Some("team-a".into()), purpose: Some("settlement".into()), ..Declared::default() }
}

#[test]
fn who_falls_out_of_use_is_not_missed_in_the_inventory_any_more() {
    let (mut monitor, mut effects) = (outspoken(), Vec::new());
    tell(&mut monitor, OTHER, Some(owned()), &mut effects);
    live(&mut monitor, 0..10, true, &mut effects);
    live(&mut monitor, 10..105, false, &mut effects);
    let found = told(&effects, "undeclared-identity");
    let [(Stage::Create, ..), (Stage::Close, 99..=101, end)] = &found[..] else { panic!("{found:#?}") };
    assert!(end.ends_with("not in use any more."), "{end}");
}

#[test]
fn in_shadow_it_is_counted_once_and_not_alerted() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    tell(&mut monitor, OTHER, Some(Declared::default()), &mut effects);
    live(&mut monitor, 0..20, true, &mut effects);
    let shadow = &monitor.stats().shadow_signals;
    assert_eq!((shadow.get("undeclared-identity"), shadow.get("unowned-identity")), (Some(&1), Some(&1)));
    assert_eq!(uids(&effects), Vec::<&str>::new());
}

#[test]
fn the_next_owner_of_a_partition_goes_on_with_the_time_that_has_passed() {
    let (mut monitor, mut effects) = (outspoken(), Vec::new());
    tell(&mut monitor, OTHER, Some(Declared::default()), &mut effects);
    live(&mut monitor, 0..5, true, &mut effects);
    let mut next = outspoken();
    for change in snapshot::take_changes(&mut monitor).unwrap() {
        snapshot::restore(&mut next, &change.key, change.value.as_deref()).unwrap();
    }
    assert_eq!(next.declared_accounts, monitor.declared_accounts);
    assert_eq!(next.declared_accounts.beside(APP), 1);
    let mut others = effects.clone();
    live(&mut monitor, 5..12, true, &mut effects);
    live(&mut next, 5..12, true, &mut others);
    for detector in ["undeclared-identity", "unowned-identity"] {
        assert_eq!(told(&effects, detector), told(&others, detector));
        assert_eq!(stages(&effects, detector), [Stage::Create], "{detector}");
    }
    assert_eq!(uids(&effects), uids(&others));
}

#[test]
fn an_owner_ends_the_finding_that_there_is_none() {
    let (mut monitor, mut effects) = (outspoken(), Vec::new());
    let purpose = Some("settlement".to_owned());
    tell(&mut monitor, APP, Some(Declared { purpose, ..Declared::default() }), &mut effects);
    live(&mut monitor, 0..10, false, &mut effects);
    tell(&mut monitor, APP, Some(owned()), &mut effects);
    live(&mut monitor, 10..12, false, &mut effects);
    let found = told(&effects, "unowned-identity");
    let [(Stage::Create, 7, said), (Stage::Close, 10, end)] = &found[..] else { panic!("{found:#?}") };
    assert!(said.ends_with("declared without an owner."), "{said}");
    assert!(end.ends_with("has an owner and a purpose now."), "{end}");
}

#[test]
fn each_end_that_passes_is_a_finding_of_its_own() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    let until = |day: i64| Some(Declared { expires_at: Some(time(day * DAY_MS)), ..owned() });
    tell(&mut monitor, APP, until(3), &mut effects);
    live(&mut monitor, 0..5, false, &mut effects);
    tell(&mut monitor, APP, until(8), &mut effects);
    live(&mut monitor, 5..10, false, &mut effects);
    tell(&mut monitor, APP, until(9), &mut effects);
    live(&mut monitor, 10..12, false, &mut effects);
    let retired = Declared { status: DeclaredStatus::Retired, ..until(9).unwrap() };
    tell(&mut monitor, APP, Some(retired), &mut effects);
    live(&mut monitor, 12..14, false, &mut effects);
    use Stage::{Close, Create};
    assert_eq!(stages(&effects, "expired-identity"), [Create, Close, Create, Close, Create, Close]);
    let found = told(&effects, "expired-identity");
    assert!(found[0].2.ends_with("expired on 2026-01-08, and the inventory still calls it active."));
    let last = "retired, or a person's, so that nothing is missing.";
    assert!(
        found[1].2.ends_with("has a later end in the inventory now, or none.") && found[5].2.ends_with(last)
    );
    assert_eq!(uids(&effects).len(), 3);
}

#[test]
fn an_identity_that_was_never_used_and_is_withdrawn_leaves_nothing_open() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    tell(&mut monitor, APP, Some(Declared { expires_at: Some(time(0)), ..owned() }), &mut effects);
    live(&mut monitor, 0..3, false, &mut effects);
    tell(&mut monitor, APP, None, &mut effects);
    assert_eq!(stages(&effects, "expired-identity"), [Stage::Create, Stage::Close]);
    assert_eq!(monitor.declared_accounts, DeclaredAccounts::default());
}

#[test]
fn a_use_after_the_end_is_an_alert_of_its_own_in_plain_words() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    live(&mut monitor, 0..20, true, &mut effects);
    let ended = Declared { expires_at: Some(time(20 * DAY_MS)), ..owned() };
    tell(&mut monitor, APP, Some(ended), &mut effects);
    live(&mut monitor, 20..23, false, &mut effects);
    effects.clear();
    live(&mut monitor, 23..24, true, &mut effects);
    let found = told(&effects, "expired-identity-used");
    let Some((Stage::Create, 23, said)) = found.first() else { panic!("{found:#?}") };
    let expected = "Cloud role role/app in 111122223333 (owner team-a): expired on 2026-01-25, used 3 days later, from 192.0.2.10 with Boto3.";
    assert_eq!(said, expected);
}

/// However much of it there is, a declaration that is behind the facts opens no incident by itself.
#[test]
fn uses_outside_of_what_is_declared_weigh_once_and_open_nothing_alone() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    let network = AllowedNetwork::try_from("198.51.100.0/24".to_owned()).unwrap();
    let declared = Declared {
        allowed_services: vec!["kms".into()],
        allowed_networks: vec![network],
        criticality: Criticality::Critical,
        ..owned()
    };
    tell(&mut monitor, APP, Some(declared), &mut effects);
    live(&mut monitor, 0..13, true, &mut effects);
    let signals = |monitor: &Monitor| monitor.stats().signals.get("outside-declared").copied();
    assert_eq!(signals(&monitor), Some(13 * 4));
    live(&mut monitor, 13..40, true, &mut effects);
    assert_eq!(signals(&monitor), Some(14 * 4), "after two weeks it is the inventory that is wrong");
    assert_eq!(uids(&effects), Vec::<&str>::new());
}

/// Status and proven days of the newest record on the topic.
fn standing(effects: &[Effect]) -> Option<(UseStatus, bool)> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::LastSeen(record) if record.identity_id == APP => {
            Some((record.status, record.unused_days.is_some()))
        }
        _ => None,
    })
}

#[test]
fn what_is_retired_says_so_whenever_that_is_told_and_to_whoever_takes_over() {
    let retired = || Some(Declared { status: DeclaredStatus::Retired, ..owned() });
    let check = |told_on: i64| {
        let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
        monitor.process(&Record::Coverage(vec![covered(0, 140 * 24)]), &mut effects);
        for day in 0..20 {
            if day == told_on {
                tell(&mut monitor, APP, retired(), &mut effects);
            }
            live(&mut monitor, day..day + 1, true, &mut effects);
        }
        assert_eq!(standing(&effects), Some((UseStatus::Retired, false)), "told on day {told_on}");
        let mut heir = empty_monitor();
        for change in snapshot::take_changes(&mut monitor).unwrap() {
            snapshot::restore(&mut heir, &change.key, change.value.as_deref()).unwrap();
        }
        effects.clear();
        live(&mut heir, 20..100, false, &mut effects);
        assert_eq!(standing(&effects), None, "nothing is new, told on day {told_on}");
        live(&mut heir, 100..130, false, &mut effects);
        assert_eq!(standing(&effects), Some((UseStatus::Retired, true)), "told on day {told_on}");
        assert_eq!(stages(&effects, "unused-identity"), []);
        let counted: u64 = heir
            .stats()
            .identities
            .iter()
            .filter(|(at, _)| at.1 == UseStatus::Retired)
            .map(|(_, n)| *n)
            .sum();
        assert_eq!(counted, 1);
        effects.clear();
        live(&mut heir, 130..131, true, &mut effects);
        assert_eq!(standing(&effects), Some((UseStatus::Retired, false)));
        assert!(stages(&effects, "retired-identity-used").contains(&Stage::Create), "told on day {told_on}");
        tell(&mut heir, APP, Some(owned()), &mut effects);
        live(&mut heir, 131..132, false, &mut effects);
        assert_eq!(standing(&effects), Some((UseStatus::Active, false)));
    };
    [0, 10, 19].into_iter().for_each(check);
}
