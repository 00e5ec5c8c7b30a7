//! The ingest stage's processor: log records, declarations and feedback in, frames of activities and dead letters out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock;
use super::coverage::Seen;
use super::frames::Frames;
use super::in_force::InForce;
use super::latency::Receptions;
use super::log::{Loss, Message, OutRecord, Output, Passage, Source};
use super::observer::{Observer, StageKind};
use super::processor::{Commit, Outbox, Processor, Refusal};
use crate::activity::{Activity, Event};
use crate::config::Config;
use crate::decode::FormatHint;
use crate::enrich::Enrichment;
use crate::ingest::{Hidden, Ingest, Payload, Rejected, Sink};
use crate::monitor::{InputLoss, InputProgress, Record, Unreadable};
use crate::time::{EventTime, ProcessingTime};
use crate::wire::feedback::{self, Arrival};
use crate::wire::{DeadLetter, backfill, declared, frame};

/// Turns log records into activities.
pub(crate) struct IngestProcessor {
    ingest: Ingest,
    skew_ms: i64,
    topics: Vec<Topic>,
    frames: Frames,
    seen: Seen,
    counts: BTreeMap<u16, Counts>,
    unreadable: BTreeMap<u32, Unreadable>,
    receptions: Receptions,
    /// How far each partition was said to be read, in steps.
    told: BTreeMap<Source, i64>,
    observer: Arc<dyn Observer>,
    enrichment: Arc<InForce<Enrichment>>,
    /// What the open transaction goes by.
    enriched_by: Arc<Enrichment>,
}

/// How far a partition is read is told in steps of five seconds: often enough for judgements in days and incidents in
/// hours, seldom enough to cost nothing.
const PROGRESS_STEP_MS: i64 = 5_000;

struct Topic {
    name: String,
    content: Content,
}

#[derive(Clone, Copy)]
enum Content {
    Logs(FormatHint),
    Inventory,
    Feedback,
}

/// What one transaction took from one topic.
#[derive(Default)]
struct Counts {
    messages: u64,
    records: u64,
    bytes: u64,
    activities: u64,
    skipped: BTreeMap<&'static str, u64>,
    dead_lettered: BTreeMap<&'static str, u64>,
}

impl IngestProcessor {
    /// A processor that routes to this many partitions of activities.
    pub(crate) fn new(
        config: &Config,
        activity_partitions: i32,
        observer: Arc<dyn Observer>,
        enrichment: Arc<InForce<Enrichment>>,
    ) -> Self {
        let logs = config.topics.inputs.iter();
        let mut topics: Vec<_> = logs
            .map(|input| Topic { name: input.topic.clone(), content: Content::Logs(input.format) })
            .collect();
        topics.push(Topic { name: config.topics.inventory.clone(), content: Content::Inventory });
        topics.push(Topic { name: config.topics.feedback.clone(), content: Content::Feedback });
        let enriched_by = enrichment.get();
        let mut ingest = Ingest::new(config.limits.clone());
        ingest.enrich(Arc::clone(&enriched_by));
        Self {
            ingest,
            skew_ms: i64::try_from(config.limits.clock_skew.as_millis()).unwrap_or(i64::MAX),
            topics,
            frames: Frames::new(activity_partitions),
            seen: Seen::default(),
            counts: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            receptions: Receptions::default(),
            told: BTreeMap::new(),
            observer,
            enrichment,
            enriched_by,
        }
    }

    /// The topics that it reads, in the order of [`Source::topic`].
    pub(crate) fn topics(config: &Config) -> Vec<String> {
        let inputs = config.topics.inputs.iter().map(|input| input.topic.clone());
        inputs.chain([config.topics.inventory.clone(), config.topics.feedback.clone()]).collect()
    }

    /// Goes by what is in force now. Between transactions, so that one transaction's records are told alike.
    fn renew(&mut self) {
        let now = self.enrichment.get();
        if !Arc::ptr_eq(&now, &self.enriched_by) {
            self.ingest.enrich(Arc::clone(&now));
            self.enriched_by = now;
        }
    }

    /// Tells every monitor something that is small by its nature: names of topics, or of log sources that were told before.
    fn tell_all(&mut self, record: &Record<'_>, out: &mut Outbox) {
        if let Err(error) = self.frames.broadcast(record, out) {
            tracing::error!(%error, "the monitors could not be told");
        }
    }
}

impl Processor for IngestProcessor {
    fn is_stateful(&self) -> bool {
        false
    }

    fn open(&mut self, _source: Source) {}

    fn restore(&mut self, _source: Source, _key: &[u8], _value: Option<&[u8]>) -> Result<(), Refusal> {
        Ok(())
    }

    fn restored(&mut self, _source: Source) {}

    fn process(&mut self, message: &Message<'_>, out: &mut Outbox) -> Result<u32, Refusal> {
        let Some(topic) = self.topics.get(usize::from(message.source.topic)) else { return Ok(0) };
        let format = match topic.content {
            Content::Logs(format) => format,
            Content::Inventory | Content::Feedback => FormatHint::Auto,
        };
        let payload = Payload {
            bytes: message.value.unwrap_or_default(),
            source: &topic.name,
            partition: message.source.partition,
            offset: message.offset,
            // Producers stamp records by their own clocks; one that runs ahead must not carry events along.
            received: message.timestamp.min(clock::now()),
            format,
        };
        let counts = self.counts.entry(message.source.topic).or_default();
        let (seen, unreadable) = (&mut self.seen, &mut self.unreadable);
        let is_log = matches!(topic.content, Content::Logs(_)) && message.passage == Passage::Live;
        let is_past = message.passage == Passage::Past;
        let frames = &mut self.frames;
        let mut router = Router { payload, is_log, is_past, frames, seen, unreadable, counts, out };
        let records = match (topic.content, message.value) {
            (Content::Inventory, value) => router.inventory(message.key, value),
            (Content::Feedback, Some(value)) => router.feedback(message.key, value, self.skew_ms),
            (Content::Logs(_) | Content::Feedback, None) => router.tombstone(),
            (Content::Logs(_), Some(value)) if message.passage == Passage::Statement => {
                router.statement(value)
            }
            (Content::Logs(_), Some(_)) => self.ingest.ingest(payload, &mut router),
        };
        counts.messages += 1;
        counts.records += u64::from(records);
        counts.bytes += payload.bytes.len() as u64;
        self.receptions.add(message.timestamp, u64::from(records));
        Ok(records)
    }

    /// Tells every monitor, as any identity's records may be among the lost ones. Declarations prove nothing by their absence.
    fn lost(&mut self, loss: &Loss, out: &mut Outbox) {
        let Some(Topic { content: Content::Logs(_), name }) = self.topics.get(usize::from(loss.source.topic))
        else {
            return;
        };
        let lost = InputLoss {
            topic: name.clone(),
            partition: loss.source.partition,
            until: loss.until.min(clock::now()),
            is_certain: loss.is_certain(),
        };
        // In a frame of its own: a monitor of a former version, which does not know it, then sets nothing else aside.
        self.frames.flush(out);
        self.tell_all(&Record::Lost(lost), out);
        self.frames.flush(out);
    }

    /// Tells every monitor how far this partition is read: their time waits for the partition that lags.
    fn tick(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox) {
        let Some(topic) = self.topics.get(usize::from(source.topic)) else { return };
        let step = now.millis() / PROGRESS_STEP_MS;
        if self.told.get(&source).is_some_and(|told| *told >= step) {
            return;
        }
        self.told.insert(source, step);
        let until = ProcessingTime::from_millis(step * PROGRESS_STEP_MS);
        let progress = InputProgress { topic: topic.name.clone(), partition: source.partition, until };
        self.tell_all(&Record::Progress(vec![progress]), out);
        self.frames.flush(out);
    }

    fn drain(&mut self, _source: Source, _now: ProcessingTime, _out: &mut Outbox) {}

    fn before_commit(&mut self, out: &mut Outbox) -> Result<(), Refusal> {
        for mark in self.seen.take() {
            self.tell_all(&Record::Coverage(vec![mark]), out);
        }
        if !self.unreadable.is_empty() {
            let unreadable = std::mem::take(&mut self.unreadable).into_values().collect();
            self.tell_all(&Record::Unreadable(unreadable), out);
        }
        self.frames.flush(out);
        Ok(())
    }

    fn committed(&mut self, commit: Commit) {
        for (topic, counts) in std::mem::take(&mut self.counts) {
            if let Some(topic) = self.topics.get(usize::from(topic)) {
                counts.report(&topic.name, &*self.observer);
            }
        }
        self.receptions.report(StageKind::Ingest, commit.at, &*self.observer);
        self.renew();
    }

    fn aborted(&mut self) {
        self.frames.clear();
        self.told.clear();
        self.seen = Seen::default();
        self.unreadable.clear();
        self.counts.clear();
        self.receptions.clear();
        self.renew();
    }

    fn close(&mut self, source: Source) {
        self.told.remove(&source);
    }
}

impl Counts {
    fn report(&self, topic: &str, observer: &dyn Observer) {
        observer.received(topic, self.messages, self.records, self.bytes);
        observer.activities(topic, self.activities);
        for (reason, records) in &self.skipped {
            observer.skipped(topic, reason, *records);
        }
        for (reason, records) in &self.dead_lettered {
            observer.dead_lettered(topic, reason, *records);
        }
    }
}

/// Sends each record of one message where it belongs.
struct Router<'a> {
    payload: Payload<'a>,
    /// Whether it may hold what was just done.
    is_log: bool,
    /// Whether it is history.
    is_past: bool,
    frames: &'a mut Frames,
    seen: &'a mut Seen,
    unreadable: &'a mut BTreeMap<u32, Unreadable>,
    counts: &'a mut Counts,
    out: &'a mut Outbox,
}

impl Router<'_> {
    fn inventory(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> u32 {
        match declared::parse(key.unwrap_or_default(), value) {
            Ok(declared::InventoryRecord::Declared(change)) => {
                let id = change.identity_id.clone();
                self.route(&id, &Record::Declared(change), 0);
            }
            Ok(declared::InventoryRecord::Skipped(reason)) => self.skipped(reason),
            Err(error) => self.dead_letter(error.kind(), error.to_string(), 0),
        }
        1
    }

    /// Routes an analyst's word in a frame of its own: a monitor of a former version, which does not know it, then sets
    /// nothing else aside.
    fn feedback(&mut self, key: Option<&[u8]>, value: &[u8], skew_ms: i64) -> u32 {
        let arrival = Arrival { received: self.payload.received, skew_ms };
        match feedback::parse(key.unwrap_or_default(), value, arrival) {
            Ok(feedback) => {
                self.frames.flush(self.out);
                let id = feedback.identity_id.clone();
                self.route(&id, &Record::Feedback(Box::new(feedback)), 0);
                self.frames.flush(self.out);
            }
            Err(error) => self.dead_letter(error.kind(), error.to_string(), 0),
        }
        1
    }

    /// Tells every monitor which hours a backfill covers. By then all of its records were taken in: `backfill` waits for that.
    fn statement(&mut self, value: &[u8]) -> u32 {
        let told = backfill::Statement::parse(value, self.payload.received)
            .map_err(|error| (error.kind(), error.to_string()));
        let told = told.and_then(|statement| {
            let record = statement.into_record();
            self.frames.broadcast(&record, self.out).map_err(|error| (error.kind(), error.to_string()))
        });
        match told {
            Ok(()) => self.skipped("backfill_statement"),
            Err((reason, detail)) => self.dead_letter(reason, detail, 0),
        }
        1
    }

    fn tombstone(&mut self) -> u32 {
        self.skipped("tombstone");
        1
    }

    fn route(&mut self, identity_id: &str, record: &Record<'_>, index: u32) {
        match self.frames.push(identity_id, record, self.out) {
            Ok(()) => self.counts.activities += 1,
            Err(error) => self.dead_letter(error.kind(), error.to_string(), index),
        }
    }

    /// Tells every monitor that a log source reports, before they judge anything by its event.
    ///
    /// History does not: hours of which one record has come may hold others, still on their way through another partition.
    fn cover(&mut self, event: &Event<'_>) -> Result<(), frame::Error> {
        if event.is_past {
            return Ok(());
        }
        let Some(mark) = self.seen.add(&event.scope, event.time, event.received) else { return Ok(()) };
        let told = self.frames.broadcast(&mark, self.out);
        if told.is_err() {
            self.seen.forget(&event.scope);
        }
        told
    }

    /// Notes what may hold activities that nobody will hear of. Of history, its reception says nothing of when they happened:
    /// `backfill` leaves these hours out of what it covers.
    fn note_unreadable(&mut self, hidden: Hidden) {
        let (payloads, records) = match hidden {
            _ if !self.is_log => return,
            Hidden::Payload => (1, 0),
            Hidden::Record if is_cut_off(self.payload.bytes) => (1, 0),
            Hidden::Record => (0, 1),
            Hidden::Nothing => return,
        };
        let hour = EventTime::from_millis(self.payload.received.millis()).hour();
        let known = self.unreadable.entry(hour).or_insert(Unreadable { hour, ..Unreadable::default() });
        known.payloads = known.payloads.saturating_add(payloads);
        known.records = known.records.saturating_add(records);
    }

    fn dead_letter(&mut self, reason: &'static str, detail: String, index: u32) {
        let bytes = self.payload.bytes;
        self.rejected(Rejected { reason, detail, bytes, index });
    }
}

/// Whether a payload is a document of many records that ends before its end: what followed is lost, however much it was.
fn is_cut_off(payload: &[u8]) -> bool {
    /// How far into a document its list of records begins.
    const HEAD_BYTES: usize = 256;
    let head = &payload[..payload.len().min(HEAD_BYTES)];
    memchr::memmem::find(head, b"\"Records\"").is_some() && !payload.trim_ascii_end().ends_with(b"}")
}

impl Sink for Router<'_> {
    fn activity(&mut self, mut activity: Activity<'_>) {
        let index = activity.event.provenance.index;
        activity.event.is_past = self.is_past;
        // A log source that no frame can name: its activities fit into none either.
        if let Err(error) = self.cover(&activity.event) {
            return self.dead_letter(error.kind(), error.to_string(), index);
        }
        let identity_id = activity.identity.id.clone();
        self.route(&identity_id, &Record::Activity(Box::new(activity)), index);
    }

    fn skipped(&mut self, reason: &'static str) {
        *self.counts.skipped.entry(reason).or_default() += 1;
    }

    fn rejected(&mut self, rejected: Rejected<'_>) {
        self.note_unreadable(rejected.hidden());
        *self.counts.dead_lettered.entry(rejected.reason).or_default() += 1;
        let letter = DeadLetter::new(&self.payload, &rejected);
        self.out.push(OutRecord {
            output: Output::DeadLetter,
            partition: None,
            key: None,
            value: Some(letter.value),
            headers: letter.headers,
        });
    }
}

#[cfg(test)]
mod tests;
