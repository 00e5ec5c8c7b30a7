//! What the property promises, case by case: duplicates, copies, corrections, stragglers, clocks ahead.

use super::super::fixture::{activity, busy_monitor, covered, empty_monitor};
use super::super::rehearsal::START_MS;
use super::*;
use crate::activity::{Class, Classification, Evidence, Outcome};
use crate::baseline::recent;
use crate::detect::testing::Sample;
use crate::monitor::identity::MAX_SCOPES;
use crate::time::EventTime;

const APP: &str = "arn:aws:iam::111122223333:role/app";

fn at(ms: i64) -> ProcessingTime {
    ProcessingTime::from_millis(START_MS + ms)
}

fn use_of_app(at_ms: i64, event_id: &str) -> Activity<'static> {
    activity("app", &Sample::default(), at_ms, event_id)
}

fn theft(at_ms: i64, event_id: &str) -> Activity<'static> {
    let sample = Sample {
        action: "iam:CreateAccessKey".into(),
        ip: "198.51.100.7".into(),
        client: "curl".into(),
        ..Sample::default()
    };
    activity("app", &sample, at_ms, event_id)
}

/// A monitor in which the role reads hourly for thirty days.
fn settled() -> Monitor {
    let mut monitor = empty_monitor();
    for hour in 0..30 * 24 {
        monitor.activity(&use_of_app(hour * HOUR_MS, &format!("h{hour}")), &mut Vec::new());
    }
    monitor.process(&Record::Coverage(vec![covered(0, 30 * 24)]), &mut Vec::new());
    monitor
}

/// How many alerts are about identities: their log source ends with what a test tells of it, and is missed.
fn alerts(effects: &[Effect]) -> usize {
    let is_about_identity = |effect: &&Effect| matches!(effect, Effect::Alert(report) if report.subject.identity_id.starts_with("arn:"));
    effects.iter().filter(is_about_identity).count()
}

fn records(effects: &[Effect]) -> Vec<&LastSeen> {
    let mut records: Vec<&LastSeen> = Vec::new();
    for effect in effects {
        if let Effect::LastSeen(facts) = effect {
            records.push(facts);
        }
    }
    records
}

fn fact(monitor: &Monitor) -> LastSeen {
    monitor.view().identity(APP).unwrap().0
}

fn since_start(time: Option<EventTime>) -> Option<i64> {
    time.map(|time| time.millis() - START_MS)
}

/// Takes events into a new monitor.
fn taken(events: &[&Activity<'_>]) -> (Monitor, Vec<Effect>) {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    events.iter().for_each(|event| monitor.activity(event, &mut effects));
    (monitor, effects)
}

#[test]
fn a_late_event_that_does_not_move_the_last_use_is_published_too() {
    let mut denied = use_of_app(10 * 60_000, "late");
    denied.event.outcome = Outcome::Denied;
    let (mut monitor, _) = taken(&[&use_of_app(HOUR_MS, "newest")]);
    let mut effects = Vec::new();
    monitor.activity(&denied, &mut effects);
    assert_eq!(records(&effects).len(), 0, "not at once");
    monitor.tick(at(3 * HOUR_MS), &mut effects);
    assert_eq!(records(&effects).len(), 1);
    assert_eq!(since_start(records(&effects)[0].last_denied), Some(10 * 60_000));
    monitor.tick(at(40 * HOUR_MS), &mut effects);
    assert_eq!(records(&effects).len(), 1, "once");
}

#[test]
fn a_duplicate_is_recognised_by_the_next_owner() {
    let mut monitor = busy_monitor(2);
    let changes = snapshot::take_changes(&mut monitor).unwrap();
    let mut next = fresh_monitor();
    for change in &changes {
        snapshot::restore(&mut next, &change.key, change.value.as_deref()).unwrap();
    }
    let mut effects = Vec::new();
    let attack = Activity {
        identity: activity("role-0", &Sample::default(), 0, "").identity,
        ..theft(30 * DAY_MS, "attack")
    };
    next.activity(&attack, &mut effects);
    assert_eq!((next.stats().duplicates, next.stats().activities, effects.len()), (1, 0, 0));
}

/// More events than an identity's memory of them later, a duplicate is counted as a use once more. It moves no time, and
/// what it did is no news.
#[test]
fn a_duplicate_beyond_memory_is_counted_and_changes_nothing_that_is_published() {
    let mut monitor = settled();
    let attack = theft(30 * DAY_MS, "attack");
    let mut effects = Vec::new();
    monitor.activity(&attack, &mut effects);
    assert_eq!(alerts(&effects), 1);
    for number in 0..recent::CAPACITY as i64 {
        let event = use_of_app(30 * DAY_MS + (number + 1) * 20_000, &format!("more{number}"));
        monitor.activity(&event, &mut effects);
    }
    let (before, activities) = (fact(&monitor), monitor.stats().activities);
    effects.clear();
    monitor.activity(&attack, &mut effects);
    assert_eq!((monitor.stats().duplicates, monitor.stats().activities), (0, activities + 1));
    assert_eq!(effects.len(), 0, "{effects:#?}");
    assert_eq!(fact(&monitor), before);
}

/// A shipper that sends an hour's file again, more than is remembered, makes the hour look twice as busy: too little for a
/// burst, and nothing that is published changes.
#[test]
fn an_hour_delivered_again_raises_nothing() {
    const PER_HOUR: i64 = 3 * recent::CAPACITY as i64;
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    let event = |hour: i64, number: i64| {
        let at_ms = hour * HOUR_MS + number * HOUR_MS / PER_HOUR;
        use_of_app(at_ms, &format!("{hour}-{number}"))
    };
    for hour in 0..12 {
        (0..PER_HOUR).for_each(|number| monitor.activity(&event(hour, number), &mut effects));
    }
    let (before, activities) = (fact(&monitor), monitor.stats().activities);
    effects.clear();
    (0..PER_HOUR).for_each(|number| monitor.activity(&event(11, number), &mut effects));
    assert_eq!(monitor.stats().activities - activities, PER_HOUR as u64, "none is remembered by then");
    assert_eq!((effects.len(), fact(&monitor)), (0, before));
}

fn shared(mut activity: Activity<'static>, event_id: &'static str, scope: &'static str) -> Activity<'static> {
    activity.event.event_id = Some(event_id.into());
    activity.event.shared_event_id = Some("3f1c7a90-shared".into());
    activity.event.scope = scope.into();
    activity
}

/// One action that two accounts log is one use, whichever account comes first, and both accounts' sources count as having
/// reported it.
#[test]
fn one_action_in_two_accounts_is_one_use_and_one_alert() {
    let callers = shared(theft(30 * DAY_MS, ""), "caller", "aws:111122223333:eu-west-1");
    let owners = shared(theft(30 * DAY_MS, ""), "owner", "aws:444455556666:eu-west-1");
    let mut outcomes = Vec::new();
    for copies in [[&callers, &owners], [&owners, &callers]] {
        let mut monitor = settled();
        let activities = monitor.stats().activities;
        let mut effects = Vec::new();
        copies.into_iter().for_each(|copy| monitor.activity(copy, &mut effects));
        assert_eq!((monitor.stats().activities - activities, monitor.stats().duplicates), (1, 1));
        assert_eq!(alerts(&effects), 1);
        monitor.tick(at(31 * DAY_MS), &mut effects);
        let facts = fact(&monitor);
        assert_eq!(facts.coverage.since, None, "the owner's source has said nothing of its coverage");
        let owners = CoverageMark { scope: "aws:444455556666:eu-west-1".into(), ..covered(0, 30 * 24) };
        monitor.process(&Record::Coverage(vec![owners]), &mut effects);
        assert!(fact(&monitor).coverage.since.is_some(), "both sources are covered");
        let uid = effects.iter().find_map(|effect| match effect {
            Effect::Alert(report) => Some(report.uid.clone()),
            _ => None,
        });
        outcomes.push((json_of(&facts), uid));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

/// A log that fills the shared id with one word for everything does not make one event of all.
#[test]
fn other_actions_under_one_shared_id_are_uses_of_their_own() {
    let read = shared(use_of_app(0, ""), "e1", "aws:111122223333:eu-west-1");
    let write = shared(theft(1, ""), "e2", "aws:111122223333:eu-west-1");
    assert_eq!(taken(&[&read, &write]).0.stats().activities, 2);
}

fn correction_of(mut activity: Activity<'static>) -> Activity<'static> {
    activity.event.usage = Usage::Correction;
    activity
}

/// A correction is no second use and raises nothing; where it overtakes what it corrects, that is still found.
#[test]
fn a_correction_is_no_second_use_and_no_second_alert() {
    let (attack, correction) = (theft(30 * DAY_MS, "attack"), correction_of(theft(30 * DAY_MS, "attack")));
    let mut words = Vec::new();
    for order in [[&attack, &correction], [&correction, &attack]] {
        let mut monitor = settled();
        let activities = monitor.stats().activities;
        let mut effects = Vec::new();
        order.into_iter().for_each(|event| monitor.activity(event, &mut effects));
        let stats = monitor.stats();
        assert_eq!((stats.activities - activities, stats.corrections, stats.duplicates), (1, 1, 0));
        assert_eq!(alerts(&effects), 1);
        words.push(json_of(&fact(&monitor)));
    }
    assert_eq!(words[0], words[1]);
}

/// Where the record that it corrects never came, a correction still tells that the identity was used.
#[test]
fn a_correction_without_its_original_still_shows_the_use() {
    let (mut monitor, mut effects) = taken(&[&correction_of(theft(HOUR_MS, "only"))]);
    monitor.tick(at(3 * HOUR_MS), &mut effects);
    assert_eq!(records(&effects).len(), 1);
    assert_eq!(since_start(records(&effects)[0].last_seen), Some(HOUR_MS));
    let behaviour = monitor.view().identity(APP).unwrap().1;
    assert_eq!((monitor.stats().activities, behaviour.activities, alerts(&effects)), (0, 0, 0));
}

#[test]
fn of_two_words_of_one_weight_the_same_one_wins_in_any_order() {
    let said = |class: Class, id: &str| {
        let mut activity = use_of_app(0, id);
        activity.identity.classification = Classification { class, confidence: 60, evidence: Evidence::Name };
        activity
    };
    let (human, machine) = (said(Class::Human, "a"), said(Class::NonHuman, "b"));
    assert_eq!(fact(&taken(&[&human, &machine]).0), fact(&taken(&[&machine, &human]).0));
}

/// Which log sources are kept of too many does not depend on which reported first.
#[test]
fn of_too_many_log_sources_the_same_are_kept_in_any_order() {
    let mut events: Vec<_> = (0..MAX_SCOPES + 5).map(|n| use_of_app(0, &format!("e{n}"))).collect();
    for (number, event) in events.iter_mut().enumerate() {
        event.event.scope = format!("aws:111122223333:r{number}").into();
    }
    let scopes = |events: &[Activity<'_>]| {
        let monitor = taken(&events.iter().collect::<Vec<_>>()).0;
        let state = monitor.shared.identities.get(APP).unwrap();
        let mut scopes: Vec<String> = state.scopes.iter().map(ToString::to_string).collect();
        scopes.sort();
        (scopes, state.has_more_scopes)
    };
    let in_order = scopes(&events);
    events.reverse();
    assert_eq!(in_order, scopes(&events));
    assert!(in_order.1);
}

fn of_role(unique_id: &'static str, at_ms: i64, event_id: &str) -> Activity<'static> {
    let mut activity = use_of_app(at_ms, event_id);
    activity.identity.unique_id = Some(unique_id.into());
    activity
}

/// A session of a deleted role that is heard of late neither takes the last use back nor costs its successor the baseline.
#[test]
fn a_straggler_of_a_deleted_role_changes_nothing() {
    let mut monitor = empty_monitor();
    for hour in 0..48 {
        monitor.activity(&of_role("AROANEW", hour * HOUR_MS, &format!("h{hour}")), &mut Vec::new());
    }
    let before = fact(&monitor);
    monitor.activity(&of_role("AROAOLD", 20 * HOUR_MS, "straggler"), &mut Vec::new());
    assert_eq!(fact(&monitor), before);
    assert_eq!(monitor.view().identity(APP).unwrap().1.activities, 48);
    assert_eq!(monitor.stats().predecessors, 1);
}

/// Records without a unique id may be either role's: what they say of the last use stays when a role is made again.
#[test]
fn the_last_use_does_not_go_back_when_a_role_is_made_again() {
    let nameless = use_of_app(200 * HOUR_MS, "nameless");
    let (old, new) = (of_role("AROAOLD", HOUR_MS, "old"), of_role("AROANEW", 150 * HOUR_MS, "new"));
    let facts = fact(&taken(&[&old, &nameless, &new]).0);
    assert_eq!(
        (since_start(facts.last_seen), facts.unique_id.as_deref()),
        (Some(200 * HOUR_MS), Some("AROANEW"))
    );
}

/// An event from a clock far ahead counts as of its arrival, is counted, and leaves what comes after it as it is: neither late
/// by days, nor the end of a pause.
#[test]
fn a_clock_far_ahead_poisons_nothing() {
    let (hour, skew_ms) = (30 * 24 * HOUR_MS, 5 * 60_000);
    let mut ahead = use_of_app(hour, "ahead");
    let claimed = EventTime::from_millis(START_MS + 4_000 * DAY_MS);
    (ahead.event.time, ahead.event.time_clamped) = claimed.clamped(ahead.event.received, skew_ms);
    let mut monitor = settled();
    let mut effects = Vec::new();
    monitor.activity(&ahead, &mut effects);
    let late = monitor.stats().late;
    assert_eq!((monitor.stats().clamped, since_start(fact(&monitor).last_seen)), (1, Some(hour)));
    for step in 1..48 {
        monitor.activity(&use_of_app(hour + step * HOUR_MS, &format!("after{step}")), &mut effects);
    }
    monitor.tick(at(hour + 48 * HOUR_MS), &mut effects);
    assert_eq!((monitor.stats().late, alerts(&effects)), (late, 0));
    let facts = fact(&monitor);
    assert_eq!(
        (since_start(facts.first_seen), since_start(facts.last_seen)),
        (Some(0), Some(hour + 47 * HOUR_MS))
    );
}

/// A declaration that is withdrawn before any use leaves nothing behind on the topic, and no finding open.
#[test]
fn what_is_withdrawn_before_any_use_leaves_the_topic() {
    let (mut monitor, mut effects) = (empty_monitor(), Vec::new());
    monitor.process(&Record::Coverage(vec![covered(0, 30 * 24)]), &mut effects);
    let created_at = Some(EventTime::from_millis(START_MS));
    let declared =
        crate::identity::Declared { created_at, unused_after_days: Some(10), ..Default::default() };
    let unused = APP.replace("app", "unused");
    let change =
        |declared| Record::Declared(Box::new(DeclaredChange { identity_id: unused.clone(), declared }));
    monitor.process(&change(Some(declared)), &mut effects);
    monitor.tick(at(30 * DAY_MS), &mut effects);
    assert_eq!((records(&effects).len(), alerts(&effects)), (1, 1));
    effects.clear();
    monitor.process(&change(None), &mut effects);
    let [Effect::Alert(report), Effect::Withdrawn(id)] = &effects[..] else { panic!("{effects:#?}") };
    assert_eq!((report.stage, id.as_str()), (crate::detect::finding::Stage::Close, unused.as_str()));
    assert!(report.message.contains("not declared any more"), "{}", report.message);
}
