//! Kafka as a stage sees it. The real one is [`crate::kafka::KafkaLog`]; models bring a deterministic one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::ProcessingTime;

/// A partition that a stage reads: the topic by its place in the stage's list of topics, and the partition's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Index into the stage's topics.
    pub topic: u16,
    /// Partition number.
    pub partition: i32,
}

/// One message, borrowed from the client's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where it was read.
    pub source: Source,
    /// Its offset.
    pub offset: i64,
    /// When it reached the topic.
    pub timestamp: ProcessingTime,
    /// Key, if any.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// What its headers call it.
    pub passage: Passage,
}

/// What a message's headers call it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passage {
    /// As it was logged.
    #[default]
    Live,
    /// History that `backfill` feeds in.
    Past,
    /// What `backfill` says about the history that it fed in.
    Statement,
}

/// What came of a poll.
#[derive(Debug)]
pub enum Event {
    /// A message was handed over.
    Message,
    /// Nothing happened in time.
    Idle,
    /// A partition was read to its end.
    End(Source),
    /// The group gives us partitions; they become ours by [`Log::take`].
    Assigned(Vec<Source>),
    /// The group wants partitions back; they are ours until [`Log::release`].
    Revoked(Vec<Source>),
    /// Partitions are another's already.
    Lost(Vec<Source>),
    /// These partitions may not be readable where we stand; [`Log::losses`] tells.
    Doubt(Vec<Source>),
    /// The client met trouble.
    Error(Error),
}

/// Messages of a partition that were not read, and cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Partition.
    pub source: Source,
    /// Its topic.
    pub topic: String,
    /// Where we stood: the first offset that was lost.
    pub from: i64,
    /// Where reading goes on. Before `from` where the topic is not the one that was read.
    pub to: i64,
    /// Why.
    pub reason: LossReason,
    /// Reception time of the first message from `to` on; of the discovery where there is none.
    pub until: ProcessingTime,
}

impl Loss {
    /// How many offsets were lost; 0 where nobody can tell, as they are another topic's.
    #[must_use]
    pub fn offsets(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or_default()
    }

    /// Whether something is known to be lost.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        LossReason::CERTAIN.contains(&self.reason)
    }
}

/// Why messages cannot be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossReason {
    /// Retention, or somebody, deleted them.
    Deleted,
    /// The topic ends before the offset that was read: it was made again, or cut.
    MadeAgain,
    /// Their batch is damaged, or compressed in an unknown way.
    Unreadable,
    /// Nothing was ever committed, or it was forgotten: whether there were any before the beginning is not known.
    NotCommitted,
    /// Only the end of a transaction was deleted, of which everything was read: nothing is lost.
    Marker,
}

impl LossReason {
    /// Those that are a loss for certain.
    pub const CERTAIN: [Self; 3] = [Self::Deleted, Self::MadeAgain, Self::Unreadable];

    /// Bounded label for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::MadeAgain => "made_again",
            Self::Unreadable => "unreadable",
            Self::NotCommitted => "not_committed",
            Self::Marker => "marker",
        }
    }
}

/// What came of a step of restoring.
#[derive(Clone, Copy, Debug)]
pub enum Restored<'a> {
    /// A changelog record of this partition; `None` is a tombstone.
    Record(&'a [u8], Option<&'a [u8]>),
    /// All of this partition's changelog was handed over.
    Done,
}

/// The topics that stages write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Output {
    /// Frames of activities.
    Activity,
    /// Alerts.
    Alerts,
    /// Last-seen records.
    Inventory,
    /// Changelog.
    State,
    /// What could not be understood.
    DeadLetter,
}

impl Output {
    /// The kind of record, as a metric label.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Activity => "frame",
            Self::Alerts => "alert",
            Self::Inventory => "last_seen",
            Self::State => "state",
            Self::DeadLetter => "dead_letter",
        }
    }
}

/// One record to produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRecord {
    /// Where to.
    pub output: Output,
    /// Partition; `None` leaves it to the key's hash.
    pub partition: Option<i32>,
    /// Key, if any.
    pub key: Option<Vec<u8>>,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(&'static str, String)>,
}

/// Why the log could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A passing trouble: the client goes on by itself.
    #[error("{action}: {detail}")]
    Transient {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
    /// The transaction cannot be committed, and must be aborted and done again.
    #[error("{action}: {detail}: the transaction is aborted and its input read again")]
    Abortable {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
    /// Another producer with our transactional id, or another member of the group with our name, has taken over.
    #[error(
        "{action}: fenced: this worker's name in Kafka is another's now ({detail}): another instance runs under this instance_id, or \
         took over while this one was stalled; or a broker died that coordinated its group. Start it anew"
    )]
    Fenced {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
    /// The client cannot go on.
    #[error("{action}: {detail}")]
    Fatal {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
}

impl Error {
    /// What trouble means within a transaction: what was passed over there would be missing from it.
    pub(crate) fn within_transaction(self) -> Self {
        match self {
            Self::Transient { action, detail } => Self::Abortable { action, detail },
            other => other,
        }
    }

    /// Bounded label for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::Abortable { .. } => "abortable",
            Self::Fenced { .. } => "fenced",
            Self::Fatal { .. } => "fatal",
        }
    }
}

/// Kafka as a stage sees it: a consumer in a group and a transactional producer, used by one thread.
pub trait Log {
    /// Waits up to `timeout` for something to happen. A message is handed to `on_message` before this returns [`Event::Message`].
    fn poll(&mut self, timeout: Duration, on_message: &mut dyn FnMut(Message<'_>)) -> Event;

    /// The offsets that were committed for these partitions, after all pending transactions; none for those without.
    ///
    /// # Errors
    /// Where the group's coordinator does not answer, or a transaction stays pending.
    fn committed(&mut self, sources: &[Source]) -> Result<BTreeMap<Source, i64>, Error>;

    /// Makes assigned partitions ours, paused, to be read from these offsets on (from the beginning where there is none).
    ///
    /// # Errors
    /// Where the client refuses.
    fn take(&mut self, sources: &[Source], from: &BTreeMap<Source, i64>) -> Result<(), Error>;

    /// What cannot be read any more of partitions of which these are the next offsets (`None`: the beginning). May take as long as
    /// a transaction may stay open.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    fn losses(&mut self, _positions: &BTreeMap<Source, Option<i64>>) -> Result<Vec<Loss>, Error> {
        Ok(Vec::new())
    }

    /// Gives revoked or lost partitions back, also those that were assigned and not taken yet.
    ///
    /// # Errors
    /// Where the client refuses.
    fn release(&mut self, sources: &[Source]) -> Result<(), Error>;

    /// Stops messages of these partitions.
    ///
    /// # Errors
    /// Where the client refuses.
    fn pause(&mut self, sources: &[Source]) -> Result<(), Error>;

    /// Lets messages of these partitions come.
    ///
    /// # Errors
    /// Where the client refuses.
    fn resume(&mut self, sources: &[Source]) -> Result<(), Error>;

    /// Reads one partition again from `offset`, inclusive; from the beginning where it is `None`.
    ///
    /// # Errors
    /// Where the client refuses.
    fn seek(&mut self, source: Source, offset: Option<i64>) -> Result<(), Error>;

    /// Opens a transaction. Trouble from here to its end counts as [`Error::Abortable`] where it calls itself transient.
    ///
    /// # Errors
    /// Where the producer cannot.
    fn begin(&mut self) -> Result<(), Error>;

    /// Produces one record within the open transaction. May wait while the producer's queue is full.
    ///
    /// # Errors
    /// Where the record or an earlier one was refused.
    fn send(&mut self, record: &OutRecord) -> Result<(), Error>;

    /// Commits the open transaction, with `frontier`: the next offset to read of each partition that it changed.
    ///
    /// The frontier goes with the group's metadata, so that an owner of an older generation is refused.
    ///
    /// # Errors
    /// Where it was not committed, or it is not known whether it was.
    fn commit(&mut self, frontier: &BTreeMap<Source, i64>) -> Result<(), Error>;

    /// Aborts the open transaction, if any.
    ///
    /// # Errors
    /// [`Error::Transient`] where the brokers could not end it yet: nothing may be done but to call this again. Others where the
    /// producer is beyond that.
    fn abort(&mut self) -> Result<(), Error>;

    /// Asks for the changelog of the partition with this source's number, from the beginning up to where it ends now.
    fn restore_begin(&mut self, source: Source);

    /// Hands over the next changelog records of partitions being restored, for about `budget`.
    ///
    /// # Errors
    /// Where the changelog cannot be read.
    fn restore_next(
        &mut self,
        budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error>;

    /// Forgets about restoring these partitions.
    fn restore_stop(&mut self, sources: &[Source]);

    /// Leaves the group. Nothing else is called afterwards.
    fn close(&mut self);
}
