//! What the model's stages do to records, so that a record lost, repeated or out of order shows.

use std::collections::{BTreeMap, BTreeSet};

use super::losses;
use crate::runtime::log::{Loss, Message, Output, Source};
use crate::runtime::observer::StageKind;
use crate::runtime::processor::{Commit, Outbox, Processor, Refusal};
use crate::time::ProcessingTime;

/// The value that makes a key's state go.
pub(super) const END: &str = "end";
/// Where ticks are counted, as state that no message changed.
pub(super) const TICKS: &str = "ticks";
/// Records that the relay packs into one frame.
const FRAME: usize = 3;

/// What a value makes of a key's state: how many there were, and a hash that depends on their order. `None`: it is gone.
pub(super) fn fold(before: Option<&str>, value: &str) -> Option<String> {
    if value == END {
        return None;
    }
    let (count, hash) = before.and_then(|state| state.split_once(':')).unwrap_or(("0", "0"));
    let (count, hash): (u32, u64) = (count.parse().unwrap(), hash.parse().unwrap());
    let number: u64 = value.parse().unwrap();
    Some(format!("{}:{}", count + 1, hash.wrapping_mul(31).wrapping_add(number) % 1_000_003))
}

/// What is said about a key's new state.
pub(super) fn saying(state: Option<&str>) -> String {
    state.unwrap_or("gone").to_owned()
}

/// State of one partition.
pub(super) type Memory = BTreeMap<String, String>;

/// Either of the two processors: a relay that holds records back until a frame is full, or a fold with state.
#[derive(Debug, Default)]
pub(super) struct Work {
    is_stateful: bool,
    held_back: Vec<(String, String)>,
    pub(super) memory: BTreeMap<Source, Memory>,
    restored: BTreeSet<Source>,
    changed: BTreeSet<(Source, String)>,
}

impl Work {
    pub(super) fn relay() -> Self {
        Self::default()
    }

    pub(super) fn fold() -> Self {
        Self { is_stateful: true, ..Self::default() }
    }

    fn change(&mut self, source: Source, key: &str, state: Option<String>) {
        let memory = self.memory.get_mut(&source).expect("only what was opened changes");
        match state {
            Some(state) => memory.insert(key.to_owned(), state),
            None => memory.remove(key),
        };
        self.changed.insert((source, key.to_owned()));
    }

    fn flush(&mut self, out: &mut Outbox) {
        for (key, value) in self.held_back.drain(..) {
            out.keyed(Output::Activity, key, value.into_bytes());
        }
    }
}

impl Processor for Work {
    fn is_stateful(&self) -> bool {
        self.is_stateful
    }

    fn open(&mut self, source: Source) {
        let before = self.memory.insert(source, Memory::new());
        assert!(before.is_none(), "{source:?} is opened twice");
        self.restored.remove(&source);
    }

    fn restore(&mut self, source: Source, key: &[u8], value: Option<&[u8]>) -> Result<(), Refusal> {
        assert!(!self.restored.contains(&source), "{source:?} is restored while it runs");
        let memory = self.memory.get_mut(&source).expect("only what was opened is restored");
        match value {
            Some(value) => memory.insert(text(key), text(value)),
            None => memory.remove(&text(key)),
        };
        Ok(())
    }

    fn restored(&mut self, source: Source) {
        assert!(self.memory.contains_key(&source), "only what was opened is restored");
        self.restored.insert(source);
    }

    fn process(&mut self, message: &Message<'_>, out: &mut Outbox) -> Result<u32, Refusal> {
        let (key, value) = (text(message.key.unwrap()), text(message.value.unwrap()));
        if !self.is_stateful {
            assert!(self.memory.contains_key(&message.source), "only what was opened is processed");
            self.held_back.push((key, value));
            if self.held_back.len() >= FRAME {
                self.flush(out);
            }
            return Ok(1);
        }
        assert!(self.restored.contains(&message.source), "only what was restored is processed");
        let state = fold(self.memory[&message.source].get(&key).map(String::as_str), &value);
        out.keyed(Output::Alerts, key.clone(), saying(state.as_deref()).into_bytes());
        self.change(message.source, &key, state);
        Ok(1)
    }

    fn lost(&mut self, loss: &Loss, out: &mut Outbox) {
        assert!(self.memory.contains_key(&loss.source), "only what is ours is lost");
        let kind = if self.is_stateful { StageKind::Monitor } else { StageKind::Ingest };
        out.keyed(Output::Inventory, losses::KEY.into(), losses::saying(kind, loss).into_bytes());
    }

    fn tick(&mut self, source: Source, _now: ProcessingTime, _out: &mut Outbox) {
        if self.is_stateful {
            let ticks = self.memory[&source].get(TICKS).map_or(0, |ticks| ticks.parse().unwrap());
            self.change(source, TICKS, Some(u32::to_string(&(ticks + 1))));
        }
    }

    fn drain(&mut self, source: Source, now: ProcessingTime, out: &mut Outbox) {
        self.tick(source, now, out);
    }

    fn before_commit(&mut self, out: &mut Outbox) -> Result<(), Refusal> {
        self.flush(out);
        for (source, key) in std::mem::take(&mut self.changed) {
            let state = self.memory[&source].get(&key).map(|state| state.clone().into_bytes());
            out.placed(Output::State, source.partition, Some(key.into_bytes()), state);
        }
        Ok(())
    }

    fn committed(&mut self, _commit: Commit) {
        assert!(self.changed.is_empty() && self.held_back.is_empty(), "a commit leaves nothing out");
    }

    fn aborted(&mut self) {
        self.held_back.clear();
        assert!(self.changed.is_empty(), "what changed is closed before: {:?}", self.changed);
    }

    fn close(&mut self, source: Source) {
        self.memory.remove(&source);
        self.restored.remove(&source);
        self.changed.retain(|(of, _)| *of != source);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
