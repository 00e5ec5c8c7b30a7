//! The records that benchmarks read.

use nhi_monitor::generator::{Company, Plan, Record};
use nhi_monitor::time::{DAY_MS, EventTime};

/// 2026-01-01T00:00:00Z.
pub(crate) const START_MS: i64 = 1_767_225_600_000;
/// Identities that act.
const IDENTITIES: usize = 500;

/// CloudTrail records of a made-up company, about 1.5 KB each, as one stream in order of time: a batch continues where
/// the one before it ended.
pub(crate) fn records(total: usize) -> impl Iterator<Item = Vec<u8>> {
    let since = EventTime::from_millis(START_MS);
    let until = since.plus_millis(30 * DAY_MS);
    // A part of the traffic is auth logs.
    let plan = Plan { since, until, events: 2 * total as u64, incidents: None };
    let emissions = Company::new(7, IDENTITIES).emissions(&plan);
    emissions.filter_map(|emission| match emission.record {
        Record::CloudTrail(call) => Some(call.to_json().into_bytes()),
        Record::Auth(_) => None,
    })
}
