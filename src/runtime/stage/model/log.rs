//! One worker's client: it fetches ahead, learns late what the group decided, and meets faults at every call.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::broker::{self, Decision, Fenced, Place, Topic};
use super::group::Told;
use super::restorer::Restorer;
use super::world::{Call, Fault, World};
use crate::runtime::log::{
    Error, Event, Log, Loss, LossReason, Message, OutRecord, Output, Passage, Restored, Source,
};
use crate::runtime::observer::StageKind;
use crate::time::ProcessingTime;

/// Time that a look-up takes to find that offsets are pending.
const UNSTABLE_WAIT: Duration = Duration::from_millis(20);
/// Messages that are fetched at once.
const FETCH: usize = 4;

#[derive(Debug)]
enum Incoming {
    Event(Event),
    Doubt(Source),
    Message(Source, i64),
}

/// How a partition that was taken is read.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    next: i64,
    is_paused: bool,
    is_ended: bool,
    /// Nothing was fetched since it was taken.
    is_new: bool,
}

/// A worker's connection.
pub(super) struct ClusterLog {
    pub(super) world: Rc<World>,
    kind: StageKind,
    pub(super) producer: String,
    epoch: u32,
    member: Option<u32>,
    /// Events and fetched messages, in the order in which they will be seen.
    incoming: VecDeque<Incoming>,
    /// What the group gave us and has not got back, as far as this client knows.
    given: Vec<Source>,
    /// Whether the group waits for an answer.
    owes_answer: bool,
    taken: BTreeMap<Source, Cursor>,
    in_transaction: bool,
    restorer: Restorer,
    /// The process died in a call.
    pub(super) is_dead: bool,
}

impl ClusterLog {
    /// Fences a former producer of this name, and joins the group.
    pub(super) fn connect(world: &Rc<World>, kind: StageKind, producer: &str) -> Self {
        let mut broker = world.broker.borrow_mut();
        let epoch = broker.init(producer);
        let now = broker.now;
        let member = broker.groups.get_mut(&kind).unwrap().join(now);
        Self {
            world: Rc::clone(world),
            kind,
            producer: producer.to_owned(),
            epoch,
            member: Some(member),
            incoming: VecDeque::new(),
            given: Vec::new(),
            owes_answer: false,
            taken: BTreeMap::new(),
            in_transaction: false,
            restorer: Restorer::default(),
            is_dead: false,
        }
    }

    /// The producer's name and epoch.
    pub(super) fn identity(&self) -> (&str, u32) {
        (&self.producer, self.epoch)
    }

    /// The client's own thread: shows life, and notes what the group says.
    pub(super) fn heartbeat(&mut self) {
        let Some(member) = self.member else { return };
        let heard = {
            let mut broker = self.world.broker.borrow_mut();
            let now = broker.now;
            broker.groups.get_mut(&self.kind).unwrap().heartbeat(member, now)
        };
        match heard {
            Ok(None) => {}
            Ok(Some(Told::Assigned(sources))) => {
                self.given.extend(&sources);
                self.note(Event::Assigned(sources));
            }
            Ok(Some(Told::Revoked(sources))) => self.note(Event::Revoked(sources)),
            Err(()) => {
                self.member = None;
                let given = self.given.clone();
                self.note(Event::Lost(given));
            }
        }
    }

    /// Among what was fetched already: sometimes before it, sometimes behind it.
    fn note(&mut self, event: Event) {
        self.world.trace(|| format!("{} hears {event:?}", self.producer));
        self.owes_answer = true;
        let is_event = |incoming: &Incoming| matches!(incoming, Incoming::Event(_));
        let no_event_waits = !self.incoming.iter().any(is_event);
        if no_event_waits && self.world.dice.borrow_mut().one_in(2) {
            self.incoming.push_front(Incoming::Event(event));
        } else {
            self.incoming.push_back(Incoming::Event(event));
        }
    }

    /// What was to be read next is deleted: the client goes on at the beginning, and says so before or behind what it has fetched.
    /// Of a partition that was just taken it may say nothing: there the first message shows it.
    fn reset_if_deleted(&mut self, source: Source) {
        let place = self.place(source);
        let start = self.world.broker.borrow().start(place);
        let has_more = self.world.broker.borrow().next(place, start).is_some();
        let cursor = self.taken.get_mut(&source).unwrap();
        if cursor.next >= start {
            return;
        }
        self.world.trace(|| format!("{} finds {source:?} deleted up to {start}", self.producer));
        cursor.next = start;
        if cursor.is_new && has_more && self.world.dice.borrow_mut().one_in(2) {
            return;
        }
        if self.world.dice.borrow_mut().one_in(2) {
            self.incoming.push_front(Incoming::Doubt(source));
        } else {
            self.incoming.push_back(Incoming::Doubt(source));
        }
    }

    /// Where something may go wrong.
    fn meet(&mut self, call: Call) -> Result<(), Error> {
        let fault = self.world.strike(call, &self.producer);
        let (action, detail) = ("model", String::from("injected"));
        match fault {
            None => Ok(()),
            Some(Fault::Stall) => {
                self.world.meanwhile();
                Ok(())
            }
            Some(Fault::Crash) => {
                self.is_dead = true;
                Err(Error::Fatal { action, detail })
            }
            Some(Fault::Abort) => Err(Error::Abortable { action, detail }),
            Some(Fault::Transient) => Err(Error::Transient { action, detail }),
        }
    }

    fn place(&self, source: Source) -> Place {
        broker::place(self.kind, source)
    }

    /// Where reading goes on; at the beginning where there is no offset.
    fn position(&self, source: Source, offset: Option<i64>) -> i64 {
        offset.unwrap_or_else(|| self.world.broker.borrow().start(self.place(source)))
    }

    /// Drops what was fetched of a partition. Returns the first offset of that.
    fn purge(&mut self, source: Source) -> Option<i64> {
        let of = |incoming: &Incoming| match incoming {
            Incoming::Message(from, offset) if *from == source => Some(*offset),
            _ => None,
        };
        let first = self.incoming.iter().find_map(of);
        self.incoming.retain(|incoming| of(incoming).is_none());
        first
    }

    /// Fetches from one partition; sometimes a message comes twice.
    fn fetch(&mut self, source: Source) {
        self.reset_if_deleted(source);
        let messages = 1 + self.world.dice.borrow_mut().below(FETCH);
        let place = self.place(source);
        let broker = self.world.broker.borrow();
        let cursor = self.taken.get_mut(&source).unwrap();
        for _ in 0..messages {
            let Some(entry) = broker.next(place, cursor.next) else { return };
            cursor.next = entry.offset + 1;
            (cursor.is_ended, cursor.is_new) = (false, false);
            self.incoming.push_back(Incoming::Message(source, entry.offset));
            if self.world.dice.borrow_mut().one_in(50) {
                self.incoming.push_back(Incoming::Message(source, entry.offset));
            }
        }
    }

    fn fetch_something(&mut self) {
        let active: Vec<Source> =
            self.taken.iter().filter(|(_, cursor)| !cursor.is_paused).map(|(source, _)| *source).collect();
        let picked = self.world.dice.borrow_mut().pick(&active);
        if let Some(source) = picked {
            self.fetch(source);
        }
    }

    fn hand_over(&self, source: Source, offset: i64, on_message: &mut dyn FnMut(Message<'_>)) -> Event {
        let entry = self.world.broker.borrow().find(self.place(source), offset).cloned();
        let entry = entry.expect("what was fetched is there");
        assert_eq!(entry.offset, offset);
        on_message(Message {
            source,
            offset,
            timestamp: ProcessingTime::from_millis(offset),
            key: Some(&entry.key),
            value: entry.value.as_deref(),
            passage: Passage::Live,
        });
        Event::Message
    }

    /// As the real log: with more topics than one nobody knows which has ended.
    fn end(&mut self) -> Event {
        let broker = self.world.broker.borrow();
        for (source, cursor) in &mut self.taken {
            let place = (Topic::Activity, source.partition);
            let is_end = !cursor.is_paused
                && !cursor.is_ended
                && cursor.next >= broker.start(place)
                && broker.next(place, cursor.next).is_none();
            if self.kind == StageKind::Monitor && is_end {
                cursor.is_ended = true;
                return Event::End(*source);
            }
        }
        Event::Idle
    }

    fn admitted(&self, frontier: &BTreeMap<Source, i64>) -> Result<(), Error> {
        let broker = self.world.broker.borrow();
        let group = &broker.groups[&self.kind];
        let Some(member) = self.member.filter(|member| group.admits(*member)) else {
            let detail = String::from("of an older generation");
            return Err(Error::Abortable { action: "send offsets", detail });
        };
        for source in frontier.keys() {
            assert!(group.is_owner(member, *source), "{} commits {source:?} of another", self.producer);
        }
        Ok(())
    }
}

impl Log for ClusterLog {
    fn poll(&mut self, _timeout: Duration, on_message: &mut dyn FnMut(Message<'_>)) -> Event {
        if let Err(error) = self.meet(Call::Poll) {
            return Event::Error(error);
        }
        self.heartbeat();
        if self.incoming.is_empty() {
            self.fetch_something();
        }
        match self.incoming.pop_front() {
            None => self.end(),
            Some(Incoming::Event(event)) => event,
            Some(Incoming::Doubt(source)) => Event::Doubt(vec![source]),
            Some(Incoming::Message(source, offset)) => self.hand_over(source, offset, on_message),
        }
    }

    fn committed(&mut self, sources: &[Source]) -> Result<BTreeMap<Source, i64>, Error> {
        assert!(!self.in_transaction, "the answer may take longer than a transaction may stay open");
        self.meet(Call::LookUp)?;
        if self.world.broker.borrow().is_pending(self.kind, sources) {
            self.world.clock.pass(UNSTABLE_WAIT);
            let detail = String::from("a transaction is pending");
            return Err(Error::Transient { action: "ask for committed offsets", detail });
        }
        let broker = self.world.broker.borrow();
        let group = &broker.groups[&self.kind];
        Ok(sources.iter().filter_map(|source| Some((*source, group.committed(*source)?))).collect())
    }

    /// As the real log: what lies between a position and the beginning is lost.
    fn losses(&mut self, positions: &BTreeMap<Source, Option<i64>>) -> Result<Vec<Loss>, Error> {
        assert!(!self.in_transaction, "the answer may take longer than a transaction may stay open");
        self.meet(Call::LookUp)?;
        let broker = self.world.broker.borrow();
        let loss = |(source, position): (&Source, &Option<i64>)| {
            let to = broker.start(self.place(*source));
            let (from, reason) = match position {
                Some(position) if *position < to => (*position, LossReason::Deleted),
                Some(_) => return None,
                None => (to, LossReason::NotCommitted),
            };
            let (topic, until) = (String::new(), ProcessingTime::default());
            Some(Loss { source: *source, topic, from, to, reason, until })
        };
        Ok(positions.iter().filter_map(loss).collect())
    }

    fn take(&mut self, sources: &[Source], from: &BTreeMap<Source, i64>) -> Result<(), Error> {
        self.meet(Call::Client)?;
        for source in sources {
            assert!(self.given.contains(source), "{source:?} is taken, but was not given");
            let next = self.position(*source, from.get(source).copied());
            let before =
                self.taken.insert(*source, Cursor { next, is_paused: true, is_ended: false, is_new: true });
            assert!(before.is_none(), "{source:?} is taken twice");
            if self.world.dice.borrow_mut().one_in(4) {
                self.fetch(*source);
            }
        }
        self.answer(&[]);
        Ok(())
    }

    fn release(&mut self, sources: &[Source]) -> Result<(), Error> {
        self.meet(Call::Client)?;
        for source in sources {
            assert!(self.given.contains(source), "{source:?} is released, but was not given");
            self.purge(*source);
            self.taken.remove(source);
        }
        self.given.retain(|source| !sources.contains(source));
        self.answer(sources);
        self.meet(Call::Client)
    }

    fn pause(&mut self, sources: &[Source]) -> Result<(), Error> {
        for source in sources {
            // What was fetched before may still come.
            let leaks = self.world.dice.borrow_mut().one_in(2);
            let first = if leaks { None } else { self.purge(*source) };
            let cursor = self.taken.get_mut(source).expect("only what was taken is paused");
            cursor.is_paused = true;
            cursor.next = first.unwrap_or(cursor.next);
        }
        Ok(())
    }

    fn resume(&mut self, sources: &[Source]) -> Result<(), Error> {
        for source in sources {
            let cursor = self.taken.get_mut(source).expect("only what was taken is resumed");
            (cursor.is_paused, cursor.is_ended) = (false, false);
        }
        Ok(())
    }

    fn seek(&mut self, source: Source, offset: Option<i64>) -> Result<(), Error> {
        self.meet(Call::Seek)?;
        self.purge(source);
        let next = self.position(source, offset);
        let cursor = self.taken.get_mut(&source).expect("only what was taken is sought");
        (cursor.next, cursor.is_ended, cursor.is_new) = (next, false, false);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Error> {
        assert!(!self.in_transaction, "a transaction is open already");
        self.meet(Call::Transaction)?;
        self.in_transaction = true;
        Ok(())
    }

    fn send(&mut self, record: &OutRecord) -> Result<(), Error> {
        assert!(self.in_transaction, "what is sent belongs to a transaction");
        self.meet(Call::Transaction)?;
        let place = self.world.destination(record);
        let key = record.key.as_deref().unwrap();
        let sent = self.world.broker.borrow_mut().send(self.identity(), place, key, record.value.as_deref());
        sent.map_err(fenced)?;
        self.meet(Call::Transaction)
    }

    fn commit(&mut self, frontier: &BTreeMap<Source, i64>) -> Result<(), Error> {
        assert!(!frontier.is_empty(), "without an offset a former owner would not be recognised");
        self.meet(Call::Transaction)?;
        self.admitted(frontier)?;
        let added = self.world.broker.borrow_mut().add_offsets(self.identity(), self.kind, frontier);
        added.map_err(fenced)?;
        self.meet(Call::Transaction)?;
        let ended = self.world.broker.borrow_mut().end(self.identity(), Decision::Commit);
        ended.map_err(fenced)?;
        self.in_transaction = false;
        self.world.trace(|| format!("{} commits {frontier:?}", self.producer));
        self.meet(Call::Decided)
    }

    fn abort(&mut self) -> Result<(), Error> {
        if !self.in_transaction || self.is_dead {
            return Ok(());
        }
        self.meet(Call::Abort)?;
        self.in_transaction = false;
        let ended = self.world.broker.borrow_mut().end(self.identity(), Decision::Abort);
        ended.map_err(fenced)?;
        self.meet(Call::Decided)
    }

    fn restore_begin(&mut self, source: Source) {
        assert!(self.taken.contains_key(&source), "only what was taken is restored");
        self.restorer.begin(source);
    }

    fn restore_next(
        &mut self,
        _budget: Duration,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) -> Result<(), Error> {
        self.meet(Call::Restore)?;
        self.restorer.next(&self.world.broker.borrow(), &mut self.world.dice.borrow_mut(), on_record);
        Ok(())
    }

    fn restore_stop(&mut self, sources: &[Source]) {
        self.restorer.stop(sources);
    }

    fn close(&mut self) {
        if let Some(member) = self.member.take().filter(|_| !self.is_dead) {
            self.world.broker.borrow_mut().groups.get_mut(&self.kind).unwrap().leave(member);
        }
    }
}

impl ClusterLog {
    /// Who was expelled joins anew once everything is given back.
    fn answer(&mut self, released: &[Source]) {
        assert!(self.owes_answer, "the group asked nothing");
        let mut broker = self.world.broker.borrow_mut();
        let now = broker.now;
        let group = broker.groups.get_mut(&self.kind).unwrap();
        match self.member {
            Some(member) => group.answer(member, released),
            None if self.given.is_empty() => self.member = Some(group.join(now)),
            None => {}
        }
        let is_event = |incoming: &Incoming| matches!(incoming, Incoming::Event(_));
        self.owes_answer = self.incoming.iter().any(is_event);
    }
}

fn fenced(_: Fenced) -> Error {
    Error::Fenced { action: "model", detail: String::from("by a newer producer") }
}

impl World {
    /// Where a record goes.
    fn destination(&self, record: &OutRecord) -> Place {
        let hash: usize = record.key.iter().flatten().map(|byte| usize::from(*byte)).sum();
        let spread = |partitions: i32| hash as i32 % partitions;
        match record.output {
            Output::Activity => (Topic::Activity, spread(super::world::ACTIVITY_PARTITIONS)),
            Output::State => {
                (Topic::State, record.partition.expect("the changelog's partition is the input's"))
            }
            Output::Inventory => (Topic::Losses, 0),
            Output::Alerts | Output::DeadLetter => (Topic::Alerts, spread(2)),
        }
    }
}
