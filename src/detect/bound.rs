//! How far the acceptance of a signal reaches.
//!
//! Most signals are told apart by what they saw: another network, another action is another signal. Volumes and facts count by their
//! detector within an incident, however often they come. To accept them so would switch the detector off for the identity,
//! so an acceptance of them has a bound of their own kind.

use crate::baseline::Sighting;
use crate::term::stable_hash;

use super::detector::Rule;
use super::finding::Signal;
use super::incident::fingerprint;

/// The bound of one signal.
enum Bound {
    /// Up to so much within an hour or days of a pause: to the next power of two, so at most twice as many.
    Size(u64),
    /// These signs, this place, this time of the week.
    Kind(String),
}

impl Bound {
    /// `None` where the signal's fingerprint says all there is.
    fn of(signal: &Signal) -> Option<Self> {
        match signal.detector.rule {
            Rule::Burst { .. } | Rule::Dormancy { .. } => Some(Self::Size(signal.size)),
            Rule::HumanUse { .. } => {
                let network = signal.evidence.network.as_deref().unwrap_or_default();
                Some(Self::Kind(format!("{}\0{network}", signal.observed)))
            }
            // It names the credential and the place.
            Rule::SharedCredential { .. } => Some(Self::Kind(signal.observed.clone())),
            Rule::OffHours { .. } => Some(Self::Kind(signal.observed.clone())),
            // Its reason names the day since which it is retired.
            Rule::Retired { .. } => Some(Self::Kind(signal.reason.clone())),
            // It names the end that the inventory sets.
            Rule::ExpiredUse { .. } => Some(Self::Kind(signal.expected.clone())),
            _ => None,
        }
    }
}

/// What an incident keeps of a signal for its acceptance, beside its fingerprint.
#[must_use]
pub fn key(signal: &Signal) -> Option<u64> {
    Bound::of(signal).map(|bound| match bound {
        Bound::Size(size) => sized(signal, doublings(size)),
        Bound::Kind(kind) => stable_hash(&format!("{}\0{kind}", signal.detector.id)),
    })
}

/// Whether an acceptance of these fingerprints and keys covers a signal.
#[must_use]
pub fn is_covered(signal: &Signal, accepted: &[u64]) -> bool {
    let is_accepted = |key: u64| accepted.contains(&key);
    match Bound::of(signal) {
        Some(Bound::Size(size)) => {
            (doublings(size)..u64::BITS).any(|doublings| is_accepted(sized(signal, doublings)))
        }
        Some(Bound::Kind(_)) => key(signal).is_some_and(is_accepted),
        None => is_accepted(fingerprint(signal)),
    }
}

/// Whether an acceptance that names no end needs one: nothing about the signal sets a bound but time.
#[must_use]
pub fn needs_an_end(signal: &Signal) -> bool {
    matches!(signal.detector.rule, Rule::Retired { .. } | Rule::ExpiredUse { .. })
}

/// What a rule counted: what a burst is made of, days of the pause; 0 where it counts nothing.
#[must_use]
pub fn size(rule: &Rule, sighting: &Sighting) -> u64 {
    match rule {
        Rule::Burst { events, .. } => events.among(&sighting.bursts).count,
        Rule::Dormancy { .. } => sighting.pause_days.into(),
        _ => 0,
    }
}

const fn doublings(size: u64) -> u32 {
    match size.checked_ilog2() {
        Some(doublings) => doublings,
        None => 0,
    }
}

fn sized(signal: &Signal, doublings: u32) -> u64 {
    stable_hash(&format!("{}\0size {doublings}", signal.detector.id))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::Detectors;
    use crate::detect::finding::EventEvidence;
    use crate::time::EventTime;

    fn signal(detector: &str, size: u64, observed: &str) -> Signal {
        Signal {
            detector: Arc::clone(Detectors::builtin().unwrap().get(detector).unwrap()),
            bits: 1.0,
            peak: 0.0,
            harmless: 0.0,
            reason: String::new(),
            expected: String::new(),
            observed: observed.into(),
            size,
            time: EventTime::default(),
            evidence: EventEvidence::default(),
        }
    }

    #[test]
    fn sizes_are_covered_up_to_less_than_twice_as_much() {
        for detector in ["volume-burst", "denied-burst", "dormant-identity-awakened"] {
            let accepted = [key(&signal(detector, 300, "any")).unwrap()];
            let covers = |size| is_covered(&signal(detector, size, "other"), &accepted);
            for (size, expected) in
                [(0, true), (64, true), (299, true), (511, true), (512, false), (u64::MAX, false)]
            {
                assert_eq!(covers(size), expected, "{detector} {size}");
            }
        }
        let accepted = [key(&signal("volume-burst", 300, "")).unwrap()];
        assert!(!is_covered(&signal("denied-burst", 300, ""), &accepted), "of another detector");
    }

    #[test]
    fn hours_and_values_are_covered_where_they_are_the_same() {
        let accepted = [key(&signal("off-hours", 0, "Monday 03:00 UTC")).unwrap()];
        assert!(is_covered(&signal("off-hours", 0, "Monday 03:00 UTC"), &accepted));
        assert!(!is_covered(&signal("off-hours", 0, "Monday 04:00 UTC"), &accepted));
        let client = signal("new-client", 0, "curl");
        assert_eq!(key(&client), None);
        assert!(is_covered(&client, &[fingerprint(&client)]));
        assert!(!is_covered(&signal("new-client", 0, "wget"), &[fingerprint(&client)]));
    }
}
