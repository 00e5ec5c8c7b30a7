//! The number of partitions is changed on a real Apache Kafka: what comes out is what comes out where nobody changed it.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use nhi_monitor::config::Config;
use nhi_monitor::detect::Detectors;
use nhi_monitor::generator::{Company, Mix, Mixer, Payload, Plan, Topic, Truth};
use nhi_monitor::kafka::topics;
use nhi_monitor::runtime::{Observer, Service, Stages, clock};
use nhi_monitor::time::{DAY_MS, EventTime};
use nhi_monitor::wire::snapshot;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use support::{DEADLINE, Scenario, role_event, until};

const INGEST: Stages = Stages { ingest: true, monitor: false };
const MONITOR: Stages = Stages { ingest: false, monitor: true };

/// The company's records in order of time, until yesterday: syslog's old format has no year.
fn traffic() -> Vec<Payload> {
    let today = i64::from(EventTime::from_millis(clock::now().millis()).day());
    let day = |ago: i64| EventTime::from_millis((today - ago) * DAY_MS);
    let company = Company::new(11, 60);
    let plan = Plan { since: day(24), until: day(1), events: 12_000, incidents: Some((day(14), day(1))) };
    let emissions = company.emissions(&plan);
    let mut truth = Truth::new(&company, emissions.incidents());
    let (mut mixer, mut payloads) = (Mixer::new(11, Mix::bare()), Vec::new());
    emissions.for_each(|emission| mixer.push(&emission, &mut truth, &mut payloads));
    payloads
}

/// Hears how far the monitor is behind.
#[derive(Default)]
struct Lags(Mutex<BTreeMap<i32, i64>>);

impl Observer for Lags {
    fn lag(&self, _topic: &str, partition: i32, messages: i64) {
        self.0.lock().unwrap().insert(partition, messages);
    }
}

/// One stretch of traffic, as operations.md has it before a change: ingest is stopped first, the monitor reads to the end.
/// Gives what was learned by then.
fn run(scenario: &Scenario, payloads: &[Payload]) -> BTreeMap<String, Learned> {
    let lags = Arc::new(Lags::default());
    let observer = Arc::clone(&lags) as Arc<dyn Observer>;
    let config = Arc::new(scenario.config.clone());
    let detectors = Arc::new(Detectors::builtin().unwrap());
    let monitor = Service::start_observed(config, detectors, MONITOR, observer).unwrap();
    let ingest = scenario.start_stages(INGEST);
    until("the monitor is ready", || monitor.health().ready);
    for (topic, input) in [Topic::CloudTrail, Topic::Auth].into_iter().zip(&scenario.config.topics.inputs) {
        let own = payloads.iter().filter(|payload| payload.topic == topic);
        let bytes: Vec<_> = own.map(|payload| payload.bytes.as_slice()).collect();
        scenario.produce_in_order(&input.topic, &bytes);
    }
    until("all is monitored", || monitor.counters().monitored >= payloads.len() as u64);
    ingest.shutdown().unwrap();
    let activity = &scenario.config.topics.activity;
    until("what ingest said last can be read", || !scenario.has_open_transaction(activity));
    let partitions = usize::try_from(scenario.config.topics.partitions).unwrap();
    // The first is as of a fetch that may have been under way.
    for _ in 0..2 {
        lags.0.lock().unwrap().clear();
        until("lag is 0", || {
            let lags = lags.0.lock().unwrap();
            lags.len() == partitions && lags.values().all(|lag| *lag == 0)
        });
    }
    let learned = learned(&monitor);
    monitor.shutdown().unwrap();
    learned
}

/// What the monitor holds of one identity: activities learned from, and from when to when its log sources are covered.
type Learned = (u64, Option<EventTime>, Option<EventTime>);

fn learned(service: &Service) -> BTreeMap<String, Learned> {
    let views = service.views();
    let of = |id: &str| {
        let (last_seen, profile) = views.iter().find_map(|view| view.identity(id))?;
        Some((profile.activities, last_seen.coverage.since, last_seen.coverage.until))
    };
    let ids = views.iter().flat_map(|view| view.ids());
    ids.map(|id| (id.as_str().to_owned(), of(id.as_str()).unwrap())).collect()
}

/// What readers of the results have in the end.
#[derive(Debug, PartialEq)]
struct Results {
    last_seen: BTreeMap<String, Value>,
    /// Uid and sequence of each alert, with whom and what it is about.
    alerts: BTreeSet<[String; 4]>,
}

impl Results {
    fn read(scenario: &Scenario) -> Self {
        let topics = &scenario.config.topics;
        let mut last_seen = scenario.latest(&topics.inventory, "last-seen:");
        for record in last_seen.values_mut() {
            let record = record.as_object_mut().unwrap();
            // As of the time when it was published last.
            record.retain(|key, _| !["updated_at", "coverage"].contains(&key.as_str()));
        }
        let id = |alert: Value| {
            let actor = &alert["evidences"][0]["actor"]["user"]["uid"];
            let finding = &alert["finding_info"];
            // Lines have no ids of their own: these alerts are named after the place in their topic, which is not the same.
            let is_line = actor.as_str().is_some_and(|id| id.starts_with("linux:"));
            let uid = if is_line { &Value::Null } else { &finding["uid"] };
            [uid, &alert["metadata"]["sequence"], actor, &finding["title"]].map(Value::to_string)
        };
        // Whether silence is found depends on what was read when the time came (ADR 11).
        let is_about_silence = |alert: &Value| {
            let code = alert["metadata"]["event_code"].as_str();
            let codes =
                ["source-silent", "missed-heartbeat", "unused-credential", "old-credential-still-used"];
            code.is_some_and(|code| codes.contains(&code))
        };
        let read = scenario.read(&topics.alerts);
        let read: Vec<Value> =
            read.iter().map(support::Read::json).filter(|alert| !is_about_silence(alert)).collect();
        let count = read.len();
        let alerts: BTreeSet<_> = read.into_iter().map(id).collect();
        assert_eq!(alerts.len(), count, "nothing is alerted twice");
        Self { last_seen, alerts }
    }
}

/// The settings with the state divided anew, in topics of their own.
fn divided(config: &Config, partitions: i32) -> Config {
    let mut config = config.clone();
    for topic in [&mut config.topics.state, &mut config.topics.activity] {
        *topic = format!("{topic}-{partitions}");
    }
    config.topics.partitions = partitions;
    config
}

/// `topics repartition`, as a user runs it; its settings are in `dir`.
fn command(dir: &Path, old: &Config, new: &Config) -> Command {
    let files = ["old.toml", "new.toml"].map(|name| dir.join(name));
    for (file, config) in files.iter().zip([old, new]) {
        std::fs::write(file, toml::to_string(config).unwrap()).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"));
    command.args(["topics", "repartition", "-c"]).arg(&files[0]).arg("--into").arg(&files[1]);
    command
}

fn repartition(old: &Config, new: &Config) -> Output {
    let dir = tempfile::tempdir().unwrap();
    command(dir.path(), old, new).output().unwrap()
}

/// Four partitions, then seven, then two: last-seen, counts and alerts are those of a run that nobody disturbed.
#[test]
fn a_repartitioned_state_goes_on_as_if_nothing_had_happened() {
    let Some(undisturbed) = Scenario::new("divided-never") else { return };
    let Some(mut scenario) = Scenario::new("divided") else { return };
    let payloads = traffic();
    let expected = run(&undisturbed, &payloads);
    let third = payloads.len() / 3;
    let mut learned = run(&scenario, &payloads[..third]);
    for (partitions, payloads) in [(7, &payloads[third..2 * third]), (2, &payloads[2 * third..])] {
        let new = divided(&scenario.config, partitions);
        let done = repartition(&scenario.config, &new);
        let said = String::from_utf8_lossy(&done.stdout);
        assert_eq!(done.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&done.stderr));
        assert!(!said.contains("left out"), "drained partitions know the same log sources:\n{said}");
        let identities: Vec<_> =
            said.lines().find(|line| line.contains("identities")).unwrap().split_whitespace().collect();
        assert_eq!(identities[1..], [learned.len().to_string(), learned.len().to_string()], "{said}");
        scenario.config = new;
        learned = run(&scenario, payloads);
    }
    assert_eq!(learned, expected);
    let (ours, theirs) = (Results::read(&scenario), Results::read(&undisturbed));
    assert!(!theirs.alerts.is_empty() && theirs.last_seen.len() > 50, "{theirs:?}");
    assert_eq!(ours.alerts, theirs.alerts);
    assert_eq!(ours.last_seen, theirs.last_seen);
}

fn check_refused(old: &Config, new: &Config, code: i32, expected: &[&str]) {
    let refused = repartition(old, new);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(code), "{said}");
    assert!(expected.iter().all(|words| said.contains(words)), "not {expected:?}: {said}");
}

/// Whatever would lose or mix up state is refused before anything is written, in words that say what to do.
#[test]
fn a_repartition_that_would_lose_state_is_refused() {
    let Some(scenario) = Scenario::new("undivided") else { return };
    let old = &scenario.config;
    let new = divided(old, 7);
    let mut same = new.clone();
    same.topics.state.clone_from(&old.topics.state);
    check_refused(old, &same, 2, &["topics.state: `"]);
    let mut other = new.clone();
    other.kafka.application_id.push('x');
    check_refused(old, &other, 2, &["kafka.application_id: "]);
    check_refused(old, &divided(old, 4), 2, &["topics.partitions: the state has 4 partitions already"]);

    let ingest = scenario.start_stages(INGEST);
    scenario.produce(scenario.input(), &[role_event("app", "2026-03-02T08:00:00Z", 0).to_string().into()]);
    until("it is taken in", || ingest.counters().topics.contains_key(scenario.input()));
    check_refused(old, &new, 1, &[&format!("group `{}-ingest` has members (", old.kafka.application_id)]);
    ingest.shutdown().unwrap();
    let undrained = format!("messages of `{}` are not monitored yet", old.topics.activity);
    check_refused(old, &new, 1, &[&undrained]);

    run(&scenario, &[]);
    let written = scenario.read(&old.topics.state).len();
    assert!(written > 0);
    let mut missing = new.clone();
    missing.topics.create = false;
    check_refused(old, &missing, 1, &["missing; create it"]);
    assert_eq!(repartition(old, &new).status.code(), Some(0));
    check_refused(old, &new, 1, &[&format!("topic `{}` is not empty", new.topics.state)]);
    assert_eq!(scenario.read(&old.topics.state).len(), written, "the old state is as it was");
}

/// What is lost before it was monitored must be noted first: the new topics do not show it.
#[test]
fn a_repartition_waits_until_a_loss_is_noted() {
    let Some(scenario) = Scenario::new("unnoted") else { return };
    let old = &scenario.config;
    let event = |n| vec![role_event("app", "2026-03-02T08:00:00Z", n).to_string().into_bytes()];
    let service = scenario.start();
    scenario.produce(scenario.input(), &event(0));
    until("it is monitored", || service.counters().monitored == 1);
    service.shutdown().unwrap();
    let ingest = scenario.start_stages(INGEST);
    scenario.produce(scenario.input(), &event(1));
    until("it is taken in", || ingest.counters().topics.contains_key(scenario.input()));
    ingest.shutdown().unwrap();
    delete_all(&scenario, &old.topics.activity);
    let new = divided(old, 7);
    check_refused(old, &new, 1, &["are not monitored yet"]);
    let monitor = scenario.start_stages(MONITOR);
    let losses = || monitor.counters().losses.values().map(|(losses, _)| losses).sum::<u64>();
    until("the losses are noted", || losses() == old.topics.partitions as u64);
    monitor.shutdown().unwrap();
    assert_eq!(repartition(old, &new).status.code(), Some(0));
}

fn delete_all(scenario: &Scenario, topic: &str) {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &scenario.config.kafka.brokers);
    let admin: AdminClient<DefaultClientContext> = settings.create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..scenario.config.topics.partitions {
        list.add_partition_offset(topic, partition, Offset::End).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
    assert!(deleted.elements().iter().all(|element| element.error().is_ok()), "{deleted:?}");
}

/// A state with so many identities, which nothing but their number is true of; kcat chooses their partitions.
fn made_up(scenario: &Scenario, partitions: i32, identities: usize) -> Config {
    let old = divided(&scenario.config, partitions);
    topics::ensure(&old).unwrap();
    let (version, filler) = (char::from(snapshot::VERSION), "x".repeat(400));
    let line = |n: usize| format!("identity:linux:web:u{n}\t{version}{filler}\n");
    scenario.produce_keyed_lines(&old.topics.state, &(0..identities).map(line).collect::<String>());
    old
}

/// State that this program cannot read, or that lies where it does not belong, ends the copy, which is then not to be used.
#[test]
fn a_repartition_ends_at_state_that_it_cannot_place() {
    let Some(scenario) = Scenario::new("undividable") else { return };
    let newer = made_up(&scenario, 1, 3);
    // The version byte is `~`, 126.
    scenario.produce_keyed(&newer.topics.state, "identity:linux:web:a", "~");
    let new = divided(&scenario.config, 5);
    let incomplete = format!("; the copy is not complete: delete `{}` and `", new.topics.state);
    check_refused(&newer, &new, 1, &["partition 0 of the state: state record of version 126", &incomplete]);
    // Of 20 identities, some lie where another hash than ours has put them.
    let elsewhere = made_up(&scenario, 2, 20);
    let new = divided(&scenario.config, 6);
    check_refused(&elsewhere, &new, 1, &["holds an identity that belongs to partition"]);
}

/// A copy that was killed is not taken for one that is whole; with fresh topics it is done again, and nothing is missing.
#[test]
fn a_repartition_that_was_killed_is_started_over() {
    const IDENTITIES: usize = 60_000;
    let Some(scenario) = Scenario::new("killed-copy") else { return };
    let old = made_up(&scenario, 1, IDENTITIES);
    let new = divided(&scenario.config, 3);
    topics::ensure(&new).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut running = command(dir.path(), &old, &new).spawn().unwrap();
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", &old.kafka.brokers);
    let client: BaseConsumer = settings.create().unwrap();
    let is_begun = || client.fetch_watermarks(&new.topics.state, 0, DEADLINE).is_ok_and(|(_, end)| end > 0);
    until("something is copied", is_begun);
    running.kill().unwrap();
    assert!(!running.wait().unwrap().success(), "it was killed before it was done");
    check_refused(&old, &new, 1, &[&format!("topic `{}` is not empty", new.topics.state)]);

    let again = divided(&scenario.config, 5);
    let done = repartition(&old, &again);
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&done.stderr));
    println!("{said}");
    let keys: BTreeSet<_> = scenario.read(&again.topics.state).into_iter().map(|read| read.key).collect();
    assert_eq!(keys.len(), IDENTITIES);
}
