//! Which hours of which log source have reached us.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::baseline::CoverageMap;
use crate::baseline::coverage::Told;
use crate::time::EventTime;

use super::Monitor;

/// One log source reported during these hours, or (without any) has come this far in one that was told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageMark {
    /// The log source: `aws:111122223333:eu-west-1`.
    pub scope: String,
    /// Hours since 1970 with at least one record, ascending and distinct.
    pub hours: Vec<u32>,
    /// Newest event time so far, in milliseconds.
    pub until_ms: i64,
}

/// Hours of one log source of which nothing is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteHours {
    /// The log source.
    pub scope: String,
    /// First and last hour (inclusive, since 1970) of each run.
    pub hours: Vec<(u32, u32)>,
    /// Up to when the source is known, in milliseconds.
    pub until_ms: i64,
}

/// One log source told late of one hour: the record reached its topic when the hour was over for longer than is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateMark {
    /// The log source.
    pub scope: String,
    /// The hour, since 1970.
    pub hour: u32,
    /// The hour in which the record was received.
    pub received: u32,
    /// Time of the event, in milliseconds.
    pub until_ms: i64,
}

impl Monitor {
    /// Takes in that log sources reported during these hours.
    pub(super) fn coverage(
        &mut self,
        marks: &[CoverageMark],
        note: fn(&mut CoverageMap, &str, &[u32], EventTime) -> Told,
    ) {
        let told = |map: &mut CoverageMap, mark: &CoverageMark| {
            note(map, &mark.scope, &mark.hours, EventTime::from_millis(mark.until_ms))
        };
        self.cover(marks, |mark| &mark.scope, told);
    }

    /// Takes in that log sources told late of hours.
    pub(super) fn late_coverage(&mut self, marks: &[LateMark]) {
        let told = |map: &mut CoverageMap, mark: &LateMark| {
            map.note_late(&mark.scope, mark.hour, mark.received, EventTime::from_millis(mark.until_ms))
        };
        self.cover(marks, |mark| &mark.scope, told);
    }

    /// Takes in that nothing of these hours is missing.
    pub(super) fn complete<'c>(&mut self, complete: &'c [CompleteHours]) {
        let runs = |told: &'c CompleteHours| told.hours.iter().map(move |run| (told, *run));
        let runs: Vec<(&CompleteHours, (u32, u32))> = complete.iter().flat_map(runs).collect();
        let told = |map: &mut CoverageMap, (told, run): &(&CompleteHours, (u32, u32))| {
            map.note_proven(&told.scope, *run, EventTime::from_millis(told.until_ms))
        };
        self.cover(&runs, |(told, _)| &told.scope, told);
    }

    /// Takes marks in. A source is written down for what is new of its hours; how far it came within an hour is written with the next
    /// hour, since it is told at each commit.
    fn cover<M>(
        &mut self,
        marks: &[M],
        scope: impl Fn(&M) -> &String,
        note: impl Fn(&mut CoverageMap, &M) -> Told,
    ) {
        let shared = Arc::clone(&self.shared);
        let mut coverage = shared.coverage_mut();
        for mark in marks {
            match note(&mut coverage, mark) {
                Told::New => drop(self.changes.scopes.insert(scope(mark).clone())),
                Told::Newer if !self.newer_scopes.contains(scope(mark)) => {
                    self.newer_scopes.insert(scope(mark).clone());
                }
                Told::Newer | Told::Known => {}
                Told::TooMany => self.stats.count_evictions("scopes", 1),
            }
        }
        self.stats.scopes = coverage.len() as u64;
    }

    /// Has it written down how far log sources came since their last new hour.
    pub(super) fn settle_scopes(&mut self) {
        self.changes.scopes.append(&mut self.newer_scopes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{activity, covered, empty_monitor};
    use super::super::rehearsal::{SCOPE, START_MS};
    use super::super::{InputProgress, Record};
    use super::*;
    use crate::baseline::last_seen::UseStatus;
    use crate::detect::testing::Sample;
    use crate::time::{HOUR_MS, MINUTE_MS, ProcessingTime};

    /// The source told of an hour, so many minutes into it; without its name of hours, as at the end of a commit.
    fn told(hour: i64, minutes: i64, is_first: bool) -> Record<'static> {
        let mut mark = covered(hour, hour);
        mark.until_ms += minutes * MINUTE_MS;
        mark.hours.truncate(usize::from(is_first));
        Record::Coverage(vec![mark])
    }

    fn written(monitor: &mut Monitor) -> usize {
        monitor.take_changes().scopes.len()
    }

    #[test]
    fn commits_within_an_hour_write_a_source_once_and_the_next_hour_how_far_it_came() {
        let mut monitor = empty_monitor();
        let mut writes = Vec::new();
        for (minutes, is_first) in [(5, true), (9, false), (20, true), (40, false)] {
            monitor.process(&told(0, minutes, is_first), &mut Vec::new());
            writes.push(written(&mut monitor));
        }
        assert_eq!(writes, [1, 0, 0, 0]);
        let at = |minutes: i64| ProcessingTime::from_millis(START_MS + minutes * MINUTE_MS);
        monitor.tick(at(1), &mut Vec::new());
        written(&mut monitor);
        monitor.process(&told(0, 50, false), &mut Vec::new());
        monitor.tick(at(59), &mut Vec::new());
        assert_eq!(written(&mut monitor), 0);
        monitor.tick(at(60), &mut Vec::new());
        assert_eq!(written(&mut monitor), 1, "it may fall silent now");
        monitor.tick(at(120), &mut Vec::new());
        assert_eq!(written(&mut monitor), 0);
        monitor.process(&told(1, 0, true), &mut Vec::new());
        assert_eq!(written(&mut monitor), 1);
    }

    #[test]
    fn who_hands_over_writes_how_far_sources_came() {
        let mut monitor = empty_monitor();
        monitor.process(&told(0, 5, true), &mut Vec::new());
        monitor.process(&told(0, 50, false), &mut Vec::new());
        written(&mut monitor);
        monitor.process(&told(0, 55, false), &mut Vec::new());
        monitor.flush(ProcessingTime::from_millis(START_MS + HOUR_MS), &mut Vec::new());
        assert_eq!(written(&mut monitor), 1);
    }

    /// Hours after the start between which the source was silent, and the one in which it begins to deliver what it held back.
    const SILENT: std::ops::Range<i64> = 40 * 24..44 * 24;
    const DELIVERY: i64 = 100 * 24;
    const APP: &str = "arn:aws:iam::111122223333:role/app";

    fn at(hour: i64) -> ProcessingTime {
        ProcessingTime::from_millis(START_MS + hour * HOUR_MS)
    }

    /// A role that was used on the first day, and a source that was silent for some days and reports until a week after its delivery.
    fn silent_for_days() -> Monitor {
        let mut monitor = empty_monitor();
        monitor.activity(&activity("app", &Sample::default(), HOUR_MS, "first"), &mut Vec::new());
        for mark in [covered(0, SILENT.start), covered(SILENT.end, DELIVERY + 7 * 24)] {
            monitor.process(&Record::Coverage(vec![mark]), &mut Vec::new());
        }
        monitor
    }

    fn late(hour: i64, received: i64) -> Record<'static> {
        let [hour_of, received] = [hour, received].map(|hour| (START_MS / HOUR_MS + hour) as u32);
        let until_ms = START_MS + hour * HOUR_MS;
        Record::LateCoverage(vec![LateMark { scope: SCOPE.into(), hour: hour_of, received, until_ms }])
    }

    /// What is said of the role at the end of each of twelve hours, while a backlog comes: its first records, of all times, and then the
    /// rest, hour by hour.
    fn said(monitor: &mut Monitor, use_at: Option<i64>) -> Vec<UseStatus> {
        let mut effects = Vec::new();
        (0..12)
            .map(|hours| {
                let received = DELIVERY + hours;
                match hours {
                    0 => SILENT
                        .step_by(5)
                        .for_each(|hour| monitor.process(&late(hour, received), &mut effects)),
                    1..5 => SILENT.skip(hours as usize).step_by(5).for_each(|hour| {
                        monitor.process(&late(hour, received), &mut effects);
                    }),
                    5 => use_at.into_iter().for_each(|hour| {
                        monitor.process(&late(hour, received), &mut effects);
                        let mut used = activity("app", &Sample::default(), hour * HOUR_MS, "late");
                        used.event.received = at(received);
                        monitor.activity(&used, &mut effects);
                    }),
                    _ => {}
                }
                monitor.tick(at(received + 1), &mut effects);
                monitor.view().identity(APP).unwrap().0.status
            })
            .collect()
    }

    #[test]
    fn a_backlog_that_comes_over_hours_closes_its_gap_once_nothing_more_comes() {
        let used = said(&mut silent_for_days(), Some(SILENT.end - 20));
        assert_eq!(used, [[UseStatus::Unknown; 5].as_slice(), &[UseStatus::Active; 7]].concat());
        let unused = said(&mut silent_for_days(), None);
        assert_eq!(unused, [[UseStatus::Unknown; 7].as_slice(), &[UseStatus::Unused; 5]].concat());
    }

    #[test]
    fn a_backlog_read_in_another_order_proves_the_same() {
        let mut forth: Vec<_> =
            SILENT.flat_map(|hour| [late(hour, DELIVERY + hour % 7), late(hour, DELIVERY)]).collect();
        let judged = |records: &[Record<'_>]| {
            let mut monitor = silent_for_days();
            records.iter().for_each(|record| monitor.process(record, &mut Vec::new()));
            let statuses = (0..14).map(|hours| {
                monitor.tick(at(DELIVERY + hours), &mut Vec::new());
                monitor.view().identity(APP).unwrap().0.status
            });
            statuses.collect::<Vec<_>>()
        };
        let expected = judged(&forth);
        assert!(
            expected.starts_with(&[UseStatus::Unknown; 10]) && expected.ends_with(&[UseStatus::Unused; 4])
        );
        forth.reverse();
        assert_eq!(judged(&forth), expected);
    }

    #[test]
    fn what_an_input_read_ahead_tells_late_proves_nothing_before_the_others_come_there() {
        let mut monitor = silent_for_days();
        SILENT.for_each(|hour| monitor.process(&late(hour, DELIVERY), &mut Vec::new()));
        let mut status = |hours| {
            let until = at(DELIVERY + hours);
            let lagging = InputProgress { topic: "cloudtrail".into(), partition: 0, until };
            monitor.process(&Record::Progress(vec![lagging]), &mut Vec::new());
            monitor.tick(at(DELIVERY + 100), &mut Vec::new());
            monitor.view().identity(APP).unwrap().0.status
        };
        assert_eq!(
            [-24, 0, 3, 4].map(&mut status),
            [UseStatus::Unknown, UseStatus::Unknown, UseStatus::Unknown, UseStatus::Unused]
        );
    }
}
