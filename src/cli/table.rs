//! Tables and texts for a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use console::{Style, Term};

use crate::detect::finding::Severity;
use crate::text::visible;
use crate::time::{DAY_MS, EventTime, HOUR_MS, MINUTE_MS};

/// An empty table with these headings, which fits its columns to the terminal. Columns are set apart by blanks alone,
/// so that it can be cut with ordinary tools too.
pub(super) fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table
}

/// How a severity looks; plain where the output is no terminal.
pub(super) fn severity_style(severity: Severity) -> Style {
    let style = Style::new();
    match severity {
        Severity::Critical => style.red().bold().reverse(),
        Severity::High => style.red().bold(),
        Severity::Medium => style.yellow(),
        Severity::Low => style.cyan(),
        Severity::Informational => style.dim(),
    }
}

/// Text from a log, made safe for a terminal: what moves the cursor, sets colours, turns the direction or is not seen is
/// shown as `\u{1b}`.
pub(super) fn printable(text: &str) -> String {
    visible(text).into_owned()
}

/// `text` broken into lines of at most `width` columns, at blanks.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| {
            line.is_empty()
                || console::measure_text_width(line) + 1 + console::measure_text_width(word) <= width
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Columns to write to: the terminal's, within what reads well.
pub(super) fn width() -> usize {
    usize::from(Term::stdout().size().1).clamp(60, 120)
}

/// `12,345,678`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.5 GB`, in powers of ten.
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// `2026-01-31 09:30` in UTC.
pub(super) fn minute(time: EventTime) -> String {
    time.to_rfc3339().get(..16).unwrap_or_default().replace('T', " ")
}

/// The largest unit that fits: `95 d`, `7 h`, `12 min`.
pub(super) fn span(millis: i64) -> String {
    match millis {
        DAY_MS.. => format!("{} d", millis / DAY_MS),
        HOUR_MS.. => format!("{} h", millis / HOUR_MS),
        _ => format!("{} min", millis.max(0) / MINUTE_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([grouped(7), grouped(1_234), grouped(123_456_789)], ["7", "1,234", "123,456,789"]);
        assert_eq!([bytes(999), bytes(1_500), bytes(2_000_000_000)], ["999 B", "1.5 kB", "2.0 GB"]);
        assert_eq!([span(3 * DAY_MS), span(HOUR_MS), span(-1)], ["3 d", "1 h", "0 min"]);
    }

    #[test]
    fn text_of_an_attacker_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(printable("role/\u{202e}ppa"), "role/\\u{202e}ppa");
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("arn:aws:iam::x y", 5), ["arn:aws:iam::x", "y"]);
    }
}
