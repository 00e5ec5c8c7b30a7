//! Topics: created where they are missing, checked where they exist.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::{client, failure};
use crate::config::{Config, Topics};

/// How long the brokers may take to answer an administrative request.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// What our topics must take at least: a full batch (`batch.size`, which is 1,000,000 where nobody sets it).
const MIN_MESSAGE_BYTES: u64 = 1_000_000;
/// How often, and with which pause, the brokers are asked whether they know a topic that was just created: 30 s in all.
const MAX_LOOKS: u32 = 300;
/// See [`MAX_LOOKS`].
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Ids of embedded clusters start so (librdkafka: `rdkafka_mock.c`). These do not answer questions about settings.
const EMBEDDED_CLUSTER: &str = "mockCluster";
/// Activities are read within minutes; a day leaves room for an outage of the monitor over a night.
const ACTIVITY_RETENTION_MS: &str = "86400000";
/// 400 days: as long as the longest mute, so that the topic shows who said what is in force.
const FEEDBACK_RETENTION_MS: &str = "34560000000";
/// The changelog's segments are compacted while small, so that a restore reads little that is outdated.
const STATE_SEGMENT_BYTES: &str = "67108864";
/// With three replicas a write counts once two have it.
const MIN_INSYNC_OF_THREE: i32 = 2;

/// How a topic is cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Old records are deleted.
    Delete,
    /// The newest record of each key stays.
    Compact,
}

impl Cleanup {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Compact => "compact",
        }
    }
}

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Name.
    pub name: String,
    /// Cleanup policy; `None` leaves it to its owner (inputs).
    pub cleanup: Option<Cleanup>,
    /// Partitions where it is created.
    pub partitions: i32,
    /// Further properties where it is created.
    pub properties: Vec<(&'static str, &'static str)>,
}

/// What was found out about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Name.
    pub name: String,
    /// How it stands.
    pub state: TopicState,
    /// Partitions, where it exists.
    pub partitions: i32,
}

/// How a topic stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// It is as it should be.
    Fine,
    /// It was missing, and was created.
    Created,
    /// It is missing.
    Missing,
    /// It exists, and is not as it should be.
    Wrong(String),
    /// It works, but not as well as it could.
    Doubtful(String),
}

/// The topics, as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry per topic, in the order of the flow.
    pub topics: Vec<Checked>,
}

/// Why the topics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The brokers did not answer.
    #[error("Kafka at {brokers} does not answer: {reason}")]
    Unreachable {
        /// Brokers as configured.
        brokers: String,
        /// The client's words.
        reason: String,
    },
    /// The settings do not make a client.
    #[error("no client can be made of `kafka.properties`: {0}")]
    Client(String),
    /// A topic could not be created.
    #[error("topic `{name}` cannot be created: {reason}")]
    NotCreated {
        /// Topic.
        name: String,
        /// The broker's words.
        reason: String,
    },
    /// The machine has no threads or files left.
    #[error("topics cannot be looked at: {0}")]
    Runtime(std::io::Error),
    /// Topics are missing or not as they should be.
    #[error("topics are not as they should be:\n{0}")]
    Unfit(Report),
}

impl Report {
    /// Whether nothing is missing or wrong.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let is_unfit = |topic: &Checked| matches!(topic.state, TopicState::Missing | TopicState::Wrong(_));
        !self.topics.iter().any(is_unfit)
    }

    /// Topics that work, but not as well as they could, with the reason.
    pub fn doubts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.topics.iter().filter_map(|topic| match &topic.state {
            TopicState::Doubtful(why) => Some((topic.name.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// How many partitions each topic has, of those that exist.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, i32> {
        let found = self.topics.iter().filter(|topic| topic.partitions > 0);
        found.map(|topic| (topic.name.clone(), topic.partitions)).collect()
    }

    /// Partitions of a topic.
    #[must_use]
    pub fn partitions(&self, name: &str) -> Option<i32> {
        self.topics.iter().find(|topic| topic.name == name).map(|topic| topic.partitions)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Checked { name, state, partitions } in &self.topics {
            match state {
                TopicState::Fine => writeln!(f, "  {name}: ok, {partitions} partitions")?,
                TopicState::Created => writeln!(f, "  {name}: created, {partitions} partitions")?,
                TopicState::Missing => {
                    writeln!(
                        f,
                        "  {name}: missing; create it, or set topics.create = true. With ACLs: it is also missing \
                         where Describe on it is not allowed"
                    )?;
                }
                TopicState::Wrong(why) => writeln!(f, "  {name}: wrong: {why}")?,
                TopicState::Doubtful(why) => {
                    writeln!(f, "  {name}: ok, {partitions} partitions; but {why}")?;
                }
            }
        }
        Ok(())
    }
}

/// The topics as they should be, in the order of the flow.
#[must_use]
pub fn wanted(topics: &Topics) -> Vec<Wanted> {
    let own = |name: &str, cleanup, properties: &[(&'static str, &'static str)]| Wanted {
        name: name.to_owned(),
        cleanup: Some(cleanup),
        partitions: topics.partitions,
        properties: properties.to_vec(),
    };
    let input = |name: &str| Wanted {
        name: name.to_owned(),
        cleanup: None,
        partitions: topics.partitions,
        properties: Vec::new(),
    };
    let mut wanted: Vec<_> = topics.inputs.iter().map(|entry| input(&entry.topic)).collect();
    wanted.extend([
        own(&topics.activity, Cleanup::Delete, &[("retention.ms", ACTIVITY_RETENTION_MS)]),
        own(&topics.state, Cleanup::Compact, &[("segment.bytes", STATE_SEGMENT_BYTES)]),
        own(&topics.alerts, Cleanup::Delete, &[]),
        own(&topics.inventory, Cleanup::Compact, &[]),
        own(&topics.feedback, Cleanup::Delete, &[("retention.ms", FEEDBACK_RETENTION_MS)]),
        own(&topics.dead_letter, Cleanup::Delete, &[]),
    ]);
    wanted
}

/// The topic of how far backfills have come, as it should be.
#[must_use]
pub fn wanted_by_backfill(topics: &Topics) -> Wanted {
    let name = topics.backfill.clone();
    Wanted { name, cleanup: Some(Cleanup::Compact), partitions: 1, properties: Vec::new() }
}

/// Looks at the topics of the service; creates missing ones where `create` says so. Blocks until the brokers answered.
///
/// # Errors
/// Where the brokers do not answer, or refuse to create a topic.
pub fn examine(config: &Config, create: bool) -> Result<Report, Error> {
    examine_these(config, &wanted(&config.topics), create)
}

/// Looks at these topics, as [`examine`] does.
///
/// # Errors
/// As [`examine`].
pub fn examine_these(config: &Config, wanted: &[Wanted], create: bool) -> Result<Report, Error> {
    // A thread of its own, so that it may be called from within a runtime too.
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Error::Runtime)?;
            runtime.block_on(ask(config, wanted, create))
        });
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

async fn ask(config: &Config, wanted: &[Wanted], create: bool) -> Result<Report, Error> {
    let admin: AdminClient<DefaultClientContext> = AdminClient::from_config(&client::probe(&config.kafka))
        .map_err(|error| Error::Client(failure::words(&error)))?;
    let found = metadata(&admin, config)?;
    let missing: Vec<_> = wanted.iter().filter(|topic| partitions(&found, &topic.name) == 0).collect();
    if create && !missing.is_empty() {
        create_topics(&admin, &missing, config.topics.replication_factor).await?;
    }
    let found = if create && !missing.is_empty() { await_topics(&admin, config, &missing)? } else { found };
    let settings = settings(&admin, wanted, &found).await;
    let created = |topic: &Wanted| create && missing.iter().any(|other| other.name == topic.name);
    let check = |topic: &Wanted| {
        let state = state(topic, &found, settings.as_ref());
        let state = if state == TopicState::Fine && created(topic) { TopicState::Created } else { state };
        Checked { name: topic.name.clone(), state, partitions: partitions(&found, &topic.name) }
    };
    let mut report = Report { topics: wanted.iter().map(check).collect() };
    compare_counts(&mut report, &config.topics);
    Ok(report)
}

/// Examines the topics, and refuses to go on with unfit ones.
///
/// # Errors
/// As [`examine`], and where a topic is missing or wrong.
pub fn ensure(config: &Config) -> Result<Report, Error> {
    let report = examine(config, config.topics.create)?;
    if report.is_fit() { Ok(report) } else { Err(Error::Unfit(report)) }
}

fn unreachable(config: &Config) -> impl FnOnce(KafkaError) -> Error {
    let brokers = config.kafka.brokers.clone();
    move |error| Error::Unreachable { brokers, reason: failure::words(&error) }
}

fn metadata(admin: &AdminClient<DefaultClientContext>, config: &Config) -> Result<Metadata, Error> {
    admin.inner().fetch_metadata(None, ADMIN_TIMEOUT).map_err(unreachable(config))
}

/// Created topics reach the brokers' metadata a moment later than the answer.
fn await_topics(
    admin: &AdminClient<DefaultClientContext>,
    config: &Config,
    created: &[&Wanted],
) -> Result<Metadata, Error> {
    let mut found = metadata(admin, config)?;
    for _ in 0..MAX_LOOKS {
        if created.iter().all(|topic| partitions(&found, &topic.name) > 0) {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
        found = metadata(admin, config)?;
    }
    Ok(found)
}

fn partitions(found: &Metadata, name: &str) -> i32 {
    let topic = found.topics().iter().find(|topic| topic.name() == name);
    topic.map_or(0, |topic| i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX))
}

async fn create_topics(
    admin: &AdminClient<DefaultClientContext>,
    missing: &[&Wanted],
    replication: i32,
) -> Result<(), Error> {
    let min_insync = if replication >= 3 { MIN_INSYNC_OF_THREE } else { 1 }.to_string();
    let topics: Vec<_> = missing.iter().map(|topic| new_topic(topic, replication, &min_insync)).collect();
    let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
    let refused = |name: String, reason: String| Error::NotCreated { name, reason };
    let outcomes = admin.create_topics(&topics, &options).await;
    for outcome in outcomes.map_err(|error| refused("(all)".into(), failure::words(&error)))? {
        match outcome {
            // Another instance starts at the same time.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(refused(name, code.to_string())),
        }
    }
    Ok(())
}

fn new_topic<'a>(topic: &'a Wanted, replication: i32, min_insync: &'a str) -> NewTopic<'a> {
    let new = NewTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(replication))
        .set("min.insync.replicas", min_insync);
    let new = match topic.cleanup {
        Some(cleanup) => new.set("cleanup.policy", cleanup.as_str()),
        None => new,
    };
    topic.properties.iter().fold(new, |new, (key, value)| new.set(key, value))
}

/// Settings of a topic that we rely on, as far as we may read them.
#[derive(Clone, Debug, Default)]
struct Settings {
    cleanup_policy: Option<String>,
    max_message_bytes: Option<u64>,
}

impl Settings {
    fn of(config: rdkafka::admin::ConfigResource) -> Self {
        let entries: Vec<ConfigEntry> = config.entries;
        let value = |name: &str| {
            entries.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.clone())
        };
        Self {
            cleanup_policy: value("cleanup.policy"),
            max_message_bytes: value("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
        }
    }
}

/// Settings of the topics that exist, as far as we may ask for them; `None` where the cluster has no answer to give.
async fn settings(
    admin: &AdminClient<DefaultClientContext>,
    wanted: &[Wanted],
    found: &Metadata,
) -> Option<BTreeMap<String, Settings>> {
    let cluster = admin.inner().fetch_cluster_id(ADMIN_TIMEOUT);
    if cluster.is_some_and(|id| id.starts_with(EMBEDDED_CLUSTER)) {
        return None;
    }
    let existing: Vec<_> = wanted.iter().filter(|topic| partitions(found, &topic.name) > 0).collect();
    let resources: Vec<_> = existing.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let options = AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT));
    let described = match admin.describe_configs(&resources, &options).await {
        Ok(described) => described,
        Err(error) => {
            let reason = failure::words(&error);
            tracing::warn!(
                reason,
                "topic settings cannot be read; cleanup policies and message sizes were not checked"
            );
            return Some(BTreeMap::new());
        }
    };
    let known = existing
        .iter()
        .zip(described)
        .filter_map(|(topic, config)| Some((topic.name.clone(), Settings::of(config.ok()?))));
    Some(known.collect())
}

fn state(topic: &Wanted, found: &Metadata, settings: Option<&BTreeMap<String, Settings>>) -> TopicState {
    if partitions(found, &topic.name) == 0 {
        return TopicState::Missing;
    }
    let (Some(cleanup), Some(settings)) = (topic.cleanup, settings) else { return TopicState::Fine };
    let known = settings.get(&topic.name).cloned().unwrap_or_default();
    match judge_size(known.max_message_bytes) {
        TopicState::Fine => judge_policy(cleanup, known.cleanup_policy.as_deref()),
        refused => refused,
    }
}

/// A topic that takes less than a batch is found at start, and not when a transaction fails on it again and again.
fn judge_size(max_message_bytes: Option<u64>) -> TopicState {
    match max_message_bytes {
        Some(bytes) if bytes < MIN_MESSAGE_BYTES => TopicState::Wrong(format!(
            "max.message.bytes is {bytes}, less than the batches that are written; set it to 1048588 or more"
        )),
        Some(_) | None => TopicState::Fine,
    }
}

fn judge_policy(wanted: Cleanup, policy: Option<&str>) -> TopicState {
    let Some(policy) = policy else { return unread_policy(wanted) };
    let (deletes, compacts) = (policy.contains("delete"), policy.contains("compact"));
    match wanted {
        Cleanup::Compact if deletes => TopicState::Wrong(format!(
            "cleanup.policy is `{policy}`, which loses records that are still needed; set it to `compact`"
        )),
        Cleanup::Delete if compacts => TopicState::Wrong(format!(
            "cleanup.policy is `{policy}`, which drops all but the newest record of a key; set it to `delete`"
        )),
        Cleanup::Compact | Cleanup::Delete => TopicState::Fine,
    }
}

/// Without the right to ask, only what would lose state is worth a warning.
fn unread_policy(wanted: Cleanup) -> TopicState {
    match wanted {
        Cleanup::Delete => TopicState::Fine,
        Cleanup::Compact => TopicState::Doubtful(
            "its cleanup.policy could not be read: allow DescribeConfigs on it, or make sure that it is `compact`; \
             with `delete` it loses records that are still needed"
                .to_owned(),
        ),
    }
}

/// State of a partition stands in the partition of the same number.
fn compare_counts(report: &mut Report, topics: &Topics) {
    let (activity, state) = (report.partitions(&topics.activity), report.partitions(&topics.state));
    let (Some(activity), Some(state)) = (activity, state) else { return };
    if activity == state || activity == 0 || state == 0 {
        return;
    }
    let why = format!(
        "it has {state} partitions and `{}` has {activity}; both must have the same number, since the state of a \
         partition of activities is kept in the partition of the same number",
        topics.activity
    );
    if let Some(entry) = report.topics.iter_mut().find(|entry| entry.name == topics.state) {
        entry.state = TopicState::Wrong(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, state: TopicState, partitions: i32) -> Checked {
        Checked { name: name.to_owned(), state, partitions }
    }

    #[test]
    fn state_in_another_number_of_partitions_is_refused() {
        let topics = Topics::default();
        let mut report = Report {
            topics: vec![
                checked(&topics.activity, TopicState::Fine, 12),
                checked(&topics.state, TopicState::Fine, 6),
            ],
        };
        compare_counts(&mut report, &topics);
        assert!(!report.is_fit());
        assert!(report.to_string().contains("it has 6 partitions and `nhi.activity` has 12"), "{report}");
    }

    #[test]
    fn a_topic_that_takes_less_than_a_batch_is_refused() {
        assert_eq!(judge_size(None), TopicState::Fine);
        assert_eq!(judge_size(Some(1_000_000)), TopicState::Fine);
        assert!(matches!(judge_size(Some(999_999)), TopicState::Wrong(why) if why.contains("999999")));
    }

    #[test]
    fn a_changelog_that_deletes_is_refused() {
        assert_eq!(judge_policy(Cleanup::Compact, Some("compact")), TopicState::Fine);
        assert!(matches!(judge_policy(Cleanup::Compact, Some("compact,delete")), TopicState::Wrong(_)));
        assert!(matches!(judge_policy(Cleanup::Delete, Some("compact")), TopicState::Wrong(_)));
    }

    #[test]
    fn a_changelog_whose_policy_cannot_be_read_is_doubtful_and_said_to_be() {
        assert_eq!(judge_policy(Cleanup::Delete, None), TopicState::Fine);
        let state = judge_policy(Cleanup::Compact, None);
        assert!(matches!(state, TopicState::Doubtful(_)));
        let report =
            Report { topics: vec![checked("nhi.state", state, 12), checked("x", TopicState::Fine, 1)] };
        assert!(report.is_fit());
        let doubts: Vec<_> = report.doubts().collect();
        assert!(matches!(doubts[..], [("nhi.state", why)] if why.contains("DescribeConfigs")), "{doubts:?}");
    }

    #[test]
    fn a_missing_topic_says_what_to_do() {
        let report = Report { topics: vec![checked("cloudtrail", TopicState::Missing, 0)] };
        assert!(!report.is_fit());
        assert!(report.to_string().contains("topics.create = true"));
    }
}
