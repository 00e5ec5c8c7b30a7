//! What calls are good for in an attack, and how much that should worry.
//!
//! The table is `sensitivity.tsv`, made by `scripts/sensitivity.py`, which names its sources. Calls that are not in it are of no
//! special interest. Plain reads of data (`s3:GetObject`, `dynamodb:Query`) are in it as low: they matter in volume only.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::activity::Event;

/// What one call is good for in an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensitivity {
    /// How much a first use should worry.
    pub level: Level,
    /// What it serves.
    pub categories: Categories,
    /// MITRE ATT&CK techniques: `T1098`, `T1098.001`; may be empty.
    pub techniques: Box<[&'static str]>,
    /// Whether attackers are known to have used it, from published incidents.
    pub in_wild: bool,
}

/// How much a first use should worry.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What workloads do all day: it matters in volume, or beside other signals.
    Low,
    /// Worth a look when new.
    Medium,
    /// Worth a look whoever does it.
    High,
}

/// Sensitive calls that releases of ordinary software bring all the time: reading its own secrets and settings, starting what it
/// is made of. A first use says little; that there are many, from elsewhere or refused, is said by other signals.
const EVERYDAY: [(&str, &str); 20] = [
    ("secretsmanager", "GetSecretValue"),
    ("ssm", "GetParameter"),
    ("ssm", "GetParameters"),
    ("ssm", "GetParametersByPath"),
    ("ssm", "GetParameterHistory"),
    ("kms", "CreateGrant"),
    ("bedrock", "InvokeModel"),
    ("bedrock", "InvokeModelWithResponseStream"),
    ("lambda", "UpdateFunctionCode"),
    ("lambda", "UpdateFunctionConfiguration"),
    ("lambda", "CreateFunction"),
    ("lambda", "GetFunctionConfiguration"),
    ("lambda", "AddPermission"),
    ("ec2", "RunInstances"),
    ("ec2", "TerminateInstances"),
    ("ecs", "CreateService"),
    ("cloudformation", "CreateStack"),
    ("events", "PutRule"),
    ("events", "PutTargets"),
    ("events", "DisableRule"),
];

impl Sensitivity {
    /// Whether it blinds those who watch, and serves nothing else. What opens a bucket to the world evades a guard as well, and is
    /// done for the data.
    #[must_use]
    pub fn is_blinding(&self) -> bool {
        self.level == Level::High && self.categories == Categories::of(&[Category::DefenseEvasion])
    }

    /// Weight of a first use of what is no everyday call, by level: 0 (1 where it looks around), 3 or 6 bits, 9 for what blinds.
    #[must_use]
    pub fn weight(&self) -> f32 {
        match self.level {
            Level::Low if self.categories.contains(Category::Discovery) => 1.0,
            Level::Low => 0.0,
            Level::Medium => 3.0,
            Level::High if self.is_blinding() => 9.0,
            Level::High => 6.0,
        }
    }

    /// Weight of a first use of the call `service:operation` in bits, to be added to how unusual it is for the identity: how
    /// much likelier it is in an attack than in a change.
    ///
    /// Three bits a step, so eight times likelier with each; half of one for what ordinary releases bring. Blinding those who
    /// watch serves nothing else.
    #[must_use]
    pub fn bits(&self, service: &str, operation: &str) -> f32 {
        if is_everyday(service, operation) { 1.5 } else { self.weight() }
    }
}

impl Level {
    /// The name used in the table and in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|level| level.as_str() == text)
    }
}

/// What a call serves in an attack: a tactic of MITRE ATT&CK for Enterprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Category {
    /// Getting in (TA0001).
    InitialAccess = 1,
    /// Running code (TA0002).
    Execution = 1 << 1,
    /// Staying in (TA0003).
    Persistence = 1 << 2,
    /// Gaining rights (TA0004).
    PrivilegeEscalation = 1 << 3,
    /// Blinding those who watch (TA0005).
    DefenseEvasion = 1 << 4,
    /// Taking secrets (TA0006).
    CredentialAccess = 1 << 5,
    /// Looking around (TA0007).
    Discovery = 1 << 6,
    /// Moving on (TA0008).
    LateralMovement = 1 << 7,
    /// Gathering data (TA0009).
    Collection = 1 << 8,
    /// Carrying data away (TA0010).
    Exfiltration = 1 << 9,
    /// Destroying or misusing (TA0040).
    Impact = 1 << 10,
}

impl Category {
    /// All categories, in the order of an attack.
    pub const ALL: [Self; 11] = [
        Self::InitialAccess,
        Self::Execution,
        Self::Persistence,
        Self::PrivilegeEscalation,
        Self::DefenseEvasion,
        Self::CredentialAccess,
        Self::Discovery,
        Self::LateralMovement,
        Self::Collection,
        Self::Exfiltration,
        Self::Impact,
    ];

    /// ATT&CK's id of the tactic: `TA0003`.
    #[must_use]
    pub const fn tactic_id(self) -> &'static str {
        match self {
            Self::InitialAccess => "TA0001",
            Self::Execution => "TA0002",
            Self::Persistence => "TA0003",
            Self::PrivilegeEscalation => "TA0004",
            Self::DefenseEvasion => "TA0005",
            Self::CredentialAccess => "TA0006",
            Self::Discovery => "TA0007",
            Self::LateralMovement => "TA0008",
            Self::Collection => "TA0009",
            Self::Exfiltration => "TA0010",
            Self::Impact => "TA0040",
        }
    }

    /// ATT&CK's name of the tactic: `Privilege Escalation`.
    #[must_use]
    pub const fn tactic_name(self) -> &'static str {
        match self {
            Self::InitialAccess => "Initial Access",
            Self::Execution => "Execution",
            Self::Persistence => "Persistence",
            Self::PrivilegeEscalation => "Privilege Escalation",
            Self::DefenseEvasion => "Defense Evasion",
            Self::CredentialAccess => "Credential Access",
            Self::Discovery => "Discovery",
            Self::LateralMovement => "Lateral Movement",
            Self::Collection => "Collection",
            Self::Exfiltration => "Exfiltration",
            Self::Impact => "Impact",
        }
    }

    fn parse(tactic_id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.tactic_id() == tactic_id)
    }
}

/// A set of categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categories(u16);

impl Categories {
    /// The set of these.
    #[must_use]
    pub fn of(categories: &[Category]) -> Self {
        categories.iter().copied().collect()
    }

    /// Whether `category` is in the set.
    #[must_use]
    pub const fn contains(self, category: Category) -> bool {
        self.0 & category as u16 != 0
    }

    /// Whether the two sets share a category.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The categories in it, in the order of an attack.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        Category::ALL.into_iter().filter(move |category| self.contains(*category))
    }
}

impl FromIterator<Category> for Categories {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        Self(categories.into_iter().fold(0, |bits, category| bits | category as u16))
    }
}

/// What the call `service:operation` is good for in an attack; `None` where it is of no special interest.
///
/// `service` is CloudTrail's eventSource without `.amazonaws.com` (`iam`; CloudWatch is `monitoring` there), or a Linux service. The
/// API date in names of Lambda and CloudFront (`CreateFunction20150331`) does not matter.
///
/// ```
/// use nhi_monitor::detect::sensitivity::{Category, Level, sensitivity};
///
/// let found = sensitivity("iam", "CreateAccessKey").expect("in the table");
/// assert_eq!(found.level, Level::High);
/// assert!(found.categories.contains(Category::Persistence));
/// assert!(sensitivity("ec2", "DescribeVpcPeeringConnections").is_none());
/// ```
#[must_use]
pub fn sensitivity(service: &str, operation: &str) -> Option<&'static Sensitivity> {
    static TABLE: LazyLock<Table> = LazyLock::new(|| parse(include_str!("sensitivity.tsv")));
    let operations = TABLE.get(service)?;
    operations.get(operation).or_else(|| operations.get(undated(operation)?))
}

/// What the program at `path` is good for, which `service` (`sudo`, `pkexec`) ran in another account's name.
#[must_use]
pub fn of_program(service: &str, path: &str) -> Option<&'static Sensitivity> {
    runs_programs(service).then(|| sensitivity("program", path.rsplit('/').next()?)).flatten()
}

/// Whether a service's resources are programs that it ran in another account's name.
#[must_use]
pub fn runs_programs(service: &str) -> bool {
    ["sudo", "pkexec"].contains(&service)
}

/// Whether a call serves an attack beyond looking around, and is nothing that ordinary releases bring all the time.
#[must_use]
pub fn is_grave(event: &Event<'_>) -> bool {
    sensitivity(&event.service, &event.operation).is_some_and(|known| {
        known.level >= Level::Medium
            && known.categories != Categories::of(&[Category::Discovery])
            && !is_everyday(&event.service, &event.operation)
    })
}

fn is_everyday(service: &str, operation: &str) -> bool {
    EVERYDAY.contains(&(service, undated(operation).unwrap_or(operation)))
}

/// By service, then by operation, so that a look-up needs no joined key.
type Table = HashMap<&'static str, HashMap<&'static str, Sensitivity>>;

fn parse(text: &'static str) -> Table {
    let mut table = Table::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        // The table is part of the program: a test shows that every line can be read.
        if let Some((service, operation, entry)) = parse_line(line) {
            table.entry(service).or_default().insert(operation, entry);
        }
    }
    table
}

fn parse_line(line: &'static str) -> Option<(&'static str, &'static str, Sensitivity)> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let (service, operation) = (next()?, next()?);
    let entry = Sensitivity {
        level: Level::parse(next()?)?,
        categories: listed(next()?).map(Category::parse).collect::<Option<_>>()?,
        techniques: listed(next()?).collect(),
        in_wild: next()? == "wild",
    };
    Some((service, operation, entry))
}

/// The items of `a,b`; none of `-`.
fn listed(field: &'static str) -> impl Iterator<Item = &'static str> {
    field.split(',').filter(|item| *item != "-")
}

/// `CreateFunction20150331v2` and `CreateDistribution2020_05_31` without their API date; `None` where there is none.
fn undated(operation: &str) -> Option<&str> {
    let name = operation.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, 'v' | '_'));
    let date = &operation[name.len()..];
    let is_date = date.len() >= "20150331".len() && date.starts_with("20");
    is_date.then_some(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use Category::{
        Collection, CredentialAccess, DefenseEvasion, Discovery, Exfiltration, Impact, LateralMovement,
        Persistence, PrivilegeEscalation,
    };
    use Level::{High, Low, Medium};

    use super::*;

    fn check(action: &str, expected: Option<(Level, Category)>) {
        let (service, operation) = action.split_once(':').unwrap();
        let found = sensitivity(service, operation);
        assert_eq!(found.map(|s| s.level), expected.map(|(level, _)| level), "{action}");
        if let (Some(found), Some((_, category))) = (found, expected) {
            assert!(found.categories.contains(category), "{action}: {:?}", found.categories);
        }
    }

    #[test]
    fn known_calls_have_the_rank_that_an_analyst_expects() {
        check("iam:CreateAccessKey", Some((High, Persistence)));
        check("iam:CreateLoginProfile", Some((High, Persistence)));
        check("iam:CreateUser", Some((High, Persistence)));
        check("iam:AttachUserPolicy", Some((High, PrivilegeEscalation)));
        check("iam:PutRolePolicy", Some((High, PrivilegeEscalation)));
        check("iam:UpdateAssumeRolePolicy", Some((High, PrivilegeEscalation)));
        check("cloudtrail:StopLogging", Some((High, DefenseEvasion)));
        check("cloudtrail:DeleteTrail", Some((High, DefenseEvasion)));
        check("s3:PutBucketPolicy", Some((High, Exfiltration)));
        check("ec2:ModifySnapshotAttribute", Some((High, Exfiltration)));
        check("ec2:GetPasswordData", Some((High, CredentialAccess)));
        check("secretsmanager:GetSecretValue", Some((High, CredentialAccess)));
        check("secretsmanager:BatchGetSecretValue", Some((High, CredentialAccess)));
        check("kms:ScheduleKeyDeletion", Some((High, Impact)));
        check("ssm:SendCommand", Some((High, LateralMovement)));
        check("iam:ListUsers", Some((Medium, Discovery)));
        check("iam:GetAccountAuthorizationDetails", Some((Medium, Discovery)));
        check("monitoring:DeleteAlarms", Some((Medium, DefenseEvasion)));
        check("sts:GetCallerIdentity", Some((Low, Discovery)));
        check("sts:AssumeRole", Some((Low, Persistence)));
        check("shadow:useradd", Some((High, Persistence)));
        check("crontab:replace", Some((Medium, Persistence)));
        check("sudo:exec", Some((Low, PrivilegeEscalation)));
        check("sshd:login", Some((Low, LateralMovement)));
        check("ec2:DescribeVpcPeeringConnections", None);
        check("nothing:Nothing", None);
    }

    #[test]
    fn what_blinds_serves_nothing_else() {
        let bits = |action: &str| {
            let (service, operation) = action.split_once(':').unwrap();
            let known = sensitivity(service, operation).unwrap();
            assert!(known.categories.contains(DefenseEvasion) && known.level == High, "{action}");
            (known.is_blinding(), known.bits(service, operation))
        };
        for action in ["cloudtrail:StopLogging", "guardduty:DeleteDetector", "ec2:DeleteFlowLogs"] {
            assert_eq!(bits(action), (true, 9.0), "{action}");
        }
        for action in [
            "s3:DeleteBucketPublicAccessBlock",
            "s3:DeleteAccountPublicAccessBlock",
            "ec2:DisableSnapshotBlockPublicAccess",
            "iam:DeleteVirtualMFADevice",
        ] {
            assert_eq!(bits(action), (false, 6.0), "{action}");
        }
    }

    #[test]
    fn a_program_is_known_by_its_name_where_another_account_runs_it() {
        let run = |service, path| of_program(service, path).map(|known| (known.level, known.weight()));
        assert_eq!(run("sudo", "/usr/sbin/useradd"), Some((High, 6.0)));
        assert_eq!(run("pkexec", "bash"), Some((Medium, 3.0)));
        assert_eq!(run("sudo", "/usr/sbin/auditctl"), Some((High, 9.0)), "it blinds");
        assert_eq!((run("sudo", "/usr/bin/systemctl"), run("sudo", "useradd/")), (None, None));
        assert_eq!(run("cron", "/usr/sbin/useradd"), None);
    }

    #[test]
    fn plain_reads_of_data_are_low() {
        for action in
            ["s3:GetObject", "dynamodb:GetItem", "dynamodb:Query", "kinesis:GetRecords", "sqs:ReceiveMessage"]
        {
            check(action, Some((Low, Collection)));
        }
    }

    #[test]
    fn the_date_of_an_api_does_not_matter() {
        check("lambda:CreateFunction20150331", Some((Medium, Persistence)));
        check("lambda:AddPermission20150331v2", Some((Medium, PrivilegeEscalation)));
        check("lambda:CreateFunction", Some((Medium, Persistence)));
        check("cloudfront:UpdateDistribution2020_05_31", Some((Medium, Collection)));
        check("lambda:20150331", None);
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("sensitivity.tsv").lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (_, operation, entry) = parse_line(line).unwrap_or_else(|| panic!("cannot read `{line}`"));
            assert!(entry.categories != Categories::default(), "{line}");
            assert!(undated(operation).is_none(), "{line} can be looked up with its date only");
        }
    }

    /// Whatever attackers are known to have used is in the table (TrailDiscover's list, where its fixture is at hand).
    #[test]
    fn what_was_used_in_the_wild_is_known() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/fixtures/traildiscover/event_metadata.jsonl");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("reduced: {} is not there", path.display());
            return;
        };
        let mut known = 0;
        for line in text.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            if event["usedInWild"] != true {
                continue;
            }
            let service = event["eventSource"].as_str().unwrap().trim_end_matches(".amazonaws.com");
            let found = sensitivity(service, event["eventName"].as_str().unwrap());
            assert!(found.is_some_and(|found| found.in_wild), "{}:{}", service, event["eventName"]);
            known += 1;
        }
        assert!(known > 200, "only {known} calls in the fixture");
    }
}
