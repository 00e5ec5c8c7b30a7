//! `/api/v1/detectors`: what is looked for, from where it was read, and what came of it since the start.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::detect::detector::{Status, Technique};
use crate::detect::finding::Severity;
use crate::detect::{Detector, Detectors};
use crate::monitor::Stats;

/// What stands in place of a file for detectors that have none.
const BUILT_IN: &str = "built-in";

/// The answer: all detectors, by id.
#[derive(Serialize)]
pub(super) struct List<'a> {
    detectors: Vec<Summary<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    id: &'a str,
    title: &'a str,
    version: u32,
    status: Status,
    severity: Severity,
    family: &'static str,
    attack: &'a [Technique],
    owasp_nhi: &'a [String],
    exceptions: usize,
    #[serde(flatten)]
    found: Found<'a>,
}

/// One detector as its file states it.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    detector: &'a Detector,
    #[serde(flatten)]
    found: Found<'a>,
}

#[derive(Serialize)]
struct Found<'a> {
    /// The file that it was read from, or `built-in`.
    source: &'a str,
    signals: Signals,
}

/// Signals since the start, by what became of them.
#[derive(Serialize)]
struct Signals {
    raised: u64,
    shadow: u64,
    excepted: u64,
}

impl<'a> List<'a> {
    pub(super) fn new(detectors: &'a Detectors, stats: &Stats) -> Self {
        let each = detectors.iter().map(|detector| Summary::new(detector, detectors, stats));
        Self { detectors: each.collect() }
    }
}

impl<'a> Summary<'a> {
    fn new(detector: &'a Detector, all: &'a Detectors, stats: &Stats) -> Self {
        Self {
            id: &detector.id,
            title: &detector.title,
            version: detector.version,
            status: detector.status,
            severity: detector.severity,
            family: detector.rule.family(),
            attack: &detector.attack,
            owasp_nhi: &detector.owasp_nhi,
            exceptions: detector.exceptions.len(),
            found: Found::new(detector, all, stats),
        }
    }
}

impl<'a> Whole<'a> {
    /// The detector with this id.
    pub(super) fn find(id: &str, all: &'a Detectors, stats: &Stats) -> Option<Self> {
        all.get(id).map(|detector| Self { detector, found: Found::new(detector, all, stats) })
    }
}

impl<'a> Found<'a> {
    fn new(detector: &Detector, all: &'a Detectors, stats: &Stats) -> Self {
        let count = |counts: &BTreeMap<String, u64>| counts.get(&detector.id).copied().unwrap_or_default();
        let shadow = count(&stats.shadow_signals);
        // Those of detectors in shadow are among the signals.
        let raised = count(&stats.signals).saturating_sub(shadow);
        let signals = Signals { raised, shadow, excepted: count(&stats.excepted) };
        Self { source: all.file(&detector.id).unwrap_or(BUILT_IN), signals }
    }
}
