//! The result for people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use console::Style;

use super::Args;
use super::stream::Outcome;
use crate::cli::scan::text::incident;
use crate::cli::table::{grouped, printable, table};
use crate::evaluation::{Delay, Judged, Rate, Results, Summary};
use crate::monitor::{HeldIncident, HeldSignal, IncidentState};
use crate::time::EventTime;

/// Events shown of a missed attack.
const SHOWN_EVENTS: usize = 12;

/// Writes the result.
pub(super) fn write(
    out: &mut impl Write,
    args: &Args,
    summary: &Summary,
    outcomes: &[Outcome],
) -> io::Result<()> {
    header(out, args, summary)?;
    figures(out, summary)?;
    scenarios(out, summary)?;
    by_cause(out, summary)?;
    counted(out, "False alerts by detector", &summary.product.false_by_detector)?;
    counted(out, "Findings that state a fact (neither true nor false)", &summary.product.posture)?;
    if args.misses {
        misses(out, outcomes)?;
    }
    alerts(out, args.show_alerts, outcomes)
}

fn header(out: &mut impl Write, args: &Args, summary: &Summary) -> io::Result<()> {
    let without = |is_off: bool, what: &str| if is_off { format!(", without {what}") } else { String::new() };
    writeln!(
        out,
        "{} companies ({} from seed {}), {} days each, {} machine identities, {} records{}{}",
        summary.seeds,
        args.split.name(),
        args.seed,
        args.days,
        grouped(summary.identities),
        grouped(summary.records),
        without(args.no_inventory, "inventory"),
        without(args.no_asn, "ASN and country")
    )?;
    writeln!(
        out,
        "An identity-day is a day on which a machine identity of the company acted: {} of them.\n",
        grouped(summary.identity_days)
    )
}

fn figures(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let (ours, naive) = (summary.rate(&summary.product), summary.rate(&summary.naive));
    let mut table = table(&["", "nhi-monitor", "first seen"]);
    let mut row = |name: &str, figure: fn(&Rate) -> String| {
        table.add_row([name.to_owned(), figure(&ours), figure(&naive)]);
    };
    row("attacks found", |rate| format!("{:.1} %", rate.recall * 100.0));
    row("false alerts per identity-day", |rate| format!("{:.5}", rate.false_per_identity_day));
    row("alerts per attack found", |rate| format!("{:.2}", rate.alerts_per_attack));
    row("attack events until found (median, p90)", |rate| delay(rate.delay_events));
    row("minutes until found (median, p90)", |rate| delay(rate.delay_minutes));
    writeln!(out, "{table}")
}

fn delay(delay: Delay) -> String {
    format!("{:.0}, {:.0}", delay.median, delay.p90)
}

fn scenarios(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    heading(out, "Attacks found, by scenario")?;
    let mut table = table(&["scenario", "attacks", "nhi-monitor", "", "first seen", ""]);
    let naive = |name: &str| summary.naive.scenarios.get(name).copied().unwrap_or_default();
    let rows = summary.product.scenarios.iter().map(|(name, ours)| (*name, *ours, naive(name)));
    let total = ("all", summary.product.total(), summary.naive.total());
    for (name, ours, naive) in rows.chain([total]) {
        table.add_row([
            name.to_owned(),
            ours.attacks.to_string(),
            ours.found.to_string(),
            format!("{:.0} %", ours.recall() * 100.0),
            naive.found.to_string(),
            format!("{:.0} %", naive.recall() * 100.0),
        ]);
    }
    writeln!(out, "{table}")
}

fn by_cause(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    heading(out, "False alerts, by what explains them")?;
    let mut table = table(&["cause", "nhi-monitor", "per identity-day", "first seen", "per identity-day"]);
    let per_day = |count: u64| format!("{:.5}", count as f64 / summary.identity_days.max(1) as f64);
    let (ours, naive) = (&summary.product, &summary.naive);
    let count = |results: &Results, cause: &str| results.false_by_cause.get(cause).copied().unwrap_or(0);
    let causes: BTreeSet<&str> =
        ours.false_by_cause.keys().chain(naive.false_by_cause.keys()).copied().collect();
    let rows = causes.into_iter().map(|cause| (cause, count(ours, cause), count(naive, cause)));
    for (cause, ours, naive) in rows.chain([("all", ours.false_alerts(), naive.false_alerts())]) {
        table.add_row([cause.to_owned(), grouped(ours), per_day(ours), grouped(naive), per_day(naive)]);
    }
    writeln!(out, "{table}")
}

fn counted(out: &mut impl Write, title: &str, counts: &BTreeMap<String, u64>) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    heading(out, title)?;
    for (name, count) in counts {
        writeln!(out, "  {:>8}  {name}", grouped(*count))?;
    }
    Ok(())
}

fn misses(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    heading(out, "Missed")?;
    for outcome in outcomes {
        let attacks = outcome.ledger.attacks().iter().enumerate();
        let missed = attacks
            .filter(|(index, attack)| !attack.times.is_empty() && !outcome.product.found.contains_key(index));
        for (index, attack) in missed {
            let incident = &attack.incident;
            let (scenario, id) = (incident.scenario.as_str(), &incident.identity_id);
            writeln!(out, "\n{scenario}: {id} of company {:016x}: {}", outcome.seed, incident.title)?;
            for event in attack.told.iter().take(SHOWN_EVENTS) {
                writeln!(out, "  {}  {}", event.time, printable(&event.what))?;
            }
            let rest = attack.times.len().saturating_sub(SHOWN_EVENTS);
            if rest > 0 {
                writeln!(out, "  … and {rest} more events")?;
            }
            closest(out, outcome.closest.get(&index), attack.times.first().copied())?;
        }
    }
    Ok(())
}

/// How far a missed attack came: the risk, and what weighed most since it began. What weighed before is somebody else's.
fn closest(
    out: &mut impl Write,
    incident: Option<&HeldIncident>,
    began: Option<EventTime>,
) -> io::Result<()> {
    let Some(incident) = incident else { return writeln!(out, "  Nothing spoke up.") };
    let (risk, bits) = (incident.risk, incident.bits);
    let standing = match incident.state {
        IncidentState::Pending => "below the threshold",
        IncidentState::Open | IncidentState::Closed => "within an incident that was open for something else",
    };
    writeln!(out, "  Came to a risk of {risk} ({bits:.1} bits), {standing}. What spoke up since it began:")?;
    for signal in incident.signals.iter().filter(|signal| Some(signal.time) >= began) {
        let HeldSignal { detector, bits, reason, time } = signal;
        writeln!(out, "  {bits:>6.1}  {}  {detector}: {}", time.to_rfc3339(), printable(reason))?;
    }
    Ok(())
}

/// As many alerts as asked for, true ones and false ones by turns, of as many sorts as there are.
fn alerts(out: &mut impl Write, count: usize, outcomes: &[Outcome]) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    heading(out, "Alerts")?;
    let (mut right, mut wrong) = (sorts(outcomes, true).into_iter(), sorts(outcomes, false).into_iter());
    let by_turns = std::iter::repeat_with(|| [right.next(), wrong.next()])
        .take_while(|pair| pair.iter().any(Option::is_some))
        .flatten()
        .flatten();
    for (alert, sort) in by_turns.take(count) {
        incident(out, &alert.report)?;
        let verdict = if alert.attack.is_some() { "true" } else { "false" };
        writeln!(out, "  {}", Style::new().italic().apply_to(format!("{verdict}: {sort}")))?;
    }
    Ok(())
}

/// The alerts that are true, or false, each with its scenario or cause: the first of each sort, then the second.
fn sorts(outcomes: &[Outcome], is_true: bool) -> Vec<(&Judged, &'static str)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranked = Vec::new();
    for outcome in outcomes {
        for alert in outcome.alerts.iter().filter(|alert| alert.attack.is_some() == is_true) {
            let scenario = |index: usize| outcome.ledger.attacks()[index].incident.scenario.as_str();
            let sort = alert.attack.map_or(alert.cause.as_str(), scenario);
            let rank = seen.entry(sort).or_default();
            *rank += 1;
            ranked.push((*rank, alert, sort));
        }
    }
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.into_iter().map(|(_, alert, sort)| (alert, sort)).collect()
}

fn heading(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n{}", Style::new().bold().apply_to(title))
}
