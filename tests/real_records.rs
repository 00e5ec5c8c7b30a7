//! Every CloudTrail record that others published is understood, or named with a reason. Reduced to nothing where the
//! shared samples are absent.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use nhi_monitor::activity::Provenance;
use nhi_monitor::decode::{Envelope, Format, RawRecord};
use nhi_monitor::identity::resolve;
use nhi_monitor::normalize::{Context, Normalized, normalize};
use nhi_monitor::time::ProcessingTime;

type Counts = BTreeMap<String, usize>;

#[expect(clippy::disallowed_methods, reason = "tests may be pointed at samples elsewhere")]
fn samples() -> Option<PathBuf> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures").into();
    let folder = std::env::var("NHI_FIXTURES").map_or_else(|_| beside(), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// What came of a record, as a bounded label.
fn outcome(text: &str) -> String {
    let record = RawRecord { format: Format::CloudTrail, text, envelope: Envelope::default() };
    let context = Context {
        received: ProcessingTime::from_millis(i64::MAX),
        provenance: Provenance::default(),
        clock_skew_ms: 0,
    };
    match normalize(&record, &context) {
        Ok(Normalized::Activity(principal, event)) => match resolve(principal, &event) {
            Ok(identity) => format!("activity of {}", identity.kind.as_str()),
            Err(error) => format!("refused: {error}"),
        },
        Ok(Normalized::Skipped(reason)) => format!("skipped: {reason}"),
        Err(error) => format!("refused: {error}"),
    }
}

/// Counts outcomes, prints them, and returns how many records were refused.
fn refused(file: &str) -> Option<usize> {
    let Some(folder) = samples() else {
        println!("reduced: {file} is not read: set NHI_FIXTURES to a folder of sample records");
        return None;
    };
    let text = std::fs::read_to_string(folder.join(file)).expect("a readable sample");
    let mut counts = Counts::new();
    for line in text.lines() {
        *counts.entry(outcome(line)).or_default() += 1;
    }
    println!("{file}:");
    counts.iter().for_each(|(outcome, count)| println!("  {count:5} {outcome}"));
    Some(counts.iter().filter(|(outcome, _)| outcome.starts_with("refused")).map(|(_, count)| count).sum())
}

#[test]
fn whole_records_are_all_understood() {
    for (file, max_refused) in [
        ("cloudtrail_versions", 0),
        // One record of a mail sent does not say by whom.
        ("traildiscover", 1),
        ("flaws_tail", 0),
        ("cloud_snitch_orgtrail", 0),
    ] {
        let refused = refused(&format!("{file}/events.jsonl"));
        assert!(refused.unwrap_or(0) <= max_refused, "{file}: {refused:?} refused");
    }
}

#[test]
fn abridged_records_are_understood_or_named() {
    /// Panther's samples leave out what a rule under test does not look at, often the time or who acted.
    const MAX_REFUSED: usize = 45;
    let refused = refused("panther/AWS.CloudTrail.jsonl");
    assert!(refused.unwrap_or(0) <= MAX_REFUSED, "{refused:?} refused");
}
