//! [`Log`] on Kafka: a consumer in a group and a transactional producer, both driven by the worker's own thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client::{self, WorkerName};
use super::context::{ConsumerNotes, Notice, give_back, take_over};
use super::failure;
use super::losses::{self, Looker};
use super::restore::Restorer;
use super::transaction::Transactions;
use crate::config::Config;
use crate::runtime::log::{Error, Event, Log, Loss, Message, OutRecord, Passage, Restored, Source};
use crate::runtime::{Observer, StageKind};
use crate::time::ProcessingTime;
use crate::wire::backfill;

/// How long committed offsets may take. Partitions that run wait meanwhile, and a dead owner's transaction may take longer
/// to end: they are asked for again.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a seek may take; it is answered by the library itself.
const SEEK_TIMEOUT: Duration = Duration::from_secs(1);

/// A stage's connection to Kafka.
pub struct KafkaLog {
    stage: StageKind,
    name: WorkerName,
    topics: Vec<String>,
    observer: Arc<dyn Observer>,
    // Declared before the consumer: an open transaction ends before the group is left.
    transactions: Option<Transactions>,
    restorer: Option<Restorer>,
    looker: Looker,
    consumer: Option<BaseConsumer<ConsumerNotes>>,
    /// An assignment that was told and not taken yet. The library cannot leave the group before it is answered.
    unanswered: Option<TopicPartitionList>,
}

/// What a worker needs to know to connect.
#[derive(Clone, Debug)]
pub struct Worker<'a> {
    /// All settings.
    pub config: &'a Config,
    /// Its stage.
    pub stage: StageKind,
    /// Its names towards Kafka.
    pub name: &'a WorkerName,
    /// Topics it reads; [`Source::topic`] counts through these.
    pub topics: Vec<String>,
}

impl KafkaLog {
    /// Connects, fences a former producer of the same name, and joins the group.
    ///
    /// # Errors
    /// Where a property is not valid, or the transaction coordinator does not answer.
    pub fn connect(worker: Worker<'_>, observer: &Arc<dyn Observer>) -> Result<Self, Error> {
        let Worker { config, stage, name, topics } = worker;
        let transactions = Transactions::start(config, stage, name, observer)?;
        let restorer = match stage {
            StageKind::Ingest => None,
            StageKind::Monitor => Some(Restorer::new(&config.kafka, &name.group, &config.topics.state)?),
        };
        let notes = ConsumerNotes::new(stage, Arc::clone(observer));
        let consumer = BaseConsumer::from_config_and_context(&client::consumer(&config.kafka, name), notes)
            .map_err(failure::fatal("create consumer"))?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(failure::fatal("subscribe"))?;
        Ok(Self {
            stage,
            name: name.clone(),
            topics,
            observer: Arc::clone(observer),
            transactions: Some(transactions),
            restorer,
            // Activities are written by ingest alone; how inputs are written is not known.
            looker: Looker::new(client::looker(&config.kafka, name), stage == StageKind::Monitor),
            consumer: Some(consumer),
            unanswered: None,
        })
    }

    fn consumer(&self) -> Option<&BaseConsumer<ConsumerNotes>> {
        self.consumer.as_ref()
    }

    fn open(&self) -> Result<&BaseConsumer<ConsumerNotes>, Error> {
        self.consumer().ok_or_else(|| closed("use the consumer"))
    }

    fn transactions(&mut self) -> Result<&mut Transactions, Error> {
        self.transactions.as_mut().ok_or_else(|| closed("use the producer"))
    }

    fn topic(&self, source: Source) -> &str {
        self.topics.get(usize::from(source.topic)).map_or("", String::as_str)
    }

    fn list(&self, sources: &[Source]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(sources.len());
        for source in sources {
            list.add_partition(self.topic(*source), source.partition);
        }
        list
    }

    fn list_with(&self, offsets: &BTreeMap<Source, Offset>) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (source, offset) in offsets {
            list.add_partition_offset(self.topic(*source), source.partition, *offset)
                .map_err(failure::fatal("name offsets"))?;
        }
        Ok(list)
    }

    fn sources(&self, list: &TopicPartitionList) -> Vec<Source> {
        list.elements()
            .iter()
            .filter_map(|element| source(&self.topics, element.topic(), element.partition()))
            .collect()
    }

    fn next_notice(&mut self) -> Option<Event> {
        let event = match self.consumer()?.context().next()? {
            Notice::Assign(list) => {
                let event = Event::Assigned(self.sources(&list));
                self.unanswered = Some(list);
                event
            }
            Notice::Revoke(list) => Event::Revoked(self.sources(&list)),
            Notice::Lose(list) => Event::Lost(self.sources(&list)),
            Notice::Reset(Some((topic, partition))) => {
                Event::Doubt(source(&self.topics, &topic, partition).into_iter().collect())
            }
            Notice::Reset(None) => self.doubt_all(),
            Notice::End(topic, partition) => {
                source(&self.topics, &topic, partition).map_or(Event::Idle, Event::End)
            }
        };
        Some(event)
    }

    /// Answers what the group said and nobody acted on, since it cannot be left before.
    fn answer_the_rest(&mut self) {
        let Some(consumer) = &self.consumer else { return };
        let assigned = self.unanswered.take().map(Notice::Assign);
        let rest = assigned.into_iter().chain(std::iter::from_fn(|| consumer.context().next()));
        for notice in rest {
            let answered = match notice {
                Notice::Assign(list) => take_over(consumer, &list),
                Notice::Revoke(list) | Notice::Lose(list) => give_back(consumer, &list),
                Notice::Reset(_) | Notice::End(..) => Ok(()),
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "the group was not answered");
            }
        }
    }
}

impl Log for KafkaLog {
    fn poll(&mut self, timeout: Duration, on_message: &mut dyn FnMut(Message<'_>)) -> Event {
        if let Some(transactions) = &self.transactions {
            transactions.serve();
        }
        // A poll that meets a rebalance returns nothing, so that what was noted is never behind a message.
        if let Some(event) = self.next_notice() {
            return event;
        }
        let Some(consumer) = self.consumer() else { return Event::Idle };
        match consumer.poll(timeout) {
            None => self.next_notice().unwrap_or(Event::Idle),
            Some(Ok(message)) => match borrow(&self.topics, &message) {
                Some(borrowed) => {
                    on_message(borrowed);
                    Event::Message
                }
                None => Event::Idle,
            },
            Some(Err(KafkaError::PartitionEOF(partition))) => self.end(partition),
            Some(Err(error)) if losses::is_unreadable(&error) => {
                self.looker.expect_unreadable();
                self.doubt_all()
            }
            Some(Err(error)) => {
                Event::Error(self.denied("read", &error).unwrap_or_else(|| failure::consumer("poll", &error)))
            }
        }
    }

    fn losses(&mut self, positions: &BTreeMap<Source, Option<i64>>) -> Result<Vec<Loss>, Error> {
        let mut losses = Vec::new();
        for (source, position) in positions {
            let Some(topic) = self.topics.get(usize::from(source.topic)) else { continue };
            losses.extend(self.looker.look(topic, *source, *position)?);
        }
        self.looker.done();
        Ok(losses)
    }

    fn committed(&mut self, sources: &[Source]) -> Result<BTreeMap<Source, i64>, Error> {
        if sources.is_empty() {
            return Ok(BTreeMap::new());
        }
        let list = self
            .open()?
            .committed_offsets(self.list(sources), COMMITTED_TIMEOUT)
            .map_err(|error| self.not_committed(error))?;
        let mut offsets = BTreeMap::new();
        for element in list.elements() {
            element.error().map_err(|error| self.not_committed(error))?;
            let known = source(&self.topics, element.topic(), element.partition());
            if let (Some(source), Offset::Offset(offset)) = (known, element.offset()) {
                offsets.insert(source, offset);
            }
        }
        Ok(offsets)
    }

    fn take(&mut self, sources: &[Source], from: &BTreeMap<Source, i64>) -> Result<(), Error> {
        let offset = |source: &Source| from.get(source).map_or(Offset::Beginning, |at| Offset::Offset(*at));
        let offsets = sources.iter().map(|source| (*source, offset(source))).collect();
        let list = self.list_with(&offsets)?;
        take_over(self.open()?, &list).map_err(failure::fatal("take partitions over"))?;
        self.unanswered = None;
        self.pause(sources)
    }

    fn release(&mut self, sources: &[Source]) -> Result<(), Error> {
        // The library gives back only what was taken over.
        if let Some(list) = self.unanswered.take() {
            take_over(self.open()?, &list).map_err(failure::fatal("take partitions over"))?;
        }
        for source in sources {
            self.observer.released(self.topic(*source), source.partition);
        }
        give_back(self.open()?, &self.list(sources)).map_err(failure::fatal("give partitions back"))
    }

    fn pause(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.open()?.pause(&self.list(sources)).map_err(failure::fatal("pause"))
    }

    fn resume(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.open()?.resume(&self.list(sources)).map_err(failure::fatal("resume"))
    }

    fn seek(&mut self, source: Source, offset: Option<i64>) -> Result<(), Error> {
        let offset = offset.map_or(Offset::Beginning, Offset::Offset);
        self.open()?
            .seek(self.topic(source), source.partition, offset, SEEK_TIMEOUT)
            .map_err(failure::transient("seek"))
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.transactions()?.begin()
    }

    fn send(&mut self, record: &OutRecord) -> Result<(), Error> {
        self.transactions()?.send(record)
    }

    fn commit(&mut self, frontier: &BTreeMap<Source, i64>) -> Result<(), Error> {
        let offsets = frontier.iter().map(|(source, at)| (*source, Offset::Offset(*at))).collect();
        let list = self.list_with(&offsets)?;
        let group = self.open()?.group_metadata().ok_or_else(|| closed("name the group"))?;
        self.transactions()?.commit(&list, &group)
    }

    fn abort(&mut self) -> Result<(), Error> {
        let expelled = self.consumer().and_then(|consumer| consumer.client().fatal_error());
        let transactions = self.transactions()?;
        match expelled {
            // Who has this worker's name in the group by now must not be fenced.
            Some((_, detail)) if transactions.is_spent() => {
                Err(Error::Fatal { action: "take over from a spent producer", detail })
            }
            _ => transactions.abort(),
        }
    }

    fn restore_begin(&mut self, source: Source) {
        if let Some(restorer) = &mut self.restorer {
            restorer.begin(source);
        }
    }

    fn restore_next(
        &mut self,
        budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        self.restorer.as_mut().map_or(Ok(()), |restorer| restorer.next(budget, on_record))
    }

    fn restore_stop(&mut self, sources: &[Source]) {
        if let Some(restorer) = &mut self.restorer {
            restorer.stop(sources);
        }
    }

    fn close(&mut self) {
        self.transactions = None;
        self.restorer = None;
        if let Some(consumer) = &self.consumer {
            consumer.context().close();
        }
        self.answer_the_rest();
        // Dropping it leaves the group, and waits until that is done.
        self.consumer = None;
        tracing::debug!(stage = self.stage.as_str(), "left the group");
    }
}

impl KafkaLog {
    fn denied(&self, action: &'static str, error: &KafkaError) -> Option<Error> {
        let topics = self.topics.join("`, `");
        let WorkerName { group, transactional_id, .. } = &self.name;
        failure::Request { action, topics: &topics, operation: "Read", group, transactional_id }.denied(error)
    }

    fn not_committed(&self, error: KafkaError) -> Error {
        const ACTION: &str = "ask for committed offsets";
        self.denied(ACTION, &error).unwrap_or_else(|| failure::transient(ACTION)(error))
    }

    /// The library does not always name the partition.
    fn doubt_all(&self) -> Event {
        let assigned = self.open().ok().and_then(|consumer| consumer.assignment().ok());
        Event::Doubt(assigned.map(|list| self.sources(&list)).unwrap_or_default())
    }

    /// The library names the partition but not the topic: with more topics than one, only its statistics tell which has ended.
    fn end(&self, partition: i32) -> Event {
        if self.topics.len() == 1 { Event::End(Source { topic: 0, partition }) } else { Event::Idle }
    }
}

fn source(topics: &[String], topic: &str, partition: i32) -> Option<Source> {
    let index = topics.iter().position(|known| known == topic)?;
    Some(Source { topic: u16::try_from(index).ok()?, partition })
}

fn borrow<'a>(topics: &[String], message: &'a BorrowedMessage<'_>) -> Option<Message<'a>> {
    Some(Message {
        source: source(topics, message.topic(), message.partition())?,
        offset: message.offset(),
        timestamp: ProcessingTime::from_millis(message.timestamp().to_millis().unwrap_or_default()),
        key: message.key(),
        value: message.payload(),
        passage: passage(message),
    })
}

/// Most messages have no headers, and are not looked at further.
fn passage(message: &BorrowedMessage<'_>) -> Passage {
    let Some(headers) = message.headers() else { return Passage::Live };
    let has = |name: &str| headers.iter().any(|header| header.key == name);
    match (has(backfill::STATEMENT_HEADER), has(backfill::HEADER)) {
        (true, _) => Passage::Statement,
        (false, true) => Passage::Past,
        (false, false) => Passage::Live,
    }
}

fn closed(action: &'static str) -> Error {
    Error::Fatal { action, detail: "the connection is closed".into() }
}
