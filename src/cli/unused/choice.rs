//! Which of the unused identities are meant.

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::time::ProcessingTime;
use crate::wire::LastSeenRecord;

/// Which of the unused identities are meant: those that fit each filter that is given.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Choice {
    /// Only what was not used for so many days (default: each identity's own window).
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Only these kinds: service_account, cloud_role, …
    #[arg(long, value_parser = kind, value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Only what these owners own, as the inventory declares it.
    #[arg(long, value_delimiter = ',')]
    owner: Vec<String>,
    /// Only what belongs to these accounts.
    #[arg(long, value_delimiter = ',')]
    account: Vec<String>,
    /// Only what belongs to these providers: aws, linux, …
    #[arg(long, value_delimiter = ',')]
    provider: Vec<String>,
    /// Also what the inventory calls retired, and nobody used for its window either.
    #[arg(long)]
    retired: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("there is no such kind; known are {}", known()))
}

impl Choice {
    /// Whether an identity is unused, and meant.
    pub(super) fn takes(&self, record: &LastSeenRecord, now: ProcessingTime) -> bool {
        let is_in = |list: &[String], value: Option<&str>| {
            list.is_empty() || list.iter().any(|wanted| Some(wanted.as_str()) == value)
        };
        let is_candidate = match record.status {
            UseStatus::Unused | UseStatus::NeverSeen => true,
            UseStatus::Retired => self.retired && record.unused_days.is_some(),
            UseStatus::Active | UseStatus::Unknown => false,
        };
        is_candidate
            && self.days.is_none_or(|days| record.days_unused(now) >= Some(days))
            && (self.kind.is_empty() || self.kind.contains(&record.kind))
            && is_in(&self.owner, record.owner().as_deref())
            && is_in(&self.account, record.account.as_deref())
            && is_in(&self.provider, Some(&record.provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(status: &str, days: Option<u32>) -> LastSeenRecord {
        let json = serde_json::json!({
            "schema": "nhi.last-seen/1", "identity_id": "arn:aws:iam::111122223333:role/old", "kind": "cloud_role",
            "class": "non_human", "provider": "aws", "account": "111122223333", "status": status, "unused_days": days,
            "coverage": {"ratio": 1.0}, "declared": {"owner": "ana"}, "updated_at": "2026-01-31T00:00:00.000Z",
        });
        LastSeenRecord::parse(json.to_string().as_bytes()).unwrap()
    }

    fn day(days: i64) -> ProcessingTime {
        ProcessingTime::parse_rfc3339("2026-01-31T00:00:00Z").unwrap().plus_millis(days * crate::time::DAY_MS)
    }

    #[test]
    fn days_go_on_while_nothing_is_written() {
        let choice = Choice { days: Some(180), ..Choice::default() };
        let takes = |days| choice.takes(&record("unused", Some(91)), day(days));
        assert_eq!([88, 89].map(takes), [false, true]);
    }

    #[test]
    fn only_what_is_proven_unused_is_ever_taken() {
        let takes = |status| Choice::default().takes(&record(status, Some(91)), day(0));
        assert_eq!(
            ["unused", "never_seen", "active", "unknown", "retired"].map(takes),
            [true, true, false, false, false]
        );
    }

    #[test]
    fn what_is_retired_is_taken_where_it_is_asked_for_and_proven_unused() {
        let choice = Choice { retired: true, ..Choice::default() };
        let takes = |days| choice.takes(&record("retired", days), day(0));
        assert_eq!([Some(91), None].map(takes), [true, false]);
        assert!(
            choice.takes(&record("unused", Some(91)), day(0))
                && !choice.takes(&record("active", None), day(0))
        );
    }

    #[test]
    fn each_filter_that_is_given_must_fit() {
        let text = |text: &str| vec![text.to_owned()];
        let takes = |choice: Choice| choice.takes(&record("unused", Some(91)), day(0));
        assert!(takes(Choice {
            days: Some(91),
            kind: vec![Kind::Workload, Kind::CloudRole],
            owner: text("ana"),
            account: text("111122223333"),
            provider: text("aws"),
            retired: false,
        }));
        assert!(!takes(Choice { days: Some(92), ..Choice::default() }));
        assert!(!takes(Choice { kind: vec![Kind::Workload], ..Choice::default() }));
        assert!(!takes(Choice { owner: text("bob"), ..Choice::default() }));
        assert!(!takes(Choice { account: text("444455556666"), ..Choice::default() }));
        assert!(!takes(Choice { provider: text("linux"), ..Choice::default() }));
    }
}
