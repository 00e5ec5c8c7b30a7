//! A forgotten key is tried, in vain.

use super::*;
use crate::activity::Outcome;

/// Days for which the key was not used.
const DORMANT_DAYS: i64 = 65;

/// What one denied attempt with a key that was dormant for [`DORMANT_DAYS`] leads to: alerts, signals, and what is known of its last uses.
fn probed(probe: &Sample) -> (Vec<String>, Vec<String>, LastSeen) {
    let key = Some("AKIAIOSFODNN7EXAMPLE".to_owned());
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    for hour in 0..30 * 24 {
        let sample = Sample { credential: key.clone(), ..Sample::default() };
        monitor.activity(&activity("app", &sample, hour * HOUR_MS, &format!("h{hour}")), &mut effects);
    }
    monitor.process(&Record::Coverage(vec![covered(0, (30 + DORMANT_DAYS) * 24)]), &mut effects);
    (30..30 + DORMANT_DAYS).for_each(|day| monitor.tick(at(day * DAY_MS), &mut effects));
    let before = monitor.stats().signals.clone();
    effects.clear();
    let probe = Sample { credential: key, outcome: Outcome::Denied, ..probe.clone() };
    monitor.activity(&activity("app", &probe, (30 + DORMANT_DAYS) * DAY_MS, "probe"), &mut effects);
    let raised = monitor.stats().signals.iter().filter(|(id, count)| before.get(*id) != Some(*count));
    let raised = raised.map(|(id, _)| id.to_string()).collect();
    let alerts = alerts(&effects).iter().map(|report| report.message.clone()).collect();
    (alerts, raised, monitor.view().identity("arn:aws:iam::111122223333:role/app").unwrap().0)
}

#[test]
fn a_denied_attempt_with_a_dormant_key_from_elsewhere_is_an_alert_and_moves_no_success() {
    let stranger = Sample { ip: "198.51.100.7".into(), client: "curl".into(), ..Sample::default() };
    let looking = Sample { action: "sts:GetCallerIdentity".into(), ..stranger.clone() };
    let listing = Sample { action: "iam:ListUsers".into(), ..stranger.clone() };
    // From its own network, with its own client, for what it always did: a signal, and too little for an incident.
    let own = Sample::default();
    for (probe, is_alert) in [(&own, false), (&stranger, true), (&looking, true), (&listing, true)] {
        let (alerts, raised, facts) = probed(probe);
        let since_start = |time: Option<EventTime>| time.map(|time| time.millis() - START_MS);
        assert_eq!(since_start(facts.last_success), Some(30 * DAY_MS - HOUR_MS));
        assert_eq!(since_start(facts.last_denied), Some((30 + DORMANT_DAYS) * DAY_MS));
        assert_eq!(facts.last_denied, facts.last_seen, "an authenticated attempt");
        assert!(raised.contains(&"dormant-identity-awakened".to_owned()), "{raised:?}");
        let is_awake = |message: &String| message.contains("active again after 65 days of silence");
        assert_eq!(alerts.iter().any(is_awake), is_alert, "{}: {alerts:?}", probe.action);
    }
}
