//! What the monitors of this process hold and have learned.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::monitor::feedback::Ignored;
use crate::monitor::{Stats, Verdict};

use super::catalog;
use super::families::Families;
use super::metrics::OTHER;

/// Limits that exist from the start with 0, so that the first eviction shows as an increase.
const KNOWN_LIMITS: [&str; 4] = ["feedback", "identities", "scopes", "terms"];
/// Likewise, why signals led to no alert.
const KNOWN_SUPPRESSIONS: [&str; 3] = ["accepted", "below_threshold", "muted"];

/// Turns snapshots of counts into metrics.
pub(super) struct State {
    last: Stats,
    detectors: BTreeSet<String>,
    counters: [IntCounter; 9],
    signals: IntCounterVec,
    suppressed: IntCounterVec,
    feedback: IntCounterVec,
    feedback_ignored: IntCounterVec,
    evictions: IntCounterVec,
    identities: IntGaugeVec,
    open_incidents: IntGauge,
    scopes: IntGauge,
    silent_scopes: IntGauge,
}

impl State {
    /// Nothing held; signals are told apart by these detectors.
    pub(super) fn new(families: &mut Families, detectors: BTreeSet<String>) -> Self {
        let counters = [
            &catalog::LEARNED,
            &catalog::DUPLICATES,
            &catalog::LATE,
            &catalog::CLAMPED,
            &catalog::UNPROVEN,
            &catalog::CORRECTIONS,
            &catalog::PREDECESSORS,
            &catalog::DECLARATIONS,
            &catalog::FORGOTTEN_INPUTS,
        ];
        let mut state = Self {
            last: Stats::default(),
            counters: counters.map(|family| families.counter(family)),
            signals: families.counters(&catalog::SIGNALS),
            suppressed: families.counters(&catalog::SUPPRESSED),
            feedback: families.counters(&catalog::FEEDBACK),
            feedback_ignored: families.counters(&catalog::FEEDBACK_IGNORED),
            evictions: families.counters(&catalog::EVICTIONS),
            identities: families.gauges(&catalog::IDENTITIES),
            open_incidents: families.gauge(&catalog::OPEN_INCIDENTS),
            scopes: families.gauge(&catalog::SCOPES),
            silent_scopes: families.gauge(&catalog::SILENT_SCOPES),
            detectors,
        };
        for id in &state.detectors {
            state.signals.with_label_values(&[id]);
        }
        show(&state.suppressed, &KNOWN_SUPPRESSIONS);
        show(&state.feedback, &Verdict::ALL.map(Verdict::as_str));
        show(&state.feedback_ignored, &Ignored::ALL.map(Ignored::as_str));
        show(&state.evictions, &KNOWN_LIMITS);
        state.update(&Stats::default());
        state
    }

    /// Takes the counts as they stand now, over all partitions that this process owns or owned.
    pub(super) fn update(&mut self, now: &Stats) {
        for (counter, (before, now)) in
            self.counters.iter().zip(counts(&self.last).into_iter().zip(counts(now)))
        {
            counter.inc_by(now.saturating_sub(before));
        }
        for (detector, count) in grown(&self.last.signals, &now.signals) {
            let label = self.detectors.get(detector).map_or(OTHER, String::as_str);
            self.signals.with_label_values(&[label]).inc_by(count);
        }
        for (counter, before, now) in [
            (&self.suppressed, &self.last.suppressed, &now.suppressed),
            (&self.feedback, &self.last.feedback, &now.feedback),
            (&self.feedback_ignored, &self.last.feedback_ignored, &now.feedback_ignored),
            (&self.evictions, &self.last.evictions, &now.evictions),
        ] {
            for (label, count) in grown(before, now) {
                counter.with_label_values(&[label]).inc_by(count);
            }
        }
        self.show_sizes(now);
        self.last.clone_from(now);
    }

    fn show_sizes(&self, now: &Stats) {
        self.open_incidents.set(now.open_incidents as i64);
        self.scopes.set(now.scopes as i64);
        self.silent_scopes.set(now.silent_scopes as i64);
        for (kind, status) in
            Kind::ALL.into_iter().flat_map(|kind| UseStatus::ALL.map(|status| (kind, status)))
        {
            let held = now.identities.get(&(kind, status)).copied().unwrap_or(0);
            self.identities.with_label_values(&[kind.as_str(), status.as_str()]).set(held as i64);
        }
    }
}

/// Makes series exist from the start.
fn show(counter: &IntCounterVec, labels: &[&str]) {
    for label in labels {
        counter.with_label_values(&[label]);
    }
}

/// The plain counts, in the order of the counters.
fn counts(stats: &Stats) -> [u64; 9] {
    let Stats {
        activities,
        duplicates,
        late,
        clamped,
        unproven,
        corrections,
        predecessors,
        declarations,
        forgotten_inputs,
        ..
    } = stats;
    [
        *activities,
        *duplicates,
        *late,
        *clamped,
        *unproven,
        *corrections,
        *predecessors,
        *declarations,
        *forgotten_inputs,
    ]
}

fn grown<'a, K: Ord>(
    before: &'a BTreeMap<K, u64>,
    now: &'a BTreeMap<K, u64>,
) -> impl Iterator<Item = (&'a K, u64)> {
    now.iter().map(|(key, count)| (key, count.saturating_sub(before.get(key).copied().unwrap_or(0))))
}
