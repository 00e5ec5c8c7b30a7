//! What detection says: signals, and the incidents they add up to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activity::{Class, Kind, NetworkClass, Outcome};
use crate::identity::declared::Criticality;
use crate::time::{EventTime, ProcessingTime};

use super::chain::Opened;
use super::detector::{Detector, Rule, Technique};
use super::sensitivity::{Category, Level, Sensitivity, of_program, sensitivity};

/// One reason to look: something an identity did that its baseline did not lead to expect.
#[derive(Clone, Debug)]
pub struct Signal {
    /// The detector that raised it.
    pub detector: Arc<Detector>,
    /// Weight, in bits: 10 bits is a one-in-a-thousand event for this identity.
    pub bits: f32,
    /// The part of it that is surprise: of signals that speak of one kind of change, the most surprising counts.
    pub peak: f32,
    /// The part of it that adds up only to a limit, since ordinary changes bring many of the kind, in bits.
    pub harmless: f32,
    /// One sentence for a person: what was seen and why it matters.
    pub reason: String,
    /// What the baseline led to expect.
    pub expected: String,
    /// What was seen instead.
    pub observed: String,
    /// What was counted, where the detector counts: events of the hour, days of the pause; else 0.
    pub size: u64,
    /// When the event happened.
    pub time: EventTime,
    /// The event behind it.
    pub evidence: EventEvidence,
}

impl Signal {
    /// Severity: the detector's, and high at least where the action can give away control.
    #[must_use]
    pub fn severity(&self) -> Severity {
        severity(&self.detector, self.gives_control())
    }

    /// Whether its action can give away control.
    #[must_use]
    pub fn gives_control(&self) -> bool {
        self.known_action().is_some_and(|known| known.level == Level::High)
    }

    /// Whether its action looks around, or was refused.
    #[must_use]
    pub fn looks_around(&self) -> bool {
        let is_discovery = |known: &Sensitivity| known.categories.contains(Category::Discovery);
        self.known_action().is_some_and(is_discovery) || self.evidence.outcome == Outcome::Denied.as_str()
    }

    /// The detector's ATT&CK techniques; where it judges sensitive actions, those whose tactic this action serves.
    #[must_use]
    pub fn attack(&self) -> Vec<&Technique> {
        let all: Vec<&Technique> = self.detector.attack.iter().collect();
        let Some(known) = self.sensitivity() else { return all };
        let serves = |technique: &&&Technique| {
            known.categories.iter().any(|category| category.tactic_id() == technique.tactic)
        };
        let served: Vec<&Technique> = all.iter().filter(serves).copied().collect();
        if served.is_empty() { all } else { served }
    }

    /// What is known of the action, where the detector goes by that.
    fn sensitivity(&self) -> Option<&'static Sensitivity> {
        goes_by_actions(&self.detector).then(|| self.known_action()).flatten()
    }

    /// What is known of the action, or of the program that it ran in another account's name.
    fn known_action(&self) -> Option<&'static Sensitivity> {
        let EventEvidence { service, operation, resource, .. } = &self.evidence;
        let program = resource.as_deref().and_then(|path| of_program(service, path));
        program.or_else(|| sensitivity(service, operation))
    }
}

/// Severity of a signal: the detector's, and high at least where the action can give away control and the detector goes by that.
#[must_use]
pub fn severity(detector: &Detector, gives_control: bool) -> Severity {
    let is_grave = gives_control && goes_by_actions(detector);
    if is_grave { detector.severity.max(Severity::High) } else { detector.severity }
}

const fn goes_by_actions(detector: &Detector) -> bool {
    matches!(detector.rule, Rule::NewAction { at_least: Some(_), .. } | Rule::NewProgram { .. })
}

/// The event behind a signal, as far as an analyst needs it to find the original.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventEvidence {
    /// The log's own event id.
    pub event_id: Option<String>,
    /// Service and operation: `s3`, `GetObject`.
    pub service: String,
    /// Operation of the service.
    pub operation: String,
    /// `success`, `denied` or `failed`.
    pub outcome: String,
    /// Provider's error code.
    pub error_code: Option<String>,
    /// Main resource.
    pub resource: Option<String>,
    /// Source address.
    pub ip: Option<String>,
    /// Source network.
    pub network: Option<String>,
    /// Country, where known.
    pub country: Option<String>,
    /// Autonomous system, where known: `AS64500`.
    pub asn: Option<String>,
    /// Who runs that system.
    pub as_name: Option<String>,
    /// What the operator's lists say that the network is.
    pub network_class: Option<NetworkClass>,
    /// The list that has it.
    pub network_list: Option<String>,
    /// Client family and version.
    pub client: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Account acted in.
    pub account: Option<String>,
    /// Public identifier of the credential.
    pub credential: Option<String>,
    /// Session name.
    pub session: Option<String>,
    /// Who took on the identity, where the event says so.
    pub caller: Option<String>,
    /// Topic or file, partition, offset, index of the record.
    pub source: String,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset within the partition, or line of the file.
    pub offset: i64,
    /// Index within the message.
    pub index: u32,
}

/// A report on one incident of one identity: created, grown, or closed.
#[derive(Clone, Debug)]
pub struct IncidentReport {
    /// Deterministic id: the same events give the same id in every run.
    pub uid: String,
    /// Whether this report opens, grows or ends the incident.
    pub stage: Stage,
    /// 1 for the first report of this incident, then up by one.
    pub sequence: u32,
    /// Who it is about.
    pub subject: Subject,
    /// When we found it: reception time of the deciding record, or the tick that decided.
    pub found_at: ProcessingTime,
    /// Event time of the first signal.
    pub first_seen: EventTime,
    /// Event time of the last signal.
    pub last_seen: EventTime,
    /// The signals that weigh most, most bits first, at most [`MAX_REPORTED_SIGNALS`].
    pub signals: Vec<Signal>,
    /// How many signals the incident has in all.
    pub signal_count: u32,
    /// The credentials that it gave out, oldest first, at most [`MAX_OPENED`](super::chain::MAX_OPENED).
    pub opened: Vec<Opened>,
    /// Risk, 0 to 100.
    pub risk: u8,
    /// Severity.
    pub severity: Severity,
    /// How sure it is that this is not benign, 0 to 100.
    pub confidence: u8,
    /// What happened, in one or two sentences that stand alone.
    pub message: String,
    /// Who ended it and why, where a person did.
    pub settlement: Option<String>,
}

impl IncidentReport {
    /// The detector of the weightiest signal, after which the incident is named.
    #[must_use]
    pub fn detector(&self) -> Option<&Arc<Detector>> {
        self.signals.first().map(|signal| &signal.detector)
    }
}

/// Reports carry at most this many signals: enough to understand, small enough for one message.
pub const MAX_REPORTED_SIGNALS: usize = 16;

/// Where in an incident's life a report stands (OCSF `activity_id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Opened.
    Create,
    /// Grown.
    Update,
    /// Ended.
    Close,
}

/// Severity (OCSF `severity_id` 1 to 5).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Informational,
    /// Worth a look in the week.
    Low,
    /// Worth a look in the day.
    Medium,
    /// Look now.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in metric labels and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Who or what an incident is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// Identity id; for a finding about a log source, its scope.
    pub identity_id: String,
    /// Provider's unique id, where known.
    pub unique_id: Option<String>,
    /// `aws`, `linux`, …
    pub provider: String,
    /// Account it belongs to.
    pub account: Option<String>,
    /// Kind.
    pub kind: Kind,
    /// Class.
    pub class: Class,
    /// Owner from the inventory.
    pub owner: Option<String>,
    /// Purpose from the inventory.
    pub purpose: Option<String>,
    /// Environment from the inventory.
    pub environment: Option<String>,
    /// Criticality from the inventory.
    pub criticality: Criticality,
    /// Whether the inventory declares it.
    pub is_declared: bool,
}
