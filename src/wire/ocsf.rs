//! The OCSF objects that alerts are made of: the part of OCSF 1.5.0 that this program fills.
//!
//! Names, types and captions are those of <https://schema.ocsf.io/1.5.0>; an independent validator in
//! `tests/ocsf` holds them to it. Why own types: `docs/adr/0004-ocsf-records.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The OCSF version that records follow. 1.5.0 is the first with `anomaly_analyses`.
pub const VERSION: &str = "1.5.0";

/// Whether a part is left out of the JSON: `None`, or an empty list.
pub(super) fn absent<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}

/// About the record itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// OCSF version.
    pub version: String,
    /// What made the record.
    pub product: Product,
    /// OCSF profiles that the record follows: `datetime`, and `cloud` for identities of a cloud.
    #[serde(default, skip_serializing_if = "absent")]
    pub profiles: Vec<String>,
    /// Unique id of this report: the incident's uid and the report's number, `inc-…:2`.
    pub uid: String,
    /// The incident's uid: the same in all of its reports.
    pub correlation_uid: String,
    /// Number of this report within its incident, from 1.
    pub sequence: u32,
    /// Id of the detector that leads.
    #[serde(default, skip_serializing_if = "absent")]
    pub event_code: Option<String>,
}

/// A product.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// Name.
    pub name: String,
    /// Who makes it.
    pub vendor_name: String,
    /// Its version.
    pub version: String,
}

/// About the incident: what it is, what found it, when it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingInfo {
    /// Deterministic id of the incident: the same events give the same id.
    pub uid: String,
    /// Title of the leading detector, with the identity's short name.
    pub title: String,
    /// What the detector looks for, and why it matters.
    #[serde(default, skip_serializing_if = "absent")]
    pub desc: Option<String>,
    /// The detector that leads.
    #[serde(default, skip_serializing_if = "absent")]
    pub analytic: Option<Analytic>,
    /// The other detectors that contributed.
    #[serde(default, skip_serializing_if = "absent")]
    pub related_analytics: Vec<Analytic>,
    /// MITRE ATT&CK techniques of all contributing detectors.
    #[serde(default, skip_serializing_if = "absent")]
    pub attacks: Vec<Attack>,
    /// OWASP Non-Human Identities Top 10 ids of all contributing detectors, under the name `owasp_nhi`.
    #[serde(default, skip_serializing_if = "absent")]
    pub tags: Vec<Tag>,
    /// Event time of the first signal, in milliseconds since 1970.
    pub first_seen_time: i64,
    /// The same, in RFC 3339.
    pub first_seen_time_dt: String,
    /// Event time of the last signal, in milliseconds since 1970.
    pub last_seen_time: i64,
    /// The same, in RFC 3339.
    pub last_seen_time_dt: String,
    /// When the incident was opened, in milliseconds since 1970; in its first report.
    #[serde(default, skip_serializing_if = "absent")]
    pub created_time: Option<i64>,
    /// When the incident was added to or ended, in milliseconds since 1970; in later reports.
    #[serde(default, skip_serializing_if = "absent")]
    pub modified_time: Option<i64>,
    /// Topics or files that the events came from.
    #[serde(default, skip_serializing_if = "absent")]
    pub data_sources: Vec<String>,
    /// Credentials that join the incident with those of other identities: those it gave out, then those it was made with.
    #[serde(default, skip_serializing_if = "absent")]
    pub related_events: Vec<RelatedEvent>,
}

/// A credential by which an incident is joined with that of another identity: the alert about who gave it out and the alert
/// about who used it name it alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RelatedEvent {
    /// Public id of the credential: `ASIA…`, `AKIA…`.
    pub uid: String,
    /// `credential_issued` or `credential_used`.
    #[serde(rename = "type")]
    pub kind: String,
    /// In words: which call gave it out, for which session of which role; in which session it was used, and who took that on.
    pub title: String,
    /// When it was given out, or first seen in a signal, in milliseconds since 1970.
    pub first_seen_time: i64,
    /// The same, in RFC 3339.
    pub first_seen_time_dt: String,
}

/// A detector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Analytic {
    /// Detector id.
    pub uid: String,
    /// Title.
    pub name: String,
    /// 1 `Rule`, 2 `Behavioral`.
    pub type_id: u8,
    /// Caption of `type_id`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the detector.
    pub version: String,
}

/// A MITRE ATT&CK technique with its tactic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attack {
    /// Tactic.
    #[serde(default, skip_serializing_if = "absent")]
    pub tactic: Option<AttackEntry>,
    /// Technique.
    #[serde(default, skip_serializing_if = "absent")]
    pub technique: Option<AttackEntry>,
    /// Sub-technique, where it is one.
    #[serde(default, skip_serializing_if = "absent")]
    pub sub_technique: Option<AttackEntry>,
}

/// An entry of MITRE ATT&CK.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttackEntry {
    /// `T1098.001`.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Where it is described.
    pub src_url: String,
}

/// A name with values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// Name.
    pub name: String,
    /// Values.
    #[serde(default, skip_serializing_if = "absent")]
    pub values: Vec<String>,
}

/// The cloud that an identity belongs to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cloud {
    /// `AWS`, `GCP`, `Azure`.
    pub provider: String,
    /// Account that the identity belongs to.
    #[serde(default, skip_serializing_if = "absent")]
    pub account: Option<Account>,
    /// Region of the weightiest event.
    #[serde(default, skip_serializing_if = "absent")]
    pub region: Option<String>,
}

/// An account, project or tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Name; the uid, where no name is known.
    pub name: String,
    /// Id.
    pub uid: String,
    /// 10 `AWS Account`, 11 `GCP Project`, 13 `Azure Subscription`, 0 `Unknown`.
    pub type_id: u8,
    /// Caption of `type_id`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A thing that the incident is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// Id; the first resource's is the identity id (or the log source's scope).
    pub uid: String,
    /// Provider's unique id of the identity.
    #[serde(default, skip_serializing_if = "absent")]
    pub uid_alt: Option<String>,
    /// Short name.
    #[serde(default, skip_serializing_if = "absent")]
    pub name: Option<String>,
    /// Kind of the identity; `log_source`, `credential`, `issued_credential` or `target` for the others.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much depends on the identity, by the inventory.
    #[serde(default, skip_serializing_if = "absent")]
    pub criticality: Option<String>,
    /// `class:non_human`, `environment:prod`.
    #[serde(default, skip_serializing_if = "absent")]
    pub labels: Vec<String>,
}

/// One event behind the incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The log's own event id.
    #[serde(default, skip_serializing_if = "absent")]
    pub uid: Option<String>,
    /// The action: `s3:GetObject`.
    #[serde(default, skip_serializing_if = "absent")]
    pub name: Option<String>,
    /// Who did it, with what.
    #[serde(default, skip_serializing_if = "absent")]
    pub actor: Option<Actor>,
    /// What was called, and how that ended.
    #[serde(default, skip_serializing_if = "absent")]
    pub api: Option<Api>,
    /// From where.
    #[serde(default, skip_serializing_if = "absent")]
    pub src_endpoint: Option<Endpoint>,
    /// Why it is evidence, and where the original is.
    pub data: EvidenceData,
}

/// Who did it, with what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The identity.
    pub user: User,
    /// Session, where the log names one.
    #[serde(default, skip_serializing_if = "absent")]
    pub session: Option<Session>,
    /// Client program and version.
    #[serde(default, skip_serializing_if = "absent")]
    pub app_name: Option<String>,
}

/// The identity that acted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Identity id.
    pub uid: String,
    /// Provider's unique id.
    #[serde(default, skip_serializing_if = "absent")]
    pub uid_alt: Option<String>,
    /// Short name.
    pub name: String,
    /// 1 `User` for people, 3 `System` for a provider's own services, 99 otherwise.
    pub type_id: u8,
    /// Caption of `type_id`; the kind of non-human identity where that is 99.
    #[serde(rename = "type")]
    pub kind: String,
    /// Account acted in.
    #[serde(default, skip_serializing_if = "absent")]
    pub account: Option<Account>,
    /// Public identifier of the credential that was shown.
    #[serde(default, skip_serializing_if = "absent")]
    pub credential_uid: Option<String>,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Session name, as logged.
    pub uid: String,
}

/// What was called, and how that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Api {
    /// Operation: `GetObject`.
    pub operation: String,
    /// Service: `s3`.
    #[serde(default, skip_serializing_if = "absent")]
    pub service: Option<Service>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "absent")]
    pub response: Option<Response>,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Short name: `s3`.
    pub name: String,
    /// The same.
    pub uid: String,
    /// Always `unknown`: the published schema recommends it, and a widespread reader insists on it.
    pub version: String,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Response {
    /// `success`, `denied` or `failed`.
    #[serde(default, skip_serializing_if = "absent")]
    pub message: Option<String>,
    /// Provider's error code.
    #[serde(default, skip_serializing_if = "absent")]
    pub error: Option<String>,
}

/// Where a call came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// Address.
    #[serde(default, skip_serializing_if = "absent")]
    pub ip: Option<String>,
    /// What the log says in place of an address.
    #[serde(default, skip_serializing_if = "absent")]
    pub name: Option<String>,
    /// Country of the address.
    #[serde(default, skip_serializing_if = "absent")]
    pub location: Option<Location>,
    /// Autonomous system of the address.
    #[serde(default, skip_serializing_if = "absent")]
    pub autonomous_system: Option<AutonomousSystem>,
}

/// Who announces an address to the Internet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutonomousSystem {
    /// Its number.
    pub number: u32,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "absent")]
    pub name: Option<String>,
}

/// A place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// ISO 3166 country code.
    pub country: String,
}

/// Why an event is evidence, and where its original is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceData {
    /// When it happened, in RFC 3339.
    pub time: String,
    /// Detectors that raised a signal on it.
    #[serde(default, skip_serializing_if = "absent")]
    pub detectors: Vec<String>,
    /// What they say, a sentence each.
    #[serde(default, skip_serializing_if = "absent")]
    pub reasons: Vec<String>,
    /// Resource acted on.
    #[serde(default, skip_serializing_if = "absent")]
    pub resource: Option<String>,
    /// Source network.
    #[serde(default, skip_serializing_if = "absent")]
    pub network: Option<String>,
    /// What the operator's lists say that the network is: `own`, `vendor`, `hosting`, `residential`, `proxy`, `tor`.
    #[serde(default, skip_serializing_if = "absent")]
    pub network_class: Option<String>,
    /// The list that has it.
    #[serde(default, skip_serializing_if = "absent")]
    pub network_list: Option<String>,
    /// Region acted in.
    #[serde(default, skip_serializing_if = "absent")]
    pub region: Option<String>,
    /// Topic or file of the original record.
    pub source: String,
    /// Its partition; 0 for a file.
    pub partition: i32,
    /// Its offset; line from 0 for a file.
    pub offset: i64,
    /// Index of the record within the message.
    pub index: u32,
}

/// What was usual, beside what was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnomalyAnalysis {
    /// Whose behaviour it is.
    #[serde(default, skip_serializing_if = "absent")]
    pub analysis_targets: Vec<AnalysisTarget>,
    /// What was seen, by detector.
    #[serde(default, skip_serializing_if = "absent")]
    pub anomalies: Vec<Observed>,
    /// What is usual, by detector.
    #[serde(default, skip_serializing_if = "absent")]
    pub baselines: Vec<Observed>,
}

/// Whose behaviour was analysed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisTarget {
    /// Identity id.
    pub name: String,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What one detector saw or expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// Detector id.
    pub observation_parameter: String,
    /// `Surprise Analysis`, or `Rule` for a plain fact.
    pub observation_type: String,
    /// Surprise of the strongest observation: `12.4 bits`. Absent in baselines and for plain facts.
    #[serde(default, skip_serializing_if = "absent")]
    pub observed_pattern: Option<String>,
    /// Each distinct thing seen or expected.
    #[serde(default, skip_serializing_if = "absent")]
    pub observations: Vec<Observation>,
}

/// One thing seen or expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// In words.
    pub value: String,
    /// In how many signals.
    #[serde(default, skip_serializing_if = "absent")]
    pub count: Option<u32>,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remediation {
    /// Numbered steps, a line each.
    pub desc: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "absent")]
    pub references: Vec<String>,
}

/// A value to search for elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observable {
    /// Where in the record it stands: `evidences.src_endpoint.ip`.
    pub name: String,
    /// 2 `IP Address`, 10 `Resource UID`.
    pub type_id: u8,
    /// Caption of `type_id`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value.
    pub value: String,
}

/// What is known of the identity from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Enrichment {
    /// The attribute that it is about: `resources.uid`.
    pub name: String,
    /// That attribute's value.
    pub value: String,
    /// `identity`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `inventory` where the identity is declared, `observed` where not.
    pub provider: String,
    /// What is known.
    pub data: IdentityFacts,
}

/// What is known of an identity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityFacts {
    /// Kind.
    pub kind: String,
    /// `non_human`, `human` or `mixed`.
    pub class: String,
    /// `aws`, `linux`, …
    pub provider: String,
    /// Account it belongs to.
    #[serde(default, skip_serializing_if = "absent")]
    pub account: Option<String>,
    /// Whether the inventory declares it.
    pub declared: bool,
    /// Owner, by the inventory.
    #[serde(default, skip_serializing_if = "absent")]
    pub owner: Option<String>,
    /// Purpose, by the inventory.
    #[serde(default, skip_serializing_if = "absent")]
    pub purpose: Option<String>,
    /// Environment, by the inventory.
    #[serde(default, skip_serializing_if = "absent")]
    pub environment: Option<String>,
    /// `low`, `medium`, `high` or `critical`; only where the inventory declares the identity.
    #[serde(default, skip_serializing_if = "absent")]
    pub criticality: Option<String>,
}
