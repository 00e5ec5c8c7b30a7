//! Coverage of several log sources.

use proptest::prelude::*;

use super::*;

const SETTINGS: Settings =
    Settings { limits: Limits { silence: 24, weekly: 96 }, tolerated_unreadable: 10, accepted_before: 0 };

fn gap(cause: GapCause, first: u32, end: u32) -> Gap {
    Gap { since: hour_start(first), until: hour_start(end), cause }
}

fn silence(first: u32, end: u32) -> Gap {
    gap(GapCause::Silence, first, end)
}

fn map_of(hours: &[u32]) -> CoverageMap {
    let mut map = CoverageMap::new(SETTINGS);
    for hour in hours {
        map.note("aws:111122223333:eu-west-1", &[*hour], hour_start(*hour));
    }
    map
}

fn over(map: &CoverageMap, now: u32, days: i64) -> Coverage {
    map.over(["aws:111122223333:eu-west-1"].into_iter(), hour_start(now), days * 24 * HOUR_MS)
}

#[test]
fn a_source_that_speaks_daily_is_covered_throughout() {
    let coverage =
        over(&map_of(&(0..90).map(|day| 10_000 + day * 24).collect::<Vec<_>>()), 10_000 + 89 * 24, 30);
    assert_eq!((coverage.ratio, coverage.gaps.len()), (1.0, 0));
}

#[test]
fn a_longer_silence_is_a_gap_and_late_data_closes_it() {
    let mut map = map_of(&[10_000, 10_020, 10_100, 10_120]);
    let coverage = over(&map, 10_120, 5);
    assert_eq!(coverage.gaps, vec![silence(10_021, 10_100)]);
    for hour in [10_040, 10_060, 10_080] {
        map.note("aws:111122223333:eu-west-1", &[hour], hour_start(hour));
    }
    assert_eq!(over(&map, 10_120, 5).gaps, vec![]);
}

#[test]
fn an_unknown_source_covers_nothing() {
    let map = map_of(&[10_000]);
    let now = hour_start(10_000);
    assert_eq!(map.over(["aws:444455556666:eu-west-1"].into_iter(), now, HOUR_MS), Coverage::default());
    assert_eq!(map.over(std::iter::empty(), now, HOUR_MS), Coverage::default());
}

#[test]
fn a_source_that_fell_silent_leaves_a_gap_up_to_now() {
    let map = map_of(&[10_000, 10_020]);
    assert_eq!(over(&map, 10_044, 1).gaps, vec![]);
    assert_eq!(over(&map, 10_046, 1).gaps, vec![silence(10_022, 10_046)]);
}

#[test]
fn of_several_sources_the_worst_decides() {
    let mut map = map_of(&[10_000, 10_020, 10_040, 10_060]);
    map.note("linux:web", &[10_000, 10_020], hour_start(10_020));
    let scopes = ["aws:111122223333:eu-west-1", "linux:web"].into_iter();
    let coverage = map.over(scopes, hour_start(10_060), 40 * HOUR_MS);
    assert_eq!(coverage.until, Some(hour_start(10_020)));
    assert_eq!(coverage.gaps, vec![silence(10_021, 10_060)]);
}

fn covered(coverage: Option<&ScopeCoverage>) -> Vec<u32> {
    let runs = coverage.into_iter().flat_map(|coverage| coverage.reported.iter());
    runs.flat_map(|(start, end)| start..=end).collect()
}

fn daily() -> CoverageMap {
    map_of(&(0..90).map(|day| 10_000 + day * 24).collect::<Vec<_>>())
}

#[test]
fn what_was_lost_is_a_gap_of_every_source_until_the_window_has_passed_it() {
    let mut map = daily();
    assert!(map.note_loss(Some(hour_start(11_000)), hour_start(11_010)));
    assert!(!map.note_loss(Some(hour_start(11_002)), hour_start(11_003)), "it is known");
    let lost = vec![gap(GapCause::Lost, 11_000, 11_011)];
    assert_eq!(over(&map, 11_011 + 30 * 24 - 1, 30).gaps, [gap(GapCause::Lost, 11_010, 11_011)]);
    assert_eq!(over(&map, 11_011 + 24, 30).gaps, lost);
    assert_eq!(over(&map, 11_011 + 30 * 24, 30).gaps, []);
    for hour in 11_000..11_011 {
        map.note("aws:111122223333:eu-west-1", &[hour], hour_start(hour));
    }
    assert_eq!(over(&map, 11_011 + 24, 30).gaps, lost, "what other partitions held does not make up for it");
}

#[test]
fn a_loss_without_a_known_start_leaves_nothing_before_it_covered() {
    let mut map = daily();
    assert_eq!(over(&map, 11_050, 30).since, Some(hour_start(10_000)));
    map.note_loss(None, hour_start(11_000));
    let coverage = over(&map, 11_050, 30);
    assert_eq!(coverage.since, Some(hour_start(11_001)));
    assert_eq!(coverage.gaps, [gap(GapCause::Lost, 11_050 - 30 * 24, 11_001)]);
}

#[test]
fn of_a_source_that_never_rests_a_silence_of_hours_is_a_gap() {
    let mut map = map_of(&(10_000..10_500).chain(10_510..11_000).collect::<Vec<_>>());
    assert_eq!(over(&map, 11_000, 30).gaps[0], silence(10_500, 10_510));
    assert_eq!(over(&map, 11_006, 1).gaps, []);
    assert_eq!(over(&map, 11_008, 1).gaps, [silence(11_000, 11_008)]);
    (10_503..10_505).for_each(|hour| _ = map.note("aws:111122223333:eu-west-1", &[hour], hour_start(hour)));
    assert_eq!(over(&map, 11_000, 20).gaps, [], "what came late leaves no silence that is unusual");
}

#[test]
fn what_is_proven_complete_is_no_gap_whatever_was_lost_of_other_sources() {
    let mut map = map_of(&(10_000..10_500).chain(10_540..11_000).collect::<Vec<_>>());
    map.note_loss(Some(hour_start(10_600)), hour_start(10_610));
    assert!(map.note_unreadable(10_800, 1, 0));
    let before = over(&map, 11_000, 20).gaps;
    assert_eq!(
        before,
        [
            gap(GapCause::Unreadable, 10_776, 10_801),
            gap(GapCause::Lost, 10_600, 10_611),
            silence(10_520, 10_540)
        ],
        "the window cuts the silence"
    );
    map.note_proven("aws:111122223333:eu-west-1", (10_500, 10_790), hour_start(10_791));
    assert_eq!(over(&map, 11_000, 20).gaps, [gap(GapCause::Unreadable, 10_791, 10_801)]);
}

#[test]
fn a_source_that_is_known_from_digests_alone_is_known_up_to_where_they_end() {
    let mut map = CoverageMap::new(SETTINGS);
    let scope = "aws:111122223333:eu-west-1";
    assert_eq!(map.note_proven(scope, (10_000, 10_719), hour_start(10_720)), Told::New);
    assert_eq!(map.note_proven(scope, (10_000, 10_100), hour_start(10_101)), Told::Known);
    let coverage = over(&map, 10_720, 30);
    assert_eq!((coverage.until, coverage.gaps), (Some(hour_start(10_720)), vec![]));
    assert_eq!(map.drop_silent(hour_start(10_700)), []);
}

#[test]
fn years_of_a_source_that_reports_every_second_hour_are_covered() {
    let map = map_of(&(0..12 * 500).map(|step| 10_000 + step * 2).collect::<Vec<_>>());
    let coverage = over(&map, 10_000 + 24 * 500, 399);
    assert_eq!((coverage.ratio, coverage.gaps.len(), coverage.since), (1.0, 0, Some(hour_start(10_000))));
}

#[test]
fn a_backlog_of_long_ago_closes_its_gap_once_it_is_over_like_any_other() {
    let mut map = map_of(&(10_000..10_100).chain(12_000..14_000).collect::<Vec<_>>());
    // Rests of hours so long ago are taken in, and prove as little as what is around them.
    for hour in (10_100..12_000).step_by(4) {
        assert_eq!(map.note_late("aws:111122223333:eu-west-1", hour, 14_000, hour_start(hour)), Told::New);
    }
    assert_eq!(over(&map, 14_003, 165).gaps, [silence(10_100, 12_000)]);
    assert_eq!(over(&map, 14_004, 165).gaps, []);
}

/// What is said while a backlog comes: the source was silent from hour 12,000 on, and delivers all it held back in the hour `received`.
/// Hours that are not over for long are told in time.
fn after_outage(before: impl Iterator<Item = u32>, received: u32) -> CoverageMap {
    let mut map = map_of(&before.collect::<Vec<_>>());
    for hour in 12_000..=received {
        let (scope, until) = ("aws:111122223333:eu-west-1", hour_start(hour));
        if late::is_late(hour, received) {
            map.note_late(scope, hour, received, until);
        } else {
            map.note(scope, &[hour], until);
        }
    }
    map
}

#[test]
fn hours_of_a_backlog_are_a_gap_while_it_comes_however_short_a_silence_they_would_leave() {
    let hourly = after_outage(11_000..12_000, 12_010);
    assert_eq!(over(&hourly, 12_011, 30).gaps, [silence(12_000, 12_004)], "of six hours that are usual");
    assert_eq!(over(&hourly, 12_014, 30).gaps, [], "nothing more came");
    let daily = after_outage((0..90).map(|day| 11_995 - (89 - day) * 24), 12_020);
    assert_eq!(over(&daily, 12_021, 30).gaps, [silence(12_000, 12_014)], "of a day that is usual");
    assert_eq!(over(&daily, 12_024, 30).gaps, []);
}

#[test]
fn a_newer_reception_is_written_down_and_teaches_no_cadence() {
    let mut map = map_of(&(10_000..10_400).collect::<Vec<_>>());
    let (scope, until) = ("aws:111122223333:eu-west-1", hour_start(10_500));
    assert_eq!(map.note_late(scope, 10_500, 10_510, until), Told::New);
    // Were it learned again, it would not stay as it is here.
    let unlearned = Cadence::learned(&Runs::default(), SETTINGS.limits);
    map.sources.get_mut(scope).unwrap().cadence = unlearned;
    assert_eq!(map.note_late(scope, 10_500, 10_511, until), Told::New);
    assert_eq!(map.note_late(scope, 10_500, 10_510, until), Told::Known);
    assert_eq!(map.note(scope, &[10_500], until), Told::New, "it is in time after all");
    assert_eq!(map.sources[scope].cadence, unlearned);
    map.note(scope, &[10_501], until);
    assert_ne!(map.sources[scope].cadence, unlearned);
}

#[test]
fn what_the_operator_lets_pass_is_no_gap() {
    let accepted = Settings { accepted_before: 10_605, ..SETTINGS };
    let mut map = CoverageMap::new(accepted);
    (10_000..11_000).for_each(|hour| _ = map.note("linux:web", &[hour], hour_start(hour)));
    map.note_loss(None, hour_start(10_609));
    let coverage = map.over(["linux:web"].into_iter(), hour_start(11_000), 20 * 24 * HOUR_MS);
    assert_eq!(coverage.gaps, [gap(GapCause::Lost, 10_605, 10_610)]);
    assert_eq!(coverage.since, Some(hour_start(10_000)));
}

proptest! {
    #[test]
    fn what_is_common_is_what_both_cover(
        ours in prop::collection::vec(9_000_u32..10_000, 1..60),
        theirs in prop::collection::vec(9_000_u32..10_000, 1..60),
    ) {
        let scope = "aws:111122223333:eu-west-1";
        let (one, two) = (map_of(&ours), map_of(&theirs));
        let (one, two) = (one.get(scope).unwrap(), two.get(scope).unwrap());
        let common = one.common(two);
        let (mut expected, other) = (covered(Some(one)), covered(Some(two)));
        expected.retain(|hour| other.contains(hour));
        prop_assert_eq!(covered(common.as_ref()), expected);
        prop_assert_eq!(common.map(|common| common.until), two.common(one).map(|_| one.until.min(two.until)));
        prop_assert_eq!(one.common(one), Some(one.clone()));
    }

    #[test]
    fn order_and_repetition_of_hours_do_not_matter(mut hours in prop::collection::vec(9_000_u32..10_000, 1..60)) {
        let first = map_of(&hours);
        hours.reverse();
        hours.extend(hours.clone());
        let second = map_of(&hours);
        prop_assert_eq!(first.sources, second.sources);
    }

    #[test]
    fn nor_does_it_matter_what_of_an_hour_is_read_first_where_some_of_it_is_late(
        mut told in prop::collection::vec((9_000_u32..9_100, prop::option::of(9_200_u32..9_230)), 1..60),
    ) {
        let map_of = |told: &[(u32, Option<u32>)]| {
            let mut map = CoverageMap::new(SETTINGS);
            for (hour, late) in told {
                let (scope, until) = ("linux:web", hour_start(*hour));
                match late {
                    Some(received) => map.note_late(scope, *hour, *received, until),
                    None => map.note(scope, &[*hour], until),
                };
            }
            map
        };
        let first = map_of(&told);
        told.reverse();
        told.extend(told.clone());
        prop_assert_eq!(first.sources, map_of(&told).sources);
    }
}
