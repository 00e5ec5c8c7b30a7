//! What changes in an identity's life without any attack.

use super::archetype::{Archetype, Origin, Principal};
use super::catalog::{self, Call};
use super::random::Random;
use crate::time::{DAY_MS, EventTime, HOUR_MS};

/// One benign change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// A newer version of the same client.
    Upgrade,
    /// A deploy makes the software use one call more.
    NewCall(&'static Call),
    /// It comes from new addresses: a move, a new supplier network.
    Move,
    /// A new long-term key replaces the old one.
    Rotate,
    /// Its calls are throttled until then.
    Throttle(EventTime),
    /// Its calls are denied until then: somebody took a right away by mistake.
    Mistake(EventTime),
}

/// A change and when it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheduled {
    /// From when on.
    pub(super) time: EventTime,
    /// What changes.
    pub(super) change: Change,
}

/// Calls that a deploy may bring to any software that uses the service already.
const NEIGHBOURS: [&str; 10] = [
    "s3:HeadObject",
    "s3:ListObjects",
    "s3:GetBucketLocation",
    "dynamodb:DescribeTable",
    "dynamodb:UpdateItem",
    "sqs:GetQueueAttributes",
    "kms:DescribeKey",
    "ec2:DescribeTags",
    "ssm:GetParametersByPath",
    "logs:CreateLogStream",
];

/// Changes a day of each sort, for one identity.
const UPGRADES: f64 = 1.0 / 60.0;
const DEPLOYS: f64 = 1.0 / 90.0;
const MOVES: f64 = 1.0 / 400.0;
const ROTATIONS: f64 = 1.0 / 90.0;
const THROTTLES: f64 = 1.0 / 120.0;
const MISTAKES: f64 = 1.0 / 300.0;

/// The changes of one identity in `since..until`, in order.
pub(super) fn schedule(
    archetype: &Archetype,
    since: EventTime,
    until: EventTime,
    random: &mut Random,
) -> Vec<Scheduled> {
    let mut changes = Vec::new();
    let is_software = !matches!(
        archetype.principal,
        Principal::Service(_) | Principal::ServiceLinked(_) | Principal::Sso | Principal::Linux
    );
    if !is_software {
        return changes;
    }
    let moves = if matches!(archetype.origin, Origin::Supplier | Origin::DataCentre) { MOVES } else { 0.0 };
    let rotations = if archetype.principal == Principal::User { ROTATIONS } else { 0.0 };
    for (kind, per_day) in [UPGRADES, DEPLOYS, moves, rotations, THROTTLES, MISTAKES].into_iter().enumerate()
    {
        for time in arrivals(per_day, since, until, random) {
            changes.extend(change(kind, time, archetype, random).map(|change| Scheduled { time, change }));
        }
    }
    changes.sort_by_key(|scheduled| scheduled.time);
    changes
}

fn arrivals(per_day: f64, since: EventTime, until: EventTime, random: &mut Random) -> Vec<EventTime> {
    let mut times = Vec::new();
    let mut time = since;
    if per_day <= 0.0 {
        return times;
    }
    loop {
        time = time.plus_millis((random.exponential() * DAY_MS as f64 / per_day) as i64 + 1);
        if time >= until {
            return times;
        }
        times.push(time);
    }
}

fn change(kind: usize, time: EventTime, archetype: &Archetype, random: &mut Random) -> Option<Change> {
    match kind {
        0 => Some(Change::Upgrade),
        1 => new_call(archetype, random).map(Change::NewCall),
        2 => Some(Change::Move),
        3 => Some(Change::Rotate),
        4 => Some(Change::Throttle(time.plus_millis(random.between(HOUR_MS / 6, 2 * HOUR_MS)))),
        _ => Some(Change::Mistake(time.plus_millis(random.between(HOUR_MS / 2, 3 * HOUR_MS)))),
    }
}

/// Mostly a call of its own sort, else a neighbour of what it does already.
fn new_call(archetype: &Archetype, random: &mut Random) -> Option<&'static Call> {
    let of_its_sort = !archetype.some.is_empty() && random.chance(0.7);
    let action = if of_its_sort { random.pick(archetype.some) } else { random.pick(&NEIGHBOURS) };
    catalog::find(action)
}
