use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "arn:aws:iam::111122223333:role/app";
const UID: &str = "00112233445566778899aabbccddeeff";

fn arrival() -> Arrival {
    let received = ProcessingTime::parse_rfc3339("2026-01-31T12:00:00Z").unwrap();
    Arrival { received, skew_ms: 300_000 }
}

/// An acceptance, with some keys set or (`null`) taken out.
fn record(changes: Value) -> Vec<u8> {
    let mut record = json!({"schema": SCHEMA, "identity_id": ID, "verdict": "accept", "by": "ana",
        "reason": "change 4711", "at": "2026-01-31T11:00:00Z"});
    for (key, value) in changes.as_object().unwrap() {
        record[key] = value.clone();
    }
    record.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    record.to_string().into_bytes()
}

fn parsed(changes: Value) -> Result<Feedback, Error> {
    parse(ID.as_bytes(), &record(changes), arrival())
}

fn days_after_at(feedback: &Feedback) -> Option<i64> {
    feedback.until.map(|until| until.millis_since(feedback.at) / DAY_MS)
}

#[test]
fn each_verdict_is_about_what_it_may_be_about() {
    let scope = |changes: Value| parsed(changes).unwrap().scope;
    assert_eq!(scope(json!({})), Scope::Identity);
    let uid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
    assert_eq!(scope(json!({"incident_uid": UID})), Scope::Incident(uid));
    assert_eq!(scope(json!({"verdict": "Reopen", "incident_uid": UID})), Scope::Incident(uid));
    assert_eq!(
        scope(json!({"verdict": "mute", "detector": "new-origin"})),
        Scope::Detector("new-origin".into())
    );
    assert_eq!(scope(json!({"verdict": "reopen", "detector": "x"})), Scope::Detector("x".into()));
}

#[test]
fn a_mute_ends_and_an_acceptance_lasts_unless_they_say_otherwise() {
    let days = |changes: Value| days_after_at(&parsed(changes).unwrap());
    assert_eq!(days(json!({})), None);
    assert_eq!(days(json!({"until": "2026-02-02T11:00:00Z"})), Some(2));
    assert_eq!(days(json!({"verdict": "mute"})), Some(30));
    assert_eq!(days(json!({"verdict": "mute", "until": "2027-03-07T11:00:00Z"})), Some(400));
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_bounded_reason() {
    let check = |changes: Value, kind: &str, words: &str| {
        let error = parsed(changes.clone()).unwrap_err();
        assert_eq!(error.kind(), kind, "{changes}: {error}");
        assert!(error.to_string().contains(words), "{changes}: {error}");
    };
    check(json!({"schema": "nhi.feedback/2"}), "unknown_schema", "nhi.feedback/1");
    check(json!({"verdict": "ignore"}), "unknown_word", "accept, mute, reopen");
    check(json!({"identity_id": null}), "bad_json", "missing field `identity_id`");
    check(json!({"incident": UID}), "bad_json", "unknown field `incident`");
    check(json!({"identity_id": "linux:web:a"}), "identity_id_mismatch", "linux:web:a");
    check(json!({"by": " \u{7}"}), "empty_text", "`by`");
    check(json!({"reason": ""}), "empty_text", "`reason`");
    check(json!({"incident_uid": "+0112233445566778899aabbccddeeff"}), "bad_incident_uid", "32 hexadecimal");
    check(json!({"detector": "x"}), "not_applicable", "a detector is muted");
    check(
        json!({"verdict": "mute", "incident_uid": UID}),
        "not_applicable",
        "`mute` takes no `incident_uid`",
    );
    check(json!({"verdict": "mute", "detector": "a\nb"}), "bad_detector", "control");
    check(json!({"verdict": "mute", "detector": "x".repeat(200)}), "too_large", "the most is 128");
    check(json!({"at": "yesterday"}), "bad_time", "`at` is `yesterday`");
    check(json!({"until": "2026-01-31T11:00:00Z"}), "bad_until", "not after");
    check(json!({"verdict": "mute", "until": "2027-03-07T11:00:01Z"}), "bad_until", "400 days");
    check(json!({"verdict": "reopen", "until": "2026-03-01T00:00:00Z"}), "not_applicable", "stays so");
    check(json!({"reason": "x".repeat(MAX_BYTES)}), "too_large", "feedback in bytes");
    let refused = |value: &[u8]| parse(b"", value, arrival()).unwrap_err().kind();
    assert_eq!((refused(b"[]"), refused(b"\xff"), refused(b"{} {}")), ("bad_json", "bad_json", "bad_json"));
    assert_eq!(parse(b"\xff", &record(json!({})), arrival()), Err(Error::BadKey));
}

#[test]
fn a_wrong_value_is_not_repeated_in_the_error() {
    let error = parsed(json!({"until": ["hunter2"]})).unwrap_err().to_string();
    assert!(error.contains("`until`") && !error.contains("hunter2"), "{error}");
}

#[test]
fn hostile_texts_are_put_on_one_line_and_cut() {
    let feedback =
        parsed(json!({"by": "x".repeat(900), "reason": format!("a\r\n\u{1b}[2Jb{}", "y".repeat(900))}));
    let Feedback { by, reason, .. } = feedback.unwrap();
    assert_eq!((by.chars().count(), reason.chars().count()), (257, 513));
    assert!(reason.starts_with("a   [2Jb") && !reason.chars().any(char::is_control), "{reason}");
}

#[test]
fn a_decision_of_the_future_counts_as_of_its_arrival() {
    let at = |at: &str| parsed(json!({"at": at, "verdict": "mute"})).unwrap().at.to_rfc3339();
    assert_eq!(at("2026-01-31T12:04:00Z"), "2026-01-31T12:04:00.000Z");
    assert_eq!(at("2036-01-31T12:04:00Z"), "2026-01-31T12:00:00.000Z");
}

#[test]
fn a_record_is_written_as_it_is_read() {
    let bytes = record(json!({"incident_uid": UID, "until": "2026-02-02T11:00:00Z"}));
    let read = FeedbackRecord::read(&bytes).unwrap();
    assert_eq!(FeedbackRecord::read(&read.to_bytes().unwrap()).unwrap(), read);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), until in ".{0,40}") {
        prop_assert!(parse(&bytes, &bytes, arrival()).is_err());
        match parsed(json!({"verdict": "mute", "until": until})) {
            Ok(mute) => prop_assert!(days_after_at(&mute) <= Some(MAX_MUTE_DAYS)),
            Err(error) => prop_assert!(["bad_time", "bad_until"].contains(&error.kind())),
        }
    }
}
