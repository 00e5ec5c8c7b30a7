//! The report for people.

use std::io::{self, Write};

use console::Style;

use super::super::table::{bytes, grouped, minute, printable, severity_style, span, table, width, wrapped};
use super::chains::{self, Chain};
use super::report::Report;
use crate::activity::Kind;
use crate::baseline::LastSeen;
use crate::baseline::last_seen::UseStatus;
use crate::detect::finding::{IncidentReport, Severity};

/// Incidents told in full; the rest are counted, and stand in `--alerts` and `--json`.
const SHOWN_INCIDENTS: usize = 25;
/// Unused identities listed.
const SHOWN_UNUSED: usize = 50;
/// Files that were not read, listed.
const SHOWN_UNREAD: usize = 20;

/// Writes the report.
pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    header(out, report)?;
    problems(out, report)?;
    if report.is_empty() {
        return Ok(());
    }
    incidents(out, report)?;
    unused(out, report)?;
    identities(out, report)?;
    talkers(out, report)
}

fn header(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let (files, counts) = (&report.files, &report.records.counts);
    writeln!(
        out,
        "Read {} files, {}, {} records in {:.1} s ({} a second)",
        grouped(files.found as u64),
        bytes(files.bytes),
        grouped(counts.records),
        files.seconds,
        grouped(files.records_per_second as u64)
    )?;
    if let (Some(first), Some(last)) = (counts.first, counts.last) {
        let lasting = span(last.millis_since(first));
        writeln!(out, "Events from {} to {} UTC ({lasting})", minute(first), minute(last))?;
    }
    writeln!(
        out,
        "{} activities, {} of no interest, {} not understood, {} seen before",
        grouped(counts.activities),
        grouped(counts.skipped_count()),
        grouped(counts.rejected_count()),
        grouped(report.records.duplicates)
    )
}

fn problems(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let (rejected, unread) = (&report.records.counts.rejected, &report.files.not_read);
    if rejected.is_empty() && unread.is_empty() {
        return Ok(());
    }
    heading(out, "Not read, or not understood")?;
    for (reason, rejects) in rejected {
        let (first, detail) = (printable(&rejects.first), printable(&rejects.detail));
        writeln!(out, "  {} records: {reason}; the first at {first}: {detail}", grouped(rejects.count))?;
    }
    for file in unread.iter().take(SHOWN_UNREAD) {
        writeln!(out, "  {}: {}", printable(&file.path), printable(&file.reason))?;
    }
    and_more(out, unread.len() as u64, SHOWN_UNREAD, "more files; all with --json")
}

fn incidents(out: &mut impl Write, report: &Report) -> io::Result<()> {
    heading(out, &format!("Incidents: {}", grouped(report.incidents.total)))?;
    let counts: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .filter_map(|severity| {
            let count = *report.incidents.by_severity.get(severity.as_str())?;
            (count > 0).then(|| format!("{} {}", grouped(count), severity.as_str()))
        })
        .collect();
    if !counts.is_empty() {
        writeln!(out, "{}", counts.join(", "))?;
    }
    let told = chains::told(&report.incidents.chains, report.reports.len());
    for (begun, index) in told.into_iter().take(SHOWN_INCIDENTS) {
        if let Some(chain) = begun {
            self::chain(out, chain)?;
        }
        if let Some(incident) = report.reports.get(index) {
            self::incident(out, incident)?;
        }
    }
    and_more(out, report.incidents.total, SHOWN_INCIDENTS, "more; all with --alerts FILE or --json")
}

/// `One attack through 3 identities: a -> b -> c`, above the incidents that it is made of.
fn chain(out: &mut impl Write, chain: &Chain) -> io::Result<()> {
    let identities: Vec<String> = chain.identities.iter().map(|identity| printable(identity)).collect();
    let words = format!(
        "One attack through {} identities, in {} incidents: {}",
        identities.len(),
        chain.incidents.len(),
        identities.join(" -> ")
    );
    writeln!(out)?;
    for line in wrapped(&words, width()) {
        writeln!(out, "{}", Style::new().bold().apply_to(line))?;
    }
    Ok(())
}

pub(in crate::cli) fn incident(out: &mut impl Write, incident: &IncidentReport) -> io::Result<()> {
    let severity = severity_style(incident.severity).apply_to(incident.severity.as_str().to_uppercase());
    let detector = incident.detector().map_or("", |detector| detector.id.as_str());
    writeln!(
        out,
        "\n{severity}  {}",
        Style::new().bold().apply_to(printable(&incident.subject.identity_id))
    )?;
    for line in wrapped(&printable(&incident.message), width() - 2) {
        writeln!(out, "  {line}")?;
    }
    let mut facts = vec![
        format!("risk {}", incident.risk),
        detector.to_owned(),
        format!("{} signals", incident.signal_count),
        format!("{} to {} UTC", minute(incident.first_seen), minute(incident.last_seen)),
    ];
    facts.extend(incident.subject.owner.as_ref().map(|owner| format!("owner {}", printable(owner))));
    writeln!(out, "  {}", Style::new().dim().apply_to(facts.join(" · ")))?;
    for signal in incident.signals.iter().skip(1).take(3) {
        writeln!(out, "  - {}", printable(&signal.reason))?;
    }
    Ok(())
}

fn unused(out: &mut impl Write, report: &Report) -> io::Result<()> {
    heading(out, &format!("Unused identities: {}", grouped(report.unused.total)))?;
    if report.unused.facts.is_empty() {
        return writeln!(out, "None for which the logs cover the whole window.");
    }
    let mut table = table(&["identity", "kind", "last seen", "days", "coverage", "owner"]);
    for identity in report.unused.facts.iter().take(SHOWN_UNUSED) {
        table.add_row(unused_row(identity));
    }
    writeln!(out, "{table}")?;
    and_more(out, report.unused.total, SHOWN_UNUSED, "more; all with --last-seen FILE or --json")
}

fn unused_row(identity: &LastSeen) -> [String; 6] {
    let owner = identity.declared.as_ref().and_then(|declared| declared.owner.as_deref());
    [
        printable(&identity.identity_id),
        identity.kind.as_str().to_owned(),
        identity.last_seen.map_or_else(|| "never".to_owned(), minute),
        identity.unused_days.map_or_else(String::new, |days| days.to_string()),
        format!("{:.0} %", identity.coverage.ratio * 100.0),
        printable(owner.unwrap_or("-")),
    ]
}

fn identities(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let total: u64 = report.identities.iter().map(|group| group.count).sum();
    heading(out, &format!("Identities: {}", grouped(total)))?;
    let count = |kind: Kind, status: UseStatus| {
        let group = report.identities.iter().find(|group| group.kind == kind && group.status == status);
        group.map_or(0, |group| group.count)
    };
    let mut table = table(&["kind", "active", "unused", "never seen", "unknown", "retired"]);
    for kind in Kind::ALL {
        let counts = UseStatus::ALL.map(|status| count(kind, status));
        if counts.iter().any(|count| *count > 0) {
            let row = counts.iter().map(|count| grouped(*count));
            table.add_row(std::iter::once(kind.as_str().to_owned()).chain(row));
        }
    }
    writeln!(out, "{table}")
}

fn talkers(out: &mut impl Write, report: &Report) -> io::Result<()> {
    heading(out, "Most active")?;
    let mut table = table(&["identity", "kind", "activities", "a day", "not successful"]);
    for talker in &report.top_talkers {
        table.add_row([
            printable(&talker.identity_id),
            talker.kind.as_str().to_owned(),
            grouped(talker.activities),
            format!("{:.1}", talker.activities_per_day),
            format!("{:.1} %", talker.error_rate * 100.0),
        ]);
    }
    writeln!(out, "{table}")
}

fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{}", Style::new().bold().underlined().apply_to(text))
}

fn and_more(out: &mut impl Write, total: u64, shown: usize, rest: &str) -> io::Result<()> {
    match total.saturating_sub(shown as u64) {
        0 => Ok(()),
        left => writeln!(out, "  and {} {rest}", grouped(left)),
    }
}
