//! Last-seen records: when an identity was last used, as `nhi.inventory` carries it for the jobs that decommission.

#[cfg(test)]
mod tests;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::activity::{Class, CredentialKind, Kind};
use crate::baseline::LastSeen;
use crate::baseline::decommission::{Dependant, Dependants, Grade};
use crate::baseline::last_seen::{
    ActionUse, Coverage, CredentialState, CredentialUse, Gap, GapCause, ServiceUse, UseStatus,
};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

/// Name and version of the record's form. Keys may be added under it; none changes its meaning or goes away.
pub const SCHEMA: &str = "nhi.last-seen/1";

/// Keys of last-seen records start with this.
pub const KEY_PREFIX: &str = "last-seen:";

/// The Kafka key of an identity's last-seen record.
#[must_use]
pub fn key(identity_id: &str) -> String {
    format!("{KEY_PREFIX}{identity_id}")
}

/// The last-seen facts of one identity. Times are RFC 3339 in UTC with milliseconds.
///
/// Every key is always there; `null` says that nothing is known. Readers must ignore keys that they do not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LastSeenRecord {
    /// `nhi.last-seen/1`.
    pub schema: String,
    /// Who.
    pub identity_id: String,
    /// Provider's unique id: it differs when a name is deleted and made again.
    #[serde(default)]
    pub unique_id: Option<String>,
    /// What kind of identity it is, after the inventory's word.
    pub kind: Kind,
    /// Whether machines or people use it, after the inventory's word.
    pub class: Class,
    /// `aws`, `linux`, …
    pub provider: String,
    /// Account it belongs to.
    #[serde(default)]
    pub account: Option<String>,
    /// First authenticated attempt.
    #[serde(default)]
    pub first_seen: Option<String>,
    /// Last authenticated attempt, whatever came of it.
    #[serde(default)]
    pub last_seen: Option<String>,
    /// Last attempt that worked.
    #[serde(default)]
    pub last_success: Option<String>,
    /// Last attempt that was denied.
    #[serde(default)]
    pub last_denied: Option<String>,
    /// Last use with signs of a person.
    #[serde(default)]
    pub last_human_use: Option<String>,
    /// Last use by a provider service on its behalf.
    #[serde(default)]
    pub last_via_service: Option<String>,
    /// Last authentication or session start with no action behind it.
    #[serde(default)]
    pub last_auth_only: Option<String>,
    /// Action of the last use: `s3:GetObject`.
    #[serde(default)]
    pub last_activity: Option<String>,
    /// Each credential with its own first and last use; bounded.
    #[serde(default)]
    pub credentials: Vec<CredentialRecord>,
    /// How many of these are long-term and `active`: more than one is a rotation under way, or a key too many.
    #[serde(default)]
    pub active_keys: u32,
    /// Each service with its own last use; bounded.
    #[serde(default)]
    pub services: Vec<ServiceRecord>,
    /// Services that the inventory allows and of which no use was seen.
    #[serde(default)]
    pub never_used_services: Vec<String>,
    /// Actions it used that serve attacks, each with its last use; bounded.
    #[serde(default)]
    pub sensitive_actions: Vec<ActionRecord>,
    /// Who assumed it, and which roles it assumed; bounded.
    #[serde(default)]
    pub dependants: DependantsRecord,
    /// Whether it is in use. `unused` and `never_seen` are candidates for decommissioning, and `retired` where `unused_days` are told.
    pub status: UseStatus,
    /// Whole days without use at the end of the coverage, where it is proven that there was none for its window; `null` for every status
    /// but `unused`, `never_seen` and `retired`.
    #[serde(default)]
    pub unused_days: Option<u32>,
    /// Whether it may be decommissioned, and why.
    #[serde(default)]
    pub decommission: DecommissionRecord,
    /// How well its log sources were covered.
    pub coverage: CoverageRecord,
    /// What the inventory declares, as its owner wrote it, with all keys; `null` where it declares nothing.
    #[serde(default)]
    pub declared: Option<Passthrough>,
    /// When this record was made.
    pub updated_at: String,
}

/// Use of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRecord {
    /// What kind of credential.
    pub kind: CredentialKind,
    /// Public identifier: access key id, fingerprint, serial. Never the secret.
    pub id: String,
    /// When it was made, where the inventory or the identity's own `CreateAccessKey` tells.
    #[serde(default)]
    pub created_at: Option<String>,
    /// First use.
    pub first_seen: String,
    /// Last use, whatever came of it.
    pub last_seen: String,
    /// Last use that worked.
    #[serde(default)]
    pub last_success: Option<String>,
    /// Last use that was denied.
    #[serde(default)]
    pub last_denied: Option<String>,
    /// Whether it is still used: `active`, `unused` for the identity's window with proof, or `superseded` by a newer one.
    #[serde(default)]
    pub state: CredentialState,
}

/// Use of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRecord {
    /// Short name: `s3`.
    pub service: String,
    /// Last use, whatever came of it.
    pub last_seen: String,
    /// Last use that worked.
    #[serde(default)]
    pub last_success: Option<String>,
    /// Last use that was denied.
    #[serde(default)]
    pub last_denied: Option<String>,
}

/// Use of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionRecord {
    /// `iam:CreateAccessKey`.
    pub action: String,
    /// Last use.
    pub last_seen: String,
}

/// Whom an identity was used by, and what it used in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependantsRecord {
    /// Identities that assumed it: those that did so last.
    #[serde(default)]
    pub callers: Vec<DependantRecord>,
    /// Roles that it assumed: those that it assumed last.
    #[serde(default)]
    pub assumes: Vec<DependantRecord>,
}

/// An identity that assumed another, or was assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependantRecord {
    /// Identity id.
    pub id: String,
    /// When it did so last.
    pub last_seen: String,
}

/// Whether an identity may be decommissioned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecommissionRecord {
    /// `safe`: proven unused, and nothing speaks against it. `caution`: proven unused, and somebody should look at the reasons first.
    /// `no`: in use, or not proven unused.
    pub grade: Grade,
    /// Why, in sentences with figures; for people, not to be parsed.
    pub reasons: Vec<String>,
}

/// How well the log sources of an identity were covered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoverageRecord {
    /// Start of what is covered.
    #[serde(default)]
    pub since: Option<String>,
    /// End of what is covered.
    #[serde(default)]
    pub until: Option<String>,
    /// Gaps between, newest first; bounded.
    #[serde(default)]
    pub gaps: Vec<GapRecord>,
    /// Covered part of the identity's window, 0 to 1 in steps of 0.0001, rounded down: 1 means all of it.
    pub ratio: f64,
}

/// A time in which it is not known what the identity did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GapRecord {
    /// Start, inclusive.
    pub since: String,
    /// End, exclusive.
    pub until: String,
    /// Why it is not known what happened: `silence` of the log source, records `lost` before they were read, or `unreadable` ones.
    #[serde(default)]
    pub cause: GapCause,
}

impl LastSeenRecord {
    /// Whole days without use by `now`: the record is written once, and holds until the next one.
    #[must_use]
    pub fn days_unused(&self, now: ProcessingTime) -> Option<u32> {
        let written = ProcessingTime::parse_rfc3339(&self.updated_at)?;
        let since = u32::try_from(now.millis_since(written) / DAY_MS).unwrap_or_default();
        self.unused_days.map(|days| days.saturating_add(since))
    }

    /// The owner that the inventory declares.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        let declared: serde_json::Value = serde_json::from_str(self.declared.as_ref()?.as_str()).ok()?;
        declared["owner"].as_str().map(str::trim).filter(|owner| !owner.is_empty()).map(str::to_owned)
    }

    /// The Kafka key.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.identity_id)
    }

    /// The JSON, on one line without its end: the value on `nhi.inventory` and the line of `scan --last-seen`.
    ///
    /// # Errors
    /// Never in practice: every part has a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a record back, of this form or a newer one with more keys.
    ///
    /// # Errors
    /// Where the bytes are not a last-seen record.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::BadJson(error.to_string()))?;
        if record.schema == SCHEMA {
            Ok(record)
        } else {
            Err(Error::OtherSchema(super::clip_to(&record.schema, 64)))
        }
    }
}

/// Why a last-seen record could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON, or a key missing or of the wrong type.
    #[error("not a last-seen record: {0}")]
    BadJson(String),
    /// Of a form that this program does not know.
    #[error("last-seen record of form `{0}`; this program reads `{SCHEMA}`")]
    OtherSchema(String),
}

impl Error {
    /// Bounded label for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadJson(_) => "bad_json",
            Self::OtherSchema(_) => "other_schema",
        }
    }
}

impl From<&LastSeen> for LastSeenRecord {
    fn from(facts: &LastSeen) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            identity_id: facts.identity_id.clone(),
            unique_id: facts.unique_id.clone(),
            kind: facts.kind,
            class: facts.class,
            provider: facts.provider.clone(),
            account: facts.account.clone(),
            first_seen: text(facts.first_seen),
            last_seen: text(facts.last_seen),
            last_success: text(facts.last_success),
            last_denied: text(facts.last_denied),
            last_human_use: text(facts.last_human_use),
            last_via_service: text(facts.last_via_service),
            last_auth_only: text(facts.last_auth_only),
            last_activity: facts.last_activity.clone(),
            credentials: facts.credentials.iter().map(CredentialRecord::from).collect(),
            active_keys: facts.active_keys,
            services: facts.services.iter().map(ServiceRecord::from).collect(),
            never_used_services: facts.never_used_services.clone(),
            sensitive_actions: facts.sensitive_actions.iter().map(ActionRecord::from).collect(),
            dependants: DependantsRecord::from(&facts.dependants),
            status: facts.status,
            unused_days: facts.unused_days,
            decommission: DecommissionRecord {
                grade: facts.decommission.grade,
                reasons: facts.decommission.reasons.clone(),
            },
            coverage: CoverageRecord::from(&facts.coverage),
            declared: facts.declared.as_ref().and_then(|declared| Passthrough::new(&declared.original)),
            updated_at: facts.updated_at.to_rfc3339(),
        }
    }
}

impl From<&CredentialUse> for CredentialRecord {
    fn from(credential: &CredentialUse) -> Self {
        Self {
            kind: credential.kind,
            id: credential.id.clone(),
            created_at: text(credential.created_at),
            first_seen: credential.first_seen.to_rfc3339(),
            last_seen: credential.last_seen.to_rfc3339(),
            last_success: text(credential.outcomes.last_success),
            last_denied: text(credential.outcomes.last_denied),
            state: credential.state,
        }
    }
}

impl From<&ServiceUse> for ServiceRecord {
    fn from(service: &ServiceUse) -> Self {
        Self {
            service: service.service.clone(),
            last_seen: service.last_seen.to_rfc3339(),
            last_success: text(service.outcomes.last_success),
            last_denied: text(service.outcomes.last_denied),
        }
    }
}

impl From<&ActionUse> for ActionRecord {
    fn from(used: &ActionUse) -> Self {
        Self { action: used.action.clone(), last_seen: used.last_seen.to_rfc3339() }
    }
}

impl From<&Dependants> for DependantsRecord {
    fn from(dependants: &Dependants) -> Self {
        let all = |them: &[Dependant]| {
            let each = them.iter();
            each.map(|one| DependantRecord { id: one.id.clone(), last_seen: one.last_seen.to_rfc3339() })
                .collect()
        };
        Self { callers: all(&dependants.callers), assumes: all(&dependants.assumes) }
    }
}

impl From<&Coverage> for CoverageRecord {
    fn from(coverage: &Coverage) -> Self {
        let gap = |gap: &Gap| GapRecord {
            since: gap.since.to_rfc3339(),
            until: gap.until.to_rfc3339(),
            cause: gap.cause,
        };
        Self {
            since: text(coverage.since),
            until: text(coverage.until),
            gaps: coverage.gaps.iter().map(gap).collect(),
            ratio: rounded_down(coverage.ratio),
        }
    }
}

/// A ratio in steps of 0.0001. Down, so that 1 means covered without a gap; JSON has no NaN, so what cannot be told
/// counts as not covered.
fn rounded_down(ratio: f64) -> f64 {
    const STEPS: f64 = 10_000.0;
    if ratio.is_nan() { 0.0 } else { (ratio.clamp(0.0, 1.0) * STEPS).floor() / STEPS }
}

fn text(time: Option<EventTime>) -> Option<String> {
    time.map(EventTime::to_rfc3339)
}

/// JSON that is passed on exactly as it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passthrough(Box<RawValue>);

impl Passthrough {
    /// Takes `json`; `None` where it is not valid JSON.
    fn new(json: &str) -> Option<Self> {
        RawValue::from_string(json.to_owned()).ok().map(Self)
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Passthrough {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl JsonSchema for Passthrough {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Passthrough".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "object", "description": "The declaration as its owner wrote it." })
    }
}
