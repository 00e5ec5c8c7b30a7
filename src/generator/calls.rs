//! Builds CloudTrail records: a call by an identity under a session.

use serde_json::{Value, json};

use super::archetype::{Origin, Principal};
use super::catalog::Call;
use super::details::{self, Owner};
use super::member::Member;
use super::random::Random;
use super::record::{ApiCall, Resource, TlsDetails, UserIdentity, trail_time};
use super::session::{self, Session};
use crate::time::EventTime;

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// It worked.
    #[default]
    Success,
    /// It was refused.
    Denied,
    /// It was throttled.
    Throttled,
    /// What it asked for was not there.
    NotFound,
}

/// What a call shows of the caller, besides its identity.
pub(super) struct Shown<'a> {
    /// Credentials.
    pub(super) session: &'a Session,
    /// Client program.
    pub(super) user_agent: &'a str,
    /// Whether it came from a web console.
    pub(super) is_console: bool,
}

/// One call and when it is made.
pub(super) struct Made<'a> {
    /// The call.
    pub(super) call: &'a Call,
    /// How it ended.
    pub(super) ending: Ending,
    /// When.
    pub(super) time: EventTime,
}

/// The record of one call by `member`.
pub(super) fn record(member: &Member, shown: &Shown<'_>, made: &Made<'_>, random: &mut Random) -> ApiCall {
    let Made { call, ending, time } = made;
    let region = call.region(&member.region);
    let owner = Owner { stem: &member.stem, account: &member.account, region: &region };
    let mut details = details::of(call, &owner, random);
    if *ending != Ending::Success {
        details.response = Value::Null;
    }
    let caller = caller_address(member, shown);
    let mut record = ApiCall {
        event_version: random.pick::<&str>(&["1.08", "1.09", "1.10", "1.11", "1.11"]),
        user_identity: session::user_identity(member, shown.session),
        event_time: trail_time(*time),
        event_source: call.source(),
        event_name: call.name.into(),
        source_ip: caller,
        user_agent: shown.user_agent.to_owned(),
        error_code: error_code(*ending, call.service),
        error_message: error_message(*ending, member, call),
        request_parameters: details.request,
        response_elements: details.response,
        additional_event_data: Value::Null,
        request_id: random.uuid(),
        event_id: random.uuid(),
        read_only: call.nature.is_read(),
        resources: details.resources,
        event_type: if call.service == "signin" { "AwsConsoleSignIn" } else { "AwsApiCall" },
        management_event: !call.nature.is_data(),
        recipient_account_id: member.account.clone(),
        vpc_endpoint_id: None,
        event_category: if call.nature.is_data() { "Data" } else { "Management" },
        tls_details: None,
        session_credential_from_console: shown.is_console.then_some("true"),
        aws_region: region,
    };
    add_connection(&mut record, member, random);
    record
}

fn caller_address(member: &Member, shown: &Shown<'_>) -> String {
    match member.archetype.principal {
        Principal::Service(host) | Principal::ServiceLinked(host) if shown.session.ip.is_empty() => {
            host.into()
        }
        Principal::Agent if shown.session.ip.is_empty() => "bedrock.amazonaws.com".into(),
        _ => shown.session.ip.clone(),
    }
}

/// What CloudTrail adds about the connection: TLS, transfer sizes, the VPC endpoint.
fn add_connection(record: &mut ApiCall, member: &Member, random: &mut Random) {
    if record.source_ip.ends_with(".amazonaws.com") {
        return;
    }
    if member.archetype.origin == Origin::Endpoint && record.source_ip.starts_with("10.") {
        let endpoint = crate::term::stable_hash(&member.region) % 0xFFFF;
        record.vpc_endpoint_id = Some(format!("vpce-0a1b2c3d4e5f6{endpoint:04x}"));
    }
    let host = record.event_source.trim_end_matches(".amazonaws.com").to_owned();
    record.tls_details = Some(TlsDetails {
        tls_version: "TLSv1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256",
        client_provided_host_header: format!("{host}.{}.amazonaws.com", record.aws_region),
    });
    if record.event_category == "Data" {
        record.additional_event_data = json!({
            "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader", "x-amz-id-2": random.hex(56),
            "bytesTransferredOut": bytes_out(record, member, random.unit()),
        });
    }
}

/// What S3 sends to the caller: an answer, or an object. Objects of one identity are of one magnitude, and those of backups of
/// quite another: what they hold is whole. `part` is between 0 and 1.
fn bytes_out(record: &ApiCall, member: &Member, part: f64) -> u64 {
    /// Bytes of an answer without an object, at most.
    const ANSWER: f64 = 600.0;
    if record.event_name != "GetObject" || record.error_code.is_some() {
        return (ANSWER * part) as u64;
    }
    let kind = (crate::term::stable_hash(&member.stem) % 8) as f64;
    let usual = if member.archetype.name.contains("backup") { 23.0 + kind / 2.0 } else { 12.0 + kind };
    (usual - 3.0 + 6.0 * part).exp2() as u64
}

/// Makes the record of an object's read one of an object of so many bytes.
pub(super) fn set_bytes(record: &mut ApiCall, bytes: u64) {
    let is_read = record.event_name == "GetObject" && record.error_code.is_none();
    if let Some(sent) = record.additional_event_data.get_mut("bytesTransferredOut").filter(|_| is_read) {
        *sent = json!(bytes);
    }
}

fn error_code(ending: Ending, service: &str) -> Option<&'static str> {
    match ending {
        Ending::Success => None,
        Ending::Denied if service == "ec2" => Some("Client.UnauthorizedOperation"),
        Ending::Denied if matches!(service, "s3" | "iam" | "sts") => Some("AccessDenied"),
        Ending::Denied => Some("AccessDeniedException"),
        Ending::Throttled => Some("ThrottlingException"),
        Ending::NotFound if service == "s3" => Some("NoSuchKey"),
        Ending::NotFound => Some("ResourceNotFoundException"),
    }
}

fn error_message(ending: Ending, member: &Member, call: &Call) -> Option<String> {
    match ending {
        Ending::Success => None,
        Ending::Denied => Some(format!(
            "User: {} is not authorized to perform: {}:{} because no identity-based policy allows the action",
            member.arn(),
            call.service,
            call.name
        )),
        Ending::Throttled => Some("Rate exceeded".into()),
        Ending::NotFound => Some("The specified resource does not exist.".into()),
    }
}

/// Who opened a session of a role, and the record of it; `None` where the log shows none.
pub(super) fn opening(member: &Member, session: &Session, random: &mut Random) -> Option<(String, ApiCall)> {
    let (id, user_identity, event_name) = opener(member)?;
    let by_service = user_identity.invoked_by.clone();
    let mut request =
        json!({"roleArn": member.arn(), "roleSessionName": session.name, "durationSeconds": 3600});
    if event_name == "AssumeRole" && by_service.is_none() {
        request["externalId"] = json!(format!("{:016x}", crate::term::stable_hash(&member.stem)));
    }
    let host = by_service.clone().unwrap_or_else(|| session.ip.clone());
    let mut record = ApiCall {
        event_version: "1.08",
        user_identity,
        event_time: trail_time(session.created),
        event_source: "sts.amazonaws.com".into(),
        event_name: event_name.into(),
        aws_region: member.region.clone(),
        source_ip: host.clone(),
        user_agent: by_service.unwrap_or_else(|| "aws-sdk-js/3.600.0 lang/js md/nodejs#20.15.0".into()),
        error_code: None,
        error_message: None,
        request_parameters: request,
        response_elements: opened(member, session),
        additional_event_data: Value::Null,
        request_id: random.uuid(),
        event_id: random.uuid(),
        read_only: true,
        resources: vec![Resource {
            account_id: member.account.clone(),
            resource_type: "AWS::IAM::Role",
            arn: member.arn(),
        }],
        event_type: "AwsApiCall",
        management_event: true,
        recipient_account_id: member.account.clone(),
        vpc_endpoint_id: None,
        event_category: "Management",
        tls_details: None,
        session_credential_from_console: None,
    };
    add_connection(&mut record, member, random);
    Some((id, record))
}

/// Makes the record of an `AssumeRole` call one that asks for the role of `target`, and is answered with `session` where it
/// worked.
pub(super) fn assume(record: &mut ApiCall, target: &Member, session: &Session) {
    record.request_parameters = json!({"roleArn": target.arn(), "roleSessionName": session.name});
    if record.error_code.is_none() {
        record.response_elements = opened(target, session);
    }
    record.resources = vec![Resource {
        account_id: target.account.clone(),
        resource_type: "AWS::IAM::Role",
        arn: target.arn(),
    }];
}

fn opened(member: &Member, session: &Session) -> Value {
    json!({
        "credentials": {"accessKeyId": session.key, "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
            "expiration": session.expires.to_utc().format("%b %-d, %Y, %-I:%M:%S %p").to_string()},
        "assumedRoleUser": {"assumedRoleId": format!("{}:{}", member.unique_id, session.name),
            "arn": format!("arn:aws:sts::{}:assumed-role/{}/{}", member.account, member.name, session.name)},
    })
}

/// Identity id and `userIdentity` of whoever opens the sessions of `member`, with the call that does it.
fn opener(member: &Member) -> Option<(String, UserIdentity, &'static str)> {
    let by_service = |host: &str| {
        let who = UserIdentity {
            principal_type: "AWSService",
            invoked_by: Some(host.into()),
            ..UserIdentity::default()
        };
        Some((format!("aws-service:{host}"), who, "AssumeRole"))
    };
    match member.archetype.principal {
        Principal::Instance => by_service("ec2.amazonaws.com"),
        Principal::Lambda => by_service("lambda.amazonaws.com"),
        Principal::Task => by_service("ecs-tasks.amazonaws.com"),
        Principal::CodeBuild => by_service("codebuild.amazonaws.com"),
        Principal::Agent => by_service("bedrock.amazonaws.com"),
        Principal::Device => by_service("credentials.iot.amazonaws.com"),
        Principal::GitHub => {
            web_identity(member, format!("repo:example-org/{}", member.stem), ":ref:refs/heads/main")
        }
        Principal::Pod => {
            web_identity(member, format!("system:serviceaccount:{}:{}", member.team, member.stem), "")
        }
        Principal::Vendor => Some(supplier(member)),
        _ => None,
    }
}

fn web_identity(
    member: &Member,
    subject: String,
    suffix: &str,
) -> Option<(String, UserIdentity, &'static str)> {
    let provider = session::web_identity_provider(member)?;
    let (_, provider_name) = provider.split_once("-provider/")?;
    let id = format!("aws-web-identity:{provider_name}:{subject}");
    let who = UserIdentity {
        principal_type: "WebIdentityUser",
        principal_id: Some(format!("{provider}:sts.amazonaws.com:{subject}{suffix}")),
        user_name: Some(format!("{subject}{suffix}")),
        identity_provider: Some(provider),
        ..UserIdentity::default()
    };
    Some((id, who, "AssumeRoleWithWebIdentity"))
}

fn supplier(member: &Member) -> (String, UserIdentity, &'static str) {
    let account = session::supplier_account(member);
    let unique_id = format!("AROA{:016}", crate::term::stable_hash(&account) % 10_000_000_000_000_000);
    let who = UserIdentity {
        principal_type: "AWSAccount",
        principal_id: Some(format!("{unique_id}:collector")),
        account_id: Some(account.clone()),
        ..UserIdentity::default()
    };
    (format!("aws-account:{account}:{unique_id}"), who, "AssumeRole")
}
