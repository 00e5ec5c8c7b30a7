//! An acceptance of what counts by its detector alone has a bound of its kind, and does not switch the detector off.

use super::*;
use crate::identity::declared::DeclaredStatus;
use crate::identity::{Declared, DeclaredChange};

fn accept(monitor: &mut Monitor, at_ms: i64) {
    let closed = tell(monitor, &word(Verdict::Accept, Scope::Identity, at_ms, None));
    assert_eq!(closed.iter().map(|report| report.stage).collect::<Vec<_>>(), [Stage::Close]);
}

/// So many events within an hour: the incidents that begin.
fn hurry(monitor: &mut Monitor, events: i64, at_ms: i64) -> usize {
    let each = (0..events).flat_map(|number| does(monitor, &Sample::default(), at_ms + number * 100));
    each.filter(|report| report.stage == Stage::Create).count()
}

#[test]
fn an_accepted_burst_is_one_of_that_size() {
    let mut monitor = settled();
    assert_eq!(hurry(&mut monitor, 600, ATTACK_MS), 1);
    accept(&mut monitor, ATTACK_MS + 2 * HOUR_MS);
    assert_eq!(hurry(&mut monitor, 1_000, ATTACK_MS + DAY_MS), 0, "not even twice as many");
    assert!(suppressed(&monitor, "accepted") > 0);
    assert_eq!(hurry(&mut monitor, 20_000, ATTACK_MS + 2 * DAY_MS), 1, "many times as many");
}

#[test]
fn an_accepted_person_is_one_with_these_signs_from_that_place() {
    let at_console = |ip: &str| Sample { console: true, ip: ip.into(), ..Sample::default() };
    let mut monitor = settled();
    assert_eq!(does(&mut monitor, &at_console("203.0.113.7"), ATTACK_MS).len(), 1);
    accept(&mut monitor, SOON_MS);
    assert!(does(&mut monitor, &at_console("203.0.113.9"), ATTACK_MS + DAY_MS).is_empty());
    let another = does(&mut monitor, &at_console("198.51.100.9"), ATTACK_MS + 2 * DAY_MS);
    assert_eq!(another.iter().map(|report| report.stage).collect::<Vec<_>>(), [Stage::Create]);
}

#[test]
fn use_of_a_retired_identity_is_accepted_for_a_month_unless_the_verdict_says_otherwise() {
    let used_again = |until_days: Option<i64>, day: i64| {
        let mut monitor = settled();
        let declared = Declared {
            status: DeclaredStatus::Retired,
            retired_at: Some(at(ATTACK_MS - HOUR_MS)),
            ..Declared::default()
        };
        let change = DeclaredChange { identity_id: ID.into(), declared: Some(declared) };
        monitor.process(&Record::Declared(Box::new(change)), &mut Vec::new());
        assert_eq!(does(&mut monitor, &Sample::default(), ATTACK_MS).len(), 1);
        let until = until_days.map(|days| SOON_MS + days * DAY_MS);
        tell(&mut monitor, &word(Verdict::Accept, Scope::Identity, SOON_MS, until));
        does(&mut monitor, &Sample::default(), ATTACK_MS + day * DAY_MS).len()
    };
    assert_eq!([used_again(None, 29), used_again(None, 31)], [0, 1]);
    assert_eq!([used_again(Some(90), 89), used_again(Some(90), 91)], [0, 1]);
}
