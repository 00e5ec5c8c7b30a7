//! What befalls the company as a whole: its habits of change, and changes that reach many identities at once.

use super::archetype::{Archetype, Principal};
use super::cause::Cause;
use super::drift::{self, Change, Scheduled};
use super::member::Member;
use super::networks::REGIONS;
use super::random::Random;
use super::session;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS};

/// What befalls the company as a whole in one span of time.
pub(super) struct Climate {
    /// First and last instant.
    pub(super) span: (EventTime, EventTime),
    /// Deploys with something new, a day, of one identity: one in three to eight weeks, by company.
    pub(super) deploys: f64,
    shared: Vec<(Reach, Scheduled)>,
}

/// Whom a change reaches.
enum Reach {
    /// Identities of one sort that a team owns: one pipeline deploys them all.
    Pipeline(&'static str, &'static str),
    /// Everything that a team runs on compute.
    Team(&'static str),
    /// Roles that one supplier uses.
    Supplier(String),
}

/// Changes a day of each sort, in the whole company.
const PIPELINE_DEPLOYS: f64 = 1.0 / 9.0;
const FAILOVERS: f64 = 1.0 / 45.0;
const VENDOR_FEATURES: f64 = 1.0 / 30.0;

/// A deploy reaches the last of its targets after this long.
const ROLLOUT_MS: i64 = 3 * HOUR_MS;

impl Climate {
    /// The climate of a company with these members.
    pub(super) fn new<'a>(
        members: impl Iterator<Item = &'a Member> + Clone,
        seed: u64,
        span: (EventTime, EventTime),
    ) -> Self {
        let mut random = Random::new(seed, "climate");
        let deploys = 1.0 / random.between(21, 57) as f64;
        let mut shared = Vec::new();
        for (sort, per_day) in [PIPELINE_DEPLOYS, FAILOVERS, VENDOR_FEATURES].into_iter().enumerate() {
            let begins_with: Vec<&Member> =
                members.clone().filter(|member| can_begin(sort, member)).collect();
            for time in drift::arrivals(per_day, span, &mut random) {
                let Some(member) = pick(&begins_with, &mut random) else { continue };
                shared.extend(befall(sort, time, member, &mut random));
            }
        }
        Self { span, deploys, shared }
    }

    /// What reaches one member, at times of its own.
    pub(super) fn reaching(&self, member: &Member, random: &mut Random) -> Vec<Scheduled> {
        let reached = self.shared.iter().filter(|(reach, _)| reach.includes(member));
        let mut changes = Vec::new();
        for (_, scheduled) in reached {
            let time = scheduled.time.plus_millis(random.between(0, ROLLOUT_MS));
            changes.push(Scheduled { time, change: scheduled.change.clone() });
        }
        changes
    }
}

impl Reach {
    fn includes(&self, member: &Member) -> bool {
        match self {
            Self::Pipeline(team, sort) => member.team == *team && member.archetype.name == *sort,
            Self::Team(team) => member.team == *team && runs_on_compute(member.archetype),
            Self::Supplier(name) => {
                member.archetype.principal == Principal::Vendor && session::supplier(member) == *name
            }
        }
    }
}

fn runs_on_compute(archetype: &Archetype) -> bool {
    matches!(archetype.principal, Principal::Instance | Principal::Lambda | Principal::Task | Principal::Pod)
}

/// Whether something of this sort can begin with a member.
fn can_begin(sort: usize, member: &Member) -> bool {
    match sort {
        0 => drift::is_software(member.archetype.principal),
        1 => runs_on_compute(member.archetype),
        _ => member.archetype.principal == Principal::Vendor,
    }
}

fn pick<'a>(members: &[&'a Member], random: &mut Random) -> Option<&'a Member> {
    if members.is_empty() { None } else { Some(*random.pick(members)) }
}

fn befall(sort: usize, time: EventTime, member: &Member, random: &mut Random) -> Option<(Reach, Scheduled)> {
    let (reach, change) = match sort {
        0 => {
            let reach = Reach::Pipeline(member.team, member.archetype.name);
            (reach, Change::New(drift::new_actions(member.archetype, random), Cause::Deploy))
        }
        1 => {
            let region = *REGIONS.iter().find(|region| **region != member.region)?;
            let until = time.plus_millis(random.between(4 * HOUR_MS, DAY_MS + MINUTE_MS));
            (Reach::Team(member.team), Change::Failover(until, region))
        }
        _ => {
            let reach = Reach::Supplier(session::supplier(member));
            (reach, Change::New(drift::new_actions(member.archetype, random), Cause::VendorFeature))
        }
    };
    Some((reach, Scheduled { time, change }))
}
