//! One identity at work: its sessions, its habits, and how they change.

use std::collections::VecDeque;
use std::sync::Arc;

use super::archetype::{Job, Principal};
use super::auth;
use super::calls::{self, Ending, Made, Shown};
use super::catalog::{self, Call};
use super::cause::Cause;
use super::drift::{self, Change, Scheduled};
use super::emission::{Emission, Record};
use super::member::{Fate, Member};
use super::random::Random;
use super::session::Session;
use crate::time::{EventTime, MINUTE_MS, SECOND_MS};

/// An identity at work.
pub(super) struct Actor {
    pub(super) member: Arc<Member>,
    /// Its id, shared by its emissions.
    id: Arc<str>,
    pub(super) random: Random,
    /// Credentials in use, one for each place.
    sessions: Vec<Option<Session>>,
    /// What it does outside of its jobs, with weights.
    habits: Vec<(Action, f64)>,
    /// Client program with its version.
    user_agent: String,
    version: u64,
    /// Benign changes ahead, the next one last.
    changes: Vec<Scheduled>,
    throttled_until: EventTime,
    denied_until: EventTime,
    /// Tasks a day outside of its jobs.
    tasks_per_day: f64,
    /// First and last instant of its work.
    active: (EventTime, EventTime),
}

/// One thing an identity does.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// An API call.
    Call(&'static Call),
    /// `ssh`, `sudo <command>`, `cron <command>`.
    Host(&'static str),
}

impl Action {
    /// The action as written in an archetype.
    fn of(principal: Principal, text: &'static str) -> Option<Self> {
        if principal == Principal::Linux {
            Some(Self::Host(text))
        } else {
            catalog::find(text).map(Self::Call)
        }
    }
}

/// What an identity is busy with: its habits, or one of its jobs at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Routine {
    /// Tasks at random times.
    Habits,
    /// The job of this index, at this step.
    Job(usize, usize),
}

impl Actor {
    /// The actor of `member` over `since..until`, whose tasks are scaled by `scale`.
    pub(super) fn new(
        member: Arc<Member>,
        seed: u64,
        (since, until): (EventTime, EventTime),
        scale: f64,
    ) -> Self {
        let mut random = Random::new(seed, &format!("actor {}", member.id));
        let archetype = member.archetype;
        let mut actor = Self {
            id: member.id.as_str().into(),
            sessions: vec![None; member.places.len().max(1)],
            habits: habits(&member, &mut random),
            user_agent: String::new(),
            version: 10 + random.below(60),
            changes: drift::schedule(archetype, since, until, &mut random),
            throttled_until: EventTime::default(),
            denied_until: EventTime::default(),
            tasks_per_day: archetype.tasks_per_day * member.busyness * scale,
            active: active(member.fate, since, until),
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
        self.apply_changes(time);
        match routine {
            Routine::Habits => {
                let action = self.habit();
                self.act(action, time, out);
                let next = self.next_habit(time);
                self.within_life(next, Routine::Habits)
            }
            Routine::Job(index, step) => self.job_step(index, step, time, out),
        }
    }

    /// The credentials it uses now, for a thief to take.
    pub(super) fn current_session(&mut self, time: EventTime) -> Session {
        match self.sessions.iter().flatten().next() {
            Some(session) => session.clone(),
            None => Session::open(&self.member, 0, time, &mut self.random),
        }
    }

    /// Its client program.
    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    fn first(&mut self, routine: Routine, from: EventTime) -> Option<EventTime> {
        let time = match routine {
            Routine::Habits => self.member.archetype.rhythm.next(from, self.tasks_per_day, &mut self.random),
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
        self.member.archetype.rhythm.next(time, self.tasks_per_day, &mut self.random)
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
            self.act(action, time, out);
        }
        if step + 1 < job.steps.len() {
            let next = time.plus_millis(self.random.between(SECOND_MS, 20 * SECOND_MS));
            return self.within_life(next, Routine::Job(index, step + 1));
        }
        self.within_life(self.next_job(job, index, time), Routine::Job(index, 0))
    }

    /// Jobs keep to a minute of their own, and start some seconds late.
    fn next_job(&self, job: &Job, index: usize, from: EventTime) -> EventTime {
        let own = crate::term::stable_hash(&self.member.stem).wrapping_add(index as u64 * 17);
        job.every
            .next(from.plus_millis(2 * MINUTE_MS), (own % 58) as i64)
            .plus_millis((own / 58 % 60) as i64 * SECOND_MS)
    }

    fn habit(&mut self) -> Action {
        let total: f64 = self.habits.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.unit() * total;
        for (action, weight) in &self.habits {
            left -= weight;
            if left < 0.0 {
                return *action;
            }
        }
        self.habits[0].0
    }

    fn act(&mut self, action: Action, time: EventTime, out: &mut VecDeque<Emission>) {
        let time = EventTime::from_millis(time.secs() * SECOND_MS);
        let record = match action {
            Action::Host(text) => Record::Auth(auth::line(&self.member, text, time, &mut self.random)),
            Action::Call(call) => self.call(call, time, out),
        };
        out.push_back(Emission { time, identity: self.id.clone(), incident: None, cause: Cause::Plain, record });
    }

    fn call(&mut self, call: &'static Call, time: EventTime, out: &mut VecDeque<Emission>) -> Record {
        let place = self.random.below(self.sessions.len() as u64) as usize;
        self.ensure_session(place, time, out);
        let ending = self.ending(time);
        let made = Made { call, ending, time };
        let Self { sessions, member, random, user_agent, .. } = self;
        let session = sessions[place].get_or_insert_with(|| Session::open(member, place, time, random));
        let is_console = member.archetype.principal == Principal::Sso;
        let shown = Shown { session, user_agent, is_console };
        Record::CloudTrail(Box::new(calls::record(member, &shown, &made, random)))
    }

    fn ensure_session(&mut self, place: usize, time: EventTime, out: &mut VecDeque<Emission>) {
        if self.sessions[place].as_ref().is_some_and(|session| time < session.expires) {
            return;
        }
        let session = Session::open(&self.member, place, time, &mut self.random);
        if let Some((id, record)) = calls::opening(&self.member, &session, &mut self.random) {
            let record = Record::CloudTrail(Box::new(record));
            out.push_back(Emission { time, identity: id.into(), incident: None, cause: Cause::Plain, record });
        }
        self.sessions[place] = Some(session);
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

    fn apply_changes(&mut self, time: EventTime) {
        while let Some(scheduled) = self.changes.pop_if(|scheduled| scheduled.time <= time) {
            self.apply(scheduled.change, time);
        }
    }

    fn apply(&mut self, change: Change, time: EventTime) {
        match change {
            Change::Upgrade => {
                self.version += 1 + self.random.below(3);
                self.set_user_agent();
            }
            Change::NewCall(call) => self.habits.push((Action::Call(call), 1.0)),
            Change::Move => {
                let block = 100 + self.random.below(99);
                let ip = format!("198.19.{block}.{}", 10 + self.random.below(200));
                self.sessions.iter_mut().flatten().for_each(|session| session.ip.clone_from(&ip));
            }
            Change::Rotate => {
                let key = self.random.aws_id("AKIA");
                self.sessions.iter_mut().flatten().for_each(|session| session.key.clone_from(&key));
            }
            Change::Throttle(until) => self.throttled_until = until.max(time),
            Change::Mistake(until) => self.denied_until = until.max(time),
        }
    }

    fn set_user_agent(&mut self) {
        let clients = self.member.archetype.clients;
        let own = crate::term::stable_hash(&self.member.id) as usize % clients.len();
        self.user_agent = clients[own].replace("{}", &self.version.to_string());
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

/// What is usual for its sort, in proportions of its own, and about half of what is possible besides.
fn habits(member: &Member, random: &mut Random) -> Vec<(Action, f64)> {
    let archetype = member.archetype;
    let mut habits = Vec::new();
    for (text, weight) in archetype.usual {
        let weight = f64::from(*weight) * random.log_normal(0.4);
        habits.extend(Action::of(archetype.principal, text).map(|action| (action, weight)));
    }
    for text in archetype.some {
        if random.chance(0.5) {
            let weight = random.log_normal(0.6);
            habits.extend(Action::of(archetype.principal, text).map(|action| (action, weight)));
        }
    }
    habits
}

fn active(fate: Fate, since: EventTime, until: EventTime) -> (EventTime, EventTime) {
    let at = |part: f64| since.plus_millis((until.millis_since(since) as f64 * part) as i64);
    match fate {
        Fate::Active => (since, until),
        Fate::Forgotten(part) | Fate::Dormant(part) => (since, at(part)),
        Fate::NeverUsed => (since, since),
        Fate::Born(part) => (at(part), until),
    }
}
