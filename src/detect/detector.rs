//! A detector: what it looks for, why, and how, as read from `detectors/*.yaml`.

use serde::{Deserialize, Serialize};

use crate::activity::{CredentialKind, Event, NetworkClass};
use crate::baseline::Dimension;
use crate::time::EventTime;

use super::burst_of::BurstOf;
use super::exception::Exception;
use super::finding::Severity;
use super::form::{IdText, OwaspNhiText, SaidText, TacticText, TechniqueText};
use super::scope::{Scope, Who};
use super::sensitivity::Level;

/// One detector, as its file states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Stable id, as in `finding_info.analytic.uid`: `new-action`.
    #[schemars(with = "IdText")]
    pub id: String,
    /// Title, as shown in alerts.
    pub title: String,
    /// Counts up with every change of meaning.
    pub version: u32,
    /// `enabled`, `shadow` (counted, not alerted) or `disabled`.
    #[serde(default)]
    pub status: Status,
    /// What it looks for, in a sentence or two.
    pub description: String,
    /// Why that matters.
    pub rationale: String,
    /// Which identities it looks at; all where nothing is said.
    #[serde(default, skip_serializing_if = "Scope::is_everything")]
    pub scope: Scope,
    /// What it lets pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Least severity of an incident that this detector leads.
    pub severity: Severity,
    /// The family that runs it, with its parameters.
    pub rule: Rule,
    /// MITRE ATT&CK techniques.
    #[serde(default)]
    pub attack: Vec<Technique>,
    /// OWASP Non-Human Identities Top 10 ids (`NHI7:2025`).
    #[serde(default)]
    #[schemars(with = "Vec<OwaspNhiText>")]
    pub owasp_nhi: Vec<String>,
    /// What it cannot see.
    pub blind_spots: Vec<String>,
    /// What may raise it without an attack.
    pub false_positives: Vec<String>,
    /// What the analyst does first.
    pub response: Vec<String>,
    /// Where it is written what to do then: an address, or the text itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SaidText>")]
    pub runbook: Option<String>,
    /// Embedded tests: at least one that fires, one that stays quiet, one at the boundary.
    #[serde(default)]
    pub tests: Vec<super::testing::Case>,
}

impl Detector {
    /// Whether it says anything at all, be it only to be counted.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.status != Status::Disabled
    }

    /// The exception that lets pass what an identity did in an event, or at `time` without any event.
    #[must_use]
    pub fn exception(&self, who: &Who<'_>, event: Option<&Event<'_>>, time: EventTime) -> Option<&Exception> {
        self.exceptions.iter().find(|exception| exception.applies(who, event, time))
    }
}

/// Whether a detector alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its signals count.
    #[default]
    Enabled,
    /// Its signals are counted in metrics and raise nothing.
    Shadow,
    /// It does not run.
    Disabled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enabled, Self::Shadow, Self::Disabled];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Shadow => "shadow",
            Self::Disabled => "disabled",
        }
    }
}

/// A MITRE ATT&CK technique with its tactic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Technique {
    /// `TA0003`.
    #[schemars(with = "TacticText")]
    pub tactic: String,
    /// `Persistence`.
    pub tactic_name: String,
    /// `T1098` or `T1098.001`.
    #[schemars(with = "TechniqueText")]
    pub technique: String,
    /// `Account Manipulation`.
    pub technique_name: String,
}

/// The families, each with the parameters that its detectors set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "family", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Comes from somewhere new: network, region, country, autonomous system. Their surprise hardly adds up, since they change together.
    NewOrigin {
        /// Least surprise that is a signal, in bits.
        min_bits: f32,
        /// Most that it weighs.
        max_bits: f32,
        /// Weight on top where everything known is within the cloud provider or private, and this is not.
        outside_bits: f32,
        /// Weight on top, beyond `max_bits`, where the operator's lists say what the network is, and the identity never came from
        /// any of that kind.
        #[serde(default)]
        class_bits: ClassBits,
    },
    /// Does something new. A release brings several new actions: their novelty counts once, and what each is good for in an
    /// attack adds up.
    NewAction {
        /// Only actions at least this sensitive.
        #[serde(default)]
        at_least: Option<Level>,
        /// Only actions less sensitive than this.
        #[serde(default)]
        below: Option<Level>,
        /// Least surprise that is a signal, in bits.
        min_bits: f32,
        /// Most that the novelty weighs.
        max_bits: f32,
        /// Weight of each further new action.
        each_bits: f32,
        /// Weight of each that is refused.
        denied_bits: f32,
    },
    /// A value never seen before, in one of the dimensions.
    Novelty {
        /// Dimensions; the one that surprises most counts.
        dimensions: Vec<Dimension>,
        /// Only these actions (`sts:AssumeRole`); empty means any.
        #[serde(default)]
        actions: Vec<String>,
        /// Least surprise that is a signal, in bits.
        min_bits: f32,
        /// Most that the novelty weighs.
        #[serde(default = "most")]
        max_bits: f32,
        /// Weight on top of the surprise, for each value.
        #[serde(default)]
        each_bits: f32,
        /// Weight of each that is refused.
        #[serde(default)]
        denied_bits: f32,
    },
    /// Runs a program in another account's name (sudo, pkexec) that it never ran so. What the program is good for in an attack adds up,
    /// by the table of sensitive actions.
    NewProgram {
        /// Least weight that is a signal, in bits.
        min_bits: f32,
        /// Most that the novelty weighs.
        max_bits: f32,
        /// Weight of each further program.
        each_bits: f32,
        /// Weight of each that is refused.
        denied_bits: f32,
    },
    /// One credential at work in two places: a new network, and then a usual one again.
    TwoOrigins {
        /// Weight in bits.
        bits: f32,
    },
    /// One credential at work in two places by turns: a strange one, a usual one, and so on.
    SharedCredential {
        /// Kind of credential: `temporary` or `long_term`.
        credential: CredentialKind,
        /// Fewest times that it went from one to the other.
        min_turns: u8,
        /// Shortest time since it turned up in the strange place, in minutes. A move of several workers takes up to an hour.
        min_minutes: u32,
        /// Weight in bits.
        bits: f32,
    },
    /// A call through a VPC endpoint of an account of which the identity used none.
    ForeignEndpoint {
        /// Weight in bits.
        bits: f32,
    },
    /// Something new at a time of the week at which the identity does not work.
    OffHours {
        /// Least that is a signal, in bits.
        min_bits: f32,
    },
    /// An identity of development or test turns to something of production.
    CrossEnvironment {
        /// Weight in bits.
        bits: f32,
    },
    /// An identity at work that the inventory calls retired.
    Retired {
        /// Weight in bits.
        bits: f32,
    },
    /// An identity at work after the end that the inventory sets.
    ExpiredUse {
        /// Weight in bits.
        bits: f32,
    },
    /// A service, network or hour that the inventory does not allow the identity. However many, they count once within an incident.
    OutsideDeclared {
        /// Weight in bits.
        bits: f32,
        /// Days after which a value that raised nothing so far is the inventory's mistake, and is not told any more.
        known_days: u32,
    },
    /// Much more in an hour than in this identity's usual active hour.
    Burst {
        /// What counts.
        events: BurstOf,
        /// Fewest of it in the hour: events, different actions or services, bytes.
        min_events: u64,
        /// Fewest times the most of an hour that is remembered, or the mean where that is not known. At an odd hour, times the
        /// geometric mean of that and of the most that this time of the week has had.
        min_ratio: f32,
        /// Least surprise that is a signal, in bits.
        min_bits: f32,
        /// Most that it weighs where it is just large enough; each doubling from there on weighs five more.
        #[serde(default = "most")]
        max_bits: f32,
    },
    /// A person uses what only machines used before.
    HumanUse {
        /// Weight in bits.
        bits: f32,
        /// Weight from a network in which the identity is known: whoever keeps the machine logs in there.
        usual_network_bits: f32,
        /// Weight where the session is named after a person, from another network: whoever took a credential does not tell their name.
        named_bits: f32,
    },
    /// The credential of one workload comes from a network in which that identity never was.
    DisplacedCredential {
        /// Workloads whose credentials cannot leave them: prefixes such as `ec2:`.
        workloads: Vec<String>,
        /// Weight in bits.
        bits: f32,
    },
    /// An identity wakes up after a pause far beyond its own longest.
    Dormancy {
        /// Shortest pause in days.
        min_days: u32,
        /// Weight in bits; each doubling of the pause adds two, up to 12 or to this where it is more.
        bits: f32,
    },
    /// Posture: not used within its window, with the log source covered for all of it.
    Unused {},
    /// Posture: declared, older than its window, and never seen, with the log source covered.
    NeverUsed {},
    /// Posture: a long-term credential not used within the window of an identity that is in use, with the log source covered.
    UnusedCredential {},
    /// Posture: a long-term credential that still works at an age.
    NotRotated {
        /// Days for which one may be used. Where it is not known when it was made, since it was first seen.
        max_age_days: u32,
    },
    /// Posture: a long-term credential that is used though a newer one of the identity is there.
    OldCredential {
        /// Days for which both may be used. Where it is not known when they were made, the newer one was first seen so many days later.
        min_days: u32,
    },
    /// Posture: ran on a clock, and does not any more, with the log source covered.
    MissedHeartbeat {
        /// Fewest runs on the clock before a missed one is told; half of that, but four at least, where they are 20 days apart or more.
        min_runs: u32,
        /// Fewest days over which they came.
        min_days: u32,
        /// How many usual intervals may pass on top of the longest. It is never less than `unused.max_silence`: as long as that
        /// a log source may be silent and counts as covered.
        slack_ratio: f32,
        /// Hours that may pass on top of that.
        min_slack_hours: u32,
    },
    /// Posture, of a log source: it says nothing for longer than is usual of it.
    SourceSilent {
        /// How many times the longest usual silence.
        times_usual: f32,
        /// Days of history before it is missed; at least 14.
        min_history_days: u32,
    },
    /// Posture: in use for days and not declared, though others of its account are.
    Undeclared {
        /// Days since its first use.
        min_days: u32,
        /// Fewest declared identities of its account; each partition counts those that it holds.
        min_declared: u32,
    },
    /// Posture: declared without an owner (technical or business) or without a purpose.
    Unowned {
        /// Days for which it has been so, as far as the monitor knows.
        min_days: u32,
    },
    /// Posture: the end that the inventory sets is over, and it still calls the identity active.
    Expired {},
}

/// What a network weighs for being of a class, in bits. Networks of the operator and of vendors weigh nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassBits {
    /// Machines that anybody rents.
    pub hosting: f32,
    /// People's homes and phones.
    pub residential: f32,
    /// Open proxies and commercial VPN.
    pub proxy: f32,
    /// Exits of the Tor network.
    pub tor: f32,
}

impl ClassBits {
    /// The weight of a class.
    #[must_use]
    pub const fn of(self, class: NetworkClass) -> f32 {
        match class {
            NetworkClass::Own | NetworkClass::Vendor => 0.0,
            NetworkClass::Hosting => self.hosting,
            NetworkClass::Residential => self.residential,
            NetworkClass::Proxy => self.proxy,
            NetworkClass::Tor => self.tor,
        }
    }
}

/// What a signal weighs at most, where a detector sets no limit of its own.
const fn most() -> f32 {
    super::families::MAX_SIGNAL_BITS
}

/// What kind of change a signal speaks of. What changes together counts once within an incident: the strongest of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Axis {
    /// Where it comes from.
    Origin,
    /// With what: client, credential.
    Means,
    /// What it does.
    Action,
    /// In which account.
    Target,
    /// Who caused it.
    Caller,
    /// How much.
    Volume,
    /// Facts that stand for themselves.
    Fact,
}

impl Axis {
    /// How many there are.
    pub const COUNT: usize = 7;
}

impl Rule {
    /// The axis of its signals.
    #[must_use]
    pub fn axis(&self) -> Axis {
        match self {
            Self::NewOrigin { .. } => Axis::Origin,
            Self::NewAction { .. } | Self::NewProgram { .. } => Axis::Action,
            Self::Burst { .. } => Axis::Volume,
            Self::Novelty { dimensions, .. } => match dimensions.first() {
                Some(Dimension::Client | Dimension::Credential) => Axis::Means,
                Some(Dimension::Account) => Axis::Target,
                Some(Dimension::Caller | Dimension::Workload) => Axis::Caller,
                Some(
                    Dimension::Network
                    | Dimension::Region
                    | Dimension::Country
                    | Dimension::Asn
                    | Dimension::NetworkClass,
                ) => Axis::Origin,
                // A new action acts on something new more often than not.
                Some(Dimension::Action | Dimension::Service | Dimension::Resource | Dimension::Role)
                | None => Axis::Action,
            },
            Self::TwoOrigins { .. }
            | Self::SharedCredential { .. }
            | Self::ForeignEndpoint { .. }
            | Self::OffHours { .. }
            | Self::CrossEnvironment { .. }
            | Self::Retired { .. }
            | Self::ExpiredUse { .. }
            | Self::OutsideDeclared { .. }
            | Self::HumanUse { .. }
            | Self::DisplacedCredential { .. }
            | Self::Dormancy { .. }
            | Self::Unused {}
            | Self::NeverUsed {}
            | Self::UnusedCredential {}
            | Self::NotRotated { .. }
            | Self::OldCredential { .. }
            | Self::MissedHeartbeat { .. }
            | Self::SourceSilent { .. }
            | Self::Undeclared { .. }
            | Self::Unowned { .. }
            | Self::Expired {} => Axis::Fact,
        }
    }

    /// The family's name.
    #[must_use]
    pub const fn family(&self) -> &'static str {
        match self {
            Self::NewOrigin { .. } => "new_origin",
            Self::NewAction { .. } => "new_action",
            Self::Novelty { .. } => "novelty",
            Self::NewProgram { .. } => "new_program",
            Self::TwoOrigins { .. } => "two_origins",
            Self::SharedCredential { .. } => "shared_credential",
            Self::ForeignEndpoint { .. } => "foreign_endpoint",
            Self::OffHours { .. } => "off_hours",
            Self::CrossEnvironment { .. } => "cross_environment",
            Self::Retired { .. } => "retired",
            Self::ExpiredUse { .. } => "expired_use",
            Self::OutsideDeclared { .. } => "outside_declared",
            Self::Burst { .. } => "burst",
            Self::HumanUse { .. } => "human_use",
            Self::DisplacedCredential { .. } => "displaced_credential",
            Self::Dormancy { .. } => "dormancy",
            Self::Unused {} => "unused",
            Self::NeverUsed {} => "never_used",
            Self::UnusedCredential {} => "unused_credential",
            Self::NotRotated { .. } => "not_rotated",
            Self::OldCredential { .. } => "old_credential",
            Self::MissedHeartbeat { .. } => "missed_heartbeat",
            Self::SourceSilent { .. } => "source_silent",
            Self::Undeclared { .. } => "undeclared",
            Self::Unowned { .. } => "unowned",
            Self::Expired {} => "expired",
        }
    }
}
