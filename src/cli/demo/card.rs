//! An alert as an analyst reads it in a terminal.

use console::Style;

use crate::cli::table::{minute, printable, severity_style, wrapped};
use crate::detect::finding::Severity;
use crate::time::EventTime;
use crate::wire::alert::Alert;
use crate::wire::ocsf::{IdentityFacts, Observed};

/// Width of the labels at the left.
const LABEL: usize = 10;

/// Lines that one part of a card may take; an alert is read at a glance or not at all.
const MAX_PART_LINES: usize = 2;

/// One alert as some lines of at most `width` columns. Colours follow the terminal's abilities.
pub(in crate::cli) fn card(alert: &Alert, width: usize) -> String {
    let mut lines = vec![headline(alert), indented("", &alert.message, width, 3)];
    let facts = alert.enrichments.first().map(|enrichment| &enrichment.data);
    lines.push(indented("identity", &identity(alert, facts), width, MAX_PART_LINES));
    if let Some((expected, seen)) = why(alert) {
        lines.push(indented("expected", &expected, width, MAX_PART_LINES));
        lines.push(indented("seen", &seen, width, MAX_PART_LINES));
    }
    if let Some(attacks) = attacks(alert) {
        lines.push(indented("ATT&CK", &attacks, width, MAX_PART_LINES));
    }
    if let Some(facts) = facts.filter(|facts| facts.owner.is_some()) {
        lines.push(indented("owner", &owner(facts), width, MAX_PART_LINES));
    }
    lines.join("\n")
}

/// `HIGH     2026-01-31 09:30  Title  (update 2)`.
fn headline(alert: &Alert) -> String {
    let severity = severity(alert.severity_id);
    let name = format!(" {:^8} ", severity.as_str().to_uppercase());
    let stage = match alert.activity_id {
        1 => String::new(),
        2 => format!("  (update {})", alert.metadata.sequence),
        _ => "  (ended)".into(),
    };
    format!(
        "{} {}  {}{stage}",
        severity_style(severity).apply_to(name),
        minute(EventTime::from_millis(alert.end_time)),
        Style::new().bold().apply_to(printable(&alert.finding_info.title)),
    )
}

fn identity(alert: &Alert, facts: Option<&IdentityFacts>) -> String {
    let kind = facts.map_or("", |facts| facts.kind.as_str()).replace('_', " ");
    let risk = format!("risk {}, {} signals", alert.risk_score, alert.count);
    format!("{} ({kind}; {risk})", alert.key())
}

/// What the weightiest detector expected and saw.
fn why(alert: &Alert) -> Option<(String, String)> {
    let analysis = alert.anomaly_analyses.first()?;
    let seen = analysis.anomalies.first()?;
    let is_same = |other: &&Observed| other.observation_parameter == seen.observation_parameter;
    let expected = analysis.baselines.iter().find(is_same)?;
    Some((first_value(expected)?, first_value(seen)?))
}

fn first_value(observed: &Observed) -> Option<String> {
    observed.observations.first().map(|observation| observation.value.clone())
}

fn attacks(alert: &Alert) -> Option<String> {
    const MOST: usize = 3;
    let name = |attack: &crate::wire::ocsf::Attack| {
        let technique = attack.sub_technique.as_ref().or(attack.technique.as_ref())?;
        Some(format!("{} {}", technique.uid, technique.name))
    };
    let names: Vec<_> = alert.finding_info.attacks.iter().filter_map(name).take(MOST).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn owner(facts: &IdentityFacts) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!(
        "{}: {} [{}, {}]",
        text(&facts.owner),
        text(&facts.purpose),
        text(&facts.environment),
        text(&facts.criticality)
    )
}

fn indented(label: &str, text: &str, width: usize, most: usize) -> String {
    let text = printable(text);
    let mut lines = wrapped(&text, width.saturating_sub(LABEL + 1).max(20));
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    let label_style = Style::new().dim();
    let first = format!("{label:>LABEL$}");
    let rest = " ".repeat(LABEL);
    let labelled = lines.iter().enumerate().map(|(index, line)| {
        let label = if index == 0 { first.as_str() } else { rest.as_str() };
        format!("{} {line}", label_style.apply_to(label))
    });
    labelled.collect::<Vec<_>>().join("\n")
}

/// The severity that an OCSF `severity_id` stands for.
pub(in crate::cli) fn severity(severity_id: u8) -> Severity {
    let index = usize::from(severity_id.clamp(1, 5)) - 1;
    Severity::ALL[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        let text = include_str!("../../../tests/ocsf/alerts/close.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_card_says_who_what_and_why_within_the_width() {
        console::set_colors_enabled(false);
        let text = card(&alert(), 90);
        for part in ["CRITICAL", "(ended)", "identity", "expected", "seen", "ATT&CK"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 101), "{text}");
    }

    #[test]
    fn hostile_text_cannot_drive_the_terminal() {
        console::set_colors_enabled(false);
        let mut alert = alert();
        alert.message = "quiet\u{1b}[2J\r\nwipe".into();
        assert!(!card(&alert, 90).contains('\u{1b}'));
    }

    #[test]
    fn an_alert_with_nothing_in_it_is_still_a_card() {
        assert!(!card(&Alert::default(), 80).is_empty());
    }
}
