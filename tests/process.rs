//! The whole binary on a real Apache Kafka: ready, killed, started again, drained.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nhi_monitor::kafka::topics;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};
use support::{Scenario, role_event, role_id, until};

const ROLES: usize = 30;

/// Where a process logs to, in its folder.
const LOG: &str = "log";

/// A running `nhi-monitor run`. Killed where a test gives up on it.
struct Running {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(scenario: &Scenario) -> Self {
        Self::start_with(scenario, &[])
    }

    fn start_with(scenario: &Scenario, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = scenario.config.clone();
        config.http.listen = "127.0.0.1:0".into();
        let file = dir.path().join("nhi-monitor.toml");
        std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"));
        let log = std::fs::File::create(dir.path().join(LOG)).unwrap();
        let child = command.args(["run", "-c"]).arg(&file).args(arguments).stderr(log).spawn().unwrap();
        let mut running = Self { child, port: 0, dir };
        until("http listens", || {
            assert_eq!(running.child.try_wait().unwrap(), None, "it ended before");
            running.port = running.listens_on().unwrap_or_default();
            running.port > 0
        });
        running
    }

    fn ready(scenario: &Scenario) -> Self {
        let running = Self::start(scenario);
        until("the process is ready", || running.get("/readyz").is_some_and(|(code, _)| code == 200));
        running
    }

    /// Status and body; `None` while nobody listens.
    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port)
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Whether `/metrics` says this.
    fn shows(&self, sample: &str) -> bool {
        self.get("/metrics").is_some_and(|(_, metrics)| metrics.contains(sample))
    }

    /// The port that it says it listens on.
    fn listens_on(&self) -> Option<u16> {
        let log = self.log();
        let (_, rest) = log.split_once("http listens address=127.0.0.1:")?;
        rest.split_whitespace().next()?.parse().ok()
    }

    /// What it has logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(LOG)).unwrap()
    }

    /// Activities that one identity's baseline has learned from.
    fn activities(&self, role: usize) -> u64 {
        let id = role_id(&format!("r{role}")).replace('/', "%2F");
        let answer = self.get(&format!("/api/v1/identities/{id}"));
        let body = answer.filter(|(code, _)| *code == 200).map(|(_, body)| body);
        let json: Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
        json["baseline"]["activities"].as_u64().unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Tells it to stop; its exit code.
    fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }

    fn kill(mut self) {
        self.signal("-KILL");
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn at(n: usize) -> String {
    format!("2026-03-02T{:02}:{:02}:00Z", 8 + n / 60, n % 60)
}

fn lines(rounds: Range<usize>) -> String {
    lines_of(0..ROLES, rounds)
}

fn lines_of(roles: Range<usize>, rounds: Range<usize>) -> String {
    let events = rounds
        .flat_map(|round| roles.clone().map(move |role| role_event(&format!("r{role}"), &at(round), round)));
    events.map(|event| format!("{event}\n")).collect()
}

/// SIGKILL at any moment loses nothing and counts nothing twice; SIGTERM drains, and the process ends with 0.
#[test]
fn a_killed_process_goes_on_exactly_where_it_stood() {
    let Some(mut scenario) = Scenario::new("killed") else { return };
    // Stable over restarts, as a StatefulSet's pod name: the new process takes the old one's place at once.
    scenario.config.kafka.instance_id = Some("one".into());
    let kills = 4;
    for kill in 0..kills {
        let running = Running::ready(&scenario);
        scenario.produce_lines(scenario.input(), lines(kill * 5..(kill + 1) * 5).as_bytes());
        // Each time somewhere else within reading, processing and committing.
        std::thread::sleep(Duration::from_millis(37 * kill as u64));
        running.kill();
    }
    let running = Running::ready(&scenario);
    until("every event is learned", || (0..ROLES).all(|role| running.activities(role) >= 5 * kills as u64));
    let learned: BTreeMap<usize, u64> = (0..ROLES).map(|role| (role, running.activities(role))).collect();
    assert!(learned.values().all(|activities| *activities == 5 * kills as u64), "{learned:?}");
    keep_metrics(&running);
    assert_eq!(running.terminate(), Some(0));

    let last_seen = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    let newest = at(5 * kills - 1).replace("00Z", "00.000Z");
    assert_eq!(last_seen.len(), ROLES);
    assert!(last_seen.values().all(|record| record["last_seen"] == json!(newest)), "{last_seen:?}");
    let alerts = scenario.read(&scenario.config.topics.alerts);
    let ids: BTreeSet<_> = alerts.iter().map(|alert| alert_id(&alert.json())).collect();
    assert_eq!(ids.len(), alerts.len(), "nothing is alerted twice");
}

fn alert_id(alert: &Value) -> (String, String) {
    (alert["finding_info"]["uid"].to_string(), alert["metadata"]["sequence"].to_string())
}

/// Leaves what `/metrics` said, for `./test` to hand to promtool.
fn keep_metrics(running: &Running) {
    let (code, metrics) = running.get("/metrics").unwrap();
    assert_eq!(code, 200);
    std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("metrics.txt"), metrics).unwrap();
}

/// One event of each role on one day.
fn on_day(day: usize, action: &str) -> String {
    let event = |role: usize| {
        let mut event = role_event(&format!("r{role}"), &format!("2026-03-{day:02}T08:00:00Z"), day);
        event["eventName"] = json!(action);
        format!("{event}\n")
    };
    (0..ROLES).map(event).collect()
}

/// SIGHUP has detectors read again while the process works: a good folder is taken by all workers, a bad one changes nothing and
/// is counted, and nothing is lost or counted twice on the way.
#[test]
fn detectors_are_read_again_on_sighup() {
    let Some(mut scenario) = Scenario::new("reload") else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../detectors/new-service.yaml").replace("id: new-service", "id: own");
    let text = text.replace("dimensions: [service], min_bits: 1.5", "dimensions: [action], min_bits: 0.1");
    let put = |text: &str| std::fs::write(folder.path().join("own.yaml"), text).unwrap();
    put(&text.replace("severity: low", "status: disabled\nseverity: low"));
    scenario.config.detection.detectors = Some(folder.path().display().to_string());
    scenario.config.baseline.learning_days = 0;
    scenario.config.stage.monitor_workers = 2;
    let running = Running::ready(&scenario);
    let learned = |events: u64| (0..ROLES).all(|role| running.activities(role) >= events);
    let in_shadow = |signals: usize| format!("nhi_signals_shadow_total{{detector=\"own\"}} {signals}\n");
    let produce = |lines: &str| {
        let events: Vec<&[u8]> = lines.lines().map(str::as_bytes).collect();
        scenario.produce_in_order(scenario.input(), &events);
    };
    let history: String = (2..14).map(|day| on_day(day, "GetObject")).collect();
    produce(&(history + &on_day(14, "PutObject")));
    until("every event is learned", || learned(13));
    assert!(running.shows(&in_shadow(0)), "it was disabled");

    put(&text.replace("severity: low", "status: shadow\nseverity: low"));
    running.signal("-HUP");
    until("the good folder is taken", || running.shows("nhi_detectors_reloads_total 1\n"));
    // Between transactions, each for itself.
    until("both workers go by it", || running.log().matches("goes on with other detectors").count() == 2);
    produce(&on_day(15, "DeleteObject"));
    until("it is in force", || running.shows(&in_shadow(ROLES)));

    put("id: own\nnonsense: true\n");
    running.signal("-HUP");
    until("the bad folder is refused", || running.shows("nhi_detectors_reload_failures_total 1\n"));
    // Three of those built in are in shadow, too.
    assert!(
        running.shows("nhi_detectors_reloads_total 1\n")
            && running.shows("nhi_detectors{mode=\"shadow\"} 4\n")
    );
    produce(&on_day(16, "CopyObject"));
    until("the set before is in force", || running.shows(&in_shadow(2 * ROLES)));
    assert!((0..ROLES).all(|role| running.activities(role) == 15), "nothing counts twice");
    assert_eq!(running.terminate(), Some(0));
}

/// The stages as processes of their own: what one takes in, the other learns, and nothing else.
#[test]
fn each_stage_can_be_a_process_of_its_own() {
    let Some(scenario) = Scenario::new("split") else { return };
    let stages = ["ingest", "monitor"].map(|stage| Running::start_with(&scenario, &["--stage", stage]));
    for running in &stages {
        until("the process is ready", || running.get("/readyz").is_some_and(|(code, _)| code == 200));
    }
    scenario.produce_lines(scenario.input(), lines(0..5).as_bytes());
    let [ingest, monitor] = stages;
    until("every event is learned", || (0..ROLES).all(|role| monitor.activities(role) >= 5));
    assert!((0..ROLES).all(|role| monitor.activities(role) == 5));
    assert!((0..ROLES).all(|role| ingest.activities(role) == 0), "ingest holds no identities");
    until("last uses are published", || !scenario.read(&scenario.config.topics.inventory).is_empty());
    assert_eq!(ingest.terminate(), Some(0));
    assert_eq!(monitor.terminate(), Some(0));
}

/// A process that stands still for longer than a transaction may finds both of its transactions ended by the broker: it does that work again
/// with new producers, in the same process, and nothing counts twice.
#[test]
fn a_process_that_stood_still_goes_on_by_itself() {
    let Some(mut scenario) = Scenario::new("stood-still") else { return };
    scenario.config.kafka.instance_id = Some("one".into());
    // Transactions are open for most of the time.
    scenario.config.stage.commit_interval = Duration::from_secs(4);
    let running = Running::ready(&scenario);
    let attempts = stop_within_transactions(&scenario, &running);
    let roles = 0..attempts * ROLES;
    until("the broker has ended both transactions", || {
        transactions(&scenario).iter().all(|topic| !scenario.has_open_transaction(topic))
    });
    running.signal("-CONT");
    for stage in ["ingest", "monitor"] {
        let aborts = format!("nhi_aborts_total{{reason=\"abortable\",stage=\"{stage}\"}}");
        until("the transaction is found to have ended", || running.shows(&aborts));
    }
    scenario.produce_lines(scenario.input(), lines_of(roles.clone(), 5..10).as_bytes());
    until("every event is learned", || roles.clone().all(|role| running.activities(role) >= 10));
    assert!(roles.clone().all(|role| running.activities(role) == 10));
    assert_eq!(running.terminate(), Some(0), "it is the same process");
    let last_seen = scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    let newest = at(9).replace("00Z", "00.000Z");
    assert_eq!(last_seen.len(), roles.len());
    assert!(last_seen.values().all(|record| record["last_seen"] == json!(newest)), "{last_seen:?}");
    assert_eq!(
        scenario.read(&scenario.config.topics.dead_letter).len(),
        attempts * POISON,
        "nothing is published twice"
    );
}

/// Records without sense that an attempt to stop within transactions produces.
const POISON: usize = 7;

/// Topics that only ingest, and only the monitor writes to.
fn transactions(scenario: &Scenario) -> [&str; 2] {
    [&scenario.config.topics.dead_letter, &scenario.config.topics.inventory]
}

/// Stops a process while both of its stages have a transaction open, and tells how often that was tried. When a stage commits is its own
/// affair, so each attempt gives both of them something to write, and is given up where one has committed by the time of the stop.
fn stop_within_transactions(scenario: &Scenario, running: &Running) -> usize {
    const ATTEMPTS: usize = 20;
    let are_open = || transactions(scenario).iter().all(|topic| scenario.has_open_transaction(topic));
    for attempt in 0..ATTEMPTS {
        let roles = attempt * ROLES..(attempt + 1) * ROLES;
        scenario.produce_lines(scenario.input(), lines_of(roles, 0..5).as_bytes());
        let activities = 5 * ROLES * (attempt + 1);
        let taken_in = format!("nhi_activities_total{{topic=\"{}\"}} {activities}\n", scenario.input());
        until("ingest has committed", || running.shows(&taken_in));
        // The monitor publishes new identities at once, and ingest what it cannot understand: that begins their transactions.
        scenario.produce_lines(scenario.input(), "no record\n".repeat(POISON).as_bytes());
        let begun = Instant::now();
        while begun.elapsed() < scenario.config.stage.commit_interval && !are_open() {
            std::thread::sleep(Duration::from_millis(50));
        }
        running.signal("-STOP");
        // What was being committed at the stop is committed a moment later.
        if are_open() && {
            std::thread::sleep(Duration::from_secs(2));
            are_open()
        } {
            return attempt + 1;
        }
        running.signal("-CONT");
    }
    panic!("never were both transactions open in {ATTEMPTS} attempts");
}

/// A second process under the same instance name takes over; the first ends by itself, and says why by its exit code.
#[test]
fn a_process_whose_name_was_taken_ends() {
    let Some(mut scenario) = Scenario::new("fenced") else { return };
    scenario.config.kafka.instance_id = Some("one".into());
    let mut first = Running::ready(&scenario);
    let second = Running::start(&scenario);
    scenario.produce_lines(scenario.input(), lines(0..2).as_bytes());
    let mut ended = None;
    until("the first ends", || {
        ended = first.child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
    until("the second has learned everything", || (0..ROLES).all(|role| second.activities(role) == 2));
    assert_eq!(second.terminate(), Some(0));
}

/// A signal is heard while Kafka does not answer yet: the process ends well and at once, not when the start gives up.
#[test]
fn a_process_that_waits_for_kafka_can_be_stopped() {
    let mut config = support::config("no-kafka");
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.kafka.brokers = unused.to_string();
    let running = Running::start(&Scenario { config });
    let begun = Instant::now();
    assert_eq!(running.terminate(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
}

/// Topics that can be looked at, and a coordinator that puts every transactional producer off: workers that hear no stop.
fn stuck(drain_timeout: Duration) -> (MockCluster<'static, DefaultProducerContext>, Scenario) {
    // More than can be asked for within the test.
    const REFUSALS: usize = 10_000;
    let cluster = MockCluster::new(1).unwrap();
    let mut config = support::config("stuck");
    for topic in topics::wanted(&config.topics) {
        cluster.create_topic(&topic.name, topic.partitions, 1).unwrap();
    }
    let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[loading; REFUSALS]);
    config.kafka.brokers = cluster.bootstrap_servers();
    config.stage.drain_timeout = drain_timeout;
    (cluster, Scenario { config })
}

/// Workers that do not end in time are left behind: the drain timeout is what it takes, and the exit code says so.
#[test]
fn the_drain_timeout_is_kept() {
    let (_cluster, scenario) = stuck(Duration::from_secs(1));
    let running = Running::start(&scenario);
    until("the workers have started", || running.get("/readyz").is_some_and(|(code, _)| code == 503));
    let begun = Instant::now();
    assert_eq!(running.terminate(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
}

/// Whoever asks twice does not want to wait for the drain.
#[test]
fn a_second_signal_ends_the_process_at_once() {
    let (_cluster, scenario) = stuck(Duration::from_secs(600));
    let running = Running::start(&scenario);
    until("the workers have started", || running.get("/readyz").is_some_and(|(code, _)| code == 503));
    running.signal("-INT");
    until("it drains", || running.get("/readyz").is_some_and(|(_, body)| body.contains("draining")));
    let begun = Instant::now();
    assert_eq!(running.terminate(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(60), "took {:?}", begun.elapsed());
}

/// A mistyped property is an error in the settings, and its value, which may be a password, is not shown.
#[test]
fn a_mistyped_property_is_named_without_its_value() {
    let mut config = support::config("secret");
    config.kafka.properties.insert("sasl.pasword".into(), "hunter2".into());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("nhi-monitor.toml");
    std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
    for command in [["run", "-c"].as_slice(), &["config", "check", "-c"], &["topics", "check", "-c"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_nhi-monitor")).args(command).arg(&file).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("sasl.pasword") && !said.contains("hunter2"), "{said}");
    }
}
