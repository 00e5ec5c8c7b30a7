//! What of a partition cannot be read any more: deleted, cut off, or damaged.
//!
//! The client library goes on by itself where an offset is out of range, and only logs that; at a batch that it cannot unpack it
//! stands still, and says so again and again without naming the partition (librdkafka 2.12.1: `rd_kafka_offset_reset`,
//! `rd_kafka_msgset_reader_v2`). Both are taken as a hint; a consumer of its own then looks what is the case.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::client::LibraryLog;
use super::failure;
use crate::runtime::clock::{self, Clock as _, SystemClock};
use crate::runtime::log::{Error, Loss, LossReason, Source};
use crate::time::ProcessingTime;

/// How long the brokers may take to say where a partition begins and ends, and to hand over a message.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long all of it may take: the loop stands still meanwhile, and its group expects it back.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(60);
/// What errors say was being done.
const LOOK: &str = "look for what can be read";

/// Whether the library could not make sense of what it read.
pub(crate) fn is_unreadable(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::NotImplemented
        )
    )
}

/// The partition of which the library's log says that it is not read on where it stood: `cloudtrail [3]: offset reset (at …`.
/// None where the line is about something else; `Some(None)` where it does not name it as expected.
pub(crate) fn reset_partition(facility: &str, text: &str) -> Option<Option<(String, i32)>> {
    if facility != "OFFSET" {
        return None;
    }
    let (before, _) = text.split_once("]: offset reset")?;
    let named = before.rsplit_once(" [").and_then(|(topic, number)| {
        let topic = topic.rsplit(' ').next()?;
        Some((topic.to_owned(), number.parse().ok()?))
    });
    Some(named)
}

/// Looks what can still be read, with a consumer that is made when it is first needed.
pub(crate) struct Looker {
    settings: ClientConfig,
    consumer: Option<BaseConsumer<Hint>>,
    expects_unreadable: bool,
    /// Whether all that is looked at was written in transactions.
    is_transactional: bool,
    clock: SystemClock,
}

/// What is found at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The next message, here or later.
    Message(ProcessingTime),
    /// Nothing more.
    End,
    /// The offset is not in the partition.
    OutOfRange,
    /// A batch that cannot be read, with its first offset where the library names it.
    Unreadable(Option<i64>),
}

/// A partition.
struct Place<'a> {
    topic: &'a str,
    partition: i32,
}

/// The search for the end of a batch. Its length is not told, but any offset within it leads to the same batch: steps are
/// doubled until one leads beyond it, and the last step is halved.
struct Search {
    first: i64,
    within: i64,
    beyond: Option<i64>,
    high: i64,
}

impl Search {
    /// In a batch that holds `first`, of a partition that ends at `high`, exclusive.
    const fn new(first: i64, high: i64) -> Self {
        Self { first, within: first, beyond: None, high }
    }

    /// The offset to look at next; none where the end is known.
    fn next(&self) -> Option<i64> {
        let next = match self.beyond {
            Some(beyond) => self.within + (beyond - self.within) / 2,
            None => self.within + (self.within - self.first).max(1),
        };
        let next = next.min(self.high);
        (next > self.within && self.beyond != Some(next)).then_some(next)
    }

    fn note(&mut self, at: i64, is_within: bool) {
        if is_within { self.within = at } else { self.beyond = Some(at) }
    }

    /// The first offset after the batch.
    fn end(&self) -> i64 {
        self.beyond.unwrap_or(self.high)
    }
}

impl Looker {
    pub(crate) fn new(settings: ClientConfig, is_transactional: bool) -> Self {
        let clock = SystemClock::start();
        Self { settings, consumer: None, expects_unreadable: false, is_transactional, clock }
    }

    /// Something was read that made no sense; it is not known of which partition.
    pub(crate) fn expect_unreadable(&mut self) {
        self.expects_unreadable = true;
    }

    /// Everything was looked at.
    pub(crate) fn done(&mut self) {
        self.expects_unreadable = false;
        if let Some(Err(error)) = self.consumer.as_ref().map(Consumer::unassign) {
            tracing::debug!(%error, "the looked-at partition could not be put aside");
        }
    }

    /// What is lost of a partition that stands at `position` (`None`: at its beginning).
    ///
    /// # Errors
    /// Where the brokers do not answer; it may be asked again.
    pub(crate) fn look(
        &mut self,
        topic: &str,
        source: Source,
        position: Option<i64>,
    ) -> Result<Option<Loss>, Error> {
        let expects_unreadable = self.expects_unreadable;
        let (low, high) = self
            .consumer()?
            .fetch_watermarks(topic, source.partition, LOOK_TIMEOUT)
            .map_err(failure::transient(LOOK))?;
        let place = Place { topic, partition: source.partition };
        let at = position.unwrap_or(low);
        let unreadable = if expects_unreadable && low <= at && at < high {
            self.after_unreadable(&place, at, high)?
        } else {
            None
        };
        let (to, reason) = match unreadable {
            Some(to) => (to, LossReason::Unreadable),
            None if position.is_none() => (low, LossReason::NotCommitted),
            None if at < low => (low, deleted(low - at, self.is_transactional)),
            None if at > high && self.find(&place, at)? == Found::OutOfRange => (low, LossReason::MadeAgain),
            None => return Ok(None),
        };
        let until = self.received(&place, to)?;
        Ok(Some(Loss { source, topic: topic.to_owned(), from: at, to, reason, until }))
    }

    /// Reception time of the first message from `at` on; now, where there is none that can be read.
    fn received(&mut self, place: &Place<'_>, at: i64) -> Result<ProcessingTime, Error> {
        let now = clock::now();
        Ok(match self.find(place, at)? {
            Found::Message(received) => received.min(now),
            Found::End | Found::OutOfRange | Found::Unreadable(_) => now,
        })
    }

    /// Where reading goes on after the batch at `at`, where that cannot be read.
    fn after_unreadable(&mut self, place: &Place<'_>, at: i64, high: i64) -> Result<Option<i64>, Error> {
        let Found::Unreadable(batch) = self.find(place, at)? else { return Ok(None) };
        let until = self.clock.monotonic() + SEARCH_TIMEOUT;
        let mut search = Search::new(at, high);
        while let Some(next) = search.next() {
            if self.clock.monotonic() >= until {
                return Err(unanswered("the end of an unreadable batch was not found in time".into()));
            }
            let found = self.find(place, next)?;
            search.note(next, found == Found::Unreadable(batch));
        }
        Ok(Some(search.end()))
    }

    /// What a reader gets that starts at `at`.
    fn find(&mut self, place: &Place<'_>, at: i64) -> Result<Found, Error> {
        let until = self.clock.monotonic() + LOOK_TIMEOUT;
        let clock = self.clock;
        let consumer = self.consumer()?;
        consumer.context().forget();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(place.topic, place.partition, Offset::Offset(at))
            .and_then(|()| consumer.assign(&list))
            .map_err(failure::transient(LOOK))?;
        loop {
            let left = until.saturating_sub(clock.monotonic());
            match consumer.poll(left) {
                Some(Ok(message)) => return Ok(Found::Message(received(&message))),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Found::End),
                Some(Err(error)) if is_unreadable(&error) => {
                    return Ok(Found::Unreadable(consumer.context().batch()));
                }
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    return Ok(Found::OutOfRange);
                }
                Some(Err(_)) | None if !left.is_zero() => {}
                Some(Err(error)) => return Err(failure::transient(LOOK)(error)),
                None => {
                    return Err(unanswered(format!(
                        "`{}` [{}] does not answer",
                        place.topic, place.partition
                    )));
                }
            }
        }
    }

    fn consumer(&mut self) -> Result<&BaseConsumer<Hint>, Error> {
        if self.consumer.is_none() {
            let consumer = BaseConsumer::from_config_and_context(&self.settings, Hint::default())
                .map_err(failure::fatal("create consumer"))?;
            self.consumer = Some(consumer);
        }
        self.consumer
            .as_ref()
            .ok_or_else(|| Error::Fatal { action: "create consumer", detail: "there is none".into() })
    }
}

/// What it is that so many offsets were deleted.
///
/// Every transaction ends with a marker, which has an offset of its own, and no reader gets past the last one: where all was read and
/// retention then took everything away, as in an outage of some days, exactly that offset is missing. A record would take its marker along.
const fn deleted(offsets: i64, is_transactional: bool) -> LossReason {
    if is_transactional && offsets == 1 { LossReason::Marker } else { LossReason::Deleted }
}

fn unanswered(detail: String) -> Error {
    Error::Transient { action: LOOK, detail }
}

fn received(message: &rdkafka::message::BorrowedMessage<'_>) -> ProcessingTime {
    ProcessingTime::from_millis(message.timestamp().to_millis().unwrap_or_default())
}

/// Remembers which batch the library could not read: it says so in words only.
struct Hint {
    log: LibraryLog,
    batch: AtomicI64,
}

/// No batch.
const UNKNOWN: i64 = -1;

impl Default for Hint {
    fn default() -> Self {
        Self { log: LibraryLog::default(), batch: AtomicI64::new(UNKNOWN) }
    }
}

impl Hint {
    fn forget(&self) {
        self.batch.store(UNKNOWN, Ordering::Release);
    }

    fn batch(&self) -> Option<i64> {
        let batch = self.batch.load(Ordering::Acquire);
        (batch != UNKNOWN).then_some(batch)
    }
}

impl ClientContext for Hint {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.log.write(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if is_unreadable(&error)
            && let Some(offset) = first_offset(reason)
        {
            self.batch.store(offset, Ordering::Release);
        }
    }
}

impl ConsumerContext for Hint {}

/// The offset that the library names: `… of message at 12 of 345 bytes failed …`, `MessageSet at offset 12 (…`.
fn first_offset(reason: &str) -> Option<i64> {
    let (_, rest) = reason.split_once("message at ").or_else(|| reason.split_once("at offset "))?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_that_the_library_resets_is_known_from_its_log() {
        let line = "[thrd:main]: cloudtrail [3]: offset reset (at offset 5 (leader epoch -1), broker 1) to cached BEGINNING offset 10";
        assert_eq!(reset_partition("OFFSET", line), Some(Some(("cloudtrail".into(), 3))));
        assert_eq!(reset_partition("OFFSET", "x]: offset reset (at"), Some(None));
        assert_eq!(reset_partition("OFFSET", "offset 5 committed"), None);
        assert_eq!(reset_partition("FETCH", line), None);
    }

    #[test]
    fn the_batch_that_cannot_be_read_is_known_from_the_librarys_words() {
        let check = |reason: &str, expected| assert_eq!(first_offset(reason), expected, "{reason}");
        check(
            "Decompression (codec 0x5) of message at 12 of 345 bytes failed: Local: Not implemented",
            Some(12),
        );
        check(
            "MessageSet at offset 7 (120 bytes) failed CRC32C check (original 0x1 != calculated 0x2)",
            Some(7),
        );
        check("Unsupported Message(Set) MagicByte 9 at offset 40", Some(40));
        check("something else", None);
    }

    #[test]
    fn the_marker_behind_what_was_read_is_no_loss() {
        assert_eq!(deleted(1, true), LossReason::Marker);
        assert_eq!(deleted(2, true), LossReason::Deleted);
        assert_eq!(deleted(1, false), LossReason::Deleted, "inputs may have no markers");
    }

    /// Looks for the end of a batch that ends before `end`. Returns what was found, and the looks it took.
    fn search(at: i64, end: i64, high: i64) -> (i64, u32) {
        let (mut search, mut looks) = (Search::new(at, high), 0);
        while let Some(next) = search.next() {
            assert!(next <= high, "there is nothing beyond the partition's end");
            search.note(next, next < end);
            looks += 1;
        }
        (search.end(), looks)
    }

    #[test]
    fn the_end_of_a_batch_is_found_in_few_looks() {
        for length in 1..300 {
            for tail in [0, 1, 7, 1_000] {
                assert_eq!(search(10, 10 + length, 10 + length + tail).0, 10 + length, "{length} {tail}");
            }
        }
        let (end, looks) = search(500, 1_000_010, 2_000_000);
        assert!(end == 1_000_010 && looks <= 42, "{end} {looks}");
    }
}
