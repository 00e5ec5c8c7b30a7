//! When an identity's last use and status are published.

use crate::baseline::last_seen::UseStatus;
use crate::baseline::{Dimension, Sighting};
use crate::detect::finding::IncidentReport;
use crate::time::{EventTime, ProcessingTime};

use super::identity::IdentityState;
use super::posture::Judgement;
use super::{Effect, Monitor, posture, publish, quiet_since};

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
        let is_new_credential = sighting.new_bits[Dimension::Credential as usize].is_some();
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        let is_wakened =
            state.published.status != UseStatus::Active && posture::is_in_use(state, now, window_ms);
        if is_new_credential || is_wakened || moved_ms > self.shared.settings.publish_every_ms {
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
        let judged = self.judge(id, state, now);
        self.note_posture(id, state, &judged, now, effects);
        let is_quiet = quiet_since(state)
            .is_some_and(|since| now.millis_since(since) >= self.shared.settings.publish_every_ms);
        if judged.status != state.published.status || !state.published.is_published || is_quiet {
            self.publish(id, state, judged, now, effects);
        }
    }

    pub(super) fn judge(&self, id: &str, state: &IdentityState, now: ProcessingTime) -> Judgement {
        let window_ms = posture::window_ms(state, self.shared.settings.unused_after_days);
        posture::judge(id, state, &self.shared.coverage(), now, window_ms)
    }

    pub(super) fn publish(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        state.published.is_published = true;
        state.published.last_seen = state.usage.last_seen;
        state.published.status = judged.status;
        effects.push(Effect::LastSeen(Box::new(publish::last_seen(id, state, judged, now))));
    }

    /// Opens a finding when an identity is proven unused, and ends it when it is used again.
    pub(super) fn note_posture(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        judged: &Judgement,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let is_unused = matches!(judged.status, UseStatus::Unused | UseStatus::NeverSeen);
        if is_unused && state.unused_since.is_none() && posture::is_reported(state) {
            let Some(detector) = self.detectors.posture(judged.status == UseStatus::NeverSeen).cloned()
            else {
                return;
            };
            let since = idle_since(state);
            self.stats.count_signal(&detector.id);
            state.unused_since = Some(since);
            let subject = publish::subject(id, state);
            let days = judged.unused_days.unwrap_or_default();
            let report =
                IncidentReport::unused(&detector, subject, days, (since, state.usage.last_seen), now);
            effects.push(Effect::Alert(Box::new(report)));
        } else if judged.status == UseStatus::Active
            && let Some(since) = state.unused_since.take()
            && let Some(detector) = self.detectors.posture(since == EventTime::default()).cloned()
        {
            let report = IncidentReport::used_again(&detector, publish::subject(id, state), since, now);
            effects.push(Effect::Alert(Box::new(report)));
        }
    }
}

/// Since when an identity is idle: its last use; 1970 where it was never used.
fn idle_since(state: &IdentityState) -> EventTime {
    state.usage.last_seen.unwrap_or_default()
}
