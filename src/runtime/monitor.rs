//! The monitor stage's processor: frames of activities in, alerts, last-seen records and changed state out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use super::clock::{Clock as _, SystemClock};
use super::in_force::InForce;
use super::latency::Receptions;
use super::log::{Loss, Message, OutRecord, Output, Source};
use super::observer::{Observer, StageKind};
use super::processor::{Commit, Outbox, Processor, Refusal};
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::finding::IncidentReport;
use crate::enrich::Enrichment;
use crate::monitor::{Effect, Monitor, Record};
use crate::term::Interner;
use crate::time::{MINUTE_MS, ProcessingTime};
use crate::wire::{self, Alert, LastSeenRecord, frame, snapshot};

/// So often it is looked whether terms that no baseline holds any more are worth dropping.
const SWEEP_EVERY_MS: i64 = 10 * MINUTE_MS;

/// For how long it counts how many partitions the topics had at start. They may grow while the process runs, and what a new partition
/// tells must not be forgotten: state that is restored later is left to the next start.
const COUNTS_HOLD: Duration = Duration::from_secs(10 * 60);

/// What all workers of a process share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) detectors: Arc<InForce<Detectors>>,
    pub(crate) enrichment: Arc<InForce<Enrichment>>,
    pub(crate) terms: Arc<Interner>,
    pub(crate) board: Arc<Board>,
    /// How many partitions each topic had when the process started.
    pub(crate) partitions: Arc<BTreeMap<String, i32>>,
    pub(crate) observer: Arc<dyn Observer>,
}

/// Runs the monitors of a worker's partitions.
pub(crate) struct MonitorProcessor {
    shared: Shared,
    held: BTreeMap<Source, Held>,
    effects: Vec<Effect>,
    open: Open,
    swept: ProcessingTime,
    clock: SystemClock,
    /// The detectors of all held monitors.
    detectors: Arc<Detectors>,
}

struct Held {
    monitor: Monitor,
    is_restored: bool,
    /// Whether it was looked for inputs that are not read any more.
    is_trimmed: bool,
}

/// What the open transaction holds.
#[derive(Default)]
struct Open {
    records: u64,
    receptions: Receptions,
    alerts: Vec<AlertNote>,
}

struct AlertNote {
    json: Arc<str>,
    report: Box<IncidentReport>,
}

impl MonitorProcessor {
    pub(crate) fn new(shared: Shared) -> Self {
        let (swept, detectors) = (ProcessingTime::default(), shared.detectors.get());
        let open = Open::default();
        let clock = SystemClock::start();
        Self { shared, held: BTreeMap::new(), effects: Vec::new(), open, swept, clock, detectors }
    }

    fn publish(&mut self, out: &mut Outbox) {
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Alert(report) => {
                    let alert = Alert::from_report(&report);
                    if let Some(json) = publish(alert.to_bytes(), alert.key(), Output::Alerts, out) {
                        self.open.alerts.push(AlertNote { json, report });
                    }
                }
                Effect::LastSeen(facts) => {
                    let record = LastSeenRecord::from(&*facts);
                    publish_quietly(record.to_bytes(), record.key(), out);
                }
                Effect::Withdrawn(identity_id) => {
                    out.tombstone(Output::Inventory, wire::last_seen::key(&identity_id));
                }
            }
        }
    }

    /// Before the first tick, which is the first to ask what time it is. What a tick changes is committed with an offset.
    fn forget_inputs(&mut self, source: Source) {
        let Some(held) = self.held.get_mut(&source).filter(|held| !held.is_trimmed) else { return };
        held.is_trimmed = true;
        let is_fresh = self.clock.monotonic() < COUNTS_HOLD;
        let unknown = BTreeMap::new();
        let partitions = if is_fresh { &*self.shared.partitions } else { &unknown };
        for (topic, partition) in held.monitor.forget_inputs(partitions, self.clock.wall()) {
            tracing::warn!(
                identities = source.partition,
                topic,
                partition,
                "an input partition is not read any more: its progress is forgotten"
            );
        }
    }

    fn sweep(&mut self, now: ProcessingTime) {
        if now.millis_since(self.swept) >= SWEEP_EVERY_MS {
            self.swept = now;
            let dropped = self.shared.terms.sweep_if_grown();
            tracing::debug!(dropped, held = self.shared.terms.len(), "terms swept");
        }
    }
}

impl Processor for MonitorProcessor {
    fn is_stateful(&self) -> bool {
        true
    }

    fn open(&mut self, source: Source) {
        if self.held.is_empty() {
            self.detectors = self.shared.detectors.get();
        }
        let Shared { config, terms, partitions, .. } = &self.shared;
        let count = partitions.get(&config.topics.activity).copied().unwrap_or(config.topics.partitions);
        let monitor = Monitor::new(config, Arc::clone(&self.detectors), Arc::clone(terms))
            .as_one_of(usize::try_from(source.partition).unwrap_or(0), usize::try_from(count).unwrap_or(1));
        self.held.insert(source, Held { monitor, is_restored: false, is_trimmed: false });
    }

    fn restore(&mut self, source: Source, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(held) = self.held.get_mut(&source) else { return Ok(()) };
        snapshot::restore(&mut held.monitor, key, value).map_err(|error| refusal(&error))
    }

    fn restored(&mut self, source: Source) {
        if let Some(held) = self.held.get_mut(&source) {
            held.is_restored = true;
            self.shared.board.show(source.partition, held.monitor.view());
        }
    }

    fn process(&mut self, message: &Message<'_>, out: &mut Outbox) -> Result<u32, Refusal> {
        let Some(held) = self.held.get_mut(&message.source) else { return Ok(0) };
        let (effects, open) = (&mut self.effects, &mut self.open);
        let mut records = 0;
        let decoded = frame::decode(message.value.unwrap_or_default(), |record| {
            records += 1;
            if let Record::Activity(activity) = &record {
                open.records += 1;
                open.receptions.add(activity.event.received, 1);
            }
            held.monitor.process(&record, effects);
        });
        self.publish(out);
        match decoded {
            Ok(_) => {}
            Err(error @ frame::Error::TooNew { .. }) => {
                return Err(Refusal { kind: error.kind(), message: error.to_string() });
            }
            Err(error) => out.push(damaged(message, &error, &self.shared.config.topics.activity)),
        }
        Ok(records)
    }

    fn lost(&mut self, loss: &Loss, _out: &mut Outbox) {
        // Where nothing is missing from the beginning, all of it is read again.
        let is_complete = !loss.is_certain() && loss.to == 0;
        if let Some(held) = self.held.get_mut(&loss.source).filter(|_| !is_complete) {
            held.monitor.lost_records(loss.until, loss.is_certain());
        }
    }

    fn tick(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox) {
        self.forget_inputs(source);
        if let Some(held) = self.held.get_mut(&source) {
            held.monitor.tick(now, &mut self.effects);
            self.publish(out);
        }
    }

    fn drain(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox) {
        if let Some(held) = self.held.get_mut(&source) {
            held.monitor.flush(now, &mut self.effects);
            self.publish(out);
        }
    }

    fn before_commit(&mut self, out: &mut Outbox) -> Result<(), Refusal> {
        for (source, held) in self.held.iter_mut().filter(|(_, held)| held.is_restored) {
            let changes = snapshot::take_changes(&mut held.monitor).map_err(|error| refusal(&error))?;
            for change in changes {
                out.placed(Output::State, source.partition, Some(change.key), change.value);
            }
        }
        Ok(())
    }

    fn committed(&mut self, commit: Commit) {
        let Open { records, mut receptions, alerts } = std::mem::take(&mut self.open);
        let observer = &*self.shared.observer;
        observer.monitored(records);
        receptions.report(StageKind::Monitor, commit.at, observer);
        for alert in alerts {
            observer.alert(&alert.report);
            self.shared.board.add_alert(alert.json);
        }
        for (source, held) in self.held.iter().filter(|(_, held)| held.is_restored) {
            self.shared.board.note_stats(source.partition, held.monitor.stats());
        }
        self.sweep(commit.at);
    }

    fn between(&mut self) {
        let detectors = self.shared.detectors.get();
        if Arc::ptr_eq(&detectors, &self.detectors) {
            return;
        }
        self.held.values_mut().for_each(|held| held.monitor.adopt(&detectors));
        self.detectors = detectors;
        tracing::info!(partitions = self.held.len(), "goes on with other detectors");
    }

    fn aborted(&mut self) {
        self.effects.clear();
        self.open = Open::default();
    }

    fn close(&mut self, source: Source) {
        if self.held.remove(&source).is_some() {
            self.shared.board.hide(source.partition);
        }
    }
}

fn refusal(error: &snapshot::Error) -> Refusal {
    Refusal { kind: error.kind(), message: error.to_string() }
}

/// Puts an alert into the outbox, and gives its JSON back.
fn publish(
    json: Result<Vec<u8>, serde_json::Error>,
    key: &str,
    output: Output,
    out: &mut Outbox,
) -> Option<Arc<str>> {
    let json = json.inspect_err(|error| tracing::error!(%error, "an alert has no JSON form")).ok()?;
    let text = String::from_utf8_lossy(&json).into();
    out.keyed(output, key.to_owned(), json);
    Some(text)
}

fn publish_quietly(json: Result<Vec<u8>, serde_json::Error>, key: String, out: &mut Outbox) {
    match json {
        Ok(json) => out.keyed(Output::Inventory, key, json),
        Err(error) => tracing::error!(%error, "a last-seen record has no JSON form"),
    }
}

/// A damaged frame does not stop its partition: its bytes are kept for whoever looks into it.
fn damaged(message: &Message<'_>, error: &frame::Error, topic: &str) -> OutRecord {
    use crate::decode::FormatHint;
    use crate::ingest::{Payload, Rejected};
    let bytes = message.value.unwrap_or_default();
    let payload = Payload {
        bytes,
        source: topic,
        partition: message.source.partition,
        offset: message.offset,
        received: message.timestamp,
        format: FormatHint::Auto,
    };
    tracing::error!(%error, partition = payload.partition, offset = payload.offset, "a frame is damaged");
    let rejected = Rejected { reason: error.kind(), detail: error.to_string(), bytes, index: 0 };
    let letter = crate::wire::DeadLetter::new(&payload, &rejected);
    OutRecord {
        output: Output::DeadLetter,
        partition: None,
        key: None,
        value: Some(letter.value),
        headers: letter.headers,
    }
}
