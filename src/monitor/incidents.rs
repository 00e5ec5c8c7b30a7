//! From signals to the reports on an identity's incident.

use std::sync::Arc;

use crate::activity::Activity;
use crate::baseline::Sighting;
use crate::detect::detector::Status;
use crate::detect::families::Subject;
use crate::detect::incident::Incident;
use crate::time::ProcessingTime;

use super::identity::IdentityState;
use super::{Effect, Monitor, publish};

impl Monitor {
    pub(super) fn detect(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        sighting: &Sighting,
        effects: &mut Vec<Effect>,
    ) {
        let event = &activity.event;
        self.close_if_over(&activity.identity.id, state, event.received, effects);
        if !state.is_watched() {
            return;
        }
        let mut signals = Vec::new();
        let detectors = Arc::clone(&self.detectors);
        detectors
            .run(Subject { event, sighting, behaviour: &state.behaviour }, |signal| signals.push(signal));
        for signal in signals {
            self.stats.count_signal(&signal.detector.id);
            if signal.detector.status == Status::Enabled {
                let incident = state.incident.get_or_insert_with(|| {
                    Box::new(Incident::begin(
                        &activity.identity.id,
                        &signal,
                        event.dedupe_key(),
                        event.received,
                    ))
                });
                incident.add(signal, event.received);
            }
        }
        self.report(activity, state, sighting, effects);
    }

    /// Reports the identity's incident where it opened or grew, and holds what is new in this event out of the baseline.
    pub(super) fn report(
        &mut self,
        activity: &Activity<'_>,
        state: &mut IdentityState,
        sighting: &Sighting,
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut incident) = state.incident.take() else { return };
        let was_open = incident.is_open();
        let subject = publish::subject(&activity.identity.id, state);
        if let Some(report) = incident.next_report(&subject, self.shared.settings.incident) {
            effects.push(Effect::Alert(Box::new(report)));
        }
        self.stats.open_incidents += u64::from(!was_open && incident.is_open());
        if incident.is_open() {
            state.behaviour.quarantine(&activity.event, sighting);
        }
        state.incident = Some(incident);
    }

    pub(super) fn close_if_over(
        &mut self,
        id: &str,
        state: &mut IdentityState,
        now: ProcessingTime,
        effects: &mut Vec<Effect>,
    ) {
        let settings = self.shared.settings.incident;
        let Some(mut incident) = state.incident.take_if(|incident| incident.is_over(now, settings)) else {
            return;
        };
        self.stats.open_incidents -= u64::from(incident.is_open());
        if let Some(report) = incident.close(&publish::subject(id, state), settings) {
            effects.push(Effect::Alert(Box::new(report)));
        }
    }
}
