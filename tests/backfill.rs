//! An archive as S3 keeps it, fed into a real Apache Kafka by the command, and what the monitor makes of it.

#![cfg(feature = "edges")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a scenario may fail, and waits by the clock"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use nhi_monitor::activity::Kind;
use nhi_monitor::generator::{Company, Mix, Mixer, Plan, Topic, Truth};
use nhi_monitor::runtime::clock;
use nhi_monitor::time::{DAY_MS, EventTime, HOUR_MS};
use serde_json::{Value, json};
use support::{Scenario, until, until_within};

/// Records to aim at.
const EVENTS: u64 = 30_000;
const DAYS: i64 = 40;
/// Days without use after which an identity is unused, so that the archive holds some.
const UNUSED_DAYS: u32 = 14;
/// Enough for a debug build on two loaded cores.
const DEADLINE: Duration = Duration::from_secs(300);

/// An archive on disk, and the truth about it.
struct Archive {
    folder: PathBuf,
    truth: Truth,
    /// The newest CloudTrail record of each identity that machines use every day, busiest first.
    busy: Vec<(String, Value)>,
}

/// Forty days of a company up to this hour, with attacks in the last ten: CloudTrail as its buckets are laid out, and a log.
fn archive(folder: &Path) -> Archive {
    let this_hour = i64::from(EventTime::from_millis(clock::now().millis()).hour());
    let until = EventTime::from_millis(this_hour * HOUR_MS);
    let since = until.plus_millis(-DAYS * DAY_MS);
    let company = Company::new(11, 80);
    let incidents = Some((until.plus_millis(-10 * DAY_MS), until.plus_millis(-2 * DAY_MS)));
    let emissions = company.emissions(&Plan { since, until, events: EVENTS, incidents });
    assert!(emissions.incidents().len() > 3, "the archive holds attacks");
    let mut truth = Truth::new(&company, emissions.incidents());
    let mut mixer = Mixer::new(11, Mix::bare());
    let (mut payloads, mut last) = (Vec::new(), BTreeMap::new());
    for emission in emissions {
        let from = payloads.len();
        mixer.push(&emission, &mut truth, &mut payloads);
        if let Some(payload) = payloads[from..].iter().find(|payload| payload.topic == Topic::CloudTrail) {
            last.insert(emission.identity.to_string(), payload.bytes.clone());
        }
    }
    mixer.finish(&mut truth, &mut payloads);
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut auth = Vec::new();
    for payload in payloads {
        let text = String::from_utf8(payload.bytes).unwrap();
        match payload.topic {
            Topic::CloudTrail => files.entry(key(&text)).or_default().push(text),
            Topic::Auth => auth.push(text),
        }
    }
    for (key, records) in files {
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, gzip(&format!(r#"{{"Records":[{}]}}"#, records.join(",")))).unwrap();
    }
    fs::write(folder.join("auth.log"), auth.join("\n")).unwrap();
    let busy = busy(&company, &truth, last);
    Archive { folder: folder.to_owned(), truth, busy }
}

/// Where CloudTrail puts a record: one file for each account, region and hour, delivered at its end.
fn key(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap();
    let text = |name: &str| record[name].as_str().unwrap_or("unknown").to_owned();
    let time = EventTime::parse_rfc3339(&text("eventTime")).unwrap();
    let end = EventTime::from_millis((i64::from(time.hour()) + 1) * HOUR_MS).to_rfc3339();
    let (account, region) = (text("recipientAccountId"), text("awsRegion"));
    let (day, stamp) = (end[..10].replace('-', "/"), end[..16].replace(['-', ':'], ""));
    let name = format!("{account}_CloudTrail_{region}_{stamp}Z_abcdefghijklmnop.json.gz");
    format!("AWSLogs/{account}/CloudTrail/{region}/{day}/{name}")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Machines' roles that were used from the first days to the last and not attacked.
fn busy(company: &Company, truth: &Truth, mut last: BTreeMap<String, Vec<u8>>) -> Vec<(String, Value)> {
    let attacked: BTreeSet<&str> =
        truth.incidents.iter().map(|incident| incident.identity_id.as_str()).collect();
    let mut roles: Vec<_> = company
        .members()
        .iter()
        .filter(|member| matches!(member.kind, Kind::Workload | Kind::Automation | Kind::CloudRole))
        .filter(|member| member.id.contains(":role/") && !attacked.contains(member.id.as_str()))
        .filter_map(|member| {
            let used = truth.identities.get(&member.id)?;
            let days = used.last_seen?.millis_since(used.first_seen?) / DAY_MS;
            (days > DAYS - 4).then_some((used.events, member.id.clone()))
        })
        .collect();
    roles.sort();
    let newest = |id: String| {
        let record = serde_json::from_slice(&last.remove(&id)?).ok()?;
        Some((id, record))
    };
    roles.into_iter().rev().map(|(_, id)| id).filter_map(newest).collect()
}

/// A role's credential in other hands, today.
fn theft(newest: &Value, number: usize) -> Vec<u8> {
    const ACTIONS: [(&str, &str); 4] = [
        ("iam", "ListUsers"),
        ("iam", "CreateAccessKey"),
        ("secretsmanager", "GetSecretValue"),
        ("iam", "AttachUserPolicy"),
    ];
    let (service, action) = ACTIONS[number % ACTIONS.len()];
    let mut event = newest.clone();
    let changes = [
        ("eventID", json!(format!("theft-{number}-{}", newest["eventID"]))),
        ("eventTime", json!(clock::now().to_rfc3339())),
        ("eventSource", json!(format!("{service}.amazonaws.com"))),
        ("eventName", json!(action)),
        ("sourceIPAddress", json!("198.51.100.77")),
        ("userAgent", json!("tool-of-a-thief/1.0")),
    ];
    for (name, value) in changes {
        event[name] = value;
    }
    event.to_string().into_bytes()
}

/// `backfill` of the archive.
fn backfill(scenario: &Scenario, archive: &Archive, arguments: &[&str]) -> Command {
    let mut command = command(scenario, archive, &["backfill"]);
    command.args(arguments);
    command.args([archive.folder.join("AWSLogs"), archive.folder.join("auth.log")]);
    command
}

/// A command on the scenario's settings.
fn command(scenario: &Scenario, archive: &Archive, words: &[&str]) -> Command {
    let file = archive.folder.join("nhi-monitor.toml");
    fs::write(&file, toml::to_string(&scenario.config).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"));
    command.args(words).arg("-c").arg(&file);
    command
}

/// Runs it to its end; gives its exit code and what it says.
fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), said.concat())
}

/// How many records a run says that it has sent.
fn position(scenario: &Scenario) -> u64 {
    let positions = scenario.latest(&scenario.config.topics.backfill, "");
    positions.values().next().and_then(|position| position["records"].as_u64()).unwrap_or_default()
}

/// History that is killed on its way in and goes on is there once and in order; the monitor learns all of it, raises nothing
/// for it, knows what is unused, and tells a theft of today at once.
#[test]
fn an_archive_is_learned_without_a_word_and_the_first_live_attack_is_told() {
    let Some(mut scenario) = Scenario::new("backfill") else { return };
    scenario.config.unused.after_days = UNUSED_DAYS;
    scenario.config.last_seen.publish_every = Duration::from_secs(2);
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let records = archive.truth.records;

    assert!(count_attacks(&archive) > 3, "seen live, the archive would be alerted on");
    let (code, said) = run(command(&scenario, &archive, &["topics", "create"]));
    assert!(code == Some(0) && said.contains(&scenario.config.topics.backfill), "{said}");
    kill_midway(&scenario, &archive);
    let (code, said) = run(backfill(&scenario, &archive, &["--no-wait"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(position(&scenario), records, "{said}");
    check_inputs(&scenario, records);

    let service = scenario.start();
    let (code, said) = run(backfill(&scenario, &archive, &[]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("0 sent now") && said.contains("The monitors know which hours are covered"),
        "{said}"
    );
    until_within(DEADLINE, "all history is learned", || service.monitor_stats().past >= records);
    assert!(service.counters().topics.values().all(|topic| topic.is_balanced()));
    let last_seen = || scenario.latest(&scenario.config.topics.inventory, "last-seen:");
    until("every identity is published", || {
        let published = last_seen();
        archive.truth.identities.iter().all(|(id, used)| {
            let last = used.last_seen.map(EventTime::to_rfc3339);
            published.get(id).and_then(|record| record["last_seen"].as_str()) == last.as_deref()
        })
    });
    until("what nobody uses is called so", || count_unused(&last_seen(), &archive.truth) > 0);
    assert_eq!(incidents(&scenario), Vec::<Value>::new(), "nothing of the past is alerted");

    assert!(archive.busy.len() >= 5, "{} roles have worked every day", archive.busy.len());
    for (id, newest) in &archive.busy[..5] {
        let theft: Vec<_> = (0..4).map(|number| theft(newest, number)).collect();
        scenario.produce(scenario.input(), &theft);
        until(&format!("the theft of {id} is told"), || {
            incidents(&scenario).iter().any(|alert| alert["resources"][0]["uid"] == json!(id))
        });
    }
    let (code, said) = run(backfill(&scenario, &archive, &[]));
    assert!(code == Some(0) && said.contains("0 sent now"), "{said}");
    // What holds nothing that is sent may yet withhold all that is told. Once it is gone, the same command tells it.
    let packed = archive.folder.join("AWSLogs/host.tar.gz");
    fs::write(&packed, "packed").unwrap();
    let (code, said) = run(backfill(&scenario, &archive, &[]));
    assert!(code == Some(1) && said.contains("covered: 0 hours of 0 log sources"), "{said}");
    fs::remove_file(&packed).unwrap();
    let (code, said) = run(backfill(&scenario, &archive, &[]));
    let is_told = said.contains("covered: ") && !said.contains("covered: 0 hours");
    assert!(code == Some(0) && said.contains("0 sent now") && is_told, "{said}");
    service.shutdown().unwrap();
}

/// How many alerts the archive would raise were it no history.
fn count_attacks(archive: &Archive) -> usize {
    let alerts = archive.folder.join("alerts.jsonl");
    let mut scan = Command::new(env!("CARGO_BIN_EXE_nhi-monitor"));
    scan.args(["scan", "--alerts"]).arg(&alerts).arg(archive.folder.join("AWSLogs"));
    let (code, said) = run(scan);
    assert_eq!(code, Some(0), "{said}");
    let alerts = fs::read_to_string(alerts).unwrap();
    alerts.lines().filter(|line| !line.contains("unused-identity")).count()
}

/// Sends part of the archive, and is killed with a transaction open.
fn kill_midway(scenario: &Scenario, archive: &Archive) {
    let mut slow = backfill(scenario, archive, &["--rate", "1000"]);
    let mut child = slow.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("part of it is sent", || position(scenario) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let sent = position(scenario);
    assert!(sent > 0 && sent < archive.truth.records, "it was killed midway: {sent}");
}

/// Each record is in the inputs once, and those of each identity are in one partition in order of time.
fn check_inputs(scenario: &Scenario, records: u64) {
    let inputs = scenario.config.topics.inputs.iter();
    let read: Vec<_> = inputs.flat_map(|input| scenario.read(&input.topic)).collect();
    assert_eq!(read.len() as u64, records);
    let mut ids = BTreeSet::new();
    for message in &read {
        assert!(message.header("nhi-backfill").is_some(), "{message:?}");
        let record: Result<Value, _> = serde_json::from_str(message.payload.as_deref().unwrap());
        if let Some(id) = record.ok().and_then(|record| record["eventID"].as_str().map(str::to_owned)) {
            assert!(ids.insert(id), "sent twice: {message:?}");
        }
    }
    assert!(ids.len() > 1_000, "most of it is CloudTrail");
    check_order(&read);
}

fn check_order(read: &[support::Read]) {
    let mut newest: BTreeMap<&str, EventTime> = BTreeMap::new();
    for message in read {
        let Ok(record) = serde_json::from_str::<Value>(message.payload.as_deref().unwrap()) else { continue };
        let Some(time) = record["eventTime"].as_str().and_then(EventTime::parse_rfc3339) else { continue };
        let key = message.key.as_deref().expect("an identity is its records' key");
        let before = newest.insert(key, time).unwrap_or_default();
        assert!(before <= time, "{key}: {before} before {time}");
    }
}

/// Alerts on what identities do: those on what they do not are another matter.
fn incidents(scenario: &Scenario) -> Vec<Value> {
    let alerts = scenario.read(&scenario.config.topics.alerts);
    let is_posture = |alert: &Value| {
        let detector = alert["finding_info"]["analytic"]["uid"].as_str().unwrap_or_default();
        ["unused-identity", "never-used-identity"].contains(&detector)
    };
    alerts.iter().map(support::Read::json).filter(|alert| !is_posture(alert)).collect()
}

/// How many identities are called unused; none of them may have been used within its window.
fn count_unused(published: &BTreeMap<String, Value>, truth: &Truth) -> usize {
    let latest = clock::now().millis() - i64::from(UNUSED_DAYS) * DAY_MS;
    let unused = published.iter().filter(|(_, record)| record["status"] == json!("unused"));
    unused
        .inspect(|(id, _)| {
            let last = truth.identities[*id].last_seen.unwrap();
            assert!(last.millis() <= latest, "{id} was used at {last}");
        })
        .count()
}

/// A dry run says what there is, and sends nothing.
#[test]
fn a_dry_run_sends_nothing() {
    let Some(scenario) = Scenario::new("backfill-dry") else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path());
    let (code, said) = run(backfill(&scenario, &archive, &["--dry-run"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("Nothing was sent") && said.contains("account or host".to_uppercase().as_str()),
        "{said}"
    );
    assert!(scenario.config.topics.inputs.iter().all(|input| scenario.read(&input.topic).is_empty()));
}
