//! What one identity costs: memory while it is watched, bytes in the changelog, time to write and restore it, and time that
//! ticks and lists take.
//!
//! `cargo bench --bench memory [--no-default-features] [-- --identities N]`. A generated company's month is lived by many copies of its
//! members: each copy has an id, a unique id and credentials of its own, and shares actions, networks and clients with
//! its like, as identities of one company do. Linux tells what is resident; elsewhere those lines are left out.

#![allow(clippy::unwrap_used, reason = "a test may fail, and says where")]

mod clock;
mod deep;
mod passing;
mod restoring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nhi_monitor::activity::Activity;
use nhi_monitor::baseline::Behaviour;
use nhi_monitor::baseline::recent::KEY_BYTES;
use nhi_monitor::baseline::terms::TermEntry;
use nhi_monitor::baseline::usage::Usage;
use nhi_monitor::config::{Config, Limits};
use nhi_monitor::decode::FormatHint;
use nhi_monitor::detect::Detectors;
use nhi_monitor::detect::incident::Incident;
use nhi_monitor::generator::{Company, Emission, Plan, Record};
use nhi_monitor::ingest::{Ingest, Payload, Rejected, Sink};
use nhi_monitor::monitor::Monitor;
use nhi_monitor::monitor::identity::IdentityState;
use nhi_monitor::term::Interner;
use nhi_monitor::text::Text;
use nhi_monitor::time::{DAY_MS, EventTime, HOUR_MS, ProcessingTime};
use nhi_monitor::wire::snapshot::{self, Change};

use clock::timed;

/// The allocator of the binary: what is resident depends on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Identities that there are, unless `--identities` says otherwise. A million take 5 GB.
const IDENTITIES: usize = 100_000;
/// Most identities whose month is lived through. Where there are to be more, so many others are made that live it, and the
/// rest are restored from what was written of those: a hundred times quicker, and the same but for lists that grew.
const MOST_LIVED: usize = 200_000;
const LIVED_OF_MANY: usize = 50_000;
/// `unused.after_days`: shorter than usual, so that waiting for it takes less time.
const UNUSED_AFTER_DAYS: i64 = 30;
/// Members of the company that is copied.
const MEMBERS: usize = 600;
/// Records of the company's month for each member, on average.
const RECORDS_PER_MEMBER: u64 = 300;
/// A member with fewer activities has no history to speak of.
const MIN_ACTIVITIES: usize = 30;
/// Of busier members that many activities are taken, spread evenly over the month: more repeat what is known, and take
/// time.
const MAX_ACTIVITIES: usize = 120;
/// Length of the history.
const DAYS: i64 = 30;
/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;

fn main() {
    if restoring::is_done() {
        return;
    }
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let (asked_for, members) = if is_bench { (asked_for(), MEMBERS) } else { (200, 60) };
    let identities = if asked_for > MOST_LIVED { LIVED_OF_MANY } else { asked_for };
    let Past { histories, scopes } = past(members);
    report_histories(&histories, identities);

    let before = resident_bytes();
    let mut monitor = empty_monitor();
    let (spent, ()) = timed(|| live(&mut monitor, (&histories, &scopes), identities));
    report_resident("watched", before, identities);
    deep::report(&monitor);
    report_terms(&mut monitor);
    println!("{:>12.2} s CPU for the history, replayed", spent.as_secs_f64());

    let (spent, changes) =
        timed(|| snapshot::take_changes(&mut monitor).expect("a state can be written down"));
    report_snapshot(&changes);
    println!("{:>12.0} ns to encode a snapshot", per(spent.as_nanos() as f64, changes.len()));
    report_sizes();

    if asked_for > identities {
        multiply(&mut monitor, &changes, asked_for);
        report_resident(
            "restored copies of these for the most part",
            before,
            monitor.shared().identities.len(),
        );
        deep::report(&monitor);
    }
    passing::report(&mut monitor, &scopes);
    drop(monitor);
    restoring::in_its_own_process(&changes);
}

/// Adds copies of what was written of the identities, under other names, until there are as many as asked for.
fn multiply(monitor: &mut Monitor, changes: &[Change], asked_for: usize) {
    let written = || changes.iter().filter(|change| change.key.starts_with(b"identity:"));
    for copy in 1.. {
        for change in written() {
            if monitor.shared().identities.len() >= asked_for {
                return;
            }
            let key = [&change.key[..], format!("-{copy}").as_bytes()].concat();
            snapshot::restore(monitor, &key, change.value.as_deref()).expect("it was just written");
        }
    }
}

fn asked_for() -> usize {
    let given = std::env::args().skip_while(|arg| arg != "--identities").nth(1);
    given.map_or(IDENTITIES, |count| count.parse().expect("a number of identities"))
}

fn empty_monitor() -> Monitor {
    let detectors = Arc::new(Detectors::builtin().expect("the detectors that are built in are valid"));
    let mut config = Config::default();
    config.unused.after_days = UNUSED_AFTER_DAYS as u32;
    Monitor::new(&config, detectors, Arc::new(Interner::new()))
}

/// One activity of a member, in the binary form of the internal topic: compact, and quick to read again.
struct Stored {
    day: i64,
    bytes: Vec<u8>,
}

/// What happened in the month.
struct Past {
    /// The activities of each member with enough of them, in order of time.
    histories: Vec<Vec<Stored>>,
    /// The log sources that they came from.
    scopes: BTreeSet<String>,
}

fn past(members: usize) -> Past {
    let company = Company::new(1, members);
    let since = EventTime::from_millis(START_MS);
    let plan = Plan {
        since,
        until: since.plus_millis(DAYS * DAY_MS),
        events: members as u64 * RECORDS_PER_MEMBER,
        incidents: None,
    };
    let mut ingest = Ingest::new(Limits::default());
    let mut collect = Collect::default();
    for emission in company.emissions(&plan) {
        collect.take(&mut ingest, &emission);
    }
    let enough = |history: &Vec<Stored>| history.len() >= MIN_ACTIVITIES;
    let histories = collect.by_identity.into_values().filter(enough).map(thinned).collect();
    Past { histories, scopes: collect.scopes }
}

fn thinned(history: Vec<Stored>) -> Vec<Stored> {
    let (have, keep) = (history.len(), history.len().min(MAX_ACTIVITIES));
    let is_kept = |nth: usize| (nth + 1) * keep / have > nth * keep / have;
    history.into_iter().enumerate().filter(|(nth, _)| is_kept(*nth)).map(|(_, stored)| stored).collect()
}

#[derive(Default)]
struct Collect {
    by_identity: BTreeMap<String, Vec<Stored>>,
    scopes: BTreeSet<String>,
}

impl Collect {
    fn take(&mut self, ingest: &mut Ingest, emission: &Emission) {
        let (text, format) = match &emission.record {
            Record::CloudTrail(call) => (call.to_json(), FormatHint::Cloudtrail),
            Record::Auth(line) => (line.to_rfc3164(), FormatHint::Auto),
        };
        let received = ProcessingTime::from_millis(emission.time.millis());
        let payload =
            Payload { bytes: text.as_bytes(), source: "bench", partition: 0, offset: 0, received, format };
        ingest.ingest(payload, self);
    }
}

impl Sink for Collect {
    fn activity(&mut self, activity: Activity<'_>) {
        let day = (activity.event.time.millis() - START_MS) / DAY_MS;
        self.scopes.insert(activity.event.scope.to_string());
        let bytes = postcard::to_extend(&activity, Vec::new()).expect("an activity has a binary form");
        self.by_identity.entry(activity.identity.id.to_string()).or_default().push(Stored { day, bytes });
    }

    fn skipped(&mut self, _reason: &'static str) {}

    fn rejected(&mut self, rejected: Rejected<'_>) {
        panic!("a generated record is not understood: {}", rejected.detail);
    }
}

/// Lets `identities` copies of the members live through the month, day by day.
fn live(monitor: &mut Monitor, past: (&[Vec<Stored>], &BTreeSet<String>), identities: usize) {
    let (histories, scopes) = past;
    let mut effects = Vec::new();
    for day in 0..DAYS {
        for copy in 0..identities {
            let history = &histories[copy % histories.len()];
            for (nth, stored) in history.iter().enumerate().filter(|(_, stored)| stored.day == day) {
                let mut activity = postcard::from_bytes(&stored.bytes).expect("it was just written");
                rename(&mut activity, copy, nth);
                monitor.activity(&activity, &mut effects);
                effects.clear();
            }
        }
        for hour in day * 24..(day + 1) * 24 {
            passing::cover(monitor, scopes, START_MS + hour * HOUR_MS);
        }
        monitor.tick(ProcessingTime::from_millis(START_MS + (day + 1) * DAY_MS), &mut effects);
        effects.clear();
    }
}

/// Makes a member's activity that of a copy.
fn rename(activity: &mut Activity<'_>, copy: usize, nth: usize) {
    let renamed = |text: &Text<'_>| Text::from(format!("{text}-{copy}"));
    activity.identity.id = renamed(&activity.identity.id);
    activity.identity.unique_id = activity.identity.unique_id.as_ref().map(renamed);
    if let Some(credential) = &mut activity.event.credential {
        credential.id = renamed(&credential.id);
    }
    activity.event.event_id = Some(Text::from(format!("{copy}-{nth}")));
}

fn report_histories(histories: &[Vec<Stored>], identities: usize) {
    let counts = || histories.iter().map(Vec::len);
    println!("{identities:>12} identities, copies of {} with a month's history each", histories.len());
    println!("{:>12} activities of an identity, median; most {}", part(counts(), 50), part(counts(), 100));
}

fn report_resident(what: &str, before: Option<usize>, identities: usize) {
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let bytes = per(after.saturating_sub(before) as f64, identities);
        println!("{bytes:>12.0} bytes resident for an identity, {what} (mimalloc)");
    }
}

fn report_terms(monitor: &mut Monitor) {
    let terms = || {
        let sets = monitor.shared().identities.iter();
        sets.map(|state| state.behaviour.terms.len()).collect::<Vec<usize>>()
    };
    println!("{:>12} terms of an identity, median; p99 {}", part(terms(), 50), part(terms(), 99));
    println!("{:>12} distinct terms, shared by all", monitor.vocabulary().terms.len());
}

fn report_snapshot(changes: &[Change]) {
    let sizes = || changes.iter().map(|change| change.key.len() + change.value.as_ref().map_or(0, Vec::len));
    println!("{:>12} bytes of a snapshot with its key, median; p99 {}", part(sizes(), 50), part(sizes(), 99));
}

/// What the parts take in place; what they point to comes on top.
fn report_sizes() {
    let parts = [
        ("an identity's state", size_of::<IdentityState>()),
        ("its behaviour, within", size_of::<Behaviour>()),
        ("its times of use, within", size_of::<Usage>()),
        ("a value that it used", size_of::<TermEntry>()),
        ("a key against duplicates", KEY_BYTES),
        ("an incident", size_of::<Incident>()),
    ];
    parts.iter().for_each(|(part, bytes)| println!("{bytes:>12} bytes for {part}"));
}

fn per(total: f64, count: usize) -> f64 {
    total / count.max(1) as f64
}

/// The value below which `percent` of all lie.
fn part(values: impl IntoIterator<Item = usize>, percent: usize) -> usize {
    let mut values = values.into_iter().collect::<Vec<_>>();
    values.sort_unstable();
    values[(values.len() - 1) * percent / 100]
}

/// Resident memory of this process, in bytes; `None` where the system does not tell.
fn resident_bytes() -> Option<usize> {
    /// Linux counts in pages; on the machines that this is run on they have this size.
    const PAGE_BYTES: usize = 4096;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * PAGE_BYTES)
}
