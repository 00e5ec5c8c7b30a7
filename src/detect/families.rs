//! The families that run detectors: from an event and what is surprising in it to signals.

use std::sync::Arc;

use crate::activity::Event;
use crate::baseline::behaviour::Burst;
use crate::baseline::{Behaviour, Dimension, Sighting};

use super::detector::{BurstOf, Detector, Rule};
use super::explain;
use super::finding::Signal;
use super::sensitivity::{Level, sensitivity};

/// Most bits that one signal weighs: a one-in-65,000 event. More would be a claim that a month of data cannot back.
pub const MAX_SIGNAL_BITS: f32 = 16.0;

/// What a pause weighs less where the log source was not covered: a collector that was down made everybody silent.
const UNCOVERED_PAUSE_BITS: f32 = 6.0;

/// How many times the shortest pause it takes for an identity of which little is known: a monthly job is not dormant.
const YOUNG_PAUSE: u32 = 3;

/// What a family looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// What is surprising in it.
    pub sighting: &'a Sighting,
    /// The baseline, with the event learned.
    pub behaviour: &'a Behaviour,
}

/// What a detector saw: its weight, and the words for it.
struct Match {
    bits: f32,
    reason: String,
    expected: String,
    observed: String,
}

/// Runs one detector over one event.
#[must_use]
pub fn run(detector: &Arc<Detector>, subject: Subject<'_>) -> Option<Signal> {
    let found = match &detector.rule {
        Rule::Novelty { dimensions, sensitivity, min_bits } => {
            novelty(dimensions, *sensitivity, *min_bits, subject)
        }
        Rule::Burst { events, min_events, min_ratio, min_bits } => {
            let burst = match events {
                BurstOf::All => subject.sighting.burst,
                BurstOf::Denied => subject.sighting.denied_burst,
            };
            let is_large =
                burst.count >= *min_events && burst.count as f32 >= min_ratio * burst.mean.max(1.0);
            (is_large && burst.bits >= *min_bits).then(|| burst_match(*events, burst))
        }
        Rule::HumanUse { bits } => subject.sighting.is_new_human_use.then(|| human_use(*bits, subject)),
        Rule::DisplacedCredential { workloads, bits } => displaced(workloads, *bits, subject),
        Rule::Dormancy { min_days, bits } => dormancy(*min_days, *bits, subject),
        Rule::Unused {} | Rule::NeverUsed {} => None,
    }?;
    Some(Signal {
        detector: Arc::clone(detector),
        bits: found.bits.min(MAX_SIGNAL_BITS),
        reason: found.reason,
        expected: found.expected,
        observed: found.observed,
        time: subject.event.time,
        evidence: explain::evidence(subject.event),
    })
}

fn novelty(
    dimensions: &[Dimension],
    least: Option<Level>,
    min_bits: f32,
    subject: Subject<'_>,
) -> Option<Match> {
    let Subject { event, sighting, behaviour } = subject;
    if !sighting.is_settled {
        return None;
    }
    let mut bits = 0.0;
    for dimension in dimensions {
        bits += sighting.new_bits[*dimension as usize]?;
    }
    let level = sensitivity(&event.service, &event.operation).map(|known| known.level);
    let level = level.filter(|level| least.is_some_and(|least| *level >= least));
    if least.is_some() {
        bits += level?.weight_bits();
    }
    (bits >= min_bits).then(|| Match {
        bits,
        reason: explain::novelty_reason(dimensions, event, level),
        expected: explain::usual(dimensions, event, behaviour),
        observed: explain::values(dimensions, event),
    })
}

fn burst_match(events: BurstOf, burst: Burst) -> Match {
    let what = match events {
        BurstOf::All => "events",
        BurstOf::Denied => "denied events",
    };
    Match {
        bits: burst.bits,
        reason: format!(
            "{} {what} within an hour, {} an active hour is usual",
            burst.count,
            explain::rate(burst.mean)
        ),
        expected: format!("about {} {what} in an active hour", explain::rate(burst.mean)),
        observed: format!("{} {what} in the hour so far", burst.count),
    }
}

fn human_use(bits: f32, subject: Subject<'_>) -> Match {
    let signs = subject.event.interactive.names().join(", ");
    Match {
        bits,
        reason: format!("a person uses this non-human identity ({signs})"),
        expected: "only machine use".into(),
        observed: format!("signs of a person: {signs}"),
    }
}

fn displaced(workloads: &[String], bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Subject { event, sighting, behaviour } = subject;
    let workload = event.workload.as_deref()?;
    let network_bits = sighting.new_bits[Dimension::Network as usize]?;
    let is_bound = workloads.iter().any(|prefix| workload.starts_with(prefix.as_str()));
    let comes_from_address = event.origin.ip.is_some();
    (sighting.is_settled && is_bound && comes_from_address && network_bits >= 1.0).then(|| Match {
        bits: bits + network_bits,
        reason: format!(
            "the credential of {workload} is used from {}, a network where this identity never was",
            explain::origin(event)
        ),
        expected: explain::usual(&[Dimension::Network], event, behaviour),
        observed: explain::values(&[Dimension::Network], event),
    })
}

fn dormancy(min_days: u32, bits: f32, subject: Subject<'_>) -> Option<Match> {
    let Sighting { pause_days, longest_pause_days, is_pause_covered, is_settled, .. } = *subject.sighting;
    let is_beyond_habit = pause_days >= min_days && pause_days > longest_pause_days.saturating_mul(2);
    let is_known_well = is_settled || pause_days >= min_days.saturating_mul(YOUNG_PAUSE);
    let unproven = if is_pause_covered { 0.0 } else { UNCOVERED_PAUSE_BITS };
    let doubt = if is_pause_covered { "" } else { ", as far as its log source was covered" };
    (is_beyond_habit && is_known_well).then(|| Match {
        bits: bits - unproven + (pause_days as f32 / min_days.max(1) as f32).log2(),
        reason: format!("active again after {pause_days} days of silence{doubt}"),
        expected: match longest_pause_days {
            0 => "active every day, or retired".into(),
            longest => format!("pauses of at most {longest} days"),
        },
        observed: format!("{pause_days} days without activity, then {}", subject.event.action()),
    })
}
