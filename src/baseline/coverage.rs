//! Which hours of which log source have reached us: without that, silence proves nothing.

pub mod cadence;
pub mod late;
pub mod losses;
pub mod runs;
pub mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::time::{EventTime, HOUR_MS};

use super::last_seen::{Coverage, Gap, GapCause};
use cadence::{Cadence, Limits};
use losses::Losses;
use runs::Runs;
use source::{News, ScopeCoverage};

/// Log sources known to one partition: accounts × regions, hosts, clusters.
///
/// Beyond it new sources are not recorded, so their identities are `unknown`, never falsely `unused`.
pub const MAX_SCOPES: usize = 100_000;

/// Gaps named in one record.
const MAX_NAMED_GAPS: usize = 8;

/// What counts as covered, in the units used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest silences that may be as usual.
    pub limits: Limits,
    /// Single records of an hour that may be unreadable before it is a gap.
    pub tolerated_unreadable: u32,
    /// The hour before which what was lost or unreadable is let pass.
    pub accepted_before: u32,
}

/// The covered hours of all log sources.
#[derive(Clone, Debug)]
pub struct CoverageMap {
    sources: HashMap<String, Source>,
    losses: Losses,
    settings: Settings,
}

/// A log source and what its hours say of its cadence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    coverage: ScopeCoverage,
    cadence: Cadence,
}

/// What came of something that was told of a log source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Hours are covered that were not, or known better.
    New,
    /// It is only newer than was known.
    Newer,
    /// All of it was known.
    Known,
    /// It is one source too many.
    TooMany,
}

/// A log source that is known well enough to be missed.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// Its name.
    pub scope: &'a str,
    /// Its newest event.
    pub until: EventTime,
    /// How long it has been silent, in milliseconds.
    silent_ms: i64,
    /// Longest silence that is usual of it after that, in hours.
    pub usual_hours: u32,
    /// Days from its first report to its newest.
    pub history_days: u32,
    /// The newest event for which a finding says that it is silent.
    pub missed_since: Option<EventTime>,
}

impl Watched<'_> {
    /// Whether it is silent for longer than usual.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent_ms > i64::from(self.usual_hours) * HOUR_MS
    }
}

impl Source {
    fn new(coverage: ScopeCoverage, limits: Limits) -> Self {
        Self { cadence: Cadence::learned(&coverage.reported, limits), coverage }
    }

    /// The hours of the window in which it was silent for longer than usual, or of which more may be on its way.
    ///
    /// Silence at the window's end counts as covered for as long as it is as usual. An hour that may be incomplete is a gap however short: what
    /// happened in it is on its way, and not missing.
    fn silent(&self, window: (u32, u32), limits: Limits) -> Runs {
        let open = self.coverage.open(window.1.saturating_add(1), limits);
        let settled = self.coverage.settled(&open);
        let mut silent = Runs::default();
        let mut add = |from: u32, to: u32| {
            let (from, to) = (from.max(window.0), to.min(window.1));
            if from <= to {
                silent.insert(from, to);
            }
        };
        let (Some(first), Some(last)) = (settled.first(), settled.last()) else {
            return Runs::of(window.0, window.1);
        };
        if let Some(before) = first.checked_sub(1) {
            add(0, before);
        }
        for (hour, step) in settled.silences() {
            if step > self.cadence.allowed_after(hour) {
                add(hour + 1, hour + step - 1);
            }
        }
        if window.1 > last.saturating_add(self.cadence.allowed_after(last)) {
            add(last.saturating_add(1), window.1);
        }
        open.iter().for_each(|(from, to)| add(from, to));
        silent
    }
}

impl CoverageMap {
    /// An empty map.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { sources: HashMap::new(), losses: Losses::default(), settings }
    }

    /// Notes hours (since 1970) in which a source reported, told in time, and its newest event time.
    pub fn note(&mut self, scope: &str, hours: &[u32], until: EventTime) -> Told {
        self.note_live(scope, until, |coverage, limits| coverage.note_hours(hours, limits))
    }

    /// The same of one hour, of which a record was received late, in hour `received`: it counts once nothing of the source came late for
    /// a while.
    pub fn note_late(&mut self, scope: &str, hour: u32, received: u32, until: EventTime) -> Told {
        self.note_live(scope, until, |coverage, limits| coverage.note_late(hour, received, limits))
    }

    /// The same, from an archive: who was never heard of otherwise is not missed.
    pub fn note_past(&mut self, scope: &str, hours: &[u32], until: EventTime) -> Told {
        self.note_told(scope, until, |coverage, limits| coverage.note_hours(hours, limits))
    }

    /// Notes that nothing is missing of these hours (inclusive) of a source, whatever it reported and whatever was lost, and up to when it is
    /// known.
    pub fn note_proven(&mut self, scope: &str, (first, last): (u32, u32), until: EventTime) -> Told {
        self.note_told(scope, until, |coverage, _| coverage.note_proven(first, last))
    }

    fn note_live(
        &mut self,
        scope: &str,
        until: EventTime,
        note: impl FnOnce(&mut ScopeCoverage, Limits) -> News,
    ) -> Told {
        self.note_told(scope, until, |coverage, limits| {
            let is_revived = !std::mem::replace(&mut coverage.is_live, true);
            note(coverage, limits).max(if is_revived { News::Rest } else { News::Nothing })
        })
    }

    fn note_told(
        &mut self,
        scope: &str,
        until: EventTime,
        note: impl FnOnce(&mut ScopeCoverage, Limits) -> News,
    ) -> Told {
        let limits = self.settings.limits;
        let Some(source) = self.source_mut(scope) else { return Told::TooMany };
        let is_newer = source.coverage.until < until;
        source.coverage.until = source.coverage.until.max(until);
        match note(&mut source.coverage, limits) {
            News::Report => {
                source.cadence = Cadence::learned(&source.coverage.reported, limits);
                Told::New
            }
            News::Rest => Told::New,
            News::Nothing if is_newer => Told::Newer,
            News::Nothing => Told::Known,
        }
    }

    fn source_mut(&mut self, scope: &str) -> Option<&mut Source> {
        if !self.sources.contains_key(scope) {
            if self.sources.len() >= MAX_SCOPES {
                return None;
            }
            self.sources
                .insert(scope.to_owned(), Source::new(ScopeCoverage::default(), self.settings.limits));
        }
        self.sources.get_mut(scope)
    }

    /// Notes that records of the time from `since` (`None`: from any time) to `until` were lost, of whatever source. Says
    /// whether that was not known.
    pub fn note_loss(&mut self, since: Option<EventTime>, until: EventTime) -> bool {
        self.losses.note(since.map_or(0, EventTime::hour), until.hour())
    }

    /// Notes how many whole payloads and single records were received in an hour (since 1970) that cannot be read. Says whether that made a
    /// gap that was not known.
    pub fn note_unreadable(&mut self, hour: u32, payloads: u32, records: u32) -> bool {
        self.losses.note_unreadable(hour, (payloads, records), self.settings.tolerated_unreadable)
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
    #[must_use]
    pub fn over<'a>(
        &self,
        scopes: impl Iterator<Item = &'a str>,
        now: EventTime,
        window_ms: i64,
    ) -> Coverage {
        let known: Option<Vec<&Source>> = scopes.map(|scope| self.sources.get(scope)).collect();
        let Some(known) = known.filter(|known| !known.is_empty()) else {
            return Coverage::default();
        };
        let end = now.hour().max(1);
        let window = (now.plus_millis(-window_ms).hour().min(end - 1), end - 1);
        let missing = self.missing(&known, window);
        let all = missing.iter().fold(Runs::default(), |all, (_, runs)| all.and(runs));
        let length = f64::from(window.1 - window.0 + 1);
        Coverage {
            since: known.iter().filter_map(|source| self.since(source)).max().map(hour_start),
            until: known.iter().map(|source| source.coverage.until).min(),
            gaps: named(&missing),
            ratio: 1.0 - (all.hours() as f64 / length).min(1.0),
        }
    }

    /// The hours of the window (inclusive) that are not covered for one of the sources, by cause.
    fn missing(&self, sources: &[&Source], window: (u32, u32)) -> [(GapCause, Runs); 3] {
        let within = Runs::of(window.0, window.1);
        let mut missing =
            [GapCause::Silence, GapCause::Lost, GapCause::Unreadable].map(|cause| (cause, Runs::default()));
        for source in sources {
            let silent = source.silent(window, self.settings.limits).without(&source.coverage.proven);
            let lost = self.losses.without(&self.known_for_certain(source));
            let each = [(GapCause::Silence, silent)].into_iter().chain(lost);
            for ((_, all), (_, of_source)) in missing.iter_mut().zip(each) {
                *all = std::mem::take(all).and(&of_source.common(&within));
            }
        }
        missing
    }

    /// Hours for which it does not matter what was lost: proven, or let pass by the operator.
    fn known_for_certain(&self, source: &Source) -> Runs {
        let proven = source.coverage.proven.clone();
        match self.settings.accepted_before.checked_sub(1) {
            Some(last) => proven.and(&Runs::of(0, last)),
            None => proven,
        }
    }

    /// The first hour of a source that is known of, and that does not lie within what was lost.
    fn since(&self, source: &Source) -> Option<u32> {
        let first = source.coverage.first()?;
        let lost = self.losses.without(&self.known_for_certain(source));
        let lost = lost.into_iter().fold(Runs::default(), |all, (_, runs)| all.and(&runs));
        let around = lost.iter().find(|(start, end)| *start <= first && first <= *end);
        Some(around.map_or(first, |(_, end)| end.saturating_add(1)))
    }

    /// How many sources are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether no source is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// How many sources have been silent for longer than is usual of them at `now`.
    #[must_use]
    pub fn silent(&self, now: EventTime) -> usize {
        let is_silent = |source: &&Source| {
            let last = source.coverage.until;
            now.millis_since(last) > i64::from(source.cadence.allowed_after(last.hour())) * HOUR_MS
        };
        self.sources.values().filter(is_silent).count()
    }

    /// The sources that are known well enough to be missed, as of `now`.
    pub fn watched(&self, now: EventTime) -> impl Iterator<Item = Watched<'_>> {
        let proven =
            self.sources.iter().filter(|(_, source)| source.coverage.is_live && source.cadence.is_proven());
        proven.map(move |(scope, source)| {
            let ScopeCoverage { reported, until, missed_since, .. } = &source.coverage;
            let last = until.hour();
            Watched {
                scope,
                until: *until,
                silent_ms: now.millis_since(*until),
                usual_hours: source.cadence.allowed_after(last),
                history_days: (last - reported.first().unwrap_or(last).min(last)) / 24,
                missed_since: *missed_since,
            }
        })
    }

    /// The sources that were missed and report again: name, newest event before the silence, newest event.
    pub fn resumed(&self) -> impl Iterator<Item = (&str, EventTime, EventTime)> {
        self.sources.iter().filter_map(|(scope, source)| {
            let (until, missed_since) = (source.coverage.until, source.coverage.missed_since);
            let since = missed_since.filter(|since| until > *since)?;
            Some((scope.as_str(), since, until))
        })
    }

    /// The sources of which a finding says that they are silent.
    pub fn missed(&self) -> impl Iterator<Item = &str> {
        let missed = self.sources.iter().filter(|(_, source)| source.coverage.missed_since.is_some());
        missed.map(|(scope, _)| scope.as_str())
    }

    /// Notes the newest event for which a finding says that a source is silent; `None` when it is over.
    pub fn note_missed(&mut self, scope: &str, since: Option<EventTime>) {
        if let Some(source) = self.sources.get_mut(scope) {
            source.coverage.missed_since = since;
        }
    }

    /// One source, for a snapshot.
    #[must_use]
    pub fn get(&self, scope: &str) -> Option<&ScopeCoverage> {
        self.sources.get(scope).map(|source| &source.coverage)
    }

    /// Puts back one source from a snapshot; `None` drops it.
    pub fn restore(&mut self, scope: String, coverage: Option<ScopeCoverage>) {
        match coverage {
            Some(coverage) => {
                drop(self.sources.insert(scope, Source::new(coverage, self.settings.limits)));
            }
            None => drop(self.sources.remove(&scope)),
        }
    }

    /// Every source of an account (`aws:111122223333:`, with the colon), or the one source of that very name.
    pub fn scopes_of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a str> {
        let is_account = source.ends_with(':');
        let fits = move |scope: &&str| if is_account { scope.starts_with(source) } else { *scope == source };
        self.sources.keys().map(String::as_str).filter(fits)
    }

    /// Drops the sources that have been silent since before `since`. Returns their names in text order, each with the newest event for
    /// which a finding says that it is silent.
    pub fn drop_silent(&mut self, since: EventTime) -> Vec<(String, Option<EventTime>)> {
        let mut dropped: Vec<_> = self
            .sources
            .extract_if(|_, source| source.coverage.until < since)
            .map(|(scope, source)| (scope, source.coverage.missed_since))
            .collect();
        dropped.sort();
        dropped
    }
}

/// The newest gaps, newest first.
fn named(missing: &[(GapCause, Runs)]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = missing
        .iter()
        .flat_map(|(cause, runs)| {
            runs.iter().map(|(first, last)| Gap {
                since: hour_start(first),
                until: hour_start(last.saturating_add(1)),
                cause: *cause,
            })
        })
        .collect();
    gaps.sort_by_key(|gap| std::cmp::Reverse((gap.until, gap.since, gap.cause)));
    gaps.truncate(MAX_NAMED_GAPS);
    gaps
}

fn hour_start(hour: u32) -> EventTime {
    EventTime::from_millis(i64::from(hour) * HOUR_MS)
}
