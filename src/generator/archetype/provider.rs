//! The cloud provider's own services and the roles linked to them.

use super::{Archetype, Every, Job, Kind, Origin, Principal, Rhythm};

macro_rules! service {
    ($name:literal, $host:literal, $per_day:literal, $usual:expr) => {
        Archetype {
            name: $name,
            kind: Kind::ProviderService,
            share: 0,
            principal: Principal::Service($host),
            origin: Origin::Service,
            clients: &[$host],
            rhythm: Rhythm::Steady,
            tasks_per_day: $per_day,
            error_rate: 0.001,
            usual: $usual,
            some: &[],
            jobs: &[],
            names: &[$host],
            purpose: "acts for the provider",
        }
    };
}

macro_rules! linked {
    ($name:literal, $host:literal, $role:literal, $usual:expr) => {
        Archetype {
            name: $name,
            kind: Kind::ProviderService,
            share: 0,
            principal: Principal::ServiceLinked($host),
            origin: Origin::Service,
            clients: &[$host],
            rhythm: Rhythm::Steady,
            tasks_per_day: 8.0,
            error_rate: 0.004,
            usual: $usual,
            some: &[],
            jobs: &[Job { every: Every::Hour, steps: &["ec2:DescribeInstances"] }],
            names: &[$role],
            purpose: "made by the provider for its service",
        }
    };
}

pub(super) const ALL: &[Archetype] = &[
    service!(
        "service-cloudtrail",
        "cloudtrail.amazonaws.com",
        40.0,
        &[("s3:GetBucketAcl", 6), ("kms:GenerateDataKey", 1)]
    ),
    service!("service-s3", "s3.amazonaws.com", 20.0, &[("kms:GenerateDataKey", 3), ("kms:Decrypt", 3)]),
    service!("service-ec2", "ec2.amazonaws.com", 0.2, &[("kms:Decrypt", 1)]),
    service!("service-lambda", "lambda.amazonaws.com", 6.0, &[("kms:Decrypt", 1)]),
    service!("service-ecs", "ecs-tasks.amazonaws.com", 0.2, &[("kms:Decrypt", 1)]),
    service!("service-codebuild", "codebuild.amazonaws.com", 0.2, &[("kms:Decrypt", 1)]),
    service!("service-bedrock", "bedrock.amazonaws.com", 0.2, &[("kms:Decrypt", 1)]),
    service!("service-iot", "credentials.iot.amazonaws.com", 0.2, &[("kms:Decrypt", 1)]),
    linked!(
        "linked-autoscaling",
        "autoscaling.amazonaws.com",
        "AWSServiceRoleForAutoScaling",
        &[
            ("ec2:DescribeInstances", 8),
            ("elasticloadbalancing:DescribeTargetHealth", 4),
            ("ec2:RunInstances", 1),
            ("ec2:TerminateInstances", 1)
        ]
    ),
    linked!(
        "linked-elb",
        "elasticloadbalancing.amazonaws.com",
        "AWSServiceRoleForElasticLoadBalancing",
        &[
            ("ec2:DescribeNetworkInterfaces", 6),
            ("ec2:DescribeSubnets", 3),
            ("ec2:CreateNetworkInterface", 1)
        ]
    ),
    linked!(
        "linked-config",
        "config.amazonaws.com",
        "AWSServiceRoleForConfig",
        &[
            ("ec2:DescribeVolumes", 3),
            ("s3:GetBucketPolicy", 4),
            ("iam:GetRole", 3),
            ("kms:DescribeKey", 2),
            ("lambda:GetFunction20150331v2", 2)
        ]
    ),
    linked!(
        "linked-trustedadvisor",
        "trustedadvisor.amazonaws.com",
        "AWSServiceRoleForTrustedAdvisor",
        &[("ec2:DescribeSnapshots", 2), ("rds:DescribeDBInstances", 2), ("iam:GetAccountSummary", 1)]
    ),
    linked!(
        "linked-ssm",
        "ssm.amazonaws.com",
        "AWSServiceRoleForAmazonSSM",
        &[("ssm:DescribeInstanceInformation", 4), ("ec2:DescribeInstances", 2)]
    ),
];
