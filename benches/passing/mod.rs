//! What identities cost while nothing comes of them: ticks, the day on which they turn out unused, and listing those.

use std::collections::BTreeSet;
use std::time::Duration;

use nhi_monitor::baseline::LastSeen;
use nhi_monitor::baseline::last_seen::UseStatus;
use nhi_monitor::monitor::{CoverageMark, Effect, Filter, Monitor, Record};
use nhi_monitor::time::{DAY_MS, HOUR_MS, MINUTE_MS, ProcessingTime};
use nhi_monitor::wire::LastSeenRecord;

use crate::clock::{elapsed, timed};
use crate::{DAYS, START_MS, UNUSED_AFTER_DAYS, per};

/// Minutes of a day.
const MINUTES: i64 = 24 * 60;
/// Identities on one page of `/api/v1/identities` at most, and one more that tells whether there are others.
const PAGE: usize = 1001;
/// Records that are read back, as `unused` reads the inventory topic.
const READ_BACK: usize = 100_000;

/// Lets days pass without activity, until all are unused.
pub(crate) fn report(monitor: &mut Monitor, scopes: &BTreeSet<String>) {
    let (scan, all) = scanned(monitor);
    println!(
        "{:>12.1} ms to look at all {all} identities once: what a minute would cost without a schedule",
        ms(scan)
    );

    let mut records = Vec::new();
    let minutes = pass((monitor, scopes), &mut records);
    let (first, rest) = minutes.split_at(MINUTES as usize);
    report_ticks("the first day without activity", first, scan);
    report_ticks("the days after, until all are unused", rest, scan);
    report_listing(monitor);
    report_reading(&records);
}

/// One pass over all identities, and how many there are.
fn scanned(monitor: &Monitor) -> (Duration, usize) {
    elapsed(|| monitor.shared().identities.iter().filter(|state| state.due.is_some()).count())
}

/// Ticks each minute until all are unused; returns how long each took.
fn pass((monitor, scopes): (&mut Monitor, &BTreeSet<String>), records: &mut Vec<Vec<u8>>) -> Vec<Duration> {
    let start = START_MS + DAYS * DAY_MS;
    // The last use may be the last of the month, and the proof comes an hour later.
    let days = UNUSED_AFTER_DAYS + 1;
    let (mut spent, mut effects) = (Vec::new(), Vec::new());
    for minute in 1..=days * MINUTES {
        let now = start + minute * MINUTE_MS;
        if minute % 60 == 0 {
            cover(monitor, scopes, now);
        }
        spent.push(elapsed(|| monitor.tick(ProcessingTime::from_millis(now), &mut effects)).0);
        let seen = effects.drain(..).filter_map(|effect| match effect {
            Effect::LastSeen(facts) => Some(facts),
            _ => None,
        });
        records.extend(seen.map(|facts| bytes(&facts)).take(READ_BACK.saturating_sub(records.len())));
    }
    spent
}

/// Every log source has reported up to now.
pub(crate) fn cover(monitor: &mut Monitor, scopes: &BTreeSet<String>, now_ms: i64) {
    let (hours, until_ms) = (vec![(now_ms / HOUR_MS) as u32], now_ms);
    let mark = |scope: &String| CoverageMark { scope: scope.clone(), hours: hours.clone(), until_ms };
    let marks = scopes.iter().map(mark).collect();
    monitor.process(&Record::Coverage(marks), &mut Vec::new());
}

fn bytes(facts: &LastSeen) -> Vec<u8> {
    LastSeenRecord::from(facts).to_bytes().expect("a record has a JSON form")
}

fn report_ticks(when: &str, ticks: &[Duration], scan: Duration) {
    let mut sorted = ticks.to_vec();
    sorted.sort_unstable();
    let mean = ticks.iter().sum::<Duration>() / ticks.len() as u32;
    let (p99, worst) = (sorted[sorted.len() * 99 / 100], sorted[sorted.len() - 1]);
    let share = mean.as_secs_f64() / scan.as_secs_f64();
    println!(
        "{:>12.3} ms for a minute's tick, mean of {when} ({share:.3} of that); p99 {:.3}, worst {:.3}",
        ms(mean),
        ms(p99),
        ms(worst)
    );
}

fn report_listing(monitor: &Monitor) {
    let view = monitor.view();
    let unused = Filter { status: Some(UseStatus::Unused), ..Filter::default() };
    let (page, found) = elapsed(|| view.identities(&unused, None, PAGE).len());
    println!(
        "{:>12.1} ms for the first {found} unused identities, as /api/v1/identities lists them",
        ms(page)
    );
    let (all, found) = elapsed(|| view.identities(&unused, None, usize::MAX).len());
    println!("{:>12.1} ms for all {found} unused identities in one list", ms(all));
}

fn report_reading(records: &[Vec<u8>]) {
    let size = per(records.iter().map(Vec::len).sum::<usize>() as f64, records.len());
    let (spent, unused) = timed(|| {
        let read = records.iter().map(|record| LastSeenRecord::parse(record).expect("it was just written"));
        read.filter(|record| record.status == UseStatus::Unused).count()
    });
    let each = per(spent.as_nanos() as f64, records.len());
    println!(
        "{each:>12.0} ns to read a last-seen record of {size:.0} bytes, as `unused` does ({unused} unused)"
    );
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
