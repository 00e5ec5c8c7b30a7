//! The examples in `docs/records.md` are records as the program writes and reads them.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::path::PathBuf;

use nhi_monitor::activity::Kind;
use nhi_monitor::time::ProcessingTime;
use nhi_monitor::wire::feedback::Arrival;
use nhi_monitor::wire::{Alert, FeedbackRecord, LastSeenRecord, declared, last_seen};

fn file(path: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// The JSON block that follows `<!-- example: NAME -->`.
fn example(name: &str) -> String {
    let page = file("docs/records.md");
    let (_, after) = page.split_once(&format!("<!-- example: {name} -->\n```json\n")).expect(name);
    after.split_once("```").expect(name).0.to_owned()
}

/// Guarantees that the alert shown is the golden one, which the independent validator accepts.
#[test]
fn the_alert_shown_is_one_that_is_written() {
    assert_eq!(example("alert"), file("tests/ocsf/alerts/create.json"));
    let alert: Alert = serde_json::from_str(&example("alert")).unwrap();
    assert_eq!(serde_json::to_string_pretty(&alert).unwrap() + "\n", example("alert"));
}

/// Guarantees that the last-seen record shown has all keys in their order, and that unknown keys of `declared` survive.
#[test]
fn the_last_seen_record_shown_is_one_that_is_written() {
    let record = LastSeenRecord::parse(example("last-seen").as_bytes()).unwrap();
    assert_eq!(serde_json::to_string_pretty(&record).unwrap() + "\n", example("last-seen"));
    assert!(record.declared.unwrap().as_str().contains("\"cost_center\":4711"));
    assert_eq!(last_seen::SCHEMA, record.schema);
}

/// Guarantees that the declaration shown is taken, from Kafka and from a file.
#[test]
fn the_declaration_shown_is_one_that_is_read() {
    let line = example("declared");
    let change = declared::parse_line(line.as_bytes()).unwrap();
    let key = declared::key(&change.identity_id);
    let record = declared::parse(key.as_bytes(), Some(line.as_bytes())).unwrap();
    assert_eq!(record, declared::InventoryRecord::Declared(Box::new(change.clone())));
    let declared = change.declared.unwrap();
    assert_eq!((declared.kind, declared.unused_after_days), (Some(Kind::Workload), Some(45)));
    assert_eq!(declared.allowed_networks[0].to_string(), "192.0.2.0/24");
}

/// Guarantees that the feedback shown is taken, and is written with its keys in this order.
#[test]
fn the_feedback_shown_is_taken() {
    let record = FeedbackRecord::read(example("feedback").as_bytes()).unwrap();
    assert_eq!(serde_json::to_string_pretty(&record).unwrap() + "\n", example("feedback"));
    let received = ProcessingTime::parse_rfc3339("2026-01-31T09:30:01Z").unwrap();
    let feedback = record.check(Arrival { received, skew_ms: 0 }).unwrap();
    assert!(feedback.until.is_some() && feedback.by == "ana@example.com", "{feedback:?}");
}
