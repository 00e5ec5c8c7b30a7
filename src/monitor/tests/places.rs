//! What a new network weighs by itself, by what the operator's lists say that it is.

use super::*;
use crate::activity::NetworkClass;
use crate::config;
use crate::detect::detector::Rule;
use crate::detect::incident::HALF_RISK_BITS;

/// Days of work after which the weight of Tor must be enough, wherever the identity is known from.
const SETTLED_DAYS: i64 = 30;

/// What a surprise lacks of its most by then, in bits, at most.
const LACKING_BITS: f32 = 1.4;

/// What a settled identity's new network of this class weighs at most, as `detectors/new-origin.yaml` has it.
fn weight(class: NetworkClass) -> f32 {
    let detectors = Detectors::builtin().unwrap();
    match &detectors.get("new-origin").unwrap().rule {
        Rule::NewOrigin { max_bits, class_bits, .. } => max_bits + class_bits.of(class),
        rule => panic!("{rule:?}"),
    }
}

/// The role at work for so many days at `home`, and then once from a network of this class where it never was, with all else as
/// ever: what is held of that, and the alerts.
fn elsewhere(class: NetworkClass, home: &str, days: i64) -> (HeldIncident, Vec<IncidentReport>) {
    let mut monitor = empty_monitor();
    let usual = Sample { ip: home.into(), ..Sample::default() };
    for hour in (0..days * 24).step_by(6) {
        let event = activity("app", &usual, hour * HOUR_MS, &format!("h{hour}"));
        monitor.activity(&event, &mut Vec::new());
    }
    let sample = Sample { ip: "198.51.100.7".into(), network_class: Some(class), ..Sample::default() };
    let mut effects = Vec::new();
    monitor.activity(&activity("app", &sample, days * DAY_MS, "elsewhere"), &mut effects);
    let held = monitor.view().incident("arn:aws:iam::111122223333:role/app").unwrap();
    (held, alerts(&effects).into_iter().cloned().collect())
}

/// The threshold of an incident is where its constant says, and what is promised of Tor is a matter of these three numbers.
#[test]
fn the_weight_of_tor_and_of_a_new_network_together_reach_the_threshold() {
    assert_eq!(config::Detection::default().incident_risk, 50, "the risk at HALF_RISK_BITS");
    assert!(weight(NetworkClass::Tor) >= HALF_RISK_BITS, "docs/detection.md: it opens an incident by itself");
}

/// A settled identity's first call from Tor is an alert though nothing else about it is new; a proxy, a home or a hosting provider alone
/// is none.
#[test]
fn a_new_network_alone_opens_an_incident_after_a_month_where_it_is_tor() {
    for class in [NetworkClass::Tor, NetworkClass::Proxy, NetworkClass::Residential, NetworkClass::Hosting] {
        let (held, alerts) = elsewhere(class, &Sample::default().ip, SETTLED_DAYS);
        let [signal] = &held.signals[..] else { panic!("not one signal of {class:?}: {held:#?}") };
        assert_eq!(signal.detector, "new-origin");
        let most = weight(class);
        assert!((most - LACKING_BITS..=most).contains(&held.bits), "{class:?}: {} of {most}", held.bits);
        let opens = class == NetworkClass::Tor;
        let stages: Vec<Stage> = alerts.iter().map(|alert| alert.stage).collect();
        assert_eq!(stages, if opens { vec![Stage::Create] } else { vec![] }, "{class:?}");
    }
}

/// Who works within private networks alone is never elsewhere: there a month is enough.
#[test]
fn from_private_networks_to_tor_is_an_alert_after_a_month() {
    let (held, alerts) = elsewhere(NetworkClass::Tor, "10.1.2.3", 30);
    assert!((held.bits - weight(NetworkClass::Tor)).abs() < 0.01, "{}", held.bits);
    assert_eq!(alerts.len(), 1);
}
