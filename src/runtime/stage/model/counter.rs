//! A clock and a processor for stages that a test turns by hand.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::runtime::clock::Clock;
use crate::runtime::log::{Loss, Message, Output, Source};
use crate::runtime::processor::{Commit, Outbox, Processor, Refusal};
use crate::time::ProcessingTime;

/// Moves on by a millisecond with each look, so that intervals pass.
#[derive(Default)]
pub(in crate::runtime::stage) struct Looks(AtomicU64);

impl Clock for Looks {
    fn wall(&self) -> ProcessingTime {
        ProcessingTime::from_millis(1_000_000)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Counts the values of each key; says each count, and keeps it in the changelog.
#[derive(Default)]
pub(in crate::runtime::stage) struct Counter {
    pub(in crate::runtime::stage) counts: BTreeMap<Source, BTreeMap<String, u32>>,
    pub(in crate::runtime::stage) changed: Vec<(Source, String)>,
    pub(in crate::runtime::stage) ticks: Rc<Cell<u32>>,
    /// Messages since the last commit or abort.
    pub(in crate::runtime::stage) uncommitted: u32,
}

impl Processor for Counter {
    fn is_stateful(&self) -> bool {
        true
    }

    fn open(&mut self, source: Source) {
        self.counts.insert(source, BTreeMap::new());
    }

    fn restore(&mut self, source: Source, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let count = text(value.unwrap()).parse().unwrap();
        self.counts.get_mut(&source).unwrap().insert(text(key), count);
        Ok(())
    }

    fn restored(&mut self, _source: Source) {}

    fn process(&mut self, message: &Message<'_>, out: &mut Outbox) -> Result<u32, Refusal> {
        let key = String::from_utf8(message.key.unwrap().to_vec()).unwrap();
        let count = self.counts.get_mut(&message.source).unwrap().entry(key.clone()).or_default();
        *count += 1;
        out.keyed(Output::Alerts, key.clone(), count.to_string().into_bytes());
        self.changed.push((message.source, key));
        self.uncommitted += 1;
        Ok(1)
    }

    fn lost(&mut self, loss: &Loss, out: &mut Outbox) {
        out.keyed(Output::DeadLetter, loss.source.partition.to_string(), Vec::new());
    }

    fn tick(&mut self, _source: Source, _now: ProcessingTime, _out: &mut Outbox) {
        self.ticks.set(self.ticks.get() + 1);
    }

    /// Says how many it has counted.
    fn drain(&mut self, source: Source, _now: ProcessingTime, out: &mut Outbox) {
        let counted: u32 = self.counts[&source].values().sum();
        out.keyed(Output::Inventory, source.partition.to_string(), counted.to_string().into_bytes());
    }

    fn before_commit(&mut self, out: &mut Outbox) -> Result<(), Refusal> {
        for (source, key) in self.changed.drain(..) {
            let count = self.counts[&source][&key].to_string().into_bytes();
            out.placed(Output::State, source.partition, Some(key.into_bytes()), Some(count));
        }
        Ok(())
    }

    fn committed(&mut self, _commit: Commit) {
        self.uncommitted = 0;
    }

    /// What is judged by other rules from here on must not share a transaction with anything before.
    fn between(&mut self) {
        assert_eq!(self.uncommitted, 0, "something is not committed");
    }

    fn aborted(&mut self) {
        self.uncommitted = 0;
        self.changed.clear();
    }

    fn close(&mut self, source: Source) {
        self.counts.remove(&source);
    }
}
