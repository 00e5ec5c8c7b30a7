//! Which detectors are in force, and since when.

use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus::{IntCounter, IntGauge, IntGaugeVec};

use crate::detect::detector::Status;
use crate::detect::{Detectors, MAX_DETECTORS};
use crate::time::{EventTime, ProcessingTime};

use super::catalog;
use super::families::Families;
use super::metrics::OTHER;

/// Ids that had series since the start, over all reloads: what comes beyond is `other`, so that no reload adds series without end.
const MAX_IDS: usize = 2 * MAX_DETECTORS;

/// The detectors as metrics know them.
pub(super) struct InForce {
    ids: BTreeSet<String>,
    now: Arc<Detectors>,
    by_status: IntGaugeVec,
    loaded: IntGauge,
    reloads: IntCounter,
    failures: IntCounter,
    expired: IntGauge,
}

impl InForce {
    /// These, read at a time that is told later.
    pub(super) fn new(families: &mut Families, detectors: &Detectors) -> Self {
        let mut new = Self {
            ids: BTreeSet::new(),
            now: Arc::default(),
            by_status: families.gauges(&catalog::DETECTORS),
            loaded: families.gauge(&catalog::DETECTORS_LOADED),
            reloads: families.counter(&catalog::DETECTOR_RELOADS),
            failures: families.counter(&catalog::DETECTOR_RELOAD_FAILURES),
            expired: families.gauge(&catalog::EXPIRED_EXCEPTIONS),
        };
        new.set(&Arc::new(detectors.clone()));
        new
    }

    /// The detectors were read at `at`, for the first time or again.
    pub(super) fn loaded(&mut self, detectors: &Arc<Detectors>, at: ProcessingTime) {
        let is_reload = self.loaded.get() > 0;
        self.reloads.inc_by(u64::from(is_reload));
        self.loaded.set(at.millis() / 1_000);
        self.set(detectors);
    }

    /// They could not be read again.
    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    /// The label of a detector.
    pub(super) fn label<'a>(&'a self, id: &str) -> &'a str {
        self.ids.get(id).map_or(OTHER, String::as_str)
    }

    /// All ids that labels take.
    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.ids.iter()
    }

    /// Shows what depends on the time.
    pub(super) fn refresh(&self, now: ProcessingTime) {
        self.expired.set(self.now.expired(EventTime::from_millis(now.millis())).count() as i64);
    }

    fn set(&mut self, detectors: &Arc<Detectors>) {
        for detector in detectors.iter() {
            if self.ids.len() < MAX_IDS {
                self.ids.insert(detector.id.clone());
            }
        }
        for status in Status::ALL {
            let count = detectors.iter().filter(|detector| detector.status == status).count();
            self.by_status.with_label_values(&[status.as_str()]).set(count as i64);
        }
        self.now = Arc::clone(detectors);
    }
}
