//! What changes in an identity's life without any attack.

use super::archetype::{Archetype, Principal};
use super::catalog;
use super::cause::Cause;
use super::climate::Climate;
use super::habits::Action;
use super::member::Member;
use super::random::Random;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS};

/// One benign change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A newer version of the same client.
    Upgrade,
    /// The client's next generation, where there is one: another family.
    Generation,
    /// The software does something more from now on.
    New(Vec<Action>, Cause),
    /// A new long-term key beside the old one, which goes away after that time.
    Rotate(EventTime),
    /// Its calls are throttled until then.
    Throttle(EventTime),
    /// Its calls are denied until then: somebody took a right away by mistake.
    Mistake(EventTime),
    /// An instance is replaced by a new one.
    Scale,
    /// It works in another region until then.
    Failover(EventTime, &'static str),
    /// It reads much more than usual until then.
    Backfill(EventTime),
    /// A person repairs something by hand, with rights of their own.
    BreakGlass,
}

/// A change and when it comes.
#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    /// From when on.
    pub(super) time: EventTime,
    /// What changes.
    pub(super) change: Change,
}

/// Calls that a deploy may bring to any software.
const NEIGHBOURS: [&str; 28] = [
    "s3:HeadObject",
    "s3:ListObjects",
    "s3:GetBucketLocation",
    "s3:GetObjectTagging",
    "s3:CopyObject",
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
    "dynamodb:DescribeTable",
    "dynamodb:UpdateItem",
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:Query",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:SendMessageBatch",
    "sqs:ChangeMessageVisibility",
    "sns:Publish",
    "sns:ListTopics",
    "kms:DescribeKey",
    "kms:Decrypt",
    "ec2:DescribeTags",
    "ec2:DescribeInstances",
    "ssm:GetParametersByPath",
    "ssm:GetParameter",
    "logs:CreateLogStream",
    "logs:CreateLogGroup",
    "lambda:Invoke",
    "states:StartExecution",
];

/// Services that software begins to use one day.
const NEW_SERVICES: [&str; 16] = [
    "xray:PutTraceSegments",
    "xray:GetSamplingRules",
    "appconfig:StartConfigurationSession",
    "appconfig:GetLatestConfiguration",
    "events:PutEvents",
    "kinesis:PutRecords",
    "firehose:PutRecordBatch",
    "servicediscovery:DiscoverInstances",
    "athena:StartQueryExecution",
    "athena:GetQueryResults",
    "glue:GetPartitions",
    "ses:SendEmail",
    "cognito-idp:AdminGetUser",
    "elasticache:DescribeCacheClusters",
    "bedrock:InvokeModel",
    "backup:StartBackupJob",
];

/// Calls with some power that deploys bring for good reasons.
const SENSITIVE: [&str; 8] = [
    "secretsmanager:GetSecretValue",
    "secretsmanager:DescribeSecret",
    "ssm:GetParameters",
    "kms:GenerateDataKey",
    "kms:CreateGrant",
    "iam:PassRole",
    "sts:AssumeRole",
    "s3:DeleteObject",
];

/// Calls that pipelines and infrastructure code take up.
const DEPLOYERS: [&str; 36] = [
    "cloudformation:DescribeStacks",
    "cloudformation:CreateStack",
    "cloudformation:UpdateStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:GetTemplate",
    "lambda:UpdateFunctionConfiguration20150331v2",
    "lambda:GetFunctionConfiguration20150331v2",
    "lambda:CreateAlias20150331",
    "lambda:UpdateAlias20150331",
    "lambda:AddPermission20150331v2",
    "lambda:ListVersionsByFunction20150331",
    "iam:CreateRole",
    "iam:TagRole",
    "iam:PutRolePolicy",
    "iam:GetRolePolicy",
    "iam:ListRolePolicies",
    "iam:ListInstanceProfilesForRole",
    "iam:CreatePolicyVersion",
    "iam:GetPolicyVersion",
    "iam:DeleteRole",
    "route53:ChangeResourceRecordSets",
    "route53:GetChange",
    "acm:RequestCertificate",
    "acm:DescribeCertificate",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:ModifyListener",
    "autoscaling:StartInstanceRefresh",
    "application-autoscaling:RegisterScalableTarget",
    "events:PutRule",
    "monitoring:PutDashboard",
    "wafv2:GetWebACL",
    "ecs:RunTask",
    "ecs:CreateService",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:AuthorizeSecurityGroupIngress",
];

/// Calls that suppliers' readers take up.
const READERS: [&str; 20] = [
    "tagging:GetResources",
    "ec2:DescribeAddresses",
    "ec2:DescribeNatGateways",
    "ec2:DescribeRouteTables",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeAvailabilityZones",
    "autoscaling:DescribeScalingActivities",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeListeners",
    "rds:DescribeDBClusters",
    "rds:ListTagsForResource",
    "lambda:ListVersionsByFunction20150331",
    "sqs:ListQueues",
    "dynamodb:ListTables",
    "logs:DescribeLogStreams",
    "ecs:DescribeClusters",
    "s3:GetBucketVersioning",
    "s3:GetBucketPublicAccessBlock",
    "acm:ListCertificates",
    "securityhub:BatchImportFindings",
];

/// What deploys and administrators add to accounts on hosts.
const COMMANDS: [&str; 14] = [
    "sudo /usr/bin/systemctl reload nginx",
    "sudo /usr/bin/systemctl restart worker",
    "sudo /usr/bin/journalctl -u app",
    "sudo /usr/bin/bash /srv/app/migrate.sh",
    "sudo /usr/bin/tee /etc/app/app.conf",
    "sudo /usr/bin/curl -fsS http://localhost:8080/healthz",
    "sudo /usr/sbin/useradd --system worker",
    "sudo /usr/bin/tar -czf /srv/release.tgz /srv/app",
    "sudo /usr/bin/find /var/spool -mtime +7",
    "sudo /usr/bin/docker pull registry/app",
    "sudo /usr/sbin/logrotate -f /etc/logrotate.conf",
    "cron /usr/local/bin/refresh-cache",
    "cron /usr/local/bin/prune-releases",
    "sudo /usr/bin/chown -R app /srv/app",
];

/// What people do in an emergency.
const REPAIRS: [&str; 10] = [
    "iam:AttachRolePolicy",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:StopInstances",
    "ec2:StartInstances",
    "rds:ModifyDBInstance",
    "rds:RestoreDBInstanceFromDBSnapshot",
    "ssm:SendCommand",
    "secretsmanager:GetSecretValue",
    "lambda:UpdateFunctionConfiguration20150331v2",
    "ecs:ExecuteCommand",
];

/// Changes a day of each sort, for one identity.
const UPGRADES: f64 = 1.0 / 45.0;
const GENERATIONS: f64 = 1.0 / 300.0;
const ROTATIONS: f64 = 1.0 / 90.0;
const THROTTLES: f64 = 1.0 / 120.0;
const MISTAKES: f64 = 1.0 / 200.0;
const SCALINGS: f64 = 1.0 / 6.0;
const BACKFILLS: f64 = 1.0 / 150.0;
const REPAIR_NIGHTS: f64 = 1.0 / 30.0;

/// The changes of one identity, in order.
pub(super) fn schedule(member: &Member, climate: &Climate, random: &mut Random) -> Vec<Scheduled> {
    let principal = member.archetype.principal;
    let mut changes = climate.reaching(member, random);
    for (sort, per_day) in rates(principal, climate.deploys).into_iter().enumerate() {
        for time in arrivals(per_day, climate.span, random) {
            let change = change(sort, time, member.archetype, random);
            changes.push(Scheduled { time, change });
        }
    }
    changes.sort_by_key(|scheduled| scheduled.time);
    changes
}

/// Whether it runs software of the company, its suppliers or its pipelines.
pub(super) fn is_software(principal: Principal) -> bool {
    !matches!(
        principal,
        Principal::Service(_) | Principal::ServiceLinked(_) | Principal::Sso | Principal::Linux
    )
}

/// Changes a day, in the order of [`change`].
fn rates(principal: Principal, deploys: f64) -> [f64; 9] {
    let only = |is_so: bool, rate: f64| if is_so { rate } else { 0.0 };
    let software = is_software(principal);
    let is_pipeline = matches!(principal, Principal::GitHub | Principal::CodeBuild);
    let deploys = if is_pipeline { 2.0 * deploys } else { deploys };
    [
        only(software, UPGRADES),
        only(software, GENERATIONS),
        only(software, deploys) + only(principal == Principal::Linux, deploys / 2.0),
        only(principal == Principal::User, ROTATIONS),
        only(software, THROTTLES),
        only(software, MISTAKES),
        only(principal == Principal::Instance, SCALINGS),
        only(software && !is_pipeline, BACKFILLS),
        only(principal == Principal::Sso, REPAIR_NIGHTS),
    ]
}

/// Times of a process that comes `per_day` times a day on average, in order.
pub(super) fn arrivals(
    per_day: f64,
    (since, until): (EventTime, EventTime),
    random: &mut Random,
) -> Vec<EventTime> {
    let mut times = Vec::new();
    let mut time = since;
    if per_day <= 0.0 {
        return times;
    }
    loop {
        time = time.plus_millis((random.exponential() * DAY_MS as f64 / per_day) as i64 + 1);
        if time >= until {
            return times;
        }
        times.push(time);
    }
}

fn change(sort: usize, time: EventTime, archetype: &Archetype, random: &mut Random) -> Change {
    let mut until = |low, high| time.plus_millis(random.between(low, high));
    match sort {
        0 => Change::Upgrade,
        1 => Change::Generation,
        2 => Change::New(new_actions(archetype, random), Cause::Deploy),
        3 => Change::Rotate(until(DAY_MS / 4, 6 * DAY_MS)),
        4 => Change::Throttle(until(10 * MINUTE_MS, 2 * HOUR_MS)),
        5 => Change::Mistake(until(HOUR_MS / 2, 5 * HOUR_MS)),
        6 => Change::Scale,
        7 => Change::Backfill(until(2 * HOUR_MS, 20 * HOUR_MS)),
        _ => Change::BreakGlass,
    }
}

/// What a deploy brings: mostly one call, sometimes up to four.
pub(super) fn new_actions(archetype: &Archetype, random: &mut Random) -> Vec<Action> {
    let count = if random.chance(0.7) { 1 } else { 2 + random.below(3) };
    (0..count).filter_map(|_| new_action(archetype, random)).collect()
}

/// Mostly what others of its sort do, or what is near to what it does already; sometimes another service, or a call with power.
pub(super) fn new_action(archetype: &Archetype, random: &mut Random) -> Option<Action> {
    let principal = archetype.principal;
    if principal == Principal::Linux {
        return Some(Action::Host(random.pick::<&str>(&COMMANDS)));
    }
    let common: &[&'static str] = match principal {
        Principal::GitHub | Principal::CodeBuild => &DEPLOYERS,
        Principal::Vendor => &READERS,
        _ => &NEIGHBOURS,
    };
    let is_vendor = principal == Principal::Vendor;
    let action = match random.unit() {
        part if part < 0.35 && !archetype.some.is_empty() => random.pick(archetype.some),
        part if part < 0.80 || is_vendor => random.pick(common),
        part if part < 0.92 => random.pick(&NEW_SERVICES),
        _ => random.pick(&SENSITIVE),
    };
    catalog::find(action).map(Action::Call)
}

/// What a person repairs, as one to four calls.
pub(super) fn repairs(random: &mut Random) -> Vec<Action> {
    let count = 1 + random.below(4);
    (0..count).filter_map(|_| catalog::find(random.pick::<&str>(&REPAIRS))).map(Action::Call).collect()
}

/// Clients and what their next generation is called; `{}` stands for the version.
const GENERATION: [(&str, &str); 7] = [
    ("aws-sdk-go/1", "aws-sdk-go-v2/1.{}.0 os/linux lang/go#1.23.1 md/GOOS#linux md/GOARCH#arm64"),
    (
        "aws-sdk-go-v2",
        "aws-sdk-go-v2/1.{}.0 ua/2.1 os/linux lang/go#1.24.0 md/GOOS#linux md/GOARCH#arm64 m/E,e",
    ),
    (
        "aws-sdk-java/1",
        "aws-sdk-java/2.{}.0 ua/2.0 os/Linux#5.14.0 lang/java#17.0.12 md/OpenJDK_64-Bit_Server_VM#17.0.12+7 md/vendor#Red_Hat cfg/retry-mode#standard",
    ),
    (
        "aws-sdk-java/2",
        "aws-sdk-java/2.{}.0 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.94 lang/java#21.0.4 md/OpenJDK_64-Bit_Server_VM#21.0.4+7-LTS",
    ),
    (
        "Boto3",
        "Boto3/1.{}.0 md/Botocore#1.{}.0 ua/2.1 os/linux#6.1.102 md/arch#aarch64 lang/python#3.13.0 md/pyimpl#CPython m/Z,b,D cfg/retry-mode#standard Botocore/1.{}.0",
    ),
    (
        "aws-sdk-js",
        "aws-sdk-js/3.{}.0 ua/2.1 os/linux#6.1.102 lang/js md/nodejs#22.9.0 exec-env/AWS_ECS_FARGATE m/E",
    ),
    ("aws-cdk", "aws-cdk/2.{}.0 aws-sdk-js/3.670.0 ua/2.1 os/linux lang/js md/nodejs#22.9.0 m/E"),
];

/// The next generation of a client; `None` where it has none.
pub(super) fn next_generation(client: &str) -> Option<&'static str> {
    GENERATION.iter().find(|(old, _)| client.starts_with(old)).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_deploy_may_bring_is_in_the_catalogue() {
        for pool in [&NEIGHBOURS[..], &NEW_SERVICES, &SENSITIVE, &DEPLOYERS, &READERS, &REPAIRS] {
            for action in pool {
                assert!(catalog::find(action).is_some(), "{action}");
            }
        }
    }

    #[test]
    fn clients_have_a_next_generation() {
        assert!(next_generation("aws-sdk-go/1.55.5 (go1.22)").unwrap().starts_with("aws-sdk-go-v2/"));
        assert_eq!(next_generation("rclone/v1.67"), None);
    }
}
