//! What one identity did once: the normalised record that every log format is turned into.

mod origin;

use serde::{Deserialize, Serialize};

pub use origin::{Listed, NetworkClass, Origin};

use crate::text::Text;
use crate::time::{EventTime, ProcessingTime};

/// One use (or attempted use) of an identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Activity<'a> {
    /// Who acted.
    #[serde(borrow)]
    pub identity: Identity<'a>,
    /// What was done, when, from where.
    #[serde(borrow)]
    pub event: Event<'a>,
}

/// Who acted: the provider's own stable name, and what kind of thing it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity<'a> {
    /// The stable name, never a session: `arn:aws:iam::111122223333:role/app`, `linux:web:deploy`, …
    #[serde(borrow)]
    pub id: Text<'a>,
    /// The provider's unique id (`AROA…`, `AIDA…`): it differs when a name is deleted and made again.
    #[serde(borrow)]
    pub unique_id: Option<Text<'a>>,
    /// What kind of identity this is.
    pub kind: Kind,
    /// Whether a machine or a person stands behind it, and how sure that is.
    pub classification: Classification,
}

/// What kind of identity it is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// A service account of an operating system, directory or cloud.
    ServiceAccount,
    /// A registered application or OAuth client.
    Application,
    /// A long-lived key that stands for itself, such as an IAM user with access keys and no console.
    ApiKey,
    /// A cloud role that may be assumed.
    CloudRole,
    /// A role or account bound to a running workload: instance, function, pod, container task.
    Workload,
    /// CI/CD, RPA, schedulers, backup.
    Automation,
    /// An agent driven by a language model.
    AiAgent,
    /// A device or appliance.
    Device,
    /// A cloud provider's own service principal.
    ProviderService,
    /// A person.
    Human,
    /// Not enough is known.
    #[default]
    Unknown,
}

impl Kind {
    /// All kinds, in declaration order.
    pub const ALL: [Self; 11] = [
        Self::ServiceAccount,
        Self::Application,
        Self::ApiKey,
        Self::CloudRole,
        Self::Workload,
        Self::Automation,
        Self::AiAgent,
        Self::Device,
        Self::ProviderService,
        Self::Human,
        Self::Unknown,
    ];

    /// The name used in records and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "service_account",
            Self::Application => "application",
            Self::ApiKey => "api_key",
            Self::CloudRole => "cloud_role",
            Self::Workload => "workload",
            Self::Automation => "automation",
            Self::AiAgent => "ai_agent",
            Self::Device => "device",
            Self::ProviderService => "provider_service",
            Self::Human => "human",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a machine or a person uses the identity.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Used by machines.
    #[default]
    NonHuman,
    /// Used by a person.
    Human,
    /// Used by both, or undecided.
    Mixed,
}

impl Class {
    /// All classes, in declaration order.
    pub const ALL: [Self; 3] = [Self::NonHuman, Self::Human, Self::Mixed];

    /// The name used in records and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NonHuman => "non_human",
            Self::Human => "human",
            Self::Mixed => "mixed",
        }
    }
}

/// A class with its confidence and the evidence that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classification {
    /// The class.
    pub class: Class,
    /// 0 (a guess) to 100 (stated by the provider or the inventory).
    pub confidence: u8,
    /// What it was decided on.
    pub evidence: Evidence,
}

/// What a classification was decided on, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The declared inventory says so.
    Inventory,
    /// The principal's type says so (`AWSService`, `Root`, a service-linked role).
    PrincipalType,
    /// A trait of the session: single sign-on, MFA, web identity, an instance id as session name.
    Session,
    /// The client program: a browser or console, or an SDK in a known runtime.
    Client,
    /// The name follows a known pattern.
    Name,
    /// Nothing but the kind of principal to go by.
    Default,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// When it happened by the log's clock, held to at most the clock skew allowed after `received`.
    pub time: EventTime,
    /// Whether the log's clock ran so far ahead that `time` had to be held back.
    pub time_clamped: bool,
    /// When the record reached its input topic.
    pub received: ProcessingTime,
    /// What the record says about use.
    pub usage: Usage,
    /// The credential that was shown.
    #[serde(borrow)]
    pub credential: Option<Credential<'a>>,
    /// The service acted on, in short form: `s3`, `iam`, `sshd`, `k8s`.
    #[serde(borrow)]
    pub service: Text<'a>,
    /// The operation of that service: `GetObject`, `login`, `create:pods/exec`.
    #[serde(borrow)]
    pub operation: Text<'a>,
    /// Whether the operation only reads, where the log says so.
    pub read_only: Option<bool>,
    /// The main resource acted on.
    #[serde(borrow)]
    pub resource: Option<Text<'a>>,
    /// Whether it worked.
    pub outcome: Outcome,
    /// The provider's error code, where it did not.
    #[serde(borrow)]
    pub error_code: Option<Text<'a>>,
    /// From where.
    #[serde(borrow)]
    pub origin: Origin<'a>,
    /// With which program.
    #[serde(borrow)]
    pub client: Option<Client<'a>>,
    /// Cloud region, `aws-global` where the service has none.
    #[serde(borrow)]
    pub region: Option<Text<'a>>,
    /// Account, project or tenant acted in.
    #[serde(borrow)]
    pub account: Option<Text<'a>>,
    /// Session name, as logged.
    #[serde(borrow)]
    pub session: Option<Text<'a>>,
    /// What ran it: `ec2:i-0abc…`, `lambda:resize`, `pod:shop/cart`, `github:org/repo`, with numbers and hashes folded.
    #[serde(borrow)]
    pub workload: Option<Text<'a>>,
    /// Identity id of whoever assumed this identity, where the log tells.
    #[serde(borrow)]
    pub caller: Option<Text<'a>>,
    /// Signs of a person at work.
    pub interactive: Interactive,
    /// The provider service that acted on the identity's behalf (`cloudformation.amazonaws.com`).
    #[serde(borrow)]
    pub via_service: Option<Text<'a>>,
    /// The log's own id of this event; the dedupe key where present.
    #[serde(borrow)]
    pub event_id: Option<Text<'a>>,
    /// One action that two accounts logged carries one shared id.
    #[serde(borrow)]
    pub shared_event_id: Option<Text<'a>>,
    /// The log source that reported it, as covered or not: `aws:111122223333:eu-west-1`, `linux:web-1`.
    #[serde(borrow)]
    pub scope: Text<'a>,
    /// Where the record stood in the input.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
    /// Whether it is history, fed in by `backfill`: it is learned, and nobody is alerted.
    pub is_past: bool,
}

/// What a record says about the use of its identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// The identity acted, or tried to.
    #[default]
    Used,
    /// Only an authentication or session start, with no action behind it.
    AuthenticatedOnly,
    /// A correction of an earlier record (CloudTrail `addendum` with `UPDATED_DATA`): when the identity was used, but not one
    /// more use.
    Correction,
    /// Somebody claimed to be the identity and did not prove it (a wrong password): no use, and no sign of life.
    Unproven,
}

/// Whether the action worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It worked.
    #[default]
    Success,
    /// It was refused for lack of rights or a bad credential.
    Denied,
    /// It failed for another reason: bad input, not found, throttled.
    Failed,
}

impl Outcome {
    /// The name used in records and metric labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// A credential that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential<'a> {
    /// What kind.
    pub kind: CredentialKind,
    /// Its public identifier: access key id, key fingerprint, certificate serial. Never the secret.
    #[serde(borrow)]
    pub id: Text<'a>,
}

/// The kinds of credential.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Valid until revoked: `AKIA…`, an SSH key, a password.
    LongTerm,
    /// Issued for hours: `ASIA…`.
    Temporary,
    /// A bearer or OIDC token.
    Token,
    /// An X.509 or SSH certificate.
    Certificate,
    /// A password: known to exist, with no identifier of its own.
    Password,
}

impl CredentialKind {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LongTerm => "long_term",
            Self::Temporary => "temporary",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Password => "password",
        }
    }
}

/// With which program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client<'a> {
    /// The family without its version: `aws-cli`, `Boto3`, `Terraform`, `OpenSSH`.
    #[serde(borrow)]
    pub family: Text<'a>,
    /// The version, where there is one.
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
}

/// Signs of a person at work, as a set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Interactive(pub u8);

impl Interactive {
    /// A web console session.
    pub const CONSOLE: Self = Self(1);
    /// A browser as client.
    pub const BROWSER: Self = Self(2);
    /// A single-sign-on session.
    pub const SSO: Self = Self(4);
    /// MFA was given.
    pub const MFA: Self = Self(8);
    /// A terminal was allocated, or a command was typed.
    pub const TTY: Self = Self(16);
    /// The session is named after a person: a mail address.
    pub const NAMED: Self = Self(32);
    /// The client runs on a personal computer.
    pub const WORKSTATION: Self = Self(64);

    /// Whether no sign is present.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all signs of `other` are present.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Names of the signs, for explanations.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        [
            (Self::CONSOLE, "console session"),
            (Self::BROWSER, "browser"),
            (Self::SSO, "single sign-on"),
            (Self::MFA, "MFA"),
            (Self::TTY, "terminal"),
            (Self::NAMED, "session named after a person"),
            (Self::WORKSTATION, "personal computer"),
        ]
        .into_iter()
        .filter(|(sign, _)| self.contains(*sign))
        .map(|(_, name)| name)
        .collect()
    }
}

/// Where a record stood in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Provenance<'a> {
    /// Topic or file.
    #[serde(borrow)]
    pub source: Text<'a>,
    /// Partition of the topic; 0 for a file.
    pub partition: i32,
    /// Offset of the message; line number (from 0) for a file.
    pub offset: i64,
    /// Index of the record within the message, from 0.
    pub index: u32,
}

impl Event<'_> {
    /// The action as it is written everywhere: `s3:GetObject`.
    #[must_use]
    pub fn action(&self) -> String {
        [self.service.as_str(), ":", self.operation.as_str()].concat()
    }

    /// What tells this action from every other: the id that all accounts log it under, else the log's own event id, else
    /// the record's place in the input.
    ///
    /// The action is part of a shared key, so that a log which fills the field with one word for everything loses little.
    /// 128 bits, stable across machines and versions.
    #[must_use]
    pub fn dedupe_key(&self) -> u128 {
        use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};
        const PROVENANCE_SEED: u64 = 1;
        const SHARED_SEED: u64 = 2;
        match (&self.shared_event_id, &self.event_id) {
            (Some(shared), _) => {
                xxh3_128_with_seed(format!("{shared}\0{}", self.action()).as_bytes(), SHARED_SEED)
            }
            (None, Some(id)) => xxh3_128(id.as_bytes()),
            (None, None) => {
                let Provenance { source, partition, offset, index } = &self.provenance;
                xxh3_128_with_seed(
                    format!("{source}\0{partition}\0{offset}\0{index}").as_bytes(),
                    PROVENANCE_SEED,
                )
            }
        }
    }
}
