//! Unused identities as a table, as records, and for a spreadsheet.

use std::io::Write;

use anyhow::Context;

use super::inventory::Inventory;
use crate::baseline::last_seen::UseStatus;
use crate::cli::table::{grouped, minute, printable, table};
use crate::time::{EventTime, ProcessingTime};
use crate::wire::LastSeenRecord;

/// How identities are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// The last-seen records, one JSON object a line.
    Jsonl,
    /// Comma-separated values with a heading (RFC 4180).
    Csv,
}

/// Columns of the CSV form. New ones are added at the end.
const COLUMNS: [&str; 12] = [
    "identity_id",
    "unique_id",
    "kind",
    "provider",
    "account",
    "status",
    "unused_days",
    "last_seen",
    "last_success",
    "last_denied",
    "covered_until",
    "owner",
];

/// Headings of the table.
const HEADINGS: [&str; 8] =
    ["identity", "kind", "status", "last seen", "days", "coverage", "covered until", "owner"];

/// One chosen identity as it is printed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Days without use, by which rows are ordered.
    pub(super) days: Option<u32>,
    /// Its cells; of JSONL the one line.
    cells: Box<[String]>,
}

impl Format {
    /// How an identity is printed of which the inventory has this record, read from this JSON.
    pub(super) fn row(self, record: &LastSeenRecord, json: &str, now: ProcessingTime) -> Row {
        let days = record.days_unused(now);
        let cells: Box<[String]> = match self {
            Self::Table => Box::new(text_cells(record, days)),
            Self::Jsonl => Box::new([one_line(json)]),
            Self::Csv => Box::new(csv_cells(record, days)),
        };
        Row { days, cells }
    }

    /// Prints the chosen ones.
    pub(super) fn write(
        self,
        out: &mut impl Write,
        chosen: &[&Row],
        inventory: &Inventory<Row>,
        now: ProcessingTime,
    ) -> anyhow::Result<()> {
        match self {
            Self::Table => text(out, chosen, inventory, now),
            Self::Jsonl => {
                let mut lines = chosen.iter().flat_map(|row| &row.cells);
                Ok(lines.try_for_each(|line| writeln!(out, "{line}"))?)
            }
            Self::Csv => csv(out, chosen),
        }
    }
}

/// A record as it was read, with keys that only a newer writer knows: it may span lines, and between tokens JSON does not care.
fn one_line(json: &str) -> String {
    json.trim().replace(['\r', '\n'], " ")
}

fn csv(out: &mut impl Write, chosen: &[&Row]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).context("cannot write")?;
    for row in chosen {
        writer.write_record(row.cells.iter()).context("cannot write")?;
    }
    writer.flush().context("cannot write")
}

fn csv_cells(record: &LastSeenRecord, days: Option<u32>) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        record.identity_id.clone(),
        text(&record.unique_id),
        record.kind.as_str().to_owned(),
        record.provider.clone(),
        text(&record.account),
        record.status.as_str().to_owned(),
        days.map_or_else(String::new, |days| days.to_string()),
        text(&record.last_seen),
        text(&record.last_success),
        text(&record.last_denied),
        text(&record.coverage.until),
        record.owner().unwrap_or_default(),
    ];
    cells.map(|cell| inert(&cell))
}

/// A cell that no spreadsheet takes for a formula: names come from logs, and logs from anybody.
fn inert(cell: &str) -> String {
    let cell = printable(cell);
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

fn text(
    out: &mut impl Write,
    chosen: &[&Row],
    inventory: &Inventory<Row>,
    now: ProcessingTime,
) -> anyhow::Result<()> {
    if !chosen.is_empty() {
        let mut table = table(&HEADINGS);
        for row in chosen {
            table.add_row(row.cells.iter());
        }
        writeln!(out, "{table}\n")?;
    }
    writeln!(
        out,
        "{} of {} identities; of {} it cannot be told, since their logs are not covered; {} retired in the inventory.",
        grouped(chosen.len() as u64),
        grouped(inventory.identities() as u64),
        grouped(inventory.count(UseStatus::Unknown) as u64),
        grouped(inventory.count(UseStatus::Retired) as u64)
    )?;
    writeln!(out, "The inventory as of {}: {}.", now.to_rfc3339(), inventory.watermark())?;
    Ok(())
}

fn text_cells(record: &LastSeenRecord, days: Option<u32>) -> [String; HEADINGS.len()] {
    let time = |time: &Option<String>, none: &str| {
        time.as_deref().and_then(EventTime::parse_rfc3339).map_or_else(|| none.to_owned(), minute)
    };
    [
        printable(&record.identity_id),
        record.kind.as_str().to_owned(),
        record.status.as_str().to_owned(),
        time(&record.last_seen, "never"),
        days.map_or_else(String::new, |days| days.to_string()),
        format!("{:.0} %", record.coverage.ratio * 100.0),
        time(&record.coverage.until, "-"),
        printable(&record.owner().unwrap_or_else(|| "-".into())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a key that this program does not know, on two lines.
    fn json(id: &str) -> String {
        let json = serde_json::json!({
            "schema": "nhi.last-seen/1", "identity_id": id, "kind": "service_account", "class": "non_human",
            "provider": "linux", "status": "unused", "unused_days": 91, "last_seen": "2026-01-31T09:30:00.000Z",
            "coverage": {"ratio": 1.0, "sampled": [1, 2]}, "declared": {"owner": "ana, bob"}, "quota": {"left": 3},
            "updated_at": "2026-05-03T00:00:00.000Z",
        });
        json.to_string().replacen(',', ",\r\n", 1)
    }

    fn written(format: Format, id: &str) -> String {
        let mut out = Vec::new();
        let now = ProcessingTime::parse_rfc3339("2026-05-05T00:00:00Z").unwrap();
        let json = json(id);
        let row = format.row(&LastSeenRecord::parse(json.as_bytes()).unwrap(), &json, now);
        format.write(&mut out, &[&row], &Inventory::default(), now).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_has_a_heading_and_quotes_what_must_be() {
        assert_eq!(
            written(Format::Csv, "linux:web:a"),
            format!(
                "{}\nlinux:web:a,,service_account,linux,,unused,93,2026-01-31T09:30:00.000Z,,,,\"ana, bob\"\n",
                COLUMNS.join(",")
            )
        );
    }

    #[test]
    fn no_spreadsheet_takes_a_name_for_a_formula() {
        assert!(written(Format::Csv, "=HYPERLINK(1)").contains("\n'=HYPERLINK(1),"));
        assert!(written(Format::Csv, "a\u{1b}[2Jb").contains("a\\u{1b}[2Jb"));
    }

    #[test]
    fn jsonl_is_what_the_topic_holds_with_keys_that_only_a_newer_writer_knows() {
        let id = "linux:web:a";
        let line = written(Format::Jsonl, id);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(
            line.trim_end(),
            json(id).replace("\r\n", "  "),
            "byte for byte but for the end of the line"
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["quota"]["left"], &read["coverage"]["sampled"][1]), (&3.into(), &2.into()));
    }
}
