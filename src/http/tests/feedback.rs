//! `POST /api/v1/feedback`, from a client that says what it likes.

use super::*;
use crate::monitor::feedback::Scope;
use crate::monitor::{Feedback, Record, Verdict};
use crate::wire::FeedbackRecord;

/// Takes what it is told to take.
pub(super) struct Taker {
    taken: Mutex<Vec<FeedbackRecord>>,
    answer: Result<(), String>,
}

impl FeedbackTaker for Taker {
    fn take(&self, record: &FeedbackRecord) -> Result<(), String> {
        self.taken.lock().unwrap().push(record.clone());
        self.answer.clone()
    }
}

const ACCEPT: &str =
    r#"{"identity_id":"linux:web:deploy","verdict":"accept","by":"ana","reason":"change 4711"}"#;

fn with(answer: Result<(), String>) -> Running {
    start(Fake { feedback: Some(Taker { taken: Mutex::default(), answer }), ..fake() })
}

fn post(server: &Running, kind: &str, body: &str) -> Answer {
    let length = body.len();
    server.send(&format!(
        "POST /api/v1/feedback HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn taken(server: &Running) -> Vec<FeedbackRecord> {
    server.backend.feedback.as_ref().unwrap().taken.lock().unwrap().clone()
}

#[test]
fn feedback_is_written_and_given_back_with_what_was_left_out() {
    let server = with(Ok(()));
    let answer = post(&server, "application/json; charset=utf-8", ACCEPT);
    assert_eq!(answer.code, 202, "{}", answer.body);
    let record = FeedbackRecord::read(answer.body.as_bytes()).unwrap();
    assert_eq!((record.schema.as_str(), record.verdict.as_str()), ("nhi.feedback/1", "accept"));
    assert!(EventTime::parse_rfc3339(&record.at).is_some(), "{record:?}");
    assert_eq!(taken(&server), [record]);
    let answered = server.backend.answered.lock().unwrap().clone();
    assert_eq!(answered, [("/api/v1/feedback", 202)]);
}

#[test]
fn feedback_is_taken_only_where_the_operator_allows_for_it() {
    let answer = post(&start(fake()), "application/json", ACCEPT);
    assert_eq!(answer.code, 403);
    assert!(answer.json()["detail"].as_str().unwrap().contains("http.feedback = true"), "{}", answer.body);
}

#[test]
fn what_cannot_be_taken_is_a_problem_and_is_not_written() {
    let server = with(Ok(()));
    let check = |kind: &str, body: &str, code: u16, part: &str| {
        let answer = post(&server, kind, body);
        assert_eq!(answer.code, code, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{body}: {}", answer.body);
    };
    let json = "application/json";
    check("text/plain", ACCEPT, 415, "application/json");
    check("application/x-www-form-urlencoded", ACCEPT, 415, "application/json");
    check(json, "{", 400, "not valid JSON");
    check(json, "[]", 400, "not a JSON object");
    check(json, &ACCEPT.replace("accept", "ignore"), 400, "accept, mute, reopen");
    check(json, &ACCEPT.replace("\"by\"", "\"who\""), 400, "unknown field `who`");
    check(json, &ACCEPT.replace("4711", &"x".repeat(20_000)), 413, "bytes");
    assert_eq!(taken(&server), []);
}

#[test]
fn what_kafka_does_not_take_is_said() {
    let answer = post(&with(Err("no broker".into())), "application/json", ACCEPT);
    assert_eq!((answer.code, &answer.json()["detail"]), (503, &"no broker".into()));
}

#[test]
fn feedback_is_posted_and_nothing_else() {
    let server = with(Ok(()));
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = server
            .send(&format!("{method} /api/v1/feedback HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.code, 405, "{method}");
        assert!(answer.head.contains("allow: post"), "{}", answer.head);
    }
}

#[test]
fn an_identity_shows_what_was_said_about_it() {
    let mut monitor = fixture::empty_monitor();
    monitor.activity(&fixture::activity("ci/deploy", &Sample::default(), 0, "first"), &mut Vec::new());
    let at = EventTime::from_millis(1_800_000_000_000);
    let mute = Feedback {
        identity_id: ROLE.into(),
        verdict: Verdict::Mute,
        scope: Scope::Detector("new-service".into()),
        at,
        until: Some(at.plus_millis(DAY_MS)),
        by: "ana".into(),
        reason: "change 4711".into(),
    };
    monitor.process(&Record::Feedback(Box::new(mute)), &mut Vec::new());
    let server = start(Fake { views: vec![monitor.view()], ..fake() });
    let identity = server.get(&format!("/api/v1/identities/{ROLE}")).json();
    let expected = serde_json::json!([{"verdict": "mute", "detector": "new-service",
        "at": "2027-01-15T08:00:00.000Z", "until": "2027-01-16T08:00:00.000Z"}]);
    assert_eq!(identity["feedback"], expected);
}
