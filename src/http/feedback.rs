//! `POST /api/v1/feedback`: an analyst's word, written to the feedback topic.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::runtime::clock;
use crate::wire::FeedbackRecord;
use crate::wire::feedback::{Arrival, MAX_BYTES, SCHEMA};

use super::problem::Problem;

/// The answer where `http.feedback` is false.
pub(super) fn turned_off() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "feedback is not taken here: set http.feedback = true where only analysts reach this port, or use \
         `nhi-monitor feedback`",
    )
}

/// Reads the request: a feedback record, of which `schema` and `at` may be left out.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<FeedbackRecord, Problem> {
    // A form of another site cannot send this type without being asked first, and is never allowed to.
    if !is_json(headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send content-type: application/json"));
    }
    let too_large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {MAX_BYTES} bytes"));
    let body = to_bytes(body, MAX_BYTES).await.map_err(too_large)?;
    completed(&body).map_err(Problem::bad_request)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn completed(body: &Bytes) -> Result<FeedbackRecord, String> {
    let now = clock::now();
    let mut value: Value = serde_json::from_slice(body).map_err(|_| "the body is not valid JSON")?;
    let object = value.as_object_mut().ok_or("the body is not a JSON object")?;
    object.entry("schema").or_insert_with(|| SCHEMA.into());
    object.entry("at").or_insert_with(|| now.to_rfc3339().into());
    let record = FeedbackRecord::read(value.to_string().as_bytes()).map_err(|error| error.to_string())?;
    // What ingest would set aside is refused here, where somebody reads the answer.
    let arrival = Arrival { received: now, skew_ms: 0 };
    record.check(arrival).map_err(|error| error.to_string())?;
    Ok(record)
}
