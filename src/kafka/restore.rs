//! Reads the changelog of partitions that were just assigned.
//!
//! Where a partition's changelog ends is asked for as a `read_uncommitted` reader sees it, after the assignment: a former
//! owner's transaction may be in the offsets topic before its marker is in the changelog. Reading starts once
//! the last stable offset has passed that mark (see `docs/adr/0001-transactional-stage.md`).

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::client;
use super::context::Quiet;
use super::{failure, losses};
use crate::config::Kafka;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::log::{Error, Restored, Source};

/// How long the broker may take to say where a partition ends. Other partitions run meanwhile: with the commit interval it must
/// stay below the transaction's timeout.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between looks at a pending transaction.
const PENDING_POLL: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// Where the changelog ends is not known yet.
    Asked,
    /// A transaction before `end` is pending.
    Pending { end: i64 },
    /// It is being read.
    Reading,
}

/// Reads changelogs, several at a time.
pub(crate) struct Restorer {
    topic: String,
    group: String,
    committed: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
    partitions: BTreeMap<Source, Progress>,
    clock: SystemClock,
}

impl Restorer {
    pub(crate) fn new(kafka: &Kafka, group: &str, topic: &str) -> Result<Self, Error> {
        let reader = client::restorer(kafka, group);
        let probe = client::probe(kafka);
        Ok(Self {
            topic: topic.to_owned(),
            group: format!("{group}-restore"),
            committed: BaseConsumer::from_config_and_context(&reader, Quiet::default())
                .map_err(failure::fatal("create restore consumer"))?,
            uncommitted: BaseConsumer::from_config_and_context(&probe, Quiet::default())
                .map_err(failure::fatal("create restore probe"))?,
            partitions: BTreeMap::new(),
            clock: SystemClock::start(),
        })
    }

    pub(crate) fn begin(&mut self, source: Source) {
        self.partitions.insert(source, Progress::Asked);
    }

    pub(crate) fn stop(&mut self, sources: &[Source]) {
        for source in sources {
            if let Some(Progress::Reading) = self.partitions.remove(source) {
                self.unassign(*source);
            }
        }
    }

    pub(crate) fn next(
        &mut self,
        budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        self.look(budget, on_record)?;
        self.read(budget, on_record)
    }

    /// Moves on what is not being read yet.
    fn look(
        &mut self,
        budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        let until = self.clock.monotonic() + budget;
        let waiting: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, progress)| !matches!(progress, Progress::Reading))
            .map(|(source, progress)| (*source, *progress))
            .collect();
        for (source, progress) in waiting {
            if self.clock.monotonic() >= until {
                return Ok(());
            }
            let end = match progress {
                Progress::Pending { end } => end,
                Progress::Asked | Progress::Reading => self.end(&self.uncommitted, source)?.1,
            };
            let (start, stable) = self.end(&self.committed, source)?;
            if start >= end {
                self.partitions.remove(&source);
                on_record(source, Restored::Done);
            } else if stable >= end {
                self.assign(source)?;
                self.partitions.insert(source, Progress::Reading);
            } else {
                self.partitions.insert(source, Progress::Pending { end });
            }
        }
        Ok(())
    }

    /// Passing trouble is only reported where nothing else came: the library notes each connection that failed while brokers were
    /// down, and one note a call, with a pause after each, would hold the partition up long after they are back.
    fn read(
        &mut self,
        budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        let until = self.clock.monotonic() + budget;
        let mut trouble = None;
        loop {
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() || self.partitions.is_empty() {
                return Ok(());
            }
            match self.committed.poll(left.min(PENDING_POLL)) {
                None => return trouble.map_or(Ok(()), Err),
                Some(Ok(message)) => {
                    let source = Source { topic: 0, partition: message.partition() };
                    if let (Some(Progress::Reading), Some(key)) =
                        (self.partitions.get(&source), message.key())
                    {
                        on_record(source, Restored::Record(key, message.payload()));
                        trouble = None;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.finish(partition, on_record),
                Some(Err(error)) => match self.failed("read changelog", error) {
                    passing @ Error::Transient { .. } => trouble = Some(passing),
                    lasting => return Err(lasting),
                },
            }
        }
    }

    fn finish(&mut self, partition: i32, on_record: &mut dyn FnMut(Source, Restored<'_>)) {
        let source = Source { topic: 0, partition };
        if let Some(Progress::Reading) = self.partitions.remove(&source) {
            self.unassign(source);
            on_record(source, Restored::Done);
        }
    }

    fn end(&self, consumer: &BaseConsumer<Quiet>, source: Source) -> Result<(i64, i64), Error> {
        consumer
            .fetch_watermarks(&self.topic, source.partition, WATERMARK_TIMEOUT)
            .map_err(|error| self.failed("ask where the changelog ends", error))
    }

    /// What cannot be unpacked is never passed over here: state would be missing, and would be written over.
    fn failed(&self, action: &'static str, error: KafkaError) -> Error {
        let request = failure::Request {
            action,
            topics: &self.topic,
            operation: "Read",
            group: &self.group,
            transactional_id: "",
        };
        if let Some(denied) = request.denied(&error) {
            return denied;
        }
        if losses::is_unreadable(&error) {
            let detail = format!(
                "a batch of `{}` is damaged, or compressed in an unknown way ({}): restore the topic from a replica, or reset",
                self.topic,
                failure::words(&error)
            );
            return Error::Fatal { action, detail };
        }
        failure::consumer(action, &error)
    }

    fn assign(&self, source: Source) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, source.partition, Offset::Beginning)
            .and_then(|()| self.committed.incremental_assign(&list))
            .map_err(failure::fatal("read changelog"))
    }

    fn unassign(&self, source: Source) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, source.partition);
        if let Err(error) = self.committed.incremental_unassign(&list) {
            tracing::warn!(%error, partition = source.partition, "the changelog could not be put aside");
        }
    }
}
