use super::*;
use crate::baseline::last_seen::CredentialState;
use crate::detect::finding::Stage;
use crate::detect::testing::Sample;
use crate::monitor::Record;
use crate::monitor::fixture::{activity, covered, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::wire::snapshot;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn use_on(monitor: &mut Monitor, day: i64, key: &str, effects: &mut Vec<Effect>) {
    let sample = Sample { credential: Some(key.into()), ..Sample::default() };
    monitor.activity(&activity("app", &sample, day * DAY_MS, &format!("{day}-{key}")), effects);
    monitor.tick(ProcessingTime::from_millis(START_MS + day * DAY_MS), effects);
}

/// A monitor of an identity that used one key for ten days and another since, until that day; and what came of it.
fn rotated(until: i64) -> (Monitor, Vec<Effect>) {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    monitor.process(&Record::Coverage(vec![covered(0, 400 * 24)]), &mut effects);
    for day in 0..=until {
        use_on(&mut monitor, day, if day <= 10 { "AKIAOLD" } else { "AKIANEW" }, &mut effects);
    }
    (monitor, effects)
}

fn stages(effects: &[Effect]) -> Vec<(Stage, String)> {
    let of_credential = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) if report.detector().is_some_and(|d| d.id == "unused-credential") => {
            Some((report.stage, report.uid.clone()))
        }
        _ => None,
    });
    of_credential.collect()
}

fn state_of(monitor: &Monitor, id: &str) -> CredentialState {
    let known = monitor.view().identity(ROLE).unwrap().0.credentials;
    known.into_iter().find(|key| key.id == id).unwrap().state
}

#[test]
fn a_key_that_nobody_uses_is_found_once_published_and_closed_when_it_is_used_again() {
    let (mut monitor, effects) = rotated(99);
    assert_eq!(stages(&effects), vec![]);
    assert_eq!(state_of(&monitor, "AKIAOLD"), CredentialState::Superseded);
    let mut effects = Vec::new();
    (100..150).for_each(|day| use_on(&mut monitor, day, "AKIANEW", &mut effects));
    let opened = stages(&effects);
    assert_eq!(opened.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), vec![Stage::Create]);
    let published = effects.iter().rev().find_map(|effect| match effect {
        Effect::LastSeen(record) => Some(record.credentials.clone()),
        _ => None,
    });
    let old = published.unwrap().into_iter().find(|key| key.id == "AKIAOLD").unwrap();
    assert_eq!(
        (old.state, state_of(&monitor, "AKIANEW")),
        (CredentialState::Unused, CredentialState::Active)
    );
    effects.clear();
    (150..152).for_each(|day| use_on(&mut monitor, day, "AKIAOLD", &mut effects));
    assert_eq!(stages(&effects), vec![(Stage::Close, opened[0].1.clone())]);
    assert_eq!(state_of(&monitor, "AKIAOLD"), CredentialState::Active);
}

#[test]
fn an_identity_that_is_unused_as_a_whole_has_one_finding_and_not_one_for_each_key() {
    let (mut monitor, effects) = rotated(120);
    assert_eq!(stages(&effects).len(), 1);
    let mut effects = Vec::new();
    for day in 121..230 {
        monitor.tick(ProcessingTime::from_millis(START_MS + day * DAY_MS), &mut effects);
    }
    assert_eq!(stages(&effects).iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), vec![Stage::Close]);
    assert_eq!(state_of(&monitor, "AKIANEW"), CredentialState::Unused);
}

#[test]
fn without_proof_no_key_is_unused() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    for (from, to) in [(0, 50), (60, 400)] {
        monitor.process(&Record::Coverage(vec![covered(from * 24, to * 24)]), &mut effects);
    }
    for day in 0..149 {
        use_on(&mut monitor, day, if day <= 10 { "AKIAOLD" } else { "AKIANEW" }, &mut effects);
    }
    assert_eq!((stages(&effects), state_of(&monitor, "AKIAOLD")), (vec![], CredentialState::Superseded));
}

#[test]
fn who_takes_over_does_not_find_it_again_and_ends_it() {
    let (mut monitor, effects) = rotated(120);
    let changes = snapshot::take_changes(&mut monitor).unwrap();
    let mut other = empty_monitor();
    for change in &changes {
        snapshot::restore(&mut other, &change.key, change.value.as_deref()).unwrap();
    }
    let mut later = Vec::new();
    (121..125).for_each(|day| use_on(&mut other, day, "AKIANEW", &mut later));
    assert_eq!(stages(&later), vec![]);
    (125..127).for_each(|day| use_on(&mut other, day, "AKIAOLD", &mut later));
    assert_eq!(stages(&later), vec![(Stage::Close, stages(&effects)[0].1.clone())]);
}
