//! Other detectors for a monitor at work.

use std::sync::Arc;

use crate::detect::Detectors;
use crate::detect::kept::KeptSignal;

use super::Monitor;

impl Monitor {
    /// The detectors in force.
    #[must_use]
    pub fn detectors(&self) -> &Arc<Detectors> {
        &self.detectors
    }

    /// Goes on with other detectors. Between records only, and with nothing uncommitted: what is committed together was
    /// judged by one set.
    ///
    /// Signals of incidents follow, as they would were the monitor restored: each is from now on of the detector that has its
    /// id, and where there is none any more, only its weight stays.
    pub fn adopt(&mut self, detectors: &Arc<Detectors>) {
        self.detectors = Arc::clone(detectors);
        for mut state in self.shared.identities.iter_mut() {
            if let Some(incident) = &mut state.incident {
                incident.signals.retain_mut(|signal| follow(signal, detectors));
            }
        }
    }
}

fn follow(signal: &mut KeptSignal, detectors: &Detectors) -> bool {
    let Some(now) = detectors.get(&signal.detector.id) else { return false };
    signal.detector = Arc::clone(now);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Fault;
    use crate::detect::testing::Sample;
    use crate::monitor::rehearsal::START_MS;
    use crate::monitor::{Effect, fixture};
    use crate::time::{DAY_MS, HOUR_MS, ProcessingTime};
    use crate::wire::snapshot;

    const NEW_SERVICE: &str = include_str!("../../detectors/new-service.yaml");

    fn set(files: &[(&str, &str)]) -> Arc<Detectors> {
        let file =
            |(name, text): &(&str, &str)| ((*name).to_owned(), Ok::<_, Fault>(text.as_bytes().to_vec()));
        Arc::new(Detectors::over_builtin("test", &files.iter().map(file).collect::<Vec<_>>()).unwrap())
    }

    fn theft(n: i64) -> crate::activity::Activity<'static> {
        let sample = Sample {
            action: format!("service{n}:DescribeThings"),
            ip: "198.51.100.7".into(),
            client: "curl".into(),
            ..Sample::default()
        };
        fixture::activity("role-1", &sample, 30 * DAY_MS + n * HOUR_MS, &format!("theft-{n}"))
    }

    fn alerts(effects: &[Effect]) -> Vec<String> {
        let line = |effect: &Effect| match effect {
            Effect::Alert(report) => {
                Some(format!("{:?} {} {}", report.stage, report.severity.as_str(), report.message))
            }
            _ => None,
        };
        effects.iter().filter_map(line).collect()
    }

    /// A monitor that swapped its detectors and one that was restored under the new ones say the same from then on.
    #[test]
    fn a_swap_is_as_a_restore_under_the_new_detectors() {
        let graver = NEW_SERVICE.replace("severity: low", "severity: critical");
        let renamed = NEW_SERVICE.replace("id: new-service", "id: other");
        let off = NEW_SERVICE.replace("version: 1", "version: 1\nstatus: disabled");
        for own in [vec![("a", graver.as_str())], vec![("a", &renamed), ("b", &off)]] {
            let detectors = set(&own);
            let mut swapped = fixture::busy_monitor(3);
            for n in 0..3 {
                swapped.activity(&theft(n), &mut Vec::new());
            }
            let changes = snapshot::take_changes(&mut swapped).unwrap();
            let mut restored = fixture::empty_monitor();
            restored.adopt(&detectors);
            for change in &changes {
                snapshot::restore(&mut restored, &change.key, change.value.as_deref()).unwrap();
            }
            swapped.adopt(&detectors);
            let mut said = [Vec::new(), Vec::new()];
            for (monitor, effects) in [&mut swapped, &mut restored].into_iter().zip(&mut said) {
                (3..6).for_each(|n| monitor.activity(&theft(n), effects));
                effects.extend(fixture::go_on(monitor));
            }
            assert_eq!(alerts(&said[0]), alerts(&said[1]));
            assert!(!alerts(&said[0]).is_empty());
        }
    }

    /// All detectors of an open incident are gone: it is still closed, in words of its own, and nothing panics.
    #[test]
    fn an_incident_outlives_the_detectors_that_raised_it() {
        let mut monitor = fixture::busy_monitor(2);
        monitor.adopt(&Arc::new(Detectors::default()));
        assert!(monitor.detectors().iter().next().is_none());
        let mut effects = Vec::new();
        monitor.activity(&theft(0), &mut effects);
        monitor.tick(ProcessingTime::from_millis(START_MS + 40 * DAY_MS), &mut effects);
        let closed: Vec<String> = alerts(&effects);
        assert!(closed.iter().any(|alert| alert.starts_with("Close ")), "{closed:?}");
        for effect in &effects {
            if let Effect::Alert(report) = effect {
                assert!(crate::wire::Alert::from_report(report).to_bytes().is_ok());
            }
        }
    }
}
