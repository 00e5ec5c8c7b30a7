//! What an identity does: all the time, and once in weeks.

use super::archetype::Principal;
use super::catalog::{self, Call};
use super::cause::Cause;
use super::drift;
use super::member::Member;
use super::random::Random;

/// Something that an identity does again and again.
pub(super) struct Habit {
    /// What.
    pub(super) action: Action,
    /// How often, relative to the others.
    pub(super) weight: f64,
    /// What brought it.
    pub(super) cause: Cause,
}

/// One thing an identity does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// An API call.
    Call(&'static Call),
    /// `ssh`, `sudo <command>`, `cron <command>`.
    Host(&'static str),
}

impl Action {
    /// The action as written in an archetype.
    pub(super) fn of(principal: Principal, text: &'static str) -> Option<Self> {
        if principal == Principal::Linux {
            Some(Self::Host(text))
        } else {
            catalog::find(text).map(Self::Call)
        }
    }
}

/// What is usual for its sort, in proportions of its own, and about half of what is possible besides.
pub(super) fn habits(member: &Member, random: &mut Random) -> Vec<Habit> {
    let archetype = member.archetype;
    let mut habits = Vec::new();
    let habit = |text, weight| {
        let action = Action::of(archetype.principal, text)?;
        Some(Habit { action, weight, cause: Cause::Plain })
    };
    for (text, weight) in archetype.usual {
        habits.extend(habit(text, f64::from(*weight) * random.log_normal(0.4)));
    }
    for text in archetype.some {
        if random.chance(0.5) {
            habits.extend(habit(text, random.log_normal(0.6)));
        }
    }
    habits
}

/// A few actions that it takes once in weeks.
pub(super) fn rarities(member: &Member, random: &mut Random) -> Vec<Action> {
    let principal = member.archetype.principal;
    if !drift::is_software(principal) {
        return Vec::new();
    }
    let count = random.below(6);
    (0..count).filter_map(|_| drift::new_action(member.archetype, random)).collect()
}
