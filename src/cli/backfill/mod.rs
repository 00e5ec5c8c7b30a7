//! `backfill`: archived logs into the input topics, in order of time, as history: the monitor learns it and alerts nobody. See
//! `docs/adr/0014-backfill.md`.

mod covered;
mod digest;
#[cfg(test)]
mod fixture;
mod merge;
mod plan;
mod records;
mod report;
mod send;
#[cfg(test)]
mod tests;
mod unread;
mod wait;

use std::io::stdout;
use std::path::PathBuf;

use anyhow::anyhow;
use indicatif::ProgressBar;

use super::exit::{Exit, Failure};
use super::scan::logs::Format;
use super::scan::progress::Progress;
use super::settings;
use crate::config::Config;
use crate::ingest::Hidden;
use crate::kafka::backfill::{MAX_VALUE_BYTES, Message};
use crate::runtime::clock;
use crate::time::EventTime;
use covered::Covered;
use digest::Verdict;
use merge::{Flaws, Merge, Placed, Step};
use plan::Plan;
use records::Splitter;
use report::{Coverage, Ending, Report, Tally};
use send::Sender;
use unread::Unread;

const SECS_PER_HOUR: u64 = 3_600;

/// Feed archived logs into the input topics.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    /// Files and folders: a bucket of CloudTrail copied to disk, rotated logs. Folders are searched as `scan` does.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Input topic (default: the first of topics.inputs that carries a record's format).
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// What the files carry.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Only records of this time or later (2026-01-31T00:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<EventTime>,
    /// Only records before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<EventTime>,
    /// Records a second at most (default: as many as Kafka takes).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Read everything, check the digests, say what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// End once all is sent; which hours are covered is told by a later run with the same arguments.
    #[arg(long)]
    no_wait: bool,
    /// Do not check CloudTrail's digest files.
    #[arg(long)]
    no_digests: bool,
    /// Send all of it again, whatever was sent before.
    #[arg(long)]
    restart: bool,
}

const EXAMPLES: &str = "\
Examples:
  aws s3 sync s3://my-trail/AWSLogs AWSLogs
  nhi-monitor backfill -c nhi-monitor.toml --dry-run AWSLogs/    what is there, and is it complete?
  nhi-monitor backfill -c nhi-monitor.toml AWSLogs/              interrupted, it goes on
  nhi-monitor backfill -c nhi-monitor.toml --since 2026-01-31T06:00:00Z \\
      --until 2026-01-31T09:00:00Z AWSLogs/

Attacks of the past are not alerted, and become part of what is usual: look for them with `nhi-monitor scan`.

Exit codes: 0 all was sent and taken in; 1 something was left out or is missing, nobody reads it, or it failed on the way; \
2 the command line or the settings are wrong, or there was nothing to read.";

fn time(text: &str) -> Result<EventTime, String> {
    EventTime::parse_rfc3339(text).ok_or_else(|| "write a time as in 2026-01-31T09:30:00Z".into())
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let plan = Plan::new(args, &config)?;
    let verdict = check_digests(&plan);
    let mut sender = None;
    if !args.dry_run {
        eprintln!("Run {}: interrupt it as you like, the same command goes on.", plan.run);
        sender = Some(Sender::start(&config, &plan, args.rate, args.restart)?);
    }
    let (tally, mut covered, flaws) = read(&plan, &config, sender.as_mut())?;
    leave_out(&plan, &flaws, &verdict, &mut covered, &config);
    let report = Report { plan: &plan, tally: &tally, flaws: &flaws, verdict: &verdict, covered: &covered };
    if tally.records == 0 {
        report.write_plan(&mut stdout().lock())?;
        return Err(Failure::Usage(anyhow!(
            "there is no record at or below the paths in the time that was asked for"
        )));
    }
    let is_done = match &mut sender {
        None => report.write_plan(&mut stdout().lock()).map(|()| true)?,
        Some(sender) => {
            let ending = finish(args, &config, &report, sender)?;
            report.write_ending(&mut stdout().lock(), &ending)?;
            ending.coverage != Coverage::NotRead
        }
    };
    Ok(if is_done && !report.has_findings() { Exit::Ok } else { Exit::Findings })
}

fn check_digests(plan: &Plan) -> Verdict {
    let bar = ProgressBar::new(plan.digests.len() as u64).with_message("digests");
    let verdict = digest::check(&plan.digests, &plan.files, plan.span, || bar.inc(1));
    bar.finish_and_clear();
    verdict
}

/// Reads all files, and has each record sent where there is a sender.
fn read(
    plan: &Plan,
    config: &Config,
    mut sender: Option<&mut Sender>,
) -> Result<(Tally, Covered, Flaws), Failure> {
    let files = plan.due();
    let progress = Progress::new(&files);
    let splitter = Splitter::new(&config.limits, plan.format, clock::now());
    let observe = Box::new(|raw| progress.observe(raw));
    let mut merge = Merge::new(splitter, files, config.limits.payload_bytes, observe);
    let (mut tally, mut covered) = (Tally::default(), Covered::new(silence_hours(config)));
    loop {
        match merge.step() {
            Step::Record(placed) => {
                let message = take(placed, plan, &mut tally, &mut covered);
                if let (Some(message), Some(sender)) = (message, &mut sender) {
                    sender.take(message)?;
                }
                progress.records(tally.records);
            }
            Step::Loaded => sender.as_mut().map_or(Ok(()), |sender| sender.keep())?,
            Step::End => break,
        }
    }
    let flaws = merge.into_flaws();
    progress.finish();
    Ok((tally, covered, flaws))
}

/// Counts a record, and makes a message of it where it is to be sent.
fn take(placed: Placed, plan: &Plan, tally: &mut Tally, covered: &mut Covered) -> Option<Message> {
    if placed.record.hidden == Hidden::Record {
        covered.doubt(placed.record.scope.as_deref(), placed.time);
    }
    if !plan.span.holds(placed.time) {
        tally.outside += 1;
        return None;
    }
    let Some(topic) = plan.targets.of(placed.record.format) else {
        tally.without_topic += 1;
        covered.doubt(placed.record.scope.as_deref(), placed.time);
        return None;
    };
    if placed.record.value.len() > MAX_VALUE_BYTES {
        tally.too_large += 1;
        covered.doubt(placed.record.scope.as_deref(), placed.time);
        return None;
    }
    tally.note(&placed, topic);
    let is_of_use = placed.record.is_understood && plan.span.holds_hour_of(placed.time);
    if let Some(scope) = placed.record.scope.as_deref().filter(|_| is_of_use) {
        covered.note(scope, placed.time);
    }
    let key = placed.record.identity.map(String::into_bytes);
    Some(Message { topic: topic.to_owned(), key, value: placed.record.value })
}

/// Takes out of what is covered what is known to be missing: what could not be read of files, hours of which too many records could not, and
/// what digests miss.
fn leave_out(plan: &Plan, flaws: &Flaws, verdict: &Verdict, covered: &mut Covered, config: &Config) {
    let not_found = plan.not_read.iter().map(|left| Unread::all_of(&left.path));
    for Unread { scope, hours } in not_found.chain(flaws.unread.iter().cloned()) {
        covered.withhold(scope.as_deref(), hours);
    }
    covered.withhold_crowded(config.unused.tolerated_unreadable);
    verdict.note(covered);
}

/// The longest silence of a log source that may count as covered, in hours.
fn silence_hours(config: &Config) -> u32 {
    let longest = config.unused.max_silence.max(config.unused.max_weekly_silence);
    u32::try_from(longest.as_secs().div_ceil(SECS_PER_HOUR)).unwrap_or(u32::MAX)
}

/// Waits until all was taken in, and then tells what is covered: before that, records of these hours may be on their way still.
fn finish(args: &Args, config: &Config, report: &Report<'_>, sender: &mut Sender) -> Result<Ending, Failure> {
    let is_on_its_way = sender.finish()?;
    let (done, sent) = (sender.done(), sender.sent());
    let ending = |coverage| Ending { done, sent, coverage };
    let topics: Vec<String> = report.plan.targets.names().map(str::to_owned).collect();
    if is_on_its_way {
        if args.no_wait {
            return Ok(ending(Coverage::NotWaited));
        }
        if !wait::wait(config, &topics)? {
            return Ok(ending(Coverage::NotRead));
        }
    }
    sender.tell(report.covered, topics.first().map_or("", String::as_str))?;
    Ok(ending(Coverage::Told))
}
