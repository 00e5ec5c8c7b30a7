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
}

/// How the intruder appears in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guise {
    /// From the victim's own place, with its own client.
    Inside,
    /// From elsewhere, with a client of its own.
    Outside,
    /// In the web console.
    Console,
    /// In a shell on the victim's host.
    Shell,
}

/// One action, made several times.
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
    /// All scenarios, in the order in which they are injected.
    pub const ALL: [Self; 8] = [
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
        }
    }

    /// What happens, in a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::StolenKey => "a stolen long-lived key looks around and makes itself a second key",
            Self::InstanceCredentialOutside => "an instance's credentials are used from outside",
            Self::DormantKeyAwakened => "a key that slept for weeks is used by somebody else",
            Self::HumanInPipelineRole => "a person works in the console under a pipeline's role",
            Self::DeniedProbing => "code in a workload tries what it may not do",
            Self::MassDataAccess => "a workload reads secrets and objects in bulk",
            Self::DefenceEvasion => "a pipeline switches the audit log off",
            Self::ServiceAccountShell => "a person logs in as a service account and becomes root",
        }
    }

    /// Names of the archetypes that may be its victim, the best first.
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
        }
    }

    /// How the intruder appears.
    pub(super) const fn guise(self) -> Guise {
        match self {
            Self::StolenKey | Self::InstanceCredentialOutside | Self::DormantKeyAwakened => Guise::Outside,
            Self::HumanInPipelineRole => Guise::Console,
            Self::DeniedProbing | Self::MassDataAccess | Self::DefenceEvasion => Guise::Inside,
            Self::ServiceAccountShell => Guise::Shell,
        }
    }

    /// What the intruder does, in order.
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
        }
    }
}

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
