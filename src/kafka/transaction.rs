//! The transactional producer of one worker.

mod state;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client::{self, WorkerName};
use super::context::ProducerNotes;
use super::failure;
use crate::config::{Config, Topics};
use crate::runtime::clock::{Clock as _, SystemClock};
use crate::runtime::log::{Error, OutRecord, Output};
use crate::runtime::{Observer, StageKind};
use state::State;

/// What a new producer does first.
const INIT: &str = "init transactions";
/// How long the transaction coordinator may take at start: it first ends the transaction that a former producer left open.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one step of a transaction may take before it is given up; somewhat more than the broker's transaction timeout.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one try to abort takes: between tries the group is heard, which expels whoever is silent for long.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one try to take over from a spent producer takes, for the same reason.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one step of an abort waits before delivery reports are taken in.
const ABORT_STEP: Duration = Duration::from_millis(100);
/// Retriable steps are tried this often, and not again after [`STEP_TIMEOUT`]: with the last try's own timeout a step takes half a
/// minute at most. The watchdog counts on that.
const MAX_ATTEMPTS: u32 = 5;
/// Wait between looks at the producer's queue. The library's own `flush` looks every 100 ms.
const SERVE: Duration = Duration::from_millis(1);
/// Events that are served per poll of the consumer, so that delivery reports do not pile up.
const DELIVERIES_PER_SERVE: u32 = 4;

/// The transactional producer of one worker. Where the coordinator has ended its transaction, another one takes its place.
pub(crate) struct Transactions {
    producer: BaseProducer<ProducerNotes>,
    origin: Origin,
    name: WorkerName,
    topics: Topics,
    clock: SystemClock,
    state: State,
}

/// What a record holds.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'static str, String)],
}

/// What producers are made of.
struct Origin {
    settings: ClientConfig,
    stage: StageKind,
    observer: Arc<dyn Observer>,
}

impl Origin {
    fn create(&self) -> Result<BaseProducer<ProducerNotes>, Error> {
        let notes = ProducerNotes::new(self.stage, Arc::clone(&self.observer));
        BaseProducer::from_config_and_context(&self.settings, notes)
            .map_err(failure::fatal("create producer"))
    }
}

impl Transactions {
    /// Connects, and ends what a former producer of the same name left open.
    pub(crate) fn start(
        config: &Config,
        stage: StageKind,
        name: &WorkerName,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let settings = client::producer(&config.kafka, name);
        let origin = Origin { settings, stage, observer: Arc::clone(observer) };
        let producer = origin.create()?;
        producer.init_transactions(INIT_TIMEOUT).map_err(|error| not_started(name, error))?;
        Ok(Self {
            producer,
            origin,
            name: name.clone(),
            topics: config.topics.clone(),
            clock: SystemClock::start(),
            state: State::Idle,
        })
    }

    /// Takes in delivery reports without waiting.
    pub(crate) fn serve(&self) {
        if self.state != State::Idle {
            for _ in 0..DELIVERIES_PER_SERVE {
                self.producer.poll(Duration::ZERO);
            }
        }
    }

    /// Whether the next [`Transactions::abort`] takes this producer's name anew.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self.state, State::Spent { .. } | State::Starting)
    }

    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.producer
            .begin_transaction()
            .map_err(|error| failure::transaction("begin transaction", &error))?;
        self.state = State::Open { since: self.clock.monotonic() };
        Ok(())
    }

    pub(crate) fn send(&mut self, record: &OutRecord) -> Result<(), Error> {
        let OutRecord { output, partition, key, value, headers } = record;
        let body = Body { key: key.as_deref(), value: value.as_deref(), headers };
        self.produce(topic(&self.topics, *output), *partition, body)
    }

    /// Sends a record to a topic that is not one of the stages' own; its key decides on the partition.
    pub(crate) fn send_to(&self, topic: &str, body: Body<'_>) -> Result<(), Error> {
        self.produce(topic, None, body)
    }

    fn produce(&self, topic: &str, partition: Option<i32>, body: Body<'_>) -> Result<(), Error> {
        let mut next = BaseRecord::<[u8], [u8]>::to(topic);
        next.partition = partition;
        next.key = body.key;
        next.payload = body.value;
        next.headers = headers(body.headers);
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    next = back;
                    self.producer.poll(SERVE);
                    self.check_deliveries()?;
                }
                Err((error, _)) => return Err(self.judge(refused(topic, body, &error))),
            }
        }
    }

    pub(crate) fn commit(
        &mut self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        self.await_deliveries()?;
        if offsets.count() > 0 {
            let send = || self.producer.send_offsets_to_transaction(offsets, group, STEP_TIMEOUT);
            retry(self.clock, send).map_err(|error| self.failed("send offsets", &error))?;
        }
        self.commit_outputs()
    }

    /// Commits what was sent, without offsets.
    pub(crate) fn commit_outputs(&mut self) -> Result<(), Error> {
        self.await_deliveries()?;
        let commit = || self.producer.commit_transaction(STEP_TIMEOUT);
        retry(self.clock, commit).map_err(|error| self.failed("commit transaction", &error))?;
        self.state = State::Idle;
        Ok(())
    }

    /// Ends the open transaction. Where the coordinator did that already, a new producer takes over, in several calls.
    pub(crate) fn abort(&mut self) -> Result<(), Error> {
        match self.state {
            State::Idle => Ok(()),
            State::Open { .. } => self.abort_open(),
            State::Spent { since } if State::has_rested(since, self.clock.monotonic()) => self.replace(),
            State::Spent { .. } => Err(spent("it rests first".into())),
            State::Starting => self.take_over(),
        }
    }

    fn abort_open(&mut self) -> Result<(), Error> {
        if let Err(error) = self.abort_in_steps() {
            return Err(self.not_aborted(&error));
        }
        self.take_in_deliveries();
        drop(self.producer.context().take_failure());
        self.state = State::Idle;
        Ok(())
    }

    /// What cannot even be aborted ends as with a restart: a new producer ends what this one left open.
    fn not_aborted(&mut self, error: &KafkaError) -> Error {
        match self.failed("abort transaction", error) {
            Error::Abortable { action, detail } if failure::is_retriable(error) => {
                Error::Transient { action, detail }
            }
            Error::Abortable { detail, .. } => {
                self.state = State::Spent { since: self.clock.monotonic() };
                spent(detail)
            }
            other => other,
        }
    }

    fn replace(&mut self) -> Result<(), Error> {
        // What the old one holds was never committed: it throws that away as it goes.
        self.producer = self.origin.create()?;
        self.state = State::Starting;
        self.take_over()
    }

    fn take_over(&mut self) -> Result<(), Error> {
        match self.producer.init_transactions(TAKE_OVER_TIMEOUT) {
            Ok(()) => {
                tracing::info!(stage = self.origin.stage.as_str(), "a new producer has taken over");
                self.state = State::Idle;
                Ok(())
            }
            Err(error) if failure::is_retriable(&error) => Err(failure::transient(INIT)(error)),
            Err(error) => Err(not_started(&self.name, error)),
        }
    }

    /// The library purges what was not delivered, and waits until the reports of that were taken in: by this same
    /// thread, so that it must come back in between.
    fn abort_in_steps(&self) -> KafkaResult<()> {
        let until = self.clock.monotonic() + ABORT_TIMEOUT;
        loop {
            match self.producer.abort_transaction(ABORT_STEP) {
                Err(error) if failure::is_retriable(&error) && self.clock.monotonic() < until => {
                    self.take_in_deliveries();
                }
                outcome => return outcome,
            }
        }
    }

    fn failed(&self, action: &'static str, error: &KafkaError) -> Error {
        let denied = request(&self.name, action).denied(error);
        denied.unwrap_or_else(|| self.judge(failure::transaction(action, error)))
    }

    fn judge(&self, error: Error) -> Error {
        self.state.judge(error, self.clock.monotonic())
    }

    /// Takes in all reports that are there.
    fn take_in_deliveries(&self) {
        let mut outstanding = self.producer.in_flight_count();
        while outstanding > 0 {
            self.producer.poll(SERVE);
            let left = self.producer.in_flight_count();
            if left >= outstanding {
                return;
            }
            outstanding = left;
        }
    }

    /// Waits until every record was delivered; the library bounds that by `message.timeout.ms`, which is the transaction's timeout.
    fn await_deliveries(&self) -> Result<(), Error> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(SERVE);
            self.check_deliveries()?;
        }
        self.check_deliveries()
    }

    fn check_deliveries(&self) -> Result<(), Error> {
        match (self.producer.client().fatal_error(), self.producer.context().take_failure()) {
            // Then deliveries fail as "purged", which does not say why.
            (Some((code, words)), _) => Err(self.judge(failure::beyond_repair("deliver", code, words))),
            (None, Some(record)) => Err(self.judge(failure::undelivered(&record))),
            (None, None) => Ok(()),
        }
    }
}

fn spent(detail: String) -> Error {
    let detail =
        format!("the coordinator has ended the transaction, a new producer will take over ({detail})");
    Error::Transient { action: "abort transaction", detail }
}

fn not_started(name: &WorkerName, error: KafkaError) -> Error {
    let denied = request(name, INIT).denied(&error);
    denied.unwrap_or_else(|| failure::fatal(INIT)(error))
}

fn request<'a>(name: &'a WorkerName, action: &'static str) -> failure::Request<'a> {
    let WorkerName { group, transactional_id, .. } = name;
    failure::Request { action, topics: "(one of those written)", operation: "Write", group, transactional_id }
}

/// Repeats a step while the library says that repeating helps.
fn retry(clock: SystemClock, mut step: impl FnMut() -> KafkaResult<()>) -> KafkaResult<()> {
    let until = clock.monotonic() + STEP_TIMEOUT;
    for _ in 1..MAX_ATTEMPTS {
        match step() {
            Err(error) if failure::is_retriable(&error) && clock.monotonic() < until => {}
            outcome => return outcome,
        }
    }
    step()
}

/// A record that the library itself refuses would be refused again: aborting would repeat forever.
fn refused(topic: &str, body: Body<'_>, error: &KafkaError) -> Error {
    match error {
        KafkaError::MessageProduction(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => {
            let bytes = body.value.map_or(0, <[u8]>::len);
            let detail = format!("a record of {bytes} bytes for topic `{topic}`: {error}");
            Error::Fatal { action: "produce", detail }
        }
        _ => failure::transaction("produce", error),
    }
}

fn headers(pairs: &[(&'static str, String)]) -> Option<OwnedHeaders> {
    if pairs.is_empty() {
        return None;
    }
    let headers = OwnedHeaders::new_with_capacity(pairs.len());
    let add = |headers: OwnedHeaders, (key, value): &(&'static str, String)| {
        headers.insert(Header { key, value: Some(value) })
    };
    Some(pairs.iter().fold(headers, add))
}

fn topic(topics: &Topics, output: Output) -> &str {
    match output {
        Output::Activity => &topics.activity,
        Output::Alerts => &topics.alerts,
        Output::Inventory => &topics.inventory,
        Output::State => &topics.state,
        Output::DeadLetter => &topics.dead_letter,
    }
}
