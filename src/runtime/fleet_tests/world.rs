//! The stages without Kafka: ingest, frames, and the monitors of all partitions with their changelogs.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::made::{Fleet, INPUTS, LOSER, LOST, START_MS};
use crate::baseline::LastSeen;
use crate::config::Config;
use crate::detect::Detectors;
use crate::monitor::{Effect, Filter, Monitor};
use crate::runtime::in_force::InForce;
use crate::runtime::ingest::IngestProcessor;
use crate::runtime::log::{Loss, LossReason, Message, Output, Passage, Source};
use crate::runtime::observer::Unobserved;
use crate::runtime::processor::{Outbox, Processor as _};
use crate::term::{Interner, partition_of};
use crate::time::{HOUR_MS, ProcessingTime};
use crate::wire::{frame, snapshot};

/// Partitions of identities.
const MONITORS: usize = 3;

pub(super) struct World {
    ingest: IngestProcessor,
    out: Outbox,
    monitors: Vec<Monitor>,
    changelogs: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    sent: usize,
    pub(super) effects: Vec<Effect>,
    pub(super) restarts: usize,
}

fn config() -> Config {
    let mut config = Config::default();
    config.topics.inputs.truncate(1);
    config
}

fn new_ingest() -> IngestProcessor {
    IngestProcessor::new(
        &config(),
        MONITORS as i32,
        Arc::new(Unobserved),
        Arc::new(InForce::new(Arc::default())),
    )
}

fn new_monitor(number: usize) -> Monitor {
    static DETECTORS: LazyLock<Arc<Detectors>> = LazyLock::new(|| Arc::new(Detectors::builtin().unwrap()));
    Monitor::new(&config(), Arc::clone(&DETECTORS), Arc::new(Interner::new())).as_one_of(number, MONITORS)
}

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            ingest: new_ingest(),
            out: Outbox::new(),
            monitors: (0..MONITORS).map(new_monitor).collect(),
            changelogs: vec![BTreeMap::new(); MONITORS],
            sent: 0,
            effects: Vec::new(),
            restarts: 0,
        }
    }

    /// Lets an hour pass that ends at `now`: reads what was received in it, then tells all how far the inputs are read.
    pub(super) fn hour(&mut self, fleet: &Fleet, now: i64) {
        while let Some(message) = fleet.messages.get(self.sent).filter(|message| message.received < now) {
            self.read(0, message.partition, (message.received, None), &message.value);
            self.sent += 1;
        }
        self.declare(fleet, now);
        if now == LOST.to {
            self.lose();
        }
        let is_stuck = LOST.from < now && now < LOST.to;
        for partition in (0..INPUTS).filter(|partition| !is_stuck || *partition != LOSER) {
            self.ingest.tick(Source { topic: 0, partition }, at(now), &mut self.out);
        }
        self.ingest.tick(Source { topic: 1, partition: 0 }, at(now), &mut self.out);
        self.commit();
        for monitor in &mut self.monitors {
            monitor.tick(at(now), &mut self.effects);
        }
    }

    fn declare(&mut self, fleet: &Fleet, now: i64) {
        for identity in &fleet.identities {
            let Some(word) = identity.declared.filter(|word| (now - HOUR_MS..now).contains(&word.arrives))
            else {
                continue;
            };
            let key = format!("identity:{}", identity.id());
            let status = if word.is_retired { "retired" } else { "active" };
            let created = at(word.created);
            let days = word.window_days;
            let value = format!(
                r#"{{"owner":"team","status":"{status}","created_at":"{created}","unused_after_days":{days}}}"#
            );
            self.read(1, 0, (word.arrives, Some(key.as_bytes())), value.as_bytes());
        }
    }

    fn read(&mut self, topic: u16, partition: i32, (received, key): (i64, Option<&[u8]>), value: &[u8]) {
        let message = Message {
            source: Source { topic, partition },
            offset: received,
            timestamp: at(received),
            key,
            value: Some(value),
            passage: Passage::Live,
        };
        self.ingest.process(&message, &mut self.out).unwrap();
    }

    fn lose(&mut self) {
        let loss = Loss {
            source: Source { topic: 0, partition: LOSER },
            topic: config().topics.inputs[0].topic.clone(),
            from: LOST.from,
            to: LOST.to,
            reason: LossReason::Deleted,
            until: at(LOST.to),
        };
        self.ingest.lost(&loss, &mut self.out);
    }

    fn commit(&mut self) {
        self.ingest.before_commit(&mut self.out).unwrap();
        for record in self.out.drain() {
            if record.output == Output::Activity {
                let monitor = &mut self.monitors[record.partition.unwrap() as usize];
                let effects = &mut self.effects;
                frame::decode(&record.value.unwrap(), |record| monitor.process(&record, effects)).unwrap();
            }
        }
    }

    /// All processes end, and others go on from what was committed.
    pub(super) fn restart(&mut self) {
        self.restarts += 1;
        self.ingest = new_ingest();
        for (number, monitor) in self.monitors.iter_mut().enumerate() {
            let changelog = &mut self.changelogs[number];
            for change in snapshot::take_changes(monitor).unwrap() {
                match change.value {
                    Some(value) => drop(changelog.insert(change.key, value)),
                    None => drop(changelog.remove(&change.key)),
                }
            }
            *monitor = new_monitor(number);
            for (key, value) in changelog {
                snapshot::restore(monitor, key, Some(value)).unwrap();
            }
        }
    }

    pub(super) fn shown(&self, id: &str) -> Option<LastSeen> {
        Some(self.monitors[partition_of(id, MONITORS)].view().identity(id)?.0)
    }

    pub(super) fn all_shown(&self) -> Vec<LastSeen> {
        let views = self.monitors.iter().map(Monitor::view);
        views.flat_map(|view| view.identities(&Filter::default(), None, usize::MAX)).collect()
    }

    /// Publishes all that is known.
    pub(super) fn flush(&mut self, now: i64) {
        for monitor in &mut self.monitors {
            monitor.flush(at(now), &mut self.effects);
        }
    }
}
