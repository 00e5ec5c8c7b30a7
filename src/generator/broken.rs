//! Payloads that a monitor must refuse, and payloads that it must pass over.

use serde_json::json;

use super::random::Random;
use super::shape::gzip;

/// What is wrong with a payload.
pub(super) const BROKEN: [&str; 6] =
    ["cut_off", "no_time", "bad_time", "no_identity", "binary", "notification"];

/// A record that is not one, for the middle of a batch.
pub(super) const BROKEN_IN_BATCH: &str = r#"{"eventVersion":"1.08","comment":"a record without a name"}"#;

/// A payload with this wrong about it; it counts as one record.
pub(super) fn broken(what: &str, random: &mut Random) -> Vec<u8> {
    let record = |identity: serde_json::Value, time: &str| {
        json!({
            "eventVersion": "1.08", "userIdentity": identity, "eventTime": time, "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject", "awsRegion": "eu-west-1", "eventID": random_like(time),
        })
    };
    let user = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/broken", "accountId": "111122223333"});
    match what {
        "cut_off" => {
            let whole = record(user, "2026-01-31T09:30:00Z").to_string();
            let end = whole.len() / 2 + random.below(whole.len() as u64 / 3) as usize;
            whole.as_bytes()[..end].to_vec()
        }
        "no_time" => {
            let mut record = record(user, "");
            if let Some(fields) = record.as_object_mut() {
                fields.shift_remove("eventTime");
            }
            record.to_string().into_bytes()
        }
        "bad_time" => record(user, "yesterday, about noon").to_string().into_bytes(),
        "no_identity" => record(json!({"type": "Unknown"}), "2026-01-31T09:30:00Z").to_string().into_bytes(),
        "binary" => std::iter::once(0xFF).chain((0..63).map(|_| random.below(256) as u8 | 0x80)).collect(),
        _ => notification(random),
    }
}

fn random_like(text: &str) -> String {
    format!("00000000-0000-4000-8000-{:012x}", crate::term::stable_hash(text) >> 16)
}

/// S3's notice that a log file has arrived, instead of the file.
fn notification(random: &mut Random) -> Vec<u8> {
    let key = format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{}.json.gz", random.hex(16));
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-31T09:30:00.000Z",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "organization-trail"}, "object": {"key": key, "size": 4_096}},
    }]})
    .to_string()
    .into_bytes()
}

/// What a payload of no interest is.
pub(super) const SKIPPABLE: [&str; 2] = ["control_message", "insight"];

/// A payload that is understood and of no interest; it counts as one record.
pub(super) fn skippable(what: &str, random: &mut Random) -> Vec<u8> {
    match what {
        "control_message" => gzip(
            json!({
                "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
                "subscriptionFilters": [],
                "logEvents": [{"id": "", "timestamp": 1_769_851_800_000_i64,
                    "message": "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}],
            })
            .to_string()
            .as_bytes(),
        ),
        _ => json!({
            "eventVersion": "1.09", "eventTime": "2026-01-31T09:30:00Z", "awsRegion": "eu-west-1",
            "eventID": random.uuid(), "eventType": "AwsCloudTrailInsight", "recipientAccountId": "111122223333",
            "sharedEventID": random.uuid(), "eventCategory": "Insight",
            "insightDetails": {"state": "Start", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
                "insightType": "ApiCallRateInsight",
                "insightContext": {"statistics": {"baseline": {"average": 0.02}, "insight": {"average": 40.5}}}},
        })
        .to_string()
        .into_bytes(),
    }
}
