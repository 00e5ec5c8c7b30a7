//! When an identity's last use and status are published.

use std::sync::Arc;

use crate::baseline::Sighting;
use crate::baseline::last_seen::UseStatus;
use crate::detect::finding::IncidentReport;
use crate::detect::unused::Ending;
use crate::detect::{Detector, Fate, fate};
use crate::time::{DAY_MS, EventTime, ProcessingTime};

use super::credentials;
use super::identity::{IdentityState, PublishedRecord, UnusedFinding};
use super::posture::Judgement;
use super::{Effect, Monitor, is_outdated, posture, publish, quiet_since};

impl Monitor {
    /// Publishes at once on first sight, on a change of status or credentials, and when the last use moved far enough.
    pub(super) fn publish_if_due(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        sighting: &Sighting,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let moved_ms = state
            .usage
            .last_seen
            .zip(state.published.last_seen)
            .map_or(i64::MAX, |(last, published)| last.millis_since(published));
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let is_idle_as_published = match state.published.status {
            UseStatus::Active => false,
            UseStatus::Retired => state.published.is_proven_unused,
            UseStatus::Unused | UseStatus::NeverSeen | UseStatus::Unknown => true,
        };
        let is_wakened = is_idle_as_published && posture::is_in_use(state, now, window_ms);
        if sighting.has_new_credential || is_wakened || moved_ms > self.shared.settings.publish_every_ms {
            self.judge_and_publish_at_once(id, state, now, effects);
        }
    }

    pub(super) fn judge_and_publish_at_once(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let judged = self.judge(id, state, now);
        self.note_posture(id, state, &judged, now, effects);
        self.publish(id, state, judged, now, effects);
    }

    /// Publishes where the status changed, or where the identity has been quiet since its last use was published.
    pub(super) fn judge_and_publish(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let judged = (!self.is_in_use_as_published(state, now)).then(|| self.judge(id, state, now));
        if let Some(judged) = &judged {
            self.note_posture(id, state, judged, now, effects);
        }
        self.note_silence(id, state, now, effects);
        self.note_shortfalls(id, state, now, effects);
        self.note_keys(id, state, now, effects);
        let Some(judged) = judged else { return };
        let is_other_credential = self.note_credentials(id, state, &judged, now, effects);
        let is_quiet = quiet_since(state)
            .is_some_and(|since| now.millis_since(since) >= self.shared.settings.publish_every_ms);
        let is_missing = state.published.record == PublishedRecord::Missing;
        let is_other = (judged.status, judged.is_proven_unused())
            != (state.published.status, state.published.is_proven_unused);
        if is_other || is_missing || is_quiet || is_other_credential {
            self.publish(id, state, judged, now, effects);
        }
    }

    /// Whether a look at the coverage can change nothing: most identities on most days.
    fn is_in_use_as_published(&self, state: &IdentityState, now: ProcessingTime) -> bool {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let is_published = state.published.status == UseStatus::Active && !is_outdated(state);
        let is_settled = state.unused.is_none() && !credentials::may_change(state, now, window_ms);
        let is_in_use = posture::is_in_use(state, now, window_ms) && !posture::is_retired(state, now);
        is_published && is_settled && is_in_use
    }

    pub(super) fn judge(&self, id: &str, state: &IdentityState, now: ProcessingTime) -> Judgement {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        posture::judge(id, state, &self.shared.coverage(), self.inputs.as_of(now), window_ms)
    }

    pub(super) fn publish(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        state.published.record = PublishedRecord::Current;
        state.published.last_seen = state.usage.last_seen;
        state.published.status = judged.status;
        state.published.is_proven_unused = judged.is_proven_unused();
        if state.may_have_past && state.usage.last_seen.is_none() {
            // The topic may hold its last use, which is more than is known here.
            return;
        }
        effects.push(Effect::LastSeen(Box::new(publish::last_seen(id, state, judged, now))));
    }

    /// Opens a finding when an identity is proven unused, and ends it when that is no longer so.
    pub(super) fn note_posture(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        if state.unused.is_some() && !posture::is_reported(state) {
            let ended = self.ending(id, state, Ending::NotReported, now);
            return effects.extend(ended.map(Effect::Alert));
        }
        match judged.status {
            UseStatus::Active => self.end_unused(id, state, now, effects),
            UseStatus::Unused | UseStatus::NeverSeen
                if state.unused.is_none() && posture::is_reported(state) =>
            {
                self.find_unused(id, state, judged, now, effects);
            }
            _ => {}
        }
    }

    /// Lets each detector of unused identities say whether it finds this one; the first that alerts opens the finding.
    ///
    /// Those that only count do so when the status changes, for the question is asked anew each day.
    fn find_unused(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let is_change = state.published.status != judged.status;
        let detectors = Arc::clone(&self.detectors);
        for detector in detectors.posture(state.usage.last_seen.is_none()) {
            let who = state.who(id);
            if !detector.runs() || !detector.scope.covers(&who) {
                continue;
            }
            let is_excepted = detector.exception(&who, None, EventTime::from_millis(now.millis())).is_some();
            let fate = fate(detector, is_excepted);
            if fate == Fate::Raised {
                self.stats.count_signal(&detector.id, fate);
                return self.open_unused(detector, (id, state), judged, now, effects);
            }
            if is_change {
                self.stats.count_signal(&detector.id, fate);
            }
        }
    }

    fn open_unused(
        &self,
        detector: &Arc<Detector>,
        (id, state): (&str, &mut IdentityState),
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let finding =
            UnusedFinding { last_seen: state.usage.last_seen, window_days: (window_ms / DAY_MS) as u32 };
        state.unused = Some(Box::new(finding));
        let days = judged.unused_days.unwrap_or_default();
        let report = IncidentReport::unused(detector, publish::subject(id, state), days, finding.key(), now);
        effects.push(Effect::Alert(Box::new(report)));
    }

    /// Ends an open finding: the identity is used again, or its owner allows for longer pauses.
    pub(super) fn end_unused(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let is_used =
            state.unused.as_deref().is_some_and(|finding| state.usage.last_seen > finding.last_seen);
        let ending = if is_used { Ending::UsedAgain } else { Ending::LongerWindow };
        effects.extend(self.ending(id, state, ending, now).map(Effect::Alert));
    }

    /// The report that ends the open finding, if there is one.
    pub(super) fn ending(
        &self,
        id: &str,
        state: &mut IdentityState,
        ending: Ending,
        now: ProcessingTime,
    ) -> Option<Box<IncidentReport>> {
        let finding = state.unused.as_deref().copied()?;
        let detector = self.detectors.posture(finding.last_seen.is_none()).next()?;
        state.unused = None;
        let subject = publish::subject(id, state);
        Some(Box::new(IncidentReport::no_longer_unused(detector, subject, ending, finding.key(), now)))
    }
}
