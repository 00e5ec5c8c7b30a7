//! `nhi-monitor generate`: writes the traffic of a made-up company to files, with the truth about it.
//!
//! | file | what | to Kafka with kcat |
//! |---|---|---|
//! | `cloudtrail.jsonl` | one message a line | `kcat -P -b HOST:9092 -t cloudtrail -l cloudtrail.jsonl` |
//! | `cloudtrail-binary/*.gz` | one message a file | `kcat -P -b HOST:9092 -t cloudtrail cloudtrail-binary/*` |
//! | `auth.log` | one message a line | `kcat -P -b HOST:9092 -t auth.linux -l auth.log` |
//! | `inventory.tsv` | key, tab, value | `kcat -P -b HOST:9092 -t nhi.inventory -K '\t' -l inventory.tsv` |
//! | `inventory.jsonl` | the values alone | (for `scan --inventory`) |
//! | `truth.json` | what must come out | |

mod folder;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use crate::generator::{Company, Mix, Mixer, Plan, Truth, inventory};
use crate::runtime::clock;
use crate::time::{DAY_MS, EventTime, HOUR_MS};
use folder::Folder;

/// Write the traffic of a made-up company to files, with the truth about it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder to write to; it is made where it is missing, and must not hold an earlier run.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Records to aim at; what comes is within some percent.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub events: u64,
    /// Identities of the company.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub identities: usize,
    /// The same seed gives the same records.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Days of traffic.
    #[arg(long, value_name = "D", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// End of the traffic: an RFC 3339 time, or `now`.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = parse_until)]
    pub until: Until,
    /// Transport shapes of the records.
    #[arg(long, value_name = "SHAPES", default_value = "mixed")]
    pub shapes: Shapes,
    /// Inject no incidents.
    #[arg(long)]
    pub no_incidents: bool,
}

/// When the traffic ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When the command runs.
    Now,
    /// Then.
    At(EventTime),
}

/// Which transport shapes to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shapes {
    /// All that are known, with broken, skippable and repeated payloads among them.
    Mixed,
    /// One plain record in each message, and nothing wrong.
    Bare,
}

impl Shapes {
    fn mix(self) -> Mix {
        match self {
            Self::Mixed => Mix::mixed(),
            Self::Bare => Mix::bare(),
        }
    }
}

fn parse_until(text: &str) -> Result<Until, String> {
    if text == "now" {
        return Ok(Until::Now);
    }
    let time = EventTime::parse_rfc3339(text);
    time.map(Until::At)
        .ok_or_else(|| format!("`{text}` is neither `now` nor a time like 2026-01-31T09:30:00Z"))
}

/// Generates, and says what was written.
///
/// # Errors
/// Where the folder cannot be written to, or holds an earlier run.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let company = Company::new(args.seed, args.identities);
    let plan = plan(&args);
    let mut folder = Folder::create(&args.out)?;
    for record in inventory(&company, plan.since) {
        folder.declare(&record)?;
    }
    let truth = write(&args, &company, &plan, &mut folder)?;
    folder.finish(&truth).context("the truth could not be written")?;
    eprintln!(
        "{}: {} records in {} payloads by {} identities, {} incidents",
        args.out.display(),
        truth.records,
        truth.payloads,
        truth.identities.len(),
        truth.incidents.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Args, company: &Company, plan: &Plan, folder: &mut Folder) -> anyhow::Result<Truth> {
    let emissions = company.emissions(plan);
    let mut truth = Truth::new(company, emissions.incidents());
    let mut mixer = Mixer::new(args.seed, args.shapes.mix());
    let mut payloads = Vec::new();
    let progress = progress_bar(plan.events);
    for emission in emissions {
        mixer.push(&emission, &mut truth, &mut payloads);
        for payload in payloads.drain(..) {
            folder.write(&payload)?;
        }
        if truth.activities.is_multiple_of(1_000) {
            progress.set_position(truth.activities);
        }
    }
    mixer.finish(&mut truth, &mut payloads);
    for payload in payloads.drain(..) {
        folder.write(&payload)?;
    }
    progress.finish_and_clear();
    Ok(truth)
}

/// The last day has the incidents; the last hour of it is left for their ends.
fn plan(args: &Args) -> Plan {
    let until = match args.until {
        Until::Now => EventTime::from_millis(clock::now().millis()),
        Until::At(time) => time,
    };
    let since = until.plus_millis(-i64::from(args.days) * DAY_MS);
    let incidents = (until.plus_millis(-DAY_MS), until.plus_millis(-HOUR_MS));
    Plan { since, until, events: args.events, incidents: (!args.no_incidents).then_some(incidents) }
}

fn progress_bar(events: u64) -> ProgressBar {
    let template = "{bar:30} {human_pos} of about {human_len} records, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(events).with_style(style)
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    fn args(out: PathBuf) -> Args {
        Args {
            out,
            events: 3_000,
            identities: 50,
            seed: 9,
            days: 5,
            until: parse_until("2026-01-31T00:00:00Z").unwrap(),
            shapes: Shapes::Mixed,
            no_incidents: false,
        }
    }

    #[test]
    fn files_hold_every_payload_of_the_truth() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        run(args(out.clone())).unwrap();
        let lines = |name: &str| {
            let file = std::fs::File::open(out.join(name)).unwrap();
            std::io::BufReader::new(file).lines().map(Result::unwrap).collect::<Vec<_>>()
        };
        let binary = std::fs::read_dir(out.join("cloudtrail-binary")).unwrap().count();
        let payloads = lines("cloudtrail.jsonl").len() + lines("auth.log").len() + binary;
        let truth: serde_json::Value =
            serde_json::from_slice(&std::fs::read(out.join("truth.json")).unwrap()).unwrap();
        assert_eq!(truth["payloads"], payloads);
        assert!(
            lines("inventory.tsv").iter().all(|line| line.starts_with("identity:") && line.contains("\t{"))
        );
        assert_eq!(lines("inventory.tsv").len(), lines("inventory.jsonl").len());
    }

    #[test]
    fn an_earlier_run_is_not_mixed_up_with_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        run(args(folder.path().to_owned())).unwrap();
        assert!(run(args(folder.path().to_owned())).unwrap_err().to_string().contains("earlier run"));
    }

    #[test]
    fn an_end_is_now_or_a_time() {
        assert_eq!(parse_until("now"), Ok(Until::Now));
        assert!(parse_until("2026-01-31T09:30:00Z").is_ok());
        assert!(parse_until("tomorrow").is_err());
    }
}
