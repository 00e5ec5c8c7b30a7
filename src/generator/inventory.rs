//! What the company's inventory declares about its identities.

use serde_json::json;

use super::company::Company;
use super::member::Member;
use super::random::Random;
use crate::time::{DAY_MS, EventTime};

/// One inventory record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryRecord {
    /// `identity:<identity id>`.
    pub key: String,
    /// The declaration, as JSON.
    pub value: String,
}

/// The declarations of a company whose traffic begins at `since`.
#[must_use]
pub fn inventory(company: &Company, since: EventTime) -> Vec<InventoryRecord> {
    let declared = company.members().iter().filter(|member| member.is_declared);
    declared.map(|member| record(member, since, None)).collect()
}

/// The declaration of a member that was retired at that time.
pub(super) fn retired(member: &Member, since: EventTime, at: EventTime) -> InventoryRecord {
    record(member, since, Some(at))
}

fn record(member: &Member, since: EventTime, retired_at: Option<EventTime>) -> InventoryRecord {
    let mut random = Random::new(crate::term::stable_hash(&member.id), "inventory");
    let created = since.plus_millis(-random.between(60, 1_500) * DAY_MS);
    let mut value = json!({
        "identity_id": member.id,
        "kind": member.kind.as_str(),
        "owner": format!("team-{}@example.com", member.team),
        "business_owner": format!("{}-lead@example.com", member.team),
        "purpose": format!("{} ({})", member.archetype.purpose, member.stem),
        "environment": member.environment,
        "criticality": member.criticality,
        "status": "active",
        "created_at": created.to_rfc3339(),
        "ticket": format!("IAM-{}", 1_000 + random.below(9_000)),
    });
    if let Some(at) = retired_at {
        value["status"] = json!("retired");
        value["retired_at"] = json!(at.to_rfc3339());
    }
    InventoryRecord { key: format!("identity:{}", member.id), value: value.to_string() }
}
