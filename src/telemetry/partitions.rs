//! Sums over the monitors of all partitions that this instance owns, as they come and go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::monitor::Stats;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::catalog;
use super::families::Families;

/// Folds the counts of each partition's monitor into process-wide metrics.
pub(super) struct Partitions {
    last: HashMap<i32, Stats>,
    detectors: BTreeSet<String>,
    handles: Handles,
}

struct Handles {
    activities: IntCounter,
    duplicates: IntCounter,
    late: IntCounter,
    declarations: IntCounter,
    signals: IntCounterVec,
    evictions: IntCounterVec,
    identities: IntGaugeVec,
    open_incidents: IntGauge,
    scopes: IntGauge,
    silent_scopes: IntGauge,
}

impl Partitions {
    /// No partitions yet; signals are told apart by these detectors.
    pub(super) fn new(families: &mut Families, detectors: BTreeSet<String>) -> Self {
        let handles = Handles::new(families);
        for id in &detectors {
            handles.signals.with_label_values(&[id]);
        }
        let partitions = Self { last: HashMap::new(), detectors, handles };
        partitions.show_sizes();
        partitions
    }

    /// Takes the counts of one partition's monitor as they stand now.
    pub(super) fn update(&mut self, partition: i32, stats: &Stats) {
        let before = self.last.insert(partition, stats.clone()).unwrap_or_default();
        // A monitor that was made anew counts from 0 again.
        let before = if stats.activities < before.activities { Stats::default() } else { before };
        self.count(&before, stats);
        self.show_sizes();
    }

    /// Drops a partition that went to another instance.
    pub(super) fn forget(&mut self, partition: i32) {
        self.last.remove(&partition);
        self.show_sizes();
    }

    fn count(&self, before: &Stats, now: &Stats) {
        let Handles { activities, duplicates, late, declarations, .. } = &self.handles;
        activities.inc_by(now.activities.saturating_sub(before.activities));
        duplicates.inc_by(now.duplicates.saturating_sub(before.duplicates));
        late.inc_by(now.late.saturating_sub(before.late));
        declarations.inc_by(now.declarations.saturating_sub(before.declarations));
        for (detector, count) in grown(&before.signals, &now.signals) {
            let label = self.detectors.get(detector).map_or(super::metrics::OTHER, String::as_str);
            self.handles.signals.with_label_values(&[label]).inc_by(count);
        }
        for (limit, count) in grown(&before.evictions, &now.evictions) {
            self.handles.evictions.with_label_values(&[limit]).inc_by(count);
        }
    }

    fn show_sizes(&self) {
        let sum = |size: fn(&Stats) -> u64| self.last.values().map(size).sum::<u64>() as i64;
        self.handles.open_incidents.set(sum(|stats| stats.open_incidents));
        self.handles.scopes.set(sum(|stats| stats.scopes));
        self.handles.silent_scopes.set(sum(|stats| stats.silent_scopes));
        for (kind, status) in
            Kind::ALL.into_iter().flat_map(|kind| UseStatus::ALL.map(|status| (kind, status)))
        {
            let held =
                self.last.values().filter_map(|stats| stats.identities.get(&(kind, status))).sum::<u64>();
            self.handles.identities.with_label_values(&[kind.as_str(), status.as_str()]).set(held as i64);
        }
    }
}

impl Handles {
    fn new(families: &mut Families) -> Self {
        Self {
            activities: families.counter(&catalog::LEARNED),
            duplicates: families.counter(&catalog::DUPLICATES),
            late: families.counter(&catalog::LATE),
            declarations: families.counter(&catalog::DECLARATIONS),
            signals: families.counters(&catalog::SIGNALS),
            evictions: families.counters(&catalog::EVICTIONS),
            identities: families.gauges(&catalog::IDENTITIES),
            open_incidents: families.gauge(&catalog::OPEN_INCIDENTS),
            scopes: families.gauge(&catalog::SCOPES),
            silent_scopes: families.gauge(&catalog::SILENT_SCOPES),
        }
    }
}

fn grown<'a, K: Ord>(
    before: &'a BTreeMap<K, u64>,
    now: &'a BTreeMap<K, u64>,
) -> impl Iterator<Item = (&'a K, u64)> {
    now.iter().map(|(key, count)| (key, count.saturating_sub(before.get(key).copied().unwrap_or(0))))
}
