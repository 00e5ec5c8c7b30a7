//! A consumer group: members, generations, and partitions that change hands in two phases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dice::Dice;
use crate::runtime::log::Source;

/// A member that was not heard of for so long is expelled.
const SESSION_TIMEOUT: Duration = Duration::from_millis(200);

/// What the group tells a member. It is told nothing more before it has answered.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// These are its own from now on.
    Assigned(Vec<Source>),
    /// These are wanted back; they are its own until it released them.
    Revoked(Vec<Source>),
}

#[derive(Debug)]
struct Member {
    seen: Duration,
    /// The generation that the member knows of: it learns of a newer one with its next heartbeat.
    generation: u32,
    told: Option<Told>,
    is_answering: bool,
}

/// One group and its committed offsets.
#[derive(Debug, Default)]
pub(super) struct Group {
    sources: BTreeSet<Source>,
    members: BTreeMap<u32, Member>,
    owners: BTreeMap<Source, u32>,
    generation: u32,
    joined: u32,
    committed: BTreeMap<Source, i64>,
}

impl Group {
    pub(super) fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        Self { sources: sources.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        self.sources.iter().copied()
    }

    pub(super) fn committed(&self, source: Source) -> Option<i64> {
        self.committed.get(&source).copied()
    }

    pub(super) fn is_owner(&self, member: u32, source: Source) -> bool {
        self.owners.get(&source) == Some(&member)
    }

    pub(super) fn join(&mut self, now: Duration) -> u32 {
        self.joined += 1;
        self.generation += 1;
        let generation = self.generation;
        self.members.insert(self.joined, Member { seen: now, generation, told: None, is_answering: false });
        self.joined
    }

    /// Leaves at once, with everything it owns.
    pub(super) fn leave(&mut self, member: u32) {
        if self.members.remove(&member).is_some() {
            self.owners.retain(|_, owner| *owner != member);
            self.generation += 1;
        }
    }

    pub(super) fn expel_the_silent(&mut self, now: Duration) {
        let is_silent = |member: &Member| member.seen + SESSION_TIMEOUT < now;
        let silent: Vec<u32> =
            self.members.iter().filter(|(_, member)| is_silent(member)).map(|(id, _)| *id).collect();
        silent.into_iter().for_each(|member| self.leave(member));
    }

    /// A sign of life, answered with what the member is to be told, if anything; `Err` where it was expelled.
    pub(super) fn heartbeat(&mut self, member: u32, now: Duration) -> Result<Option<Told>, ()> {
        let generation = self.generation;
        let member = self.members.get_mut(&member).ok_or(())?;
        member.seen = now;
        member.generation = generation;
        Ok(member.told.take())
    }

    /// Takes the answer to what a member was told last; released partitions are free for the next owner.
    pub(super) fn answer(&mut self, member: u32, released: &[Source]) {
        let Some(answering) = self.members.get_mut(&member) else { return };
        answering.is_answering = false;
        self.owners.retain(|source, owner| *owner != member || !released.contains(source));
    }

    /// Moves on with one member: first it gives back what is over its share, then it gets what is free.
    pub(super) fn rebalance(&mut self, dice: &mut Dice) {
        let ids: Vec<u32> = self.members.keys().copied().collect();
        let Some(id) = dice.pick(&ids) else { return };
        if self.members[&id].is_answering {
            return;
        }
        let place = ids.iter().position(|other| *other == id).unwrap();
        let share = self.sources.len() / ids.len() + usize::from(place < self.sources.len() % ids.len());
        let mut owned: Vec<Source> = self.sources().filter(|source| self.is_owner(id, *source)).collect();
        let mut free: Vec<Source> =
            self.sources().filter(|source| !self.owners.contains_key(source)).collect();
        if owned.len() > share {
            let excess = owned.split_off(share);
            self.tell(id, Told::Revoked(excess));
        } else if owned.len() < share && !free.is_empty() {
            free.truncate(1 + dice.below(share - owned.len()));
            self.owners.extend(free.iter().map(|source| (*source, id)));
            self.tell(id, Told::Assigned(free));
        } else if dice.one_in(8) {
            // Where others must give back first, a member is told of nothing, and has to answer that as well.
            self.tell(id, Told::Assigned(Vec::new()));
        }
    }

    fn tell(&mut self, member: u32, told: Told) {
        self.generation += 1;
        if let Some(member) = self.members.get_mut(&member) {
            member.told = Some(told);
            member.is_answering = true;
        }
    }

    /// Whether offsets of this member may be committed: it is a member, and of the present generation.
    pub(super) fn admits(&self, member: u32) -> bool {
        self.members.get(&member).is_some_and(|known| known.generation == self.generation)
    }

    /// A transaction's offsets become the group's.
    pub(super) fn apply(&mut self, offsets: &BTreeMap<Source, i64>) {
        for (source, offset) in offsets {
            let before = self.committed.insert(*source, *offset);
            assert!(
                before <= Some(*offset),
                "committed offset of {source:?} goes back from {before:?} to {offset}"
            );
        }
    }
}
