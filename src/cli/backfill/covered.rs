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
    /// What may be of any log source.
    of_any: Doubts,
    /// The longest silence of a log source that may count as covered, in hours.
    silence_hours: u32,
}

#[derive(Debug, Default)]
struct Source {
    /// Hours in which something was reported.
    reported: Vec<Run>,
    /// Hours that digests prove complete.
    proven: Vec<Run>,
    doubts: Doubts,
    until: EventTime,
}

/// What could not be read.
#[derive(Debug, Default)]
struct Doubts {
    /// Hours of which something is missing.
    missing: Vec<Run>,
    /// The same, with so many around them that they are a gap.
    gaps: Vec<Run>,
    /// Single records that could not be read, by the hour.
    records: BTreeMap<u32, u32>,
}

/// What is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Log sources.
    pub(super) scopes: usize,
    /// Hours in which they reported.
    pub(super) reported: u64,
    /// Hours that are proven complete.
    pub(super) proven: u64,
    /// Hours in which they reported and that are left out: something of them, or near them, could not be read.
    pub(super) left_out: u64,
}

impl Doubts {
    fn withhold(&mut self, (first, last): Run, silence_hours: u32) {
        let lacking = silence_hours.saturating_add(1).saturating_sub((last - first).saturating_add(1));
        let before = lacking / 2;
        add(&mut self.missing, (first, last));
        let around = (first.saturating_sub(before), last.saturating_add(lacking - before));
        add(&mut self.gaps, around);
    }

    fn withhold_crowded(&mut self, tolerated: u32, silence_hours: u32) {
        let records = std::mem::take(&mut self.records);
        for (hour, _) in records.into_iter().filter(|(_, records)| *records > tolerated) {
            self.withhold((hour, hour), silence_hours);
        }
    }
}

impl Covered {
    /// Nothing, where silence of up to `silence_hours` may count as covered.
    pub(super) fn new(silence_hours: u32) -> Self {
        Self { silence_hours, ..Self::default() }
    }

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

    /// Notes a record of about this time that cannot be read, or is left out: of one log source, or of any.
    pub(super) fn doubt(&mut self, scope: Option<&str>, time: EventTime) {
        let Some(doubts) = self.doubts(scope) else { return };
        *doubts.records.entry(time.hour()).or_default() += 1;
    }

    /// Leaves hours out of which more records cannot be read than are tolerated.
    pub(super) fn withhold_crowded(&mut self, tolerated: u32) {
        let silence_hours = self.silence_hours;
        let of_scopes = self.scopes.values_mut().map(|source| &mut source.doubts);
        of_scopes
            .chain([&mut self.of_any])
            .for_each(|doubts| doubts.withhold_crowded(tolerated, silence_hours));
    }

    /// Notes hours of which something is missing, of one log source or of any. Silence of some hours counts as covered, so that more are left
    /// out around them.
    pub(super) fn withhold(&mut self, scope: Option<&str>, run: Run) {
        let silence_hours = self.silence_hours;
        if let Some(doubts) = self.doubts(scope) {
            doubts.withhold(run, silence_hours);
        }
    }

    /// What is to be told.
    pub(super) fn statements(&self) -> impl Iterator<Item = Statement> + '_ {
        self.scopes.iter().flat_map(|(scope, source)| {
            let told = |runs: Vec<Run>, is_proven| {
                pieces(runs)
                    .into_iter()
                    .map(move |hours| Statement::new(scope, hours, source.until, is_proven))
            };
            let (reported, proven) = self.told(source);
            told(reported, false).chain(told(proven, true)).collect::<Vec<_>>()
        })
    }

    /// How much is told.
    pub(super) fn count(&self) -> Count {
        let hours = |runs: &[Run]| runs.iter().map(|run| u64::from(run.1 - run.0) + 1).sum::<u64>();
        self.scopes.values().fold(Count::default(), |count, source| {
            let (reported, proven) = self.told(source);
            let is_told = !reported.is_empty() || !proven.is_empty();
            Count {
                scopes: count.scopes + usize::from(is_told),
                reported: count.reported + hours(&reported),
                proven: count.proven + hours(&proven),
                left_out: count.left_out + hours(&source.reported) - hours(&reported),
            }
        })
    }

    /// Hours of a source that were read to their end: in which it reported, and that are proven. Around those that were not, what was only
    /// reported is left out; what is proven needs no neighbours.
    fn told(&self, source: &Source) -> (Vec<Run>, Vec<Run>) {
        let left = |runs: &[Run], of: fn(&Doubts) -> &[Run]| {
            without(&without(runs, of(&source.doubts)), of(&self.of_any))
        };
        (left(&source.reported, |doubts| &doubts.gaps), left(&source.proven, |doubts| &doubts.missing))
    }

    fn doubts(&mut self, scope: Option<&str>) -> Option<&mut Doubts> {
        match scope {
            Some(scope) => self.source(scope).map(|source| &mut source.doubts),
            None => Some(&mut self.of_any),
        }
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
        assert_eq!(covered.count(), Count { scopes: 1, reported: 4, proven: 7, left_out: 0 });
        let until: Vec<_> = covered.statements().map(|statement| statement.until_ms).collect();
        assert_eq!(until, [at(10).millis() - 1, at(13).millis() - 1], "each as far as it goes");
    }

    #[test]
    fn around_what_is_missing_so_much_is_left_out_that_it_is_a_gap() {
        let mut covered = Covered::new(24);
        for hour in 0..200 {
            covered.note("aws:1:eu", at(hour));
        }
        covered.prove("aws:1:eu", (90, 199), at(200));
        covered.withhold(Some("aws:1:eu"), (100, 101));
        let [(reported, false), (proven, true)] = &told(&covered)[..] else { panic!("{covered:?}") };
        assert_eq!(reported, &[(0, 88), (114, 199)]);
        assert!(reported[1].0 - reported[0].1 > 24, "longer than the silence that is allowed");
        assert_eq!(proven, &[(90, 99), (102, 199)], "what is proven needs no neighbours");
        assert_eq!(covered.count(), Count { scopes: 1, reported: 175, proven: 108, left_out: 25 });
    }

    #[test]
    fn what_may_be_of_any_log_source_is_left_out_of_all_and_also_of_those_noted_later() {
        let mut covered = Covered::new(24);
        covered.note("aws:1:eu", at(10));
        covered.withhold(None, (0, 50));
        covered.note("linux:web", at(20));
        covered.note("linux:web", at(51));
        covered.prove("aws:1:us", (40, 60), at(61));
        assert_eq!(told(&covered), [(vec![(51, 60)], true), (vec![(51, 51)], false)]);
        covered.withhold(None, (0, u32::MAX));
        assert_eq!((told(&covered), covered.count().scopes), (vec![], 0));
    }

    #[test]
    fn hours_of_which_too_much_cannot_be_read_are_left_out() {
        let mut covered = Covered::new(6);
        (0..100).for_each(|hour| covered.note("linux:web", at(hour)));
        (0..10).for_each(|_| covered.doubt(Some("linux:web"), at(20)));
        (0..11).for_each(|_| covered.doubt(Some("linux:web"), at(70)));
        covered.withhold_crowded(10);
        assert_eq!(told(&covered), [(vec![(0, 66), (74, 99)], false)]);
        (0..11).for_each(|_| covered.doubt(None, at(20)));
        covered.withhold_crowded(10);
        assert_eq!(
            told(&covered),
            [(vec![(0, 16), (24, 66), (74, 99)], false)],
            "of which source, nobody knows"
        );
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
