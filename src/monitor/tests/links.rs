//! What joins an identity's incident with those of others, and keys that come and go.

use super::alerts;
use crate::detect::chain::MAX_OPENED;
use crate::detect::finding::IncidentReport;
use crate::detect::testing::Sample;
use crate::monitor::{Effect, Monitor, fixture};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// A call with a stolen key that opens a session of another role is told at once, though it weighs little beside what is known.
#[test]
fn a_way_on_to_another_identity_is_told_at_once_and_each_only_once() {
    let mut monitor = fixture::busy_monitor(1);
    let mut effects = Vec::new();
    let mut assume = |monitor: &mut Monitor, minute: i64, role: &str, key: &str| {
        let sample = Sample {
            action: "sts:AssumeRole".into(),
            resource: Some(format!("arn:aws:iam::111122223333:role/{role}")),
            ip: "198.51.100.7".into(),
            client: "curl".into(),
            issues: Some(key.into()),
            ..Sample::default()
        };
        let at_ms = 30 * DAY_MS + minute * MINUTE_MS;
        monitor.activity(&fixture::activity("role-0", &sample, at_ms, &format!("e{minute}")), &mut effects);
        std::mem::take(&mut effects)
    };
    let told = |effects: &[Effect]| -> Vec<Vec<String>> {
        let keys =
            |report: &&IncidentReport| report.opened.iter().map(|one| one.credential.clone()).collect();
        alerts(effects).iter().map(keys).collect()
    };
    assert_eq!(told(&assume(&mut monitor, 1, "admin", "ASIA1")), [["ASIA1"]]);
    assert_eq!(told(&assume(&mut monitor, 2, "admin", "ASIA2")), [[""; 0]; 0], "known to be the way");
    assert_eq!(told(&assume(&mut monitor, 3, "audit", "ASIA3")), [["ASIA1", "ASIA2", "ASIA3"]]);
    for minute in 4..40 {
        assume(&mut monitor, minute, "audit", &format!("ASIA-{minute}"));
    }
    let state = monitor.shared().identities.get("arn:aws:iam::111122223333:role/role-0").unwrap();
    assert_eq!(state.incident.as_ref().unwrap().opened.len(), MAX_OPENED);
    drop(state);
    assert!(monitor.stats().evictions["opened_sessions"] > 0);
}

/// The events of a user with one key, then with the new one of a rotation beside it and after it.
fn rotated(new_key_from: &str) -> Vec<String> {
    let mut monitor = fixture::empty_monitor();
    let mut effects = Vec::new();
    let hourly = |hours: std::ops::Range<i64>, key: &str, ip: &str| -> Vec<(i64, Sample)> {
        let sample = Sample { credential: Some(key.into()), ip: ip.into(), ..Sample::default() };
        hours.map(|hour| (hour * HOUR_MS, sample.clone())).collect()
    };
    let home = Sample::default().ip;
    let mut events = hourly(0..33 * 24, "AKIAOLD", &home);
    events.extend(hourly(30 * 24..40 * 24, "AKIANEW", new_key_from));
    events.sort_by_key(|(at_ms, _)| *at_ms);
    for (number, (at_ms, sample)) in events.iter().enumerate() {
        let activity = fixture::activity("user", sample, *at_ms + number as i64, &format!("e{number}"));
        monitor.activity(&activity, &mut effects);
    }
    assert!(alerts(&effects).len() <= 1);
    monitor.stats().signals.keys().cloned().collect()
}

#[test]
fn a_rotation_in_the_usual_place_says_nothing_and_a_new_key_from_elsewhere_does() {
    assert_eq!(rotated("192.0.2.77"), [""; 0]);
    assert_eq!(rotated("198.51.100.7"), ["new-origin", "used-in-two-places"]);
}
