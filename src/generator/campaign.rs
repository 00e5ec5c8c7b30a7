//! Many attacks on one company: which, on whom, when.

use super::archetype::Principal;
use super::inventory;
use super::member::Fate;
use super::playbook::{self, Script};
use super::random::Random;
use super::scenario::Scenario;
use super::stream::{Emissions, Plan};
use crate::time::{DAY_MS, EventTime};

/// Plans attacks into a stream that has not begun.
pub(super) struct Campaign<'a> {
    emissions: &'a mut Emissions,
    random: Random,
    seed: u64,
    since: EventTime,
    /// When attacks may begin; nothing where the plan wants none.
    span: Option<(EventTime, EventTime)>,
    /// Actors that are part of an attack already.
    taken: Vec<usize>,
}

/// A stolen key sleeps for so many days at least before it wakes up, and so many at most.
const SLEEP_DAYS: (i64, i64) = (18, 40);
/// So long after it was retired is an identity used.
const RETIRED_DAYS: (i64, i64) = (3, 15);
/// A slow attack takes two weeks; it is to be over when the stream ends.
const SLOW_DAYS: i64 = 15;
/// Days in which an identity shows what is usual before it falls asleep.
const KNOWN_DAYS: i64 = 10;
/// Tries to find a victim for a scenario, before it is left out.
const TRIES: usize = 200;

impl<'a> Campaign<'a> {
    pub(super) fn new(emissions: &'a mut Emissions, seed: u64, plan: &Plan) -> Self {
        let random = Random::new(seed, "campaign");
        Self { emissions, random, seed, since: plan.since, span: plan.incidents, taken: Vec::new() }
    }

    /// Plans so many attacks: each scenario as often as any other, give or take one.
    pub(super) fn run(mut self, attacks: usize) {
        let Some(span) = self.span else { return };
        // Seeds begin in different places, so that few attacks on each leave no scenario out.
        let first = self.random.below(Scenario::ALL.len() as u64) as usize;
        for number in 0..attacks {
            let scenario = Scenario::ALL[(first + number) % Scenario::ALL.len()];
            self.attack(scenario, span);
        }
        self.emissions.retirements.sort_by_key(|(time, _)| *time);
    }

    fn attack(&mut self, scenario: Scenario, (from, to): (EventTime, EventTime)) {
        let (earliest, latest) = match scenario {
            Scenario::LowAndSlow => (from, to.plus_millis(-SLOW_DAYS * DAY_MS).max(from.plus_millis(1))),
            Scenario::DormantKeyAwakened => {
                (self.since.plus_millis((KNOWN_DAYS + SLEEP_DAYS.0) * DAY_MS).max(from), to)
            }
            _ => (from, to),
        };
        let start = earliest.plus_millis(self.random.between(0, to.min(latest).millis_since(earliest)));
        let Some(victim) = self.victim(scenario, start) else { return };
        self.silence(scenario, victim, start);
        let script = playbook::script(scenario, &self.emissions.actors[victim], &mut self.random);
        self.plan(scenario, script, (victim, start));
    }

    fn plan(&mut self, scenario: Scenario, script: Script, (victim, start): (usize, EventTime)) {
        let accomplice =
            script.steps.iter().any(|step| step.by_accomplice).then(|| self.accomplice(victim, start));
        let index = self.emissions.plan_attack(scenario, script, (victim, start), self.seed);
        self.taken.push(victim);
        if let Some(accomplice) = accomplice.flatten() {
            self.taken.push(accomplice);
            let id = self.emissions.actors[accomplice].member.id.clone();
            self.emissions.attacks[index].accomplice = Some(accomplice);
            self.emissions.incidents[index].accomplices.push(id);
        }
    }

    /// Somebody of the right sort, at work at that time, whom no other attack has.
    fn victim(&mut self, scenario: Scenario, start: EventTime) -> Option<usize> {
        let count = self.emissions.actors.len() as u64;
        for _ in 0..TRIES {
            let index = self.random.below(count) as usize;
            let member = &self.emissions.actors[index].member;
            let is_known = scenario != Scenario::RetiredIdentity || member.is_declared;
            if is_known && scenario.targets().contains(&member.archetype.name) && self.is_free(index, start) {
                return Some(index);
            }
        }
        None
    }

    /// A role that may be assumed on the way: in half of all cases, if there is one, in another account.
    fn accomplice(&mut self, victim: usize, start: EventTime) -> Option<usize> {
        let home = self.emissions.actors[victim].member.account.clone();
        let crosses = self.random.chance(0.5);
        for attempt in 0..TRIES {
            let index = self.random.below(self.emissions.actors.len() as u64) as usize;
            let member = &self.emissions.actors[index].member;
            let is_role = matches!(
                member.archetype.principal,
                Principal::Instance
                    | Principal::Lambda
                    | Principal::Task
                    | Principal::Pod
                    | Principal::GitHub
            );
            let fits = (member.account != home) == crosses || attempt > TRIES / 2;
            if index != victim && is_role && fits && self.is_free(index, start) {
                return Some(index);
            }
        }
        None
    }

    fn is_free(&self, index: usize, start: EventTime) -> bool {
        let actor = &self.emissions.actors[index];
        actor.member.fate == Fate::Active && actor.is_active_at(start) && !self.taken.contains(&index)
    }

    /// Lets a victim fall asleep, or be retired, before it is abused.
    fn silence(&mut self, scenario: Scenario, victim: usize, start: EventTime) {
        let since = self.since.plus_millis(KNOWN_DAYS * DAY_MS);
        let mut before = |(least, most): (i64, i64)| {
            start.plus_millis(-self.random.between(least * DAY_MS, most * DAY_MS)).max(since)
        };
        let end = match scenario {
            Scenario::DormantKeyAwakened => before(SLEEP_DAYS),
            Scenario::RetiredIdentity => before(RETIRED_DAYS),
            _ => return,
        };
        let actor = &mut self.emissions.actors[victim];
        actor.end_at(end);
        if scenario == Scenario::RetiredIdentity {
            let record = inventory::retired(&actor.member, self.since, end);
            self.emissions.retirements.push((end, record));
        }
    }
}
