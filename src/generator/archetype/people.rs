//! A few people: they are tracked only so that human use of other identities can be told apart.

use super::{Archetype, Kind, Origin, Principal, Rhythm};

pub(super) const ALL: &[Archetype] = &[Archetype {
    name: "person-sso",
    kind: Kind::Human,
    share: 6,
    principal: Principal::Sso,
    origin: Origin::Offices,
    clients: &[
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    ],
    rhythm: Rhythm::Staff,
    tasks_per_day: 6.0,
    error_rate: 0.03,
    usual: &[
        ("ec2:DescribeInstances", 6),
        ("logs:FilterLogEvents", 6),
        ("monitoring:DescribeAlarms", 5),
        ("ecs:DescribeServices", 4),
        ("s3:ListBuckets", 2),
        ("lambda:ListFunctions20150331", 2),
    ],
    some: &[
        "cloudformation:DescribeStackEvents",
        "iam:ListRoles",
        "rds:DescribeDBInstances",
        "ssm:StartSession",
        "ce:GetCostAndUsage",
        "iam:GetRole",
        "cloudtrail:LookupEvents",
    ],
    jobs: &[],
    names: &["ReadOnlyAccess", "PowerUser", "Support", "Billing", "DataAnalyst", "PlatformAdmin"],
    purpose: "people of the team, through single sign-on",
}];
