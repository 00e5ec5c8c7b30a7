//! What the monitors of this process hold and have learned.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::detect::Detectors;
use crate::monitor::feedback::Ignored;
use crate::monitor::{Stats, Verdict};
use crate::time::ProcessingTime;

use super::catalog;
use super::detectors::InForce;
use super::families::Families;

/// Limits that exist from the start with 0, so that the first eviction shows as an increase.
const KNOWN_LIMITS: [&str; 6] =
    ["declared_identities", "feedback", "identities", "late_activities", "scopes", "terms"];
/// Likewise, why signals led to no alert.
const KNOWN_SUPPRESSIONS: [&str; 4] = ["accepted", "below_threshold", "muted", "over_budget"];

/// Turns snapshots of counts into metrics.
pub(super) struct State {
    last: Stats,
    counters: [IntCounter; 10],
    suppressed: IntCounterVec,
    feedback: IntCounterVec,
    feedback_ignored: IntCounterVec,
    detectors: InForce,
    signals: [IntCounterVec; 3],
    evictions: IntCounterVec,
    identities: IntGaugeVec,
    open_incidents: IntGauge,
    threshold_risk: IntGauge,
    scopes: IntGauge,
    silent_scopes: IntGauge,
}

impl State {
    /// Nothing held; signals are told apart by these detectors.
    pub(super) fn new(families: &mut Families, detectors: &Detectors) -> Self {
        let counters = [
            &catalog::LEARNED,
            &catalog::DUPLICATES,
            &catalog::LATE,
            &catalog::PAST,
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
            suppressed: families.counters(&catalog::SUPPRESSED),
            feedback: families.counters(&catalog::FEEDBACK),
            feedback_ignored: families.counters(&catalog::FEEDBACK_IGNORED),
            signals: [&catalog::SIGNALS, &catalog::SHADOW_SIGNALS, &catalog::EXCEPTED]
                .map(|family| families.counters(family)),
            evictions: families.counters(&catalog::EVICTIONS),
            identities: families.gauges(&catalog::IDENTITIES),
            open_incidents: families.gauge(&catalog::OPEN_INCIDENTS),
            threshold_risk: families.gauge(&catalog::THRESHOLD_RISK),
            scopes: families.gauge(&catalog::SCOPES),
            silent_scopes: families.gauge(&catalog::SILENT_SCOPES),
            detectors: InForce::new(families, detectors),
        };
        show(&state.suppressed, &KNOWN_SUPPRESSIONS);
        show(&state.feedback, &Verdict::ALL.map(Verdict::as_str));
        show(&state.feedback_ignored, &Ignored::ALL.map(Ignored::as_str));
        show(&state.evictions, &KNOWN_LIMITS);
        state.show_detectors();
        state.update(&Stats::default());
        state
    }

    /// The detectors were read.
    pub(super) fn loaded(&mut self, detectors: &Arc<Detectors>, at: ProcessingTime) {
        self.detectors.loaded(detectors, at);
        self.show_detectors();
    }

    /// What is known of the detectors in force.
    pub(super) const fn detectors(&self) -> &InForce {
        &self.detectors
    }

    /// Series that exist from the start with 0, so that the first signal shows as an increase.
    fn show_detectors(&self) {
        for id in self.detectors.ids() {
            self.signals.iter().for_each(|counters| drop(counters.with_label_values(&[id])));
        }
    }

    /// Takes the counts as they stand now, over all partitions that this process owns or owned.
    pub(super) fn update(&mut self, now: &Stats) {
        for (counter, (before, now)) in
            self.counters.iter().zip(counts(&self.last).into_iter().zip(counts(now)))
        {
            counter.inc_by(now.saturating_sub(before));
        }
        for (counters, (before, now)) in
            self.signals.iter().zip(by_detector(&self.last).into_iter().zip(by_detector(now)))
        {
            for (detector, count) in grown(before, now) {
                counters.with_label_values(&[self.detectors.label(detector)]).inc_by(count);
            }
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
        self.threshold_risk.set(now.threshold_risk as i64);
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
fn counts(stats: &Stats) -> [u64; 10] {
    let Stats {
        activities,
        duplicates,
        late,
        past,
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
        *past,
        *clamped,
        *unproven,
        *corrections,
        *predecessors,
        *declarations,
        *forgotten_inputs,
    ]
}

/// The counts by detector, in the order of the counters.
fn by_detector(stats: &Stats) -> [&BTreeMap<String, u64>; 3] {
    [&stats.signals, &stats.shadow_signals, &stats.excepted]
}

fn grown<'a, K: Ord>(
    before: &'a BTreeMap<K, u64>,
    now: &'a BTreeMap<K, u64>,
) -> impl Iterator<Item = (&'a K, u64)> {
    now.iter().map(|(key, count)| (key, count.saturating_sub(before.get(key).copied().unwrap_or(0))))
}
