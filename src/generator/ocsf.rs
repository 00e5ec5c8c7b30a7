//! A call as Security Lake writes it: OCSF API Activity (class 6003), schema 1.1.
//!
//! Fields after <https://github.com/ocsf/examples> (mappings/markdown/AWS, CloudTrail v2).

use serde_json::{Value, json};

use super::record::ApiCall;
use crate::time::EventTime;

/// The OCSF event of a call made at `time`.
pub(super) fn api_activity(time: EventTime, call: &ApiCall) -> Value {
    let (activity_id, activity) = activity(call);
    let is_success = call.error_code.is_none();
    json!({
        "metadata": {
            "product": {"version": call.event_version, "name": "CloudTrail", "vendor_name": "AWS",
                "feature": {"name": call.event_category}},
            "event_code": call.event_type, "uid": call.event_id,
            "profiles": ["cloud", "datetime"], "version": "1.1.0",
        },
        "time": time.millis(), "time_dt": call.event_time,
        "cloud": {"region": call.aws_region, "provider": "AWS", "account": {"uid": call.recipient_account_id}},
        "api": {
            "response": {"error": call.error_code, "message": call.error_message, "data": text(&call.response_elements)},
            "operation": call.event_name, "service": {"name": call.event_source},
            "request": {"data": text(&call.request_parameters), "uid": call.request_id},
        },
        "actor": actor(call),
        "http_request": {"user_agent": call.user_agent},
        "src_endpoint": endpoint(&call.source_ip),
        "resources": call.resources.iter().map(|resource| json!({
            "uid": resource.arn, "owner": {"account": {"uid": resource.account_id}}, "type": resource.resource_type,
        })).collect::<Vec<_>>(),
        "class_name": "API Activity", "class_uid": 6003,
        "category_name": "Application Activity", "category_uid": 6,
        "severity_id": 1, "severity": "Informational",
        "activity_name": activity, "activity_id": activity_id,
        "type_uid": 600_300 + activity_id, "type_name": format!("API Activity: {activity}"),
        "status": if is_success { "Success" } else { "Failure" }, "status_id": if is_success { 1 } else { 2 },
        "unmapped": unmapped(call),
    })
}

fn actor(call: &ApiCall) -> Value {
    let who = &call.user_identity;
    let session = who.session_context.as_ref();
    let issuer = session.and_then(|session| session.session_issuer.as_ref());
    json!({
        "user": {
            "type": who.principal_type, "name": who.user_name, "uid": who.arn, "uid_alt": who.principal_id,
            "account": {"uid": who.account_id}, "credential_uid": who.access_key_id,
        },
        "session": {
            "created_time_dt": session.map(|session| &session.attributes.creation_date),
            "is_mfa": session.map(|session| session.attributes.mfa_authenticated == "true"),
            "issuer": issuer.map(|issuer| &issuer.arn),
        },
        "invoked_by": who.invoked_by, "idp": {"name": who.identity_provider},
    })
}

fn endpoint(source: &str) -> Value {
    if source.ends_with(".amazonaws.com") { json!({"domain": source}) } else { json!({"ip": source}) }
}

/// Security Lake keeps what has no place of its own under flat names, as text.
fn unmapped(call: &ApiCall) -> Value {
    let session = call.user_identity.session_context.as_ref();
    let issuer = session.and_then(|session| session.session_issuer.as_ref());
    json!({
        "readOnly": call.read_only.to_string(), "managementEvent": call.management_event.to_string(),
        "recipientAccountId": call.recipient_account_id, "eventCategory": call.event_category,
        "userIdentity.sessionContext.sessionIssuer.type": issuer.map(|issuer| issuer.issuer_type),
        "userIdentity.sessionContext.sessionIssuer.principalId": issuer.map(|issuer| &issuer.principal_id),
        "userIdentity.sessionContext.sessionIssuer.userName": issuer.map(|issuer| &issuer.user_name),
        "sessionCredentialFromConsole": call.session_credential_from_console,
        "vpcEndpointId": call.vpc_endpoint_id,
        "additionalEventData.bytesTransferredOut": call.additional_event_data.get("bytesTransferredOut").map(Value::to_string),
    })
}

fn text(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { json!(value.to_string()) }
}

/// OCSF's reading of what a call does, by its verb.
fn activity(call: &ApiCall) -> (u32, &'static str) {
    let starts = |verbs: &[&str]| verbs.iter().any(|verb| call.event_name.starts_with(verb));
    if call.read_only {
        (2, "Read")
    } else if starts(&["Create", "Put", "Run", "Register"]) {
        (1, "Create")
    } else if starts(&["Delete", "Terminate"]) {
        (4, "Delete")
    } else {
        (3, "Update")
    }
}
