//! What a decommission job reads: the command, and the two examples in `examples/decommission`, from a real Apache Kafka.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and its history ends now"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use nhi_monitor::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};
use nhi_monitor::wire::backfill;
use serde_json::Value;
use support::{Scenario, role_event, role_id, until, until_received};

/// Days of history, up to now.
const DAYS: i64 = 110;

/// Roles that stopped after a week; the inventory gives one of them to an owner.
const FORGOTTEN: [&str; 2] = ["forgotten", "left-behind"];

/// A role that stopped with them, and that the inventory has retired.
const RETIRED: &str = "taken-out";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// The records of roles that work every two hours for so many days, 110 days ago.
fn history(roles: &[&str], days: i64) -> Vec<String> {
    let start = now_ms() - DAYS * DAY_MS;
    let at = |step: i64| ProcessingTime::from_millis(start + step * 2 * HOUR_MS).to_rfc3339();
    let event = |step: i64, role: &str| format!("{}\n", role_event(role, &at(step), step as usize));
    (0..days * 12).flat_map(|step| roles.iter().map(move |role| event(step, role))).collect()
}

/// The statement that nothing else happened in the log source of these roles up to now.
fn covered() -> Vec<u8> {
    let (first, last) = (EventTime::from_millis(now_ms() - DAYS * DAY_MS), EventTime::from_millis(now_ms()));
    let hours = vec![(first.hour(), last.hour())];
    backfill::Statement::new("aws:111122223333:eu-west-1", hours, last, false).to_bytes().unwrap()
}

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    eprintln!("$ {arguments:?}\n{}", String::from_utf8_lossy(&output.stdout));
    output
}

fn nhi_monitor(settings: &Path, arguments: &[&str]) -> Output {
    let (verb, rest) = arguments.split_first().unwrap();
    run(env!("CARGO_BIN_EXE_nhi-monitor"), &[&[verb, "-c", settings.to_str().unwrap()], rest].concat())
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn json(output: &Output) -> Vec<Value> {
    lines(output).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The settings of a scenario, in a folder that is gone with the first of the two.
fn settings_of(scenario: &Scenario) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("nhi-monitor.toml");
    std::fs::write(&settings, toml::to_string(&scenario.config).unwrap()).unwrap();
    (folder, settings)
}

/// What the examples print of a topic, the shell's first.
fn examples(topic: &[&str]) -> Vec<Output> {
    let mut outputs = vec![run("examples/decommission/unused.sh", topic)];
    match std::env::var("NHI_TEST_PYTHON") {
        Ok(python) => {
            let script = [&["examples/decommission/unused.py"][..], topic].concat();
            outputs.push(run(python, &script));
        }
        Err(_) => {
            eprintln!("NOT RUN: the Python example: NHI_TEST_PYTHON is not set; `./test kafka` sets it")
        }
    }
    outputs
}

/// The command in all its forms, the Python example and the kcat example name the same identities, and what is retired only where it is asked for;
/// the exit codes say what scripts need to know.
#[test]
fn whoever_reads_the_inventory_is_told_the_same() {
    let Some(scenario) = Scenario::new("decommission") else { return };
    let (_folder, settings) = settings_of(&scenario);
    let service = scenario.start();
    let empty = nhi_monitor(&settings, &["unused", "--check"]);
    assert_eq!(empty.status.code(), Some(0), "nothing is listed yet");
    let (busy, forgotten) = (history(&["busy"], DAYS), history(&[FORGOTTEN[0], FORGOTTEN[1], RETIRED], 7));
    let (first, all) = (busy.len() as u64, (busy.len() + forgotten.len()) as u64);
    let owned = role_id(FORGOTTEN[0]);
    let inventory = &scenario.config.topics.inventory;
    scenario.produce_keyed(inventory, &format!("identity:{owned}"), r#"{"owner":"team-web"}"#);
    let retired = role_id(RETIRED);
    scenario.produce_keyed(inventory, &format!("identity:{retired}"), r#"{"status":"retired"}"#);
    // First what shows that the log source is covered until now, so that what is judged then is judged by it. As live records these come months
    // late, and would count hours after the last; so it is stated, as `backfill` does, that they are all.
    scenario.produce_lines(scenario.input(), busy.concat().as_bytes());
    scenario.produce_with_header(scenario.input(), (backfill::STATEMENT_HEADER, "test"), &covered());
    until_received(&service, first + 3);
    scenario.produce_lines(scenario.input(), forgotten.concat().as_bytes());
    until_received(&service, all + 3);
    until("all of it is learned", || service.monitor_stats().activities == all);
    service.shutdown().unwrap();

    let mut expected: Vec<String> = FORGOTTEN.iter().map(|role| role_id(role)).collect();
    expected.sort();
    let named = |rows: Vec<String>, separator: char| -> Vec<String> {
        rows.iter().map(|row| row.split(separator).next().unwrap().to_owned()).collect()
    };
    let records = json(&nhi_monitor(&settings, &["unused", "--format", "jsonl"]));
    let ids: Vec<&str> = records.iter().map(|record| record["identity_id"].as_str().unwrap()).collect();
    assert_eq!(ids, expected);
    assert!(records.iter().all(|record| record["unused_days"].as_u64() >= Some(102)), "{records:?}");
    let with_retired = json(&nhi_monitor(&settings, &["unused", "--retired", "--format", "jsonl"]));
    let found: Vec<_> = with_retired
        .iter()
        .filter(|record| !ids.contains(&record["identity_id"].as_str().unwrap()))
        .collect();
    let [found] = found[..] else { panic!("{with_retired:?}") };
    assert_eq!((&found["identity_id"], &found["status"]), (&Value::from(retired), &Value::from("retired")));
    assert_eq!(found["decommission"]["grade"], "safe", "{found}");
    let csv = lines(&nhi_monitor(&settings, &["unused", "--format", "csv"]));
    assert_eq!(named(csv[..2].to_vec(), ','), expected, "the heading is last in order");

    let topic = [scenario.config.kafka.brokers.as_str(), inventory];
    let told: Vec<Vec<String>> = examples(&topic).iter().map(lines).collect();
    assert_eq!(named(told[0].clone(), '\t'), expected);
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");

    assert_eq!(nhi_monitor(&settings, &["unused", "--check"]).status.code(), Some(3));
    let none = ["unused", "--check", "--owner", "team-data"];
    assert_eq!(nhi_monitor(&settings, &none).status.code(), Some(0));
    let old = nhi_monitor(&settings, &["unused", "--max-age", "0s"]);
    assert_eq!((old.status.code(), old.stdout.is_empty()), (Some(4), true));
    assert!(String::from_utf8_lossy(&old.stderr).contains("is the monitor running?"));

    let digests = json(&nhi_monitor(&settings, &["digest", "--json"]));
    let whose: Vec<_> =
        digests.iter().map(|digest| (digest["owner"].as_str(), digest["total"].as_u64())).collect();
    assert_eq!(whose.len(), 2, "{digests:?}");
    assert!(whose.contains(&(None, Some(1))) && whose.contains(&(Some("team-web"), Some(1))), "{whose:?}");
    let published = nhi_monitor(&settings, &["digest", "--publish", &scenario.config.topics.dead_letter]);
    assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));
    let on_topic: Vec<Option<String>> =
        scenario.read(&scenario.config.topics.dead_letter).into_iter().map(|read| read.key).collect();
    assert!(on_topic.contains(&Some("team-web".to_owned())), "{on_topic:?}");
}

/// An inventory to which nobody wrote for a day is refused by the command and by both examples, until the monitor goes on.
#[test]
fn whoever_reads_an_inventory_that_nobody_writes_is_told_so() {
    let Some(scenario) = Scenario::new("stale") else { return };
    let (_folder, settings) = settings_of(&scenario);
    let inventory = &scenario.config.topics.inventory;
    let write = |role: &str, status: &str, hours_ago: i64| {
        let id = role_id(role);
        let record = serde_json::json!({
            "schema": "nhi.last-seen/1", "identity_id": id, "kind": "cloud_role", "class": "non_human", "provider": "aws",
            "status": status, "unused_days": (status == "unused").then_some(91), "coverage": {"ratio": 1.0},
            "updated_at": ProcessingTime::from_millis(now_ms() - hours_ago * HOUR_MS).to_rfc3339(),
        });
        scenario.produce_keyed(inventory, &format!("last-seen:{id}"), &record.to_string());
    };
    let each = || {
        let topic = [scenario.config.kafka.brokers.as_str(), inventory];
        let mut outputs = vec![nhi_monitor(&settings, &["unused", "--format", "csv"])];
        outputs.extend(examples(&topic));
        outputs
    };
    write("forgotten", "unused", 25);
    for refused in each() {
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
        assert!(said.contains("is the monitor running?"), "{said}");
    }
    write("busy", "active", 1);
    for listed in each() {
        let said = lines(&listed).concat();
        assert!(said.contains(&role_id("forgotten")) && !said.contains(&role_id("busy")), "{said}");
    }
}
