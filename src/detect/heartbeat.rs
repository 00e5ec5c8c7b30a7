//! Reports on jobs that ran on a clock and do not any more: one finding for each silence.

use std::sync::Arc;

use crate::baseline::cadence::Rhythm;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS, ProcessingTime};

use super::detector::{Detector, Rule, Status};
use super::finding::{IncidentReport, Severity, Stage, Subject};
use super::posture::Posture;
use super::{Detectors, message};

/// Confidence that something is wrong: that the job did not run is certain, but it may be meant to end.
const CONFIDENCE: u8 = 60;

/// Risk of a job that stopped: a standing one.
const RISK: u8 = 20;

/// Hours from which on a time is told in days: below five, a part of a day matters.
const HOURS_TOLD: i64 = 120;

/// How much a detector of missed runs forgives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// Fewest runs on the clock.
    pub min_runs: u32,
    /// Fewest days over which they came.
    pub min_days: u32,
    slack_ratio: f32,
    min_slack_ms: i64,
}

/// Why a finding that a run was missed ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran again, first at this time.
    RanAgain(EventTime),
    /// The inventory does not expect it to run any more.
    NotExpected,
    /// It is unused by now, and that is a finding of its own.
    Unused,
    /// Another identity has its name now.
    Renewed,
    /// There are too many identities, and it is not followed any more.
    Forgotten,
}

impl Patience {
    fn of(rule: &Rule) -> Option<Self> {
        let Rule::MissedHeartbeat { min_runs, min_days, slack_ratio, min_slack_hours } = *rule else {
            return None;
        };
        let min_slack_ms = i64::from(min_slack_hours) * HOUR_MS;
        Some(Self { min_runs, min_days, slack_ratio, min_slack_ms })
    }

    /// How long after its last use an identity of this rhythm is overdue, in milliseconds, where a log source that is silent for
    /// `max_silence_ms` counts as covered.
    #[must_use]
    pub fn allowed_ms(self, rhythm: Rhythm, max_silence_ms: i64) -> i64 {
        let slack_ms = (rhythm.usual_ms as f64 * f64::from(self.slack_ratio.max(0.0))) as i64;
        rhythm.longest_ms + slack_ms.max(max_silence_ms) + self.min_slack_ms
    }
}

impl Detectors {
    /// The detectors that judge missed runs, whatever their status, each with its patience: those that alert first.
    #[must_use]
    pub fn heartbeats(&self) -> Vec<(&Arc<Detector>, Patience)> {
        let patience = self.detectors.iter().map(|detector| Patience::of(&detector.rule));
        let mut found: Vec<_> =
            self.detectors.iter().zip(patience).filter_map(|(detector, of)| Some((detector, of?))).collect();
        found.sort_by_key(|(detector, _)| detector.status != Status::Enabled);
        found
    }
}

impl IncidentReport {
    /// The report that a job of this rhythm has not run since `last_seen`, for more than `allowed_ms`.
    #[must_use]
    pub fn missed_run(
        detector: &Arc<Detector>,
        subject: Subject,
        rhythm: Rhythm,
        (last_seen, allowed_ms): (EventTime, i64),
        now: ProcessingTime,
    ) -> Self {
        let (rhythm, silence) = (words(rhythm), duration(allowed_ms));
        let posture = Posture {
            stage: Stage::Create,
            key: last_seen.millis().to_string(),
            since: Some(last_seen),
            risk: RISK,
            at_most: Severity::Low,
            confidence: CONFIDENCE,
            message: message::of_missed_run(&subject, &rhythm, &silence, &minute(last_seen)),
            expected: format!("a run {rhythm}"),
            observed: format!("no run for more than {silence}"),
        };
        posture.report(detector, subject, now)
    }

    /// The report that ends the finding that there was no run after `last_seen`.
    #[must_use]
    pub fn no_longer_missed(
        detector: &Arc<Detector>,
        subject: Subject,
        ending: Ending,
        last_seen: EventTime,
        now: ProcessingTime,
    ) -> Self {
        let what = match ending {
            Ending::RanAgain(at) => format!("ran again at {}", minute(at)),
            Ending::NotExpected => "not expected to run any more, says the inventory".to_owned(),
            Ending::Unused => "unused by now, which is a finding of its own".to_owned(),
            Ending::Renewed => "another identity has its name now".to_owned(),
            Ending::Forgotten => "not followed any more, since there are too many identities".to_owned(),
        };
        let posture = Posture {
            stage: Stage::Close,
            key: last_seen.millis().to_string(),
            since: Some(last_seen),
            risk: RISK,
            at_most: Severity::Low,
            confidence: CONFIDENCE,
            message: message::of_fact(&subject, &what),
            expected: format!("a run after {}", minute(last_seen)),
            observed: what,
        };
        posture.report(detector, subject, now)
    }
}

/// The rhythm as a person says it: `every day about 02:00 UTC (24 h apart, at most 26 h, over 41 runs)`.
fn words(rhythm: Rhythm) -> String {
    let Rhythm { usual_ms, longest_ms, runs, last_start } = rhythm;
    let at = last_start.to_utc();
    let every = match usual_ms {
        HOUR_MS => format!("every hour at minute {}", at.format("%M")),
        DAY_MS => format!("every day about {}", at.format("%H:%M UTC")),
        _ if usual_ms == 7 * DAY_MS => format!("every week, {}", at.format("%A about %H:%M UTC")),
        _ if usual_ms > DAY_MS => {
            format!("every {} about {}", duration(usual_ms), at.format("%H:%M UTC"))
        }
        _ => format!("every {}", duration(usual_ms)),
    };
    format!("{every} ({} apart, at most {}, over {runs} runs)", duration(usual_ms), duration(longest_ms))
}

/// `45 min`, `26 h`, `14 days`: rounded to the next of them.
fn duration(millis: i64) -> String {
    let nearest = |unit: i64| (millis + unit / 2) / unit;
    match nearest(HOUR_MS) {
        0 | 1 if nearest(MINUTE_MS) != 60 => format!("{} min", nearest(MINUTE_MS)),
        hours if hours < HOURS_TOLD => format!("{hours} h"),
        _ => format!("{} days", nearest(DAY_MS)),
    }
}

fn minute(time: EventTime) -> String {
    time.to_utc().format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(usual_ms: i64, longest_ms: i64) -> Rhythm {
        let last_start = EventTime::parse_rfc3339("2026-02-02T02:05:00Z").unwrap();
        Rhythm { usual_ms, longest_ms, runs: 41, last_start }
    }

    #[test]
    fn a_rhythm_reads_as_a_person_says_it() {
        let check = |usual_ms, longest_ms, expected: &str| {
            assert_eq!(words(rhythm(usual_ms, longest_ms)), expected);
        };
        check(DAY_MS, 26 * HOUR_MS, "every day about 02:05 UTC (24 h apart, at most 26 h, over 41 runs)");
        check(HOUR_MS, 62 * HOUR_MS, "every hour at minute 05 (1 h apart, at most 62 h, over 41 runs)");
        let weekly = "every week, Monday about 02:05 UTC (7 days apart, at most 14 days, over 41 runs)";
        check(7 * DAY_MS, 14 * DAY_MS, weekly);
        let monthly = "every 30 days about 02:05 UTC (30 days apart, at most 31 days, over 41 runs)";
        check(30 * DAY_MS, 31 * DAY_MS, monthly);
        check(45 * MINUTE_MS, 4 * HOUR_MS, "every 45 min (45 min apart, at most 4 h, over 41 runs)");
    }

    #[test]
    fn one_missed_run_is_forgiven_and_what_a_silent_log_source_may_hide() {
        let rule = Rule::MissedHeartbeat { min_runs: 8, min_days: 14, slack_ratio: 1.0, min_slack_hours: 6 };
        let patience = Patience::of(&rule).unwrap();
        let hours = |usual: i64, longest: i64, silence: i64| {
            patience.allowed_ms(rhythm(usual * HOUR_MS, longest * HOUR_MS), silence * HOUR_MS) / HOUR_MS
        };
        assert_eq!(hours(24, 24, 24), 54);
        assert_eq!(hours(1, 1, 24), 31);
        assert_eq!(hours(1, 1, 2), 9);
        assert_eq!(hours(24, 72, 24), 102, "working days: a free Monday, and not a free Tuesday too");
        assert_eq!(hours(168, 168, 24), 2 * 168 + 6);
    }
}
