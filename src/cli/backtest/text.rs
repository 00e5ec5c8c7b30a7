//! The comparison for people.

use std::io::{self, Write};

use super::report::{Counts, Detector, Report, Sample};
use crate::cli::table::{grouped, printable, table};

/// Writes the comparison.
pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { detectors, against, records, total, .. } = report;
    writeln!(out, "{detectors} against {against}, over {} records", grouped(*records))?;
    writeln!(
        out,
        "{} alerts before, {} after: {} new, {} gone, {} of another severity\n",
        total.before, total.after, total.new, total.gone, total.changed
    )?;
    if report.files_not_read > 0 {
        writeln!(out, "{} files were not read, or not to their end\n", report.files_not_read)?;
    }
    if report.not_compared > 0 {
        writeln!(out, "{} further alerts were not compared\n", report.not_compared)?;
    }
    write_detectors(out, report)?;
    write_days(out, report)?;
    report.by_detector.iter().try_for_each(|(id, detector)| samples(out, id, detector))
}

fn write_detectors(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut rows =
        table(&["detector", "before", "after", "new", "gone", "changed", "signals", "shadow", "excepted"]);
    for (id, detector) in &report.by_detector {
        let counts = cells(&detector.alerts);
        let pairs = [detector.signals, detector.shadow_signals, detector.excepted].map(pair);
        rows.add_row([id.clone()].into_iter().chain(counts).chain(pairs));
    }
    writeln!(out, "{rows}\n")
}

fn write_days(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut rows = table(&["day", "before", "after", "new", "gone", "changed"]);
    for (day, counts) in &report.by_day {
        rows.add_row([day.clone()].into_iter().chain(cells(counts)));
    }
    if report.by_day.is_empty() { Ok(()) } else { writeln!(out, "{rows}\n") }
}

fn cells(counts: &Counts) -> [String; 5] {
    let Counts { before, after, new, gone, changed } = counts;
    [before, after, new, gone, changed].map(|count| grouped(*count))
}

/// `7`, or `7 to 9` where the two differ.
fn pair((before, after): (u64, u64)) -> String {
    if before == after { grouped(after) } else { format!("{} to {}", grouped(before), grouped(after)) }
}

fn samples(out: &mut impl Write, id: &str, detector: &Detector) -> io::Result<()> {
    for Sample { change, identity_id, first_seen, severity } in &detector.samples {
        let severity = match severity {
            (Some(before), Some(after)) => format!("{before} to {after}"),
            (one, other) => other.or(*one).unwrap_or_default().to_owned(),
        };
        writeln!(out, "{change}  {first_seen}  {severity}  {id}  {}", printable(identity_id))?;
    }
    Ok(())
}
