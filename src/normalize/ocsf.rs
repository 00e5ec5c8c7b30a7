//! OCSF API Activity (class_uid 6003), as Amazon Security Lake writes CloudTrail, schema 1.0 to 1.5.
//!
//! Field mapping: Amazon Security Lake User Guide, "CloudTrail event logs", and
//! <https://schema.ocsf.io/classes/api_activity>. The fields are put back where CloudTrail has them; from there
//! on both formats go one way.

use serde::Deserialize;

use super::cloudtrail::{self, Parameters, Record, Resource, UserIdentity, parse_time, read};
use super::loose::{first, flag, integer, object, size, text};
use super::{Context, Error, Normalized};
use crate::decode::RawRecord;
use crate::text::Text;
use crate::time::EventTime;

/// Turns one event into who did what.
pub(super) fn normalize<'a>(raw: &RawRecord<'a>, context: &Context<'a>) -> Result<Normalized<'a>, Error> {
    let mut activity: ApiActivity<'a> = read(raw.text)?;
    let time = time(&activity)?.or(raw.envelope.time).ok_or(Error::MissingField("time"))?;
    let location = std::mem::take(&mut activity.src_endpoint.location);
    let system = std::mem::take(&mut activity.src_endpoint.autonomous_system);
    let mut normalized = cloudtrail::activity(&record(activity), time, context)?;
    if let Normalized::Activity(_, event) = &mut normalized
        && event.origin.ip.is_some()
    {
        event.origin.country = location.country.filter(|code| is_country(code));
        event.origin.asn = system
            .number
            .filter(|number| u32::try_from(*number).is_ok())
            .map(|number| format!("AS{number}").into());
        event.origin.as_name = event.origin.asn.is_some().then_some(system.name).flatten();
    }
    Ok(normalized)
}

/// ISO 3166 alpha-2, as the schema asks for.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `time` is in milliseconds; `time_dt` belongs to the date/time profile.
fn time(activity: &ApiActivity<'_>) -> Result<Option<EventTime>, Error> {
    if let Some(millis) = activity.time {
        return Ok(Some(EventTime::from_millis(millis)));
    }
    match &activity.time_dt {
        Some(text) => parse_time(text).map(Some).ok_or_else(|| Error::bad_time(text)),
        None => Ok(None),
    }
}

/// One event, as far as it is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiActivity<'a> {
    #[serde(deserialize_with = "integer")]
    time: Option<i64>,
    #[serde(borrow, deserialize_with = "text")]
    time_dt: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    status: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    metadata: Metadata<'a>,
    #[serde(borrow, deserialize_with = "object")]
    cloud: Cloud<'a>,
    #[serde(borrow, deserialize_with = "object")]
    api: Api<'a>,
    #[serde(borrow, deserialize_with = "object")]
    actor: Actor<'a>,
    /// Name of `actor` before schema 1.0.
    #[serde(borrow, deserialize_with = "object")]
    identity: Actor<'a>,
    #[serde(borrow, deserialize_with = "object")]
    src_endpoint: Endpoint<'a>,
    #[serde(borrow, deserialize_with = "object")]
    http_request: HttpRequest<'a>,
    #[serde(borrow, deserialize_with = "first")]
    resources: Named<'a>,
    #[serde(borrow, deserialize_with = "object")]
    unmapped: Unmapped<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow, deserialize_with = "text")]
    uid: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    event_code: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    product: Product<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Product<'a> {
    #[serde(borrow, deserialize_with = "object")]
    feature: Named<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cloud<'a> {
    #[serde(borrow, deserialize_with = "text")]
    region: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    account: Named<'a>,
    #[serde(borrow, deserialize_with = "text")]
    account_uid: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Api<'a> {
    #[serde(borrow, deserialize_with = "text")]
    operation: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    service: Named<'a>,
    #[serde(borrow, deserialize_with = "object")]
    response: Response<'a>,
    #[serde(borrow, deserialize_with = "object")]
    request: Request<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow, deserialize_with = "text")]
    error: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    error_message: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request<'a> {
    /// The request parameters, as JSON within a string.
    #[serde(borrow, deserialize_with = "embedded_parameters")]
    data: Parameters<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Actor<'a> {
    #[serde(borrow, deserialize_with = "object")]
    user: User<'a>,
    #[serde(borrow, deserialize_with = "object")]
    session: Session<'a>,
    #[serde(borrow, deserialize_with = "object")]
    idp: Named<'a>,
    #[serde(borrow, deserialize_with = "text")]
    invoked_by: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    kind: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    uid: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    uid_alt: Option<Text<'a>>,
    /// Name of `uid_alt` before schema 1.1.
    #[serde(borrow, deserialize_with = "text")]
    uuid: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    credential_uid: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    account: Named<'a>,
    /// Name of `account.uid` before schema 1.0.
    #[serde(borrow, deserialize_with = "text")]
    account_uid: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Session<'a> {
    #[serde(borrow, deserialize_with = "text")]
    issuer: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    credential_uid: Option<Text<'a>>,
    #[serde(deserialize_with = "flag")]
    is_mfa: Option<bool>,
    /// Name of `is_mfa` before schema 1.1.
    #[serde(deserialize_with = "flag")]
    mfa: Option<bool>,
}

/// Anything that has a name and an id.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow, deserialize_with = "text")]
    name: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    uid: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint<'a> {
    #[serde(borrow, deserialize_with = "text")]
    ip: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    domain: Option<Text<'a>>,
    /// The VPC endpoint.
    #[serde(borrow, deserialize_with = "text")]
    uid: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    location: Location<'a>,
    #[serde(borrow, deserialize_with = "object")]
    autonomous_system: System<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    #[serde(borrow, deserialize_with = "text")]
    country: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct System<'a> {
    #[serde(deserialize_with = "integer")]
    number: Option<i64>,
    #[serde(borrow, deserialize_with = "text")]
    name: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HttpRequest<'a> {
    #[serde(borrow, deserialize_with = "text")]
    user_agent: Option<Text<'a>>,
}

/// What has no place in the class, under CloudTrail's own names, with nested ones joined by dots.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Unmapped<'a> {
    #[serde(borrow, deserialize_with = "text")]
    recipient_account_id: Option<Text<'a>>,
    #[serde(rename = "sharedEventID", borrow, deserialize_with = "text")]
    shared_event_id: Option<Text<'a>>,
    #[serde(deserialize_with = "flag")]
    read_only: Option<bool>,
    #[serde(deserialize_with = "flag")]
    session_credential_from_console: Option<bool>,
    #[serde(rename = "addendum.reason", borrow, deserialize_with = "text")]
    addendum_reason: Option<Text<'a>>,
    #[serde(rename = "addendum.originalEventID", borrow, deserialize_with = "text")]
    addendum_original_event_id: Option<Text<'a>>,
    #[serde(
        rename = "userIdentity.sessionContext.sessionIssuer.principalId",
        borrow,
        deserialize_with = "text"
    )]
    issuer_principal_id: Option<Text<'a>>,
    #[serde(rename = "userIdentity.sessionContext.sourceIdentity", borrow, deserialize_with = "text")]
    source_identity: Option<Text<'a>>,
    #[serde(rename = "userIdentity.sessionContext.ec2RoleDelivery", borrow, deserialize_with = "text")]
    ec2_role_delivery: Option<Text<'a>>,
    #[serde(rename = "additionalEventData.bytesTransferredOut", deserialize_with = "size")]
    bytes_out: Option<u64>,
}

fn embedded_parameters<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Parameters<'de>, D::Error> {
    let json = text(from)?;
    let parameters = json.as_deref().and_then(|json| read::<Parameters<'_>>(json).ok());
    Ok(parameters.map(Parameters::into_owned).unwrap_or_default())
}

/// The fields where CloudTrail has them.
fn record(activity: ApiActivity<'_>) -> Record<'_> {
    let ApiActivity { metadata, cloud, api, actor, identity, src_endpoint, unmapped, .. } = activity;
    let is_old = actor.user.uid.is_none() && identity.user.uid.is_some();
    let status_failed = activity.status.filter(|status| *status == "Failure");
    let mut record = Record {
        event_source: api.service.name,
        event_name: api.operation,
        event_type: metadata.event_code,
        event_category: metadata.product.feature.name,
        event_id: metadata.uid,
        shared_event_id: unmapped.shared_event_id,
        aws_region: cloud.region,
        recipient_account_id: unmapped.recipient_account_id.or(cloud.account.uid).or(cloud.account_uid),
        source_ip_address: src_endpoint.ip.or(src_endpoint.domain),
        vpc_endpoint_id: src_endpoint.uid,
        user_agent: activity.http_request.user_agent,
        error_code: api.response.error,
        error_message: api.response.error_message.or(status_failed),
        read_only: unmapped.read_only,
        session_credential_from_console: unmapped.session_credential_from_console,
        user_identity: user_identity(if is_old { identity } else { actor }),
        request_parameters: api.request.data,
        resources: Resource::new(activity.resources.uid.filter(|uid| uid.starts_with("arn:"))),
        ..Record::default()
    };
    record.additional_event_data.bytes_out = unmapped.bytes_out;
    record.addendum.reason = unmapped.addendum_reason;
    record.addendum.original_event_id = unmapped.addendum_original_event_id;
    let context = &mut record.user_identity.session_context;
    context.session_issuer.principal_id = unmapped.issuer_principal_id;
    context.source_identity = unmapped.source_identity;
    context.ec2_role_delivery = unmapped.ec2_role_delivery;
    record
}

fn user_identity(actor: Actor<'_>) -> UserIdentity<'_> {
    let Actor { user, session, idp, invoked_by } = actor;
    let mut identity = UserIdentity {
        kind: user.kind.or_else(|| implied_type(user.uid.as_deref(), invoked_by.is_some())),
        principal_id: user.uid_alt.or(user.uuid),
        arn: user.uid,
        account_id: user.account.uid.or(user.account_uid),
        access_key_id: user.credential_uid.or(session.credential_uid),
        user_name: user.name,
        invoked_by,
        identity_provider: idp.name,
        ..UserIdentity::default()
    };
    identity.session_context.session_issuer.arn = session.issuer;
    identity.session_context.attributes.mfa_authenticated = session.is_mfa.or(session.mfa);
    identity
}

/// The principal's type, where a producer left it out, from its ARN.
fn implied_type(arn: Option<&str>, is_invoked: bool) -> Option<Text<'static>> {
    let kind = match arn {
        Some(arn) if arn.contains(":assumed-role/") => "AssumedRole",
        Some(arn) if arn.contains(":user/") => "IAMUser",
        Some(arn) if arn.ends_with(":root") => "Root",
        None if is_invoked => "AWSService",
        _ => return None,
    };
    Some(kind.into())
}
