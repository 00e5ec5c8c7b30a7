//! What is known of addresses: from files to alerts, over the whole binary.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]
#![cfg(feature = "edges")]

#[path = "support/mmdb.rs"]
mod mmdb;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use chrono::{DateTime, SecondsFormat};
use mmdb::{countries, systems};
use serde_json::{Value, json};

fn nhi_monitor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nhi-monitor")).args(arguments).output().unwrap()
}

/// A CloudTrail record of an exporting role, `hour` hours after 2026-01-01.
fn record(hour: i64, action: &str, ip: &str) -> Value {
    let time = DateTime::from_timestamp(1_767_225_600 + hour * 3_600, 0).unwrap();
    let role = "arn:aws:iam::111122223333:role/nightly-export";
    json!({
        "eventVersion": "1.10", "eventID": format!("e-{hour}-{action}"), "eventType": "AwsApiCall",
        "eventTime": time.to_rfc3339_opts(SecondsFormat::Secs, true), "recipientAccountId": "111122223333",
        "eventSource": format!("{}.amazonaws.com", action.split(':').next().unwrap()),
        "eventName": action.split(':').nth(1).unwrap(), "awsRegion": "eu-west-1",
        "sourceIPAddress": ip, "userAgent": "Boto3/1.34",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:job", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/nightly-export/job",
            "sessionContext": { "sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "arn": role, "userName": "nightly-export",
            }},
        },
    })
}

/// A month at home, and then somebody with the role's credential elsewhere, who looks for secrets.
fn write_theft(folder: &Path) -> String {
    let usual = (0..30 * 24).map(|hour| record(hour, "s3:GetObject", "192.0.2.10"));
    let theft = ["iam:CreateAccessKey", "secretsmanager:GetSecretValue", "iam:AttachUserPolicy"];
    let theft = theft.iter().map(|action| record(30 * 24, action, "198.51.100.7"));
    let lines: Vec<String> = usual.chain(theft).map(|record| record.to_string()).collect();
    write(folder, "trail.jsonl", lines.join("\n").as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Settings that name all there is.
fn write_settings(folder: &Path) -> String {
    let systems =
        systems(&[("198.51.100.0/24", 64_500, "Example Hosting"), ("192.0.2.0/24", 64_501, "Home")]);
    let asn = write(folder, "asn.mmdb", &systems.bytes());
    let country = write(
        folder,
        "country.mmdb",
        &countries(&[("198.51.100.0/24", "BR"), ("192.0.2.0/24", "DE")]).bytes(),
    );
    let list = write(folder, "exits.txt", b"# exits\n198.51.100.7\n");
    let text = format!(
        "[enrichment]\nasn_database = {asn:?}\ncountry_database = {country:?}\n\
         networks = [{{ name = \"exits\", class = \"tor\", file = {list:?} }}]\n"
    );
    write(folder, "nhi-monitor.toml", text.as_bytes())
}

/// The alerts of a scan, all in one text, and those that are JSON.
fn alerts(folder: &Path, trail: &str, settings: &[&str]) -> Vec<Value> {
    let path = folder.join("alerts.jsonl");
    let arguments = [&["scan", "--alerts", path.to_str().unwrap(), trail], settings].concat();
    let output = nhi_monitor(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Guarantees that an alert tells where an address is, who announces it and on which list it stands, where the settings let that
/// be known; and else says none of it.
#[test]
fn an_alert_tells_what_databases_and_lists_know_of_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, settings) = (write_theft(folder.path()), write_settings(folder.path()));
    let known = alerts(folder.path(), &trail, &["-c", &settings]);
    let evidence = known[0]["evidences"].as_array().unwrap();
    let from = evidence.iter().find(|one| one["src_endpoint"]["ip"] == "198.51.100.7").unwrap();
    assert_eq!(from["src_endpoint"]["location"]["country"], "BR");
    let system = json!({"number": 64_500, "name": "Example Hosting"});
    assert_eq!(from["src_endpoint"]["autonomous_system"], system);
    assert_eq!(
        (&from["data"]["network_class"], &from["data"]["network_list"]),
        (&json!("tor"), &json!("exits"))
    );
    let words = known[0].to_string();
    let origin = "comes from a new network, country and autonomous system: \
                  198.51.100.7 (BR, AS64500 Example Hosting), a Tor exit (list \\\"exits\\\")";
    assert!(words.contains(origin), "{words}");
    assert!(words.contains("192.0.2.0/24; DE; AS64501"), "what is usual: {words}");

    let unknown = alerts(folder.path(), &trail, &[]);
    let words = unknown[0].to_string();
    assert!(words.contains("comes from a new network: 198.51.100.7"), "{words}");
    for absent in ["BR", "AS64500", "Tor", "autonomous_system", "network_class"] {
        assert!(!words.contains(absent), "{absent}: {words}");
    }
    let risk = |alerts: &[Value]| alerts[0]["risk_score"].as_i64().unwrap();
    assert!(risk(&known) > risk(&unknown), "{} and {}", risk(&known), risk(&unknown));
}

/// Guarantees that settings which name what cannot be taken are refused with the key, and that those which can are told.
#[test]
fn a_check_of_the_settings_reads_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let settings = write_settings(folder.path());
    let output = nhi_monitor(&["config", "check", "-c", &settings]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("autonomous systems of addresses as of 2026-01-01T00:00:00.000Z"), "{text}");
    assert!(text.contains("1 networks on lists"), "{text}");

    let asn = folder.path().join("asn.mmdb");
    let sound = fs::read(&asn).unwrap();
    let country = fs::read(folder.path().join("country.mmdb")).unwrap();
    for (bytes, expected) in [
        (&sound[..sound.len() / 2], "is not a sound database"),
        (b"<html>quota</html>".as_slice(), "is not a sound database"),
        (
            &country[..],
            "is a database of type `GeoLite2-Country`, in which no address has an autonomous system",
        ),
    ] {
        fs::write(&asn, bytes).unwrap();
        for command in [vec!["config", "check"], vec!["scan", "-"]] {
            let output = nhi_monitor(&[command, vec!["-c", settings.as_str()]].concat());
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{complaint}");
            assert!(
                complaint.contains("`enrichment.asn_database`") && complaint.contains(expected),
                "{complaint}"
            );
        }
    }
    fs::write(&asn, sound).unwrap();
    fs::write(folder.path().join("exits.txt"), "198.51.100.7\nexit.example\n").unwrap();
    fs::remove_file(folder.path().join("country.mmdb")).unwrap();
    let output = nhi_monitor(&["config", "check", "-c", &settings]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    for part in [
        "`enrichment.country_database`",
        "cannot be read",
        "`enrichment.networks[0].file`",
        "line 2: `exit.example`",
    ] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
}
