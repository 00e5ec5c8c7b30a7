//! The attack scenarios, as data.

use serde::Serialize;

use super::calls::Ending;

/// What an intruder does with an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// A long-lived key in foreign hands: looks around, then makes itself a way back.
    StolenKey,
    /// Credentials of an instance used from outside.
    InstanceCredentialOutside,
    /// A key nobody used for weeks is used again, by somebody else.
    DormantKeyAwakened,
    /// A person works in the web console under a pipeline's role.
    HumanInPipelineRole,
    /// Code in a workload tries what it may not do.
    DeniedProbing,
    /// A workload reads far more than ever.
    MassDataAccess,
    /// A pipeline switches the audit log off.
    DefenceEvasion,
    /// A person logs in as a service account, from a network of their own.
    ServiceAccountShell,
    /// A stolen long-lived key, used with the very client string of its owner.
    StolenKeySameClient,
    /// Foreign code inside a workload: the same network, the same client.
    InsiderInWorkload,
    /// A few calls a day over one to two weeks.
    LowAndSlow,
    /// A role that was never used from there is assumed, and worked under.
    RoleChaining,
    /// An agent driven by a model is talked into using all that it can reach.
    AgentHijack,
    /// An identity that the inventory calls retired is used: its key still works.
    RetiredIdentity,
}

/// How the intruder appears in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guise {
    /// From the victim's own place, with its own client.
    Inside,
    /// From elsewhere, with a client of its own.
    Outside,
    /// From elsewhere, with the victim's client.
    Disguised,
    /// In the web console.
    Console,
    /// In a shell on the victim's host.
    Shell,
}

/// One action of the demo's scripts, made several times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    /// `service:Call`, or `ssh`, `sudo <command>`.
    pub(super) action: &'static str,
    /// How often.
    pub(super) times: u32,
    /// How it ends.
    pub(super) ending: Ending,
    /// Seconds from one to the next, on average.
    pub(super) pause_secs: f32,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Self; 14] = [
        Self::StolenKey,
        Self::StolenKeySameClient,
        Self::InsiderInWorkload,
        Self::LowAndSlow,
        Self::HumanInPipelineRole,
        Self::DormantKeyAwakened,
        Self::InstanceCredentialOutside,
        Self::MassDataAccess,
        Self::RoleChaining,
        Self::DefenceEvasion,
        Self::AgentHijack,
        Self::RetiredIdentity,
        Self::DeniedProbing,
        Self::ServiceAccountShell,
    ];

    /// The scenarios of the demo, in the order in which they are injected: each has a script of its own that is the same for
    /// every seed.
    pub const DEMO: [Self; 8] = [
        Self::StolenKey,
        Self::ServiceAccountShell,
        Self::InstanceCredentialOutside,
        Self::DeniedProbing,
        Self::HumanInPipelineRole,
        Self::MassDataAccess,
        Self::DormantKeyAwakened,
        Self::DefenceEvasion,
    ];

    /// The name used in the truth.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StolenKey => "stolen_key",
            Self::InstanceCredentialOutside => "instance_credential_outside",
            Self::DormantKeyAwakened => "dormant_key_awakened",
            Self::HumanInPipelineRole => "human_in_pipeline_role",
            Self::DeniedProbing => "denied_probing",
            Self::MassDataAccess => "mass_data_access",
            Self::DefenceEvasion => "defence_evasion",
            Self::ServiceAccountShell => "service_account_shell",
            Self::StolenKeySameClient => "stolen_key_same_client",
            Self::InsiderInWorkload => "insider_in_workload",
            Self::LowAndSlow => "low_and_slow",
            Self::RoleChaining => "role_chaining",
            Self::AgentHijack => "agent_hijack",
            Self::RetiredIdentity => "retired_identity",
        }
    }

    /// What happens, in a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::StolenKey => "a stolen long-lived key looks around and is put to use",
            Self::InstanceCredentialOutside => "a workload's credentials are used from outside",
            Self::DormantKeyAwakened => "a key that slept for weeks is used by somebody else",
            Self::HumanInPipelineRole => "a person works in the console under a machine's role",
            Self::DeniedProbing => "code in a workload tries what it may not do",
            Self::MassDataAccess => "a workload reads secrets and objects in bulk",
            Self::DefenceEvasion => "the audit log and its readers are switched off",
            Self::ServiceAccountShell => "a person logs in as a service account and becomes root",
            Self::StolenKeySameClient => "a stolen key is used from elsewhere with its owner's client string",
            Self::InsiderInWorkload => "foreign code in a workload uses its credentials from its own place",
            Self::LowAndSlow => "a few calls a day over one to two weeks",
            Self::RoleChaining => "a role is assumed from where it never was, and worked under",
            Self::AgentHijack => "an agent is talked into using all that it can reach",
            Self::RetiredIdentity => "an identity that was retired is used again",
        }
    }

    /// Names of the archetypes that a campaign takes its victims from.
    pub(super) const fn targets(self) -> &'static [&'static str] {
        match self {
            Self::StolenKey | Self::StolenKeySameClient => KEYS,
            Self::InsiderInWorkload => COMPUTE,
            Self::LowAndSlow => SLOW,
            Self::HumanInPipelineRole => MACHINES,
            Self::DormantKeyAwakened | Self::RetiredIdentity => KEYS_AND_ROLES,
            Self::InstanceCredentialOutside => COMPUTE,
            Self::MassDataAccess => READERS,
            Self::RoleChaining => CHAINED,
            Self::DefenceEvasion => MACHINES,
            Self::AgentHijack => &["ai-agent"],
            Self::DeniedProbing => PROBERS,
            Self::ServiceAccountShell => &["linux-backup", "linux-deploy", "linux-cron", "linux-scanner"],
        }
    }

    /// Names of the archetypes that may be its victim in the demo.
    pub(super) const fn victims(self) -> &'static [&'static str] {
        match self {
            Self::StolenKey => &["key-legacy-app"],
            Self::InstanceCredentialOutside => &["ec2-service"],
            Self::DormantKeyAwakened => &[super::company::DORMANT_SORT],
            Self::HumanInPipelineRole => &["github-deploy"],
            Self::DeniedProbing => &["lambda-consumer"],
            Self::MassDataAccess => &["ecs-service"],
            Self::DefenceEvasion => &["terraform"],
            Self::ServiceAccountShell => &["linux-backup"],
            _ => &[],
        }
    }

    /// How the intruder appears in the demo.
    pub(super) const fn guise(self) -> Guise {
        match self {
            Self::StolenKey | Self::InstanceCredentialOutside | Self::DormantKeyAwakened => Guise::Outside,
            Self::HumanInPipelineRole => Guise::Console,
            Self::ServiceAccountShell => Guise::Shell,
            _ => Guise::Inside,
        }
    }

    /// What the intruder does in the demo, in order.
    pub(super) const fn beats(self) -> &'static [Beat] {
        match self {
            Self::StolenKey => STOLEN_KEY,
            Self::InstanceCredentialOutside => INSTANCE_OUTSIDE,
            Self::DormantKeyAwakened => DORMANT,
            Self::HumanInPipelineRole => CONSOLE,
            Self::DeniedProbing => PROBING,
            Self::MassDataAccess => MASS_ACCESS,
            Self::DefenceEvasion => EVASION,
            Self::ServiceAccountShell => SHELL,
            _ => &[],
        }
    }
}

const KEYS: &[&str] = &["key-legacy-app", "key-backup", "key-supplier", "key-reports"];
const COMPUTE: &[&str] =
    &["ec2-service", "ecs-service", "eks-pod", "lambda-consumer", "ec2-managed", "lambda-schedule"];
const SLOW: &[&str] =
    &["key-legacy-app", "key-supplier", "ec2-service", "ecs-service", "eks-pod", "key-backup"];
const MACHINES: &[&str] = &[
    "github-deploy",
    "terraform",
    "codebuild",
    "ec2-service",
    "lambda-consumer",
    "vendor-posture",
    "ec2-managed",
];
const KEYS_AND_ROLES: &[&str] = &[
    "key-legacy-app",
    "key-supplier",
    "key-backup",
    "key-reports",
    "vendor-monitoring",
    "github-deploy",
    "ec2-service",
];
const READERS: &[&str] = &["ecs-service", "ec2-service", "eks-pod", "key-legacy-app", "key-supplier"];
const CHAINED: &[&str] =
    &["github-deploy", "codebuild", "ec2-service", "ecs-service", "eks-pod", "lambda-consumer"];
const PROBERS: &[&str] =
    &["lambda-consumer", "ec2-service", "eks-pod", "ecs-service", "key-legacy-app", "iot-gateway"];

const fn beat(action: &'static str, times: u32, pause_secs: f32) -> Beat {
    Beat { action, times, ending: Ending::Success, pause_secs }
}

const fn denied(action: &'static str, times: u32, pause_secs: f32) -> Beat {
    Beat { action, times, ending: Ending::Denied, pause_secs }
}

const STOLEN_KEY: &[Beat] = &[
    beat("sts:GetCallerIdentity", 1, 20.0),
    beat("iam:ListUsers", 1, 15.0),
    denied("iam:GetAccountAuthorizationDetails", 1, 15.0),
    beat("iam:ListAttachedUserPolicies", 3, 8.0),
    beat("s3:ListBuckets", 1, 30.0),
    beat("iam:CreateAccessKey", 1, 40.0),
    beat("iam:AttachUserPolicy", 1, 60.0),
];

const INSTANCE_OUTSIDE: &[Beat] = &[
    beat("sts:GetCallerIdentity", 1, 30.0),
    beat("s3:ListBuckets", 1, 20.0),
    beat("s3:ListObjects", 4, 10.0),
    beat("s3:GetObject", 40, 2.0),
    denied("iam:ListUsers", 2, 20.0),
];

const DORMANT: &[Beat] = &[
    beat("sts:GetCallerIdentity", 1, 60.0),
    beat("s3:ListBuckets", 1, 40.0),
    beat("s3:ListObjects", 3, 15.0),
    beat("s3:GetObject", 25, 4.0),
];

const CONSOLE: &[Beat] = &[
    beat("ec2:DescribeInstances", 2, 30.0),
    beat("secretsmanager:ListSecrets", 1, 40.0),
    beat("secretsmanager:GetSecretValue", 3, 45.0),
    beat("iam:ListRoles", 1, 60.0),
];

const PROBING: &[Beat] = &[
    beat("sts:GetCallerIdentity", 1, 10.0),
    denied("iam:ListUsers", 3, 6.0),
    denied("iam:ListRoles", 3, 6.0),
    denied("secretsmanager:ListSecrets", 4, 5.0),
    denied("s3:ListBuckets", 4, 5.0),
    denied("ec2:DescribeInstances", 6, 5.0),
    denied("iam:CreateUser", 3, 8.0),
    denied("organizations:ListAccounts", 3, 8.0),
    denied("lambda:ListFunctions20150331", 5, 6.0),
];

const MASS_ACCESS: &[Beat] = &[
    beat("secretsmanager:ListSecrets", 1, 20.0),
    beat("secretsmanager:GetSecretValue", 60, 1.5),
    beat("s3:GetObject", 900, 0.6),
];

const EVASION: &[Beat] = &[
    beat("cloudtrail:DescribeTrails", 1, 30.0),
    beat("cloudtrail:StopLogging", 1, 45.0),
    beat("guardduty:ListDetectors", 1, 20.0),
    beat("guardduty:DeleteDetector", 1, 60.0),
];

const SHELL: &[Beat] = &[
    beat("ssh", 1, 30.0),
    beat("sudo /usr/bin/id", 1, 20.0),
    beat("sudo /usr/bin/cat /etc/shadow", 1, 40.0),
    beat("sudo /usr/bin/su -", 1, 60.0),
    beat("sudo /usr/sbin/useradd -m support2", 1, 60.0),
];
