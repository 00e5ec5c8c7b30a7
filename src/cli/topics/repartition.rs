//! `topics repartition`: the state, copied into another number of partitions.

use std::io::{Write, stdout};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::exit::{Exit, Failure};
use crate::cli::settings;
use crate::cli::table::{bytes, grouped, table};
use crate::config::Config;
use crate::kafka::repartition::{Error, Outcome, Progress, Side, repartition};

const BAR: &str = "{msg:8} {bar:30} {percent:>3} %  {human_pos} of {human_len} records, {eta} left";

/// Copy the state into topics with another number of partitions.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    old: settings::Required,
    /// The same settings with another topics.partitions, and other names for topics.state and topics.activity.
    #[arg(long = "into", value_name = "FILE")]
    new: PathBuf,
}

const EXAMPLES: &str = "\
Example:
  nhi-monitor topics repartition -c nhi-monitor.toml --into nhi-monitor-24.toml

Stop ingest, let the monitor read to the end (lag 0), stop it, and run this; then start with the new settings. The old \
topics are only read: until the new settings have run, going back is starting the old ones. Variables \
of the environment override both files, so leave these three keys to the files.

Exit codes: 0 copied, read again and compared; 1 refused or failed, or copied with something to do before the start; \
2 the two settings are wrong or do not fit together.";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let (old, new) = (settings::load(Some(&args.old.config))?, settings::load(Some(&args.new))?);
    let bar = bar();
    let outcome = repartition(&old, &new, &mut |progress| show(&bar, progress));
    bar.finish_and_clear();
    let outcome = outcome.map_err(failure)?;
    let mut out = stdout().lock();
    write_sides(&mut out, &outcome)?;
    let is_crowded = outcome.fullest > new.baseline.max_identities as u64;
    if is_crowded {
        write_crowded(&mut out, &outcome, &new)?;
    }
    writeln!(out, "Next: start every instance with {}.", args.new.display())?;
    writeln!(out, "`{}` is as it was; delete it once you will not go back.", old.topics.state)?;
    Ok(if is_crowded { Exit::Findings } else { Exit::Ok })
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Settings { .. } => Failure::Usage(error.into()),
        other => Failure::Failed(other.into()),
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(if progress.is_check { "checking" } else { "copying" });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn write_sides(out: &mut impl Write, outcome: &Outcome) -> std::io::Result<()> {
    let Outcome { old, new, secs, .. } = outcome;
    let mut table = table(&["", "old", "new"]);
    let mut row = |name: &str, show: fn(&Side) -> String| {
        table.add_row([name.to_owned(), show(old), show(new)]);
    };
    row("topic", |side| side.topic.clone());
    row("partitions", |side| grouped(side.partitions as u64));
    row("identities", |side| grouped(side.identities));
    row("log sources", |side| grouped(side.scopes as u64));
    row("records", |side| grouped(side.records));
    row("size", |side| bytes(side.bytes));
    writeln!(out, "{table}\n")?;
    writeln!(out, "Copied, read again and compared in {secs:.1} s.")?;
    let left_out = old.scopes - new.scopes;
    if left_out > 0 {
        writeln!(
            out,
            "{} log sources were not known to every partition, and are left out: identities behind them are `unknown` for a \
             window of time.",
            grouped(left_out as u64)
        )?;
    }
    Ok(())
}

/// More identities than a partition may hold would be evicted soon after the start.
fn write_crowded(out: &mut impl Write, outcome: &Outcome, new: &Config) -> std::io::Result<()> {
    writeln!(
        out,
        "One new partition holds {} identities, and baseline.max_identities is {}: raise it before the start, or those unseen \
         for longest are dropped.",
        grouped(outcome.fullest),
        grouped(new.baseline.max_identities as u64)
    )
}
