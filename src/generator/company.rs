//! A generated company: who is in it, and the traffic that it makes.

use std::sync::Arc;

use super::archetype::{self, Archetype, Principal};
use super::member::{Fate, Member};
use super::random::Random;
use super::stream::{Emissions, Plan};

/// A company with its identities. The same seed and size give the same company.
pub struct Company {
    seed: u64,
    members: Vec<Arc<Member>>,
}

impl Company {
    /// A company of about this many identities: at least one of each sort, whatever is asked.
    #[must_use]
    pub fn new(seed: u64, identities: usize) -> Self {
        let mut random = Random::new(seed, "company");
        let one_of_each: Vec<_> = archetype::all().collect();
        let rest = identities.saturating_sub(one_of_each.len());
        let drawn: Vec<_> = (0..rest).map(|_| draw(&one_of_each, &mut random)).collect();
        let members = one_of_each.into_iter().chain(drawn).enumerate();
        let mut members: Vec<_> = members.map(|(number, sort)| Member::new(seed, number, sort)).collect();
        settle_victims(&mut members);
        Self { seed, members: members.into_iter().map(Arc::new).collect() }
    }

    /// Its identities.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// The seed it was made from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The traffic of its identities, in order of time.
    #[must_use]
    pub fn emissions(&self, plan: &Plan) -> Emissions {
        Emissions::new(self, plan)
    }

    /// As [`Company::emissions`], with this many attacks on victims drawn at random, in place of one of each scenario of the
    /// demo.
    #[must_use]
    pub fn campaign(&self, plan: &Plan, attacks: usize) -> Emissions {
        Emissions::campaign(self, plan, attacks)
    }
}

/// One sort, by shares. Sorts without a share exist once.
fn draw(sorts: &[&'static Archetype], random: &mut Random) -> &'static Archetype {
    let total: u32 = sorts.iter().map(|sort| sort.share).sum();
    let mut left = random.below(u64::from(total)) as u32;
    for sort in sorts {
        if left < sort.share {
            return sort;
        }
        left -= sort.share;
    }
    sorts[0]
}

/// The first of each sort lives all through, so that every scenario finds a victim; one key sleeps.
fn settle_victims(members: &mut [Member]) {
    let sorts = archetype::all().count();
    for member in members.iter_mut().take(sorts) {
        member.fate = Fate::Active;
        member.busyness = member.busyness.clamp(0.8, 2.0);
        member.is_declared |=
            !matches!(member.archetype.principal, Principal::Service(_) | Principal::ServiceLinked(_));
    }
    if let Some(member) = members.iter_mut().find(|member| member.archetype.name == DORMANT_SORT) {
        member.fate = Fate::Dormant(0.3);
    }
}

/// The sort of the key that sleeps until an intruder finds it.
pub(super) const DORMANT_SORT: &str = "key-supplier";
