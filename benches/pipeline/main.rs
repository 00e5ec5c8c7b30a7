//! The whole service on a real Kafka: what a commit interval costs in throughput, and what it gives in latency.
//!
//! `./test bench` starts a Kafka and runs this. *Catch-up*: both stages work off the same topic, for each interval from
//! its beginning, beside a floor measured in the same round: a plain `read_committed` consumer that parses every record
//! and keeps nothing. Processor time of the process stands beside the time on the wall, so that a busy machine can be
//! told from a slow program. *Latency*: under a steady load, the time from producing the event that raises an alert
//! until an independent `read_committed` consumer has that alert.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark may fail, and says where; it measures by the clock"
)]

mod catch_up;
#[path = "../company/mod.rs"]
mod company;
#[path = "../floor/mod.rs"]
mod floor;
mod kafka;
mod latency;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use catch_up::{CatchUp, Spent};

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The commit intervals that are compared; the default is in the middle.
const INTERVALS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    /// Records to catch up with.
    records: usize,
    /// Rounds of catching up; medians are printed.
    rounds: usize,
    /// Alerts whose latency is measured, for each interval.
    alerts: usize,
}

/// Seconds of work for each catch-up; enough alerts for a p99.
const FULL: Size = Size { records: 400_000, rounds: 3, alerts: 400 };
/// To see that it works.
const SMALL: Size = Size { records: 2_000, rounds: 1, alerts: 10 };

fn main() {
    let Ok(brokers) = std::env::var("NHI_TEST_BROKERS") else {
        println!("NOT RUN: pipeline: NHI_TEST_BROKERS is not set; `./test bench` starts a Kafka and sets it");
        return;
    };
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let size = if is_bench { FULL } else { SMALL };
    let unique = format!("bench-{}", std::process::id());
    throughput(&brokers, &unique, size);
    latencies(&brokers, &unique, size);
}

fn throughput(brokers: &str, unique: &str, size: Size) {
    let topic = format!("{unique}.cloudtrail");
    kafka::create(brokers, &topic);
    kafka::produce(brokers, &topic, company::records(size.records).take(size.records));
    let (mut floors, mut runs) = (Vec::new(), INTERVALS.map(|_| Vec::new()));
    for round in 0..size.rounds {
        floors.push(catch_up::floor(brokers, &topic, size.records));
        for step in 0..INTERVALS.len() {
            // Each interval has its turn at each place, since a broker that has just written is slower.
            let which = (round + step) % INTERVALS.len();
            let name = format!("{unique}-{round}-{which}");
            runs[which].push(catch_up::run(brokers, &name, &topic, size.records, INTERVALS[which]));
        }
    }
    report(size, &floors, &runs);
}

fn report(size: Size, floors: &[Spent], runs: &[Vec<CatchUp>; 3]) {
    let Size { records, rounds, .. } = size;
    println!("\nCatch-up: {records} records of about 1.5 KB, medians of {rounds} rounds");
    println!(
        "{:>14}  {:>10}  {:>10}  {:>8}  {:>10}  {:>8}  {:>7}  {:>7}  {:>9}  {:>6}",
        "commit every",
        "ingest/s",
        "both/s",
        "of floor",
        "CPU µs/rec",
        "of floor",
        "ingest",
        "monitor",
        "ms/commit",
        "aborts"
    );
    let rate = |secs: f64| records as f64 / secs;
    let micros = |cpu: f64| cpu * 1e6 / records as f64;
    let (wall, cpu) = (median(floors, |floor| floor.wall), median(floors, |floor| floor.cpu));
    println!("{:>14}  {:>10}  {:>10.0}  {:>8}  {:>10.2}", "floor", "", rate(wall), "", micros(cpu));
    for (interval, runs) in INTERVALS.iter().zip(runs) {
        println!(
            "{:>14}  {:>10.0}  {:>10.0}  {:>8.3}  {:>10.2}  {:>8.3}  {:>7.0}  {:>7.0}  {:>9.1}  {:>6.0}",
            format!("{interval:?}"),
            rate(median(runs, |run| run.ingest_wall)),
            rate(median(runs, |run| run.both.wall)),
            wall / median(runs, |run| run.both.wall),
            micros(median(runs, |run| run.both.cpu)),
            cpu / median(runs, |run| run.both.cpu),
            median(runs, |run| run.ingest_commits as f64),
            median(runs, |run| run.monitor_commits as f64),
            median(runs, CatchUp::commit_millis),
            runs.iter().map(|run| run.aborts as f64).sum::<f64>(),
        );
    }
    let aborts: u64 = runs.iter().flatten().map(|run| run.aborts).sum();
    assert_eq!(aborts, 0, "no transaction is aborted on a healthy broker");
}

fn latencies(brokers: &str, unique: &str, size: Size) {
    println!("\nLatency, produced -> alert readable: {} records/s, ms", latency::RATE);
    println!(
        "{:>14}  {:>7}  {:>8}  {:>8}  {:>8}  {:>8}",
        "commit every", "alerts", "p50", "p90", "p99", "max"
    );
    let plan = latency::Plan::new(size.alerts);
    for interval in INTERVALS {
        let name = format!("{unique}-live-{}", interval.as_millis());
        let seen = latency::run(brokers, &name, &plan, interval);
        let millis = |quantile: f64| seen.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "{:>14}  {:>7}  {:>8.1}  {:>8.1}  {:>8.1}  {:>8.1}",
            format!("{interval:?}"),
            seen.len(),
            millis(0.5),
            millis(0.9),
            millis(0.99),
            millis(1.0)
        );
    }
}

fn median<T>(of: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = of.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
