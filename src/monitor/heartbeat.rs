//! Identities that run on a clock, and do not any more.
//!
//! A missed run is found on a tick, by the state of the identity, the coverage of its log sources and the monitor's time alone, and at
//! most once for each silence. It ends with the next use, which may well be older than the tick: it came late.

use std::sync::Arc;

use crate::activity::Event;
use crate::baseline::cadence::Rhythm;
use crate::detect::finding::IncidentReport;
use crate::detect::heartbeat::{Ending, Patience};
use crate::detect::{Detector, Fate, fate};
use crate::term::Term;
use crate::time::{EventTime, HOUR_MS, ProcessingTime};

use super::identity::{IdentityState, MissedRun};
use super::{Effect, Monitor, posture, publish};

/// How soon an identity is looked at again that is overdue, where its log sources cannot tell yet. They speak within the hour, or are
/// silent for long.
const LOOK_AGAIN_MS: i64 = HOUR_MS;

/// How much longer that takes each time, as a share of how long it is overdue: behind a gap that never closes, an identity is looked at
/// some dozen times before once a day does.
const LOOK_AGAIN_SHARE: i64 = 4;

/// A run that did not come.
struct Overdue {
    rhythm: Rhythm,
    last_seen: EventTime,
    allowed_ms: i64,
}

impl Monitor {
    /// Learns when an identity runs, and ends the finding that it does not. `last_seen` is its last use before this event.
    pub(super) fn note_run(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        (event, last_seen): (&Event<'_>, Option<EventTime>),
        effects: &mut Vec<Effect>,
    ) {
        state.cadence.note(event.time, last_seen, state.missed.is_some());
        if state.missed.is_some() {
            self.end_missed_if_over(id, state, event.received, effects);
        }
    }

    /// Ends the finding where it is over, and looks whether an identity has missed its run.
    pub(super) fn note_silence(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        self.end_missed_if_over(id, state, now, effects);
        let is_found = state.missed.as_deref().is_some_and(|missed| missed.is_raised);
        if !is_found && state.unused.is_none() && posture::is_expected(state, now) {
            self.find_missed(id, state, now, effects);
        }
    }

    /// When an identity must be looked at since its run may be missed by then; `None` where that is not before `tomorrow`.
    pub(super) fn overdue_at(
        &self,
        state: &IdentityState,
        now: ProcessingTime,
        tomorrow: ProcessingTime,
    ) -> Option<ProcessingTime> {
        let max_silence_ms = self.max_silence_ms();
        let last = ProcessingTime::from_millis(state.usage.last_seen?.millis());
        let earliest = last.plus_millis(state.cadence.least_silence_ms()?.saturating_add(max_silence_ms));
        if earliest >= tomorrow || state.missed.is_some() || state.unused.is_some() {
            return None;
        }
        let due = |(detector, patience): (&Arc<Detector>, Patience)| {
            if !detector.runs() {
                return None;
            }
            let rhythm = state.cadence.rhythm(patience.min_runs, patience.min_days)?;
            // Only what is longer is missed.
            Some(last.plus_millis(patience.allowed_ms(rhythm, max_silence_ms) + 1))
        };
        let due = self.detectors.heartbeats().into_iter().filter_map(due).min()?;
        posture::is_expected(state, now).then(|| if due > now { due } else { look_again_at(due, now) })
    }

    /// Lets each detector of missed runs say whether it finds this one; the first that alerts opens the finding. Those that only
    /// count do so once for each silence.
    fn find_missed(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let detectors = Arc::clone(&self.detectors);
        let is_first = state.missed.is_none();
        for (detector, patience) in detectors.heartbeats() {
            let who = state.who(id);
            if !detector.runs() || !detector.scope.covers(&who) {
                continue;
            }
            let Some(overdue) = self.overdue(state, patience, now) else { continue };
            let is_excepted = detector.exception(&who, None, EventTime::from_millis(now.millis())).is_some();
            let fate = fate(detector, is_excepted);
            let is_raised = fate == Fate::Raised;
            let Overdue { rhythm, last_seen, allowed_ms } = overdue;
            if is_raised || is_first {
                self.stats.count_signal(&detector.id, fate);
                state.missed = Some(Box::new(MissedRun { last_seen, is_raised }));
            }
            if is_raised {
                let subject = publish::subject(id, state);
                let silence = (last_seen, allowed_ms);
                let report = IncidentReport::missed_run(detector, subject, rhythm, silence, now);
                effects.push(Effect::Alert(Box::new(report)));
                return;
            }
        }
    }

    /// The run that is missed, where all log sources of the identity were heard of after it was due, and covered since the last.
    fn overdue(&self, state: &IdentityState, patience: Patience, now: ProcessingTime) -> Option<Overdue> {
        let rhythm = state.cadence.rhythm(patience.min_runs, patience.min_days)?;
        let last_seen = state.usage.last_seen?;
        let allowed_ms = patience.allowed_ms(rhythm, self.max_silence_ms());
        let now = EventTime::from_millis(now.millis());
        if now.millis_since(last_seen) <= allowed_ms || state.has_more_scopes {
            return None;
        }
        let scopes = state.scopes.iter().map(Term::as_str);
        let coverage = self.shared.coverage().over(scopes, now, now.millis_since(last_seen));
        let silence_ms = coverage.until?.min(now).millis_since(last_seen);
        let is_proven = coverage.gaps.is_empty() && silence_ms > allowed_ms;
        is_proven.then_some(Overdue { rhythm, last_seen, allowed_ms })
    }

    /// The longest silence of a log source that may count as covered, in milliseconds. Sources that are silent each week are so for longer,
    /// and so are the jobs that they tell of.
    fn max_silence_ms(&self) -> i64 {
        i64::from(self.shared.settings.coverage.limits.silence) * HOUR_MS
    }

    fn end_missed_if_over(
        &self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let Some(missed) = state.missed.as_deref() else { return };
        let ending = match state.usage.last_seen {
            Some(last) if last > missed.last_seen => Ending::RanAgain(last),
            _ if state.unused.is_some() => Ending::Unused,
            _ if !posture::is_expected(state, now) => Ending::NotExpected,
            _ => return,
        };
        self.end_missed(id, state, ending, now, effects);
    }

    /// Ends the finding, if there is one.
    pub(super) fn end_missed(
        &self,
        id: &str,
        state: &mut IdentityState,
        ending: Ending,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let Some(missed) = state.missed.take().filter(|missed| missed.is_raised) else { return };
        let Some((detector, _)) = self.detectors.heartbeats().into_iter().next() else { return };
        let subject = publish::subject(id, state);
        let report = IncidentReport::no_longer_missed(detector, subject, ending, missed.last_seen, now);
        effects.push(Effect::Alert(Box::new(report)));
    }
}

/// When an identity that was due is looked at again: later and later. Once that is more than a day away, the daily look does it.
fn look_again_at(due: ProcessingTime, now: ProcessingTime) -> ProcessingTime {
    now.plus_millis((now.millis_since(due) / LOOK_AGAIN_SHARE).max(LOOK_AGAIN_MS))
}

#[cfg(test)]
mod tests;
