//! Compares what was alerted with what was injected.

use std::collections::BTreeSet;

use crate::evaluation::POSTURE;
use crate::generator::{Incident, Truth};
use crate::time::{EventTime, HOUR_MS};
use crate::wire::alert::Alert;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Score {
    incidents: Vec<Incident>,
    found: BTreeSet<usize>,
    /// Incidents opened by the monitor that no injected one explains, by title.
    pub(super) false_alerts: Vec<String>,
    /// Incidents opened, true and false.
    pub(super) opened: u64,
    /// Findings about unused identities and the like.
    pub(super) posture: u64,
}

/// What an alert turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An injected incident.
    True,
    /// Nothing that was injected.
    False,
    /// About the state of an identity.
    Posture,
}

impl Score {
    pub(super) fn new(incidents: &[Incident]) -> Self {
        Self { incidents: incidents.to_vec(), ..Self::default() }
    }

    /// Takes one alert in.
    pub(super) fn take(&mut self, alert: &Alert) -> Verdict {
        let is_new = alert.activity_id == 1;
        if is_posture(alert) {
            self.posture += u64::from(is_new);
            return Verdict::Posture;
        }
        self.opened += u64::from(is_new);
        let matching = self.incidents.iter().position(|incident| is_about(alert, incident));
        match matching {
            Some(index) => {
                self.found.insert(index);
                Verdict::True
            }
            None => {
                if is_new {
                    self.false_alerts.push(format!("{}: {}", alert.key(), alert.message));
                }
                Verdict::False
            }
        }
    }

    /// Each injected incident, with whether it was found.
    pub(super) fn incidents(&self) -> impl Iterator<Item = (&Incident, bool)> {
        self.incidents.iter().enumerate().map(|(index, incident)| (incident, self.found.contains(&index)))
    }

    pub(super) fn missed(&self) -> usize {
        self.incidents.len() - self.found.len()
    }

    pub(super) fn injected(&self) -> usize {
        self.incidents.len()
    }
}

/// Whether it states a fact about an identity, such as that nobody uses it.
pub(super) fn is_posture(alert: &Alert) -> bool {
    let analytic = alert.finding_info.analytic.as_ref();
    analytic.is_some_and(|analytic| POSTURE.contains(&analytic.uid.as_str()))
}

fn is_about(alert: &Alert, incident: &Incident) -> bool {
    let latest = incident.end.plus_millis(HOUR_MS).millis();
    // CloudTrail's times are whole seconds.
    let earliest = incident.start.millis() - 1_000;
    alert.key() == incident.identity_id && alert.end_time >= earliest && alert.start_time <= latest
}

/// Ids that the truth says nobody used for the time before `until`, or never.
pub(super) fn truly_unused(truth: &Truth, since: EventTime) -> BTreeSet<String> {
    let silent = truth.identities.iter().filter(|(_, used)| used.last_seen.is_some_and(|last| last < since));
    silent.map(|(id, _)| id.clone()).chain(truth.never_used.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{Company, Plan};
    use crate::time::DAY_MS;
    use crate::wire::ocsf::Resource;

    fn incident() -> Incident {
        let until = EventTime::from_millis(400 * DAY_MS);
        let since = until.plus_millis(-DAY_MS);
        let plan = Plan { since, until, events: 0, incidents: Some((since, until)) };
        Company::new(1, 40).emissions(&plan).incidents()[0].clone()
    }

    fn alert(id: &str, time: EventTime) -> Alert {
        let resources = vec![Resource { uid: id.into(), ..Resource::default() }];
        Alert {
            activity_id: 1,
            start_time: time.millis(),
            end_time: time.millis(),
            resources,
            ..Alert::default()
        }
    }

    #[test]
    fn an_alert_is_true_on_the_right_identity_at_the_right_time() {
        let incident = incident();
        let mut score = Score::new(std::slice::from_ref(&incident));
        let before = incident.start.plus_millis(-HOUR_MS);
        assert_eq!(score.take(&alert(&incident.identity_id, before)), Verdict::False);
        assert_eq!(score.take(&alert("somebody else", incident.start)), Verdict::False);
        assert_eq!((score.missed(), score.false_alerts.len()), (1, 2));
        assert_eq!(score.take(&alert(&incident.identity_id, incident.start)), Verdict::True);
        assert_eq!((score.missed(), score.opened), (0, 3));
    }
}
