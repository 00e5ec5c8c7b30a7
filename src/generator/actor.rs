//! One identity at work: its sessions, its habits, and how they change.

use std::collections::VecDeque;
use std::sync::Arc;

use super::archetype::{Job, Principal};
use super::auth;
use super::calendar::Zone;
use super::calls::{self, Ending, Made, Shown};
use super::catalog::Call;
use super::cause::Cause;
use super::climate::Climate;
use super::drift::{self, Change, Scheduled};
use super::emission::{Emission, Record};
use super::habits::{self, Action, Habit};
use super::member::{Fate, Member};
use super::networks;
use super::pace::Pace;
use super::random::Random;
use super::session::Session;
use crate::time::{DAY_MS, EventTime, MINUTE_MS, SECOND_MS};

/// An identity at work.
pub(super) struct Actor {
    /// Who it is now: a copy of its own where instances or the region changed.
    pub(super) member: Arc<Member>,
    /// Its id, shared by its emissions.
    id: Arc<str>,
    pub(super) random: Random,
    /// Credentials in use, one for each place; during a rotation of keys one more.
    sessions: Vec<Option<Session>>,
    /// What it does outside of its jobs.
    habits: Vec<Habit>,
    /// What it does once in weeks: paths of the code that only errors and rare cases take.
    rarities: Vec<Action>,
    rarity: f64,
    /// Client program with its version.
    user_agent: String,
    client: &'static str,
    version: u64,
    /// Benign changes ahead, the next one last.
    changes: Vec<Scheduled>,
    throttled_until: EventTime,
    denied_until: EventTime,
    /// The old key in the rotation that is going on, and when it goes away.
    old_key: Option<(String, EventTime)>,
    /// Where it came from, and when it goes back there.
    away: Option<(String, EventTime)>,
    /// The last change, and until when it explains what is unusual.
    lately: (Cause, EventTime),
    pace: Pace,
    zone: Zone,
    /// First and last instant of its work.
    active: (EventTime, EventTime),
}

/// What an identity is busy with: its habits, or one of its jobs at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Routine {
    /// Tasks at random times.
    Habits,
    /// The job of this index, at this step.
    Job(usize, usize),
}

/// Days for which a change explains what is unusual.
const EXPLAINED_DAYS: i64 = 3;
/// Days for which a new identity's novelties are explained by its being new.
const YOUNG_DAYS: i64 = 21;
/// Rare actions of one identity come once in so many days, by median.
const RARE_DAYS: f64 = 30.0;

impl Actor {
    /// The actor of `member` in this climate, whose tasks are scaled by `scale`.
    pub(super) fn new(member: Arc<Member>, seed: u64, climate: &Climate, scale: f64) -> Self {
        let mut random = Random::new(seed, &format!("actor {}", member.id));
        let archetype = member.archetype;
        let clients = archetype.clients;
        let tasks_per_day = archetype.tasks_per_day * member.busyness * scale;
        let calls_per_day = (tasks_per_day * calls_per_task(archetype.principal)).max(0.1);
        let mut actor = Self {
            id: member.id.as_str().into(),
            sessions: vec![None; member.places.len().max(1)],
            habits: habits::habits(&member, &mut random),
            rarities: habits::rarities(&member, &mut random),
            rarity: (random.log_normal(0.7) / RARE_DAYS / calls_per_day).min(0.2),
            user_agent: String::new(),
            client: clients[crate::term::stable_hash(&member.id) as usize % clients.len()],
            version: 10 + random.below(60),
            changes: drift::schedule(&member, climate, &mut random),
            throttled_until: EventTime::default(),
            denied_until: EventTime::default(),
            old_key: None,
            away: None,
            lately: (Cause::Plain, EventTime::default()),
            pace: Pace::new(archetype, tasks_per_day, climate.span, &mut random),
            zone: Zone::draw(&mut random),
            active: active(member.fate, climate.span),
            member,
            random,
        };
        actor.changes.reverse();
        actor.set_user_agent();
        actor
    }

    /// The routines that it starts with, each with its first time.
    pub(super) fn routines(&mut self) -> Vec<(EventTime, Routine)> {
        let jobs = self.member.archetype.jobs;
        let habits = std::iter::once(Routine::Habits);
        let routines: Vec<_> = habits.chain((0..jobs.len()).map(|job| Routine::Job(job, 0))).collect();
        let from = self.active.0;
        routines.into_iter().filter_map(|routine| Some((self.first(routine, from)?, routine))).collect()
    }

    /// Does the next thing of `routine`, and says when it goes on with what.
    pub(super) fn step(
        &mut self,
        routine: Routine,
        time: EventTime,
        out: &mut VecDeque<Emission>,
    ) -> Option<(EventTime, Routine)> {
        if time >= self.active.1 {
            return None;
        }
        self.apply_changes(time, out);
        match routine {
            Routine::Habits => {
                let (action, cause) = self.habit();
                self.act((action, cause), time, out);
                let next = self.next_habit(time);
                self.within_life(next, Routine::Habits)
            }
            Routine::Job(index, step) => self.job_step(index, step, time, out),
        }
    }

    /// The credentials it uses now, for a thief to take. Where it has none, it opens a session.
    pub(super) fn current_session(&mut self, time: EventTime) -> Session {
        match self.sessions.iter().flatten().find(|session| time < session.expires) {
            Some(session) => session.clone(),
            None => Session::open(&self.member, 0, time, &mut self.random),
        }
    }

    /// Its client program.
    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// What it does all the time.
    pub(super) fn usual_actions(&self) -> impl Iterator<Item = Action> + '_ {
        self.habits.iter().filter(|habit| habit.cause == Cause::Plain).map(|habit| habit.action)
    }

    /// It works no more from then on.
    pub(super) fn end_at(&mut self, time: EventTime) {
        self.active.1 = self.active.1.min(time);
    }

    /// Whether it works at that time.
    pub(super) fn is_active_at(&self, time: EventTime) -> bool {
        (self.active.0..self.active.1).contains(&time)
    }

    fn first(&mut self, routine: Routine, from: EventTime) -> Option<EventTime> {
        let time = match routine {
            Routine::Habits => self.next_task(from),
            Routine::Job(index, _) => self.next_job(&self.member.archetype.jobs[index], index, from),
        };
        (time < self.active.1).then_some(time)
    }

    fn within_life(&self, time: EventTime, routine: Routine) -> Option<(EventTime, Routine)> {
        (time < self.active.1).then_some((time, routine))
    }

    /// Soon, as the next call of the same task; or at the beginning of the next task.
    fn next_habit(&mut self, time: EventTime) -> EventTime {
        let goes_on = 1.0 - 1.0 / calls_per_task(self.member.archetype.principal);
        if self.random.chance(goes_on) {
            return time.plus_millis(self.random.between(200, 6 * SECOND_MS));
        }
        self.next_task(time)
    }

    fn next_task(&mut self, time: EventTime) -> EventTime {
        let tasks_per_day = self.pace.tasks_per_day(time);
        let local = self.zone.local(time);
        let next = self.member.archetype.rhythm.next(local, tasks_per_day, &mut self.random);
        self.zone.utc(next).max(time.plus_millis(1))
    }

    fn job_step(
        &mut self,
        index: usize,
        step: usize,
        time: EventTime,
        out: &mut VecDeque<Emission>,
    ) -> Option<(EventTime, Routine)> {
        let job = &self.member.archetype.jobs[index];
        if let Some(action) = Action::of(self.member.archetype.principal, job.steps[step]) {
            let cause = job.every.is_monthly().then_some(Cause::MonthEnd);
            self.act((action, cause), time, out);
        }
        if step + 1 < job.steps.len() {
            let next = time.plus_millis(self.random.between(SECOND_MS, 20 * SECOND_MS));
            return self.within_life(next, Routine::Job(index, step + 1));
        }
        self.within_life(self.next_job(job, index, time), Routine::Job(index, 0))
    }

    /// Jobs keep to a minute of their own on the clock of their zone, and start some seconds late.
    fn next_job(&self, job: &Job, index: usize, from: EventTime) -> EventTime {
        let own = crate::term::stable_hash(&self.member.stem).wrapping_add(index as u64 * 17);
        let local = self.zone.local(from.plus_millis(2 * MINUTE_MS));
        let next = self.zone.utc(job.every.next(local, (own % 58) as i64));
        // In the hour that comes twice a job runs once.
        next.max(from.plus_millis(MINUTE_MS)).plus_millis((own / 58 % 60) as i64 * SECOND_MS)
    }

    /// What it does next, and what explains that; `None` where the circumstances may.
    fn habit(&mut self) -> (Action, Option<Cause>) {
        if !self.rarities.is_empty() && self.random.chance(self.rarity) {
            return (*self.random.pick(&self.rarities), Some(Cause::Plain));
        }
        let total: f64 = self.habits.iter().map(|habit| habit.weight).sum();
        let mut left = self.random.unit() * total;
        let drawn = self.habits.iter().find(|habit| {
            left -= habit.weight;
            left < 0.0
        });
        let habit = drawn.unwrap_or(&self.habits[0]);
        (habit.action, Some(habit.cause).filter(|cause| *cause != Cause::Plain))
    }

    fn act(
        &mut self,
        (action, cause): (Action, Option<Cause>),
        time: EventTime,
        out: &mut VecDeque<Emission>,
    ) {
        let time = EventTime::from_millis(time.secs() * SECOND_MS);
        let ending = if matches!(action, Action::Call(_)) { self.ending(time) } else { Ending::Success };
        let cause = cause.unwrap_or_else(|| self.cause(ending, time));
        let record = match action {
            Action::Host(text) => Record::Auth(auth::line(&self.member, text, time, &mut self.random)),
            Action::Call(call) => self.call((call, ending), (time, cause), out),
        };
        out.push_back(Emission { time, identity: self.id.clone(), incident: None, cause, record });
    }

    fn call(
        &mut self,
        (call, ending): (&'static Call, Ending),
        (time, cause): (EventTime, Cause),
        out: &mut VecDeque<Emission>,
    ) -> Record {
        let place = self.random.below(self.sessions.len() as u64) as usize;
        self.ensure_session(place, (time, cause), out);
        let made = Made { call, ending, time };
        let Self { sessions, member, random, user_agent, .. } = self;
        let session = sessions[place].get_or_insert_with(|| Session::open(member, place, time, random));
        let is_console = member.archetype.principal == Principal::Sso;
        let shown = Shown { session, user_agent, is_console };
        Record::CloudTrail(Box::new(calls::record(member, &shown, &made, random)))
    }

    fn ensure_session(
        &mut self,
        place: usize,
        (time, cause): (EventTime, Cause),
        out: &mut VecDeque<Emission>,
    ) {
        let keeps = |session: &Session| time < session.expires && !self.has_moved(session, time);
        if self.sessions[place].as_ref().is_some_and(keeps) {
            return;
        }
        let mut session = Session::open(&self.member, place, time, &mut self.random);
        if let Some(old) = self.sessions[place].as_ref().filter(|old| time < old.expires) {
            (session.key, session.name) = (old.key.clone(), old.name.clone());
            (session.created, session.expires) = (old.created, old.expires);
        } else if let Some((id, record)) = calls::opening(&self.member, &session, &mut self.random) {
            let record = Record::CloudTrail(Box::new(record));
            out.push_back(Emission { time, identity: id.into(), incident: None, cause, record });
        }
        self.sessions[place] = Some(session);
    }

    /// Whether the networks of its origin changed since the session was given its address: the credentials stay, and come
    /// from elsewhere now.
    fn has_moved(&self, session: &Session, time: EventTime) -> bool {
        let changed = networks::changed_ago(self.member.archetype.origin, &self.member.home(), time);
        changed.is_some_and(|ago| time.plus_millis(-ago) > session.since)
    }

    fn ending(&mut self, time: EventTime) -> Ending {
        if time < self.throttled_until && self.random.chance(0.5) {
            return Ending::Throttled;
        }
        if time < self.denied_until && self.random.chance(0.4) {
            return Ending::Denied;
        }
        if !self.random.chance(self.member.archetype.error_rate) {
            return Ending::Success;
        }
        *self.random.pick(&[Ending::NotFound, Ending::NotFound, Ending::Throttled, Ending::Denied])
    }

    /// What explains something unusual about a record of that time.
    fn cause(&self, ending: Ending, time: EventTime) -> Cause {
        let explained = EXPLAINED_DAYS * DAY_MS;
        let changed = networks::changed_ago(self.member.archetype.origin, &self.member.home(), time);
        match ending {
            Ending::Throttled if time < self.throttled_until => return Cause::Throttling,
            Ending::Denied if time < self.denied_until => return Cause::PermissionMistake,
            _ => {}
        }
        if time < self.lately.1 {
            return self.lately.0;
        }
        if changed.is_some_and(|ago| ago < explained) {
            let is_supplier = self.member.archetype.origin == super::archetype::Origin::Supplier;
            return if is_supplier { Cause::SupplierNetwork } else { Cause::NatChange };
        }
        let is_young = time.millis_since(self.active.0) < YOUNG_DAYS * DAY_MS;
        if matches!(self.member.fate, Fate::Born(_)) && is_young {
            return Cause::Birth;
        }
        if self.zone.changed_within(time, EXPLAINED_DAYS) {
            return Cause::Dst;
        }
        self.pace.cause(time)
    }

    fn apply_changes(&mut self, time: EventTime, out: &mut VecDeque<Emission>) {
        while let Some(scheduled) = self.changes.pop_if(|scheduled| scheduled.time <= time) {
            self.apply(scheduled.change, time, out);
        }
        if let Some((key, _)) = self.old_key.take_if(|(_, until)| *until <= time) {
            self.sessions.retain(|session| session.as_ref().is_none_or(|session| session.key != key));
        }
        if let Some((region, _)) = self.away.take_if(|(_, until)| *until <= time) {
            self.move_to(region);
        }
    }

    fn apply(&mut self, change: Change, time: EventTime, out: &mut VecDeque<Emission>) {
        match change {
            Change::Upgrade => {
                self.version += 1 + self.random.below(3);
                self.set_user_agent();
                self.note(Cause::SdkUpgrade, time);
            }
            Change::Generation => {
                self.client = drift::next_generation(self.client).unwrap_or(self.client);
                self.set_user_agent();
                self.note(Cause::SdkUpgrade, time);
            }
            Change::New(actions, cause) => {
                for action in actions {
                    let weight = self.random.log_normal(0.8);
                    self.habits.push(Habit { action, weight, cause });
                }
            }
            Change::Rotate(until) => self.rotate(time, until),
            Change::Throttle(until) => self.throttled_until = until.max(time),
            Change::Mistake(until) => self.denied_until = until.max(time),
            Change::Scale => self.scale(time),
            Change::Failover(until, region) if self.away.is_none() && until > time => {
                self.away = Some((self.member.region.clone(), until));
                self.move_to(region.to_owned());
                self.lately = (Cause::Failover, until);
            }
            Change::Failover(..) => {}
            Change::Backfill(until) => self.pace.backfill_until = until,
            Change::BreakGlass => {
                for action in drift::repairs(&mut self.random) {
                    self.act((action, Some(Cause::BreakGlass)), time, out);
                }
            }
        }
    }

    fn note(&mut self, cause: Cause, time: EventTime) {
        self.lately = (cause, time.plus_millis(EXPLAINED_DAYS * DAY_MS));
    }

    /// A new key beside the old one; both work until then.
    fn rotate(&mut self, time: EventTime, until: EventTime) {
        let Some(old) = self.sessions.iter().flatten().next().cloned() else { return };
        if self.old_key.is_some() {
            return;
        }
        let key = self.random.aws_id("AKIA");
        self.sessions.push(Some(Session { key, created: time, ..old.clone() }));
        self.old_key = Some((old.key, until));
        self.lately = (Cause::Rotation, until.plus_millis(EXPLAINED_DAYS * DAY_MS));
    }

    /// A new instance takes the place of one of the old ones.
    fn scale(&mut self, time: EventTime) {
        let places = self.sessions.len().min(self.member.places.len());
        let place = self.random.below(places as u64) as usize;
        Arc::make_mut(&mut self.member).places[place] = format!("i-{}", self.random.hex(17));
        self.sessions[place] = None;
        self.lately = (Cause::Autoscaling, time.plus_millis(DAY_MS));
    }

    fn move_to(&mut self, region: String) {
        Arc::make_mut(&mut self.member).region = region;
        self.sessions.iter_mut().for_each(|session| *session = None);
    }

    fn set_user_agent(&mut self) {
        self.user_agent = self.client.replace("{}", &self.version.to_string());
    }
}

/// Calls that one task makes, on average.
pub(super) const fn calls_per_task(principal: Principal) -> f64 {
    match principal {
        Principal::GitHub => 12.0,
        Principal::CodeBuild | Principal::Sso => 8.0,
        Principal::Vendor => 6.0,
        Principal::Linux => 1.5,
        _ => 3.0,
    }
}

fn active(fate: Fate, (since, until): (EventTime, EventTime)) -> (EventTime, EventTime) {
    let at = |part: f64| since.plus_millis((until.millis_since(since) as f64 * part) as i64);
    match fate {
        Fate::Active => (since, until),
        Fate::Forgotten(part) | Fate::Dormant(part) => (since, at(part)),
        Fate::NeverUsed => (since, since),
        Fate::Born(part) => (at(part), until),
    }
}
