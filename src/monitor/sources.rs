//! Log sources that fall silent.
//!
//! Every partition hears of every log source; the one that a source's name is routed to judges it, so that one finding is made of one
//! silence. The monitor's time is that of the input that is read least far, so that what waits to be read is not missed.

use std::sync::Arc;

use crate::baseline::coverage::Watched;
use crate::detect::detector::Rule;
use crate::detect::finding::IncidentReport;
use crate::detect::scope::Who;
use crate::detect::source::Silence;
use crate::detect::{Detector, Fate, fate};
use crate::term::partition_of;
use crate::time::{EventTime, HOUR_MS, MINUTE_MS, ProcessingTime};

use super::{Effect, Monitor};

/// How often log sources are looked after: their silences are counted in hours.
const JUDGE_EVERY_MS: i64 = 10 * MINUTE_MS;

/// How far apart the last records of sources may be that fell silent together: deliveries are late by that much on a bad day.
const TOGETHER_MS: i64 = 6 * HOUR_MS;

/// Which of how many partitions a monitor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) partitions: usize,
}

impl Place {
    /// The only partition.
    pub(super) const ONLY: Self = Self { number: 0, partitions: 1 };

    fn judges(self, scope: &str) -> bool {
        partition_of(scope, self.partitions) == self.number
    }
}

impl Monitor {
    /// Opens a finding for each log source of this partition that is silent for too long, and ends those that report again.
    pub(super) fn judge_sources(&mut self, now: ProcessingTime, effects: &mut Vec<Effect>) {
        if now < self.next_sources {
            return;
        }
        self.next_sources = ProcessingTime::from_millis((now.millis() / JUDGE_EVERY_MS + 1) * JUDGE_EVERY_MS);
        for (scope, since, until) in self.resumed_sources() {
            self.source_resumed(&scope, (since, until), now, effects);
        }
        self.leave_to_others();
        for (scope, silence) in self.missed_sources(now) {
            self.source_missed(&scope, silence, now, effects);
        }
    }

    /// The sources of this partition that were missed and report again, in text order: since when, and their newest event.
    fn resumed_sources(&self) -> Vec<(String, EventTime, EventTime)> {
        let coverage = self.shared.coverage();
        let own = coverage.resumed().filter(|(scope, ..)| self.place.judges(scope));
        let mut resumed: Vec<_> = own.map(|(scope, since, until)| (scope.to_owned(), since, until)).collect();
        resumed.sort();
        resumed
    }

    /// Forgets what other partitions say of their sources, as each of them is told when the number of partitions changes: nothing else
    /// would end it here, and the next change would bring it back there.
    fn leave_to_others(&mut self) {
        let coverage = self.shared.coverage();
        let missed = coverage.missed().filter(|scope| !self.place.judges(scope));
        let others: Vec<String> = missed.map(str::to_owned).collect();
        drop(coverage);
        others.iter().for_each(|scope| self.note_missed(scope, None));
    }

    /// The sources of this partition that are newly silent, in text order.
    fn missed_sources(&self, now: ProcessingTime) -> Vec<(String, Silence)> {
        let end = EventTime::from_millis(now.millis());
        let coverage = self.shared.coverage();
        // What no finding can be about, such as hosts that come and go, says nothing of the pipe either.
        let watched: Vec<Watched<'_>> =
            coverage.watched(end).filter(|source| self.is_told_of(source.scope, now)).collect();
        let own = |source: &&Watched<'_>| {
            source.is_silent() && source.missed_since.is_none() && self.place.judges(source.scope)
        };
        let speaks = |source: &Watched<'_>, silence: Silence| {
            !silence.is_of_the_pipe() || self.first_of(source, &watched, now) == Some(source.scope)
        };
        let mut missed: Vec<(String, Silence)> = watched
            .iter()
            .filter(own)
            .map(|source| (source, silence(source, &watched)))
            .filter(|(source, silence)| speaks(source, *silence))
            .map(|(source, silence)| (source.scope.to_owned(), silence))
            .collect();
        missed.sort_by(|a, b| a.0.cmp(&b.0));
        missed
    }

    /// Where nearly nothing is heard, one finding speaks for all that fell silent together: of those whose time has come, the source that comes
    /// first.
    fn first_of<'s>(
        &self,
        source: &Watched<'_>,
        watched: &[Watched<'s>],
        now: ProcessingTime,
    ) -> Option<&'s str> {
        let is_told = |other: &&Watched<'s>| {
            let silence = silence(other, watched);
            let is_due = |detector: &Arc<Detector>| is_due(detector, other.scope, silence, now);
            other.missed_since.is_some() || self.detectors.of_sources().any(is_due)
        };
        let together = watched.iter().filter(|other| fell_silent_together(source, other));
        together.filter(is_told).map(|other| other.scope).min()
    }

    /// Whether any detector would tell of a source's silence.
    fn is_told_of(&self, scope: &str, now: ProcessingTime) -> bool {
        self.detectors.of_sources().any(|detector| {
            detector.scope.covers(&who(scope))
                && fate(detector, is_excepted(detector, scope, now)) == Fate::Raised
        })
    }

    fn source_missed(
        &mut self,
        scope: &str,
        silence: Silence,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let detectors = Arc::clone(&self.detectors);
        for detector in detectors.of_sources().filter(|detector| is_due(detector, scope, silence, now)) {
            if fate(detector, is_excepted(detector, scope, now)) == Fate::Raised {
                self.stats.count_signal(&detector.id, Fate::Raised);
                self.note_missed(scope, Some(silence.since));
                let report = IncidentReport::source_silent(detector, scope, silence, now);
                return effects.push(Effect::Alert(Box::new(report)));
            }
        }
    }

    /// Ends the finding about a source, whatever has become of its detector since.
    fn source_resumed(
        &mut self,
        scope: &str,
        times: (EventTime, EventTime),
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        self.note_missed(scope, None);
        if let Some(detector) = self.detectors.of_sources().next() {
            let report = IncidentReport::source_resumed(detector, scope, times, now);
            effects.push(Effect::Alert(Box::new(report)));
        }
    }

    /// Ends the finding about a source that is dropped.
    pub(super) fn source_forgotten(
        &mut self,
        scope: &str,
        since: EventTime,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(detector) = self.detectors.of_sources().next().filter(|_| self.place.judges(scope)) {
            let report = IncidentReport::source_forgotten(detector, scope, since, now);
            effects.push(Effect::Alert(Box::new(report)));
        }
    }

    fn note_missed(&mut self, scope: &str, since: Option<EventTime>) {
        self.shared.coverage_mut().note_missed(scope, since);
        self.changes.scopes.insert(scope.to_owned());
    }
}

/// Whether two sources are silent since about the same time: what broke one broke the other.
fn fell_silent_together(source: &Watched<'_>, other: &Watched<'_>) -> bool {
    other.is_silent() && (other.until.millis() - source.until.millis()).abs() <= TOGETHER_MS
}

/// A source's silence beside the others: those that fell silent with it, and those that still report.
fn silence(source: &Watched<'_>, watched: &[Watched<'_>]) -> Silence {
    let silent = watched.iter().filter(|other| fell_silent_together(source, other)).count();
    let reporting = watched.iter().filter(|other| !other.is_silent()).count();
    Silence {
        since: source.until,
        usual_hours: source.usual_hours,
        history_days: source.history_days,
        silent,
        known: silent + reporting,
    }
}

/// Whether a silence is long enough, after enough of a history, for a detector that runs.
fn is_due(detector: &Detector, scope: &str, silence: Silence, now: ProcessingTime) -> bool {
    let Rule::SourceSilent { times_usual, min_history_days } = detector.rule else { return false };
    let silent_ms = (now.millis() - silence.since.millis()) as f64;
    let allowed_ms = f64::from(silence.usual_hours) * f64::from(times_usual.max(1.0)) * HOUR_MS as f64;
    let is_long = silent_ms > allowed_ms && silence.history_days >= min_history_days;
    is_long && detector.runs() && detector.scope.covers(&who(scope))
}

fn is_excepted(detector: &Detector, scope: &str, now: ProcessingTime) -> bool {
    detector.exception(&who(scope), None, EventTime::from_millis(now.millis())).is_some()
}

/// A log source, to scopes and exceptions.
fn who(scope: &str) -> Who<'_> {
    Who {
        id: scope,
        kind: Default::default(),
        class: Default::default(),
        environment: None,
        criticality: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::empty_monitor;
    use super::super::rehearsal::START_MS;
    use super::super::{CoverageMark, InputProgress, Record};
    use super::*;
    use crate::detect::finding::Stage;
    use crate::wire::snapshot;

    const IRELAND: &str = "aws:111122223333:eu-west-1";

    fn at(hour: i64) -> ProcessingTime {
        ProcessingTime::from_millis(START_MS + hour * HOUR_MS)
    }

    fn report(monitor: &mut Monitor, scope: &str, hours: std::ops::Range<i64>) {
        let first = START_MS / HOUR_MS;
        let mark = CoverageMark {
            scope: scope.into(),
            hours: hours.clone().map(|hour| (first + hour) as u32).collect(),
            until_ms: START_MS + hours.end * HOUR_MS - 1,
        };
        monitor.process(&Record::Coverage(vec![mark]), &mut Vec::new());
    }

    /// The reports of hourly ticks: stage, scope, message.
    fn tick(monitor: &mut Monitor, hours: std::ops::Range<i64>) -> Vec<(Stage, String, String)> {
        let mut effects = Vec::new();
        hours.for_each(|hour| monitor.tick(at(hour), &mut effects));
        let said = effects.into_iter().filter_map(|effect| match effect {
            Effect::Alert(report) => Some((report.stage, report.subject.identity_id, report.message)),
            Effect::LastSeen(_) | Effect::Withdrawn(_) => None,
        });
        said.collect()
    }

    #[test]
    fn a_silence_is_found_once_and_ended_once_and_the_gap_is_named() {
        let mut monitor = empty_monitor();
        report(&mut monitor, IRELAND, 0..500);
        assert_eq!(
            tick(&mut monitor, 400..509),
            [],
            "nine hours are half as long again as the six that are allowed"
        );
        let found = tick(&mut monitor, 509..540);
        let [(Stage::Create, scope, message)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(scope, IRELAND);
        assert!(message.contains("no record for 9 hours (last 2026-01-25 19:59 UTC)"), "{message}");
        report(&mut monitor, IRELAND, 540..541);
        let ended = tick(&mut monitor, 541..545);
        let [(Stage::Close, _, message)] = &ended[..] else { panic!("{ended:?}") };
        assert!(message.contains("between 2026-01-25 19:59 and 2026-01-27 12:59 UTC"), "{message}");
    }

    #[test]
    fn an_input_that_lags_is_not_a_silent_source() {
        let mut monitor = empty_monitor();
        report(&mut monitor, IRELAND, 0..500);
        let lagging = InputProgress { topic: "cloudtrail".into(), partition: 0, until: at(501) };
        monitor.process(&Record::Progress(vec![lagging]), &mut Vec::new());
        assert_eq!(tick(&mut monitor, 500..700), []);
    }

    #[test]
    fn where_the_pipe_is_broken_one_finding_speaks_for_all() {
        let mut monitor = empty_monitor();
        for region in ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"] {
            report(&mut monitor, &format!("aws:111122223333:{region}"), 0..500);
        }
        let found = tick(&mut monitor, 500..700);
        let [(Stage::Create, scope, message)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(scope, "aws:111122223333:eu-central-1");
        assert!(message.contains("4 of 4 log sources are silent"), "{message}");
    }

    #[test]
    fn of_all_partitions_one_judges_a_source() {
        let found = |number| {
            let mut monitor = empty_monitor().as_one_of(number, 4);
            report(&mut monitor, IRELAND, 0..500);
            report(&mut monitor, "aws:111122223333:us-east-1", 0..700);
            report(&mut monitor, "aws:111122223333:us-west-2", 0..700);
            tick(&mut monitor, 500..700).len()
        };
        assert_eq!((0..4).map(found).sum::<usize>(), 1);
    }

    #[test]
    fn hosts_that_come_and_go_are_not_missed() {
        let mut monitor = empty_monitor();
        report(&mut monitor, "linux:web-1", 0..500);
        report(&mut monitor, IRELAND, 0..900);
        report(&mut monitor, "aws:111122223333:us-west-2", 0..900);
        assert_eq!(tick(&mut monitor, 500..900), []);
    }

    #[test]
    fn a_source_given_up_long_ago_does_not_speak_for_one_that_is_stopped_now() {
        let mut monitor = empty_monitor();
        report(&mut monitor, "aws:111122223333:ap-south-1", 0..500);
        report(&mut monitor, IRELAND, 0..900);
        assert_eq!(tick(&mut monitor, 500..900).len(), 1);
        let found = tick(&mut monitor, 900..1_000);
        let [(Stage::Create, scope, _)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(scope, IRELAND);
    }

    /// Four monitors of other partitions than before, each of which was told what the partition of the source had found.
    fn repartitioned(found: &mut Monitor) -> Vec<Monitor> {
        let changes = snapshot::take_changes(found).unwrap();
        let restored = (0..4).map(|number| {
            let mut monitor = empty_monitor().as_one_of(number, 4);
            for change in &changes {
                snapshot::restore(&mut monitor, &change.key, change.value.as_deref()).unwrap();
            }
            monitor
        });
        restored.collect()
    }

    #[test]
    fn after_a_change_of_partitions_one_of_them_ends_a_finding_and_none_keeps_it() {
        let mut found = empty_monitor();
        report(&mut found, IRELAND, 0..500);
        assert_eq!(tick(&mut found, 500..520).len(), 1);
        let mut monitors = repartitioned(&mut found);
        let ended = monitors.iter_mut().flat_map(|monitor| {
            report(monitor, IRELAND, 520..521);
            tick(monitor, 521..530)
        });
        assert_eq!(ended.count(), 1);
        for mut monitor in monitors {
            let changes = snapshot::take_changes(&mut monitor).unwrap();
            let key = format!("scope:{IRELAND}").into_bytes();
            assert!(changes.iter().any(|change| change.key == key), "that it is over is written down");
            assert_eq!(monitor.shared().coverage().missed().count(), 0);
        }
    }

    #[test]
    fn a_finding_ends_when_its_source_is_not_missed_any_longer() {
        let judge = partition_of(IRELAND, 2);
        for (number, reports) in [(judge, 1), (1 - judge, 0)] {
            let mut monitor = empty_monitor().as_one_of(number, 2);
            report(&mut monitor, IRELAND, 0..500);
            assert_eq!(tick(&mut monitor, 500..520).len(), reports);
            let ended = tick(&mut monitor, 520 + 398 * 24..520 + 402 * 24);
            assert_eq!(ended.len(), reports, "{ended:?}");
            if let [(stage, scope, message)] = &ended[..] {
                assert_eq!((*stage, scope.as_str()), (Stage::Close, IRELAND));
                assert!(
                    message.contains("no record for 400 days (last 2026-01-25 19:59 UTC), and not missed"),
                    "{message}"
                );
            }
            assert_eq!(tick(&mut monitor, 520 + 402 * 24..520 + 410 * 24), []);
        }
    }
}
