//! The company's traffic in order of time, as an iterator whose memory does not grow with the length of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::actor::{Actor, Routine, calls_per_task};
use super::company::Company;
use super::emission::Emission;
use super::incident::{Attack, Incident};
use super::member::{Fate, Member};
use super::scenario::Scenario;
use crate::time::{DAY_MS, EventTime, HOUR_MS};

/// What traffic to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// First instant.
    pub since: EventTime,
    /// End, exclusive.
    pub until: EventTime,
    /// How many records to aim at; what comes is within some percent, and never below what the periodic jobs make.
    pub events: u64,
    /// Incidents to inject, spread over this span of time.
    pub incidents: Option<(EventTime, EventTime)>,
}

/// Records in order of time. See [`Company::emissions`].
pub struct Emissions {
    actors: Vec<Actor>,
    attacks: Vec<Attack>,
    incidents: Vec<Incident>,
    queue: BinaryHeap<Reverse<Due>>,
    ready: VecDeque<Emission>,
    until: EventTime,
}

/// The next thing that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    time: EventTime,
    who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Actor(usize, Routine),
    Attack(usize),
}

impl Emissions {
    pub(super) fn new(company: &Company, plan: &Plan) -> Self {
        let mut emissions = Self::quiet(company, plan);
        if let Some(span) = plan.incidents {
            emissions.plan_incidents(span, company.seed());
        }
        emissions
    }

    pub(super) fn campaign(company: &Company, plan: &Plan, attacks: usize) -> Self {
        let mut emissions = Self::quiet(company, plan);
        if let Some(span) = plan.incidents {
            emissions.plan_campaign(span, company.seed(), attacks);
        }
        emissions
    }

    fn quiet(company: &Company, plan: &Plan) -> Self {
        let scale = scale(company, plan);
        let span = (plan.since, plan.until);
        let actors =
            company.members().iter().map(|member| Actor::new(member.clone(), company.seed(), span, scale));
        let mut emissions = Self {
            actors: actors.collect(),
            attacks: Vec::new(),
            incidents: Vec::new(),
            queue: BinaryHeap::new(),
            ready: VecDeque::new(),
            until: plan.until,
        };
        emissions.start_routines();
        emissions
    }

    /// The incidents that are injected, in order of time.
    #[must_use]
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    fn start_routines(&mut self) {
        for (index, actor) in self.actors.iter_mut().enumerate() {
            for (time, routine) in actor.routines() {
                self.queue.push(Reverse(Due { time, who: Who::Actor(index, routine) }));
            }
        }
    }

    fn plan_incidents(&mut self, (from, to): (EventTime, EventTime), seed: u64) {
        let step_ms = to.millis_since(from) / Scenario::ALL.len() as i64;
        for (slot, scenario) in Scenario::ALL.into_iter().enumerate() {
            let start = from.plus_millis(slot as i64 * step_ms + step_ms / 4);
            let Some(victim) = self.victim(scenario) else { continue };
            self.plan_attack(scenario, victim, start, seed);
        }
    }

    fn plan_campaign(&mut self, (from, to): (EventTime, EventTime), seed: u64, attacks: usize) {
        let mut random = super::random::Random::new(seed, "campaign");
        for number in 0..attacks {
            let scenario = Scenario::ALL[number % Scenario::ALL.len()];
            let start = from.plus_millis(random.between(0, to.millis_since(from)));
            let Some(victim) = self.victim(scenario) else { continue };
            self.plan_attack(scenario, victim, start, seed);
        }
    }

    fn plan_attack(&mut self, scenario: Scenario, victim: usize, start: EventTime, seed: u64) {
        let index = self.incidents.len();
        self.attacks.push(Attack::new(index, scenario, victim, &self.actors[victim], seed));
        self.queue.push(Reverse(Due { time: start, who: Who::Attack(index) }));
        self.incidents.push(Incident {
            scenario,
            identity_id: self.actors[victim].member.id.clone(),
            accomplices: Vec::new(),
            title: scenario.title(),
            start,
            end: start.plus_millis(scenario.length_ms()),
        });
    }

    /// The first member of the right sort that no other incident has.
    fn victim(&self, scenario: Scenario) -> Option<usize> {
        let is_free = |index: &usize| self.attacks.iter().all(|attack| attack.victim != *index);
        let of_sort = |sort: &&str| {
            let has_sort = |member: &Member| member.archetype.name == *sort && is_victim_fate(member.fate);
            (0..self.actors.len()).find(|index| has_sort(&self.actors[*index].member) && is_free(index))
        };
        scenario.victims().iter().find_map(of_sort)
    }

    /// Lets the next one in the queue act; `false` at the end.
    fn advance(&mut self) -> bool {
        let Some(Reverse(Due { time, who })) = self.queue.pop() else { return false };
        if time >= self.until {
            return true;
        }
        let next = match who {
            Who::Actor(index, routine) => self.actors[index]
                .step(routine, time, &mut self.ready)
                .map(|(time, routine)| Due { time, who: Who::Actor(index, routine) }),
            Who::Attack(index) => {
                let attack = &mut self.attacks[index];
                let actor = &mut self.actors[attack.victim];
                attack.step(actor, time, &mut self.ready).map(|time| Due { time, who })
            }
        };
        self.queue.extend(next.map(Reverse));
        true
    }
}

impl Iterator for Emissions {
    type Item = Emission;

    fn next(&mut self) -> Option<Emission> {
        while self.ready.is_empty() {
            if !self.advance() {
                return None;
            }
        }
        self.ready.pop_front()
    }
}

fn is_victim_fate(fate: Fate) -> bool {
    matches!(fate, Fate::Active | Fate::Dormant(_))
}

impl Scenario {
    /// How long it takes, with some reserve.
    fn length_ms(self) -> i64 {
        let secs: f64 =
            self.beats().iter().map(|beat| f64::from(beat.times) * f64::from(beat.pause_secs)).sum();
        (secs * 1_500.0) as i64
    }
}

/// How much busier than usual all must be to make the planned number of records.
fn scale(company: &Company, plan: &Plan) -> f64 {
    // Below this the habits of an identity could no longer be learned.
    const LEAST: f64 = 0.05;
    let days = plan.until.millis_since(plan.since) as f64 / DAY_MS as f64;
    let (fixed, variable) = company.members().iter().fold((0.0, 0.0), |(fixed, variable), member| {
        let part = active_part(member.fate);
        (fixed + part * jobs_per_day(member), variable + part * habits_per_day(member))
    });
    ((plan.events as f64 / days.max(1.0 / 24.0) - fixed) / variable).max(LEAST)
}

fn active_part(fate: Fate) -> f64 {
    match fate {
        Fate::Active => 1.0,
        Fate::Forgotten(part) | Fate::Dormant(part) => part,
        Fate::NeverUsed => 0.0,
        Fate::Born(part) => 1.0 - part,
    }
}

fn jobs_per_day(member: &Member) -> f64 {
    member.archetype.jobs.iter().map(|job| job.every.per_day() * job.steps.len() as f64).sum()
}

/// Calls of a day's tasks, with the opening of sessions for them.
fn habits_per_day(member: &Member) -> f64 {
    let tasks = member.archetype.tasks_per_day * member.busyness;
    let calls = tasks * calls_per_task(member.archetype.principal);
    let sessions_per_place = super::session::lifetime_ms(member.archetype.principal)
        .map_or(0.0, |ms| 24.0 * HOUR_MS as f64 / ms as f64);
    calls + tasks.min(sessions_per_place * member.places.len() as f64)
}
