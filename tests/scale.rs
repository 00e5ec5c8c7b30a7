//! Work that is shared: instances that come and go, and workers within one process, on a real Apache Kafka.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::BTreeMap;

use nhi_monitor::runtime::Service;
use serde_json::json;
use support::{Scenario, learned, received, role_event, role_id, until};

const ROLES: usize = 40;

fn at(round: usize) -> String {
    format!("2026-03-02T{:02}:{:02}:00Z", 8 + round / 60, round % 60)
}

/// One event of each role in each round.
fn produce(scenario: &Scenario, rounds: std::ops::Range<usize>) {
    let lines: String = rounds
        .flat_map(|round| (0..ROLES).map(move |role| role_event(&format!("r{role}"), &at(round), round)))
        .map(|event| format!("{event}\n"))
        .collect();
    scenario.produce_lines(scenario.input(), lines.as_bytes());
}

fn monitored(services: &[&Service]) -> u64 {
    services.iter().map(|service| service.counters().monitored).sum()
}

fn each_learned(rounds: u64) -> BTreeMap<String, u64> {
    (0..ROLES).map(|role| (role_id(&format!("r{role}")), rounds)).collect()
}

fn check_results(scenario: &Scenario, newest_round: usize) {
    let last_seen = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    let newest = at(newest_round).replace("00Z", "00.000Z");
    assert_eq!(last_seen.len(), ROLES);
    assert!(last_seen.values().all(|record| record["last_seen"] == json!(newest)), "{last_seen:?}");
}

/// One instance becomes three, and these two, while records come: each is counted once, and each identity has one home.
#[test]
fn instances_come_and_go_and_every_record_counts_once() {
    let Some(scenario) = Scenario::new("scale") else { return };
    let first = scenario.start();
    produce(&scenario, 0..5);
    let (second, third) = (scenario.start(), scenario.start());
    produce(&scenario, 5..10);
    let all = [&first, &second, &third];
    until("everybody has a share", || {
        all.iter().all(|service| service.health().ready && !service.views().is_empty())
    });
    produce(&scenario, 10..15);
    until("all is monitored", || monitored(&all) == 15 * ROLES as u64);
    until("each has learned its events once", || learned(&all) == each_learned(15));

    produce(&scenario, 15..20);
    first.shutdown().unwrap();
    let rest = [&second, &third];
    until("two share everything", || {
        rest.iter().all(|service| service.health().ready && service.views().len() == 2)
    });
    produce(&scenario, 20..25);
    until("the rest is monitored", || monitored(&all) >= 25 * ROLES as u64);
    assert_eq!(monitored(&all), 25 * ROLES as u64);
    let received = || all.iter().map(|service| received(service)).sum::<u64>();
    until("all is counted", || received() == 25 * ROLES as u64);
    until("each has learned its events once", || learned(&rest) == each_learned(25));
    rest.iter().for_each(|service| service.shutdown().unwrap());
    check_results(&scenario, 24);
}

/// Several workers in one process divide the partitions among themselves, and come to the same results.
#[test]
fn workers_of_one_process_share_the_work() {
    let Some(mut scenario) = Scenario::new("workers") else { return };
    scenario.config.stage.ingest_workers = 2;
    scenario.config.stage.monitor_workers = 3;
    let service = scenario.start();
    until("every partition has an owner", || service.health().ready && service.views().len() == 4);
    produce(&scenario, 0..20);
    until("all is monitored", || service.counters().monitored >= 20 * ROLES as u64);
    assert_eq!(service.counters().monitored, 20 * ROLES as u64);
    until("each has learned its events once", || learned(&[&service]) == each_learned(20));
    service.shutdown().unwrap();
    check_results(&scenario, 19);
}
