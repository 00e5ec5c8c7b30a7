//! `digest`: one message for each owner of unused identities.

use std::io::{Write, stdout};

use super::exit::{Exit, Failure};
use super::settings;
use super::table::printable;
use super::unused::{Freshness, read_fresh};
use crate::kafka;
use crate::runtime::clock;
use crate::wire::digest::{Digest, digests};

/// Write one message for each owner of unused identities.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    /// Only these owners.
    #[arg(long, value_delimiter = ',')]
    owner: Vec<String>,
    /// Print the digests as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Write the digests to this topic, each under its owner as key, instead of printing them.
    #[arg(long, value_name = "TOPIC", conflicts_with = "json")]
    publish: Option<String>,
    #[command(flatten)]
    freshness: Freshness,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor digest -c nhi-monitor.toml --owner team-web
  nhi-monitor digest -c nhi-monitor.toml --json | jq -r .message
  nhi-monitor digest -c nhi-monitor.toml --publish nhi.digest       once a day, from a timer

A digest made again on the same day has the same `uid`, so that nobody needs to be told twice. Exit codes: 0 done;
1 the inventory could not be read, or a digest not written; 2 the settings are wrong; 4 the inventory is older than
--max-age.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let inventory = read_fresh(&config, &args.freshness)?;
    let mut made = digests(inventory.records.values(), clock::now());
    made.retain(|digest| is_meant(&args.owner, digest));
    let mut out = stdout().lock();
    if let Some(topic) = &args.publish {
        for digest in &made {
            let key = digest.owner.as_deref().unwrap_or_default();
            kafka::publish(&config, topic, key.as_bytes(), &serde_json::to_vec(digest)?)?;
        }
        writeln!(out, "{} digests are on {topic}.", made.len())?;
        return Ok(Exit::Ok);
    }
    for digest in &made {
        if args.json {
            writeln!(out, "{}", serde_json::to_string(digest)?)?;
        } else {
            let lines = digest.message.lines().map(printable);
            writeln!(out, "{}\n", lines.collect::<Vec<_>>().join("\n"))?;
        }
    }
    Ok(Exit::Ok)
}

fn is_meant(owners: &[String], digest: &Digest) -> bool {
    owners.is_empty() || owners.iter().any(|owner| digest.owner.as_deref() == Some(owner))
}
