//! The floor of everything that reads CloudTrail: a typed, borrowed parse of the fields that matter, UTF-8 checked.

use std::hint::black_box;

use nhi_monitor::text::Text;
use serde::Deserialize;

/// Parses one record, and drops it.
pub(crate) fn floor(record: &[u8]) {
    let text = simdutf8::basic::from_utf8(record).expect("synthesized records are text");
    black_box(serde_json::from_str::<Floor<'_>>(text).expect("synthesized records are JSON"));
}

/// The fields without which nothing can be said about who did what; all strings borrow.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct Floor<'a> {
    #[serde(borrow)]
    event_time: Text<'a>,
    #[serde(borrow)]
    event_source: Text<'a>,
    #[serde(borrow)]
    event_name: Text<'a>,
    #[serde(borrow)]
    aws_region: Text<'a>,
    #[serde(borrow, rename = "sourceIPAddress")]
    source_ip_address: Text<'a>,
    #[serde(borrow)]
    user_agent: Option<Text<'a>>,
    #[serde(borrow, rename = "eventID")]
    event_id: Text<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    recipient_account_id: Option<Text<'a>>,
    #[serde(borrow)]
    error_code: Option<Text<'a>>,
    read_only: Option<bool>,
    #[serde(borrow)]
    user_identity: FloorIdentity<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorIdentity<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    principal_id: Option<Text<'a>>,
    #[serde(borrow)]
    arn: Option<Text<'a>>,
    #[serde(borrow)]
    account_id: Option<Text<'a>>,
    #[serde(borrow)]
    access_key_id: Option<Text<'a>>,
    #[serde(borrow)]
    user_name: Option<Text<'a>>,
    #[serde(borrow)]
    invoked_by: Option<Text<'a>>,
    #[serde(borrow)]
    session_context: Option<FloorSession<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorSession<'a> {
    #[serde(borrow)]
    session_issuer: Option<FloorIssuer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, not read")]
struct FloorIssuer<'a> {
    #[serde(borrow)]
    arn: Text<'a>,
    #[serde(borrow)]
    principal_id: Text<'a>,
}
