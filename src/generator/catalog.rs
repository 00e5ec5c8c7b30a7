//! The AWS calls that the generated company makes.

/// One API call that an identity can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// Prefix of the service's host name: `s3`.
    pub(super) service: &'static str,
    /// `GetObject`.
    pub(super) name: &'static str,
    /// What it does and where CloudTrail files it.
    pub(super) nature: Nature,
    /// What it acts on.
    pub(super) target: Target,
}

/// What a call does and where CloudTrail files it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Reads; a management event.
    Read,
    /// Changes; a management event.
    Write,
    /// Reads; a data event.
    DataRead,
    /// Changes; a data event.
    DataWrite,
}

impl Nature {
    /// Whether it only reads.
    pub(super) const fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::DataRead)
    }

    /// Whether it is a data event.
    pub(super) const fn is_data(self) -> bool {
        matches!(self, Self::DataRead | Self::DataWrite)
    }
}

/// What a call acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Nothing,
    Bucket,
    Object,
    Table,
    Queue,
    Topic,
    Secret,
    Parameter,
    Key,
    Function,
    Role,
    User,
    Instance,
    Cluster,
    Repository,
    LogGroup,
    Stack,
    Model,
    Trail,
    Thing,
    Snapshot,
    Database,
    StateMachine,
    Build,
}

use Nature::{DataRead, DataWrite, Read, Write};

macro_rules! calls {
    ($($service:literal: $($name:literal $nature:ident $target:ident),+;)+) => {
        &[$($(Call { service: $service, name: $name, nature: $nature, target: Target::$target },)+)+]
    };
}

/// All calls, grouped by service.
const CALLS: &[Call] = calls! {
    "s3": "GetObject" DataRead Object, "PutObject" DataWrite Object, "DeleteObject" DataWrite Object,
        "HeadObject" DataRead Object, "ListObjects" DataRead Bucket, "ListBuckets" Read Nothing,
        "GetBucketLocation" Read Bucket, "GetBucketAcl" Read Bucket, "PutBucketPolicy" Write Bucket,
        "GetBucketPolicy" Read Bucket, "CreateBucket" Write Bucket, "GetBucketEncryption" Read Bucket,
        "PutBucketLifecycle" Write Bucket,
        "PutBucketLogging" Write Bucket, "PutObjectAcl" DataWrite Object, "GetBucketVersioning" Read Bucket,
        "GetObjectTagging" DataRead Object, "CopyObject" DataWrite Object, "DeleteObjects" DataWrite Bucket,
        "GetBucketLogging" Read Bucket, "GetBucketPublicAccessBlock" Read Bucket, "PutBucketVersioning" Write Bucket,
        "CreateMultipartUpload" DataWrite Object, "UploadPart" DataWrite Object, "PutBucketReplication" Write Bucket;
    "dynamodb": "GetItem" DataRead Table, "PutItem" DataWrite Table, "UpdateItem" DataWrite Table,
        "Query" DataRead Table, "DescribeTable" Read Table, "CreateBackup" Write Table,
        "Scan" DataRead Table, "BatchGetItem" DataRead Table, "BatchWriteItem" DataWrite Table,
        "DeleteItem" DataWrite Table, "ListTables" Read Nothing, "ExportTableToPointInTime" Write Table;
    "sqs": "ReceiveMessage" DataRead Queue, "SendMessage" DataWrite Queue, "DeleteMessage" DataWrite Queue,
        "GetQueueAttributes" Read Queue,
        "GetQueueUrl" Read Queue, "ListQueues" Read Nothing, "SendMessageBatch" DataWrite Queue,
        "ChangeMessageVisibility" DataWrite Queue;
    "sns": "Publish" DataWrite Topic,
        "ListTopics" Read Nothing, "GetTopicAttributes" Read Topic, "GetSMSAttributes" Read Nothing;
    "secretsmanager": "GetSecretValue" Read Secret, "DescribeSecret" Read Secret, "ListSecrets" Read Nothing,
        "PutSecretValue" Write Secret,
        "BatchGetSecretValue" Read Secret, "RotateSecret" Write Secret;
    "ssm": "GetParameter" Read Parameter, "GetParameters" Read Parameter, "GetParametersByPath" Read Parameter,
        "UpdateInstanceInformation" Write Instance, "SendCommand" Write Instance, "StartSession" Write Instance,
        "DescribeInstanceInformation" Read Nothing, "PutInventory" Write Instance,
        "DescribeParameters" Read Nothing, "PutParameter" Write Parameter, "GetCommandInvocation" Read Instance;
    "kms": "Decrypt" Read Key, "GenerateDataKey" Read Key, "DescribeKey" Read Key, "ListAliases" Read Nothing,
        "ScheduleKeyDeletion" Write Key,
        "Encrypt" Read Key, "ListKeys" Read Nothing, "Sign" Read Key, "CreateGrant" Write Key, "DisableKey" Write Key;
    "lambda": "Invoke" DataWrite Function, "GetFunction20150331v2" Read Function,
        "UpdateFunctionCode20150331v2" Write Function, "ListFunctions20150331" Read Nothing,
        "CreateFunction20150331" Write Function, "PublishVersion20150331" Write Function,
        "AddPermission20150331v2" Write Function, "GetFunctionConfiguration20150331v2" Read Function,
        "UpdateFunctionConfiguration20150331v2" Write Function, "ListVersionsByFunction20150331" Read Function,
        "CreateAlias20150331" Write Function, "UpdateAlias20150331" Write Function;
    "sts": "GetCallerIdentity" Read Nothing, "AssumeRole" Read Role,
        "GetFederationToken" Read Nothing, "GetSessionToken" Read Nothing;
    "iam": "GetRole" Read Role, "PassRole" Write Role, "ListRoles" Read Nothing, "ListUsers" Read Nothing,
        "ListAccessKeys" Read User, "GetUser" Read User, "CreateRole" Write Role, "AttachRolePolicy" Write Role,
        "PutRolePolicy" Write Role, "GetPolicy" Read Nothing, "ListAttachedRolePolicies" Read Role,
        "ListAttachedUserPolicies" Read User, "CreateAccessKey" Write User, "AttachUserPolicy" Write User,
        "CreateUser" Write User, "CreateLoginProfile" Write User, "UpdateAssumeRolePolicy" Write Role,
        "GetAccountAuthorizationDetails" Read Nothing, "GenerateCredentialReport" Read Nothing,
        "GetAccountSummary" Read Nothing,
        "PutUserPolicy" Write User, "ListGroupsForUser" Read User, "ListUserPolicies" Read User,
        "SimulatePrincipalPolicy" Read Nothing, "ListRolePolicies" Read Role, "GetRolePolicy" Read Role,
        "DeleteRole" Write Role, "TagRole" Write Role, "UpdateLoginProfile" Write User, "DeleteAccessKey" Write User,
        "ListAccountAliases" Read Nothing, "CreateInstanceProfile" Write Role, "AddRoleToInstanceProfile" Write Role,
        "GetInstanceProfile" Read Role, "CreatePolicyVersion" Write Nothing, "GetPolicyVersion" Read Nothing,
        "ListPolicies" Read Nothing, "ListInstanceProfilesForRole" Read Role;
    "ec2": "DescribeInstances" Read Nothing, "DescribeVolumes" Read Nothing, "DescribeSnapshots" Read Nothing,
        "CreateSnapshot" Write Snapshot, "DeleteSnapshot" Write Snapshot, "CreateTags" Write Instance,
        "DescribeSecurityGroups" Read Nothing, "DescribeVpcs" Read Nothing, "DescribeSubnets" Read Nothing,
        "RunInstances" Write Instance, "TerminateInstances" Write Instance, "DescribeImages" Read Nothing,
        "CreateNetworkInterface" Write Instance, "DescribeNetworkInterfaces" Read Nothing,
        "AuthorizeSecurityGroupIngress" Write Instance, "ModifySnapshotAttribute" Write Snapshot,
        "DescribeRegions" Read Nothing, "DescribeTags" Read Nothing,
        "CreateKeyPair" Write Nothing, "ImportKeyPair" Write Nothing, "DescribeKeyPairs" Read Nothing,
        "CreateSecurityGroup" Write Nothing, "RequestSpotInstances" Write Instance, "DeleteFlowLogs" Write Nothing,
        "StopInstances" Write Instance, "StartInstances" Write Instance, "DescribeAddresses" Read Nothing,
        "DescribeNatGateways" Read Nothing, "DescribeRouteTables" Read Nothing, "DescribeInstanceTypes" Read Nothing,
        "DescribeInstanceStatus" Read Nothing, "DescribeAvailabilityZones" Read Nothing, "ModifyInstanceAttribute" Write Instance,
        "DescribeLaunchTemplates" Read Nothing, "CreateLaunchTemplateVersion" Write Nothing, "CreateImage" Write Instance,
        "DescribeInstanceAttribute" Read Instance, "GetPasswordData" Read Instance, "DescribeAccountAttributes" Read Nothing,
        "CreateRoute" Write Nothing, "DeleteTags" Write Instance;
    "ecs": "DescribeServices" Read Cluster, "UpdateService" Write Cluster, "RegisterTaskDefinition" Write Cluster,
        "DescribeTasks" Read Cluster, "DescribeTaskDefinition" Read Cluster, "ListTasks" Read Cluster,
        "RunTask" Write Cluster,
        "ListClusters" Read Nothing, "CreateCluster" Write Cluster, "StopTask" Write Cluster, "ListServices" Read Cluster,
        "DescribeClusters" Read Cluster, "ExecuteCommand" Write Cluster, "CreateService" Write Cluster;
    "eks": "DescribeCluster" Read Cluster, "ListClusters" Read Nothing,
        "DescribeNodegroup" Read Cluster, "UpdateNodegroupConfig" Write Cluster, "CreateAccessEntry" Write Cluster;
    "ecr": "GetAuthorizationToken" Read Nothing, "BatchGetImage" Read Repository,
        "GetDownloadUrlForLayer" Read Repository, "PutImage" Write Repository,
        "BatchCheckLayerAvailability" Read Repository, "InitiateLayerUpload" Write Repository,
        "DescribeImages" Read Repository,
        "DescribeRepositories" Read Nothing, "CreateRepository" Write Repository, "CompleteLayerUpload" Write Repository,
        "UploadLayerPart" Write Repository, "ListImages" Read Repository, "BatchDeleteImage" Write Repository;
    "cloudformation": "DescribeStacks" Read Stack, "CreateChangeSet" Write Stack, "ExecuteChangeSet" Write Stack,
        "DescribeStackEvents" Read Stack, "ListStacks" Read Nothing, "GetTemplate" Read Stack,
        "DescribeChangeSet" Read Stack, "CreateStack" Write Stack, "UpdateStack" Write Stack, "DeleteChangeSet" Write Stack;
    "logs": "CreateLogStream" Write LogGroup, "DescribeLogGroups" Read Nothing, "CreateLogGroup" Write LogGroup,
        "FilterLogEvents" Read LogGroup, "PutRetentionPolicy" Write LogGroup,
        "DescribeLogStreams" Read LogGroup, "StartQuery" Read LogGroup, "DeleteLogGroup" Write LogGroup, "GetLogEvents" Read LogGroup;
    "monitoring": "DescribeAlarms" Read Nothing, "ListMetrics" Read Nothing, "GetMetricData" Read Nothing,
        "PutMetricAlarm" Write Nothing,
        "PutDashboard" Write Nothing, "GetMetricStatistics" Read Nothing, "DeleteAlarms" Write Nothing;
    "elasticloadbalancing": "DescribeLoadBalancers" Read Nothing, "DescribeTargetHealth" Read Nothing,
        "RegisterTargets" Write Nothing,
        "DescribeTargetGroups" Read Nothing, "DescribeListeners" Read Nothing, "ModifyListener" Write Nothing,
        "DeregisterTargets" Write Nothing, "CreateTargetGroup" Write Nothing;
    "autoscaling": "DescribeAutoScalingGroups" Read Nothing, "SetDesiredCapacity" Write Nothing,
        "UpdateAutoScalingGroup" Write Nothing, "DescribeScalingActivities" Read Nothing, "StartInstanceRefresh" Write Nothing,
        "TerminateInstanceInAutoScalingGroup" Write Nothing;
    "rds": "DescribeDBInstances" Read Database, "CreateDBSnapshot" Write Database,
        "DescribeDBSnapshots" Read Database, "ModifyDBSnapshotAttribute" Write Database,
        "DescribeDBClusters" Read Database, "ModifyDBInstance" Write Database, "ListTagsForResource" Read Database,
        "RestoreDBInstanceFromDBSnapshot" Write Database, "DescribeDBLogFiles" Read Database;
    "codebuild": "BatchGetBuilds" Read Build, "StartBuild" Write Build;
    "states": "StartExecution" Write StateMachine, "DescribeExecution" Read StateMachine,
        "StopExecution" Write StateMachine, "ListExecutions" Read StateMachine;
    "bedrock": "InvokeModel" Read Model, "Converse" Read Model, "InvokeAgent" DataWrite Model,
        "Retrieve" DataRead Model, "ListFoundationModels" Read Nothing,
        "InvokeModelWithResponseStream" Read Model, "GetFoundationModelAvailability" Read Model,
        "GetModelInvocationLoggingConfiguration" Read Nothing, "PutUseCaseForModelAccess" Write Model,
        "CreateFoundationModelAgreement" Write Model, "ApplyGuardrail" Read Model;
    "iot": "AttachThingPrincipal" Write Thing, "DescribeEndpoint" Read Nothing,
        "UpdateThingShadow" DataWrite Thing;
    "cloudtrail": "DescribeTrails" Read Nothing, "GetTrailStatus" Read Trail, "StopLogging" Write Trail,
        "DeleteTrail" Write Trail, "PutEventSelectors" Write Trail, "LookupEvents" Read Nothing,
        "UpdateTrail" Write Trail, "GetEventSelectors" Read Trail;
    "guardduty": "ListDetectors" Read Nothing, "GetFindings" Read Nothing, "DeleteDetector" Write Nothing,
        "UpdateDetector" Write Nothing, "CreateFilter" Write Nothing, "CreateIPSet" Write Nothing;
    "config": "DescribeConfigRules" Read Nothing, "StopConfigurationRecorder" Write Nothing,
        "DeleteDeliveryChannel" Write Nothing, "PutEvaluations" Write Nothing, "DescribeConfigurationRecorders" Read Nothing;
    "organizations": "ListAccounts" Read Nothing, "DescribeOrganization" Read Nothing,
        "LeaveOrganization" Write Nothing;
    "ce": "GetCostAndUsage" Read Nothing,
        "GetDimensionValues" Read Nothing;
    "ses": "GetSendQuota" Read Nothing, "ListIdentities" Read Nothing, "GetAccount" Read Nothing, "SendEmail" Write Nothing,
        "VerifyEmailIdentity" Write Nothing, "UpdateAccountSendingEnabled" Write Nothing;
    "servicequotas": "ListServiceQuotas" Read Nothing, "RequestServiceQuotaIncrease" Write Nothing;
    "events": "PutEvents" Write Nothing, "PutRule" Write Nothing, "DescribeRule" Read Nothing, "ListRules" Read Nothing;
    "kinesis": "PutRecords" DataWrite Queue, "DescribeStreamSummary" Read Queue, "GetRecords" DataRead Queue;
    "firehose": "PutRecordBatch" DataWrite Queue, "DescribeDeliveryStream" Read Queue;
    "athena": "StartQueryExecution" Write Nothing, "GetQueryExecution" Read Nothing, "GetQueryResults" Read Nothing;
    "glue": "GetTable" Read Table, "GetPartitions" Read Table, "StartJobRun" Write Build, "GetJobRun" Read Build;
    "acm": "DescribeCertificate" Read Nothing, "RequestCertificate" Write Nothing, "ListCertificates" Read Nothing;
    "route53": "ListHostedZones" Read Nothing, "ListResourceRecordSets" Read Nothing,
        "ChangeResourceRecordSets" Write Nothing, "GetChange" Read Nothing;
    "servicediscovery": "DiscoverInstances" Read Nothing, "RegisterInstance" Write Nothing;
    "xray": "PutTraceSegments" Write Nothing, "GetSamplingRules" Read Nothing;
    "tagging": "GetResources" Read Nothing;
    "application-autoscaling": "RegisterScalableTarget" Write Nothing, "DescribeScalableTargets" Read Nothing;
    "backup": "StartBackupJob" Write Nothing, "DescribeBackupJob" Read Nothing, "DeleteRecoveryPoint" Write Nothing;
    "securityhub": "GetFindings" Read Nothing, "DisableSecurityHub" Write Nothing, "BatchImportFindings" Write Nothing;
    "wafv2": "GetWebACL" Read Nothing, "UpdateWebACL" Write Nothing;
    "cognito-idp": "AdminGetUser" Read User, "ListUsers" Read Nothing, "AdminInitiateAuth" Write User;
    "codepipeline": "PutJobSuccessResult" Write Build, "GetPipelineState" Read Build, "StartPipelineExecution" Write Build;
    "codedeploy": "CreateDeployment" Write Build, "GetDeployment" Read Build;
    "appconfig": "StartConfigurationSession" Read Nothing, "GetLatestConfiguration" Read Nothing;
    "elasticache": "DescribeCacheClusters" Read Nothing;
    "account": "GetContactInformation" Read Nothing, "ListRegions" Read Nothing;
    "signin": "ConsoleLogin" Write Nothing;
};

/// The call written as `service:Name`.
pub(super) fn find(action: &str) -> Option<&'static Call> {
    let (service, name) = action.split_once(':')?;
    CALLS.iter().find(|call| call.service == service && call.name == name)
}

impl Call {
    /// `s3.amazonaws.com`.
    pub(super) fn source(&self) -> String {
        format!("{}.amazonaws.com", self.service)
    }

    /// The region that such a call is logged in, for an identity at home in `home`.
    pub(super) fn region(&self, home: &str) -> String {
        // Global services log in one region (AWS, "CloudTrail global service events").
        let is_global = matches!(self.service, "iam" | "organizations" | "ce" | "signin");
        if is_global { "us-east-1".into() } else { home.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_name() {
        assert_eq!(find("s3:GetObject").map(|call| call.nature), Some(DataRead));
        assert_eq!(find("s3:NoSuchCall"), None);
        assert_eq!(find("nonsense"), None);
    }

    #[test]
    fn no_call_is_listed_twice() {
        let names: std::collections::BTreeSet<_> =
            CALLS.iter().map(|call| (call.service, call.name)).collect();
        assert_eq!(names.len(), CALLS.len());
    }
}
