//! Alerts as OCSF Detection Findings (class 2004): one report on one incident of one identity.

mod evidence;
mod finding;
mod links;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::detector::Rule;
use crate::detect::finding::{IncidentReport, Severity, Stage};

use super::clip;
use super::ocsf::{
    Account, AnomalyAnalysis, Cloud, Enrichment, Evidence, FindingInfo, IdentityFacts, Metadata, Observable,
    Product, Remediation, Resource, VERSION, absent,
};

/// An OCSF category and class, with their captions (<https://schema.ocsf.io/1.5.0/classes/detection_finding>).
const CATEGORY: (u32, &str) = (2, "Findings");
const CLASS: (u32, &str) = (2004, "Detection Finding");

/// One alert: an OCSF Detection Finding, as published on `nhi.alerts`. What a person reads comes first.
///
/// Parts that do not apply are left out. All lists are bounded, most of them by
/// [`MAX_REPORTED_SIGNALS`](crate::detect::finding::MAX_REPORTED_SIGNALS).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// What happened, in one or two sentences that stand alone.
    pub message: String,
    /// Caption of `severity_id`.
    pub severity: String,
    /// 1 `Informational`, 2 `Low`, 3 `Medium`, 4 `High`, 5 `Critical`.
    pub severity_id: u8,
    /// When we found it, in milliseconds since 1970.
    pub time: i64,
    /// The same, in RFC 3339.
    pub time_dt: String,
    /// Always 0: all times are UTC.
    pub timezone_offset: i32,
    /// Event time of the first signal, in milliseconds since 1970.
    pub start_time: i64,
    /// Event time of the last signal, in milliseconds since 1970.
    pub end_time: i64,
    /// Signals that the incident has in all; those that weigh most are reported.
    pub count: u32,
    /// 1 `Create`, 2 `Update`, 3 `Close`.
    pub activity_id: u8,
    /// Caption of `activity_id`.
    pub activity_name: String,
    /// Always 2.
    pub category_uid: u32,
    /// Always `Findings`.
    pub category_name: String,
    /// Always 2004.
    pub class_uid: u32,
    /// Always `Detection Finding`.
    pub class_name: String,
    /// `class_uid` times 100, plus `activity_id`.
    pub type_uid: u32,
    /// Caption of `type_uid`.
    pub type_name: String,
    /// False in the report that closes an incident.
    pub is_alert: bool,
    /// 1 `New` while the incident is open, 4 when somebody accepted it, 99 when it ended by itself.
    pub status_id: u8,
    /// Caption of `status_id`: `New`, `Resolved` or `Ended`.
    pub status: String,
    /// What the status means, where it is not plain.
    #[serde(default, skip_serializing_if = "absent")]
    pub status_detail: Option<String>,
    /// 1 `Low` below 34, 2 `Medium` below 67, 3 `High`.
    pub confidence_id: u8,
    /// Caption of `confidence_id`.
    pub confidence: String,
    /// How sure it is that this is not benign, 0 to 100.
    pub confidence_score: u8,
    /// Risk, 0 to 100.
    pub risk_score: u8,
    /// 0 `Info` below 20, 1 `Low` below 40, 2 `Medium` below 60, 3 `High` below 80, 4 `Critical`.
    pub risk_level_id: u8,
    /// Caption of `risk_level_id`.
    pub risk_level: String,
    /// Which detectors added how much to the risk, and why the severity is what it is.
    pub risk_details: String,
    /// About the record itself.
    pub metadata: Metadata,
    /// What the incident is and what found it.
    pub finding_info: FindingInfo,
    /// The cloud that the identity belongs to; absent outside of clouds.
    #[serde(default, skip_serializing_if = "absent")]
    pub cloud: Option<Cloud>,
    /// The identity (or log source) first, then its credentials, those that it gave out, and what it acted on.
    pub resources: Vec<Resource>,
    /// The events behind it.
    #[serde(default, skip_serializing_if = "absent")]
    pub evidences: Vec<Evidence>,
    /// What was usual, beside what was seen.
    #[serde(default, skip_serializing_if = "absent")]
    pub anomaly_analyses: Vec<AnomalyAnalysis>,
    /// What the analyst does first.
    #[serde(default, skip_serializing_if = "absent")]
    pub remediation: Option<Remediation>,
    /// Values to search for elsewhere.
    #[serde(default, skip_serializing_if = "absent")]
    pub observables: Vec<Observable>,
    /// What is known of the identity from elsewhere, the inventory above all.
    #[serde(default, skip_serializing_if = "absent")]
    pub enrichments: Vec<Enrichment>,
}

impl Alert {
    /// The alert that says what `report` says. The same report gives the same bytes.
    #[must_use]
    pub fn from_report(report: &IncidentReport) -> Self {
        let mut alert =
            Self { message: report.message.clone(), count: report.signal_count, ..Self::default() };
        alert.set_class(report.stage);
        alert.set_status(report);
        alert.set_times(report);
        alert.set_ratings(report);
        alert.metadata = metadata(report);
        alert.finding_info = finding::info(report);
        alert.cloud = cloud(report);
        alert.resources = evidence::resources(report);
        alert.evidences = evidence::evidences(report);
        alert.anomaly_analyses = finding::anomaly_analyses(report);
        alert.remediation = finding::remediation(report);
        alert.observables = evidence::observables(&alert);
        alert.enrichments = enrichments(report);
        alert
    }

    /// The Kafka key: the identity id; for a finding about a log source, its scope.
    #[must_use]
    pub fn key(&self) -> &str {
        self.resources.first().map_or("", |identity| &identity.uid)
    }

    /// The JSON, on one line without its end: the value on `nhi.alerts` and the line of `scan --alerts`.
    ///
    /// # Errors
    /// Never in practice: every part has a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn set_class(&mut self, stage: Stage) {
        let (id, name) = match stage {
            Stage::Create => (1, "Create"),
            Stage::Update => (2, "Update"),
            Stage::Close => (3, "Close"),
        };
        (self.category_uid, self.category_name) = (CATEGORY.0, CATEGORY.1.into());
        (self.class_uid, self.class_name) = (CLASS.0, CLASS.1.into());
        (self.activity_id, self.activity_name) = (id, name.into());
        self.type_uid = CLASS.0 * 100 + u32::from(id);
        self.type_name = format!("{}: {name}", CLASS.1);
        self.is_alert = stage != Stage::Close;
    }

    fn set_status(&mut self, report: &IncidentReport) {
        let (status_id, status, detail) = match (report.stage, &report.settlement) {
            (Stage::Close, Some(settlement)) => (4, "Resolved", Some(settlement.as_str())),
            // "Resolved" would claim that somebody looked; quiet is all we know.
            (Stage::Close, None) => {
                (99, "Ended", Some("Nothing more was seen. Nobody has reviewed it here."))
            }
            _ => (1, "New", None),
        };
        (self.status_id, self.status) = (status_id, status.into());
        self.status_detail = detail.map(str::to_owned);
    }

    fn set_times(&mut self, report: &IncidentReport) {
        self.time = report.found_at.millis();
        self.time_dt = report.found_at.to_rfc3339();
        self.start_time = report.first_seen.millis();
        self.end_time = report.last_seen.millis();
    }

    fn set_ratings(&mut self, report: &IncidentReport) {
        let (severity_id, severity) = severity(report.severity);
        (self.severity_id, self.severity) = (severity_id, severity.into());
        let (confidence_id, confidence) = confidence(report.confidence);
        (self.confidence_id, self.confidence) = (confidence_id, confidence.into());
        self.confidence_score = report.confidence;
        let (risk_level_id, risk_level) = risk_level(report.risk);
        (self.risk_level_id, self.risk_level) = (risk_level_id, risk_level.into());
        self.risk_score = report.risk;
        self.risk_details = finding::risk_details(report);
    }
}

/// `severity_id` and caption.
const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// `confidence_id` and caption: thirds of the scale.
const fn confidence(score: u8) -> (u8, &'static str) {
    match score {
        0..34 => (1, "Low"),
        34..67 => (2, "Medium"),
        _ => (3, "High"),
    }
}

/// `risk_level_id` and caption: fifths of the scale.
const fn risk_level(score: u8) -> (u8, &'static str) {
    match score {
        0..20 => (0, "Info"),
        20..40 => (1, "Low"),
        40..60 => (2, "Medium"),
        60..80 => (3, "High"),
        _ => (4, "Critical"),
    }
}

fn metadata(report: &IncidentReport) -> Metadata {
    let mut profiles = vec!["datetime".to_owned()];
    if cloud_provider(&report.subject.provider).is_some() {
        profiles.insert(0, "cloud".to_owned());
    }
    Metadata {
        version: VERSION.to_owned(),
        product: Product {
            name: "nhi-monitor".to_owned(),
            vendor_name: "nhi-monitor".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        profiles,
        uid: format!("{}:{}", report.uid, report.sequence),
        correlation_uid: report.uid.clone(),
        sequence: report.sequence,
        event_code: report.detector().map(|detector| detector.id.clone()),
    }
}

/// OCSF's name of the cloud; `None` for what is none.
fn cloud_provider(provider: &str) -> Option<&'static str> {
    match provider {
        "aws" => Some("AWS"),
        "gcp" => Some("GCP"),
        "azure" | "entra" => Some("Azure"),
        _ => None,
    }
}

fn cloud(report: &IncidentReport) -> Option<Cloud> {
    let provider = cloud_provider(&report.subject.provider)?;
    Some(Cloud {
        provider: provider.to_owned(),
        account: report.subject.account.as_deref().map(|uid| account(&report.subject.provider, uid)),
        region: report.signals.iter().find_map(|signal| signal.evidence.region.as_deref().map(clip)),
    })
}

fn account(provider: &str, uid: &str) -> Account {
    let (type_id, kind) = match provider {
        "aws" => (10, "AWS Account"),
        "gcp" => (11, "GCP Project"),
        "azure" | "entra" => (13, "Azure Subscription"),
        _ => (0, "Unknown"),
    };
    Account { name: clip(uid), uid: clip(uid), type_id, kind: kind.to_owned() }
}

fn is_about_log_source(report: &IncidentReport) -> bool {
    report.detector().is_some_and(|detector| matches!(detector.rule, Rule::SourceSilent { .. }))
}

fn enrichments(report: &IncidentReport) -> Vec<Enrichment> {
    if is_about_log_source(report) {
        return Vec::new();
    }
    let subject = &report.subject;
    let data = IdentityFacts {
        kind: subject.kind.as_str().to_owned(),
        class: subject.class.as_str().to_owned(),
        provider: subject.provider.clone(),
        account: subject.account.clone(),
        declared: subject.is_declared,
        owner: subject.owner.clone(),
        purpose: subject.purpose.clone(),
        environment: subject.environment.clone(),
        criticality: subject.is_declared.then(|| subject.criticality.as_str().to_owned()),
    };
    let provider = if subject.is_declared { "inventory" } else { "observed" };
    vec![Enrichment {
        name: "resources.uid".to_owned(),
        value: subject.identity_id.clone(),
        kind: "identity".to_owned(),
        provider: provider.to_owned(),
        data,
    }]
}

/// The last part of an identity id, as people call it: `arn:aws:iam::111122223333:role/path/app` is `app`.
fn short_name(identity_id: &str) -> &str {
    identity_id.rsplit(['/', ':']).find(|part| !part.is_empty()).unwrap_or(identity_id)
}
