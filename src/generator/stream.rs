//! The company's traffic in order of time, as an iterator whose memory does not grow with the length of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::actor::{Actor, Routine, calls_per_task};
use super::campaign::Campaign;
use super::catalog;
use super::climate::Climate;
use super::company::Company;
use super::emission::Emission;
use super::habits::Action;
use super::incident::{Attack, Incident};
use super::inventory::InventoryRecord;
use super::member::{Fate, Member};
use super::playbook::{Script, Step};
use super::random::Random;
use super::scenario::{Guise, Scenario};
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
    pub(super) actors: Vec<Actor>,
    pub(super) attacks: Vec<Attack>,
    pub(super) incidents: Vec<Incident>,
    pub(super) retirements: Vec<(EventTime, InventoryRecord)>,
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
        emissions.start_routines();
        emissions
    }

    pub(super) fn campaign(company: &Company, plan: &Plan, attacks: usize) -> Self {
        let mut emissions = Self::quiet(company, plan);
        Campaign::new(&mut emissions, company.seed(), plan).run(attacks);
        emissions.start_routines();
        emissions
    }

    fn quiet(company: &Company, plan: &Plan) -> Self {
        let scale = scale(company, plan);
        let members = company.members();
        let span = (plan.since, plan.until);
        let climate = Climate::new(members.iter().map(AsRef::as_ref), company.seed(), span);
        let actors = members.iter().map(|member| Actor::new(member.clone(), company.seed(), &climate, scale));
        Self {
            actors: actors.collect(),
            attacks: Vec::new(),
            incidents: Vec::new(),
            retirements: Vec::new(),
            queue: BinaryHeap::new(),
            ready: VecDeque::new(),
            until: plan.until,
        }
    }

    /// The incidents that are injected, in order of time.
    #[must_use]
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// What the inventory comes to say about identities that are retired on the way, each with its time, in order.
    #[must_use]
    pub fn retirements(&self) -> &[(EventTime, InventoryRecord)] {
        &self.retirements
    }

    fn start_routines(&mut self) {
        for (index, actor) in self.actors.iter_mut().enumerate() {
            for (time, routine) in actor.routines() {
                self.queue.push(Reverse(Due { time, who: Who::Actor(index, routine) }));
            }
        }
    }

    fn plan_incidents(&mut self, (from, to): (EventTime, EventTime), seed: u64) {
        let step_ms = to.millis_since(from) / Scenario::DEMO.len() as i64;
        for (slot, scenario) in Scenario::DEMO.into_iter().enumerate() {
            let start = from.plus_millis(slot as i64 * step_ms + step_ms / 4);
            let Some(victim) = self.victim(scenario) else { continue };
            let script = scenario.script(&mut Random::new(seed, &format!("script {slot}")));
            self.plan_attack(scenario, script, (victim, start), seed);
        }
    }

    /// Plans an attack; gives its index.
    pub(super) fn plan_attack(
        &mut self,
        scenario: Scenario,
        script: Script,
        (victim, start): (usize, EventTime),
        seed: u64,
    ) -> usize {
        let index = self.incidents.len();
        let attack = Attack::new(index, script, victim, seed);
        self.queue.push(Reverse(Due { time: start, who: Who::Attack(index) }));
        self.incidents.push(Incident {
            scenario,
            identity_id: self.actors[victim].member.id.clone(),
            accomplices: Vec::new(),
            title: scenario.title(),
            start,
            end: start.plus_millis(attack.length_ms()),
        });
        self.attacks.push(attack);
        index
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
                attack.step(&mut self.actors, time, &mut self.ready).map(|time| Due { time, who })
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
    /// The script that the demo plays.
    fn script(self, random: &mut Random) -> Script {
        let mut steps = Vec::new();
        for beat in self.beats() {
            let action = match self.guise() {
                Guise::Shell => Some(Action::Host(beat.action)),
                _ => catalog::find(beat.action).map(Action::Call),
            };
            let pauses = (0..beat.times)
                .map(|_| (f64::from(beat.pause_secs) * 1_000.0 * (0.5 + random.unit())) as i64);
            steps.extend(pauses.filter_map(|pause_ms| {
                Some(Step {
                    action: action?,
                    ending: beat.ending,
                    pause_ms,
                    region: None,
                    by_accomplice: false,
                    bytes: None,
                })
            }));
        }
        Script { guise: self.guise(), steps }
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
