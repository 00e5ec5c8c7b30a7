//! `scan`: the whole binary over files.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]
#![cfg(feature = "edges")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const ROLE: &str = "arn:aws:iam::111122223333:role/nightly-export";

fn scan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nhi-monitor")).arg("scan").args(arguments).output().unwrap()
}

/// The machine report of a scan that went well.
fn report(arguments: &[&str]) -> Value {
    let output = scan(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A CloudTrail record of the role, `day` days and `hour` hours after 2026-01-01.
fn record(day: u32, hour: u32, name: &str) -> String {
    let date =
        chrono::DateTime::from_timestamp(1_767_225_600 + i64::from(day * 86_400 + hour * 3_600), 0).unwrap();
    let time = date.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE:job","arn":"arn:aws:sts::111122223333:assumed-role/nightly-export/job","accountId":"111122223333","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE","arn":"{ROLE}","accountId":"111122223333","userName":"nightly-export"}}}}}},"eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.10","userAgent":"Boto3/1.34","readOnly":true,"eventID":"00000000-0000-4000-8000-{day:06}{hour:06}","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}}"#
    )
}

fn days(count: u32) -> Vec<String> {
    (0..count).flat_map(|day| (0..24).map(move |hour| record(day, hour, "GetObject"))).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The counts of a report, which must add up.
fn counts(report: &Value) -> (u64, u64, u64, u64) {
    let records = &report["records"];
    let sum =
        |map: &Value, part: &dyn Fn(&Value) -> u64| map.as_object().unwrap().values().map(part).sum::<u64>();
    let (all, activities) = (records["records"].as_u64().unwrap(), records["activities"].as_u64().unwrap());
    let skipped = sum(&records["skipped"], &|count| count.as_u64().unwrap());
    let rejected = sum(&records["rejected"], &|rejects| rejects["count"].as_u64().unwrap());
    assert_eq!(all, activities + skipped + rejected, "nothing vanishes: {records}");
    (all, activities, skipped, rejected)
}

#[test]
fn one_history_in_any_shape_gives_one_result() {
    let folder = tempfile::tempdir().unwrap();
    let records = days(10);
    let lines = records.join("\n");
    let document = format!("{{\"Records\":[{}]}}", records.join(","));
    let pretty = serde_json::to_vec_pretty(&serde_json::from_str::<Value>(&document).unwrap()).unwrap();
    let shapes = [
        write(folder.path(), "lines.jsonl", lines.as_bytes()),
        write(folder.path(), "lines.jsonl.gz", &gzip(lines.as_bytes())),
        write(folder.path(), "document.json", document.as_bytes()),
        write(folder.path(), "document.json.gz", &gzip(document.as_bytes())),
        write(folder.path(), "pretty.json", &pretty),
    ];
    let mut results = shapes.iter().map(|path| {
        let last_seen = folder.path().join("last-seen.out");
        let report = report(&["--last-seen", last_seen.to_str().unwrap(), path.to_str().unwrap()]);
        assert_eq!(counts(&report), (240, 240, 0, 0), "{}", path.display());
        fs::read_to_string(last_seen).unwrap()
    });
    let first = results.next().unwrap();
    assert!(first.contains(ROLE) && first.contains("\"last_seen\":\"2026-01-10T23:00:00.000Z\""), "{first}");
    assert!(results.all(|other| other == first));
}

#[test]
fn what_cannot_be_understood_is_counted_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{}\n{{\"broken\n\n{{\"unknown\":1}}\n", record(0, 0, "GetObject"));
    let path = write(folder.path(), "mixed.jsonl", text.as_bytes());
    write(folder.path(), "notes.txt", b"not a log");
    let report = report(&[folder.path().to_str().unwrap()]);
    assert_eq!(counts(&report), (3, 1, 0, 2));
    let firsts: Vec<&str> = report["records"]["rejected"]
        .as_object()
        .unwrap()
        .values()
        .map(|rejects| rejects["first"].as_str().unwrap())
        .collect();
    let place = |line: u32| format!("{}:{line}", path.display());
    assert!(firsts.contains(&place(2).as_str()), "{firsts:?}");
    assert_eq!(report["files"]["not_read"][0]["path"], folder.path().join("notes.txt").to_str().unwrap());
}

#[test]
fn a_forgotten_identity_is_unused_only_where_its_logs_are_covered() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = days(40);
    // Another role of the same account goes on for 40 days: the log source is covered.
    records.extend((40..80).flat_map(|day| {
        (0..24).map(move |hour| {
            record(day, hour, "GetObject")
                .replace("nightly-export", "other")
                .replace("AROAEXAMPLE", "AROAOTHER")
        })
    }));
    let path = write(folder.path(), "trail.jsonl", records.join("\n").as_bytes());
    let path = path.to_str().unwrap();
    let unused = report(&["--unused-days", "30", path]);
    assert_eq!(unused["unused"]["total"], 1, "{}", unused["unused"]);
    assert_eq!(unused["unused"]["identities"][0]["identity_id"], ROLE);
    assert_eq!(report(&["--unused-days", "60", path])["unused"]["total"], 0);
}

#[test]
fn declared_identities_bring_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write(folder.path(), "trail.jsonl", days(2).join("\n").as_bytes());
    let declared =
        format!("{{\"identity_id\":\"{ROLE}\",\"owner\":\"data-team\",\"kind\":\"automation\"}}\n");
    let inventory = write(folder.path(), "inventory.jsonl", declared.as_bytes());
    let out = folder.path().join("last-seen.jsonl");
    report(&[
        "--inventory",
        inventory.to_str().unwrap(),
        "--last-seen",
        out.to_str().unwrap(),
        logs.to_str().unwrap(),
    ]);
    let record: Value =
        serde_json::from_str(fs::read_to_string(out).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&record["kind"], &record["declared"]["owner"]), (&"automation".into(), &"data-team".into()));
}

#[test]
fn two_scans_of_the_same_files_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = days(30);
    records.push(record(31, 3, "PutBucketPolicy").replace("192.0.2.10", "203.0.113.9"));
    let path = write(folder.path(), "trail.jsonl", records.join("\n").as_bytes());
    let outputs: Vec<String> = ["a", "b"]
        .iter()
        .map(|name| {
            let alerts = folder.path().join(name);
            report(&["--alerts", alerts.to_str().unwrap(), path.to_str().unwrap()]);
            fs::read_to_string(alerts).unwrap()
        })
        .collect();
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn standard_input_is_read() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"))
        .args(["scan", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(days(1).join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("24 records") && text.contains(ROLE), "{text}");
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let settings = write(folder.path(), "settings.toml", b"[unused]\nafter_day = 3\n");
    let settings = settings.to_str().unwrap();
    for (arguments, expected) in [
        (vec!["-c", settings, "x.json"], "did you mean `unused.after_days`?"),
        (vec!["missing.json"], "nothing could be read"),
        (vec!["--inventory", "missing.jsonl", "x.json"], "inventory missing.jsonl cannot be read"),
    ] {
        let output = scan(&arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(expected) && complaint.trim_end().lines().count() == 1, "{complaint}");
    }
}

#[test]
fn records_of_others_are_understood_or_named_with_a_reason() {
    let fixtures = std::env::var_os("NHI_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures"), PathBuf::from);
    if !fixtures.is_dir() {
        eprintln!("reduced: {} is absent", fixtures.display());
        return;
    }
    for name in
        ["cloudtrail_versions/events.jsonl", "panther/AWS.CloudTrail.jsonl", "traildiscover/events.jsonl"]
    {
        let path = fixtures.join(name);
        let lines =
            fs::read_to_string(&path).unwrap().lines().filter(|line| !line.trim().is_empty()).count() as u64;
        let (records, activities, skipped, rejected) = counts(&report(&[path.to_str().unwrap()]));
        println!(
            "{name}: {records} records, {activities} activities, {skipped} skipped, {rejected} rejected"
        );
        assert!(records >= lines, "{name}");
    }
}

/// A call of `role` with `key` from `ip`, so many minutes after 2026-01-01; `more` are further fields.
fn call(role: &str, key: &str, ip: &str, minute: i64, action: (&str, &str), more: &str) -> String {
    let time = chrono::DateTime::from_timestamp(1_767_225_600 + minute * 60, 0).unwrap().to_rfc3339();
    let (service, name) = action;
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","principalId":"AROA{role}:job","arn":"arn:aws:sts::111122223333:assumed-role/{role}/job","accountId":"111122223333","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{role}","arn":"arn:aws:iam::111122223333:role/{role}","accountId":"111122223333","userName":"{role}"}}}}}},"eventTime":"{time}","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"{ip}","userAgent":"Boto3/1.34","eventID":"00000000-0000-4000-8000-{minute:012}","eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"{more}}}"#
    )
}

/// Two roles for a month; then a thief of the first one's session goes on as the second.
#[test]
fn an_attack_through_two_identities_is_told_as_one() {
    let usual = |role: &'static str, key: &'static str, first: i64| {
        (0..30 * 24)
            .map(move |hour| call(role, key, "192.0.2.10", hour * 60 + first, ("s3", "GetObject"), ""))
    };
    let mut lines: Vec<String> =
        usual("export", "ASIAEXPORT", 1).chain(usual("admin", "ASIAADMIN", 2)).collect();
    let opened = r#","requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/admin"},"responseElements":{"credentials":{"accessKeyId":"ASIASTOLEN"},"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/admin/step-2"}}"#;
    let (thief, start) = ("198.51.100.7", 30 * 24 * 60);
    lines.push(call("export", "ASIAEXPORT", thief, start + 3, ("iam", "ListRoles"), ""));
    lines.push(call("export", "ASIAEXPORT", thief, start + 4, ("sts", "AssumeRole"), opened));
    for (minute, name) in [(5, "ListUsers"), (6, "CreateUser"), (7, "CreateAccessKey")] {
        lines.push(call("admin", "ASIASTOLEN", thief, start + minute, ("iam", name), ""));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "chain.jsonl", lines.join("\n").as_bytes());
    let report = report(&[path.to_str().unwrap()]);
    let chains = report["incidents"]["chains"].as_array().unwrap();
    let [chain] = &chains[..] else { panic!("{:#}", report["incidents"]) };
    let roles = ["arn:aws:iam::111122223333:role/export", "arn:aws:iam::111122223333:role/admin"];
    assert_eq!(chain["identities"], serde_json::json!(roles));
    assert_eq!(chain["incidents"].as_array().unwrap().len(), 2);
    let text = String::from_utf8(scan(&[path.to_str().unwrap()]).stdout).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = format!("One attack through 2 identities, in 2 incidents: {} -> {}", roles[0], roles[1]);
    assert!(words.contains(&told), "{text}");
}
