"""CloudTrail records as bytes: each identity's calls, precomputed but for what differs from event to event."""

import json
from dataclasses import dataclass, field

ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("eu-west-1", "us-east-1", "eu-central-1")
# What stands in a template where an event's own values go; none of it occurs elsewhere in a record.
TIME, EVENT_ID, REQUEST_ID = "@time@", "@event-id@", "@request-id@"
USUAL_CALLS = (
    ("s3", "GetObject", True), ("s3", "PutObject", False), ("s3", "ListObjects", True),
    ("dynamodb", "Query", True), ("dynamodb", "PutItem", False), ("sqs", "ReceiveMessage", False),
    ("sqs", "DeleteMessage", False), ("kinesis", "GetRecords", True), ("logs", "PutLogEvents", False),
    ("ec2", "DescribeInstances", True), ("sns", "Publish", False), ("ecr", "BatchGetImage", True),
)  # fmt: skip
# Calls of somebody who found a key: each is a first use, most of them sensitive.
ATTACK_CALLS = (
    ("iam", "ListUsers", True), ("iam", "CreateAccessKey", False), ("iam", "AttachRolePolicy", False),
    ("secretsmanager", "GetSecretValue", True), ("kms", "Decrypt", True), ("cloudtrail", "StopLogging", False),
    ("iam", "CreateLoginProfile", False), ("organizations", "ListAccounts", True),
)  # fmt: skip
CLIENTS = (
    "aws-sdk-go-v2/1.30.3 ua/2.0 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/s3#1.58.2",
    "Boto3/1.34.140 md/Botocore#1.34.140 ua/2.0 os/linux#6.1.94 md/arch#x86_64 lang/python#3.11.9",
    "aws-sdk-java/2.26.12 Linux/6.1.94 OpenJDK_64-Bit_Server_VM/21.0.3+9-LTS Java/21.0.3 vendor/Amazon.com_Inc.",
)
ATTACKER_CLIENT = "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/linux#5.10.0 md/arch#x86_64 lang/python#3.11.8"
ATTACKER_ADDRESS = "203.0.113.77"


@dataclass(slots=True)
class Template:
    """One call of one identity, in the pieces between time, event id and request id."""

    action: str
    service: str
    denied: bool
    pieces: tuple[bytes, bytes, bytes, bytes]

    def fill(self, time: bytes, event_id: bytes, request_id: bytes) -> bytes:
        a, b, c, d = self.pieces
        return b"".join((a, time, b, request_id, c, event_id, d))


@dataclass(slots=True)
class Caller:
    """Who calls, from where, with what."""

    name: str
    is_role: bool
    account: str
    region: str
    address: str
    client: str
    key_id: str
    identity_id: str = field(init=False)

    def __post_init__(self) -> None:
        kind = "role" if self.is_role else "user"
        self.identity_id = f"arn:aws:iam::{self.account}:{kind}/{self.name}"

    def template(self, call: tuple[str, str, bool], *, denied: bool = False, attacker: bool = False) -> Template:
        service, operation, reads = call
        record: dict[str, object] = {
            "eventVersion": "1.11",
            "userIdentity": self._role() if self.is_role else self._user(),
            "eventTime": TIME,
            "eventSource": f"{service}.amazonaws.com",
            "eventName": operation,
            "awsRegion": self.region,
            "sourceIPAddress": ATTACKER_ADDRESS if attacker else self.address,
            "userAgent": ATTACKER_CLIENT if attacker else self.client,
        }
        if denied:
            record["errorCode"] = "AccessDenied"
            record["errorMessage"] = f"User: {self.identity_id} is not authorized to perform: {service}:{operation}"
        record |= self._rest(service, operation, reads)
        text = json.dumps(record, separators=(",", ":"))
        before, rest = text.split(TIME)
        upto_request, rest = rest.split(REQUEST_ID)
        upto_event, after = rest.split(EVENT_ID)
        pieces = (before.encode(), upto_request.encode(), upto_event.encode(), after.encode())
        return Template(f"{service}:{operation}", service, denied, pieces)

    def _role(self) -> dict[str, object]:
        unique_id = f"AROA{self.name.upper().replace('-', '')[:16]}"
        return {
            "type": "AssumedRole",
            "principalId": f"{unique_id}:{self.name}-session",
            "arn": f"arn:aws:sts::{self.account}:assumed-role/{self.name}/{self.name}-session",
            "accountId": self.account,
            "accessKeyId": self.key_id,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": unique_id,
                    "arn": self.identity_id,
                    "accountId": self.account,
                    "userName": self.name,
                },
                "attributes": {"creationDate": "2026-01-01T00:00:00Z", "mfaAuthenticated": "false"},
            },
        }

    def _user(self) -> dict[str, object]:
        return {
            "type": "IAMUser",
            "principalId": f"AIDA{self.name.upper().replace('-', '')[:16]}",
            "arn": self.identity_id,
            "accountId": self.account,
            "accessKeyId": self.key_id,
            "userName": self.name,
        }

    def _rest(self, service: str, operation: str, reads: bool) -> dict[str, object]:
        bucket = f"{self.name}-data"
        return {
            "requestParameters": {"bucketName": bucket, "key": f"in/{operation.lower()}/part-00000.parquet"},
            "responseElements": None,
            "additionalEventData": {
                "SignatureVersion": "SigV4",
                "CipherSuite": "TLS_AES_128_GCM_SHA256",
                "bytesTransferredIn": 0,
                "AuthenticationMethod": "AuthHeader",
            },
            "requestID": REQUEST_ID,
            "eventID": EVENT_ID,
            "readOnly": reads,
            "eventType": "AwsApiCall",
            "managementEvent": service != "s3",
            "recipientAccountId": self.account,
            "eventCategory": "Data" if service == "s3" else "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": f"{service}.{self.region}.amazonaws.com",
            },
        }
