//! Brokers in trouble, one kind at a time: the run goes on, or ends with words that say what to do.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nhi_monitor::config::Config;
use nhi_monitor::detect::Detectors;
use nhi_monitor::kafka::topics;
use nhi_monitor::runtime::{Service, Stages};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;
use support::{Scenario, learned, role_event, role_id, until};

/// A Kafka of a scenario's own, to be treated badly.
struct Kafka {
    dir: tempfile::TempDir,
}

impl Kafka {
    /// `None` (and a line that says so) where no Kafka can be had.
    fn start(name: &str, command: &str, users: &str) -> Option<Self> {
        if std::env::var("NHI_TEST_BROKERS").is_err() {
            eprintln!("NOT RUN: {name}: NHI_TEST_BROKERS is not set, so that Kafka is taken not to be there");
            return None;
        }
        let kafka = Self { dir: tempfile::tempdir().unwrap() };
        let started = kafka.script(command).env("KAFKA_USERS", users).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        Some(kafka)
    }

    fn script(&self, command: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh");
        let mut script = Command::new(script);
        script.arg(command).arg(self.data());
        script
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("kafka")
    }

    fn bootstrap(&self, file: &str) -> String {
        std::fs::read_to_string(self.data().join(file)).unwrap().trim().to_owned()
    }

    fn node(&self, command: &str) {
        assert!(self.script(command).arg("1").status().unwrap().success());
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.data().join("1/pid")).unwrap();
        assert!(Command::new("kill").args([name, pid.trim()]).status().unwrap().success());
    }

    /// Allows what the table of permissions says, by one line of it. Several users are allowed it at once.
    fn allow(&self, users: &[&str], line: &str) {
        let mut tool = self.script("acls");
        tool.arg("--add").args(line.split_whitespace());
        for user in users {
            tool.args(["--allow-principal", &format!("User:{user}")]);
        }
        let output = tool.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn scenario(&self, name: &str) -> Scenario {
        let mut config = support::config(name);
        config.kafka.brokers = self.bootstrap("bootstrap");
        topics::ensure(&config).unwrap();
        Scenario { config }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // A stopped process hears no other signal.
        if let Ok(pid) = std::fs::read_to_string(self.data().join("1/pid")) {
            drop(Command::new("kill").args(["-CONT", pid.trim()]).output());
        }
        drop(self.script("stop").output());
    }
}

const ROLES: usize = 20;

fn at(n: usize) -> String {
    format!("2026-03-02T{:02}:{:02}:00Z", 8 + n / 60, n % 60)
}

fn lines(rounds: std::ops::Range<usize>) -> String {
    let events = rounds
        .flat_map(|round| (0..ROLES).map(move |role| role_event(&format!("r{role}"), &at(round), round)));
    events.map(|event| format!("{event}\n")).collect()
}

fn start(config: &Config) -> Service {
    Service::start(Arc::new(config.clone()), Arc::new(Detectors::builtin().unwrap()), Stages::ALL).unwrap()
}

/// Activities that baselines have learned from. Counts since start would not do: state that is restored after an abort starts them anew.
fn in_baselines(service: &Service) -> u64 {
    learned(&[service]).values().sum()
}

/// Every event is learned once, and the last use of every role is its newest.
fn is_exact(scenario: &Scenario, service: &Service, rounds: usize) {
    // What is not committed shows, too, and goes with an abort.
    until("every identity has learned each of its events once", || {
        learned(&[service]).into_values().eq(std::iter::repeat_n(rounds as u64, ROLES))
    });
    service.shutdown().unwrap();
    let last_seen = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    let newest = at(rounds - 1).replace("00Z", "00.000Z");
    assert_eq!(last_seen.len(), ROLES);
    assert!(last_seen.values().all(|record| record["last_seen"] == json!(newest)), "{last_seen:?}");
}

/// The only broker is killed and comes back, and stands still for longer than a transaction may: that costs time, and nothing else.
#[test]
fn a_broker_that_restarts_or_stands_still_costs_nothing_but_time() {
    let Some(kafka) = Kafka::start("broker", "start", "") else { return };
    let scenario = kafka.scenario("broker");
    let service = scenario.start();
    scenario.produce_lines(scenario.input(), lines(0..20).as_bytes());
    until("some are learned", || in_baselines(&service) > 0);
    kafka.node("kill");
    std::thread::sleep(Duration::from_secs(3));
    kafka.node("revive");
    until("the broker listens", || TcpStream::connect(kafka.bootstrap("bootstrap")).is_ok());
    scenario.produce_lines(scenario.input(), lines(20..40).as_bytes());
    let half = (40 * ROLES) as u64;
    until("half is learned", || in_baselines(&service) >= half);

    scenario.produce_lines(scenario.input(), lines(40..50).as_bytes());
    kafka.signal("-STOP");
    std::thread::sleep(Duration::from_secs(12));
    kafka.signal("-CONT");
    scenario.produce_lines(scenario.input(), lines(50..60).as_bytes());
    is_exact(&scenario, &service, 60);
}

fn admin(brokers: &str) -> (AdminClient<DefaultClientContext>, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap(), runtime)
}

/// A broker within this process that can be told to refuse writes, and a scenario on it.
fn refusing(name: &str) -> (MockCluster<'static, DefaultProducerContext>, Scenario) {
    let cluster = MockCluster::new(1).unwrap();
    let mut config = support::config(name);
    for topic in topics::wanted(&config.topics) {
        cluster.create_topic(&topic.name, topic.partitions, 1).unwrap();
    }
    config.kafka.brokers = cluster.bootstrap_servers();
    (cluster, Scenario { config })
}

/// A disk that is full for a while: the client repeats what was refused, and all gets through.
#[test]
fn a_disk_that_is_full_for_a_while_stops_nothing_for_good() {
    let (cluster, scenario) = refusing("disk");
    let service = scenario.start();
    scenario.produce_lines(scenario.input(), lines(0..10).as_bytes());
    let full = RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR;
    cluster.request_errors(RDKafkaApiKey::Produce, &[full; 30]);
    until("all are learned", || in_baselines(&service) >= (10 * ROLES) as u64);
    service.shutdown().unwrap();
}

/// Writes that are refused for longer than a transaction may take: it is given up and tried again at a pace that harms nobody,
/// nothing counts meanwhile, and when writes are taken again the work is done from where it stood.
#[test]
fn writes_that_stay_refused_are_tried_again_and_nothing_is_counted_meanwhile() {
    // More than can be asked for within the test.
    const REFUSALS: usize = 100_000;
    let (cluster, scenario) = refusing("replicas");
    scenario.produce_lines(scenario.input(), lines(0..10).as_bytes());
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    cluster.request_errors(RDKafkaApiKey::Produce, &vec![refused; REFUSALS]);
    let service = scenario.start();
    let aborts = || service.counters().aborts.values().sum::<u64>();
    until("two transactions are given up", || aborts() >= 2);
    assert!(aborts() <= 4, "each takes the time that deliveries are given, and a pause");
    assert_eq!(service.counters().topics.len(), 0, "{:?}", service.counters());
    cluster.clear_request_errors(RDKafkaApiKey::Produce);
    until("all are learned", || in_baselines(&service) >= (10 * ROLES) as u64);
    assert_eq!(service.health().failure, None);
    service.shutdown().unwrap();
}

/// More partitions of activities than of state: what runs goes on, as it is routed by the number at start; the next start is refused.
#[test]
fn partitions_that_are_added_are_left_alone_and_refused_at_the_next_start() {
    let Some(scenario) = Scenario::new("grown") else { return };
    let service = scenario.start();
    scenario.produce_lines(scenario.input(), lines(0..5).as_bytes());
    let (admin, runtime) = admin(&scenario.config.kafka.brokers);
    let more = NewPartitions::new(&scenario.config.topics.activity, 7);
    let answer = runtime.block_on(admin.create_partitions([&more], &AdminOptions::new())).unwrap();
    assert!(answer.iter().all(Result::is_ok), "{answer:?}");
    scenario.produce_lines(scenario.input(), lines(5..10).as_bytes());
    is_exact(&scenario, &service, 10);
    let refused = topics::ensure(&scenario.config).unwrap_err().to_string();
    assert!(refused.contains("4 partitions and") && refused.contains("has 7"), "{refused}");
}

/// The table of permissions in docs/operations.md is enough; without any one line of it the service says what is missing.
#[test]
fn the_documented_permissions_are_enough_and_a_missing_one_is_named() {
    let users = ["full", "no-input", "no-write", "no-state", "no-group", "no-txn"];
    let Some(kafka) = Kafka::start("acl", "start-acl", &users.join(" ")) else { return };
    let scenario = kafka.scenario("acl");
    allow_all_but(&kafka, &scenario.config, &users);
    let topics = &scenario.config.topics;
    scenario.produce_lines(scenario.input(), lines(0..1).as_bytes());
    let service = start(&as_user(&kafka, &scenario.config, "full"));
    until("the service is ready", || service.health().ready);
    until("every event is learned", || in_baselines(&service) == ROLES as u64);
    service.shutdown().unwrap();
    assert!(scenario.latest(&topics.inventory, "last-seen:").contains_key(&role_id("r0")));

    for (user, expected) in [
        ("no-input", format!("Read on topic `{}`", scenario.input())),
        ("no-write", format!("Write on topic `{}`", topics.activity)),
        ("no-state", format!("Read on topic `{}`", topics.state)),
        ("no-group", "Read on group `acl-".to_owned()),
        ("no-txn", "Write on transactional id `acl-".to_owned()),
    ] {
        let failure = refusal(&as_user(&kafka, &scenario.config, user));
        assert!(failure.contains("not allowed: ") && failure.contains(&expected), "{user}: {failure}");
    }
}

/// Why a service that may not do all it must has ended.
fn refusal(config: &Config) -> String {
    let service = start(config);
    until("the service ends", || service.is_finished());
    service.wait().unwrap_err().to_string()
}

fn as_user(kafka: &Kafka, config: &Config, user: &str) -> Config {
    let mut config = config.clone();
    config.kafka.brokers = kafka.bootstrap("bootstrap-acl");
    config.topics.create = false;
    let properties = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", user),
        ("sasl.password", user),
    ];
    config.kafka.properties.extend(properties.map(|(key, value)| (key.to_owned(), value.to_owned())));
    config
}

/// The table of docs/operations.md, line by line; each user lacks what its name says.
fn allow_all_but(kafka: &Kafka, config: &Config, users: &[&str]) {
    let topics = &config.topics;
    let inputs: Vec<_> = topics.inputs.iter().map(|input| format!("--topic {}", input.topic)).collect();
    let (inputs, inventory) = (inputs.join(" "), format!("{} --topic {}", topics.inventory, topics.feedback));
    let (activity, state) = (&topics.activity, &topics.state);
    let app = &config.kafka.application_id;
    let but = |user: &str| users.iter().copied().filter(|other| *other != user).collect::<Vec<_>>();
    let (read, write) = ("--operation Read --operation Describe", "--operation Write --operation Describe");
    let prefixed = "--resource-pattern-type prefixed";
    kafka.allow(&but("no-input"), &format!("{read} {inputs} --topic {inventory}"));
    kafka.allow(&["no-input"], &format!("--operation Describe {inputs} --topic {inventory}"));
    kafka.allow(&but("no-write"), &format!("{write} --topic {activity}"));
    kafka.allow(users, &format!("{read} --topic {activity}"));
    kafka.allow(users, &format!("{write} --topic {state}"));
    kafka.allow(&but("no-state"), &format!("--operation Read --topic {state}"));
    kafka.allow(
        users,
        &format!(
            "{write} --topic {} --topic {} --topic {}",
            topics.alerts, topics.inventory, topics.dead_letter
        ),
    );
    kafka.allow(&but("no-group"), &format!("{read} --group {app} {prefixed}"));
    kafka.allow(&but("no-txn"), &format!("{write} --transactional-id {app} {prefixed}"));
    kafka.allow(users, &format!("--operation DescribeConfigs --topic {app} {prefixed}"));
}
