//! Which hours of which log source an archive covers, and which of them may not be told.

use std::collections::BTreeMap;

use crate::baseline::coverage::MAX_SCOPES;
use crate::time::EventTime;
use crate::wire::backfill::{MAX_HOURS, Statement};

/// First and last hour (inclusive, since 1970).
pub(super) type Run = (u32, u32);

/// The hours of all log sources.
#[derive(Debug, Default)]
pub(super) struct Covered {
    scopes: BTreeMap<String, Source>,
}

#[derive(Debug, Default)]
struct Source {
    /// Hours in which something was reported.
    reported: Vec<Run>,
    /// Hours that digests prove complete.
    proven: Vec<Run>,
    /// Hours of which something is missing.
    missing: Vec<Run>,
    /// Records that could not be read, by the hour.
    doubtful: BTreeMap<u32, u32>,
    until: EventTime,
}

impl Covered {
    /// Notes an event of a log source. Of more sources than a monitor knows, nothing is noted.
    pub(super) fn note(&mut self, scope: &str, time: EventTime) {
        let Some(source) = self.source(scope) else { return };
        source.until = source.until.max(time);
        add(&mut source.reported, (time.hour(), time.hour()));
    }

    /// Notes hours that are complete, `until` at least.
    pub(super) fn prove(&mut self, scope: &str, run: Run, until: EventTime) {
        let Some(source) = self.source(scope) else { return };
        source.until = source.until.max(until);
        add(&mut source.proven, run);
    }

    /// Notes a record of about this time that cannot be read.
    pub(super) fn doubt(&mut self, scope: &str, time: EventTime) {
        let Some(source) = self.source(scope) else { return };
        *source.doubtful.entry(time.hour()).or_default() += 1;
    }

    /// Leaves hours out of which more records cannot be read than are tolerated.
    pub(super) fn withhold_doubtful(&mut self, tolerated: u32, max_silence_hours: u32) {
        let doubtful = |(scope, source): (&String, &Source)| {
            let too_many = source.doubtful.iter().filter(|(_, records)| **records > tolerated);
            too_many.map(|(hour, _)| (scope.clone(), *hour)).collect::<Vec<_>>()
        };
        let hours: Vec<(String, u32)> = self.scopes.iter().flat_map(doubtful).collect();
        for (scope, hour) in hours {
            self.withhold(&scope, (hour, hour), max_silence_hours);
        }
    }

    /// Notes hours of which something is missing. Silence of up to `max_silence_hours` counts as covered, so that at least as many
    /// hours are left out around them.
    pub(super) fn withhold(&mut self, scope: &str, (first, last): Run, max_silence_hours: u32) {
        let Some(source) = self.source(scope) else { return };
        let lacking = (max_silence_hours + 1).saturating_sub(last.saturating_sub(first) + 1);
        let before = lacking / 2;
        add(&mut source.missing, (first.saturating_sub(before), last.saturating_add(lacking - before)));
    }

    /// What is to be told.
    pub(super) fn statements(&self) -> impl Iterator<Item = Statement> + '_ {
        self.scopes.iter().flat_map(|(scope, source)| {
            let told = |runs: &[Run], is_proven| {
                let runs = without(runs, &source.missing);
                pieces(runs)
                    .into_iter()
                    .map(move |hours| Statement::new(scope, hours, source.until, is_proven))
            };
            told(&source.reported, false).chain(told(&source.proven, true)).collect::<Vec<_>>()
        })
    }

    /// Log sources, hours in which they reported, and hours that are proven complete.
    pub(super) fn count(&self) -> (usize, u64, u64) {
        let hours = |runs: &[Run]| runs.iter().map(|run| u64::from(run.1 - run.0) + 1).sum::<u64>();
        let sum = |of: fn(&Source) -> &[Run]| self.scopes.values().map(|source| hours(of(source))).sum();
        (self.scopes.len(), sum(|source| &source.reported), sum(|source| &source.proven))
    }

    fn source(&mut self, scope: &str) -> Option<&mut Source> {
        if !self.scopes.contains_key(scope) {
            if self.scopes.len() >= MAX_SCOPES {
                return None;
            }
            self.scopes.insert(scope.to_owned(), Source::default());
        }
        self.scopes.get_mut(scope)
    }
}

/// Adds a run to others that are ascending and apart. Mostly it is the last one again, or the next hour.
fn add(runs: &mut Vec<Run>, (first, last): Run) {
    let start = runs.partition_point(|run| run.1.saturating_add(1) < first);
    let end = start + runs[start..].partition_point(|run| run.0 <= last.saturating_add(1));
    let touched = &runs[start..end];
    let merged = touched.iter().fold((first, last), |all, run| (all.0.min(run.0), all.1.max(run.1)));
    if touched != [merged] {
        runs.splice(start..end, [merged]);
    }
}

/// What is left of runs without others.
fn without(runs: &[Run], missing: &[Run]) -> Vec<Run> {
    let mut left = Vec::new();
    for &(start, last) in runs {
        let mut first = start;
        for &(from, to) in missing.iter().filter(|gap| gap.0 <= last && gap.1 >= start) {
            if from > first {
                left.push((first, from - 1));
            }
            first = first.max(to.saturating_add(1));
        }
        if first <= last {
            left.push((first, last));
        }
    }
    left
}

/// The same runs, in lists of as many hours as one statement takes.
fn pieces(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let (mut pieces, mut piece, mut room) = (Vec::new(), Vec::new(), MAX_HOURS);
    for (mut first, last) in runs {
        while first <= last {
            let end = last.min(first.saturating_add(room - 1));
            piece.push((first, end));
            room -= end - first + 1;
            first = end.saturating_add(1);
            if room == 0 {
                pieces.push(std::mem::take(&mut piece));
                room = MAX_HOURS;
            }
        }
    }
    pieces.extend((!piece.is_empty()).then_some(piece));
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::HOUR_MS;

    fn at(hour: u32) -> EventTime {
        EventTime::from_millis(i64::from(hour) * HOUR_MS)
    }

    fn told(covered: &Covered) -> Vec<(Vec<Run>, bool)> {
        covered.statements().map(|statement| (statement.hours, statement.is_proven)).collect()
    }

    #[test]
    fn hours_are_told_in_runs_and_what_is_proven_apart() {
        let mut covered = Covered::default();
        for hour in [5, 6, 6, 9, 8] {
            covered.note("aws:1:eu", at(hour));
        }
        covered.prove("aws:1:eu", (6, 12), at(13));
        assert_eq!(told(&covered), [(vec![(5, 6), (8, 9)], false), (vec![(6, 12)], true)]);
        assert_eq!(covered.count(), (1, 4, 7));
        let until = covered.statements().map(|statement| statement.until_ms).max();
        assert_eq!(until, Some(at(13).millis() - 1), "to the end of what is told");
    }

    #[test]
    fn around_what_is_missing_so_much_is_left_out_that_it_is_a_gap() {
        let mut covered = Covered::default();
        for hour in 0..200 {
            covered.note("aws:1:eu", at(hour));
        }
        covered.withhold("aws:1:eu", (100, 101), 24);
        let hours = told(&covered)[0].0.clone();
        assert_eq!(hours, [(0, 88), (114, 199)]);
        assert!(hours[1].0 - hours[0].1 > 24, "longer than the silence that is allowed");
    }

    #[test]
    fn hours_of_which_too_much_cannot_be_read_are_left_out() {
        let mut covered = Covered::default();
        (0..100).for_each(|hour| covered.note("linux:web", at(hour)));
        (0..10).for_each(|_| covered.doubt("linux:web", at(20)));
        (0..11).for_each(|_| covered.doubt("linux:web", at(70)));
        covered.withhold_doubtful(10, 6);
        assert_eq!(told(&covered), [(vec![(0, 66), (74, 99)], false)]);
    }

    #[test]
    fn no_statement_names_more_hours_than_it_may() {
        let all = pieces(vec![(0, 9), (100, 100 + 2 * MAX_HOURS)]);
        let hours = |runs: &Vec<Run>| runs.iter().map(|run| run.1 - run.0 + 1).sum::<u32>();
        assert_eq!(all.iter().map(hours).collect::<Vec<_>>(), [MAX_HOURS, MAX_HOURS, 11]);
    }

    proptest! {
        #[test]
        fn runs_are_the_set_of_their_hours(
            added in prop::collection::vec((0..60_u32, 0..5_u32), 0..30),
            missing in prop::collection::vec((0..60_u32, 0..5_u32), 0..6),
        ) {
            let (mut runs, mut gaps) = (Vec::new(), Vec::new());
            let hours = |runs: &[(u32, u32)]| -> std::collections::BTreeSet<u32> {
                runs.iter().flat_map(|(first, length)| *first..=first + length).collect()
            };
            added.iter().for_each(|(first, length)| add(&mut runs, (*first, first + length)));
            missing.iter().for_each(|(first, length)| add(&mut gaps, (*first, first + length)));
            let expected: Vec<u32> = hours(&added).difference(&hours(&missing)).copied().collect();
            let left: Vec<u32> = without(&runs, &gaps).iter().flat_map(|run| run.0..=run.1).collect();
            prop_assert_eq!(left, expected);
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
