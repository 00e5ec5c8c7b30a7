//! Detectors as the whole binary takes them: lists, tests and mistakes of a folder, and what another set would change.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]
#![cfg(feature = "edges")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const NEW_SERVICE: &str = include_str!("../detectors/new-service.yaml");

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_nhi-monitor")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let path = dir.path().display().to_string();
    (dir, path)
}

/// The built-in detectors as a folder, each changed.
fn builtin(change: impl Fn(&str) -> String) -> (tempfile::TempDir, String) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("detectors");
    let (dir, path) = folder(&[]);
    for entry in fs::read_dir(shipped).unwrap() {
        let from = entry.unwrap().path();
        let text = change(&fs::read_to_string(&from).unwrap());
        fs::write(dir.path().join(from.file_name().unwrap()), text).unwrap();
    }
    (dir, path)
}

fn before_severity(line: &str) -> impl Fn(&str) -> String {
    let line = line.to_owned();
    // A status takes the place of the one that is there.
    let in_place = |text: &str| text.replacen("\nstatus: shadow\n", "\n", 1);
    move |text| {
        let text = if line.starts_with("status:") { in_place(text) } else { text.to_owned() };
        text.replacen("\nseverity:", &format!("\n{line}\nseverity:"), 1)
    }
}

#[test]
fn a_list_tells_status_scope_exceptions_and_source() {
    let own = "status: shadow\nscope: { include: { environments: [prod] } }\nexceptions:\n  - { identity: 'linux:*', reason: nightly, owner: ops, expires: 2020-01-01 }";
    let (_dir, path) = folder(&[("own.yaml", &before_severity(own)(NEW_SERVICE))]);
    let (code, out, _) = run(&["detectors", "list", &path]);
    assert_eq!(code, 0);
    let line = out.lines().find(|line| line.starts_with(" new-service")).unwrap_or_default();
    assert!(["shadow", "limited", "1"].iter().all(|word| line.contains(word)), "{out}");
    assert!(out.contains("new-service: an exception has expired: identity linux:*, reason nightly, owner ops, expires 2020-01-01"), "{out}");
    let (_, json, _) = run(&["detectors", "list", "--json", &path]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let sources: Vec<&str> =
        json.as_array().unwrap().iter().map(|detector| detector["source"].as_str().unwrap()).collect();
    assert_eq!(sources.iter().filter(|source| **source != "built-in").count(), 1);
    let (_, shown, _) = run(&["detectors", "show", "new-service", &path]);
    assert!(shown.contains("only environments: prod") && shown.contains("own.yaml"), "{shown}");
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_shipped() {
    let (code, out, _) = run(&["detectors", "schema"]);
    assert_eq!((code, out.as_str()), (0, include_str!("../schemas/detector.schema.json")));
}

#[test]
fn embedded_tests_that_fail_show_what_was_expected_and_what_came() {
    let text = NEW_SERVICE.replacen("expect: fires", "expect: quiet", 1).replacen("expect: quiet\n    history: [{ activity: {}, every: 1h, for: 30days }]\n    then: [{ activity: { action: \"s3:PutObject\" } }]", "expect: fires\n    history: [{ activity: {}, every: 1h, for: 30days }]\n    then: [{ activity: { action: \"s3:PutObject\" } }]", 1);
    let (_dir, path) = folder(&[("a.yaml", &text)]);
    let (code, out, _) = run(&["detectors", "test", &path, "--only", "new-service"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("FAILED new-service: a reader of buckets turns to EC2\n"), "{out}");
    assert!(
        out.contains("- expected: stays quiet\n") && out.contains("+ got:      fires (1 signals"),
        "{out}"
    );
    assert!(out.contains("1 detectors, 3 tests, 2 failed"), "{out}");
    assert_eq!(run(&["detectors", "test"]).0, 0, "the built-in ones pass");
}

/// Every command that takes detectors names every mistake with its place, and ends with 2.
#[test]
fn mistakes_are_named_with_their_place_whoever_reads_them() {
    let (dir, path) =
        folder(&[("a.yaml", &NEW_SERVICE.replace("severity: low", "severty: low")), ("b.yaml", "- 1")]);
    let config = dir.path().join("c.toml");
    fs::write(&config, format!("[detection]\ndetectors = \"{path}\"\n")).unwrap();
    let config = config.display().to_string();
    for command in [
        vec!["detectors", "test", path.as_str()],
        vec!["config", "check", "-c", config.as_str()],
        vec!["scan", "-c", config.as_str(), path.as_str()],
        vec!["run", "-c", config.as_str()],
        vec!["backtest", "--detectors", path.as_str(), "--against", "builtin", path.as_str()],
    ] {
        let (code, _, error) = run(&command);
        assert_eq!(code, 2, "{command:?}: {error}");
        assert!(error.contains("a.yaml:9:1: `severty` is not a field; did you mean `severity`?"), "{error}");
        assert!(error.contains("b.yaml: is a list; expected is a section"), "{error}");
    }
}

/// A CloudTrail record of a role, `hour` hours after 2026-01-01.
fn record(hour: i64, name: &str, source: &str, ip: &str) -> String {
    let date = chrono::DateTime::from_timestamp(1_767_225_600 + hour * 3_600, 0).unwrap();
    let time = date.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let role = r#""sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/job","accountId":"111122223333","userName":"job"}"#;
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:job","arn":"arn:aws:sts::111122223333:assumed-role/job/job","accountId":"111122223333","sessionContext":{{{role}}}}},"eventTime":"{time}","eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"{ip}","userAgent":"{ip}/1","eventID":"e-{hour}-{name}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    ) + "\n"
}

/// A month of one role's work, and a theft of its credential at the end.
fn logs() -> (tempfile::TempDir, String) {
    let usual = (0..30 * 24).map(|hour| record(hour, "GetObject", "s3", "192.0.2.10"));
    let theft = [("CreateAccessKey", "iam"), ("GetSecretValue", "secretsmanager")];
    let theft = theft.into_iter().map(|(name, source)| record(30 * 24, name, source, "198.51.100.7"));
    folder(&[("trail.jsonl", &usual.chain(theft).collect::<String>())])
}

fn backtest(proposed: &str, against: &str, more: &[&str]) -> (i32, Value) {
    let (_dir, path) = logs();
    let fixed = ["backtest", "--json", "--detectors", proposed, "--against", against, &path];
    let (code, out, error) = run(&[&fixed, more].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}")))
}

fn total(report: &Value) -> [u64; 5] {
    ["before", "after", "new", "gone", "changed"].map(|name| report["total"][name].as_u64().unwrap())
}

#[test]
fn a_backtest_of_the_same_changes_nothing() {
    let (code, report) = backtest("builtin", "builtin", &["--fail-on-new", "0"]);
    assert_eq!((code, total(&report)), (0, [1, 1, 0, 0, 0]));
    assert_eq!(report["records"], 30 * 24 + 2);
}

#[test]
fn a_backtest_tells_what_is_new_gone_and_graver() {
    let (_shadow, shadow) = builtin(before_severity("status: shadow"));
    let (code, report) = backtest("builtin", &shadow, &["--fail-on-new", "0"]);
    assert_eq!((code, total(&report)), (1, [0, 1, 1, 0, 0]));
    assert_eq!(backtest("builtin", &shadow, &["--fail-on-new", "1"]).0, 0);
    assert_eq!(total(&backtest(&shadow, "builtin", &[]).1), [1, 0, 0, 1, 0]);
    let day = &report["by_day"]["2026-01-31"];
    assert_eq!(day["new"], 1, "{report}");
    let detectors = report["by_detector"].as_object().unwrap();
    let (_, lead) = detectors.iter().find(|(_, detector)| detector["new"] == 1).unwrap();
    assert_eq!(lead["samples"][0]["identity_id"], "arn:aws:iam::111122223333:role/job");
    assert!(detectors.values().any(|detector| detector["shadow_signals"][0].as_u64() > Some(0)), "{report}");

    let (_excepted, excepted) =
        builtin(before_severity("exceptions: [{ identity: '*:role/job', reason: r, owner: o }]"));
    let (_, report) = backtest(&excepted, "builtin", &[]);
    assert_eq!(total(&report), [1, 0, 0, 1, 0]);
    let detectors = report["by_detector"].as_object().unwrap();
    assert!(detectors.values().any(|detector| detector["excepted"][1].as_u64() > Some(0)), "{report}");

    let (_mild, mild) = builtin(|text| text.replace("\nseverity: medium", "\nseverity: informational"));
    let (_, report) = backtest(&mild, "builtin", &[]);
    let [before, after, new, gone, _] = total(&report);
    assert_eq!((before, after, new, gone), (1, 1, 0, 0));
}

#[test]
fn a_backtest_of_the_last_days_leaves_the_others_aside() {
    let (_shadow, shadow) = builtin(before_severity("status: shadow"));
    assert_eq!(total(&backtest("builtin", &shadow, &["--days", "1"]).1), [0, 1, 1, 0, 0]);
    let (_dir, path) = logs();
    let fixed = ["backtest", "--detectors", "builtin", "--against", shadow.as_str(), path.as_str()];
    let (code, out, _) = run(&fixed);
    assert_eq!(code, 0);
    assert!(out.contains("0 alerts before, 1 after: 1 new, 0 gone, 0 of another severity"), "{out}");
    assert!(out.contains("arn:aws:iam::111122223333:role/job"), "{out}");
}

/// The example of the documentation is a detector, and its tests pass.
#[test]
fn the_documented_example_works() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/detectors.md")).unwrap();
    let examples: Vec<&str> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples[0].starts_with("# yaml-language-server"), "the first is the whole one");
    let (_dir, path) = folder(&[("example.yaml", examples[0])]);
    let (code, out, error) = run(&["detectors", "test", &path, "--only", "payments-new-service"]);
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("1 detectors, 4 tests, 0 failed"), "{out}");
}
