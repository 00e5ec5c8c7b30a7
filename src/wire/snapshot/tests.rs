use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::activity::{NetworkClass, Outcome};
use crate::baseline::coverage::losses::Losses;
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::testing::Sample;
use crate::monitor::feedback::{Feedback, Scope, Verdict};
use crate::monitor::rehearsal::{SCOPE, START_MS};
use crate::monitor::{Effect, InputProgress, Record, fixture};
use crate::term::Interner;
use crate::time::{DAY_MS, EventTime, MINUTE_MS, ProcessingTime};

fn restored(changes: &[Change]) -> Monitor {
    restored_with(changes, &Arc::new(Detectors::builtin().unwrap()))
}

fn restored_with(changes: &[Change], detectors: &Arc<Detectors>) -> Monitor {
    restored_under(&Config::default(), changes, detectors)
}

fn restored_under(config: &Config, changes: &[Change], detectors: &Arc<Detectors>) -> Monitor {
    let mut monitor = Monitor::new(config, Arc::clone(detectors), Arc::new(Interner::new()));
    for change in changes {
        restore(&mut monitor, &change.key, change.value.as_deref()).unwrap();
    }
    monitor
}

#[test]
fn a_restored_monitor_is_the_one_that_was_written_and_goes_on_like_it() {
    let mut original = fixture::busy_monitor(60);
    let changes = take_changes(&mut original).unwrap();
    let mut copy = restored(&changes);
    assert_eq!(copy.stats().identities, original.stats().identities);
    assert_eq!(copy.stats().open_incidents, original.stats().open_incidents);
    assert!(original.stats().open_incidents > 0, "the test must cover an open incident");
    let (ours, theirs) = (fixture::go_on(&mut original), fixture::go_on(&mut copy));
    assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    assert_eq!(take_changes(&mut original).unwrap(), take_changes(&mut copy).unwrap());
}

/// All of a monitor's state as changelog records, changed or not, in order of their keys.
fn written(monitor: &Monitor) -> Vec<Change> {
    let shared = monitor.shared();
    let identities = shared.identities.iter().map(|state| {
        let value = identity::write(&state, start()).unwrap();
        Change { key: key(IDENTITY_PREFIX, state.key().as_str()), value: Some(value) }
    });
    let coverage = shared.coverage();
    let scope = coverage.get(SCOPE).map(|hours| encode(hours).unwrap());
    let scope = scope.map(|value| Change { key: key(SCOPE_PREFIX, SCOPE), value: Some(value) });
    let inputs = Change { key: INPUTS_KEY.into(), value: Some(encode(monitor.inputs()).unwrap()) };
    let budget = Change { key: BUDGET_KEY.into(), value: Some(encode(monitor.budget()).unwrap()) };
    let mut all: Vec<Change> = identities.chain(scope).chain([inputs, budget]).collect();
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

fn golden_monitor() -> Monitor {
    let mut monitor = fixture::busy_monitor(1);
    let topic = Config::default().topics.inventory;
    let read = InputProgress { topic, partition: 3, until: ProcessingTime::from_millis(1_769_850_000_250) };
    monitor.process(&Record::Progress(vec![read]), &mut Vec::new());
    tell(&mut monitor, "role-0", Verdict::Accept, 30 * DAY_MS + 1);
    tell(&mut monitor, "role-0", Verdict::Mute, 30 * DAY_MS + 2);
    let other = Sample {
        action: "secretsmanager:GetSecretValue".into(),
        ip: "203.0.113.7".into(),
        client: "python".into(),
        ..Sample::default()
    };
    let later = fixture::activity("role-0", &other, 31 * DAY_MS, "attack-2");
    monitor.activity(&later, &mut Vec::new());
    monitor
}

/// An analyst's word: all is accepted for two weeks, one detector is muted for a day, or all is reopened.
fn tell(monitor: &mut Monitor, role: &str, verdict: Verdict, at_ms: i64) -> Vec<Effect> {
    let at = EventTime::from_millis(START_MS + at_ms);
    let (scope, days) = match verdict {
        Verdict::Accept => (Scope::Identity, Some(14)),
        Verdict::Mute => (Scope::Detector("new-service".into()), Some(1)),
        Verdict::Reopen => (Scope::Identity, None),
    };
    let feedback = Feedback {
        identity_id: format!("arn:aws:iam::111122223333:role/{role}"),
        until: days.map(|days| at.plus_millis(days * DAY_MS)),
        verdict,
        scope,
        at,
        by: "ana".into(),
        reason: "change 4711".into(),
    };
    let mut effects = Vec::new();
    monitor.process(&Record::Feedback(Box::new(feedback)), &mut effects);
    effects
}

fn to_text(changes: &[Change]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |change: &Change| {
        format!("{}\t{}\n", String::from_utf8_lossy(&change.key), hex(change.value.as_deref().unwrap()))
    };
    changes.iter().map(line).collect()
}

fn from_text(text: &str) -> Vec<Change> {
    let byte = |digits: &str, at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let bytes = |digits: &str| (0..digits.len()).step_by(2).map(|at| byte(digits, at)).collect();
    let lines = text.lines().map(|line| line.split_once('\t').unwrap());
    lines.map(|(key, value)| Change { key: key.into(), value: Some(bytes(value)) }).collect()
}

/// When this fails after a release, state written before an upgrade is misread: count `VERSION` up, and keep reading the
/// old one. Before the first release, `NHI_UPDATE_GOLDEN=1` writes the file.
///
/// What was written is read, and written again: that way the numbers in it are the same on every machine.
#[test]
fn version_4_has_these_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/snapshot/snapshot_v4.hex");
    if std::env::var_os("NHI_UPDATE_GOLDEN").is_some() {
        std::fs::write(path, to_text(&written(&golden_monitor()))).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    let monitor = restored(&from_text(&golden));
    assert_eq!(to_text(&written(&monitor)), golden);
    let (facts, profile) = monitor.view().identity("arn:aws:iam::111122223333:role/role-0").unwrap();
    assert_eq!((profile.activities, profile.open_incident.is_some()), (105, true));
    assert_eq!(facts.last_seen.unwrap().to_rfc3339(), "2026-02-05T00:00:00.000Z");
    assert_eq!(facts.last_activity.as_deref(), Some("secretsmanager:GetSecretValue"));
    let state = monitor.shared().identities.get("arn:aws:iam::111122223333:role/role-0").unwrap();
    let said: Vec<_> = state.feedback.iter().map(|entry| (entry.verdict, entry.released.len())).collect();
    assert_eq!(said, [(Verdict::Accept, 4), (Verdict::Mute, 0)]);
    drop(state);
    assert_eq!(facts.declared.unwrap().owner.as_deref(), Some("team-0"));
    assert_eq!(facts.services.len(), 3);
    assert_eq!(facts.coverage.until.unwrap().to_rfc3339(), "2026-02-04T00:00:00.000Z");
}

/// What an identity does: which of three it is, how many minutes after the start, and six choices of little or much.
type Deed = (u8, i64, [u8; 6]);

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = (0..3_u8, 0..40 * 24 * 60_i64, prop::array::uniform6(0..12_u8));
    prop::collection::vec(deed, 1..120)
}

fn perform(monitor: &mut Monitor, deeds: &[Deed]) -> String {
    let mut effects = Vec::new();
    for (who, minute, [action, ip, client, region, credential, rest]) in deeds {
        let sample = Sample {
            action: format!("service{}:Do{action}", action % 3),
            ip: ["192.0.2.7", "198.51.100.7", "203.0.113.7"][usize::from(ip % 3)].into(),
            client: format!("client-{}", client % 2),
            region: format!("region-{}", region % 2),
            credential: (*credential > 5).then(|| format!("AKIAEXAMPLE{credential}")),
            workload: (*rest > 8).then(|| format!("lambda:job-{rest}")),
            outcome: if *rest == 1 { Outcome::Denied } else { Outcome::Success },
            console: *rest == 2,
            account: (*rest > 6).then(|| format!("account-{}", rest % 2)),
            resource: (*rest == 3).then(|| format!("arn:aws:s3:::bucket-{action}/key")),
            network: None,
            issues: None,
            caller: (*rest == 4).then(|| format!("caller-{action}")),
            country: (*region > 3).then(|| ["NL", "BR"][usize::from(region % 2)].into()),
            asn: (*region > 5).then(|| format!("AS{}", 64_500 + u32::from(region % 3))),
            network_class: (*client > 8).then(|| NetworkClass::ALL[usize::from(client % 6)]),
            bytes_out: (*rest > 7).then(|| 1 << (action + 20)),
        };
        let (name, event) = (format!("role-{who}"), format!("{minute}-{action}"));
        let mut activity = fixture::activity(&name, &sample, minute * MINUTE_MS, &event);
        activity.identity.unique_id = (*rest > 3).then(|| format!("AROAEXAMPLE{}", rest / 11).into());
        monitor.activity(&activity, &mut effects);
        match rest {
            5 => monitor.tick(activity.event.received, &mut effects),
            6 => effects.extend(tell(monitor, &name, Verdict::Mute, minute * MINUTE_MS)),
            7 => effects.extend(tell(monitor, &name, Verdict::Accept, minute * MINUTE_MS)),
            4 if *action > 8 => effects.extend(tell(monitor, &name, Verdict::Reopen, minute * MINUTE_MS)),
            _ => {}
        }
    }
    format!("{effects:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_is_what_was_read_and_life_goes_on_the_same(
        past in deeds(),
        future in deeds(),
        alerts_per_day in prop_oneof![Just(20.0), Just(0.001)],
    ) {
        let (config, detectors) = (budgeted(alerts_per_day), Arc::new(Detectors::builtin().unwrap()));
        let mut original = restored_under(&config, &[], &detectors);
        perform(&mut original, &past);
        let changes = written(&original);
        let mut copy = restored_under(&config, &changes, &detectors);
        prop_assert_eq!(&written(&copy), &changes);
        prop_assert_eq!(perform(&mut original, &future), perform(&mut copy, &future));
        prop_assert_eq!(written(&original), written(&copy));
    }
}

fn budgeted(alerts_per_day: f64) -> Config {
    let mut config = Config::default();
    config.detection.alerts_per_day = alerts_per_day;
    config
}

#[test]
fn the_threshold_that_the_budget_came_to_is_that_of_the_restored_monitor() {
    let detectors = Arc::new(Detectors::builtin().unwrap());
    let changes = take_changes(&mut fixture::busy_monitor(3)).unwrap();
    let under =
        |alerts_per_day, changes: &[Change]| restored_under(&budgeted(alerts_per_day), changes, &detectors);
    assert_eq!(under(20.0, &changes).stats().threshold_risk, 50);
    assert_eq!(under(0.0, &changes).stats().threshold_risk, 50);
    let mut tight = under(0.001, &changes);
    assert_eq!(tight.stats().threshold_risk, 75, "one incident in a month, one in a thousand days allowed");
    let mut copy = under(0.001, &written(&tight));
    let (ours, theirs) = (fixture::go_on(&mut tight), fixture::go_on(&mut copy));
    assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    assert_eq!((tight.budget(), tight.stats().threshold_risk), (copy.budget(), copy.stats().threshold_risk));
}

#[test]
fn what_an_older_version_wrote_is_refused_with_a_word_on_what_to_do() {
    let error = restore(&mut restored(&[]), b"identity:a", Some(&[1, 0])).unwrap_err();
    assert_eq!(error, Error::TooOld { found: 1 });
    assert!(error.to_string().contains("reset the application"), "{error}");
}

#[test]
fn what_was_lost_is_kept() {
    let mut original = fixture::busy_monitor(2);
    original.lost_records(ProcessingTime::from_millis(1_769_850_000_000), true);
    let changes = take_changes(&mut original).unwrap();
    let copy = restored(&changes);
    assert_eq!(copy.shared().coverage().losses(), original.shared().coverage().losses());
    assert_ne!(*copy.shared().coverage().losses(), Losses::default());
    assert!(take_changes(&mut original).unwrap().iter().all(|change| change.key != LOSSES_KEY.as_bytes()));
}

#[test]
fn what_a_newer_version_wrote_is_refused() {
    let mut monitor = restored(&[]);
    let error = restore(&mut monitor, b"identity:a", Some(&[VERSION + 1, 0])).unwrap_err();
    assert_eq!(error, Error::TooNew { found: VERSION + 1 });
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let changes = take_changes(&mut fixture::busy_monitor(20)).unwrap();
    let detectors = Arc::new(Detectors::builtin().unwrap());
    for change in &changes {
        let value = change.value.as_deref().unwrap();
        for end in 0..value.len().min(400) {
            let mut monitor = restored_with(&[], &detectors);
            assert!(restore(&mut monitor, &change.key, Some(&value[..end])).is_err());
        }
    }
    let mut longer = changes[0].clone();
    longer.value.as_mut().unwrap().push(0);
    assert!(restore(&mut restored(&[]), &longer.key, longer.value.as_deref()).is_err());
    assert!(restore(&mut restored(&[]), b"other:key", None).is_err());
}

#[test]
fn a_tombstone_drops_the_identity() {
    let mut changes = take_changes(&mut fixture::busy_monitor(5)).unwrap();
    let full = restored(&changes).view().len();
    let key = changes[0].key.clone();
    changes.push(Change { key, value: None });
    assert_eq!(restored(&changes).view().len(), full - 1);
}
