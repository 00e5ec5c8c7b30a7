//! What a monitor promises, shown on activities.

mod habits;
mod lasting;
mod links;
mod people;
mod places;
mod probes;

use super::fixture::{activity, covered, empty_monitor};
use super::*;
use crate::activity::{Classification, Evidence};
use crate::baseline::last_seen::UseStatus;
use crate::detect::finding::{Severity, Stage};
use crate::detect::testing::Sample;
use crate::time::{DAY_MS, EventTime};

use super::rehearsal::START_MS;

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

/// Alerts about identities: their log source ends with what a test tells of it, and is missed.
fn alerts(effects: &[Effect]) -> Vec<&IncidentReport> {
    let reports = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) => Some(&**report),
        Effect::LastSeen(_) | Effect::Withdrawn(_) => None,
    });
    reports.filter(|report| report.subject.identity_id.starts_with("arn:")).collect()
}

/// The findings that an identity is unused, and their ends.
fn of_unused(effects: &[Effect]) -> Vec<&IncidentReport> {
    let is_of_unused =
        |report: &&IncidentReport| report.detector().is_some_and(|detector| detector.id == "unused-identity");
    alerts(effects).into_iter().filter(is_of_unused).collect()
}

fn published(effects: &[Effect]) -> Vec<&LastSeen> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::LastSeen(record) => Some(&**record),
            Effect::Alert(_) | Effect::Withdrawn(_) => None,
        })
        .collect()
}

/// A monitor in which `role/app` has read a bucket hourly for thirty days.
fn settled() -> Monitor {
    let mut monitor = empty_monitor();
    for hour in 0..30 * 24 {
        let event = activity("app", &Sample::default(), hour * HOUR_MS, &format!("h{hour}"));
        monitor.activity(&event, &mut Vec::new());
    }
    monitor.process(&Record::Coverage(vec![covered(0, 30 * 24)]), &mut Vec::new());
    monitor
}

fn theft(action: &str) -> Sample {
    Sample { action: action.into(), ip: "198.51.100.7".into(), client: "curl".into(), ..Sample::default() }
}

#[test]
fn one_attack_is_one_incident_that_grows_and_closes() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    let actions = [
        "iam:ListUsers",
        "iam:CreateAccessKey",
        "ec2:DescribeInstances",
        "secretsmanager:GetSecretValue",
        "iam:AttachUserPolicy",
    ];
    for (minute, action) in (0..).zip(actions) {
        let event = activity("app", &theft(action), 30 * DAY_MS + minute * 60_000, &format!("a{minute}"));
        monitor.activity(&event, &mut effects);
    }
    monitor.tick(at(31 * DAY_MS), &mut effects);
    let reports = alerts(&effects);
    let stages: Vec<Stage> = reports.iter().map(|report| report.stage).collect();
    assert_eq!((stages.first(), stages.last()), (Some(&Stage::Create), Some(&Stage::Close)), "{reports:#?}");
    assert!(reports.iter().all(|report| report.uid == reports[0].uid));
    assert!(reports.iter().zip(1..).all(|(report, sequence)| report.sequence == sequence));
    assert!(reports[reports.len() - 2].severity >= Severity::High);
    assert!(reports[0].message.contains("role/app in 111122223333"), "{}", reports[0].message);
}

/// What the monitor reports of these thefts, each at so many hours after the first: stages, and how many incidents.
fn thefts(actions: &[(i64, &str)]) -> (Vec<Stage>, usize) {
    let mut monitor = settled();
    let mut effects = Vec::new();
    for (hours, action) in actions {
        let at_ms = 30 * DAY_MS + hours * HOUR_MS;
        monitor.activity(&activity("app", &theft(action), at_ms, &format!("h{hours}{action}")), &mut effects);
        monitor.tick(at(at_ms + 12 * HOUR_MS), &mut effects);
    }
    assert_eq!(monitor.stats().open_incidents, 0);
    let reports = alerts(&effects);
    let uids: std::collections::BTreeSet<&str> = reports.iter().map(|report| report.uid.as_str()).collect();
    (reports.iter().map(|report| report.stage).collect(), uids.len())
}

#[test]
fn after_the_close_more_of_the_same_is_no_news_and_more_is_the_old_incident_until_days_have_passed() {
    use Stage::{Close, Create, Update};
    let key = (0, "iam:CreateAccessKey");
    assert_eq!(thefts(&[key, (24, key.1), (72, key.1)]), (vec![Create, Close], 1));
    assert_eq!(thefts(&[key, (24, "cloudtrail:StopLogging")]), (vec![Create, Close, Update, Close], 1));
    assert_eq!(thefts(&[key, (72, "cloudtrail:StopLogging")]), (vec![Create, Close, Create, Close], 2));
}

/// Guarantees that nobody hides behind many harmless novelties: what comes beyond those told apart still counts.
#[test]
fn whoever_fills_the_memory_of_an_incident_is_seen_all_the_same() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    for number in 0..300 {
        let sample = Sample { client: format!("client-{number}"), ..Sample::default() };
        let at_ms = 30 * DAY_MS + number * 600_000;
        monitor.activity(&activity("app", &sample, at_ms, &format!("c{number}")), &mut effects);
    }
    assert_eq!(alerts(&effects).len(), 0, "clients alone are no incident");
    let event = activity("app", &theft("cloudtrail:StopLogging"), 33 * DAY_MS, "blind");
    monitor.activity(&event, &mut effects);
    assert_eq!(alerts(&effects).len(), 1);
}

/// Guarantees that a move, however long ago, does not make use in two places invisible.
#[test]
fn after_a_move_use_in_two_places_is_seen_again() {
    let mut monitor = settled();
    let from = |ip: &str, hour: i64| {
        let sample = Sample { ip: ip.into(), ..Sample::default() };
        activity("app", &sample, hour * HOUR_MS, &format!("{ip}-{hour}"))
    };
    let mut effects = Vec::new();
    for hour in (30 * 24..60 * 24).step_by(6) {
        monitor.activity(&from("203.0.113.9", hour), &mut effects);
    }
    assert_eq!(monitor.stats().signals.get("used-in-two-places").copied().unwrap_or_default(), 0);
    monitor.activity(&from("198.51.100.66", 60 * 24), &mut effects);
    monitor.activity(&from("203.0.113.9", 60 * 24 + 3), &mut effects);
    assert_eq!(monitor.stats().signals.get("used-in-two-places"), Some(&1));
}

#[test]
fn usual_activity_raises_nothing() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    for hour in 30 * 24..60 * 24 {
        monitor.activity(
            &activity("app", &Sample::default(), hour * HOUR_MS, &format!("h{hour}")),
            &mut effects,
        );
    }
    assert_eq!(alerts(&effects).len(), 0);
}

#[test]
fn what_raised_an_alert_stays_out_of_the_baseline_until_it_has_aged() {
    let mut monitor = settled();
    let mut count_signals = |day: i64| {
        let before: u64 = monitor.stats().signals.values().sum();
        let event = activity("app", &theft("iam:CreateAccessKey"), day * DAY_MS, &format!("day{day}"));
        monitor.activity(&event, &mut Vec::new());
        monitor.stats().signals.values().sum::<u64>() - before
    };
    assert!(count_signals(30) > 0);
    assert!(count_signals(33) > 0, "still held out");
    assert_eq!(count_signals(38), 0, "aged");
}

#[test]
fn a_person_at_the_console_is_seen_though_the_identity_now_looks_human() {
    let mut monitor = settled();
    let at_console = Sample { console: true, ip: "203.0.113.9".into(), ..Sample::default() };
    let mut event = activity("app", &at_console, 30 * DAY_MS, "console");
    let class = crate::activity::Class::Human;
    event.identity.classification = Classification { class, confidence: 80, evidence: Evidence::Session };
    let mut effects = Vec::new();
    monitor.activity(&event, &mut effects);
    let alerts = alerts(&effects);
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].signals.iter().any(|signal| signal.detector.id == "human-use"));
}

/// Guarantees that whoever keeps the machine may log in to it where it stands.
#[test]
fn a_person_at_the_console_in_the_usual_network_counts_and_is_no_alert() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    let at_console = Sample { console: true, ..Sample::default() };
    monitor.activity(&activity("app", &at_console, 30 * DAY_MS, "console"), &mut effects);
    assert_eq!(monitor.stats().signals.get("human-use"), Some(&1));
    assert_eq!(alerts(&effects).len(), 0);
}

#[test]
fn a_duplicate_changes_nothing() {
    let mut monitor = settled();
    let event = activity("app", &theft("iam:CreateAccessKey"), 30 * DAY_MS, "same");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    monitor.activity(&event, &mut first);
    monitor.activity(&event, &mut second);
    assert!(!first.is_empty());
    assert_eq!(second.len(), 0);
    assert_eq!(monitor.stats().duplicates, 1);
}

#[test]
fn last_seen_is_published_at_first_sight_then_seldom_and_exactly_once_quiet() {
    let mut monitor = empty_monitor();
    let mut effects = Vec::new();
    for minute in 0..50 {
        let event = activity("app", &Sample::default(), minute * 60_000, &format!("m{minute}"));
        monitor.activity(&event, &mut effects);
        monitor.tick(at(minute * 60_000), &mut effects);
    }
    assert_eq!(published(&effects).len(), 1, "first sight only");
    monitor.tick(at(50 * 60_000 + 2 * HOUR_MS), &mut effects);
    let records = published(&effects);
    assert_eq!(records.len(), 2, "once more when quiet");
    assert_eq!(records[1].last_seen, Some(EventTime::from_millis(START_MS + 49 * 60_000)));
    monitor.tick(at(20 * HOUR_MS), &mut effects);
    assert_eq!(published(&effects).len(), 2);
}

#[test]
fn a_flush_publishes_what_is_newer_than_its_record() {
    let mut monitor = empty_monitor();
    let mut effects = Vec::new();
    for minute in 0..3 {
        monitor.activity(
            &activity("app", &Sample::default(), minute * 60_000, &format!("m{minute}")),
            &mut effects,
        );
    }
    effects.clear();
    monitor.flush(at(HOUR_MS), &mut effects);
    assert_eq!(published(&effects)[0].last_seen, Some(EventTime::from_millis(START_MS + 2 * 60_000)));
    effects.clear();
    monitor.flush(at(HOUR_MS), &mut effects);
    assert!(effects.is_empty());
}

#[test]
fn an_unused_identity_is_found_once_and_closed_when_used_again() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    monitor.process(&Record::Coverage(vec![covered(30 * 24, 125 * 24)]), &mut effects);
    for day in 30..125 {
        monitor.tick(at(day * DAY_MS), &mut effects);
    }
    let found = of_unused(&effects);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        published(&effects).last().map(|record| (record.status, record.unused_days)),
        Some((UseStatus::Unused, Some(91)))
    );
    let uid = found[0].uid.clone();
    effects.clear();
    monitor.activity(&activity("app", &Sample::default(), 125 * DAY_MS, "back"), &mut effects);
    let closing: Vec<&IncidentReport> =
        alerts(&effects).into_iter().filter(|report| report.uid == uid).collect();
    assert_eq!(closing.iter().map(|report| report.stage).collect::<Vec<_>>(), vec![Stage::Close]);
}

#[test]
fn without_coverage_silence_is_unknown_and_the_gap_is_named() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    monitor.process(&Record::Coverage(vec![covered(60 * 24, 125 * 24)]), &mut effects);
    for day in 30..125 {
        monitor.tick(at(day * DAY_MS), &mut effects);
    }
    assert_eq!(alerts(&effects).len(), 0);
    let record = *published(&effects).last().unwrap();
    assert_eq!(record.status, UseStatus::Unknown);
    assert_eq!(record.coverage.gaps.len(), 1);
}

#[test]
fn a_role_made_again_under_its_name_is_a_new_identity() {
    let mut monitor = empty_monitor();
    let mut seen = |unique_id: &'static str, hour: i64| {
        let mut event = activity("app", &Sample::default(), hour * HOUR_MS, &format!("h{hour}"));
        event.identity.unique_id = Some(unique_id.into());
        let mut effects = Vec::new();
        monitor.activity(&event, &mut effects);
        published(&effects)
            .last()
            .map(|record| record.first_seen.unwrap().millis_since(EventTime::from_millis(START_MS)) / HOUR_MS)
    };
    assert_eq!(seen("AROAOLD", 1), Some(1));
    assert_eq!(seen("AROANEW", 10), Some(10));
    assert_eq!(seen("AROAOLD", 4), None, "a late event of its predecessor");
}

/// The built-in detectors with one changed: in its file `from` becomes `to`.
fn changed(id: &str, from: &str, to: &str) -> Arc<Detectors> {
    let name = format!("{id}.yaml");
    let (_, text) = crate::detect::builtin::FILES.iter().find(|(file, _)| *file == name).unwrap();
    assert!(text.contains(from), "{from}");
    let file = (name, Ok::<_, crate::detect::Fault>(text.replacen(from, to, 1).into_bytes()));
    Arc::new(Detectors::over_builtin("test", &[file]).unwrap())
}

/// Signals, of these those in shadow, and what exceptions let pass, of one detector.
fn counted(monitor: &Monitor, id: &str) -> (u64, u64, u64) {
    let Stats { signals, shadow_signals, excepted, .. } = monitor.stats();
    let of = |counts: &std::collections::BTreeMap<String, u64>| counts.get(id).copied().unwrap_or(0);
    (of(signals), of(shadow_signals), of(excepted))
}

/// What one theft counts for the detector of sensitive actions, once `to` stands before its severity.
fn counts_with(to: &str) -> (u64, u64, u64) {
    const ID: &str = "sensitive-action-first-use";
    let mut monitor = settled();
    monitor.adopt(&changed(ID, "severity: medium", &format!("{to}\nseverity: medium")));
    let event = activity("app", &theft("iam:CreateAccessKey"), 30 * DAY_MS, "theft");
    monitor.activity(&event, &mut Vec::new());
    let state = monitor.shared.identities.get(event.identity.id.as_str()).unwrap();
    let signals = state.incident.iter().flat_map(|incident| incident.signals.iter());
    let weighs = signals.filter(|signal| signal.detector.id == ID).count() as u64;
    drop(state);
    let (signals, shadow, excepted) = counted(&monitor, ID);
    assert_eq!(weighs, signals - shadow, "what is only counted is in no incident");
    (signals, shadow, excepted)
}

#[test]
fn a_detector_in_shadow_is_counted_and_weighs_nothing() {
    assert_eq!(counts_with("status: enabled"), (1, 0, 0));
    assert_eq!(counts_with("status: shadow"), (1, 1, 0));
    assert_eq!(counts_with("status: disabled"), (0, 0, 0));
}

#[test]
fn an_exception_lets_pass_what_fits_all_its_conditions_until_its_last_day() {
    let check = |conditions: &str, is_excepted: bool| {
        let exceptions = format!("exceptions: [{{ {conditions}, reason: r, owner: o }}]");
        let expected = if is_excepted { (0, 0, 1) } else { (1, 0, 0) };
        assert_eq!(counts_with(&exceptions), expected, "{conditions}");
    };
    check("identity: '*:role/app'", true);
    check("identity: '*:role/ap'", false);
    check("action: 'iam:*'", true);
    check("action: 's3:*'", false);
    check("network: 198.51.100.0/24", true);
    check("network: 2001:db8::/32", false);
    check("client: cur?", true);
    check("client: Terraform", false);
    check("identity: '*', action: 'iam:Create*', network: 198.51.100.7, client: curl", true);
    check("identity: '*', action: 'iam:Create*', network: 192.0.2.0/24, client: curl", false);
    // The theft is on 2026-02-04.
    check("identity: '*', expires: 2026-02-04", true);
    check("identity: '*', expires: 2026-02-03", false);
}

#[test]
fn a_scope_leaves_the_others_alone() {
    let check = |scope: &str, is_covered: bool| {
        assert_eq!(counts_with(&format!("scope: {scope}")).0 == 1, is_covered, "{scope}");
    };
    check("{ include: { kinds: [cloud_role], accounts: ['111122223333'] } }", true);
    check("{ include: { environments: [prod] } }", false);
    check("{ exclude: { identities: ['*:role/app'] } }", false);
    check("{ exclude: { classes: [human], criticality: [critical] } }", true);
}

/// The question whether an identity is unused is asked each day; what is not alerted is still counted once.
#[test]
fn an_unused_finding_that_is_not_alerted_is_counted_once() {
    let check = |to: &str, expected: (u64, u64, u64), alerted: usize| {
        let mut monitor = settled();
        monitor.adopt(&changed("unused-identity", "severity: low", &format!("{to}\nseverity: low")));
        let mut effects = Vec::new();
        monitor.process(&Record::Coverage(vec![covered(30 * 24, 140 * 24)]), &mut effects);
        (30..=140).for_each(|day| monitor.tick(at(day * DAY_MS), &mut effects));
        assert_eq!(counted(&monitor, "unused-identity"), expected, "{to}");
        assert_eq!(of_unused(&effects).len(), alerted, "{to}");
    };
    check("status: enabled", (1, 0, 0), 1);
    check("status: shadow", (1, 1, 0), 0);
    check("status: disabled", (0, 0, 0), 0);
    check("exceptions: [{ identity: '*', reason: r, owner: o }]", (0, 0, 1), 0);
    check("exceptions: [{ identity: '*', action: 's3:*', reason: r, owner: o }]", (1, 0, 0), 1);
    check("scope: { exclude: { providers: [aws] } }", (0, 0, 0), 0);
}

/// A finding is ended under the name it was made, whatever detector stands for the family by then.
#[test]
fn an_unused_finding_ends_under_its_name_after_its_detector_was_replaced() {
    let mut monitor = settled();
    let mut effects = Vec::new();
    monitor.process(&Record::Coverage(vec![covered(30 * 24, 140 * 24)]), &mut effects);
    (30..=140).for_each(|day| monitor.tick(at(day * DAY_MS), &mut effects));
    let off = changed("unused-identity", "version: 1", "version: 1\nstatus: disabled");
    monitor.adopt(&off);
    monitor.activity(&activity("app", &Sample::default(), 141 * DAY_MS, "back"), &mut effects);
    let told: Vec<_> = of_unused(&effects).iter().map(|alert| (alert.stage, alert.uid.clone())).collect();
    assert_eq!(told.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), [Stage::Create, Stage::Close]);
    assert_eq!(told[0].1, told[1].1);
}

fn incidents(monitor: &Monitor) -> usize {
    monitor.view().incidents(&IncidentFilter::default(), 10).len()
}

/// Guarantees that an incident which time alone made forgotten does not come back with a restore.
#[test]
fn what_is_forgotten_without_a_word_stays_forgotten() {
    let mut monitor = settled();
    let sample = Sample { client: "another".into(), ..Sample::default() };
    monitor.activity(&activity("app", &sample, 30 * DAY_MS, "client"), &mut Vec::new());
    monitor.tick(at(31 * DAY_MS), &mut Vec::new());
    let mut changelog = crate::wire::snapshot::take_changes(&mut monitor).unwrap();
    assert_eq!(incidents(&monitor), 1);
    let mut effects = Vec::new();
    monitor.tick(at(46 * DAY_MS), &mut effects);
    assert_eq!((effects.len(), incidents(&monitor)), (0, 0));
    changelog.extend(crate::wire::snapshot::take_changes(&mut monitor).unwrap());
    let mut copy = empty_monitor();
    for change in &changelog {
        crate::wire::snapshot::restore(&mut copy, &change.key, change.value.as_deref()).unwrap();
    }
    assert_eq!(incidents(&copy), 0);
}

/// Guarantees that an awakening weighs the same, whether or not others' records told of its log source before.
#[test]
fn an_awakening_does_not_depend_on_what_is_known_of_its_log_source() {
    let woken = |is_told: bool| {
        let mut monitor = settled();
        if is_told {
            monitor.process(&Record::Coverage(vec![covered(30 * 24, 90 * 24)]), &mut Vec::new());
        }
        monitor.activity(&activity("app", &Sample::default(), 90 * DAY_MS, "woken"), &mut Vec::new());
        monitor.view().incidents(&IncidentFilter::default(), 10)
    };
    let (told, untold) = (woken(true), woken(false));
    assert_eq!(told, untold);
    assert_eq!(told[0].signals[0].detector, "dormant-identity-awakened");
    assert!(told[0].bits >= 7.0, "{told:#?}");
}

/// Guarantees that a process that starts between two hours drops what one that has run for days drops, and when it does.
#[test]
fn limits_are_looked_after_at_whole_hours_of_the_partition_s_time() {
    let last_heard_ms = 400 * DAY_MS + HOUR_MS / 4;
    let dropped_by = |ticks: &[i64]| {
        let mut monitor = empty_monitor();
        monitor.process(&Record::Coverage(vec![covered(0, 0)]), &mut Vec::new());
        let mark = CoverageMark { until_ms: START_MS + HOUR_MS / 4, ..covered(0, 0) };
        monitor.process(&Record::Coverage(vec![mark]), &mut Vec::new());
        ticks
            .iter()
            .map(|minutes| {
                monitor.tick(at(last_heard_ms + minutes * 60_000), &mut Vec::new());
                monitor.shared().coverage().len()
            })
            .collect::<Vec<usize>>()
    };
    assert_eq!(dropped_by(&[-20, 10, 30, 44, 45, 90]), [1, 1, 1, 1, 0, 0]);
    assert_eq!(dropped_by(&[30, 44, 46]), [1, 1, 0], "as if it had just been started");
}
