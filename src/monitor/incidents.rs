//! From signals to the reports on an identity's incident.

use std::sync::Arc;

use crate::activity::{Activity, Event};
use crate::baseline::{Dimension, Sighting};
use crate::detect::Fate;
use crate::detect::chain::Opened;
use crate::detect::families::Subject;
use crate::detect::finding::Signal;
use crate::detect::incident::Incident;
use crate::detect::kept::KeptSignal;
use crate::identity::declared::DeclaredStatus;
use crate::time::ProcessingTime;

use super::identity::IdentityState;
use super::{Effect, Monitor, publish};

/// Whether the inventory says that there should be no such use: retired, expired, or not among what is allowed.
fn is_against_inventory(state: &IdentityState, event: &Event<'_>) -> bool {
    state.declared.as_deref().is_some_and(|declared| {
        declared.status == DeclaredStatus::Retired
            || declared.is_expired_at(event.time)
            || declared.forbids_service(event)
            || declared.forbids_origin(&event.origin)
            || declared.forbids_time(event)
    })
}

impl Monitor {
    /// Runs the detectors over an event, and does what follows of their signals.
    pub(super) fn detect(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        sighting: &mut Sighting,
        effects: &mut Vec<Effect>,
    ) {
        let event = &activity.event;
        self.changes.budget |= self.budget.advance(event.received);
        self.close_if_over(&activity.identity.id, state, event.received, effects);
        if !state.is_watched() {
            return;
        }
        sighting.is_against_inventory = is_against_inventory(state, event);
        let mut signals = Vec::new();
        let detectors = Arc::clone(&self.detectors);
        let subject = Subject {
            event,
            sighting,
            behaviour: &state.behaviour,
            identity_id: &activity.identity.id,
            declared: state.declared.as_deref(),
        };
        detectors.run(&state.who(&activity.identity.id), subject, |signal, fate| {
            self.stats.count_signal(&signal.detector.id, fate);
            signals.extend((fate == Fate::Raised).then_some(signal));
        });
        let muted_until = self.sift(&mut signals, state, event.time);
        if signals.is_empty() {
            self.note_opened(activity, state);
        } else {
            self.grow(activity, state, signals, effects);
        }
        self.hold_out(activity, state, sighting);
        if let Some(until) = muted_until {
            state.behaviour.hold_out_until(event, sighting, until, &mut self.peers);
        }
    }

    /// Holds what an incident brought out of the baseline: at once while it is open, and with its opening what led to it.
    fn hold_out(&mut self, activity: &Activity<'_>, state: &mut IdentityState, sighting: &Sighting) {
        let Some(mut incident) = state.incident.take() else { return };
        let event = &activity.event;
        for dimension in Dimension::ALL {
            let is_new = sighting.new_bits[dimension as usize].is_some();
            if !is_new {
                continue;
            }
            let Some(term) = dimension.value_of(event, |value| self.terms.intern(value)) else { continue };
            if incident.is_open() {
                state.behaviour.quarantine((dimension, term.as_str()), event.time, &mut self.peers);
            } else {
                incident.hold(dimension, term, event.time);
            }
        }
        if incident.is_open() {
            for (dimension, term, time) in std::mem::take(&mut incident.held) {
                state.behaviour.quarantine((dimension, term.as_str()), time, &mut self.peers);
            }
            state.behaviour.volume.hold_out(&sighting.bursts);
        }
        state.incident = Some(incident);
    }

    /// Adds an event's signals to the identity's incident, and reports that where it opened, grew or came back.
    fn grow(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        signals: Vec<Signal>,
        effects: &mut Vec<Effect>,
    ) {
        let (id, event) = (&activity.identity.id, &activity.event);
        let count = signals.len() as u64;
        let (times, key) = ((event.time, event.received), event.dedupe_key());
        let known = state.incident.take().filter(|incident| !state.feedback.has_accepted(incident.uid));
        let mut incident = match known {
            Some(incident) => incident.at(id, times, key),
            None => Box::new(Incident::begin(id, times, key)),
        };
        let was_open = incident.is_open();
        let threshold = self.threshold();
        let floor = self.budget_settings.floor;
        incident.fade(event.time);
        let before = incident.reach(floor);
        signals.into_iter().for_each(|signal| incident.add(signal, event.received));
        let is_over = Opened::of(event, true).is_some_and(|opened| incident.note_opened(opened));
        self.stats.count_evictions("opened_sessions", u64::from(is_over));
        self.changes.budget |= self.budget.rise(before, incident.reach(floor));
        let subject = publish::subject(id, state);
        let settings = self.shared.settings.incident.with_threshold(threshold);
        if let Some(report) = incident.next_report(&subject, settings) {
            effects.push(Effect::Alert(Box::new(report)));
        }
        self.stats.open_incidents += u64::from(!was_open && incident.is_open());
        if !incident.is_open() {
            let is_over_budget = incident.sequence == 0 && incident.risk() >= floor;
            let reason = if is_over_budget { "over_budget" } else { "below_threshold" };
            self.stats.count_suppressed(reason, count);
        }
        state.incident = Some(incident);
    }

    /// Remembers what an event gave out that raised nothing, but was made with a credential of the open incident.
    fn note_opened(&mut self, activity: &Activity<'_>, state: &mut IdentityState) {
        let event = &activity.event;
        let Some(opened) = Opened::of(event, false) else { return };
        let Some(incident) = state.incident.as_mut().filter(|incident| incident.is_open()) else { return };
        let shown = event.credential.as_ref().map(|shown| &*shown.id);
        let is_its_own = |signal: &KeptSignal| signal.credential().as_deref() == shown;
        if shown.is_some() && incident.signals.iter().any(is_its_own) {
            let is_over = incident.note_opened(opened);
            self.stats.count_evictions("opened_sessions", u64::from(is_over));
        }
    }

    /// The risk at which incidents open now.
    pub(super) fn threshold(&mut self) -> u8 {
        let threshold = self.budget.threshold(self.budget_settings);
        self.stats.threshold_risk = u64::from(threshold);
        threshold
    }

    /// Closes an incident that has been quiet for long enough, and forgets it when its quarantine is over.
    pub(super) fn close_if_over(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let settings = self.shared.settings.incident;
        while let Some(mut incident) = state.incident.take_if(|incident| now >= incident.due_at(settings)) {
            let Some(report) = incident.close(&publish::subject(id, state), settings) else { continue };
            self.stats.open_incidents -= 1;
            effects.push(Effect::Alert(Box::new(report)));
            state.incident = Some(incident);
        }
    }
}
