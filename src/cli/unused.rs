//! `unused`: identities that nobody uses, as the inventory topic knows them now.

mod inventory;

use std::io::{Write, stdout};

use super::exit::{Exit, Failure};
use super::settings;
use super::table::{grouped, printable, table};
use crate::activity::Kind;
use crate::baseline::last_seen::UseStatus;
use crate::runtime::clock;
use crate::time::{DAY_MS, EventTime, ProcessingTime};
use crate::wire::LastSeenRecord;
use inventory::Inventory;

/// List identities that nobody uses.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    /// Only what was not used for so many days (default: each identity's own window).
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Only this kind: service_account, cloud_role, …
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Only what this owner owns, as the inventory declares it.
    #[arg(long)]
    owner: Option<String>,
    /// Print the last-seen records as they are in the topic, one JSON object a line.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor unused -c nhi-monitor.toml
  nhi-monitor unused -c nhi-monitor.toml --days 180 --kind cloud_role
  nhi-monitor unused -c nhi-monitor.toml --json | jq -r .identity_id

An identity is listed only where its log sources were covered for the whole window; what cannot be told is counted
below the table. Exit codes: 0 the inventory was read to its end; 1 it could not be; 2 the settings are wrong.";

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("there is no such kind; known are {}", known()))
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let inventory = inventory::read(&config)?;
    let mut chosen: Vec<&LastSeenRecord> =
        inventory.records.values().filter(|record| args.takes(record)).collect();
    chosen.sort_by_key(|record| (std::cmp::Reverse(record.unused_days), &record.identity_id));
    let mut out = stdout().lock();
    if args.json {
        for record in chosen {
            out.write_all(&record.to_bytes()?)?;
            writeln!(out)?;
        }
    } else {
        write(&mut out, &chosen, &inventory, clock::now())?;
    }
    Ok(Exit::Ok)
}

impl Args {
    fn takes(&self, record: &LastSeenRecord) -> bool {
        matches!(record.status, UseStatus::Unused | UseStatus::NeverSeen)
            && self.days.is_none_or(|days| record.unused_days >= Some(days))
            && self.kind.is_none_or(|kind| record.kind == kind)
            && self.owner.as_deref().is_none_or(|wanted| owner(record).as_deref() == Some(wanted))
    }
}

/// The owner that the inventory declares.
fn owner(record: &LastSeenRecord) -> Option<String> {
    let declared: serde_json::Value = serde_json::from_str(record.declared.as_ref()?.as_str()).ok()?;
    declared["owner"].as_str().map(str::to_owned)
}

fn write(
    out: &mut impl Write,
    chosen: &[&LastSeenRecord],
    inventory: &Inventory,
    now: ProcessingTime,
) -> std::io::Result<()> {
    if !chosen.is_empty() {
        let mut table =
            table(&["identity", "kind", "status", "last seen", "days", "coverage", "covered until", "owner"]);
        for record in chosen {
            table.add_row(row(record));
        }
        writeln!(out, "{table}\n")?;
    }
    let unknown = inventory.records.values().filter(|record| record.status == UseStatus::Unknown).count();
    writeln!(
        out,
        "{} of {} identities; of {} it cannot be told, since their logs are not covered.",
        grouped(chosen.len() as u64),
        grouped(inventory.records.len() as u64),
        grouped(unknown as u64)
    )?;
    writeln!(out, "The inventory as of {}: {}.", now.to_rfc3339(), inventory.watermark())?;
    stale(out, inventory, now)
}

/// Says so where no record is newer than a day: the monitor may not be running.
fn stale(out: &mut impl Write, inventory: &Inventory, now: ProcessingTime) -> std::io::Result<()> {
    let newest = inventory
        .records
        .values()
        .filter_map(|record| ProcessingTime::parse_rfc3339(&record.updated_at))
        .max();
    match newest {
        Some(newest) if now.millis_since(newest) > DAY_MS => {
            writeln!(out, "No record was written since {newest}: is the monitor running?")
        }
        _ => Ok(()),
    }
}

fn row(record: &LastSeenRecord) -> [String; 8] {
    let minute = |time: &Option<String>, none: &str| {
        time.as_deref()
            .and_then(EventTime::parse_rfc3339)
            .map_or_else(|| none.to_owned(), super::table::minute)
    };
    [
        printable(&record.identity_id),
        record.kind.as_str().to_owned(),
        record.status.as_str().to_owned(),
        minute(&record.last_seen, "never"),
        record.unused_days.map_or_else(String::new, |days| days.to_string()),
        format!("{:.0} %", record.coverage.ratio * 100.0),
        minute(&record.coverage.until, "-"),
        printable(&owner(record).unwrap_or_else(|| "-".into())),
    ]
}
