//! An analyst's word, from the command through a real Apache Kafka to the alerts that it ends and prevents.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use nhi_monitor::runtime::Service;
use serde_json::{Value, json};
use support::{Scenario, role_event, role_id, until, until_received};

const ROLE: &str = "worker";

/// A role that reads a bucket every second hour for four weeks.
fn history() -> String {
    let hours = (1..=28).flat_map(|day| (0..24).step_by(2).map(move |hour| (day, hour)));
    let event = |(n, (day, hour))| role_event(ROLE, &format!("2026-02-{day:02}T{hour:02}:10:00Z"), n);
    hours.enumerate().map(|numbered| format!("{}\n", event(numbered))).collect()
}

/// The role's credential in other hands: what is done, from where, with what.
fn theft(service: &str, action: &str, ip: &str, at: &str) -> Vec<u8> {
    let mut event = role_event(ROLE, at, 9_000);
    event["eventSource"] = json!(format!("{service}.amazonaws.com"));
    event["eventName"] = json!(action);
    event["sourceIPAddress"] = json!(ip);
    event["userAgent"] = json!(format!("tool-of-{ip}/1.0"));
    event.to_string().into_bytes()
}

/// What was found of the role's behaviour: its log source ends with the history, and is missed, and so are its runs.
fn alerts(scenario: &Scenario) -> Vec<Value> {
    let is_about_silence = |alert: &Value| {
        matches!(alert["metadata"]["event_code"].as_str(), Some("source-silent" | "missed-heartbeat"))
    };
    let all = scenario.read(&scenario.config.topics.alerts);
    all.iter().map(support::Read::json).filter(|alert| !is_about_silence(alert)).collect()
}

/// Runs `nhi-monitor feedback` on the scenario's settings.
fn feedback(scenario: &Scenario, folder: &Path, arguments: &[&str]) -> Output {
    let file = folder.join("nhi-monitor.toml");
    std::fs::write(&file, toml::to_string(&scenario.config).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"));
    let (verb, rest) = arguments.split_first().unwrap();
    let output = command.args(["feedback", verb, "-c"]).arg(&file).args(rest).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn suppressed(service: &Service, reason: &str) -> u64 {
    service.monitor_stats().suppressed.get(reason).copied().unwrap_or_default()
}

/// An accepted incident closes and says so; what was accepted raises nothing again, also not at the next owner; another attack does.
#[test]
fn feedback_ends_an_incident_and_what_was_accepted_stays_quiet() {
    let Some(scenario) = Scenario::new("feedback") else { return };
    let folder = tempfile::tempdir().unwrap();
    let service = scenario.start();
    scenario.produce_lines(scenario.input(), history().as_bytes());
    until_received(&service, 28 * 12);
    let attack = |at: &str| theft("iam", "CreateAccessKey", "198.51.100.7", at);
    scenario.produce(scenario.input(), &[attack("2026-03-01T09:00:00Z")]);
    until("the attack is reported", || alerts(&scenario).len() == 1);
    let uid = alerts(&scenario)[0]["finding_info"]["uid"].as_str().unwrap().to_owned();

    let role = role_id(ROLE);
    let words = ["--incident", &uid, "--by", "ana", "--reason", "change 4711"];
    let said = feedback(&scenario, folder.path(), &[&["accept", &role][..], &words].concat());
    assert!(String::from_utf8_lossy(&said.stdout).contains(r#""verdict":"accept""#));
    until("the incident is closed", || alerts(&scenario).len() == 2);
    let closed = &alerts(&scenario)[1];
    assert_eq!((&closed["activity_id"], &closed["status_id"]), (&json!(3), &json!(4)), "{closed}");
    assert_eq!(closed["finding_info"]["uid"], json!(uid));
    assert_eq!(closed["status_detail"], json!("accepted by ana: change 4711"));

    // What nobody can read is set aside, and holds up nothing.
    scenario.produce_keyed(&scenario.config.topics.feedback, &role, r#"{"verdict":"accept"}"#);
    scenario.produce(scenario.input(), &[attack("2026-03-01T15:00:00Z")]);
    until_received(&service, 28 * 12 + 4);
    service.shutdown().unwrap();

    let next = scenario.start();
    scenario.produce(scenario.input(), &[attack("2026-03-02T15:00:00Z")]);
    until("the same is taken in by the next owner", || next.monitor_stats().activities == 1);
    assert_eq!(alerts(&scenario).len(), 2, "what was accepted is quiet");
    let other = theft("secretsmanager", "GetSecretValue", "203.0.113.9", "2026-03-02T16:00:00Z");
    scenario.produce(scenario.input(), &[other]);
    until("another attack is reported", || alerts(&scenario).len() == 3);
    let opened = &alerts(&scenario)[2];
    assert_eq!(opened["activity_id"], json!(1), "{opened}");
    assert_ne!(opened["finding_info"]["uid"], json!(uid));

    let mute = ["mute", &role, "--until", "7d", "--by", "ana", "--reason", "migration"];
    feedback(&scenario, folder.path(), &mute);
    until("the mute is taken", || next.monitor_stats().feedback.contains_key("mute"));
    scenario.produce(scenario.input(), &[theft("kms", "Decrypt", "203.0.113.99", "2026-03-02T17:00:00Z")]);
    until("it is counted and not reported", || suppressed(&next, "muted") > 0);
    assert_eq!(alerts(&scenario).len(), 3);
    next.shutdown().unwrap();

    let listed = feedback(&scenario, folder.path(), &["list", &role]);
    let listed = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.contains("2 records; 1 could not be read."), "{listed}");
    let letters = scenario.read(&scenario.config.topics.dead_letter);
    assert_eq!(letters.iter().filter_map(|letter| letter.header("reason")).collect::<Vec<_>>(), ["bad_json"]);
}
