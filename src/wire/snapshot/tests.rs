use std::sync::Arc;

use super::*;
use crate::baseline::coverage::Losses;
use crate::config::Config;
use crate::detect::Detectors;
use crate::monitor::fixture;
use crate::term::Interner;
use crate::time::ProcessingTime;

fn restored(changes: &[Change]) -> Monitor {
    restored_with(changes, &Arc::new(Detectors::builtin().unwrap()))
}

fn restored_with(changes: &[Change], detectors: &Arc<Detectors>) -> Monitor {
    let detectors = Arc::clone(detectors);
    let mut monitor = Monitor::new(&Config::default(), detectors, Arc::new(Interner::new()));
    for change in changes {
        restore(&mut monitor, &change.key, change.value.as_deref()).unwrap();
    }
    monitor
}

#[test]
fn a_restored_monitor_is_the_one_that_was_written_and_goes_on_like_it() {
    let mut original = fixture::busy_monitor(60);
    let changes = take_changes(&mut original).unwrap();
    let mut copy = restored(&changes);
    assert_eq!(copy.stats().identities, original.stats().identities);
    assert_eq!(copy.stats().open_incidents, original.stats().open_incidents);
    assert!(original.stats().open_incidents > 0, "the test must cover an open incident");
    let (ours, theirs) = (fixture::go_on(&mut original), fixture::go_on(&mut copy));
    assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    assert_eq!(take_changes(&mut original).unwrap(), take_changes(&mut copy).unwrap());
}

#[test]
fn what_was_lost_is_kept() {
    let mut original = fixture::busy_monitor(2);
    original.lost_records(ProcessingTime::from_millis(1_769_850_000_000), true);
    let changes = take_changes(&mut original).unwrap();
    let copy = restored(&changes);
    assert_eq!(copy.shared().coverage().losses(), original.shared().coverage().losses());
    assert_ne!(*copy.shared().coverage().losses(), Losses::default());
    assert!(take_changes(&mut original).unwrap().iter().all(|change| change.key != LOSSES_KEY.as_bytes()));
}

#[test]
fn what_a_newer_version_wrote_is_refused() {
    let mut monitor = restored(&[]);
    let error = restore(&mut monitor, b"identity:a", Some(&[VERSION + 1, 0])).unwrap_err();
    assert_eq!(error, Error::TooNew { found: VERSION + 1 });
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let changes = take_changes(&mut fixture::busy_monitor(20)).unwrap();
    let detectors = Arc::new(Detectors::builtin().unwrap());
    for change in &changes {
        let value = change.value.as_deref().unwrap();
        for end in 0..value.len().min(400) {
            let mut monitor = restored_with(&[], &detectors);
            assert!(restore(&mut monitor, &change.key, Some(&value[..end])).is_err());
        }
    }
    assert!(restore(&mut restored(&[]), b"other:key", None).is_err());
}

#[test]
fn a_tombstone_drops_the_identity() {
    let mut changes = take_changes(&mut fixture::busy_monitor(5)).unwrap();
    let full = restored(&changes).view().len();
    let key = changes[0].key.clone();
    changes.push(Change { key, value: None });
    assert_eq!(restored(&changes).view().len(), full - 1);
}
