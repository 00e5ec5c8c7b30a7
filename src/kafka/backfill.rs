//! What `backfill` needs of Kafka: history and how far it has come, written together; and whether it was taken in.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{self, WorkerName};
use super::transaction::{Body, Transactions};
use super::{failure, topics};
use crate::config::Config;
use crate::runtime::clock::{Clock as _, SystemClock};
use crate::runtime::log;
use crate::runtime::{Observer, StageKind, Unobserved};
use crate::wire::backfill::{HEADER, Position, STATEMENT_HEADER, Statement};

/// A transaction is committed after so many bytes: written within a second or so, as the coordinator ends what stays open for ten.
const MAX_TRANSACTION_BYTES: usize = 8 << 20;
/// And after so long, however little it holds.
const MAX_TRANSACTION_TIME: Duration = Duration::from_secs(1);
/// How long the brokers may take to answer a question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest value that is sent: the room of a message less that of its key (an identity id of 2 KB at most) and headers.
pub const MAX_VALUE_BYTES: usize = (1 << 20) - (4 << 10);
/// Longest key: an ARN, which AWS limits so. What is longer is sent without.
const MAX_KEY_BYTES: usize = 2_048;

/// Why history was not fed in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Topics are missing or not as they should be.
    #[error(transparent)]
    Topics(#[from] topics::Error),
    /// The brokers did not take it.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The brokers did not answer.
    #[error("{action}: {detail}")]
    Kafka {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
    /// It has no JSON form.
    #[error("it has no JSON form: {0}")]
    Encode(#[from] serde_json::Error),
}

/// One record of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// The identity, so that the records of each come in their own order.
    pub key: Option<Vec<u8>>,
    /// The record as it was archived.
    pub value: Vec<u8>,
}

/// Writes the history of one run: each transaction holds records and the position after them.
pub struct Feeder {
    transactions: Transactions,
    run: String,
    topic: String,
    clock: SystemClock,
    /// Since when a transaction is open, and its bytes.
    open: Option<(Duration, usize)>,
}

impl Feeder {
    /// Makes sure of the topics, and ends what a former process left of the same run: should it still work, it fails from here on.
    ///
    /// # Errors
    /// Where topics are not as they should be, or the brokers do not answer.
    pub fn start(config: &Config, run: &str) -> Result<Self, Error> {
        topics::ensure(config)?;
        let own = [topics::wanted_by_backfill(&config.topics)];
        let report = topics::examine_these(config, &own, config.topics.create)?;
        if !report.is_fit() {
            return Err(topics::Error::Unfit(report).into());
        }
        let name = format!("{}-backfill-{run}", config.kafka.application_id);
        let name = WorkerName { group: name.clone(), transactional_id: name, static_member: None };
        let observer: Arc<dyn Observer> = Arc::new(Unobserved);
        let transactions = Transactions::start(config, StageKind::Ingest, &name, &observer)?;
        let topic = config.topics.backfill.clone();
        Ok(Self { transactions, run: run.to_owned(), topic, clock: SystemClock::start(), open: None })
    }

    /// Sends one record of history.
    ///
    /// # Errors
    /// Where the brokers refuse it, or one before it.
    pub fn send(&mut self, message: Message) -> Result<(), Error> {
        let Message { topic, key, value } = message;
        let key = key.filter(|key| key.len() <= MAX_KEY_BYTES);
        let headers = [(HEADER, self.run.clone())];
        self.put(&topic, Body { key: key.as_deref(), value: Some(&value), headers: &headers })
    }

    /// Sends a statement.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn state(&mut self, topic: &str, statement: &Statement) -> Result<(), Error> {
        let (value, headers) = (statement.to_bytes()?, [(STATEMENT_HEADER, self.run.clone())]);
        self.put(topic, Body { key: None, value: Some(&value), headers: &headers })
    }

    /// Whether what is open should be committed before anything else is done.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.open.is_some_and(|(since, bytes)| {
            bytes >= MAX_TRANSACTION_BYTES || self.clock.monotonic() - since >= MAX_TRANSACTION_TIME
        })
    }

    /// Whether a transaction is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Commits what was sent, with the position that it leads to.
    ///
    /// # Errors
    /// Where it was not committed, or that is not known: whoever starts anew finds out.
    pub fn commit(&mut self, position: &Position) -> Result<(), Error> {
        let (run, topic, value) = (self.run.clone(), self.topic.clone(), serde_json::to_vec(position)?);
        self.put(&topic, Body { key: Some(run.as_bytes()), value: Some(&value), headers: &[] })?;
        self.transactions.commit_outputs()?;
        self.open = None;
        Ok(())
    }

    fn put(&mut self, topic: &str, body: Body<'_>) -> Result<(), Error> {
        if self.open.is_none() {
            self.transactions.begin()?;
            self.open = Some((self.clock.monotonic(), 0));
        }
        self.transactions.send_to(topic, body)?;
        if let Some((_, bytes)) = &mut self.open {
            *bytes += body.value.map_or(0, <[u8]>::len);
        }
        Ok(())
    }
}

/// Looks how far ingest has read what was fed in.
pub struct Reading {
    /// In the group of ingest without joining it.
    member: BaseConsumer,
    /// Up to where each partition must be read, exclusive.
    ends: Vec<(String, i32, i64)>,
}

impl Reading {
    /// Notes where these topics end now. All that was committed before counts, where another transaction was committed since:
    /// the coordinator begins none before the markers of the one before it are written.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    pub fn start(config: &Config, topics: &[String]) -> Result<Self, Error> {
        let name = WorkerName {
            static_member: None,
            ..WorkerName::new(&config.kafka, StageKind::Ingest, 0, "backfill")
        };
        let member: BaseConsumer = BaseConsumer::from_config(&client::consumer(&config.kafka, &name))
            .map_err(asked("set up the Kafka client"))?;
        let mut ends = Vec::new();
        for topic in topics {
            let ask = "ask where a topic ends";
            let metadata = member.fetch_metadata(Some(topic), ANSWER_TIMEOUT).map_err(asked(ask))?;
            for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
                let (start, end) =
                    member.fetch_watermarks(topic, partition.id(), ANSWER_TIMEOUT).map_err(asked(ask))?;
                if start < end {
                    ends.push((topic.clone(), partition.id(), end));
                }
            }
        }
        Ok(Self { member, ends })
    }

    /// How many messages are left to be read, at most: transaction markers count.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    pub fn left(&self) -> Result<u64, Error> {
        let ask = "ask how far ingest has read";
        let mut list = TopicPartitionList::new();
        for (topic, partition, _) in &self.ends {
            list.add_partition(topic, *partition);
        }
        let found = self.member.committed_offsets(list, ANSWER_TIMEOUT).map_err(asked(ask))?;
        let committed = |topic: &str, partition: i32| match found.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
        let left = self.ends.iter().map(|(topic, partition, end)| {
            // The last place may be that of a marker, which is never read.
            let read = committed(topic, *partition).unwrap_or_default();
            u64::try_from(end - 1 - read).unwrap_or_default()
        });
        Ok(left.sum())
    }
}

fn asked(action: &'static str) -> impl FnOnce(KafkaError) -> Error {
    move |error| Error::Kafka { action, detail: failure::words(&error) }
}
