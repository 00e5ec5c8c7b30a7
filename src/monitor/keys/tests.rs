use super::*;
use crate::baseline::LastSeen;
use crate::detect::Detectors;
use crate::detect::finding::Stage;
use crate::detect::testing::Sample;
use crate::identity::{Declared, DeclaredChange};
use crate::monitor::Record;
use crate::monitor::fixture::{activity, covered, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::time::HOUR_MS;
use crate::wire::snapshot;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const NOT_ROTATED: &str = "credential-not-rotated";
const REPLACED: &str = "old-credential-still-used";

/// A monitor that tells of all of it, with its log source covered for the first 300 days but for the days of a gap.
fn outspoken(gap: std::ops::Range<i64>) -> Monitor {
    let text = include_str!("../../../detectors/credential-not-rotated.yaml").replace("status: shadow\n", "");
    let own = [("own.yaml".to_owned(), Ok(text.into_bytes()))];
    let mut monitor = empty_monitor();
    monitor.adopt(&Arc::new(Detectors::over_builtin("own", &own).unwrap()));
    for (from, to) in [(0, gap.start), (gap.end, 300)] {
        monitor.process(&Record::Coverage(vec![covered(from * 24, to * 24)]), &mut Vec::new());
    }
    monitor
}

fn key(id: &str) -> Sample {
    Sample { credential: Some(id.into()), ..Sample::default() }
}

fn making(id: &str) -> Sample {
    Sample { action: "iam:CreateAccessKey".into(), issues: Some(id.into()), ..key("AKIAOLD") }
}

fn at(day: i64) -> EventTime {
    EventTime::from_millis(START_MS + day * DAY_MS)
}

fn use_on(monitor: &mut Monitor, day: i64, sample: &Sample, effects: &mut Vec<Effect>) {
    let id = format!("{day}-{:?}-{}", sample.credential, sample.action);
    monitor.activity(&activity("app", sample, day * DAY_MS, &id), effects);
}

/// A use of each of these keys on each day, and a tick at noon.
fn live(monitor: &mut Monitor, days: std::ops::Range<i64>, keys: &[&str]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for day in days {
        keys.iter().for_each(|id| use_on(monitor, day, &key(id), &mut effects));
        monitor.tick(ProcessingTime::from_millis(at(day).millis() + 12 * HOUR_MS), &mut effects);
    }
    effects
}

/// Reports of a detector: stage, day, uid, message.
fn told(effects: &[Effect], detector: &str) -> Vec<(Stage, i64, String, String)> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Alert(report) if report.detector().is_some_and(|found| found.id == detector) => {
            let day = (report.found_at.millis() - START_MS) / DAY_MS;
            Some((report.stage, day, report.uid.clone(), report.message.clone()))
        }
        _ => None,
    });
    told.collect()
}

fn shown(monitor: &Monitor) -> LastSeen {
    monitor.view().identity(ROLE).unwrap().0
}

fn created(monitor: &Monitor) -> Vec<(String, Option<EventTime>)> {
    shown(monitor).credentials.into_iter().map(|one| (one.id, one.created_at)).collect()
}

fn declare(monitor: &mut Monitor, dates: &[(&str, i64)]) {
    let key_dates = dates.iter().map(|(id, day)| ((*id).to_owned(), at(*day))).collect();
    let declared = Some(Declared { key_dates, ..Declared::default() });
    let change = DeclaredChange { identity_id: ROLE.into(), declared };
    monitor.process(&Record::Declared(Box::new(change)), &mut Vec::new());
}

fn heir(of: &mut Monitor) -> Monitor {
    let mut heir = outspoken(300..300);
    for change in snapshot::take_changes(of).unwrap() {
        snapshot::restore(&mut heir, &change.key, change.value.as_deref()).unwrap();
    }
    heir
}

#[test]
fn an_old_key_is_told_once_ends_a_month_after_it_was_replaced_and_is_another_finding_when_it_comes_back() {
    let mut monitor = outspoken(300..300);
    let effects = live(&mut monitor, 0..110, &["AKIAOLD"]);
    let [(Stage::Create, 91, first, said)] = &told(&effects, NOT_ROTATED)[..] else { panic!("{effects:#?}") };
    assert_eq!(
        said,
        "Cloud role role/app in 111122223333: long-term credential AKIAOLD: first seen on 2026-01-05, and used on 2026-04-06."
    );
    let mut monitor = heir(&mut monitor);
    let effects = live(&mut monitor, 110..150, &["AKIANEW"]);
    let [(Stage::Close, 141 | 142, uid, end)] = &told(&effects, NOT_ROTATED)[..] else {
        panic!("{effects:#?}")
    };
    assert!(uid == first && end.ends_with("AKIAOLD: not used any more."), "{end}");
    let mut monitor = heir(&mut monitor);
    let effects = live(&mut monitor, 150..152, &["AKIANEW", "AKIAOLD"]);
    let [(Stage::Create, 150, again, _)] = &told(&effects, NOT_ROTATED)[..] else { panic!("{effects:#?}") };
    assert_ne!(again, first);
}

#[test]
fn a_key_that_nothing_replaced_is_in_use_for_its_identitys_window() {
    let mut monitor = outspoken(300..300);
    live(&mut monitor, 0..100, &["AKIAOLD"]);
    let effects = live(&mut monitor, 100..188, &[]);
    assert_eq!(told(&effects, NOT_ROTATED), []);
    let effects = live(&mut monitor, 188..195, &[]);
    assert_eq!(told(&effects, NOT_ROTATED).len(), 1, "{effects:#?}");
}

#[test]
fn an_old_key_beside_a_newer_one_is_told_with_the_dates_of_both() {
    let mut monitor = outspoken(300..300);
    let mut effects = live(&mut monitor, 0..30, &["AKIAOLD"]);
    use_on(&mut monitor, 30, &making("AKIANEW"), &mut effects);
    effects.extend(live(&mut monitor, 30..60, &["AKIAOLD", "AKIANEW"]));
    let [(Stage::Create, 45, uid, said)] = &told(&effects, REPLACED)[..] else { panic!("{effects:#?}") };
    assert!(
        said.ends_with(
            "long-term credential AKIAOLD: used on 2026-02-19, though AKIANEW was made on 2026-02-04."
        ),
        "{said}"
    );
    let mut monitor = heir(&mut monitor);
    let effects = live(&mut monitor, 60..100, &["AKIANEW"]);
    let [(Stage::Close, 91 | 92, end, _)] = &told(&effects, REPLACED)[..] else { panic!("{effects:#?}") };
    assert_eq!(end, uid);
}

#[test]
fn while_a_log_source_is_silent_nothing_is_out_of_use() {
    let mut monitor = outspoken(120..125);
    live(&mut monitor, 0..110, &["AKIAOLD"]);
    let effects = live(&mut monitor, 110..150, &["AKIANEW"]);
    assert_eq!(told(&effects, NOT_ROTATED), [], "the month has a gap");
    let effects = live(&mut monitor, 150..165, &["AKIANEW"]);
    assert_eq!(told(&effects, NOT_ROTATED).len(), 1, "a month is covered now: {effects:#?}");
}

#[test]
fn what_the_inventory_says_of_a_keys_age_counts_whenever_it_is_said() {
    let mut monitor = outspoken(300..300);
    let effects = live(&mut monitor, 0..20, &["AKIAOLD"]);
    assert_eq!(told(&effects, NOT_ROTATED), []);
    declare(&mut monitor, &[("AKIAOLD", -80)]);
    let effects = live(&mut monitor, 20..22, &["AKIAOLD"]);
    let [(Stage::Create, 20, uid, said)] = &told(&effects, NOT_ROTATED)[..] else { panic!("{effects:#?}") };
    assert!(said.contains("made on 2025-10-17"), "{said}");
    declare(&mut monitor, &[("AKIAOLD", -10)]);
    let effects = live(&mut monitor, 22..24, &["AKIAOLD"]);
    let [(Stage::Close, 22, end, words)] = &told(&effects, NOT_ROTATED)[..] else { panic!("{effects:#?}") };
    assert!(end == uid && words.contains("by the dates that are known now"), "{words}");
}

#[test]
fn when_a_key_was_made_is_in_the_record_in_any_order_of_what_tells_it() {
    let check = |order: &[usize], expected: EventTime| {
        let mut monitor = outspoken(300..300);
        let samples = [(3, making("AKIANEW")), (5, key("AKIANEW")), (1, key("AKIAOLD"))];
        for step in order {
            match samples.get(*step) {
                Some((day, sample)) => use_on(&mut monitor, *day, sample, &mut Vec::new()),
                None => declare(&mut monitor, &[("AKIANEW", 2)]),
            }
        }
        let expected = [("AKIANEW".to_owned(), Some(expected)), ("AKIAOLD".to_owned(), None)];
        assert_eq!(created(&heir(&mut monitor)), expected, "{order:?}");
    };
    [[0, 1, 2], [2, 1, 0], [1, 0, 2]].iter().for_each(|order| check(order, at(3)));
    [[3, 0, 1, 2], [2, 1, 0, 3], [0, 0, 3, 1]].iter().for_each(|order| check(order, at(2)));
}

#[test]
fn what_others_or_refused_calls_make_is_no_key_of_the_identity() {
    let mut monitor = outspoken(300..300);
    let other = Sample { resource: Some("somebody".into()), ..making("AKIANEW") };
    let refused = Sample { outcome: Outcome::Denied, ..making("AKIANEW") };
    let session = Sample { action: "sts:GetSessionToken".into(), ..making("AKIANEW") };
    for (day, sample) in
        [other, refused, session, key("AKIANEW")].iter().zip(1..).map(|(sample, day)| (day, sample))
    {
        use_on(&mut monitor, day, sample, &mut Vec::new());
    }
    assert!(created(&monitor).iter().all(|(_, at)| at.is_none()), "{:?}", created(&monitor));
    let own = Sample { resource: Some("app".into()), ..making("AKIANEW") };
    use_on(&mut monitor, 9, &own, &mut Vec::new());
    assert_eq!(created(&monitor)[0], ("AKIANEW".to_owned(), Some(at(9))));
}

#[test]
fn of_many_keys_that_were_made_the_newest_are_remembered_in_any_order() {
    let kept = |days: &mut dyn Iterator<Item = i64>| {
        let mut monitor = outspoken(300..300);
        days.for_each(|day| use_on(&mut monitor, day, &making(&format!("AKIA{day:02}")), &mut Vec::new()));
        let state = monitor.shared().identities.get(ROLE).unwrap();
        state.keys.as_ref().unwrap().made.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>()
    };
    let newest: Vec<String> = (1..=12).rev().take(MAX_MADE).map(|day| format!("AKIA{day:02}")).collect();
    assert_eq!(kept(&mut (1..=12)), newest);
    assert_eq!(kept(&mut (1..=12).rev()), newest);
}

#[test]
fn several_keys_in_use_are_counted_in_the_record() {
    let mut monitor = outspoken(300..300);
    live(&mut monitor, 0..5, &["AKIAONE", "AKIATWO", "ASIASESSION"]);
    assert_eq!(shown(&monitor).active_keys, 2);
    live(&mut monitor, 5..100, &["AKIATWO"]);
    assert_eq!(shown(&monitor).active_keys, 1, "the other is unused");
}

#[test]
fn in_shadow_it_is_counted_once() {
    let mut monitor = empty_monitor();
    monitor.process(&Record::Coverage(vec![covered(0, 300 * 24)]), &mut Vec::new());
    let effects = live(&mut monitor, 0..120, &["AKIAOLD"]);
    assert_eq!(told(&effects, NOT_ROTATED), []);
    assert_eq!(monitor.stats().shadow_signals.get(NOT_ROTATED), Some(&1));
}
