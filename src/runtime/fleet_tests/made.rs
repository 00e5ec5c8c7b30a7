//! A generated fleet with its truth: who was used when, what of it arrives when, and what of the time nobody can know.

use crate::baseline::last_seen::GapCause;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, ProcessingTime, SECOND_MS};

use super::sources::{self, SOURCES, Source};

/// Monday 2024-01-01, midnight UTC.
pub(super) const START_MS: i64 = 1_704_067_200_000;
/// Days of the fleet.
pub(super) const DAYS: i64 = 120;
/// Partitions of the input topic.
pub(super) const INPUTS: i32 = 4;
/// `unused.after_days`.
const DEFAULT_WINDOW_DAYS: i64 = 90;

/// One use as it happened. Times are milliseconds after the start.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) at: i64,
    pub(super) is_denied: bool,
    pub(super) source: usize,
    /// When its record can first be read; `None` where it never can.
    pub(super) known_at: Option<i64>,
}

/// One identity, with all that it ever did, and what its owner says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    pub(super) role: String,
    pub(super) account: &'static str,
    pub(super) sources: Vec<usize>,
    pub(super) uses: Vec<Use>,
    pub(super) declared: Option<Word>,
}

/// What the inventory says, and when it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) arrives: i64,
    pub(super) created: i64,
    pub(super) window_days: i64,
    pub(super) is_retired: bool,
}

/// A message as the input topic holds it.
pub(super) struct Message {
    pub(super) received: i64,
    pub(super) partition: i32,
    pub(super) value: Vec<u8>,
}

/// A time of which records are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Only of this source; of all where `None`.
    pub(super) source: Option<usize>,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) cause: GapCause,
    /// When what was missing is there.
    pub(super) closes: Option<i64>,
}

/// The records of `eu-west-1` of the second account are withheld, and delivered twenty days later.
pub(super) const WITHHELD: Gap = Gap {
    source: Some(2),
    from: 40 * DAY_MS,
    to: 44 * DAY_MS,
    cause: GapCause::Silence,
    closes: Some(64 * DAY_MS + BACKLOG_MS),
};
/// How long it takes to deliver them, in no order.
const BACKLOG_MS: i64 = 9 * HOUR_MS;
/// Those of `eu-central-1` never arrive.
pub(super) const MISSING: Gap =
    Gap { source: Some(4), from: 50 * DAY_MS, to: 53 * DAY_MS, cause: GapCause::Silence, closes: None };
/// What one input partition received is gone before it is read.
pub(super) const LOST: Gap = Gap {
    source: None,
    from: 22 * DAY_MS,
    to: 22 * DAY_MS + 18 * HOUR_MS,
    cause: GapCause::Lost,
    closes: None,
};
/// The partition that loses it.
pub(super) const LOSER: i32 = 2;
/// What a payload holds that cannot be read. It is received at the end.
pub(super) const UNREADABLE: Gap = Gap {
    source: None,
    from: 27 * DAY_MS - 6 * HOUR_MS,
    to: 27 * DAY_MS,
    cause: GapCause::Unreadable,
    closes: None,
};
/// All of them.
pub(super) const GAPS: [Gap; 4] = [WITHHELD, MISSING, LOST, UNREADABLE];

/// Numbers that look random, the same for one seed.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 1) as i64 % n.max(1)
    }

    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low)
    }

    pub(super) fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as i64) as usize]
    }
}

/// The fleet.
pub(super) struct Fleet {
    pub(super) identities: Vec<Identity>,
    /// In the order of their reception.
    pub(super) messages: Vec<Message>,
}

impl Identity {
    pub(super) fn id(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.role)
    }

    /// The window in force at a time.
    pub(super) fn window_ms(&self, now: i64) -> i64 {
        let own = self.declared.filter(|word| word.arrives <= now).map(|word| word.window_days);
        own.unwrap_or(DEFAULT_WINDOW_DAYS) * DAY_MS
    }

    /// The uses whose records were read by then.
    pub(super) fn known(&self, now: i64) -> impl Iterator<Item = &Use> {
        self.uses.iter().filter(move |used| used.known_at.is_some_and(|at| at < now))
    }
}

impl Fleet {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut identities = Vec::new();
        (0..SOURCES.len()).for_each(|source| identities.extend(pulses(source, &mut dice)));
        (0..120).for_each(|number| identities.push(usual(number, &mut dice)));
        (0..12).for_each(|number| identities.push(at_the_edge(number)));
        (0..48).for_each(|number| identities.push(beside_a_gap(number, &mut dice)));
        (0..16).for_each(|number| identities.push(never_used(number, &mut dice)));
        let mut messages = Vec::new();
        for identity in &mut identities {
            identity.uses.iter_mut().for_each(|used| used.at -= used.at % SECOND_MS);
            identity.uses.sort_by_key(|used| used.at);
            identity.uses.dedup_by_key(|used| used.at);
            send(identity, &mut dice, &mut messages);
        }
        let damaged = Message { received: UNREADABLE.to, partition: 0, value: DAMAGED.to_vec() };
        messages.push(damaged);
        messages.sort_by_key(|message| message.received);
        Self { identities, messages }
    }
}

/// A gzip header, and nothing that could be unpacked.
const DAMAGED: [u8; 25] = *b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff________payload";

/// What keeps a source alive: three roles that share its hours between them.
fn pulses(source: usize, dice: &mut Dice) -> Vec<Identity> {
    let mut roles: Vec<Identity> =
        (0..3).map(|number| identity(format!("pulse-{source}-{number}"), vec![source])).collect();
    for hour in (0..DAYS * 24).filter(|hour| SOURCES[source].reports_at(hour * HOUR_MS)) {
        let mut at = |role: usize| {
            let at = hour * HOUR_MS + dice.below(HOUR_MS);
            roles[role].uses.push(used(at, source, false));
        };
        if SOURCES[source].pace == sources::Pace::Daily {
            (0..3).for_each(at);
        } else {
            at((hour % 3) as usize);
        }
    }
    roles
}

/// A role with a rhythm of its own, born at some time, that stops at some time or goes on.
fn usual(number: i64, dice: &mut Dice) -> Identity {
    let source = dice.below(SOURCES.len() as i64) as usize;
    let mut sources = vec![source];
    if dice.chance(20) {
        sources.extend(SOURCES[source].sibling());
    }
    let mut made = identity(format!("usual-{number}"), sources);
    let every = dice.pick(&[7 * HOUR_MS, DAY_MS, DAY_MS, 7 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 85 * DAY_MS]);
    let born = if dice.chance(30) { dice.between(0, 60 * DAY_MS) } else { dice.below(DAY_MS) };
    let stops = if dice.chance(65) { born + dice.between(HOUR_MS, 70 * DAY_MS) } else { DAYS * DAY_MS };
    let is_probe = dice.chance(12);
    let mut at = born;
    while at < stops.min(DAYS * DAY_MS - 1) {
        let is_denied = is_probe || dice.chance(8);
        let source = dice.pick(&made.sources);
        made.uses.extend(SOURCES[source].next(at).map(|at| used(at, source, is_denied)));
        at += every + dice.below(every / 3);
    }
    made.declared = dice.chance(60).then(|| word(born, dice));
    made
}

/// Roles whose next use comes an hour before their window ends, and is delivered late.
fn at_the_edge(number: i64) -> Identity {
    let mut made = identity(format!("edge-{number}"), vec![0]);
    let every = 7 * DAY_MS - HOUR_MS;
    made.uses = (0..)
        .map(|turn| turn * every + number * 97 * MINUTE_MS)
        .take_while(|at| *at < DAYS * DAY_MS - DAY_MS)
        .map(|at| Use { known_at: Some(at + 4 * HOUR_MS + 30 * MINUTE_MS), ..used(at, 0, false) })
        .collect();
    made.declared = Some(Word { arrives: 1, created: 0, window_days: 7, is_retired: false });
    made
}

/// Roles that stop before a gap; half of them are used once more, within it.
fn beside_a_gap(number: i64, dice: &mut Dice) -> Identity {
    let gap = GAPS[number as usize % 4];
    let source = gap.source.unwrap_or(0);
    let mut made = identity(format!("beside-{number}"), vec![source]);
    let window_days = dice.pick(&[7, 14, 30]);
    let stops = gap.from - dice.between(DAY_MS, (window_days - 2) * DAY_MS);
    let mut at = dice.below(DAY_MS);
    while at < stops {
        made.uses.push(used(at, source, false));
        at += dice.between(DAY_MS / 2, 2 * DAY_MS);
    }
    if number % 8 < 4 {
        made.uses.push(used(dice.between(gap.from + HOUR_MS, gap.to - HOUR_MS), source, false));
    }
    made.declared =
        Some(Word { arrives: dice.below(30 * DAY_MS), created: 0, window_days, is_retired: false });
    made
}

fn never_used(number: i64, dice: &mut Dice) -> Identity {
    let account = SOURCES[(number % 2) as usize * 2].account;
    let born = dice.below(60 * DAY_MS);
    let declared = Some(Word { is_retired: false, ..word(born, dice) });
    Identity { role: format!("never-{number}"), account, declared, ..Identity::default() }
}

fn identity(role: String, sources: Vec<usize>) -> Identity {
    Identity { role, account: SOURCES[sources[0]].account, sources, ..Identity::default() }
}

fn used(at: i64, source: usize, is_denied: bool) -> Use {
    Use { at, is_denied, source, known_at: None }
}

fn word(born: i64, dice: &mut Dice) -> Word {
    Word {
        arrives: if dice.chance(50) { 1 } else { dice.between(1, 80 * DAY_MS) },
        created: born,
        window_days: dice.pick(&[7, 14, 30, 45, 60, 90]),
        is_retired: dice.chance(8),
    }
}

/// Sends the records of an identity on their way: late by minutes to hours, some of them twice, some never.
fn send(identity: &mut Identity, dice: &mut Dice, messages: &mut Vec<Message>) {
    let Identity { role, uses, .. } = identity;
    let is_beside = role.starts_with("beside");
    for used in uses.iter_mut() {
        let within = |gap: Gap| {
            gap.source.is_none_or(|source| source == used.source) && (gap.from..gap.to).contains(&used.at)
        };
        let late_by_hours = used.known_at.take();
        if within(MISSING) || (is_beside && within(UNREADABLE)) {
            continue;
        }
        let source = &SOURCES[used.source];
        let first = late_by_hours.unwrap_or_else(|| source.received(used.at, dice));
        let first = if within(WITHHELD) { 64 * DAY_MS + dice.below(BACKLOG_MS) } else { first };
        let is_of_loser = is_beside && within(LOST);
        for copy in 0..if is_of_loser { 1 } else { 1 + i64::from(dice.chance(5)) } {
            let received = first + copy * dice.between(MINUTE_MS, 10 * DAY_MS);
            let partition = if is_of_loser { LOSER } else { dice.below(i64::from(INPUTS)) as i32 };
            let is_lost = partition == LOSER && (LOST.from..LOST.to).contains(&received);
            if received < DAYS * DAY_MS && !is_lost {
                used.known_at = Some(used.known_at.map_or(received, |known| known.min(received)));
                let value = record(role, source, used);
                messages.push(Message { received, partition, value });
            }
        }
    }
}

fn record(role: &str, source: &Source, used: &Use) -> Vec<u8> {
    let Source { account, region, .. } = source;
    let time = ProcessingTime::from_millis(START_MS + used.at);
    let error = if used.is_denied { r#""errorCode":"AccessDenied","# } else { "" };
    let id = format!("{role}-{}-{}", used.source, used.at);
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/job");
    let issuer = format!("arn:aws:iam::{account}:role/{role}");
    format!(
        r#"{{"eventVersion":"1.08","eventID":"{id}","eventTime":"{time}",{error}"eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"{region}","sourceIPAddress":"192.0.2.10","userAgent":"Boto3/1.34.0","recipientAccountId":"{account}","userIdentity":{{"type":"AssumedRole","principalId":"AROA{}:job","arn":"{arn}","accountId":"{account}","sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"{issuer}","userName":"{role}"}}}}}}}}"#,
        role.to_uppercase().replace('-', "")
    )
    .into_bytes()
}
