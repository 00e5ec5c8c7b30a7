//! What values settings may have. Every problem is found in one go.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

use super::problem::{Error, Fault, Origin, Problem};
use super::{Config, Kafka, Limits, Stage, Topics, enrichment};
use crate::time::EventTime;

/// Kafka's own limit on the length of a topic's name.
const MAX_TOPIC_NAME: usize = 249;
/// Group and transactional ids get suffixes; Kafka takes 249 bytes for names that end up in internal topics.
const MAX_APPLICATION_ID: usize = 200;
/// Kafka brokers in one cluster hold up to some hundred thousand partitions in all; one topic of this program stays
/// far below.
const MAX_PARTITIONS: i32 = 10_000;
/// A transaction that stays open longer blocks readers; the broker aborts it after ten seconds.
const MAX_COMMIT_INTERVAL: Duration = Duration::from_secs(5);
/// Workers of one stage in one process: each has clients and threads of its own, and no machine has more processors to give.
const MAX_WORKERS: usize = 256;
/// Librdkafka properties that this program sets itself, with the reason. What is promised rests on them.
pub const RESERVED_PROPERTIES: [(&str, &str); 16] = [
    ("bootstrap.servers", "it is set by `kafka.brokers`"),
    ("metadata.broker.list", "it is set by `kafka.brokers`"),
    ("group.id", "it is derived from `kafka.application_id`"),
    ("transactional.id", "it is derived from `kafka.application_id`"),
    ("group.instance.id", "it is derived from `kafka.instance_id`"),
    ("enable.auto.commit", "offsets are committed with the results"),
    ("auto.commit.enable", "offsets are committed with the results"),
    ("enable.auto.offset.store", "offsets are committed with the results"),
    ("auto.offset.reset", "what was never read is read from its beginning, so that nothing is left out"),
    ("enable.idempotence", "results are written exactly once"),
    ("isolation.level", "only committed records are read"),
    ("partition.assignment.strategy", "state moves with the partitions, by cooperative-sticky"),
    ("partitioner", "records of one identity go where the owner of the inventory writes them"),
    ("enable.partition.eof", "the end of a partition says that its state is restored"),
    ("statistics.interval.ms", "consumer lag is taken from the statistics"),
    ("transaction.timeout.ms", "time limits within the program are shorter than it"),
];
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Checks all values.
    ///
    /// # Errors
    /// Where a value cannot be used; names all such values.
    pub fn validate(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
    }

    /// Everything that is wrong with the values, in the order of the settings.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut check = Check::default();
        check_kafka(&self.kafka, &mut check);
        check_topics(&self.topics, &mut check);
        check_stage(&self.stage, &mut check);
        check_limits(&self.limits, &mut check);
        enrichment::check(&self.enrichment, &mut check);
        self.check_learning(&mut check);
        self.check_outputs(&mut check);
        check.problems
    }

    fn check_learning(&self, check: &mut Check) {
        check.range("baseline.learning_days", self.baseline.learning_days, 0..=365);
        check.range("baseline.memory_days", self.baseline.memory_days, 30..=3_650);
        check.range("baseline.max_identities", self.baseline.max_identities, 1..=100_000_000);
        check.range("detection.incident_risk", self.detection.incident_risk, 1..=100);
        check.range("detection.alerts_per_day", self.detection.alerts_per_day, 0.0..=100_000.0);
        check.range("detection.budget_ceiling_risk", self.detection.budget_ceiling_risk, 1..=100);
        check.span(
            "detection.incident_quiet",
            self.detection.incident_quiet,
            Duration::from_secs(60)..=30 * DAY,
        );
        check.range("detection.quarantine_days", self.detection.quarantine_days, 0..=365);
        let is_named = self.detection.detectors.as_deref() != Some("");
        check.holds(
            is_named,
            "detection.detectors",
            "",
            "a folder, or no such key for the built-in detectors",
        );
    }

    fn check_outputs(&self, check: &mut Check) {
        check.span("last_seen.publish_every", self.last_seen.publish_every, Duration::from_secs(1)..=7 * DAY);
        check.range("unused.after_days", self.unused.after_days, 1..=3_650);
        check.span("unused.max_silence", self.unused.max_silence, Duration::from_secs(3_600)..=30 * DAY);
        let weekly = self.unused.max_weekly_silence;
        check.span("unused.max_weekly_silence", weekly, Duration::from_secs(3_600)..=6 * DAY);
        check.range("unused.tolerated_unreadable", self.unused.tolerated_unreadable, 0..=1_000_000);
        let accepted = self.unused.accept_losses_before.as_deref().unwrap_or_default();
        check.holds(
            accepted.is_empty() || EventTime::parse_rfc3339(accepted).is_some(),
            "unused.accept_losses_before",
            accepted,
            "a time such as `2026-01-31T00:00:00Z`",
        );
        let listen = &self.http.listen;
        check.holds(
            listen.is_empty() || is_host_port(listen),
            "http.listen",
            listen,
            "`host:port`, or empty",
        );
        check.range("http.recent_alerts", self.http.recent_alerts, 0..=1_000_000);
        check.holds(
            !self.log.level.trim().is_empty(),
            "log.level",
            &self.log.level,
            "a filter such as `info`",
        );
    }
}

fn check_kafka(kafka: &Kafka, check: &mut Check) {
    let brokers = &kafka.brokers;
    let all_named = brokers.split(',').all(|broker| is_host_port(broker.trim()));
    check.holds(all_named, "kafka.brokers", brokers, "`host:port`, or several with commas between");
    check.name("kafka.application_id", &kafka.application_id, MAX_APPLICATION_ID);
    if let Some(instance) = &kafka.instance_id {
        check.name("kafka.instance_id", instance, MAX_APPLICATION_ID);
    }
    for (name, reason) in RESERVED_PROPERTIES {
        if kafka.properties.contains_key(name) {
            check.reserved(&format!("kafka.properties.{name}"), reason);
        }
    }
}

fn check_topics(topics: &Topics, check: &mut Check) {
    let mut seen = BTreeSet::new();
    for (key, name) in named_topics(topics) {
        check.name(&key, name, MAX_TOPIC_NAME);
        check.holds(seen.insert(name), &key, name, "a topic that no other key names");
    }
    check.holds(!topics.inputs.is_empty(), "topics.inputs", "empty", "at least one input topic");
    check.range("topics.partitions", topics.partitions, 1..=MAX_PARTITIONS);
    check.range("topics.replication_factor", topics.replication_factor, 1..=i32::from(i16::MAX));
}

fn named_topics(topics: &Topics) -> Vec<(String, &str)> {
    let own = [
        ("activity", &topics.activity),
        ("alerts", &topics.alerts),
        ("inventory", &topics.inventory),
        ("feedback", &topics.feedback),
        ("state", &topics.state),
        ("dead_letter", &topics.dead_letter),
        ("backfill", &topics.backfill),
    ];
    let own = own.into_iter().map(|(key, name)| (format!("topics.{key}"), name.as_str()));
    let inputs = topics.inputs.iter().enumerate();
    own.chain(inputs.map(|(index, input)| (format!("topics.inputs[{index}].topic"), input.topic.as_str())))
        .collect()
}

fn check_stage(stage: &Stage, check: &mut Check) {
    check.range("stage.ingest_workers", stage.ingest_workers, 0..=MAX_WORKERS);
    check.range("stage.monitor_workers", stage.monitor_workers, 0..=MAX_WORKERS);
    check.span(
        "stage.commit_interval",
        stage.commit_interval,
        Duration::from_millis(10)..=MAX_COMMIT_INTERVAL,
    );
    check.range("stage.commit_records", stage.commit_records, 1..=10_000_000);
    check.span("stage.drain_timeout", stage.drain_timeout, Duration::from_secs(1)..=Duration::from_secs(600));
}

fn check_limits(limits: &Limits, check: &mut Check) {
    check.range("limits.payload_bytes", limits.payload_bytes, 1 << 10..=1 << 30);
    check.range("limits.record_bytes", limits.record_bytes, 1 << 10..=limits.payload_bytes.max(1 << 10));
    check.range("limits.payload_records", limits.payload_records, 1..=10_000_000);
    check.range("limits.envelope_depth", limits.envelope_depth, 1..=16);
    check.span("limits.clock_skew", limits.clock_skew, Duration::ZERO..=DAY);
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
}

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Check {
    problems: Vec<Problem>,
}

impl Check {
    pub(super) fn holds(&mut self, holds: bool, key: &str, value: &str, allowed: &str) {
        if !holds {
            self.fail(key, &format!("`{value}`"), allowed);
        }
    }

    fn range<T: PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        if !allowed.contains(&value) {
            self.fail(key, &value.to_string(), &format!("{} to {}", allowed.start(), allowed.end()));
        }
    }

    fn span(&mut self, key: &str, value: Duration, allowed: RangeInclusive<Duration>) {
        if !allowed.contains(&value) {
            let (least, most) = (format_duration(*allowed.start()), format_duration(*allowed.end()));
            self.fail(key, &format_duration(value).to_string(), &format!("{least} to {most}"));
        }
    }

    /// A name that Kafka takes for topics and groups.
    fn name(&mut self, key: &str, name: &str, max: usize) {
        let is_legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fits =
            (1..=max).contains(&name.len()) && name.chars().all(is_legal) && name != "." && name != "..";
        self.holds(fits, key, name, &format!("1 to {max} of letters, digits, `.`, `_` and `-`"));
    }

    fn reserved(&mut self, key: &str, reason: &str) {
        let fault = Fault::Reserved { reason: reason.to_owned() };
        self.problems.push(Problem { key: key.to_owned(), origin: Origin::default(), fault });
    }

    fn fail(&mut self, key: &str, value: &str, allowed: &str) {
        let fault = Fault::NotAllowed { value: value.to_owned(), allowed: allowed.to_owned() };
        self.problems.push(Problem { key: key.to_owned(), origin: Origin::default(), fault });
    }
}
