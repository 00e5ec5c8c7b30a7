//! CloudTrail records, eventVersion 1.0 to 1.11.
//!
//! What is not a use of an identity is skipped, with a label:
//!
//! * `insight`: an Insights event is a statement about many calls, which were logged one by one.
//! * `service_event`: an `AwsServiceEvent` that names nobody but AWS, such as a key's yearly rotation: the service
//!   did it on its own. Where it names a user or role (Identity Center's sign-ins), it is an activity.
//! * `anonymous`: a public bucket read without credentials.
//! * `hidden_user`: a failed sign-in with a user name that does not exist; AWS hides it, as it may be a password.
//!
//! * `sign_in_correction`: a correction of a refused sign-in, which was no use of an identity to begin with.
//!
//! An `addendum` (since eventVersion 1.08) marks a record that came late (`DELIVERY_DELAY`, `SERVICE_OUTAGE`), which is the
//! first report of its call, or one that completes or corrects an earlier record (`UPDATED_DATA`), which is not one more use.
//! Only the latter names the earlier record, in `originalEventID` and `originalRequestID`.

mod event_time;
mod outcome;
mod record;
mod resource;
mod session;

use super::client::client;
use super::origin::{is_service, origin};
use super::{AwsPrincipal, Context, Error, Normalized, Principal};
use crate::activity::{Event, Origin, Usage};
use crate::decode::RawRecord;
use crate::text::Text;
use crate::time::EventTime;

pub(super) use event_time::parse as parse_time;
pub(super) use record::{Record, UserIdentity, read};
pub(super) use resource::{Parameters, Resource};

/// Turns one record into who did what.
pub(super) fn normalize<'a>(raw: &RawRecord<'a>, context: &Context<'a>) -> Result<Normalized<'a>, Error> {
    let record: Record<'a> = read(raw.text)?;
    let time = match &record.event_time {
        Some(time) => parse_time(time).ok_or_else(|| Error::bad_time(time))?,
        None => raw.envelope.time.ok_or(Error::MissingField("eventTime"))?,
    };
    activity(&record, time, context)
}

/// What a record says happened at `time`; the part that CloudTrail's own and OCSF's form of it share.
pub(super) fn activity<'a>(
    record: &Record<'a>,
    time: EventTime,
    context: &Context<'a>,
) -> Result<Normalized<'a>, Error> {
    if let Some(reason) = skip_reason(record) {
        return Ok(Normalized::Skipped(reason));
    }
    if is_nobody(&record.user_identity) {
        return Err(Error::MissingField("userIdentity"));
    }
    let event = event(record, time, context)?;
    Ok(Normalized::Activity(Principal::Aws(principal(record)), Box::new(event)))
}

fn skip_reason(record: &Record<'_>) -> Option<&'static str> {
    let identity = &record.user_identity;
    if record.event_category.as_deref() == Some("Insight")
        || record.event_type.as_deref() == Some("AwsCloudTrailInsight")
    {
        return Some("insight");
    }
    if record.event_type.as_deref() == Some("AwsServiceEvent") && !names_actor(identity) {
        return Some("service_event");
    }
    if identity.account_id.as_deref() == Some("ANONYMOUS_PRINCIPAL") {
        return Some("anonymous");
    }
    let is_hidden = identity.user_name.as_deref() == Some("HIDDEN_DUE_TO_SECURITY_REASONS");
    if is_hidden && identity.arn.is_none() {
        return Some("hidden_user");
    }
    (is_correction(record) && outcome::is_refused_sign_in(record)).then_some("sign_in_correction")
}

/// Whether a record completes or corrects an earlier one.
fn is_correction(record: &Record<'_>) -> bool {
    record.addendum.reason.as_deref() == Some("UPDATED_DATA") || record.addendum.original_event_id.is_some()
}

/// Whether a principal is absent, or holds nothing to go by.
fn is_nobody(identity: &UserIdentity<'_>) -> bool {
    let UserIdentity { kind, principal_id, arn, account_id, user_name, invoked_by, .. } = identity;
    [kind, principal_id, arn, account_id, user_name, invoked_by].into_iter().all(Option::is_none)
}

/// Whether somebody other than AWS is named.
fn names_actor(identity: &UserIdentity<'_>) -> bool {
    match identity.kind.as_deref() {
        Some("AWSService" | "AWSAccount") => false,
        Some("Unknown") | None => {
            identity.arn.is_some() || identity.user_name.is_some() || identity.on_behalf_of.user_id.is_some()
        }
        Some(_) => true,
    }
}

fn event<'a>(record: &Record<'a>, time: EventTime, context: &Context<'a>) -> Result<Event<'a>, Error> {
    let (time, time_clamped) = time.clamped(context.received, context.clock_skew_ms);
    let service = service(record.event_source.as_ref().ok_or(Error::MissingField("eventSource"))?);
    let operation = record.event_name.as_ref().ok_or(Error::MissingField("eventName"))?;
    let account = record.recipient_account_id.as_ref().or(record.user_identity.account_id.as_ref());
    let acting_session = session::session(record);
    let origin = call_origin(record);
    Ok(Event {
        time,
        time_clamped,
        received: context.received,
        usage: usage(record, &service),
        credential: session::credential(record).filter(|_| !outcome::is_refused_sign_in(record)),
        operation: without_api_version(operation, &service),
        service,
        read_only: record.read_only,
        resource: record.resources.arn().or(record.request_parameters.resource()).cloned(),
        outcome: outcome::outcome(record),
        error_code: record.error_code.clone(),
        via_service: via_service(record, &origin),
        origin,
        client: record.user_agent.as_ref().and_then(client),
        region: record.aws_region.clone(),
        account: account.cloned(),
        workload: session::workload(record, acting_session.as_ref()),
        session: acting_session.or_else(|| record.request_parameters.role_session_name.clone()),
        caller: session::caller(record),
        interactive: session::interactive(record),
        event_id: record.event_id.clone(),
        shared_event_id: record.shared_event_id.clone(),
        scope: scope(account, record.aws_region.as_ref()),
        provenance: context.provenance.clone(),
        is_past: false,
    })
}

fn scope(account: Option<&Text<'_>>, region: Option<&Text<'_>>) -> Text<'static> {
    let name = |part: Option<&Text<'_>>| part.map_or("unknown", Text::as_str).len();
    let mut scope = String::with_capacity("aws::".len() + name(account) + name(region));
    scope.push_str("aws:");
    scope.push_str(account.map_or("unknown", Text::as_str));
    scope.push(':');
    scope.push_str(region.map_or("unknown", Text::as_str));
    scope.into()
}

/// A service's short name, as IAM policies write it: `s3.amazonaws.com` → `s3`.
fn service<'a>(source: &Text<'a>) -> Text<'a> {
    let short = source.map_part(|source| {
        let global = source.strip_suffix(".cn").unwrap_or(source);
        global.strip_suffix(".amazonaws.com").unwrap_or(source)
    });
    if short == "monitoring" { "cloudwatch".into() } else { short }
}

/// The operation's name as IAM knows it: Lambda and CloudFront log it with their API's date behind it
/// (`UpdateFunctionCode20150331v2`, `CreateDistribution2020_05_31`).
fn without_api_version<'a>(operation: &Text<'a>, service: &str) -> Text<'a> {
    if !matches!(service, "lambda" | "cloudfront") {
        return operation.clone();
    }
    operation.map_part(|name| {
        let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        if name.len() - digits >= "20150331".len() && digits > 0 { &name[..digits] } else { name }
    })
}

/// Sign-ins and the like start a session and do nothing in it; one that was refused proves nothing about who tried.
fn usage(record: &Record<'_>, service: &str) -> Usage {
    let operation = record.event_name.as_deref().unwrap_or_default();
    match (service, operation) {
        _ if is_correction(record) => Usage::Correction,
        ("signin" | "sso", name) if name != "SwitchRole" && outcome::is_refused_sign_in(record) => {
            Usage::Unproven
        }
        ("signin", _) | ("sts", "GetSessionToken") => Usage::AuthenticatedOnly,
        ("sso", "UserAuthentication" | "Authenticate" | "Federate") => Usage::AuthenticatedOnly,
        _ => Usage::Used,
    }
}

fn call_origin<'a>(record: &Record<'a>) -> Origin<'a> {
    let source = record.source_ip_address.as_ref().map(origin).unwrap_or_default();
    Origin { vpc_endpoint: record.vpc_endpoint_id.clone(), ..source }
}

/// The service that called on the identity's behalf. The console's sign-in is none, and `AWS Internal` names none.
fn via_service<'a>(record: &Record<'a>, origin: &Origin<'a>) -> Option<Text<'a>> {
    let identity = &record.user_identity;
    if identity.kind.as_deref() == Some("AWSService") {
        return None;
    }
    let names_service = |name: &&Text<'a>| {
        is_service(name) && !matches!(name.as_str(), "signin.amazonaws.com" | "AWS Internal")
    };
    let invoker = identity.invoked_by.as_ref().filter(names_service);
    invoker.or(origin.provider_service.as_ref().filter(names_service)).cloned()
}

fn principal<'a>(record: &Record<'a>) -> AwsPrincipal<'a> {
    let identity = &record.user_identity;
    let issuer = &identity.session_context.session_issuer;
    AwsPrincipal {
        principal_type: identity.kind.clone().unwrap_or_default(),
        principal_id: identity.principal_id.clone(),
        arn: identity.arn.clone(),
        account: identity.account_id.clone(),
        user_name: identity.user_name.clone(),
        invoked_by: identity.invoked_by.clone(),
        issuer_type: issuer.kind.clone(),
        issuer_arn: issuer.arn.clone(),
        issuer_principal_id: issuer.principal_id.clone(),
        identity_provider: session::provider(record).cloned(),
        on_behalf_of: identity.on_behalf_of.user_id.clone(),
        identity_store: identity.on_behalf_of.identity_store_arn.clone(),
    }
}
