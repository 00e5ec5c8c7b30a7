//! What analysts' verdicts do, shown on a role that read a bucket hourly for a month and is then used by somebody else.

mod bounds;
mod successors;

use proptest::prelude::*;

use super::*;
use crate::detect::finding::{IncidentReport, Stage};
use crate::detect::testing::Sample;
use crate::monitor::fixture::{activity, empty_monitor};
use crate::monitor::rehearsal::START_MS;
use crate::monitor::{Effect, Monitor, Record};
use crate::time::{DAY_MS, HOUR_MS, ProcessingTime};

const ID: &str = "arn:aws:iam::111122223333:role/app";

fn settled() -> Monitor {
    let mut monitor = empty_monitor();
    for hour in 0..30 * 24 {
        let event = activity("app", &Sample::default(), hour * HOUR_MS, &format!("h{hour}"));
        monitor.activity(&event, &mut Vec::new());
    }
    monitor
}

fn at(ms: i64) -> EventTime {
    EventTime::from_millis(START_MS + ms)
}

fn theft(action: &str) -> Sample {
    Sample { action: action.into(), ip: "198.51.100.7".into(), client: "curl".into(), ..Sample::default() }
}

/// What the role does at `at_ms`: the reports it leads to.
fn does(monitor: &mut Monitor, sample: &Sample, at_ms: i64) -> Vec<IncidentReport> {
    let mut effects = Vec::new();
    let event = activity("app", sample, at_ms, &format!("{}-{at_ms}", sample.action));
    monitor.activity(&event, &mut effects);
    reports(effects)
}

fn reports(effects: Vec<Effect>) -> Vec<IncidentReport> {
    let report = |effect| match effect {
        Effect::Alert(report) => Some(*report),
        Effect::LastSeen(_) | Effect::Withdrawn(_) => None,
    };
    effects.into_iter().filter_map(report).collect()
}

fn word(verdict: Verdict, scope: Scope, at_ms: i64, until_ms: Option<i64>) -> Feedback {
    let (by, reason) = ("ana".into(), "change 4711".into());
    let (at, until) = (at(at_ms), until_ms.map(at));
    Feedback { identity_id: ID.into(), verdict, scope, at, until, by, reason }
}

/// Tells the monitor: the reports it leads to.
fn tell(monitor: &mut Monitor, feedback: &Feedback) -> Vec<IncidentReport> {
    let mut effects = Vec::new();
    monitor.process(&Record::Feedback(Box::new(feedback.clone())), &mut effects);
    reports(effects)
}

const ATTACK_MS: i64 = 30 * DAY_MS;
const SOON_MS: i64 = ATTACK_MS + HOUR_MS;

/// A monitor with an open incident, and its uid.
fn attacked() -> (Monitor, u128) {
    let mut monitor = settled();
    let opened = does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS);
    let [report] = &opened[..] else { panic!("not one incident: {opened:#?}") };
    let uid = u128::from_str_radix(&report.uid, 16).unwrap();
    (monitor, uid)
}

fn suppressed(monitor: &Monitor, reason: &str) -> u64 {
    monitor.stats().suppressed.get(reason).copied().unwrap_or_default()
}

fn ignored(monitor: &Monitor) -> Vec<(&'static str, u64)> {
    monitor.stats().feedback_ignored.iter().map(|(reason, count)| (*reason, *count)).collect()
}

fn is_held_out(monitor: &Monitor, value: &str) -> bool {
    let (_, profile) = monitor.view().identity(ID).unwrap();
    let mut values = profile.terms.iter().flat_map(|list| &list.values);
    values.find(|known| known.value == value).is_some_and(|known| known.quarantined)
}

#[test]
fn an_accepted_incident_closes_and_says_who_accepted_it_and_why() {
    let (mut monitor, uid) = attacked();
    assert!(is_held_out(&monitor, "198.51.100.0/24"));
    let closed = tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None));
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].stage, closed[0].sequence), (Stage::Close, 2));
    assert_eq!(closed[0].settlement.as_deref(), Some("accepted by ana: change 4711"));
    let said = "role/app in 111122223333: accepted by ana: change 4711";
    assert!(closed[0].message.ends_with(said), "{}", closed[0].message);
    assert_eq!(closed[0].found_at.millis(), START_MS + SOON_MS);
    assert_eq!(monitor.stats().open_incidents, 0);
    assert!(!is_held_out(&monitor, "198.51.100.0/24"), "it is part of the baseline at once");
}

#[test]
fn what_was_accepted_raises_nothing_again_and_another_attack_still_does() {
    let (mut monitor, uid) = attacked();
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None));
    for hour in 2..30 {
        let again = does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS + hour * HOUR_MS);
        assert!(again.is_empty(), "{again:#?}");
    }
    let mut other = theft("secretsmanager:GetSecretValue");
    (other.ip, other.client) = ("203.0.113.9".into(), "python-requests".into());
    let opened = does(&mut monitor, &other, ATTACK_MS + 30 * HOUR_MS);
    let stages: Vec<Stage> = opened.iter().map(|report| report.stage).collect();
    assert_eq!(stages, [Stage::Create], "a new incident, and not the accepted one again");
    assert_ne!(opened[0].uid, format!("{uid:032x}"));
}

#[test]
fn all_of_an_identity_is_what_there_is_and_not_what_comes() {
    let (mut monitor, uid) = attacked();
    let everything = word(Verdict::Accept, Scope::Identity, SOON_MS, None);
    assert_eq!(tell(&mut monitor, &everything).len(), 1);
    let mut other = theft("secretsmanager:GetSecretValue");
    (other.ip, other.client) = ("203.0.113.9".into(), "python-requests".into());
    let opened = does(&mut monitor, &other, ATTACK_MS + 3 * HOUR_MS);
    assert_eq!(opened.len(), 1);
    assert!(tell(&mut monitor, &everything).is_empty(), "said again, it is not about the new incident");
    assert!(is_held_out(&monitor, "203.0.113.0/24"));
    assert_ne!(opened[0].uid, format!("{uid:032x}"));
    assert_eq!(ignored(&monitor), [("repeated", 1)]);
}

#[test]
fn an_acceptance_of_before_an_incident_is_not_about_it() {
    let (mut monitor, _) = attacked();
    let early = word(Verdict::Accept, Scope::Identity, ATTACK_MS - HOUR_MS, None);
    assert!(tell(&mut monitor, &early).is_empty());
    assert!(is_held_out(&monitor, "198.51.100.0/24"));
    assert_eq!(monitor.stats().open_incidents, 1);
}

#[test]
fn an_acceptance_that_ends_holds_out_again_what_it_brought() {
    let (mut monitor, uid) = attacked();
    let end = ATTACK_MS + 20 * DAY_MS;
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, Some(end)));
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), end - 1).is_empty());
    let after = does(&mut monitor, &theft("iam:CreateAccessKey"), end);
    assert_eq!(after.iter().map(|report| report.stage).collect::<Vec<_>>(), [Stage::Create]);
}

#[test]
fn an_incident_that_was_accepted_can_be_given_an_end() {
    let (mut monitor, uid) = attacked();
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None));
    let end = ATTACK_MS + 20 * DAY_MS;
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS + 1, Some(end)));
    assert!(ignored(&monitor).is_empty());
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), end - 1).is_empty());
    assert_eq!(does(&mut monitor, &theft("iam:CreateAccessKey"), end).len(), 1);
}

#[test]
fn what_is_reopened_counts_again() {
    let (mut monitor, uid) = attacked();
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None));
    assert!(tell(&mut monitor, &word(Verdict::Reopen, Scope::Incident(uid), SOON_MS + 1, None)).is_empty());
    assert!(is_held_out(&monitor, "198.51.100.0/24"), "it is held out again");
    let back = does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS + 2 * HOUR_MS);
    assert_eq!(back.iter().map(|report| report.stage).collect::<Vec<_>>(), [Stage::Update]);
    assert_eq!(back[0].uid, format!("{uid:032x}"), "the incident goes on");
}

#[test]
fn what_is_muted_is_counted_raises_nothing_and_teaches_nothing() {
    let mut monitor = settled();
    let end = ATTACK_MS + 30 * DAY_MS;
    tell(&mut monitor, &word(Verdict::Mute, Scope::Identity, ATTACK_MS - 1, Some(end)));
    for day in 0..30 {
        let raised = does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS + day * DAY_MS);
        assert!(raised.is_empty(), "{raised:#?}");
    }
    assert!(suppressed(&monitor, "muted") >= 30);
    assert_eq!(monitor.stats().signals.values().sum::<u64>(), suppressed(&monitor, "muted"));
    let after = does(&mut monitor, &theft("iam:CreateAccessKey"), end);
    assert_eq!(after.len(), 1, "a month of it has taught nothing");
}

#[test]
fn a_muted_detector_is_quiet_and_the_others_are_not() {
    let mut monitor = settled();
    let raised_by = |monitor: &mut Monitor| -> Vec<String> {
        let raised = does(monitor, &theft("iam:CreateAccessKey"), ATTACK_MS);
        raised.iter().flat_map(|report| &report.signals).map(|signal| signal.detector.id.clone()).collect()
    };
    let all = raised_by(&mut settled());
    assert!(all.len() > 1, "{all:?}");
    tell(&mut monitor, &word(Verdict::Mute, Scope::Detector(all[0].clone()), ATTACK_MS - 1, Some(SOON_MS)));
    let heard = raised_by(&mut monitor);
    assert!(!heard.contains(&all[0]), "{heard:?}");
    assert_eq!(suppressed(&monitor, "muted"), 1);
}

#[test]
fn a_mute_that_is_taken_back_ends_at_once() {
    let mut monitor = settled();
    tell(&mut monitor, &word(Verdict::Mute, Scope::Identity, ATTACK_MS - 1, Some(ATTACK_MS + 300 * DAY_MS)));
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS).is_empty());
    tell(&mut monitor, &word(Verdict::Reopen, Scope::Identity, SOON_MS, None));
    assert_eq!(does(&mut monitor, &theft("iam:CreateAccessKey"), SOON_MS + 1).len(), 1);
    let aged = does(&mut settled(), &theft("iam:CreateAccessKey"), ATTACK_MS).len();
    assert_eq!(aged, 1, "it is the theft that raises it");
}

#[test]
fn a_mute_that_is_cut_short_holds_nothing_longer_and_one_that_is_left_still_does() {
    let mut monitor = settled();
    let mute = |scope, at_ms, days| word(Verdict::Mute, scope, at_ms, Some(ATTACK_MS + days * DAY_MS));
    let detector = || Scope::Detector("new-service".into());
    tell(&mut monitor, &mute(Scope::Identity, 1, 300));
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), ATTACK_MS).is_empty());
    let held_until = |monitor: &Monitor| {
        let state = monitor.shared().identities.get(ID).unwrap();
        let held =
            state.behaviour.terms.of(Dimension::Client).iter().filter_map(|entry| entry.quarantined_at());
        held.max().map(|time| time.millis_since(at(ATTACK_MS)) / DAY_MS)
    };
    assert_eq!(held_until(&monitor), Some(300));
    tell(&mut monitor, &mute(detector(), 2, 20));
    tell(&mut monitor, &mute(Scope::Identity, 3, 10));
    assert_eq!(held_until(&monitor), Some(20), "the other mute is still in force");
    tell(&mut monitor, &word(Verdict::Reopen, detector(), 4, None));
    assert_eq!(held_until(&monitor), Some(10));
}

#[test]
fn an_incident_below_the_threshold_can_be_accepted_and_leaves_nothing() {
    let mut monitor = settled();
    let slight = Sample { action: "sqs:SendMessage".into(), ..Sample::default() };
    assert!(does(&mut monitor, &slight, ATTACK_MS).is_empty());
    assert!(suppressed(&monitor, "below_threshold") > 0);
    assert!(tell(&mut monitor, &word(Verdict::Accept, Scope::Identity, SOON_MS, None)).is_empty());
    let shared = monitor.shared().identities.get(ID).unwrap();
    assert!(shared.incident.is_none());
    assert_eq!(shared.feedback.iter().len(), 1);
}

#[test]
fn what_nobody_knows_is_counted_and_ignored() {
    let mut monitor = settled();
    let mut stranger = word(Verdict::Mute, Scope::Identity, 0, Some(DAY_MS));
    stranger.identity_id = "linux:web:nobody".into();
    assert!(tell(&mut monitor, &stranger).is_empty());
    assert!(tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(7), SOON_MS, None)).is_empty());
    assert_eq!(ignored(&monitor), [("unknown_identity", 1), ("unknown_incident", 1)]);
    assert_eq!(monitor.view().len(), 1, "nothing is kept of a stranger");
}

#[test]
fn said_twice_is_said_once() {
    let (mut monitor, uid) = attacked();
    let accepted = word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None);
    tell(&mut monitor, &accepted);
    let once = monitor.shared().identities.get(ID).unwrap().feedback.clone();
    assert!(tell(&mut monitor, &accepted).is_empty());
    assert_eq!(monitor.shared().identities.get(ID).unwrap().feedback, once);
    assert_eq!(ignored(&monitor), [("repeated", 1)]);
    assert_eq!(monitor.stats().feedback.values().sum::<u64>(), 1);
}

#[test]
fn a_verdict_that_comes_late_does_not_undo_a_later_one() {
    let (mut monitor, uid) = attacked();
    tell(&mut monitor, &word(Verdict::Reopen, Scope::Incident(uid), SOON_MS + 1, None));
    assert!(tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None)).is_empty());
    assert_eq!(ignored(&monitor), [("outdated", 1)]);
    assert_eq!(monitor.stats().open_incidents, 1);
    assert!(is_held_out(&monitor, "198.51.100.0/24"));
}

#[test]
fn a_role_made_again_under_its_name_inherits_no_verdict() {
    let mut monitor = settled();
    tell(&mut monitor, &word(Verdict::Mute, Scope::Identity, ATTACK_MS, Some(ATTACK_MS + DAY_MS)));
    for (unique_id, hour) in [("AROAOLD", 1), ("AROANEW", 2)] {
        let mut event = activity("app", &Sample::default(), ATTACK_MS + hour * HOUR_MS, unique_id);
        event.identity.unique_id = Some(unique_id.into());
        monitor.activity(&event, &mut Vec::new());
    }
    assert!(monitor.shared().identities.get(ID).unwrap().feedback.is_empty());
}

#[test]
fn verdicts_are_bounded_and_an_expired_one_goes_first() {
    let mut monitor = settled();
    let most = MAX_VERDICTS as i64;
    for number in 0..most {
        let until = if number == 5 { 6 } else { DAY_MS };
        tell(&mut monitor, &word(Verdict::Mute, Scope::Detector(format!("d{number}")), number, Some(until)));
    }
    for number in most..most + 2 {
        tell(&mut monitor, &word(Verdict::Mute, Scope::Detector(format!("d{number}")), number, Some(DAY_MS)));
    }
    let state = monitor.shared().identities.get(ID).unwrap();
    let kept: Vec<i64> = state.feedback.iter().map(|entry| entry.at.millis() - START_MS).collect();
    assert_eq!(kept.len(), MAX_VERDICTS);
    assert!(!kept.contains(&5) && !kept.contains(&0) && kept.contains(&1), "{kept:?}");
    assert_eq!(monitor.stats().evictions["feedback"], 2);
}

/// Verdict, scope (all, a detector, another), time, and whether it ends.
type Said = (usize, u8, i64, bool);

fn entry((verdict, scope, at_ms, ends): Said) -> Entry {
    let scope =
        [Scope::Identity, Scope::Detector("a".into()), Scope::Incident(1)][usize::from(scope)].clone();
    let mut entry = word(Verdict::ALL[verdict], scope, at_ms, ends.then_some(at_ms + 30)).entry();
    if entry.verdict == Verdict::Accept {
        entry.fingerprints.push(1);
    }
    entry
}

fn rulings(said: &[Said]) -> Vec<Ruling> {
    let mut verdicts = Verdicts::default();
    for said in said {
        let entry = entry(*said);
        if verdicts.check(&entry).is_ok() {
            verdicts.take(entry);
        }
    }
    let signals = (0..130).flat_map(|ms| [("a", 1), ("a", 2), ("b", 1), ("b", 2)].map(|signal| (signal, ms)));
    signals
        .map(|((detector, print), ms)| {
            verdicts.admits(detector, at(ms), |entry| entry.fingerprints.contains(&print))
        })
        .collect()
}

proptest! {
    #[test]
    fn the_order_and_the_repetition_of_verdicts_do_not_matter(
        said in prop::collection::vec((0..3_usize, 0..3_u8, 0..100_i64, any::<bool>()), 1..20),
        order in any::<u64>(),
    ) {
        // What is said at one instant about one thing has an order of its own.
        let mut shuffled: Vec<Said> = said.iter().chain(&said).copied().collect();
        shuffled.sort_by_key(|said| crate::term::stable_hash(&format!("{order} {said:?}")));
        prop_assert_eq!(rulings(&said), rulings(&shuffled));
    }
}

#[test]
fn time_that_passes_without_events_changes_no_verdict() {
    let (mut monitor, uid) = attacked();
    tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, None));
    let mut effects = Vec::new();
    for day in 31..50 {
        monitor.tick(ProcessingTime::from_millis(START_MS + day * DAY_MS), &mut effects);
    }
    assert!(reports(effects).is_empty(), "it is closed once");
    assert!(does(&mut monitor, &theft("iam:CreateAccessKey"), 50 * DAY_MS).is_empty());
}

/// Guarantees that the end of an acceptance takes nothing back of what the identity brought itself on that day.
#[test]
fn what_is_held_out_again_takes_back_the_day_that_it_came_and_no_other() {
    let habit = |is_accepted: bool| {
        let (mut monitor, uid) = attacked();
        if is_accepted {
            let until = Some(ATTACK_MS + 3 * DAY_MS + HOUR_MS);
            tell(&mut monitor, &word(Verdict::Accept, Scope::Incident(uid), SOON_MS, until));
        }
        let own = Sample { client: "aws-cli".into(), ..Sample::default() };
        does(&mut monitor, &own, ATTACK_MS + 3 * DAY_MS);
        does(&mut monitor, &Sample::default(), ATTACK_MS + 3 * DAY_MS + 2 * HOUR_MS);
        let shared = monitor.shared();
        shared.identities.get(ID).unwrap().behaviour.innovation[crate::baseline::Dimension::Client as usize]
    };
    assert_eq!(habit(true), habit(false));
}
