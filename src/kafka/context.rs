//! What the client library calls back: these only take note; the stage's loop acts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::client::LibraryLog;
use super::{failure, lag, losses};
use crate::runtime::{Observer, StageKind};

/// What the group said.
#[derive(Debug)]
pub(crate) enum Notice {
    /// These become ours.
    Assign(TopicPartitionList),
    /// These are to be given back.
    Revoke(TopicPartitionList),
    /// These are another's already.
    Lose(TopicPartitionList),
    /// The library does not read this partition on where it stood; `None` where it is not known which.
    Reset(Option<(String, i32)>),
    /// This partition is read to its end.
    End(String, i32),
}

/// Takes note of what happens to a stage's consumer.
pub(crate) struct ConsumerNotes {
    stage: StageKind,
    observer: Arc<dyn Observer>,
    log: LibraryLog,
    notices: Mutex<VecDeque<Notice>>,
    is_closing: AtomicBool,
}

impl ConsumerNotes {
    pub(crate) fn new(stage: StageKind, observer: Arc<dyn Observer>) -> Self {
        Self {
            stage,
            observer,
            log: LibraryLog::default(),
            notices: Mutex::default(),
            is_closing: AtomicBool::new(false),
        }
    }

    /// The next thing that the group said.
    pub(crate) fn next(&self) -> Option<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// From now on partitions are given back at once: nobody acts on notices any more.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    fn note(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push_back(notice);
    }
}

impl ClientContext for ConsumerNotes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if let Some(partition) = losses::reset_partition(facility, text) {
            self.note(Notice::Reset(partition));
        }
        self.log.write(level, facility, text);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let ended = lag::report(statistics, &*self.observer);
        // A stage of one topic hears of each end at once.
        if self.stage == StageKind::Ingest {
            ended.into_iter().for_each(|(topic, partition)| self.note(Notice::End(topic, partition)));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report_error(&self.log, &*self.observer, self.stage, &error, reason);
    }
}

impl ConsumerContext for ConsumerNotes {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let is_assign = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            // Even a refused answer ends the wait: the consumer is being destroyed.
            drop(give_back(consumer, partitions));
        } else if is_assign {
            self.note(Notice::Assign(partitions.clone()));
        } else if consumer.assignment_lost() {
            self.note(Notice::Lose(partitions.clone()));
        } else {
            self.note(Notice::Revoke(partitions.clone()));
        }
    }
}

/// Gives partitions back, in the way of the group's protocol.
pub(crate) fn give_back(
    consumer: &BaseConsumer<ConsumerNotes>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

/// Takes partitions over, in the way of the group's protocol.
pub(crate) fn take_over(
    consumer: &BaseConsumer<ConsumerNotes>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(partitions),
    }
}

/// Takes note of what happens to a stage's producer.
pub(crate) struct ProducerNotes {
    stage: StageKind,
    observer: Arc<dyn Observer>,
    log: LibraryLog,
    failed: Mutex<Option<Undelivered>>,
}

/// A record that was not delivered.
#[derive(Clone, Debug)]
pub(crate) struct Undelivered {
    /// Why.
    pub(crate) error: KafkaError,
    /// Topic that it was meant for.
    pub(crate) topic: String,
    /// Bytes of its key and value.
    pub(crate) bytes: usize,
}

impl Undelivered {
    fn new(error: &KafkaError, message: &BorrowedMessage<'_>) -> Self {
        let bytes = message.key_len() + message.payload_len();
        Self { error: error.clone(), topic: message.topic().to_owned(), bytes }
    }
}

impl ProducerNotes {
    pub(crate) fn new(stage: StageKind, observer: Arc<dyn Observer>) -> Self {
        Self { stage, observer, log: LibraryLog::default(), failed: Mutex::default() }
    }

    /// The first delivery that failed since the last call.
    pub(crate) fn take_failure(&self) -> Option<Undelivered> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for ProducerNotes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if let Some(topic) = failure::topic_not_allowed(facility, text) {
            let error = KafkaError::MessageProduction(RDKafkaErrorCode::TopicAuthorizationFailed);
            let refused = Undelivered { error, topic: topic.to_owned(), bytes: 0 };
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
        }
        self.log.write(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        report_error(&self.log, &*self.observer, self.stage, &error, reason);
    }
}

impl ProducerContext for ProducerNotes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| Undelivered::new(error, message));
        }
    }
}

/// Counts and logs trouble that the library tells of outside of any call.
fn report_error(
    log: &LibraryLog,
    observer: &dyn Observer,
    stage: StageKind,
    error: &KafkaError,
    reason: &str,
) {
    if is_end(error) {
        return;
    }
    let code = error.rdkafka_error_code().map_or_else(|| "unknown".to_owned(), |code| format!("{code:?}"));
    observer.broker_error(stage, &code);
    log.write(RDKafkaLogLevel::Warning, &code, reason);
}

/// The end of a partition is told in the same way as trouble, and is none.
fn is_end(error: &KafkaError) -> bool {
    matches!(error, KafkaError::PartitionEOF(_))
        || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF)
}

/// Takes note of nothing, and keeps the library's log in bounds: for the clients that restore and ask.
#[derive(Default)]
pub(crate) struct Quiet {
    log: LibraryLog,
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.write(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if !is_end(&error) {
            self.log.write(RDKafkaLogLevel::Warning, &error.to_string(), reason);
        }
    }
}

impl ConsumerContext for Quiet {}
