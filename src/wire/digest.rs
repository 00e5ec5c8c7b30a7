//! Digests: what one owner's unused identities are, in one message.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::time::ProcessingTime;

use super::{LastSeenRecord, clip_to};

/// Name and version of the record's form.
pub const SCHEMA: &str = "nhi.digest/1";

/// Identities listed in one digest: more than anybody reads, and some 200 KB where names are as long as usual. The rest are
/// counted.
pub const MAX_LISTED: usize = 1_000;

/// Bytes of JSON that the list may take: half of what brokers take by default (`message.max.bytes`, 1,048,588), so that
/// owner and message have room. An identity's name has up to 2,048 bytes, each of which may be escaped. The rest are counted.
pub const MAX_LISTED_BYTES: usize = 512 << 10;

/// Identities named in the message that people read.
const NAMED: usize = 10;

/// Characters of an identity's name in the message.
const NAME_CHARS: usize = 200;

/// The unused identities of one owner, on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Digest {
    /// `nhi.digest/1`.
    pub schema: String,
    /// Names the digest: owner and day. Made again on that day, it has the same name.
    pub uid: String,
    /// The owner that the inventory declares; `null` for identities without one.
    pub owner: Option<String>,
    /// The day it was made (UTC): `2026-01-31`.
    pub day: String,
    /// What it says, for a person: a heading, and a line for each of the first ten identities.
    pub message: String,
    /// How many of the owner's identities are unused or were never seen.
    pub total: usize,
    /// Of how many more it cannot be told, since their logs are not covered.
    pub unknown: usize,
    /// Those unused for longest first; the first 1,000, or as many as fit into 512 KiB. `total` counts all of them.
    pub identities: Vec<Listed>,
}

/// One unused identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Who.
    pub identity_id: String,
    /// Kind.
    pub kind: Kind,
    /// `unused` or `never_seen`.
    pub status: UseStatus,
    /// Last use; `null` where there was none.
    pub last_seen: Option<String>,
    /// Whole days without use.
    pub unused_days: Option<u32>,
}

/// What a digest needs to know of an identity that is not in use, or of which that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    owner: Option<String>,
    listed: Listed,
}

impl Candidate {
    /// What a digest of this moment needs to know of a record; `None` where the identity is in use, or retired already.
    #[must_use]
    pub fn of(record: &LastSeenRecord, now: ProcessingTime) -> Option<Self> {
        let is_told = match record.status {
            UseStatus::Unused | UseStatus::NeverSeen | UseStatus::Unknown => true,
            UseStatus::Active | UseStatus::Retired => false,
        };
        is_told.then(|| Self {
            owner: record.owner(),
            listed: Listed {
                identity_id: record.identity_id.clone(),
                kind: record.kind,
                status: record.status,
                last_seen: record.last_seen.clone(),
                unused_days: record.days_unused(now),
            },
        })
    }
}

/// The digests of all owners that have anything unused, by owner; first that of identities without one.
pub fn digests(candidates: impl IntoIterator<Item = Candidate>, now: ProcessingTime) -> Vec<Digest> {
    let mut owners: BTreeMap<Option<String>, Vec<Listed>> = BTreeMap::new();
    for Candidate { owner, listed } in candidates {
        owners.entry(owner).or_default().push(listed);
    }
    let of = |(owner, listed)| digest(owner, listed, now);
    owners.into_iter().map(of).filter(|digest| digest.total > 0).collect()
}

fn digest(owner: Option<String>, all: Vec<Listed>, now: ProcessingTime) -> Digest {
    let (mut unused, unknown): (Vec<Listed>, Vec<Listed>) =
        all.into_iter().partition(|listed| listed.status != UseStatus::Unknown);
    unused.sort_by(|one, other| {
        other.unused_days.cmp(&one.unused_days).then_with(|| one.identity_id.cmp(&other.identity_id))
    });
    let day = now.to_utc().format("%Y-%m-%d").to_string();
    Digest {
        schema: SCHEMA.to_owned(),
        uid: format!("{day}:{}", owner.as_deref().unwrap_or_default()),
        message: message(owner.as_deref(), &unused),
        total: unused.len(),
        unknown: unknown.len(),
        identities: first_of(unused),
        owner,
        day,
    }
}

/// The first of them, as many as a digest may list.
fn first_of(unused: Vec<Listed>) -> Vec<Listed> {
    let mut left = MAX_LISTED_BYTES;
    let fits = |listed: &Listed| {
        let bytes = serde_json::to_vec(listed).map_or(usize::MAX, |json| json.len());
        left.checked_sub(bytes).is_some_and(|rest| {
            left = rest;
            true
        })
    };
    unused.into_iter().take(MAX_LISTED).take_while(fits).collect()
}

fn message(owner: Option<&str>, unused: &[Listed]) -> String {
    let whose = owner.map_or_else(|| "without an owner".to_owned(), |owner| format!("of {owner}"));
    let (noun, verb) = if unused.len() == 1 { ("identity", "is") } else { ("identities", "are") };
    let mut text = format!("{} {noun} {whose} {verb} not in use:", unused.len());
    for listed in unused.iter().take(NAMED) {
        let days = listed.unused_days.unwrap_or_default();
        let since = match listed.last_seen.as_deref().and_then(|last| last.get(..10)) {
            Some(last) => format!("not used for {days} days, last on {last}"),
            None => format!("declared, and never used in {days} days"),
        };
        text.push_str(&format!("\n* {}: {since}", clip_to(&listed.identity_id, NAME_CHARS)));
    }
    if unused.len() > NAMED {
        text.push_str(&format!("\n* and {} more", unused.len() - NAMED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, owner: Option<&str>, status: &str, days: Option<u32>) -> LastSeenRecord {
        let json = serde_json::json!({
            "schema": "nhi.last-seen/1", "identity_id": format!("linux:web:{name}"), "kind": "service_account",
            "class": "non_human", "provider": "linux", "status": status, "unused_days": days,
            "last_seen": (status == "unused").then_some("2026-01-31T09:30:00.000Z"), "coverage": {"ratio": 1.0},
            "declared": owner.map(|owner| serde_json::json!({"owner": owner})), "updated_at": "2026-05-03T00:00:00.000Z",
        });
        LastSeenRecord::parse(json.to_string().as_bytes()).unwrap()
    }

    fn made(records: &[LastSeenRecord]) -> Vec<Digest> {
        let now = ProcessingTime::parse_rfc3339("2026-05-03T06:00:00Z").unwrap();
        digests(records.iter().filter_map(|record| Candidate::of(record, now)), now)
    }

    #[test]
    fn each_owner_gets_one_message_with_what_was_unused_for_longest_first() {
        let made = made(&[
            record("a", Some("ana"), "unused", Some(91)),
            record("b", Some(" ana "), "never_seen", Some(120)),
            record("c", Some("ana"), "active", None),
            record("d", Some("ana"), "unknown", None),
            record("e", None, "unused", Some(100)),
            record("f", Some("bob"), "active", None),
            record("g", Some("bob"), "retired", Some(91)),
            record("h", Some("ana"), "retired", None),
        ]);
        let whose: Vec<_> = made.iter().map(|digest| digest.owner.as_deref()).collect();
        assert_eq!(whose, [None, Some("ana")], "nothing of bob's is unused but what is retired");
        assert_eq!((made[1].total, made[1].unknown, made[1].uid.as_str()), (2, 1, "2026-05-03:ana"));
        assert_eq!(
            made[1].message,
            "2 identities of ana are not in use:\n* linux:web:b: declared, and never used in 120 days\n\
             * linux:web:a: not used for 91 days, last on 2026-01-31"
        );
        assert!(made[0].message.starts_with("1 identity without an owner is not in use:"));
    }

    #[test]
    fn a_thousand_forgotten_identities_are_one_message() {
        let many: Vec<_> =
            (0..1_500).map(|n| record(&format!("n{n:04}"), Some("ana"), "unused", Some(91))).collect();
        let [digest] = &made(&many)[..] else { panic!() };
        assert_eq!((digest.total, digest.identities.len()), (1_500, MAX_LISTED));
        assert_eq!(digest.message.lines().count(), 1 + NAMED + 1);
        assert!(digest.message.ends_with("* and 1490 more"));
    }

    #[test]
    fn no_owner_has_so_many_or_so_long_names_that_no_broker_takes_the_digest() {
        let name = |n| format!("{n:04}{}", "\u{1b}".repeat(2_000));
        let many: Vec<_> =
            (0..1_500).map(|n| record(&name(n), Some("ana"), "unused", Some(91 + n))).collect();
        let [digest] = &made(&many)[..] else { panic!() };
        let bytes = serde_json::to_vec(digest).unwrap().len();
        assert!((MAX_LISTED_BYTES / 2..1_000_000).contains(&bytes), "{bytes}");
        assert!((10..MAX_LISTED).contains(&digest.identities.len()), "{}", digest.identities.len());
        assert_eq!(digest.total, 1_500);
        assert_eq!(digest.identities[0].unused_days, Some(1_590), "those unused for longest are listed");
    }
}
