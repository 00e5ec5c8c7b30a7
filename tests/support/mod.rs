//! What scenarios on a real Kafka share: a broker, topics of their own, and an independent client (kcat).

#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nhi_monitor::config::{Config, Input};
use nhi_monitor::decode::FormatHint;
use nhi_monitor::detect::Detectors;
use nhi_monitor::kafka::topics;
use nhi_monitor::runtime::{Service, Stages, TopicCounters};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Value, json};

/// How long a condition may take to come true, on a loaded machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// One scenario's settings and topics on the Kafka that `./test` started.
pub(crate) struct Scenario {
    /// Settings, with topics of this scenario's own.
    pub(crate) config: Config,
}

/// A message as an independent reader sees it.
#[derive(Debug)]
pub(crate) struct Read {
    /// Key, where there is one.
    pub(crate) key: Option<String>,
    /// Value; `None` is a tombstone.
    pub(crate) payload: Option<String>,
    /// Headers, in order.
    pub(crate) headers: Vec<(String, String)>,
}

impl Read {
    /// The value as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.payload.as_deref().unwrap_or_default()).expect("the value is JSON")
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Scenario {
    /// A scenario with fresh topics; `None` (and a line that says so) where there is no Kafka to run on.
    pub(crate) fn new(name: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(brokers) = std::env::var("NHI_TEST_BROKERS") else {
            eprintln!(
                "NOT RUN: {name}: NHI_TEST_BROKERS is not set; `./test kafka` starts a Kafka and sets it"
            );
            return None;
        };
        let unique = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut config = config(&unique);
        config.kafka.brokers = brokers;
        topics::ensure(&config).expect("topics are created");
        Some(Self { config })
    }

    /// Starts the service, and waits until it is ready.
    pub(crate) fn start(&self) -> Service {
        self.start_stages(Stages::ALL)
    }

    /// Starts some stages of the service, and waits until they are ready.
    pub(crate) fn start_stages(&self, stages: Stages) -> Service {
        let config = Arc::new(self.config.clone());
        let service = Service::start(config, Arc::new(Detectors::builtin().unwrap()), stages)
            .expect("the service starts");
        until("the service is ready", || service.health().ready);
        service
    }

    /// The first input topic.
    pub(crate) fn input(&self) -> &str {
        &self.config.topics.inputs[0].topic
    }

    /// Produces one message per payload, with kcat.
    pub(crate) fn produce(&self, topic: &str, payloads: &[Vec<u8>]) {
        let dir = tempfile::tempdir().expect("a directory");
        for (chunk, payloads) in payloads.chunks(500).enumerate() {
            let files: Vec<_> =
                (0..payloads.len()).map(|n| dir.path().join(format!("{chunk}-{n}"))).collect();
            for (file, payload) in files.iter().zip(payloads) {
                std::fs::write(file, payload).expect("a file is written");
            }
            let status =
                self.kcat("-P").args(["-X", "message.max.bytes=8388608", "-t", topic]).args(&files).status();
            assert!(status.expect("kcat runs").success());
        }
    }

    /// Produces one message per line, with kcat: the fast way for bare records.
    pub(crate) fn produce_lines(&self, topic: &str, lines: &[u8]) {
        let mut kcat =
            self.kcat("-P").args(["-t", topic]).stdin(Stdio::piped()).spawn().expect("kcat starts");
        kcat.stdin.take().expect("a pipe").write_all(lines).expect("lines are written");
        assert!(kcat.wait().expect("kcat ends").success());
    }

    /// Produces one message per payload, whatever its bytes, in one go.
    pub(crate) fn produce_all(&self, topic: &str, payloads: &[&[u8]]) {
        self.produce_delimited(&["-t", topic], payloads);
    }

    /// Produces one message per payload into one partition, so that all of them are read in this order.
    pub(crate) fn produce_in_order(&self, topic: &str, payloads: &[&[u8]]) {
        self.produce_delimited(&["-t", topic, "-p", "0"], payloads);
    }

    fn produce_delimited(&self, target: &[&str], payloads: &[&[u8]]) {
        // Random bytes that no payload holds.
        const DELIMITER: &str = r"\x9d\x02\xf7\x5b\xe1\x8c\x33\xa6";
        const DELIMITER_BYTES: &[u8] = b"\x9d\x02\xf7\x5b\xe1\x8c\x33\xa6";
        let mut kcat = self.kcat("-P");
        let mut kcat =
            kcat.args(target).args(["-D", DELIMITER]).stdin(Stdio::piped()).spawn().expect("kcat starts");
        let mut pipe = kcat.stdin.take().expect("a pipe");
        for payload in payloads {
            pipe.write_all(payload).expect("a payload is written");
            pipe.write_all(DELIMITER_BYTES).expect("a delimiter is written");
        }
        drop(pipe);
        assert!(kcat.wait().expect("kcat ends").success());
    }

    /// Produces one message with a key, with kcat.
    pub(crate) fn produce_keyed(&self, topic: &str, key: &str, value: &str) {
        self.produce_keyed_lines(topic, &format!("{key}\t{value}\n"));
    }

    /// Produces one message per line: its key, a tab, its value.
    pub(crate) fn produce_keyed_lines(&self, topic: &str, lines: &str) {
        let mut kcat = self.kcat("-P");
        let mut kcat =
            kcat.args(["-t", topic, "-K", "\t"]).stdin(Stdio::piped()).spawn().expect("kcat starts");
        kcat.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("lines are written");
        assert!(kcat.wait().expect("kcat ends").success());
    }

    /// Produces one message with a header.
    pub(crate) fn produce_with_header(&self, topic: &str, (name, value): (&str, &str), payload: &[u8]) {
        let header = format!("{name}={value}");
        let mut kcat = self.kcat("-P");
        let mut kcat =
            kcat.args(["-t", topic, "-H", &header]).stdin(Stdio::piped()).spawn().expect("kcat starts");
        kcat.stdin.take().expect("a pipe").write_all(payload).expect("a payload is written");
        assert!(kcat.wait().expect("kcat ends").success());
    }

    /// Reads a topic from its beginning to its end as a `read_committed` reader, with kcat.
    pub(crate) fn read(&self, topic: &str) -> Vec<Read> {
        let output = self
            .kcat("-C")
            .args(["-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X", "isolation.level=read_committed"])
            .output()
            .expect("kcat runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(read).collect()
    }

    /// The newest value of each key that starts with `prefix`, as a compacted topic would keep it.
    pub(crate) fn latest(&self, topic: &str, prefix: &str) -> std::collections::BTreeMap<String, Value> {
        let reads = self.read(topic);
        let keyed = reads.iter().filter_map(|read| Some((read.key.clone()?, read)));
        keyed
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, read)| (key[prefix.len()..].to_owned(), read.json()))
            .collect()
    }

    /// Whether the broker holds a transaction open that has written to a topic: who reads only what is committed comes less far
    /// than who reads everything.
    pub(crate) fn has_open_transaction(&self, topic: &str) -> bool {
        self.ends(topic, "read_committed") != self.ends(topic, "read_uncommitted")
    }

    /// Where each partition ends for a reader of this isolation level.
    fn ends(&self, topic: &str, isolation_level: &str) -> Vec<i64> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &self.config.kafka.brokers).set("isolation.level", isolation_level);
        let consumer: BaseConsumer = settings.create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).expect("the broker answers");
        let partitions = metadata.topics()[0].partitions().iter();
        let end = |partition| consumer.fetch_watermarks(topic, partition, DEADLINE).expect("watermarks").1;
        partitions.map(|partition| end(partition.id())).collect()
    }

    /// Sets the largest message that a topic takes, headers included.
    pub(crate) fn allow_messages_of(&self, topic: &str, bytes: usize) {
        let bytes = bytes.to_string();
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &self.config.kafka.brokers);
        let admin: AdminClient<_> = settings.create().expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answer = runtime.block_on(admin.alter_configs(&[change], &AdminOptions::new()));
        assert!(answer.expect("the broker answers").iter().all(Result::is_ok), "{topic} is changed");
        // The broker goes by it a moment after the controller has said so.
        until("the broker knows the new limit", || {
            let asked = [ResourceSpecifier::Topic(topic)];
            let answer = runtime.block_on(admin.describe_configs(&asked, &AdminOptions::new()));
            let known = answer.expect("the broker answers").remove(0).expect("the topic is there");
            known.get("max.message.bytes").and_then(|entry| entry.value.clone()) == Some(bytes.clone())
        });
    }

    fn kcat(&self, mode: &str) -> Command {
        let mut command = Command::new("kcat");
        // What it waits for metadata is five seconds otherwise.
        command.args([mode, "-m", "60", "-b", &self.config.kafka.brokers]);
        command
    }
}

fn read(line: &str) -> Read {
    let line: Value = serde_json::from_str(line).expect("kcat writes JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let headers: Vec<_> = line["headers"].as_array().map_or(Vec::new(), Clone::clone);
    let pair = |pair: &[Value]| Some((text(&pair[0])?, text(&pair[1])?));
    Read {
        key: text(&line["key"]),
        payload: text(&line["payload"]),
        headers: headers.chunks_exact(2).filter_map(pair).collect(),
    }
}

/// Settings with topics and names that no other scenario has, few partitions and quick commits.
pub(crate) fn config(unique: &str) -> Config {
    let mut config = Config::default();
    config.kafka.application_id = unique.to_owned();
    config.stage.commit_interval = Duration::from_millis(100);
    // On a loaded machine a rebalance within a drain takes its time.
    config.stage.drain_timeout = Duration::from_secs(120);
    let topics = &mut config.topics;
    topics.partitions = 4;
    topics.inputs = vec![
        Input { topic: format!("{unique}.cloudtrail"), format: FormatHint::Cloudtrail },
        Input { topic: format!("{unique}.auth"), format: FormatHint::LinuxAuth },
    ];
    let own = |name: &str| format!("{unique}.{name}");
    topics.activity = own("activity");
    topics.alerts = own("alerts");
    topics.inventory = own("inventory");
    topics.feedback = own("feedback");
    topics.state = own("state");
    topics.dead_letter = own("dead-letter");
    topics.backfill = own("backfill");
    config
}

/// Waits until `condition` holds.
///
/// # Panics
/// Where it does not hold within [`DEADLINE`].
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(DEADLINE, what, condition);
}

/// Waits until `condition` holds.
///
/// # Panics
/// Where it does not hold within `deadline`.
pub(crate) fn until_within(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the service has taken in so many records of all topics, and has handed them to the monitor.
pub(crate) fn until_received(service: &Service, records: u64) {
    until("all records are received", || {
        // Each of what became of them is counted by itself.
        service.counters().topics.values().all(TopicCounters::is_balanced) && received(service) >= records
    });
    until("all activities are monitored", || {
        let counters = service.counters();
        let activities: u64 = counters.topics.values().map(|topic| topic.activities).sum();
        // Declarations and feedback count as activities of their topics, and reach the monitor as what they are.
        let stats = service.monitor_stats();
        let feedback: u64 = stats.feedback.values().chain(stats.feedback_ignored.values()).sum();
        counters.monitored + stats.declarations + feedback >= activities
    });
}

/// Records that the service has taken in, its own last-seen records excepted.
pub(crate) fn received(service: &Service) -> u64 {
    let own = |topic: &TopicCounters| topic.skipped.get("last_seen_record").copied().unwrap_or_default();
    service.counters().topics.values().map(|topic| topic.received - own(topic)).sum()
}

/// Activities that each identity's baseline has learned from, wherever it lives.
pub(crate) fn learned(services: &[&Service]) -> std::collections::BTreeMap<String, u64> {
    let mut learned = std::collections::BTreeMap::new();
    for view in services.iter().flat_map(|service| service.views()) {
        for id in view.ids() {
            let activities = view.identity(id.as_str()).unwrap().1.activities;
            assert_eq!(learned.insert(id.as_str().to_owned(), activities), None, "{id} lives twice");
        }
    }
    learned
}

/// A CloudTrail record of a role's session.
pub(crate) fn role_event(role: &str, at: &str, n: usize) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": format!("AROA{role}:session-{n}"),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/session-{n}"),
            "accountId": "111122223333",
            "accessKeyId": format!("ASIA{role}"),
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": format!("AROA{role}"),
                "arn": format!("arn:aws:iam::111122223333:role/{role}"),
                "accountId": "111122223333", "userName": role,
            }},
        },
        "eventTime": at,
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-sdk-go-v2/1.30.3",
        "requestID": format!("r-{role}-{n}"),
        "eventID": format!("e-{role}-{n}-{at}"),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": false,
        "recipientAccountId": "111122223333",
        "eventCategory": "Data",
    })
}

/// `arn:aws:iam::111122223333:role/NAME`.
pub(crate) fn role_id(role: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{role}")
}
