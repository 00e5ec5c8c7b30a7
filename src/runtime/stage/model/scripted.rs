//! A log in memory with one owner, told by a test what to go through: a failure at any one call, group events, passing trouble.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::runtime::log::{Error, Event, Log, Loss, Message, OutRecord, Output, Passage, Restored, Source};
use crate::time::ProcessingTime;

/// What survives a crash: topics and committed offsets.
#[derive(Debug, Default)]
pub(in crate::runtime::stage) struct Broker {
    /// Messages by partition.
    pub(in crate::runtime::stage) input: BTreeMap<i32, Vec<(String, String)>>,
    /// Next offset to read.
    pub(in crate::runtime::stage) committed: BTreeMap<i32, i64>,
    /// Committed records in order.
    pub(in crate::runtime::stage) outputs: Vec<OutRecord>,
    /// How far producers' clocks run ahead, in milliseconds.
    pub(in crate::runtime::stage) ahead_ms: i64,
    /// Generation of the current owner; commits of others are refused.
    pub(in crate::runtime::stage) generation: u32,
}

/// Where and how the log fails.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime::stage) struct Failure {
    /// After so many calls that can fail.
    pub(in crate::runtime::stage) after: u32,
    /// How.
    pub(in crate::runtime::stage) kind: Kind,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime::stage) enum Kind {
    /// The process dies before the call does anything.
    Crash,
    /// The process dies after the call did its work.
    CrashAfter,
    /// The broker wants the transaction aborted.
    Abort,
    /// Something that calls itself passing.
    Transient,
}

/// Calls that meet passing trouble: so many times each.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::runtime::stage) struct Trouble {
    /// Asking for committed offsets.
    pub(in crate::runtime::stage) committed: u32,
    /// Seeking.
    pub(in crate::runtime::stage) seek: u32,
    /// Reading the changelog.
    pub(in crate::runtime::stage) restore: u32,
    /// Reading the changelog, after a part of it was handed over.
    pub(in crate::runtime::stage) restored: u32,
    /// Looking for what was lost.
    pub(in crate::runtime::stage) losses: u32,
    /// Aborting a transaction.
    pub(in crate::runtime::stage) abort: u32,
}

fn meet(times: &mut u32) -> Result<(), Error> {
    if *times == 0 {
        return Ok(());
    }
    *times -= 1;
    Err(Error::Transient { action: "model", detail: String::from("injected") })
}

/// One connection to the broker.
pub(in crate::runtime::stage) struct MemoryLog {
    broker: Rc<RefCell<Broker>>,
    generation: u32,
    failure: Option<Failure>,
    /// What is still to go wrong.
    pub(in crate::runtime::stage) trouble: Trouble,
    /// What is found lost when it is looked for.
    pub(in crate::runtime::stage) lost: Vec<Loss>,
    events: VecDeque<Event>,
    positions: BTreeMap<i32, usize>,
    paused: BTreeMap<i32, bool>,
    ended: BTreeMap<i32, bool>,
    open: Option<Vec<OutRecord>>,
    restoring: BTreeMap<i32, usize>,
    /// Everything that was given back.
    pub(in crate::runtime::stage) released: Vec<Source>,
}

impl MemoryLog {
    /// Connects as the new owner of all partitions.
    pub(in crate::runtime::stage) fn connect(broker: &Rc<RefCell<Broker>>, failure: Option<Failure>) -> Self {
        broker.borrow_mut().generation += 1;
        let generation = broker.borrow().generation;
        let mut log = Self {
            broker: Rc::clone(broker),
            generation,
            failure,
            trouble: Trouble::default(),
            lost: Vec::new(),
            events: VecDeque::new(),
            positions: BTreeMap::new(),
            paused: BTreeMap::new(),
            ended: BTreeMap::new(),
            open: None,
            restoring: BTreeMap::new(),
            released: Vec::new(),
        };
        let all = broker.borrow().input.keys().map(|partition| source(*partition)).collect();
        log.say(Event::Assigned(all));
        log
    }

    /// Lets the group say something.
    pub(in crate::runtime::stage) fn say(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Lets one of the next calls fail.
    pub(in crate::runtime::stage) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// Hands over a message whatever is paused, as one that was fetched before the pause took hold.
    pub(in crate::runtime::stage) fn leak(&mut self, partition: i32) {
        self.paused.insert(partition, false);
    }

    /// Reads the last message once more, as no client should.
    pub(in crate::runtime::stage) fn stutter(&mut self, partition: i32) {
        let position = self.positions.get_mut(&partition).expect("it is ours");
        *position = position.saturating_sub(1);
    }

    fn position(&mut self, source: Source, offset: Option<i64>) {
        self.positions.insert(source.partition, usize::try_from(offset.unwrap_or(0)).unwrap());
        self.ended.insert(source.partition, false);
    }

    fn can_fail(&mut self, work: impl FnOnce(&mut Self)) -> Result<(), Error> {
        let Some(failure) = &mut self.failure else {
            work(self);
            return Ok(());
        };
        if failure.after > 0 {
            failure.after -= 1;
            work(self);
            return Ok(());
        }
        let kind = failure.kind;
        self.failure = None;
        let detail = String::from("injected");
        match kind {
            Kind::Crash => Err(Error::Fatal { action: "crash", detail }),
            Kind::Abort => Err(Error::Abortable { action: "abort", detail }),
            Kind::Transient => Err(Error::Transient { action: "stumble", detail }),
            Kind::CrashAfter => {
                work(self);
                Err(Error::Fatal { action: "crash", detail })
            }
        }
    }
}

impl Log for MemoryLog {
    fn poll(&mut self, _timeout: Duration, on_message: &mut dyn FnMut(Message<'_>)) -> Event {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        let broker = self.broker.borrow();
        for (partition, position) in &mut self.positions {
            if self.paused[partition] {
                continue;
            }
            let Some((key, value)) = broker.input[partition].get(*position) else {
                if !self.ended[partition] {
                    self.ended.insert(*partition, true);
                    return Event::End(source(*partition));
                }
                continue;
            };
            on_message(Message {
                source: source(*partition),
                offset: *position as i64,
                timestamp: ProcessingTime::from_millis(*position as i64 + broker.ahead_ms),
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                passage: Passage::Live,
            });
            *position += 1;
            return Event::Message;
        }
        Event::Idle
    }

    fn committed(&mut self, sources: &[Source]) -> Result<BTreeMap<Source, i64>, Error> {
        assert!(self.open.is_none(), "the answer may take longer than a transaction may stay open");
        meet(&mut self.trouble.committed)?;
        let broker = self.broker.borrow();
        let offset = |source: &Source| Some((*source, *broker.committed.get(&source.partition)?));
        Ok(sources.iter().filter_map(offset).collect())
    }

    fn losses(&mut self, _positions: &BTreeMap<Source, Option<i64>>) -> Result<Vec<Loss>, Error> {
        meet(&mut self.trouble.losses)?;
        Ok(std::mem::take(&mut self.lost))
    }

    fn take(&mut self, sources: &[Source], from: &BTreeMap<Source, i64>) -> Result<(), Error> {
        for source in sources {
            self.position(*source, from.get(source).copied());
            self.paused.insert(source.partition, true);
        }
        Ok(())
    }

    fn release(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.released.extend(sources);
        for source in sources {
            self.positions.remove(&source.partition);
        }
        Ok(())
    }

    fn pause(&mut self, sources: &[Source]) -> Result<(), Error> {
        for source in sources {
            self.paused.insert(source.partition, true);
        }
        Ok(())
    }

    fn resume(&mut self, sources: &[Source]) -> Result<(), Error> {
        for source in sources {
            self.paused.insert(source.partition, false);
            self.ended.insert(source.partition, false);
        }
        Ok(())
    }

    fn seek(&mut self, source: Source, offset: Option<i64>) -> Result<(), Error> {
        meet(&mut self.trouble.seek)?;
        self.position(source, offset);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Error> {
        assert!(self.open.is_none(), "a transaction is open already");
        self.can_fail(|log| log.open = Some(Vec::new()))
    }

    fn send(&mut self, record: &OutRecord) -> Result<(), Error> {
        let record = record.clone();
        self.can_fail(|log| log.open.as_mut().expect("a transaction is open").push(record))
    }

    fn commit(&mut self, frontier: &BTreeMap<Source, i64>) -> Result<(), Error> {
        assert!(!frontier.is_empty(), "without an offset a former owner would not be recognised");
        let fenced = self.generation != self.broker.borrow().generation;
        if fenced {
            return Err(Error::Abortable { action: "commit", detail: "of an older generation".into() });
        }
        self.can_fail(|log| {
            let records = log.open.take().expect("a transaction is open");
            let mut broker = log.broker.borrow_mut();
            broker.outputs.extend(records);
            for (source, offset) in frontier {
                let before = broker.committed.insert(source.partition, *offset);
                assert!(before <= Some(*offset), "a committed offset never goes back");
            }
        })
    }

    fn abort(&mut self) -> Result<(), Error> {
        meet(&mut self.trouble.abort)?;
        self.open = None;
        Ok(())
    }

    fn restore_begin(&mut self, source: Source) {
        self.restoring.insert(source.partition, 0);
    }

    /// One record of each partition at a time, so that restoring and running take turns.
    fn restore_next(
        &mut self,
        _budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        meet(&mut self.trouble.restore)?;
        let broker = self.broker.borrow();
        self.restoring.retain(|partition, next| {
            let found =
                broker.outputs.iter().enumerate().skip(*next).find(|(_, record)| {
                    record.output == Output::State && record.partition == Some(*partition)
                });
            let Some((index, record)) = found else {
                on_record(source(*partition), Restored::Done);
                return false;
            };
            let key = record.key.as_deref().expect("changelog records have keys");
            on_record(source(*partition), Restored::Record(key, record.value.as_deref()));
            *next = index + 1;
            true
        });
        drop(broker);
        meet(&mut self.trouble.restored)
    }

    fn restore_stop(&mut self, sources: &[Source]) {
        for source in sources {
            self.restoring.remove(&source.partition);
        }
    }

    fn close(&mut self) {}
}

/// The partition of the one topic.
pub(in crate::runtime::stage) fn source(partition: i32) -> Source {
    Source { topic: 0, partition }
}
