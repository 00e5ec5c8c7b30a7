//! An incident that follows another knows what that one said, and says nothing of it: neither in its reports nor by its acceptance.

use super::*;
use crate::wire::snapshot;

const NEXT_MS: i64 = ATTACK_MS + 3 * DAY_MS;

/// Another theft than the first, from elsewhere.
fn other() -> Sample {
    Sample { ip: "203.0.113.9".into(), client: "python-requests".into(), ..theft("ec2:CreateKeyPair") }
}

/// A monitor with an incident that follows another, in which both thieves are at work, and its report.
fn followed() -> (Monitor, IncidentReport) {
    let (mut monitor, first) = attacked();
    let mut opened = does(&mut monitor, &other(), NEXT_MS);
    let [closed, next] = &mut opened[..] else { panic!("{opened:#?}") };
    assert_eq!((closed.stage, next.stage), (Stage::Close, Stage::Create));
    assert_ne!(next.uid, format!("{first:032x}"));
    let next = next.clone();
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), NEXT_MS + 1).is_empty(), "it was said before");
    (restored(&mut monitor), next)
}

/// The monitor that a new owner has.
fn restored(monitor: &mut Monitor) -> Monitor {
    let mut copy = empty_monitor();
    for change in snapshot::take_changes(monitor).unwrap() {
        snapshot::restore(&mut copy, &change.key, change.value.as_deref()).unwrap();
    }
    copy
}

fn stages(reports: &[IncidentReport]) -> Vec<Stage> {
    reports.iter().map(|report| report.stage).collect()
}

#[test]
fn its_acceptance_is_about_what_it_says_itself() {
    let (_, next) = followed();
    let uid = u128::from_str_radix(&next.uid, 16).unwrap();
    for scope in [Scope::Incident(uid), Scope::Identity] {
        let (mut monitor, _) = followed();
        let closed = tell(&mut monitor, &word(Verdict::Accept, scope, NEXT_MS + HOUR_MS, None));
        assert_eq!(stages(&closed), [Stage::Close]);
        assert!(!is_held_out(&monitor, "203.0.113.0/24"), "it is part of the baseline at once");
        assert!(is_held_out(&monitor, "198.51.100.0/24"), "nobody accepted the first");
        assert!(does(&mut monitor, &other(), NEXT_MS + 2 * HOUR_MS).is_empty());
        let first = does(&mut monitor, &theft("iam:CreateAccessKey"), NEXT_MS + 3 * HOUR_MS);
        assert_eq!(stages(&first), [Stage::Create], "the first attack goes on, and nobody accepted it");
    }
}

#[test]
fn its_messages_count_what_it_says_itself() {
    let (mut monitor, next) = followed();
    let rest = next.signals.len() - 2;
    assert!(next.message.contains(&format!("; and {rest} more sign")), "{} {rest}", next.message);
    let mut effects = Vec::new();
    monitor.tick(ProcessingTime::from_millis(START_MS + NEXT_MS + DAY_MS), &mut effects);
    let closed = &reports(effects)[0];
    let said = format!("quiet again after {} kinds", next.signals.len());
    assert!(closed.message.contains(&said), "{}", closed.message);
}
