//! The transactional producer of one worker.

use std::sync::Arc;
use std::time::Duration;

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

/// How long the transaction coordinator may take at start: it first ends the transaction that a former producer left open.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one step of a transaction may take before it is given up; somewhat more than the broker's transaction timeout.
const STEP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one try to abort takes: between tries the group is heard, which expels whoever is silent for long.
const ABORT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one step of an abort waits before delivery reports are taken in.
const ABORT_STEP: Duration = Duration::from_millis(100);
/// Retriable steps are tried this often, and not again after [`STEP_TIMEOUT`]: with the last try's own timeout a step takes half a
/// minute at most. The watchdog counts on that.
const MAX_ATTEMPTS: u32 = 5;
/// Wait between looks at the producer's queue. The library's own `flush` looks every 100 ms.
const SERVE: Duration = Duration::from_millis(1);
/// Events that are served per poll of the consumer, so that delivery reports do not pile up.
const DELIVERIES_PER_SERVE: u32 = 4;

/// The transactional producer of one worker.
pub(crate) struct Transactions {
    producer: BaseProducer<ProducerNotes>,
    name: WorkerName,
    topics: Topics,
    clock: SystemClock,
    is_open: bool,
}

impl Transactions {
    /// Connects, and ends what a former producer of the same name left open.
    pub(crate) fn start(
        config: &Config,
        stage: StageKind,
        name: &WorkerName,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let notes = ProducerNotes::new(stage, Arc::clone(observer));
        let settings = client::producer(&config.kafka, name);
        let producer = BaseProducer::from_config_and_context(&settings, notes)
            .map_err(failure::fatal("create producer"))?;
        producer.init_transactions(INIT_TIMEOUT).map_err(|error| {
            let denied = request(name, "init transactions").denied(&error);
            denied.unwrap_or_else(|| failure::fatal("init transactions")(error))
        })?;
        Ok(Self {
            producer,
            name: name.clone(),
            topics: config.topics.clone(),
            clock: SystemClock::start(),
            is_open: false,
        })
    }

    /// Takes in delivery reports without waiting.
    pub(crate) fn serve(&self) {
        if self.is_open {
            for _ in 0..DELIVERIES_PER_SERVE {
                self.producer.poll(Duration::ZERO);
            }
        }
    }

    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.producer
            .begin_transaction()
            .map_err(|error| failure::transaction("begin transaction", &error))?;
        self.is_open = true;
        Ok(())
    }

    pub(crate) fn send(&mut self, record: &OutRecord) -> Result<(), Error> {
        let topic = topic(&self.topics, record.output);
        let mut next = BaseRecord::<[u8], [u8]>::to(topic);
        next.partition = record.partition;
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        next.headers = headers(record);
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    next = back;
                    self.producer.poll(SERVE);
                    self.check_deliveries()?;
                }
                Err((error, _)) => return Err(refused(topic, record, &error)),
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
        self.is_open = false;
        Ok(())
    }

    pub(crate) fn abort(&mut self) -> Result<(), Error> {
        if !self.is_open {
            return Ok(());
        }
        self.abort_in_steps().map_err(|error| match failure::transaction("abort transaction", &error) {
            Error::Abortable { action, detail } if failure::is_retriable(&error) => {
                Error::Transient { action, detail }
            }
            // What cannot even be aborted is left to the next start, which fences it.
            Error::Abortable { action, detail } => Error::Fatal { action, detail },
            other => other,
        })?;
        self.take_in_deliveries();
        drop(self.producer.context().take_failure());
        self.is_open = false;
        Ok(())
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
        denied.unwrap_or_else(|| failure::transaction(action, error))
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
            (Some((code, words)), _) => Err(failure::beyond_repair("deliver", code, words)),
            (None, Some(record)) => Err(failure::undelivered(&record)),
            (None, None) => Ok(()),
        }
    }
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
fn refused(topic: &str, record: &OutRecord, error: &KafkaError) -> Error {
    match error {
        KafkaError::MessageProduction(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => {
            let bytes = record.value.as_ref().map_or(0, Vec::len);
            let detail =
                format!("{} record of {bytes} bytes for topic `{topic}`: {error}", record.output.kind());
            Error::Fatal { action: "produce", detail }
        }
        _ => failure::transaction("produce", error),
    }
}

fn headers(record: &OutRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    let add = |headers: OwnedHeaders, (key, value): &(&'static str, String)| {
        headers.insert(Header { key, value: Some(value) })
    };
    Some(record.headers.iter().fold(headers, add))
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
