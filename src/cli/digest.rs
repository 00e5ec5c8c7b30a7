//! `digest`: one message for each owner of unused identities.

use std::io::{Write, stdout};

use super::exit::{Exit, Failure};
use super::settings;
use super::table::printable;
use super::unused::{Freshness, read_fresh};
use crate::kafka;
use crate::runtime::clock;
use crate::wire::LastSeenRecord;
use crate::wire::digest::{Candidate, Digest, digests};

/// Digests in a row that may fail before the rest are not tried: one owner's may be refused, but then the brokers are gone, and
/// each takes eight seconds to say so.
const MAX_FAILED_IN_A_ROW: usize = 3;

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

A digest made again on the same day has the same `uid`, so that nobody needs to be told twice. Exit codes: 0 done; \
1 the inventory could not be read, or a digest not written; 2 the settings are wrong; 4 the inventory is older than \
--max-age.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let now = clock::now();
    let candidate = |record: &LastSeenRecord, _: &str| Candidate::of(record, now);
    let inventory = read_fresh(&config, &args.freshness, candidate)?;
    let mut made = digests(inventory.kept.into_values(), now);
    made.retain(|digest| is_meant(&args.owner, digest));
    let mut out = stdout().lock();
    if let Some(topic) = &args.publish {
        let send = |digest: &Digest| {
            let key = digest.owner.as_deref().unwrap_or_default();
            Ok(kafka::publish(&config, topic, key.as_bytes(), &serde_json::to_vec(digest)?)?)
        };
        let sent = send_each(&made, send)?;
        writeln!(out, "{sent} digests are on {topic}.")?;
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

/// Sends each; that of one owner keeps nobody else's back. Gives how many there were.
///
/// # Errors
/// Where any was not sent.
fn send_each(made: &[Digest], mut send: impl FnMut(&Digest) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let (mut sent, mut in_a_row, mut why) = (0, 0, None);
    for digest in made {
        let Err(error) = send(digest) else {
            (sent, in_a_row) = (sent + 1, 0);
            continue;
        };
        let owner = printable(digest.owner.as_deref().unwrap_or("identities without an owner"));
        why = Some(error.context(format!("the digest of {owner} was not written")));
        in_a_row += 1;
        if in_a_row == MAX_FAILED_IN_A_ROW {
            break;
        }
    }
    why.map_or(Ok(sent), |why| Err(why.context(format!("{sent} of {} digests were written", made.len()))))
}

fn is_meant(owners: &[String], digest: &Digest) -> bool {
    owners.is_empty() || owners.iter().any(|owner| digest.owner.as_deref() == Some(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(owner: &str) -> Digest {
        let json = serde_json::json!({"schema": "nhi.digest/1", "uid": owner, "owner": owner, "day": "2026-01-31",
            "message": "", "total": 1, "unknown": 0, "identities": []});
        serde_json::from_value(json).unwrap()
    }

    /// Which are tried where these are refused, and what is said of it.
    fn tried(refused: &[&str]) -> (Vec<String>, Result<usize, String>) {
        let made = ["ana", "bob", "eve", "joe", "kim"].map(of);
        let mut tried = Vec::new();
        let send = |digest: &Digest| {
            let owner = digest.owner.clone().unwrap_or_default();
            let is_refused = refused.contains(&&*owner);
            tried.push(owner);
            if is_refused { Err(anyhow::anyhow!("too large")) } else { Ok(()) }
        };
        let said = send_each(&made, send).map_err(|error| format!("{error:#}"));
        (tried, said)
    }

    #[test]
    fn one_owner_s_digest_that_is_refused_keeps_no_other_back() {
        assert_eq!(tried(&[]).1, Ok(5));
        let (each, said) = tried(&["bob"]);
        assert_eq!(each, ["ana", "bob", "eve", "joe", "kim"]);
        let expected = "4 of 5 digests were written: the digest of bob was not written: too large";
        assert_eq!(said, Err(expected.to_owned()));
    }

    #[test]
    fn brokers_that_are_gone_are_not_asked_for_each_owner() {
        assert_eq!(tried(&["bob", "eve", "joe"]).0, ["ana", "bob", "eve", "joe"]);
        assert_eq!(tried(&["ana", "bob", "joe", "kim"]).0.len(), 5);
    }
}
