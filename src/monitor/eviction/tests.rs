use super::*;
use crate::baseline::LastSeen;
use crate::baseline::last_seen::UseStatus;
use crate::config::Config;
use crate::detect::Detectors;
use crate::detect::testing::Sample;
use crate::identity::Declared;
use crate::monitor::Record;
use crate::monitor::fixture::{activity, covered};
use crate::monitor::rehearsal::START_MS;
use crate::term::Interner;
use crate::time::DAY_MS;
use crate::wire::snapshot;

/// A monitor that may hold three identities.
fn monitor() -> Monitor {
    let mut config = Config::default();
    config.baseline.max_identities = 3;
    let detectors = Arc::new(Detectors::builtin().unwrap());
    let mut monitor = Monitor::new(&config, detectors, Arc::new(Interner::new()));
    monitor.process(&Record::Coverage(vec![covered(0, 400 * 24)]), &mut Vec::new());
    monitor
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn at(day: i64) -> EventTime {
    EventTime::from_millis(START_MS + day * DAY_MS)
}

/// A use of a role on a day; the records published of it.
fn use_on(monitor: &mut Monitor, name: &str, day: i64) -> Vec<LastSeen> {
    let mut effects = Vec::new();
    monitor
        .activity(&activity(name, &Sample::default(), day * DAY_MS, &format!("{name}-{day}")), &mut effects);
    published(&effects, name)
}

fn published(effects: &[Effect], name: &str) -> Vec<LastSeen> {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::LastSeen(record) if record.identity_id == role(name) => Some((**record).clone()),
        _ => None,
    });
    records.collect()
}

fn declare(monitor: &mut Monitor, name: &str, declared: Option<Declared>) -> Vec<Effect> {
    let mut effects = Vec::new();
    let change = DeclaredChange { identity_id: role(name), declared };
    monitor.process(&Record::Declared(Box::new(change)), &mut effects);
    effects
}

fn tick(monitor: &mut Monitor, day: i64) -> Vec<Effect> {
    let mut effects = Vec::new();
    monitor.tick(ProcessingTime::from_millis(at(day).millis()), &mut effects);
    effects
}

fn held(monitor: &Monitor) -> Vec<String> {
    let ids = monitor.view().ids();
    ids.iter().map(|id| id.as_str().rsplit('/').next().unwrap().to_owned()).collect()
}

fn evictions(monitor: &Monitor, limit: &str) -> u64 {
    monitor.stats().evictions.get(limit).copied().unwrap_or_default()
}

/// Takes over from what is written.
fn heir(of: &mut Monitor) -> Monitor {
    let mut heir = monitor();
    for change in snapshot::take_changes(of).unwrap() {
        snapshot::restore(&mut heir, &change.key, change.value.as_deref()).unwrap();
    }
    heir
}

#[test]
fn who_is_declared_goes_last_and_is_counted_apart() {
    let mut monitor = monitor();
    let window = Declared { unused_after_days: Some(200), ..Declared::default() };
    declare(&mut monitor, "a", Some(window.clone()));
    ["a", "b", "c", "d"].iter().zip(0..).for_each(|(name, day)| drop(use_on(&mut monitor, name, day)));
    assert_eq!(held(&monitor), ["a", "c", "d"], "not the oldest, which is declared");
    assert_eq!((evictions(&monitor, "identities"), evictions(&monitor, "declared_identities")), (1, 0));
    assert_eq!(monitor.view().identity(&role("a")).unwrap().0.declared, Some(window.clone()));
    ["c", "d"].iter().for_each(|name| drop(declare(&mut monitor, name, Some(window.clone()))));
    use_on(&mut monitor, "e", 4);
    assert_eq!(held(&monitor), ["c", "d", "e"], "where nothing else is left");
    assert_eq!((evictions(&monitor, "identities"), evictions(&monitor, "declared_identities")), (1, 1));
}

#[test]
fn what_comes_late_about_one_that_went_does_not_take_its_last_use_back() {
    let mut monitor = monitor();
    ["a", "b", "c", "d"].iter().zip(10..).for_each(|(name, day)| drop(use_on(&mut monitor, name, day)));
    assert_eq!(held(&monitor), ["b", "c", "d"]);
    let mut monitor = heir(&mut monitor);
    assert_eq!(use_on(&mut monitor, "a", 9), []);
    assert_eq!((held(&monitor).len(), evictions(&monitor, "late_activities")), (3, 1));
    let back = use_on(&mut monitor, "a", 20);
    assert_eq!(back.iter().map(|record| record.last_seen).collect::<Vec<_>>(), [Some(at(20))]);
    assert_eq!(held(&monitor), ["a", "c", "d"]);
    use_on(&mut monitor, "a", 8);
    let shown = monitor.view().identity(&role("a")).unwrap().0;
    assert_eq!(
        (shown.first_seen, shown.last_seen),
        (Some(at(8)), Some(at(20))),
        "of one that is held it is taken"
    );
}

#[test]
fn one_that_went_and_is_declared_then_is_not_said_to_be_never_used() {
    let mut monitor = monitor();
    ["a", "b", "c", "d"].iter().zip(10..).for_each(|(name, day)| drop(use_on(&mut monitor, name, day)));
    let old = Declared { created_at: Some(at(0)), ..Declared::default() };
    declare(&mut monitor, "a", Some(old.clone()));
    let made_since = Declared { created_at: Some(at(12)), ..Declared::default() };
    declare(&mut monitor, "new", Some(made_since));
    let mut monitor = heir(&mut monitor);
    let effects: Vec<Effect> = (100..200).flat_map(|day| tick(&mut monitor, day)).collect();
    assert_eq!(published(&effects, "a"), [], "the topic knows more");
    let status = |record: &LastSeen| (record.status, record.last_seen);
    assert_eq!(published(&effects, "new").last().map(status), Some((UseStatus::NeverSeen, None)));
    let shown = monitor.view().identity(&role("a")).unwrap().0;
    assert_eq!(shown.status, UseStatus::Unknown);
    assert!(shown.decommission.reasons[0].contains("may have been used"), "{:?}", shown.decommission);
    let back = use_on(&mut monitor, "a", 210);
    assert_eq!(
        back.last().map(|record| (record.last_seen, record.declared.clone())),
        Some((Some(at(210)), Some(old)))
    );
}

#[test]
fn a_declaration_that_is_withdrawn_takes_no_record_of_one_that_went_off_the_topic() {
    let mut monitor = monitor();
    ["a", "b", "c", "d"].iter().zip(10..).for_each(|(name, day)| drop(use_on(&mut monitor, name, day)));
    declare(&mut monitor, "a", Some(Declared::default()));
    let effects = declare(&mut monitor, "a", None);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Withdrawn(_))), "{effects:?}");
    let never = Declared { created_at: Some(at(12)), ..Declared::default() };
    declare(&mut monitor, "new", Some(never));
    let effects = declare(&mut monitor, "new", None);
    assert!(matches!(effects[..], [Effect::Withdrawn(_)]), "{effects:?}");
}
