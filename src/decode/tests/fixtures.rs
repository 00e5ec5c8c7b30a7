//! Real samples, where they are at hand.

use std::path::PathBuf;

use super::*;

fn samples(file: &str) -> Option<String> {
    let folder = option_env!("NHI_FIXTURES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join(file)).ok();
    if text.is_none() {
        println!("REDUCED: {} is absent, nothing was checked", folder.join(file).display());
    }
    text
}

/// Every line is one record, alone and among its neighbours; `unlike` lines carry none of CloudTrail's keys.
#[track_caller]
fn check_samples(file: &str, unlike: usize) {
    let Some(text) = samples(file) else { return };
    let limits = Limits::default();
    let mut records_seen = Vec::new();
    for line in text.lines() {
        let seen = pieces(line.as_bytes(), FormatHint::Cloudtrail, &limits);
        assert_eq!(seen.len(), 1, "{line}");
        assert!(seen[0].word == cloudtrail(line) || seen[0].word == "reject:unrecognised", "{line}");
        records_seen.extend(seen);
    }
    let unrecognised = records_seen.iter().filter(|seen| seen.word.starts_with("reject")).count();
    assert_eq!(unrecognised, unlike, "{file}");
    let lines = text.lines().collect::<Vec<_>>();
    for whole in [text.clone(), records(&lines), format!("[{}]", lines.join(","))] {
        let again = pieces(&gzip(whole), FormatHint::Cloudtrail, &limits);
        assert!(again.iter().map(|seen| &seen.word).eq(records_seen.iter().map(|seen| &seen.word)), "{file}");
    }
}

#[test]
fn every_version_of_cloudtrail() {
    check_samples("cloudtrail_versions/events.jsonl", 0);
}

#[test]
fn samples_that_detection_rules_are_tested_with() {
    // Eight are in another schema (all keys in lower case), four are abridged to a key or two.
    check_samples("panther/AWS.CloudTrail.jsonl", 12);
}

#[test]
fn every_security_relevant_call() {
    check_samples("traildiscover/events.jsonl", 0);
}

#[test]
fn real_traffic() {
    check_samples("flaws_tail/events.jsonl", 0);
    check_samples("cloud_snitch_orgtrail/events.jsonl", 0);
}
