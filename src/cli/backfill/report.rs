//! What a run did, in words.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::covered::{Count, Covered};
use super::digest::Verdict;
use super::merge::{Flaws, Placed};
use super::plan::Plan;
use crate::cli::table::{grouped, minute, printable, table};
use crate::files::NotRead;
use crate::time::{DAY_MS, EventTime};

/// Files that are named in a list; the rest is counted.
const MAX_NAMED: usize = 20;
/// Accounts and hosts that are listed.
const MAX_SOURCES: usize = 50;

/// What came of the records.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Records within the span.
    pub(super) records: u64,
    /// Those that the monitor will put with the dead letters.
    pub(super) not_understood: u64,
    /// Those larger than a message may be.
    pub(super) too_large: u64,
    /// Those of a format that no input carries.
    pub(super) without_topic: u64,
    /// Those before or after the span.
    pub(super) outside: u64,
    /// Those that go to each topic.
    pub(super) by_topic: BTreeMap<String, u64>,
    by_day: BTreeMap<u32, u64>,
    by_source: BTreeMap<String, u64>,
    span: Option<(EventTime, EventTime)>,
}

impl Tally {
    /// Counts one record.
    pub(super) fn note(&mut self, placed: &Placed, topic: &str) {
        self.records += 1;
        self.not_understood += u64::from(!placed.record.is_understood);
        add(&mut self.by_topic, topic);
        *self.by_day.entry(placed.time.day()).or_default() += 1;
        if let Some(scope) = &placed.record.scope {
            add(&mut self.by_source, account_of(scope));
            let (first, last) = self.span.unwrap_or((placed.time, placed.time));
            self.span = Some((first.min(placed.time), last.max(placed.time)));
        }
    }
}

/// How a run ended.
pub(super) struct Ending {
    /// Records that were sent before, by another process.
    pub(super) done: u64,
    /// Records sent.
    pub(super) sent: u64,
    /// What became of its coverage.
    pub(super) coverage: Coverage,
}

/// What became of the coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Every monitor is told.
    Told,
    /// It was not waited for.
    NotWaited,
    /// Nobody read the records in time.
    NotRead,
}

/// Everything there is to say.
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    pub(super) tally: &'a Tally,
    pub(super) flaws: &'a Flaws,
    pub(super) verdict: &'a Verdict,
    pub(super) covered: &'a Covered,
}

impl Report<'_> {
    /// Whether somebody should look at something.
    pub(super) fn has_findings(&self) -> bool {
        let Self { plan, tally, flaws, verdict, .. } = self;
        !plan.not_read.is_empty()
            || !flaws.not_read.is_empty()
            || !verdict.problems.is_empty()
            || flaws.too_large + tally.too_large + tally.without_topic > 0
    }

    /// What would be sent.
    pub(super) fn write_plan(&self, out: &mut impl Write) -> io::Result<()> {
        let mut days = table(&["day", "records"]);
        for (day, records) in &self.tally.by_day {
            let date = EventTime::from_millis(i64::from(*day) * DAY_MS).to_rfc3339();
            days.add_row([date.get(..10).unwrap_or_default(), &grouped(*records)]);
        }
        writeln!(out, "{days}\n")?;
        let mut sources = table(&["account or host", "records"]);
        let mut by_size: Vec<_> = self.tally.by_source.iter().collect();
        by_size.sort_by_key(|(source, records)| (std::cmp::Reverse(**records), *source));
        for (source, records) in by_size.iter().take(MAX_SOURCES) {
            sources.add_row([printable(source), grouped(**records)]);
        }
        writeln!(out, "{sources}\n")?;
        self.write_records(out, "would be sent")?;
        self.write_flaws(out)?;
        writeln!(out, "Nothing was sent. Run {} would send this.", self.plan.run)
    }

    /// What was done.
    pub(super) fn write_ending(&self, out: &mut impl Write, ending: &Ending) -> io::Result<()> {
        self.write_records(out, "in all")?;
        let (sent, done) = (grouped(ending.sent), grouped(ending.done));
        writeln!(out, "Run {}: {sent} sent now, {done} before.", self.plan.run)?;
        self.write_flaws(out)?;
        let Count { scopes, reported, proven, left_out } = self.covered.count();
        match ending.coverage {
            Coverage::Told => {
                let (reported, scopes) = (grouped(reported), grouped(scopes as u64));
                let proven = grouped(proven);
                writeln!(
                    out,
                    "The monitors know which hours are covered: {reported} hours of {scopes} log sources, {proven} are proven by digests."
                )?;
                if left_out > 0 {
                    let left_out = grouped(left_out);
                    writeln!(
                        out,
                        "  {left_out} hours are left out: something of that time was not read, of these log sources or of whom nobody knows."
                    )?;
                }
                Ok(())
            }
            Coverage::NotWaited => {
                writeln!(out, "Which hours are covered is not told yet: run this again without --no-wait.")
            }
            Coverage::NotRead => writeln!(
                out,
                "All is sent, and nobody reads it: is the monitor running? Which hours are covered can only be told then: run \
                 this again."
            ),
        }
    }

    fn write_records(&self, out: &mut impl Write, what: &str) -> io::Result<()> {
        let tally = self.tally;
        let files = grouped(self.plan.files.len() as u64);
        writeln!(out, "{} records from {files} files {what}.", grouped(tally.records))?;
        if let Some((first, last)) = tally.span {
            writeln!(out, "  from {} to {}", minute(first), minute(last))?;
        }
        for (topic, records) in &tally.by_topic {
            writeln!(out, "  {} to {topic}", grouped(*records))?;
        }
        Ok(())
    }

    fn write_flaws(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { plan, tally, flaws, verdict, .. } = self;
        let mut count = |count: u64, what: &str| {
            if count > 0 { writeln!(out, "  {} {what}", grouped(count)) } else { Ok(()) }
        };
        count(tally.outside, "before or after the time that was asked for, left out")?;
        count(tally.not_understood, "not understood: the monitor puts them with the dead letters")?;
        count(flaws.late, "late: they come after others that happened later")?;
        count(flaws.too_large + tally.too_large, "too large for a message, left out")?;
        count(tally.without_topic, "of a format that no input carries, left out: name a topic with --topic")?;
        count(plan.others as u64, "files that are no logs by their names, left out")?;
        if verdict.digests > 0 {
            let (digests, sound) = (grouped(verdict.digests), grouped(verdict.sound));
            writeln!(out, "  {digests} digests checked, {sound} files are as they list them")?;
        }
        list(out, "not read, or not all of them", plan.not_read.iter().chain(&flaws.not_read))?;
        list(out, "not as the digests have it", verdict.problems.iter())
    }
}

fn list<'a>(out: &mut impl Write, what: &str, files: impl Iterator<Item = &'a NotRead>) -> io::Result<()> {
    let files: Vec<&NotRead> = files.collect();
    if files.is_empty() {
        return Ok(());
    }
    writeln!(out, "{} files are {what}:", grouped(files.len() as u64))?;
    for file in files.iter().take(MAX_NAMED) {
        let path = printable(&file.path.display().to_string());
        writeln!(out, "  {path}: {}", printable(&file.reason))?;
    }
    if files.len() > MAX_NAMED {
        writeln!(out, "  and {} more", grouped((files.len() - MAX_NAMED) as u64))?;
    }
    Ok(())
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

/// `aws:111122223333:eu-west-1` without its region; a host as it is.
fn account_of(scope: &str) -> &str {
    if scope.starts_with("aws:") {
        scope.rsplit_once(':').map_or(scope, |(account, _)| account)
    } else {
        scope
    }
}
