//! Records of all kinds for a few identities, and what transport does to them.

use proptest::prelude::*;
use serde_json::Value;

use super::super::fixture::activity;
use super::super::rehearsal;
use crate::activity::{
    Activity, Class, Classification, Credential, CredentialKind, Evidence, Interactive, Issued, Kind,
    Outcome, Usage,
};
use crate::detect::testing::Sample;
use crate::identity::declared::DeclaredStatus;
use crate::identity::{AllowedNetwork, Declared, DeclaredChange};
use crate::monitor::{CoverageMark, InputProgress, Record};
use crate::text::Text;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS, ProcessingTime};

/// Where time begins.
pub(super) const START_MS: i64 = rehearsal::START_MS;

/// Days in which identities are used, and in which late records may still come.
const DAYS: i64 = 30;

/// When everything has come.
pub(super) const END_MS: i64 = START_MS + 3 * DAYS * DAY_MS;

/// How long a role lives that is made again and again.
const LIFETIME_MINUTES: i64 = 10 * 24 * 60;

/// Log sources that report coverage.
const SOURCES: u32 = 3;

/// One use, in small numbers that shrink well.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    who: u8,
    minute: i64,
    late_minutes: i64,
    value: u8,
    outcome: u8,
    traits: u16,
}

/// Records in the order in which they were written.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    records: Vec<Record<'static>>,
}

/// Repeatable randomness: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % n
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        (self.below(1 << 32) as f64) < probability * (1_u64 << 32) as f64
    }
}

/// How transport treats records.
#[derive(Clone, Debug)]
pub(super) struct Shuffle {
    seed: u64,
    /// Part of the records that come again, and again, 0 to 1.
    repeated: f64,
    /// Part of the records behind which something happens, 0 to 1.
    eventful: f64,
}

/// What happens behind a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    GoOn,
    Tick(i64),
    HandOver,
    Flush,
}

/// Identities that stay within the caps: two roles, an account without unique id, a role made again twice, and one that is
/// rarely used.
pub(super) fn within_the_caps() -> impl Strategy<Value = Traffic> {
    traffic(drafts(0..5, 12), changes(), marks())
}

/// One identity with more of everything than is kept.
pub(super) fn beyond_the_caps() -> impl Strategy<Value = Traffic> {
    let many = prop::collection::vec(draft(0..1, 120), 150..400);
    traffic(many, changes(), marks())
}

/// Several unique ids, and none, under one name at one time.
pub(super) fn of_one_contested_name() -> impl Strategy<Value = Traffic> {
    drafts(0..1, 4).prop_map(|drafts| {
        let records = drafts.iter().enumerate().map(|(number, draft)| {
            let mut activity = draft.activity(number);
            let id = |value: u8| Text::from(format!("AROACONTESTED{value}"));
            activity.identity.unique_id = (draft.value > 0).then(|| id(draft.value));
            Record::Activity(Box::new(activity))
        });
        Traffic { records: records.collect() }
    })
}

pub(super) fn shuffles() -> impl Strategy<Value = Shuffle> {
    (any::<u64>(), 0.0..1.0, 0.0..0.3).prop_map(|(seed, repeated, eventful)| Shuffle {
        seed,
        repeated,
        eventful,
    })
}

fn drafts(who: std::ops::Range<u8>, values: u8) -> impl Strategy<Value = Vec<Draft>> {
    prop::collection::vec(draft(who, values), 1..120)
}

fn draft(who: std::ops::Range<u8>, values: u8) -> impl Strategy<Value = Draft> {
    // Few instants of many make ties; most hours are covered, some far apart.
    let minute = prop_oneof![0..DAYS * 24 * 60, (0..6_i64).prop_map(|step| step * 5 * 24 * 60)];
    let late = prop_oneof![Just(0), 0..DAYS * 24 * 60];
    (who, minute, late, 0..values, 0..3_u8, any::<u16>()).prop_map(
        |(who, minute, late_minutes, value, outcome, traits)| Draft {
            who,
            minute,
            late_minutes,
            value,
            outcome,
            traits,
        },
    )
}

/// Declarations and withdrawals: of whom, and which.
fn changes() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((0..6_u8, prop::option::of(0..3_u8)), 0..8)
}

/// Coverage: of which source, from which hour, how many hours.
fn marks() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
    prop::collection::vec((0..SOURCES, 0..(3 * DAYS * 24) as u32, 1..2_200_u32), 0..12)
}

fn traffic(
    drafts: impl Strategy<Value = Vec<Draft>>,
    changes: impl Strategy<Value = Vec<(u8, Option<u8>)>>,
    marks: impl Strategy<Value = Vec<(u32, u32, u32)>>,
) -> impl Strategy<Value = Traffic> {
    (drafts, changes, marks).prop_map(|(drafts, changes, marks)| {
        let uses = drafts.iter().enumerate().flat_map(|(number, draft)| draft.records(number));
        let changes = changes.into_iter().map(|(who, what)| declaration(who, what));
        let marks = marks.into_iter().map(coverage);
        Traffic { records: uses.chain(changes).chain(marks).chain(progress()).collect() }
    })
}

impl Draft {
    fn has(&self, bit: u32) -> bool {
        self.traits & (1 << bit) != 0
    }

    /// One in eight, decided by three bits.
    fn seldom(&self, bit: u32) -> bool {
        self.has(bit) && self.has((bit + 1) % 16) && self.has((bit + 2) % 16)
    }

    /// The record of the use, and what else is written of it.
    fn records(&self, number: usize) -> Vec<Record<'static>> {
        let first = self.activity(number);
        let mut all = vec![first.clone()];
        if self.seldom(0) {
            all.push(Self::copy_of_another_account(first.clone()));
        }
        if self.seldom(4) {
            all.push(Self::correction(first));
        }
        all.into_iter().map(|activity| Record::Activity(Box::new(activity))).collect()
    }

    fn activity(&self, number: usize) -> Activity<'static> {
        let mut activity = activity(&format!("role-{}", self.who), &Sample::default(), 0, "");
        self.describe_who(&mut activity);
        self.describe_use(&mut activity, number);
        activity
    }

    fn describe_who(&self, activity: &mut Activity<'static>) {
        let identity = &mut activity.identity;
        let generation = if self.who == 3 { self.minute / LIFETIME_MINUTES } else { 0 };
        identity.unique_id = (self.who != 2).then(|| format!("AROA{}{generation}", self.who).into());
        let class = [Class::NonHuman, Class::Human, Class::Mixed][usize::from(self.value % 3)];
        let confidence = if self.has(8) { 50 } else { 60 };
        identity.classification = Classification { class, confidence, evidence: Evidence::Client };
        identity.kind = if self.has(9) { Kind::CloudRole } else { Kind::Workload };
    }

    fn describe_use(&self, activity: &mut Activity<'static>, number: usize) {
        let event = &mut activity.event;
        let time = START_MS + self.minute * MINUTE_MS;
        event.received = ProcessingTime::from_millis(time + self.late_minutes * MINUTE_MS);
        event.time_clamped = self.seldom(6);
        let shown = if event.time_clamped { event.received.millis() } else { time };
        // A clock that ran ahead must not carry a use into the life of a role's successor: those are told apart by time.
        event.time = EventTime::from_millis(if self.who == 3 { time } else { shown });
        event.service = format!("svc{}", self.value).into();
        event.operation = format!("Do{}", self.value % 5).into();
        if self.seldom(2) {
            event.service = "iam".into();
            event.operation = "CreateAccessKey".into();
            event.issued = Some(Issued { id: format!("AKIA{}", self.value).into(), session: None });
        }
        event.outcome = [Outcome::Success, Outcome::Denied, Outcome::Failed][usize::from(self.outcome)];
        event.credential = self
            .has(10)
            .then(|| Credential { kind: CredentialKind::LongTerm, id: format!("AKIA{}", self.value).into() });
        let is_covered = self.who == 4 || self.has(14);
        let region = if is_covered { u32::from(self.value) % SOURCES } else { u32::from(self.value) };
        event.scope = format!("aws:111122223333:r{region}").into();
        event.interactive = if self.has(11) { Interactive::CONSOLE } else { Interactive::default() };
        event.via_service = self.has(12).then(|| "cloudformation.amazonaws.com".into());
        event.usage = if self.seldom(13) { Usage::AuthenticatedOnly } else { Usage::Used };
        event.event_id = (self.who != 2).then(|| format!("e{number}").into());
        event.shared_event_id = self.seldom(0).then(|| format!("s{number}").into());
        event.provenance.offset = number as i64;
    }

    /// The same action as the owner of the resource logs it: without the credential, in another account.
    fn copy_of_another_account(mut activity: Activity<'static>) -> Activity<'static> {
        let event = &mut activity.event;
        event.event_id = event.event_id.take().map(|id| format!("{id}-owner").into());
        event.scope = "aws:444455556666:r0".into();
        event.credential = None;
        activity
    }

    fn correction(mut activity: Activity<'static>) -> Activity<'static> {
        activity.event.usage = Usage::Correction;
        activity.event.outcome = Outcome::Failed;
        activity.event.service = "corrected".into();
        activity
    }
}

fn declaration(who: u8, what: Option<u8>) -> Record<'static> {
    let declared = what.map(|what| Declared {
        kind: (what == 1).then_some(Kind::Automation),
        status: if what == 1 { DeclaredStatus::Retired } else { DeclaredStatus::Active },
        retired_at: Some(EventTime::from_millis(START_MS + DAYS / 3 * DAY_MS)),
        unused_after_days: (what == 2).then_some(20),
        created_at: Some(EventTime::from_millis(START_MS - 200 * DAY_MS)),
        expires_at: (what == 0).then(|| EventTime::from_millis(START_MS + DAYS / 2 * DAY_MS)),
        allowed_services: (what == 0).then(|| "svc1".to_owned()).into_iter().collect(),
        allowed_networks: AllowedNetwork::try_from("198.51.100.0/24".to_owned()).into_iter().collect(),
        key_dates: (what == 2)
            .then(|| ("AKIA1".to_owned(), EventTime::from_millis(START_MS)))
            .into_iter()
            .collect(),
        original: format!(r#"{{"what":{what}}}"#),
        ..Declared::default()
    });
    let identity_id = format!("arn:aws:iam::111122223333:role/role-{who}");
    Record::Declared(Box::new(DeclaredChange { identity_id, declared }))
}

fn coverage((source, from, hours): (u32, u32, u32)) -> Record<'static> {
    let start = (START_MS / HOUR_MS) as u32 + from;
    Record::Coverage(vec![CoverageMark {
        scope: format!("aws:111122223333:r{source}"),
        hours: (start..start + hours).collect(),
        until_ms: i64::from(start + hours) * HOUR_MS,
    }])
}

/// Two input partitions that are read further and further, to the end.
fn progress() -> impl Iterator<Item = Record<'static>> {
    let at = |partition: i32, until_ms: i64| InputProgress {
        topic: "cloudtrail".into(),
        partition,
        until: ProcessingTime::from_millis(until_ms),
    };
    let steps = [(0, START_MS + 3 * DAY_MS), (1, START_MS + DAY_MS), (0, i64::MAX), (1, i64::MAX)];
    steps.into_iter().map(move |(partition, until)| Record::Progress(vec![at(partition, until)]))
}

impl Traffic {
    pub(super) fn records(&self) -> &[Record<'static>] {
        &self.records
    }

    /// The newest use, as records show it.
    pub(super) fn newest_use(&self) -> Option<String> {
        let times = self.records.iter().filter_map(|record| match record {
            Record::Activity(activity) => Some(activity.event.time),
            _ => None,
        });
        times.max().map(EventTime::to_rfc3339)
    }

    /// The records in another order, some again. Declarations of one identity keep theirs.
    pub(super) fn shuffled(&self, shuffle: &Shuffle) -> Vec<(Record<'static>, Then)> {
        let mut random = Dice(shuffle.seed);
        let mut records = self.records.clone();
        for record in &self.records {
            while !matches!(record, Record::Declared(_)) && random.chance(shuffle.repeated / 2.0) {
                records.push(delivered_again(record, &mut random));
            }
        }
        for index in (1..records.len()).rev() {
            records.swap(index, random.below(index as u64 + 1) as usize);
        }
        self.declare_in_order(&mut records);
        let happens = |random: &mut Dice| match random.below(3) {
            _ if !random.chance(shuffle.eventful) => Then::GoOn,
            0 => Then::Tick(random.below(2 * DAY_MS as u64) as i64),
            1 => Then::HandOver,
            _ => Then::Flush,
        };
        records.into_iter().map(|record| (record, happens(&mut random))).collect()
    }

    fn declare_in_order(&self, records: &mut [Record<'static>]) {
        let is_declared = |record: &&Record<'static>| matches!(record, Record::Declared(_));
        let mut in_order = self.records.iter().filter(is_declared);
        for record in records.iter_mut() {
            if is_declared(&&*record) {
                record.clone_from(in_order.next().unwrap());
            }
        }
    }
}

/// The same record once more; where its own time holds, it may have reached us later.
fn delivered_again(record: &Record<'static>, random: &mut Dice) -> Record<'static> {
    let mut again = record.clone();
    if let Record::Activity(activity) = &mut again
        && !activity.event.time_clamped
    {
        let received = activity.event.received;
        activity.event.received = received.plus_millis(random.below(5 * DAY_MS as u64) as i64);
    }
    again
}

/// A record without what depends on which values had to go: first uses, and what came of earlier ones.
pub(super) fn without_first_uses(json: &str) -> String {
    let mut value: Value = serde_json::from_str(json).unwrap();
    value.as_object_mut().unwrap().remove("active_keys");
    for list in ["credentials", "services"] {
        for used in value[list].as_array_mut().unwrap() {
            let used = used.as_object_mut().unwrap();
            for key in ["first_seen", "last_success", "last_denied", "state"] {
                used.remove(key);
            }
        }
    }
    value.to_string()
}
