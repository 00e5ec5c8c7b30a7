#!/usr/bin/env python3
"""Condenses public knowledge about risky calls into src/detect/sensitivity.tsv.

    scripts/sensitivity.py FOLDER > src/detect/sensitivity.tsv

FOLDER holds the three sources, facts of which go into the table:

  traildiscover-events.json   security-relevant AWS calls with ATT&CK and use in the wild (TrailDiscover, CC BY 4.0)
  iam-dataset-tags.json       CredentialExposure, DataAccess, PrivEsc, ResourceExposure by API call (iann0036/iam-dataset, MIT)
  primeharbor-actions.yaml    the same four groups by IAM action (primeharbor, CC0)

The levels are this project's own judgement, and stand below: the sources do not rank.
"""

import json
import pathlib
import re
import sys

TACTICS = {"TA0001", "TA0002", "TA0003", "TA0004", "TA0005", "TA0006", "TA0007", "TA0008", "TA0009", "TA0010", "TA0040"}
# What a tag says in ATT&CK's terms, and the level that it gives by itself.
TAGS = {
    "CredentialExposure": (["TA0006"], ["T1552"], "medium"),
    "DataAccess": (["TA0009"], ["T1530"], "low"),
    "PrivEsc": (["TA0004"], ["T1098"], "medium"),
    "ResourceExposure": (["TA0003"], ["T1098"], "medium"),
}
# Taking rights away, or undoing a share, exposes nothing: of interest only as a change.
WITHDRAWALS = ("Delete", "Remove", "Revoke", "Detach", "Disassociate", "Retire", "Reject", "Unlink", "Abort")
READS = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search")
# The names under which CloudTrail knows a service (eventSource) where IAM's prefix differs.
IAM_PREFIX_TO_EVENT_SOURCE = {"cloudwatch": "monitoring", "tag": "tagging", "rds-data": "rdsdata"}
# IAM permissions that are no API calls: CloudTrail never shows them.
NO_CALLS = {"iam:PassRole", "aoss:APIAccessAll", "aoss:DashboardsAccessAll", "cassandra:Select", "rds-db:connect"}
# Superseded technique ids.
RENAMED = {"T1089": "T1562.001"}
LEVELS = ["low", "medium", "high"]

# Act on it whoever does it: new credentials and rights, blinded defences, secrets, shared data, destroyed keys, remote control.
HIGH = """
iam: AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey CreateLoginProfile
iam: CreateOpenIDConnectProvider CreatePolicyVersion CreateSAMLProvider CreateServiceSpecificCredential CreateUser
iam: DeactivateMFADevice DeleteRolePermissionsBoundary DeleteUserPermissionsBoundary PutGroupPolicy
iam: PutRolePolicy PutUserPolicy ResetServiceSpecificCredential SetDefaultPolicyVersion UpdateAssumeRolePolicy
iam: UpdateLoginProfile UpdateSAMLProvider
cloudtrail: DeleteTrail PutEventSelectors StopLogging UpdateTrail
config: DeleteConfigurationRecorder DeleteDeliveryChannel StopConfigurationRecorder
guardduty: DeleteDetector DeleteMembers DeletePublishingDestination DisassociateFromMasterAccount DisassociateMembers
guardduty: StopMonitoringMembers UpdateDetector
ec2: CreateInstanceExportTask CreateTrafficMirrorSession DeleteFlowLogs DisableImageBlockPublicAccess
ec2: EnableSerialConsoleAccess GetPasswordData ModifyImageAttribute ModifySnapshotAttribute
ec2: ReplaceIamInstanceProfileAssociation SharedSnapshotCopyInitiated SharedSnapshotVolumeCreated
ec2-instance-connect: SendSSHPublicKey SendSerialConsoleSSHPublicKey
eks: AssociateAccessPolicy CreateAccessEntry
kms: PutKeyPolicy ScheduleKeyDeletion
lightsail: DownloadDefaultKeyPair GetRelationalDatabaseMasterUserPassword
logs: DeleteLogGroup
organizations: LeaveOrganization
rds: DeleteDBCluster DeleteGlobalCluster ModifyActivityStream ModifyDBSnapshotAttribute StartExportTask
redshift: AuthorizeSnapshotAccess
s3: PutAccountPublicAccessBlock PutBucketAcl PutBucketPolicy PutBucketReplication
secretsmanager: GetSecretValue PutResourcePolicy
signin: GetSigninToken PasswordRecoveryRequested
ssm: ModifyDocumentPermission ResumeSession SendCommand StartSession
sso: CreateAccountAssignment
"""

# Worth a look when new: discovery that lists who may do what, or where secrets lie; machine-made changes that reach far.
MEDIUM = """
acm-pca: IssueCertificate
cloudtrail: LookupEvents
ec2: DescribeInstanceAttribute GetConsoleScreenshot
iam: GetAccountAuthorizationDetails GetLoginProfile ListAccessKeys ListRoles ListSSHPublicKeys ListServiceSpecificCredentials
iam: ListUsers SimulatePrincipalPolicy
organizations: ListAccounts
secretsmanager: ListSecrets
ssm: GetParameter GetParameterHistory GetParameters GetParametersByPath
"""

# What workloads, pipelines and autoscalers do all day, whatever an attacker could make of it.
LOW = """
athena: GetSession
autoscaling: CreateAutoScalingGroup
codeartifact: GetAuthorizationToken
codepipeline: PollForJobs
cognito-identity: GetCredentialsForIdentity GetId GetOpenIdToken GetOpenIdTokenForDeveloperIdentity
cognito-idp: DescribeUserPoolClient GetUserAttributeVerificationCode
ec2: AttachVolume CreateImage CreateLaunchTemplate CreateSnapshot CreateVolume DeleteSnapshot DeleteVolume StartInstances StopInstances
ecr: BatchGetImage GetAuthorizationToken
ecr-public: GetAuthorizationToken
ecs: RegisterTaskDefinition
iam: CreateAccountAlias CreateServiceLinkedRole UpdateGroup UpdateRoleDescription UpdateServerCertificate UploadServerCertificate
kms: CreateKey Encrypt GenerateDataKeyWithoutPlaintext RetireGrant
lambda: Invoke
logs: CreateLogStream PutLogEvents
rds: CreateDBSnapshot
redshift: GetClusterCredentials
s3: DeleteObject GetDataAccess JobCreated PutObject
secretsmanager: DescribeSecret
ses: SendEmail
sns: CreateTopic Publish SetTopicAttributes
sqs: CreateQueue SetQueueAttributes
sts: AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity GetSessionToken
waf: GetChangeToken
waf-regional: GetChangeToken
"""

# Calls and acts that the sources lack, or see otherwise than a SOC would: service, operation, level, tactics, techniques.
OWN = """
access-analyzer DeleteAnalyzer medium TA0005 T1562.001
account EnableRegion medium TA0005 T1535
backup DeleteBackupPlan medium TA0040 T1490
backup DeleteBackupVault high TA0040 T1490
backup DeleteRecoveryPoint high TA0040 T1490
cloudtrail DeleteEventDataStore high TA0005 T1562.008
cloudtrail PutInsightSelectors medium TA0005 T1562.008
dynamodb DeleteBackup medium TA0040 T1490
dynamodb DeleteTable medium TA0040 T1485
ec2 AssociateIamInstanceProfile medium TA0004 T1098
ec2 DeregisterImage medium TA0040 T1485
ec2 DisableEbsEncryptionByDefault medium TA0005 T1562
ec2 DisableSnapshotBlockPublicAccess high TA0005,TA0010 T1537
ec2 ModifyInstanceMetadataOptions medium TA0006 T1552.005
elasticfilesystem DeleteFileSystem medium TA0040 T1485
iam DeleteVirtualMFADevice high TA0003,TA0005 T1556.006
iam UpdateAccountPasswordPolicy medium TA0003,TA0005 T1556
kms Decrypt low TA0009 T1530
kms DeleteImportedKeyMaterial high TA0040 T1485
kms DisableKey high TA0040 T1489
lambda UpdateFunctionUrlConfig medium TA0001,TA0003 T1098,T1133
macie2 DisableMacie medium TA0005 T1562.001
organizations DeletePolicy high TA0005 T1562.001
organizations DetachPolicy high TA0005 T1562.001
organizations DisablePolicyType high TA0005 T1562.001
organizations RegisterDelegatedAdministrator high TA0003,TA0004 T1098
rds DeleteDBClusterSnapshot medium TA0040 T1490
rds DeleteDBSnapshot medium TA0040 T1490
rds ModifyDBClusterSnapshotAttribute high TA0010 T1537
redshift DeleteCluster medium TA0040 T1485
route53domains TransferDomainToAnotherAwsAccount high TA0040 T1496
s3 GetObject low TA0009 T1530
s3 DeleteAccountPublicAccessBlock high TA0005,TA0010 T1537
s3 DeleteBucketPublicAccessBlock high TA0005,TA0010 T1537
s3 DeleteObjects low TA0040 T1485
s3 PutBucketLifecycleConfiguration medium TA0040 T1485.001
s3 PutBucketVersioning medium TA0040 T1490
secretsmanager BatchGetSecretValue high TA0006 T1555.006
secretsmanager DeleteSecret medium TA0040 T1485
securityhub DisableSecurityHub high TA0005 T1562.001
sso AttachManagedPolicyToPermissionSet high TA0003,TA0004 T1098
sso PutInlinePolicyToPermissionSet high TA0003,TA0004 T1098
sts AssumeRoot high TA0004 T1078.004
crontab delete low TA0005 T1070
crontab edit low TA0003 T1053.003
crontab replace medium TA0002,TA0003 T1053.003
pkexec exec low TA0004 T1548
program adduser high TA0003 T1136.001
program auditctl high TA0005 T1562.012
program bash medium TA0002,TA0004 T1059.004,T1548.003
program chattr medium TA0005 T1222.002
program chpasswd high TA0003 T1098
program crontab medium TA0002,TA0003 T1053.003
program curl medium TA0010 T1048
program gpasswd high TA0003,TA0004 T1098.007
program insmod high TA0003,TA0004 T1547.006
program iptables medium TA0005 T1562.004
program journalctl low TA0007 T1654
program kexec high TA0003 T1547
program modprobe medium TA0003,TA0004 T1547.006
program nc medium TA0010 T1048
program ncat medium TA0010 T1048
program nft medium TA0005 T1562.004
program nsenter medium TA0004 T1611
program passwd high TA0003 T1098
program setenforce high TA0005 T1562.001
program sh medium TA0002,TA0004 T1059.004,T1548.003
program socat medium TA0010 T1048
program su medium TA0004 T1548.003
program tcpdump medium TA0006,TA0007 T1040
program tee medium TA0003 T1098.004
program ufw medium TA0005 T1562.004
program useradd high TA0003 T1136.001
program usermod high TA0003,TA0004 T1098.007
program vi medium TA0004 T1548.003
program vim medium TA0004 T1548.003
program visudo high TA0004 T1548.003
program wget medium TA0010 T1048
program zsh medium TA0002,TA0004 T1059.004,T1548.003
shadow add_group_member high TA0003,TA0004 T1098.007
shadow chage low TA0003 T1098
shadow groupadd low TA0003 T1136.001
shadow lock medium TA0040 T1531
shadow passwd medium TA0003 T1098
shadow set_group_members high TA0003,TA0004 T1098.007
shadow unlock medium TA0003 T1098
shadow useradd high TA0003 T1136.001
shadow userdel medium TA0040 T1531
shadow usermod medium TA0003 T1098
sshd command low TA0008 T1021.004
sshd login low TA0008 T1021.004
sshd shell low TA0008 T1021.004
sshd subsystem low TA0008 T1021.004
su switch low TA0004 T1078.003
sudo exec low TA0004 T1548.003
"""

HEADER = """\
# What calls are good for in an attack. Made by scripts/sensitivity.py; change that, not this.
#
# Sources of facts: TrailDiscover by Adan Alvarez (CC BY 4.0): calls, ATT&CK, use in the wild; condensed here.
# iann0036/iam-dataset (MIT) and primeharbor's sensitive IAM actions (CC0): groups of calls. Levels: this project.
#
# service: eventSource without .amazonaws.com (so CloudWatch is `monitoring`), a Linux service, or `program`: one that sudo ran.
# operation: eventName without the API date that Lambda and CloudFront add (`CreateFunction20150331`).
# wild: whether attackers are known to have used it, from published incidents.
#
# service\toperation\tlevel\ttactics\ttechniques\twild"""


def table(text):
    """The (service, operation) pairs of a list above."""
    pairs = set()
    for line in text.split("\n"):
        service, _, operations = line.partition(": ")
        pairs.update((service, operation) for operation in operations.split())
    return pairs


def undated(operation):
    return re.sub(r"20\d\d_?\d\d_?\d\d(v\d+)?$", "", operation)


class Entries(dict):
    def add(self, service, operation, level, tactics, techniques, wild=False):
        entry = self.setdefault((service, operation), {"level": 0, "tactics": set(), "techniques": set(), "wild": False})
        entry["level"] = max(entry["level"], LEVELS.index(level))
        entry["tactics"].update(tactics)
        entry["techniques"].update(RENAMED.get(t, t) for t in techniques)
        entry["wild"] = entry["wild"] or wild


def ids(texts, pattern):
    found = (re.match(pattern, text) for text in texts)
    return [match.group(0) for match in found if match]


def add_traildiscover(entries, path):
    for event in json.loads(path.read_text()):
        tactics = [t for t in ids(event["mitreAttackTactics"], r"TA\d{4}") if t in TACTICS]
        # A sub-technique says more than its technique, which it makes superfluous.
        subs = ids(event["mitreAttackSubTechniques"], r"T\d{4}\.\d{3}")
        covered = {sub.split(".")[0] for sub in subs}
        techniques = subs + [t for t in ids(event["mitreAttackTechniques"], r"T\d{4}") if t not in covered]
        only_looks = set(tactics) <= {"TA0007", "TA0009"} and event["eventName"].startswith(READS)
        level = "low" if only_looks else "medium"
        service = event["eventSource"].removesuffix(".amazonaws.com")
        entries.add(service, undated(event["eventName"]), level, tactics, techniques, event["usedInWild"])


def tagged(groups):
    """What the groups say of their members."""
    entries = Entries()
    for tag, actions in groups.items():
        tactics, techniques, level = TAGS[tag]
        for action in sorted(set(actions) - NO_CALLS):
            prefix, operation = action.split(":")
            withdraws = tag == "ResourceExposure" and operation.startswith(WITHDRAWALS)
            service = IAM_PREFIX_TO_EVENT_SOURCE.get(prefix, prefix)
            entries.add(service, operation, "low" if withdraws else level, tactics, techniques)
    return entries


def read_yaml_groups(path):
    """The groups of primeharbor's file, which is a plain two-level list: no YAML package is needed for it."""
    groups, tag = {}, None
    for line in path.read_text().split("\n"):
        if re.match(r"\w+:", line):
            tag = line.split(":")[0]
            groups[tag] = []
        elif line.strip().startswith("- "):
            groups[tag].append(line.strip()[2:])
    return groups


def add_own(entries):
    for line in OWN.strip().split("\n"):
        service, operation, level, tactics, techniques = line.split(" ")
        known = entries.pop((service, operation), {"wild": False})
        entries.add(service, operation, level, tactics.split(","), techniques.split(","), known["wild"])


def set_levels(entries):
    for level, text in (("low", LOW), ("medium", MEDIUM), ("high", HIGH)):
        for key in sorted(table(text)):
            if key not in entries:
                sys.exit(f"{key[0]}:{key[1]} is ranked {level}, but no source knows it: put it into OWN")
            entries[key]["level"] = LEVELS.index(level)


def main(folder):
    entries = Entries()
    add_traildiscover(entries, folder / "traildiscover-events.json")
    by_call = json.loads((folder / "iam-dataset-tags.json").read_text())["api"]
    by_action = read_yaml_groups(folder / "primeharbor-actions.yaml")
    # What TrailDiscover says of the very call is finer than what a group says of its members.
    for key, entry in tagged({tag: by_call[tag] + by_action[tag] for tag in TAGS}).items():
        entries.setdefault(key, entry)
    add_own(entries)
    set_levels(entries)
    print(HEADER)
    for (service, operation), entry in sorted(entries.items()):
        wild = "wild" if entry["wild"] else "-"
        tactics, techniques = (",".join(sorted(entry[name])) or "-" for name in ("tactics", "techniques"))
        print(service, operation, LEVELS[entry["level"]], tactics, techniques, wild, sep="\t")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
