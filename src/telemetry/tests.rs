use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::config::Topics;
use crate::detect::Detectors;
use crate::detect::detector::Status;
use crate::detect::finding::{IncidentReport, Severity, Stage as ReportStage, Subject};
use crate::monitor::Stats;
use crate::time::{EventTime, ProcessingTime};

use super::catalog::{self, Label, Type};
use super::families::Families;
use super::metrics::Metrics;
use crate::runtime::{Observer, StageKind};

const NOW: ProcessingTime = ProcessingTime::from_millis(1_800_000_000_000);

fn metrics() -> Metrics {
    Metrics::new(&Topics::default(), &Detectors::builtin().unwrap())
}

/// The value of one series; `None` where the scrape lacks it.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.render(NOW, true);
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    line.parse().ok()
}

fn check(metrics: &Metrics, series: &str, expected: f64) {
    assert_eq!(value(metrics, series), Some(expected), "{series}");
}

fn report(identity: &str) -> IncidentReport {
    IncidentReport {
        uid: "u".into(),
        stage: ReportStage::Create,
        sequence: 1,
        subject: Subject { identity_id: identity.into(), kind: Kind::CloudRole, ..Subject::default() },
        found_at: NOW,
        first_seen: EventTime::default(),
        last_seen: EventTime::default(),
        signals: Vec::new(),
        signal_count: 0,
        risk: 80,
        severity: Severity::High,
        confidence: 70,
        message: String::new(),
        opened: Vec::new(),
        settlement: None,
    }
}

/// Everything that the outside can name, named with what an attacker would choose.
fn hostile() -> Metrics {
    let metrics = metrics();
    let mut signals = BTreeMap::new();
    for index in 0..50 {
        let evil = format!("arn:aws:iam::111122223333:role/evil-{index}");
        signals.insert(evil.clone(), 1);
        metrics.received(&evil, 1, 1, 9);
        metrics.broker_error(StageKind::Ingest, &evil);
        metrics.aborted(StageKind::Ingest, "transient");
        metrics.latency(StageKind::Monitor, Duration::ZERO, 3);
        metrics.activities(&evil, 1);
        metrics.skipped(&evil, "control_message", 1);
        metrics.dead_lettered(&evil, "bad_json", 1);
        metrics.lag(&evil, 0, 1);
        metrics.alert(&report(&evil));
    }
    metrics.stats(|| Stats { signals, ..Stats::default() });
    metrics
}

#[test]
fn every_declared_family_is_made_and_nothing_else() {
    let declared: BTreeSet<_> = catalog::ALL.iter().map(|family| family.name).collect();
    let families = Families::default();
    let made = Arc::clone(&families.made);
    drop(Metrics::made_of(families, &Topics::default(), &Detectors::builtin().unwrap()));
    assert_eq!(*made.lock().unwrap(), declared);
}

#[test]
fn identities_and_addresses_never_become_labels() {
    let metrics = hostile();
    let text = metrics.render(NOW, true);
    assert!(!text.contains("evil") && !text.contains("arn:"), "{text}");
    check(&metrics, r#"nhi_records_received_total{topic="other"}"#, 50.0);
    check(&metrics, r#"nhi_signals_total{detector="other"}"#, 50.0);
    check(&metrics, r#"nhi_lag_records{partition="0",topic="other"}"#, 1.0);
}

#[test]
fn every_label_value_comes_from_a_bounded_set() {
    let sets = label_values();
    let text = hostile().render(NOW, true);
    for labels in text.lines().filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0)) {
        for (name, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
            let value = value.trim_matches('"');
            match sets.get(name) {
                Some(set) => assert!(set.contains(value), "{name}={value}"),
                None => assert!(
                    value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b)),
                    "{name}={value}"
                ),
            }
        }
    }
}

/// The values of each label that are known whole. The others are fixed in the program or numbers.
fn label_values() -> BTreeMap<&'static str, BTreeSet<String>> {
    let own = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>();
    let topics = Topics::default();
    let inputs = topics.inputs.iter().map(|input| input.topic.clone());
    let topics = inputs
        .chain([topics.activity, topics.inventory, topics.feedback, topics.state, "other".into()])
        .collect();
    let detectors = Detectors::builtin()
        .unwrap()
        .iter()
        .map(|detector| detector.id.clone())
        .chain(["other".into()])
        .collect();
    BTreeMap::from([
        (Label::Topic.as_str(), topics),
        (Label::Detector.as_str(), detectors),
        (Label::Kind.as_str(), own(&Kind::ALL.map(Kind::as_str))),
        (Label::Status.as_str(), own(&UseStatus::ALL.map(UseStatus::as_str))),
        (Label::Severity.as_str(), own(&Severity::ALL.map(Severity::as_str))),
        (Label::Stage.as_str(), own(&["ingest", "monitor"])),
        (Label::Report.as_str(), own(&["create", "update", "close"])),
        (Label::Output.as_str(), own(&["frame", "dead_letter", "state", "alert", "last_seen"])),
        (Label::Percentile.as_str(), own(&["50", "99", "99.9"])),
    ])
}

#[test]
fn a_reload_brings_series_of_its_own_and_is_counted() {
    let metrics = metrics();
    let builtin = Arc::new(Detectors::builtin().unwrap());
    metrics.detectors_loaded(&builtin, NOW);
    check(&metrics, "nhi_detectors_loaded_timestamp_seconds", 1_800_000_000.0);
    check(&metrics, "nhi_detectors_reloads_total", 0.0);
    let text = include_str!("../../detectors/new-service.yaml").replace("id: new-service", "id: own");
    let exceptions = "status: shadow\nexceptions: [{ identity: a, reason: r, owner: o, expires: 2026-01-01 }]\nseverity: low";
    let file = ("own.yaml".to_owned(), Ok(text.replace("severity: low", exceptions).into_bytes()));
    let own = Arc::new(Detectors::over_builtin("folder", &[file]).unwrap());
    metrics.detectors_loaded(&own, NOW.plus_millis(5_000));
    metrics.detectors_refused();
    let counts = BTreeMap::from([("own".to_owned(), 3)]);
    let stats = || Stats {
        signals: counts.clone(),
        shadow_signals: counts.clone(),
        excepted: counts.clone(),
        ..Stats::default()
    };
    metrics.stats(stats);
    for series in ["nhi_signals_total", "nhi_signals_shadow_total", "nhi_signals_excepted_total"] {
        check(&metrics, &format!("{series}{{detector=\"own\"}}"), 3.0);
        check(&metrics, &format!("{series}{{detector=\"human-use\"}}"), 0.0);
    }
    let shadow = builtin.iter().filter(|detector| detector.status == Status::Shadow).count();
    check(&metrics, "nhi_detectors{mode=\"shadow\"}", shadow as f64 + 1.0);
    check(&metrics, "nhi_detectors_loaded_timestamp_seconds", 1_800_000_005.0);
    check(&metrics, "nhi_detectors_reloads_total", 1.0);
    check(&metrics, "nhi_detectors_reload_failures_total", 1.0);
    check(&metrics, "nhi_detector_exceptions_expired", 1.0);
}

#[test]
fn records_are_conserved_by_topic() {
    let metrics = metrics();
    metrics.received("cloudtrail", 2, 10, 999);
    metrics.activities("cloudtrail", 7);
    metrics.skipped("cloudtrail", "control_message", 2);
    metrics.dead_lettered("cloudtrail", "bad_json", 1);
    check(&metrics, r#"nhi_records_received_total{topic="cloudtrail"}"#, 10.0);
    check(&metrics, r#"nhi_activities_total{topic="cloudtrail"}"#, 7.0);
    check(&metrics, r#"nhi_records_skipped_total{reason="control_message",topic="cloudtrail"}"#, 2.0);
    check(&metrics, r#"nhi_records_dead_lettered_total{reason="bad_json",topic="cloudtrail"}"#, 1.0);
    check(&metrics, r#"nhi_records_dead_lettered_total{reason="bad_json",topic="auth.linux"}"#, 0.0);
}

#[test]
fn alerts_count_by_severity_kind_and_report() {
    let metrics = metrics();
    metrics.alert(&report("x"));
    let series = r#"nhi_alerts_total{detector="other",kind="cloud_role",report="create",severity="high"}"#;
    check(&metrics, series, 1.0);
}

#[test]
fn snapshots_become_counters_and_sizes() {
    let metrics = metrics();
    let stats = |activities, signals, unused| Stats {
        activities,
        signals: BTreeMap::from([("new-action".into(), signals)]),
        identities: BTreeMap::from([((Kind::Workload, UseStatus::Unused), unused)]),
        ..Stats::default()
    };
    metrics.stats(|| stats(5, 1, 2));
    metrics.stats(|| stats(9, 4, 1));
    check(&metrics, "nhi_activities_learned_total", 9.0);
    check(&metrics, r#"nhi_signals_total{detector="new-action"}"#, 4.0);
    check(&metrics, r#"nhi_identities{kind="workload",status="unused"}"#, 1.0);
    metrics.stats(|| stats(9, 4, 0));
    check(&metrics, r#"nhi_identities{kind="workload",status="unused"}"#, 0.0);
    check(&metrics, r#"nhi_evictions_total{limit="terms"}"#, 0.0);
}

#[test]
fn scrapes_at_once_count_nothing_twice() {
    const SCRAPES: u64 = 1_000;
    let (metrics, learned) = (metrics(), AtomicU64::new(0));
    let scrape = || {
        for _ in 0..SCRAPES {
            metrics.stats(|| Stats {
                activities: learned.fetch_add(1, Ordering::Relaxed) + 1,
                ..Stats::default()
            });
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(scrape);
        }
    });
    check(&metrics, "nhi_activities_learned_total", 4.0 * SCRAPES as f64);
}

#[test]
fn lag_leaves_with_its_partition() {
    let metrics = metrics();
    metrics.lag("cloudtrail", 3, 42);
    let series = r#"nhi_lag_records{partition="3",topic="cloudtrail"}"#;
    check(&metrics, series, 42.0);
    metrics.released("cloudtrail", 3);
    assert_eq!(value(&metrics, series), None);
}

#[test]
fn commits_and_latency_show_by_stage() {
    let metrics = metrics();
    metrics.committed(StageKind::Monitor, Duration::from_millis(4), 1_000);
    metrics.aborted(StageKind::Ingest, "fenced");
    metrics.latency(StageKind::Monitor, Duration::from_millis(800), 7);
    check(&metrics, r#"nhi_commits_total{stage="monitor"}"#, 1.0);
    check(&metrics, r#"nhi_commit_records_sum{stage="monitor"}"#, 1_000.0);
    check(&metrics, r#"nhi_aborts_total{reason="fenced",stage="ingest"}"#, 1.0);
    check(&metrics, r#"nhi_effect_latency_seconds_count{stage="monitor"}"#, 7.0);
    let median =
        value(&metrics, r#"nhi_effect_latency_percentile_seconds{percentile="50",stage="monitor"}"#).unwrap();
    assert!((median - 0.8).abs() < 0.01, "{median}");
}

#[test]
fn restoring_shows_over_all_workers() {
    let metrics = metrics();
    metrics.assigned(StageKind::Monitor, 0, 2, 1);
    metrics.assigned(StageKind::Monitor, 1, 2, 2);
    metrics.restoring(5, 100);
    metrics.restoring(5, 150);
    check(&metrics, "nhi_restore_progress_ratio", 0.25);
    check(&metrics, "nhi_restored_records_total", 150.0);
    metrics.restored(5, 170, Duration::from_secs(3));
    metrics.restored(6, 30, Duration::from_secs(4));
    metrics.assigned(StageKind::Monitor, 1, 2, 0);
    check(&metrics, "nhi_restored_records_total", 200.0);
    check(&metrics, "nhi_restore_duration_seconds", 4.0);
    check(&metrics, "nhi_restore_progress_ratio", 0.75);
}

#[test]
fn the_text_declares_type_and_help_of_each_family() {
    let text = hostile().render(NOW, false);
    for family in catalog::ALL.iter().filter(|family| text.contains(&format!("\n{}", family.name))) {
        assert!(
            text.contains(&format!("# TYPE {} {}\n", family.name, family.kind.as_str())),
            "{}",
            family.name
        );
        let never_alone = family.kind == Type::Histogram;
        assert!(never_alone || text.contains(&format!("# HELP {} ", family.name)), "{}", family.name);
    }
    assert!(text.contains("\nnhi_ready 0\n"));
}
