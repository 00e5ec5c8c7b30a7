//! The incidents that a partition holds, those below the threshold included, as readers see them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::detect::chain::{Links, Opened};
use crate::detect::incident::Incident;
use crate::detect::kept::KeptSignal;
use crate::term::Term;
use crate::time::EventTime;

use super::identity::IdentityState;
use super::view::{OrderedTerm, View};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Below the threshold: never reported.
    Pending,
    /// Reported, and not over.
    Open,
    /// Over, and remembered.
    Closed,
}

/// Which incidents to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IncidentFilter {
    /// Only those that stand so.
    pub state: Option<IncidentState>,
    /// Only those of this risk or more, 0 to 100.
    pub min_risk: u8,
    /// Only that of this identity.
    pub identity: Option<String>,
    /// Only that of this uid.
    pub uid: Option<u128>,
}

/// One incident as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldIncident {
    /// Its id, as alerts have it in `finding_info.uid`.
    pub uid: String,
    /// Who it is about.
    pub identity_id: String,
    /// Where it stands.
    pub state: IncidentState,
    /// Whether an analyst accepted it.
    pub is_accepted: bool,
    /// Risk, 0 to 100.
    pub risk: u8,
    /// Weight, in bits.
    pub bits: f32,
    /// Event time of the first signal.
    pub first_seen: EventTime,
    /// Event time of the last signal.
    pub last_seen: EventTime,
    /// How many signals it has in all.
    pub signal_count: u32,
    /// Those that weigh most, heaviest first.
    pub signals: Vec<HeldSignal>,
    /// Credentials that it gave out, oldest first.
    pub issued: Vec<Opened>,
    /// Public ids of the credentials that its signals were made with.
    pub used: Vec<String>,
}

impl HeldIncident {
    /// What joins it with others.
    #[must_use]
    pub fn links(&self) -> Links {
        let issued = self.issued.iter().map(|opened| opened.credential.clone()).collect();
        Links { issued, used: self.used.clone() }
    }
}

/// One signal of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldSignal {
    /// The detector that raised it.
    pub detector: String,
    /// One sentence for a person.
    pub reason: String,
    /// Surprise, in bits.
    pub bits: f32,
    /// When the event happened.
    pub time: EventTime,
}

impl View {
    /// Up to `limit` incidents, the weightiest first. Looks at all identities, and keeps no more than `limit` at a time.
    #[must_use]
    pub fn incidents(&self, filter: &IncidentFilter, limit: usize) -> Vec<HeldIncident> {
        let mut first: BTreeSet<(Reverse<u32>, OrderedTerm)> = BTreeSet::new();
        for entry in &self.shared.identities {
            let Some(incident) =
                entry.incident.as_ref().filter(|incident| filter.takes(entry.key(), incident))
            else {
                continue;
            };
            first.insert((Reverse(order(incident.bits)), OrderedTerm(entry.key().clone())));
            if first.len() > limit {
                first.pop_last();
            }
        }
        first.iter().filter_map(|(_, id)| self.incident(id.0.as_str())).collect()
    }

    /// The incident of one identity, one below the threshold included.
    #[must_use]
    pub fn incident(&self, id: &str) -> Option<HeldIncident> {
        self.with(id, |state| HeldIncident::of(id, state)).flatten()
    }
}

impl IncidentFilter {
    /// That of an incident's uid (32 hexadecimal digits), or of an identity.
    #[must_use]
    pub fn of(uid_or_identity: &str) -> Self {
        let is_uid = uid_or_identity.len() == 32;
        match u128::from_str_radix(uid_or_identity, 16).ok().filter(|_| is_uid) {
            Some(uid) => Self { uid: Some(uid), ..Self::default() },
            None => Self { identity: Some(uid_or_identity.to_owned()), ..Self::default() },
        }
    }

    /// Whether it takes one that was read, by its state and risk.
    #[must_use]
    pub fn admits(&self, held: &HeldIncident) -> bool {
        self.state.is_none_or(|state| held.state == state) && held.risk >= self.min_risk
    }

    pub(super) fn takes(&self, id: &Term, incident: &Incident) -> bool {
        self.state.is_none_or(|state| state_of(incident) == state)
            && incident.risk() >= self.min_risk
            && self.identity.as_deref().is_none_or(|wanted| id.as_str() == wanted)
            && self.uid.is_none_or(|wanted| incident.uid == wanted)
    }
}

impl HeldIncident {
    fn of(identity_id: &str, state: &IdentityState) -> Option<Self> {
        let incident = state.incident.as_deref()?;
        Some(Self {
            uid: format!("{:032x}", incident.uid),
            identity_id: identity_id.to_owned(),
            state: state_of(incident),
            is_accepted: state.feedback.has_accepted(incident.uid),
            risk: incident.risk(),
            bits: incident.bits,
            first_seen: incident.first_seen,
            last_seen: incident.last_seen,
            signal_count: incident.signal_count,
            signals: incident.signals.iter().map(HeldSignal::of).collect(),
            issued: incident.opened.to_vec(),
            used: incident.links().used,
        })
    }
}

impl HeldSignal {
    fn of(signal: &KeptSignal) -> Self {
        Self {
            detector: signal.detector.id.clone(),
            reason: signal.reason().to_owned(),
            bits: signal.bits,
            time: signal.time,
        }
    }
}

const fn state_of(incident: &Incident) -> IncidentState {
    match (incident.is_open(), incident.is_closed) {
        (true, _) => IncidentState::Open,
        (false, true) => IncidentState::Closed,
        (false, false) => IncidentState::Pending,
    }
}

/// Weights in their order: those of floats that are not negative have the order of their bits.
fn order(bits: f32) -> u32 {
    bits.max(0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::Sample;
    use crate::monitor::{Monitor, fixture};
    use crate::time::DAY_MS;

    /// Three roles: one with an open incident, one with a signal below the threshold, and one with nothing.
    fn monitor() -> Monitor {
        let mut monitor = fixture::busy_monitor(3);
        let slight = Sample { action: "sqs:SendMessage".into(), ..Sample::default() };
        monitor.activity(&fixture::activity("role-1", &slight, 30 * DAY_MS, "slight"), &mut Vec::new());
        monitor
    }

    fn found(filter: &IncidentFilter, limit: usize) -> Vec<(String, IncidentState)> {
        let found = monitor().view().incidents(filter, limit);
        assert!(found.iter().all(|incident| incident.bits > 0.0 && incident.risk >= filter.min_risk));
        let name = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        found.iter().map(|incident| (name(&incident.identity_id), incident.state)).collect()
    }

    #[test]
    fn what_is_below_the_threshold_is_listed_with_the_rest_heaviest_first() {
        let (open, pending) = (IncidentState::Open, IncidentState::Pending);
        let all = [("role-0".to_owned(), open), ("role-1".to_owned(), pending)];
        assert_eq!(found(&IncidentFilter::default(), 10), all);
        assert_eq!(found(&IncidentFilter::default(), 1), all[..1]);
        assert_eq!(found(&IncidentFilter { state: Some(pending), ..Default::default() }, 10), all[1..]);
        assert_eq!(found(&IncidentFilter { min_risk: 50, ..Default::default() }, 10), all[..1]);
        assert_eq!(
            found(&IncidentFilter { state: Some(IncidentState::Closed), ..Default::default() }, 10),
            []
        );
    }

    #[test]
    fn an_incident_tells_its_signals() {
        let identity = Some("arn:aws:iam::111122223333:role/role-1".to_owned());
        let found = monitor().view().incidents(&IncidentFilter { identity, ..Default::default() }, 10);
        let [HeldIncident { signals, signal_count: 2, is_accepted: false, .. }] = &found[..] else {
            panic!("{found:#?}")
        };
        assert_eq!(
            (signals[0].detector.as_str(), signals[1].detector.as_str()),
            ("new-action", "new-service")
        );
        assert!(signals[0].reason.contains("sqs"), "{signals:#?}");
    }
}
