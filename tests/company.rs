//! A generated company on a real Apache Kafka: mixed shapes in through kcat, and the generator's truth held against what comes out.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use nhi_monitor::generator::{Company, Mix, Mixer, Payload, Plan, Topic, Truth};
use nhi_monitor::runtime::{Service, clock};
use nhi_monitor::time::{DAY_MS, EventTime};
use serde_json::Value;
use support::{Scenario, received, until_within};

/// Records to aim at.
const EVENTS: u64 = 110_000;
/// Enough for a debug build on two loaded cores.
const DEADLINE: Duration = Duration::from_secs(400);

struct Traffic {
    payloads: Vec<Payload>,
    truth: Truth,
}

fn traffic() -> Traffic {
    // Lately, since syslog's old format has no year: it is taken from when a line is received.
    let today = i64::from(EventTime::from_millis(clock::now().millis()).day());
    let day = |ago: i64| EventTime::from_millis((today - ago) * DAY_MS);
    let (since, until) = (day(29), day(1));
    let company = Company::new(7, 300);
    let incidents = Some((day(8), until));
    let emissions = company.emissions(&Plan { since, until, events: EVENTS, incidents });
    let mut truth = Truth::new(&company, emissions.incidents());
    let mut mixer = Mixer::new(7, Mix::mixed());
    let mut payloads = Vec::new();
    for emission in emissions {
        mixer.push(&emission, &mut truth, &mut payloads);
    }
    mixer.finish(&mut truth, &mut payloads);
    Traffic { payloads, truth }
}

/// More than 100,000 records of all shapes: each is accounted for, every identity's last use is the generator's, and alerts are read by a plain consumer.
#[test]
fn a_company_is_accounted_for_to_the_last_record() {
    let Some(scenario) = Scenario::new("company") else { return };
    let Traffic { payloads, truth } = traffic();
    let service = scenario.start();
    let started = std::time::Instant::now();
    for (topic, input) in [Topic::CloudTrail, Topic::Auth].into_iter().zip(&scenario.config.topics.inputs) {
        let own = payloads.iter().filter(|payload| payload.topic == topic);
        let bytes: Vec<_> = own.map(|payload| payload.bytes.as_slice()).collect();
        scenario.produce_all(&input.topic, &bytes);
    }
    until_within(DEADLINE, "all records are monitored", || is_through(&service, truth.records));
    let took = started.elapsed();
    check_counts(&service, &truth);
    service.shutdown().unwrap();
    println!("{} records in {} messages within {took:.1?}", truth.records, payloads.len());

    let last_seen = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    check_last_seen(&last_seen, &truth);
    check_alerts(&scenario);
}

fn is_through(service: &Service, records: u64) -> bool {
    let counters = service.counters();
    let activities: u64 = counters.topics.values().map(|topic| topic.activities).sum();
    received(service) >= records && counters.monitored >= activities
}

fn check_counts(service: &Service, truth: &Truth) {
    let counters = service.counters();
    assert!(counters.topics.values().all(|topic| topic.is_balanced()), "{counters:?}");
    assert_eq!(received(service), truth.records);
    let own = |reason: &str| reason == "last_seen_record";
    let (mut activities, mut skipped, mut dead_lettered) = (0, 0, 0);
    for topic in counters.topics.values() {
        activities += topic.activities;
        skipped += topic.skipped.iter().filter(|(reason, _)| !own(reason)).map(|(_, n)| n).sum::<u64>();
        dead_lettered += topic.dead_lettered.values().sum::<u64>();
    }
    let expected = (truth.activities + truth.repeated, truth.skippable_total(), truth.broken_total());
    assert_eq!((activities, skipped, dead_lettered), expected, "{:?}", counters.topics);
    assert_eq!(counters.monitored, activities);
}

fn check_last_seen(records: &BTreeMap<String, Value>, truth: &Truth) {
    let wrong: Vec<_> = truth
        .identities
        .iter()
        .filter_map(|(id, used)| {
            let expected = used.last_seen?.to_rfc3339();
            let found = records.get(id).and_then(|record| record["last_seen"].as_str());
            (found != Some(expected.as_str())).then(|| format!("{id}: {found:?}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), truth.identities.len());
}

/// Alerts are read once each, and left for `./test` to hand to the independent validator.
fn check_alerts(scenario: &Scenario) {
    let alerts = scenario.read(&scenario.config.topics.alerts);
    assert!(!alerts.is_empty(), "the injected incidents raise alerts");
    let mut seen = std::collections::BTreeSet::new();
    let mut lines = String::new();
    for alert in &alerts {
        let json = alert.json();
        let uid = json["finding_info"]["uid"].to_string();
        assert!(seen.insert((uid, json["metadata"]["sequence"].to_string())), "alerted twice: {json}");
        lines.push_str(&format!("{json}\n"));
    }
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-alerts.jsonl");
    std::fs::write(&file, lines).unwrap();
    println!("{} alerts are in {}", alerts.len(), file.display());
}
