//! `nhi-monitor evaluate`: how good detection is, on generated traffic whose attacks are known.

mod stream;
mod text;

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::anyhow;
use clap::ValueEnum;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::detect::Detectors;
use crate::evaluation::{Requirement, Summary};
use crate::term::stable_hash;
use stream::Outcome;

/// Measure detection on generated traffic with known attacks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// First seed; the same seeds give the same result.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many companies, each from a seed of its own.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Days of traffic.
    #[arg(long, value_name = "D", default_value_t = 60, value_parser = clap::value_parser!(i64).range(21..=1000))]
    days: i64,
    /// Least number of identities of each company; companies differ in size.
    #[arg(long, value_name = "N", default_value_t = 150)]
    identities: usize,
    /// Attacks on each company, each on a victim of its own.
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = clap::value_parser!(u32).range(0..=2000))]
    attacks_per_seed: u32,
    /// Records for each identity and day on average; busy ones have some hundred times as many as quiet ones.
    #[arg(long, value_name = "N", default_value_t = 80)]
    events: u64,
    /// Which companies: those that may be tuned on, or those kept for the verdict. No company is in both.
    #[arg(long, value_enum, default_value_t = Split::Tuning)]
    split: Split,
    /// Declare nothing to the monitor.
    #[arg(long)]
    no_inventory: bool,
    /// Tell the monitor neither the autonomous system nor the country of addresses.
    #[arg(long)]
    no_asn: bool,
    /// Detectors in this folder, in place of those built in.
    #[arg(long, value_name = "DIR")]
    detectors: Option<PathBuf>,
    /// Settings file, TOML or YAML.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON (schema `nhi.evaluation/1`).
    #[arg(long)]
    json: bool,
    /// Show this many alerts, true and false, as an analyst reads them.
    #[arg(long, value_name = "N", default_value_t = 0)]
    show_alerts: usize,
    /// Show the attacks that were missed, with their events.
    #[arg(long)]
    misses: bool,
    /// Exit with 1 where this does not hold: recall=0.95,scenario=0.8,false=0.002,alerts=1.2.
    #[arg(long, value_name = "LIMITS", value_parser = Requirement::parse)]
    require: Option<Requirement>,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor evaluate                                     the built-in detectors on five companies
  nhi-monitor evaluate --split validation --json           the verdict, for a machine
  nhi-monitor evaluate --misses --show-alerts 10           what was missed, and what analysts read
  nhi-monitor evaluate --require recall=0.95,false=0.002   as a check; exits with 1 where it fails";

/// Which companies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Split {
    /// To tune detectors on.
    Tuning,
    /// To judge them by; nobody should look at these while tuning.
    Validation,
}

/// Name and version of the result's form. Keys may be added under it; none changes its meaning or goes away.
const SCHEMA: &str = "nhi.evaluation/1";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(args.config.as_deref())?;
    let detectors = Arc::new(settings::detectors_of(args.detectors.as_deref())?);
    let outcomes = all(args, &config, &detectors)?;
    let mut summary = Summary::default();
    for outcome in &outcomes {
        summary.add(&outcome.ledger, &outcome.product, &outcome.naive);
    }
    let failures = args.require.map(|require| require.failures(&summary)).unwrap_or_default();
    let mut out = stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(args, &summary, &failures))?)?;
    } else {
        text::write(&mut out, args, &summary, &outcomes)?;
        for failure in &failures {
            writeln!(out, "Not as required: {failure}")?;
        }
    }
    Ok(if failures.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn as_json(args: &Args, summary: &Summary, failures: &[String]) -> serde_json::Value {
    json!({
        "schema": SCHEMA,
        "split": args.split.name(),
        "first_seed": args.seed,
        "days": args.days,
        "inventory": !args.no_inventory,
        "asn": !args.no_asn,
        "summary": summary,
        "product": summary.rate(&summary.product),
        "naive": summary.rate(&summary.naive),
        "failures": failures,
    })
}

/// Evaluates all companies, one on each processor at a time.
fn all(args: &Args, config: &Config, detectors: &Arc<Detectors>) -> anyhow::Result<Vec<Outcome>> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(args.seeds as usize);
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.seeds {
                return anyhow::Ok(done);
            }
            let seed = args.split.company(args.seed + number);
            done.push((number, stream::evaluate(args, seed, config, detectors)?));
        }
    };
    let done = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, anyhow::Result<Vec<_>>>| {
            worker.join().map_err(|_| anyhow!("a worker panicked"))?
        };
        running.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
    })?;
    let mut outcomes: Vec<(u64, Outcome)> = done.into_iter().flatten().collect();
    outcomes.sort_by_key(|(number, _)| *number);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

impl Split {
    const fn name(self) -> &'static str {
        match self {
            Self::Tuning => "tuning",
            Self::Validation => "validation",
        }
    }

    /// The seed of a company: even to tune on, odd to judge by, so that none is in both.
    fn company(self, seed: u64) -> u64 {
        let mixed = stable_hash(&format!("{} {seed}", self.name()));
        match self {
            Self::Tuning => mixed & !1,
            Self::Validation => mixed | 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_company_is_both_tuned_on_and_judged_by() {
        for seed in 0..1_000 {
            assert_eq!(Split::Tuning.company(seed) & 1, 0);
            assert_eq!(Split::Validation.company(seed) & 1, 1);
        }
        assert_ne!(Split::Tuning.company(1), Split::Tuning.company(2));
    }
}
