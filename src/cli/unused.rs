//! `unused`: identities that nobody uses, as the inventory topic knows them now.

mod choice;
pub(super) mod inventory;
mod output;

use std::io::stdout;
use std::time::Duration;

use humantime_serde::re::humantime::{format_duration, parse_duration};

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::runtime::clock;
use crate::time::ProcessingTime;
use crate::wire::LastSeenRecord;
use choice::Choice;
use inventory::Inventory;
use output::{Format, Row};

/// List identities that nobody uses.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    #[command(flatten)]
    choice: Choice,
    /// How to print them: `jsonl` are the last-seen records as they are in the topic, days as of when each was written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as `--format jsonl`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    freshness: Freshness,
    /// Exit with 3 where any identity is listed.
    #[arg(long)]
    check: bool,
}

/// How old the inventory may be.
#[derive(Debug, clap::Args)]
pub(super) struct Freshness {
    /// Exit with 4, and print nothing, where no record was written for so long: the monitor may have stopped.
    #[arg(long, value_name = "DURATION", default_value = "1day", value_parser = parse_duration)]
    max_age: Duration,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor unused -c nhi-monitor.toml
  nhi-monitor unused -c nhi-monitor.toml --days 180 --kind cloud_role --account 111122223333
  nhi-monitor unused -c nhi-monitor.toml --owner team-web --format csv > unused.csv
  nhi-monitor unused -c nhi-monitor.toml --retired       also what the inventory has retired already
  nhi-monitor unused -c nhi-monitor.toml --format jsonl | jq -r .identity_id

An identity is listed only where its log sources were covered for the whole window; what cannot be told is counted \
below the table. What may be relied on: docs/decommission.md.

Exit codes:
  0  the inventory was read to its end
  1  it could not be read
  2  the command line or the settings are wrong
  3  with --check: identities are listed
  4  the inventory is older than --max-age";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let (now, format) = (clock::now(), if args.json { Format::Jsonl } else { args.format });
    let keep = |record: &LastSeenRecord, json: &str| {
        args.choice.takes(record, now).then(|| format.row(record, json, now))
    };
    let inventory = read_fresh(&config, &args.freshness, keep)?;
    let mut chosen: Vec<(&String, &Row)> = inventory.kept.iter().collect();
    chosen.sort_by_key(|(id, row)| (std::cmp::Reverse(row.days), *id));
    let rows: Vec<&Row> = chosen.into_iter().map(|(_, row)| row).collect();
    format.write(&mut stdout().lock(), &rows, &inventory, now)?;
    Ok(if args.check && !rows.is_empty() { Exit::Listed } else { Exit::Ok })
}

/// The inventory, read to its end, with what `keep` makes of each identity's newest record and its JSON.
///
/// # Errors
/// Where it cannot be read, or nobody has written to it for too long.
pub(super) fn read_fresh<T>(
    config: &Config,
    freshness: &Freshness,
    keep: impl Fn(&LastSeenRecord, &str) -> Option<T>,
) -> Result<Inventory<T>, Failure> {
    let inventory = inventory::read(config, keep)?;
    if inventory.unreadable > 0 {
        eprintln!(
            "nhi-monitor: {} records of the inventory could not be read and are left out",
            inventory.unreadable
        );
    }
    let Some(newest) = inventory.newest() else { return Ok(inventory) };
    let age_ms = clock::now().millis_since(newest);
    if age_ms > i64::try_from(freshness.max_age.as_millis()).unwrap_or(i64::MAX) {
        return Err(Failure::Stale(stale(newest, age_ms)));
    }
    Ok(inventory)
}

fn stale(newest: ProcessingTime, age_ms: i64) -> anyhow::Error {
    let age = Duration::from_secs(u64::try_from(age_ms / 60_000 * 60).unwrap_or_default());
    anyhow::anyhow!(
        "no last-seen record was written since {}, {} ago: is the monitor running? (--max-age sets how old it may be)",
        newest.to_rfc3339(),
        format_duration(age)
    )
}
