//! Whole-service scenarios on a real Apache Kafka: bytes in through an independent client, records out read by it.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nhi_monitor::detect::Detectors;
use nhi_monitor::kafka::client::WorkerName;
use nhi_monitor::kafka::embedded::EmbeddedBroker;
use nhi_monitor::kafka::{KafkaLog, Worker};
use nhi_monitor::runtime::log::{Error, Log, OutRecord, Output};
use nhi_monitor::runtime::{Observer, Service, StageKind, Stages, Unobserved};
use serde_json::{Value, json};
use support::{Scenario, received, role_event, role_id, until, until_received};

/// A time on the test's day.
fn at(minute: usize) -> String {
    format!("2026-03-02T{:02}:{:02}:00Z", 8 + minute / 60, minute % 60)
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Nothing vanishes: records of all shapes, and rubbish among them, are each counted once, and rubbish is kept with its reason.
#[test]
fn every_record_is_an_activity_or_skipped_or_a_dead_letter() {
    let Some(scenario) = Scenario::new("account") else { return };
    let service = scenario.start();
    let event = |n: usize| role_event("mixed", &at(n), n);
    let payloads = vec![
        bytes(&event(0)),
        bytes(&json!({"Records": [event(1), event(2), event(3)]})),
        bytes(&json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3",
            "id": "x", "time": at(4), "detail": event(4)})),
        bytes(&json!({"message": event(5).to_string(), "@timestamp": at(5)})),
        b"this is no record".to_vec(),
        bytes(&json!({"Records": [event(6), {"eventVersion": "1.11"}]})),
    ];
    scenario.produce(scenario.input(), &payloads);
    until_received(&service, 9);
    let counters = service.counters();
    let topic = &counters.topics[scenario.input()];
    assert!(topic.is_balanced(), "{topic:?}");
    assert_eq!((topic.messages, topic.received, topic.activities), (6, 9, 7), "{topic:?}");
    assert_eq!(counters.monitored, 7);
    service.shutdown().unwrap();

    let letters = scenario.read(&scenario.config.topics.dead_letter);
    assert_eq!(letters.len(), topic.dead_lettered.values().sum::<u64>() as usize);
    let rubbish = letters.iter().find(|letter| letter.payload.as_deref() == Some("this is no record"));
    let rubbish = rubbish.expect("the original bytes are kept");
    assert!(rubbish.header("reason").is_some_and(|reason| topic.dead_lettered.contains_key(reason)));
    assert_eq!(rubbish.header("source_topic"), Some(scenario.input()));
}

/// Letters that do not compress: splitmix64 (Steele, Lea, Flood 2014).
fn noise(length: usize) -> Vec<u8> {
    let letter = |n: usize| {
        let mut bits = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        b'a' + ((bits ^ (bits >> 31)) % 26) as u8
    };
    (0..length).map(letter).collect()
}

/// A message as large as Kafka takes, and larger, is let go of: what is kept says that it was cut, and the next record goes through.
#[test]
fn a_large_poison_message_becomes_a_cut_dead_letter_and_the_next_record_goes_through() {
    let Some(scenario) = Scenario::new("large") else { return };
    scenario.allow_messages_of(scenario.input(), 4 << 20);
    let service = scenario.start();
    let sizes = [1_040_000, 3_000_000];
    for size in sizes {
        scenario.produce(scenario.input(), &[noise(size)]);
        scenario.produce(scenario.input(), &[bytes(&role_event("next", &at(size % 7), size))]);
    }
    until_received(&service, 4);
    let topic = service.counters().topics[scenario.input()].clone();
    assert_eq!((topic.activities, topic.dead_lettered.values().sum::<u64>()), (2, 2), "{topic:?}");
    service.shutdown().unwrap();

    let letters = scenario.read(&scenario.config.topics.dead_letter);
    let marks: BTreeSet<_> = letters.iter().filter_map(|letter| letter.header("truncated")).collect();
    assert_eq!(marks, ["1040000", "3000000"].into(), "{} letters", letters.len());
    assert!(letters.iter().all(|letter| letter.payload.as_ref().map(String::len) == Some(960_000)));
}

/// A topic that takes less than the default ends the service with words that name it, rather than an abort that repeats forever.
#[test]
fn a_record_that_its_topic_refuses_ends_the_service_and_is_named() {
    let Some(scenario) = Scenario::new("refused") else { return };
    let service = scenario.start();
    // After the start, which would refuse such a topic.
    scenario.allow_messages_of(&scenario.config.topics.dead_letter, 10_000);
    scenario.produce(scenario.input(), &[noise(50_000)]);
    until("the service ends", || service.is_finished());
    let failure = service.wait().unwrap_err().to_string();
    let topic = &scenario.config.topics.dead_letter;
    assert!(failure.contains(&format!("topic `{topic}` refuses a record of 50000 bytes")), "{failure}");
    assert_eq!(service.counters().aborts.values().sum::<u64>(), 0, "{failure}");
}

/// Order does not matter: shuffled input gives each identity's newest event as its last use, published by the end.
#[test]
fn last_seen_is_the_newest_event_whatever_the_order() {
    let Some(scenario) = Scenario::new("last-seen") else { return };
    let service = scenario.start();
    let minutes = [30, 5, 59, 0, 17];
    let lines: String = (0..40)
        .flat_map(|role| minutes.map(|minute| (role, minute)))
        .map(|(role, minute)| format!("{}\n", role_event(&format!("r{role}"), &at(minute + role), minute)))
        .collect();
    scenario.produce_lines(scenario.input(), lines.as_bytes());
    until_received(&service, 200);
    service.shutdown().unwrap();

    let records = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    assert_eq!(records.len(), 40);
    for role in 0..40 {
        let record = &records[&role_id(&format!("r{role}"))];
        let expected = at(59 + role).replace("00Z", "00.000Z");
        assert_eq!(record["last_seen"], json!(expected), "role r{role}");
    }
}

/// A restart goes on where the last commit stood: state is restored, and what was seen before is known as seen.
#[test]
fn a_restart_restores_state_and_repeats_nothing() {
    let Some(scenario) = Scenario::new("restart") else { return };
    let lines: String =
        (0..300).map(|n| format!("{}\n", role_event(&format!("r{}", n % 30), &at(n / 30), n))).collect();
    let first = scenario.start();
    scenario.produce_lines(scenario.input(), lines.as_bytes());
    until_received(&first, 300);
    until("every event is learned", || first.monitor_stats().activities == 300);
    let learned = first.monitor_stats();
    first.shutdown().unwrap();
    assert_eq!((learned.activities, learned.duplicates), (300, 0));
    let alerts = scenario.read(&scenario.config.topics.alerts).len();

    let second = scenario.start();
    let counters = second.counters();
    assert!(counters.restored_records >= 30, "{counters:?}");
    assert_eq!(received(&second), 0, "input before the last commit is not read again");
    assert_eq!(identities(&second).len(), 30);
    scenario.produce_lines(scenario.input(), lines.as_bytes());
    until_received(&second, 300);
    until("every event is known", || second.monitor_stats().duplicates == 300);
    let stats = second.monitor_stats();
    second.shutdown().unwrap();
    assert_eq!((stats.activities, stats.duplicates), (0, 300));
    assert_eq!(scenario.read(&scenario.config.topics.alerts).len(), alerts, "nothing is alerted twice");
}

fn identities(service: &Service) -> Vec<String> {
    let views = service.views();
    let listed = views.iter().flat_map(|view| view.identities(&Default::default(), None, 1_000));
    listed.map(|identity| identity.identity_id).collect()
}

/// A declared identity reaches the monitor in the same order as its activity, and our own records do not come back to us.
#[test]
fn declarations_are_taken_in_and_our_own_records_are_left_out() {
    let Some(scenario) = Scenario::new("declared") else { return };
    let inventory = scenario.config.topics.inventory.clone();
    let declared =
        json!({"identity_id": role_id("app"), "kind": "workload", "owner": "team-a", "purpose": "orders"});
    let service = scenario.start();
    scenario.produce_keyed(&inventory, &format!("identity:{}", role_id("app")), &declared.to_string());
    until("the declaration is taken in", || service.monitor_stats().declarations == 1);
    scenario.produce(scenario.input(), &[bytes(&role_event("app", &at(0), 0))]);
    until_received(&service, 2);
    until("our own record came by", || {
        let topics = service.counters().topics;
        topics.get(&inventory).is_some_and(|topic| topic.skipped.contains_key("last_seen_record"))
    });
    assert!(service.counters().topics[&inventory].is_balanced());
    service.shutdown().unwrap();

    let records = scenario.latest(&inventory, "last-seen:");
    assert_eq!(records[&role_id("app")]["declared"]["owner"], json!("team-a"), "{records:?}");
}

/// Two instances share the partitions; when one leaves, the other takes over its state and goes on.
#[test]
fn an_instance_that_leaves_hands_its_partitions_over() {
    let Some(scenario) = Scenario::new("handover") else { return };
    let lines = |from: usize, to: usize| -> String {
        (from..to).map(|n| format!("{}\n", role_event(&format!("r{}", n % 40), &at(n / 40), n))).collect()
    };
    let ingest = scenario.start_stages(Stages { ingest: true, monitor: false });
    let monitor = Stages { ingest: false, monitor: true };
    let (first, second) = (scenario.start_stages(monitor), scenario.start_stages(monitor));
    until("both own partitions", || {
        [&first, &second].iter().all(|service| service.health().partitions == 2 && service.health().ready)
    });
    scenario.produce_lines(scenario.input(), lines(0, 400).as_bytes());
    until("both halves are monitored", || first.counters().monitored + second.counters().monitored == 400);
    first.shutdown().unwrap();
    until("the second owns all", || second.health().partitions == 4 && second.health().ready);
    assert_eq!(identities(&second).len(), 40);
    scenario.produce_lines(scenario.input(), lines(400, 800).as_bytes());
    until("the rest is monitored", || first.counters().monitored + second.counters().monitored == 800);
    second.shutdown().unwrap();
    ingest.shutdown().unwrap();

    let records = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    let newest = at(19).replace("00Z", "00.000Z");
    assert_eq!(records.len(), 40);
    assert!(records.values().all(|record| record["last_seen"] == json!(newest)), "{records:?}");
}

/// A changelog in another number of partitions than the activities is refused at start, in words that help.
#[test]
fn partition_counts_that_do_not_match_are_refused() {
    let Some(mut scenario) = Scenario::new("mismatch") else { return };
    scenario.config.topics.state = format!("{}-of-six", scenario.config.topics.state);
    scenario.config.topics.partitions = 6;
    let refused = nhi_monitor::kafka::topics::ensure(&scenario.config).unwrap_err().to_string();
    assert!(refused.contains("both must have the same number"), "{refused}");
}

/// The demo's embedded broker runs the same stages.
#[test]
fn the_embedded_broker_runs_the_same_stages() {
    let mut config = support::config("embedded");
    let broker = EmbeddedBroker::start(&mut config).unwrap();
    let scenario = Scenario { config };
    let service = scenario.start();
    let lines: String =
        (0..100).map(|n| format!("{}\n", role_event(&format!("r{}", n % 10), &at(n / 10), n))).collect();
    scenario.produce_lines(scenario.input(), lines.as_bytes());
    until_received(&service, 100);
    until("all activities are counted", || service.monitor_stats().activities == 100);
    assert_eq!(identities(&service).len(), 10);
    service.shutdown().unwrap();
    drop(broker);
}

/// An abort with records in flight does not wait for reports that nobody takes in; the next transaction goes through.
#[test]
fn a_transaction_with_records_in_flight_is_aborted_at_once_and_the_next_is_committed() {
    let Some(scenario) = Scenario::new("abort") else { return };
    let mut log = connect(&scenario);
    log.begin().unwrap();
    for _ in 0..5_000 {
        log.send(&alert(b"aborted")).unwrap();
    }
    let begun = Instant::now();
    // A broker that is busy for a moment is asked again, as a stage does: before a new producer would take over.
    until("the transaction is aborted", || match log.abort() {
        Ok(()) => true,
        Err(Error::Transient { .. }) => false,
        Err(error) => panic!("{error}"),
    });
    assert!(begun.elapsed() < Duration::from_secs(8), "took {:?}", begun.elapsed());
    log.begin().unwrap();
    log.send(&alert(b"committed")).unwrap();
    log.commit(&BTreeMap::new()).unwrap();
    log.close();

    let alerts = scenario.read(&scenario.config.topics.alerts);
    let payloads: Vec<_> = alerts.iter().map(|alert| alert.payload.as_deref()).collect();
    assert_eq!(payloads, [Some("committed")]);
}

fn connect(scenario: &Scenario) -> KafkaLog {
    let name = WorkerName::new(&scenario.config.kafka, StageKind::Ingest, 0, "abort");
    let topics = vec![scenario.input().to_owned()];
    let worker = Worker { config: &scenario.config, stage: StageKind::Ingest, name: &name, topics };
    let observer: Arc<dyn Observer> = Arc::new(Unobserved);
    KafkaLog::connect(worker, &observer).unwrap()
}

fn alert(value: &[u8]) -> OutRecord {
    let value = Some(value.to_vec());
    OutRecord { output: Output::Alerts, partition: None, key: None, value, headers: Vec::new() }
}

/// A service that is stopped before it owns anything ends at once: nothing waits for an assignment that nobody acts on.
#[test]
fn a_service_can_be_stopped_at_any_time_after_start() {
    let Some(scenario) = Scenario::new("stop") else { return };
    for pause_ms in [0, 50, 200, 500, 1_000] {
        let config = Arc::new(scenario.config.clone());
        let service = Service::start(config, Arc::new(Detectors::builtin().unwrap()), Stages::ALL).unwrap();
        std::thread::sleep(Duration::from_millis(pause_ms));
        service.shutdown().unwrap();
    }
}

/// A commit follows the last record within the commit interval, so that readers do not wait.
#[test]
fn a_lone_record_is_committed_soon() {
    let Some(mut scenario) = Scenario::new("lone") else { return };
    scenario.config.stage.commit_interval = Duration::from_millis(200);
    let service = scenario.start();
    scenario.produce(scenario.input(), &[bytes(&role_event("lone", &at(0), 0))]);
    until_received(&service, 1);
    until("its last use can be read", || {
        scenario.latest(&scenario.config.topics.inventory, "last-seen:").contains_key(&role_id("lone"))
    });
    service.shutdown().unwrap();
}

/// Inputs that are read to their end let time pass: otherwise the one that gets no records would keep every judgement waiting.
#[test]
fn a_quiet_input_lets_time_pass() {
    let Some(scenario) = Scenario::new("quiet") else { return };
    let service = scenario.start();
    scenario.produce(scenario.input(), &[bytes(&role_event("quiet", &at(0), 0))]);
    until_received(&service, 1);
    let frames = || service.counters().published.get("frame").copied().unwrap_or_default();
    let (before, partitions) = (frames(), scenario.config.topics.partitions.unsigned_abs());
    until("three more steps of progress are told to every monitor", || {
        frames() >= before + 3 * u64::from(partitions)
    });
    assert_eq!(received(&service), 1);
    service.shutdown().unwrap();
}
