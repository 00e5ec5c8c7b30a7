//! Which hours of which log source have reached us: without that, silence proves nothing.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::time::{EventTime, HOUR_MS};

use super::last_seen::Coverage;

/// Runs of covered hours kept per log source.
///
/// A run ends where a source was silent for longer than allowed; 128 such gaps are years of a healthy
/// source. Beyond that the oldest run goes, and what lies before counts as not covered.
pub const MAX_RUNS: usize = 128;

/// Log sources known to one partition: accounts × regions, hosts, clusters.
///
/// Beyond it new sources are not recorded, so their identities are `unknown`, never falsely `unused`.
pub const MAX_SCOPES: usize = 100_000;

/// Losses kept apart. Each is an outage longer than a topic's retention; beyond that the two oldest become one, with all
/// that lies between them, so that what was lost never counts as covered.
pub const MAX_LOSSES: usize = 64;

/// Gaps named in one record.
const MAX_NAMED_GAPS: usize = 8;

/// The covered hours of one log source, as runs in which no silence was longer than allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeCoverage {
    /// First and last hour (inclusive, since 1970) of each run, ascending.
    runs: Vec<(u32, u32)>,
    /// Newest event time.
    until: EventTime,
}

impl ScopeCoverage {
    /// Notes that the source reported in `hour`. Order and repetition do not matter.
    fn note_hour(&mut self, hour: u32, max_silence_hours: u32) {
        if let Some((start, end)) = self.runs.last_mut()
            && *start <= hour
            && hour <= end.saturating_add(max_silence_hours)
        {
            *end = (*end).max(hour);
            return;
        }
        let reach = |run: &(u32, u32)| {
            run.0 <= hour.saturating_add(max_silence_hours) && hour <= run.1.saturating_add(max_silence_hours)
        };
        let (mut start, mut end) = (hour, hour);
        for run in self.runs.iter().filter(|run| reach(run)) {
            start = start.min(run.0);
            end = end.max(run.1);
        }
        self.runs.retain(|run| !reach(run));
        let place = self.runs.partition_point(|run| run.0 < start);
        self.runs.insert(place, (start, end));
        if self.runs.len() > MAX_RUNS {
            self.runs.remove(0);
        }
    }

    /// Newest event time of the source.
    #[must_use]
    pub const fn until(&self) -> EventTime {
        self.until
    }

    /// What two partitions agree on: the hours that both know as covered. `None` where there are none.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let (mut ours, mut theirs) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        let mut runs = Vec::new();
        while let (Some(one), Some(two)) = (ours.peek(), theirs.peek()) {
            let (start, end) = (one.0.max(two.0), one.1.min(two.1));
            if start <= end {
                runs.push((start, end));
            }
            if one.1 <= two.1 {
                ours.next()
            } else {
                theirs.next()
            };
        }
        runs.drain(..runs.len().saturating_sub(MAX_RUNS));
        (!runs.is_empty()).then(|| Self { runs, until: self.until.min(other.until) })
    }
}

/// Hours of which records were lost on their way, of log sources nobody can name: covered for none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// First and last hour (inclusive, since 1970), ascending, apart.
    hours: Vec<(u32, u32)>,
}

impl Losses {
    /// Notes that records of these hours (inclusive) were lost. Says whether that was not known.
    fn note(&mut self, first: u32, last: u32) -> bool {
        let before = self.hours.clone();
        let exclusive = |hours: &(u32, u32)| (hours.0, hours.1.saturating_add(1));
        let noted = (first.min(last), last.saturating_add(1));
        let all = before.iter().map(exclusive).chain([noted]).collect();
        self.hours = merged(all).into_iter().map(|(start, end)| (start, end - 1)).collect();
        while let [oldest, next, ..] = self.hours[..]
            && self.hours.len() > MAX_LOSSES
        {
            self.hours[1] = (oldest.0, next.1);
            self.hours.remove(0);
        }
        self.hours != before
    }

    /// What this and another partition lost between them.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (first, last) in &other.hours {
            self.note(*first, *last);
        }
        self
    }

    /// Whether nothing was lost.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// Gaps within `window` (start inclusive, end exclusive).
    fn within(&self, window: (u32, u32)) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.hours
            .iter()
            .map(move |&(first, last)| (first.max(window.0), last.saturating_add(1).min(window.1)))
    }

    /// The first hour from `hour` on of which nothing was lost.
    fn after(&self, hour: u32) -> u32 {
        let skip = |hour: u32, lost: &(u32, u32)| {
            if lost.0 <= hour && hour <= lost.1 { lost.1.saturating_add(1) } else { hour }
        };
        self.hours.iter().fold(hour, skip)
    }
}

/// The covered hours of all log sources.
#[derive(Clone, Debug)]
pub struct CoverageMap {
    scopes: HashMap<String, ScopeCoverage>,
    losses: Losses,
    max_silence_hours: u32,
}

impl CoverageMap {
    /// An empty map, in which a silence of up to `max_silence_ms` still counts as covered.
    #[must_use]
    pub fn new(max_silence_ms: i64) -> Self {
        Self {
            scopes: HashMap::new(),
            losses: Losses::default(),
            max_silence_hours: (max_silence_ms / HOUR_MS).max(1) as u32,
        }
    }

    /// Notes hours (since 1970) in which a source reported, and its newest event time. `false` where it is one too many.
    pub fn note(&mut self, scope: &str, hours: &[u32], until: EventTime) -> bool {
        if !self.scopes.contains_key(scope) {
            if self.scopes.len() >= MAX_SCOPES {
                return false;
            }
            self.scopes.insert(scope.to_owned(), ScopeCoverage::default());
        }
        let Some(coverage) = self.scopes.get_mut(scope) else { return false };
        for hour in hours {
            coverage.note_hour(*hour, self.max_silence_hours);
        }
        coverage.until = coverage.until.max(until);
        true
    }

    /// Notes that records of the time from `since` (`None`: from any time) to `until` were lost, of whatever source. Says
    /// whether that was not known.
    pub fn note_loss(&mut self, since: Option<EventTime>, until: EventTime) -> bool {
        self.losses.note(since.map_or(0, EventTime::hour), until.hour())
    }

    /// What was lost, for a snapshot.
    #[must_use]
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Puts back what was lost from a snapshot.
    pub fn restore_losses(&mut self, losses: Losses) {
        self.losses = losses;
    }

    /// Coverage common to `scopes` over the `window_ms` before `now`.
    ///
    /// Silence up to now counts as covered as long as it is no longer than allowed.
    #[must_use]
    pub fn over<'a>(
        &self,
        scopes: impl Iterator<Item = &'a str>,
        now: EventTime,
        window_ms: i64,
    ) -> Coverage {
        let known: Option<Vec<&ScopeCoverage>> = scopes.map(|scope| self.scopes.get(scope)).collect();
        let Some(known) = known.filter(|known| !known.is_empty()) else {
            return Coverage::default();
        };
        let window = (now.plus_millis(-window_ms).hour(), now.hour());
        let missing = self.uncovered(&known, window);
        let hours_missing: u32 = missing.iter().map(|gap| gap.1 - gap.0).sum();
        let length = (window.1 - window.0).max(1);
        Coverage {
            since: known
                .iter()
                .filter_map(|scope| scope.runs.first())
                .map(|run| self.losses.after(run.0))
                .max()
                .map(hour_start),
            until: known.iter().map(|scope| scope.until).min(),
            gaps: missing
                .iter()
                .rev()
                .take(MAX_NAMED_GAPS)
                .map(|gap| (hour_start(gap.0), hour_start(gap.1)))
                .collect(),
            ratio: 1.0 - f64::from(hours_missing.min(length)) / f64::from(length),
        }
    }

    /// Hours of `window` (start inclusive, end exclusive) in which one of the sources was silent for too long, or of which
    /// records were lost, merged, ascending.
    fn uncovered(&self, scopes: &[&ScopeCoverage], window: (u32, u32)) -> Vec<(u32, u32)> {
        let mut gaps: Vec<(u32, u32)> = self.losses.within(window).collect();
        for scope in scopes {
            let mut at = window.0;
            for &(start, end) in &scope.runs {
                if start > at {
                    gaps.push((at, start.min(window.1)));
                }
                at = at.max(end.saturating_add(1));
            }
            let last_hour = scope.runs.last().map_or(0, |run| run.1);
            if window.1 > last_hour.saturating_add(1 + self.max_silence_hours) {
                gaps.push((at, window.1));
            }
        }
        gaps.retain(|gap| gap.0 < gap.1);
        merged(gaps)
    }

    /// How many sources are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Whether no source is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// How many sources have been silent for longer than allowed at `now`.
    #[must_use]
    pub fn silent(&self, now: EventTime) -> usize {
        let allowed = i64::from(self.max_silence_hours) * HOUR_MS;
        self.scopes.values().filter(|scope| now.millis_since(scope.until) > allowed).count()
    }

    /// One source, for a snapshot.
    #[must_use]
    pub fn get(&self, scope: &str) -> Option<&ScopeCoverage> {
        self.scopes.get(scope)
    }

    /// Puts back one source from a snapshot; `None` drops it.
    pub fn restore(&mut self, scope: String, coverage: Option<ScopeCoverage>) {
        match coverage {
            Some(coverage) => drop(self.scopes.insert(scope, coverage)),
            None => drop(self.scopes.remove(&scope)),
        }
    }

    /// Every source of an account (`aws:111122223333:`, with the colon), or the one source of that very name.
    pub fn scopes_of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a str> {
        let is_account = source.ends_with(':');
        let fits = move |scope: &&str| if is_account { scope.starts_with(source) } else { *scope == source };
        self.scopes.keys().map(String::as_str).filter(fits)
    }

    /// Drops the sources that have been silent since before `since`, and returns their names.
    pub fn drop_silent(&mut self, since: EventTime) -> Vec<String> {
        let silent: Vec<String> = self
            .scopes
            .iter()
            .filter(|(_, coverage)| coverage.until < since)
            .map(|(scope, _)| scope.clone())
            .collect();
        silent.iter().for_each(|scope| drop(self.scopes.remove(scope)));
        silent
    }
}

fn merged(mut gaps: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    gaps.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match out.last_mut() {
            Some(last) if gap.0 <= last.1 => last.1 = last.1.max(gap.1),
            _ => out.push(gap),
        }
    }
    out
}

fn hour_start(hour: u32) -> EventTime {
    EventTime::from_millis(i64::from(hour) * HOUR_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map_of(hours: &[u32]) -> CoverageMap {
        let mut map = CoverageMap::new(24 * HOUR_MS);
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
        assert_eq!(coverage.gaps, vec![(hour_start(10_021), hour_start(10_100))]);
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
        assert_eq!(over(&map, 10_046, 1).gaps, vec![(hour_start(10_022), hour_start(10_046))]);
    }

    #[test]
    fn of_several_sources_the_worst_decides() {
        let mut map = map_of(&[10_000, 10_020, 10_040, 10_060]);
        map.note("linux:web", &[10_000, 10_020], hour_start(10_020));
        let scopes = ["aws:111122223333:eu-west-1", "linux:web"].into_iter();
        let coverage = map.over(scopes, hour_start(10_060), 40 * HOUR_MS);
        assert_eq!(coverage.until, Some(hour_start(10_020)));
        assert_eq!(coverage.gaps, vec![(hour_start(10_021), hour_start(10_060))]);
    }

    fn covered(coverage: Option<&ScopeCoverage>) -> Vec<u32> {
        let runs = coverage.into_iter().flat_map(|coverage| &coverage.runs);
        runs.flat_map(|(start, end)| *start..=*end).collect()
    }

    fn daily() -> CoverageMap {
        map_of(&(0..90).map(|day| 10_000 + day * 24).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_lost_is_a_gap_of_every_source_until_the_window_has_passed_it() {
        let mut map = daily();
        assert!(map.note_loss(Some(hour_start(11_000)), hour_start(11_010)));
        assert!(!map.note_loss(Some(hour_start(11_002)), hour_start(11_003)), "it is known");
        let gap = vec![(hour_start(11_000), hour_start(11_011))];
        assert_eq!(over(&map, 11_011 + 30 * 24 - 1, 30).gaps, [(hour_start(11_010), hour_start(11_011))]);
        assert_eq!(over(&map, 11_011 + 24, 30).gaps, gap);
        assert_eq!(over(&map, 11_011 + 30 * 24, 30).gaps, []);
        for hour in 11_000..11_011 {
            map.note("aws:111122223333:eu-west-1", &[hour], hour_start(hour));
        }
        assert_eq!(
            over(&map, 11_011 + 24, 30).gaps,
            gap,
            "what other partitions held does not make up for it"
        );
    }

    #[test]
    fn a_loss_without_a_known_start_leaves_nothing_before_it_covered() {
        let mut map = daily();
        assert_eq!(over(&map, 11_050, 30).since, Some(hour_start(10_000)));
        map.note_loss(None, hour_start(11_000));
        let coverage = over(&map, 11_050, 30);
        assert_eq!(coverage.since, Some(hour_start(11_001)));
        assert_eq!(coverage.gaps, [(hour_start(11_050 - 30 * 24), hour_start(11_001))]);
    }

    #[test]
    fn too_many_losses_become_one_with_what_lies_between() {
        let mut losses = Losses::default();
        let most = MAX_LOSSES as u32;
        for n in (0..=most).rev() {
            losses.note(1_000 + n * 10, 1_000 + n * 10 + 1);
        }
        assert_eq!(losses.hours.len(), MAX_LOSSES);
        assert_eq!(losses.hours[..2], [(1_000, 1_011), (1_020, 1_021)]);
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
            prop_assert_eq!(first.scopes, second.scopes);
        }
    }
}
