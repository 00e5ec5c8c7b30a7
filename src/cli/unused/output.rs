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

impl Format {
    /// Prints the chosen ones.
    pub(super) fn write(
        self,
        out: &mut impl Write,
        chosen: &[&LastSeenRecord],
        inventory: &Inventory,
        now: ProcessingTime,
    ) -> anyhow::Result<()> {
        match self {
            Self::Table => text(out, chosen, inventory, now),
            Self::Jsonl => {
                for record in chosen {
                    out.write_all(&record.to_bytes()?)?;
                    writeln!(out)?;
                }
                Ok(())
            }
            Self::Csv => csv(out, chosen, now),
        }
    }
}

fn csv(out: &mut impl Write, chosen: &[&LastSeenRecord], now: ProcessingTime) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).context("cannot write")?;
    for record in chosen {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row: [String; COLUMNS.len()] = [
            record.identity_id.clone(),
            text(&record.unique_id),
            record.kind.as_str().to_owned(),
            record.provider.clone(),
            text(&record.account),
            record.status.as_str().to_owned(),
            record.days_unused(now).map_or_else(String::new, |days| days.to_string()),
            text(&record.last_seen),
            text(&record.last_success),
            text(&record.last_denied),
            text(&record.coverage.until),
            record.owner().unwrap_or_default(),
        ];
        writer.write_record(row.map(|cell| inert(&cell))).context("cannot write")?;
    }
    writer.flush().context("cannot write")
}

/// A cell that no spreadsheet takes for a formula: names come from logs, and logs from anybody.
fn inert(cell: &str) -> String {
    let cell = printable(cell);
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell }
}

fn text(
    out: &mut impl Write,
    chosen: &[&LastSeenRecord],
    inventory: &Inventory,
    now: ProcessingTime,
) -> anyhow::Result<()> {
    if !chosen.is_empty() {
        let mut table =
            table(&["identity", "kind", "status", "last seen", "days", "coverage", "covered until", "owner"]);
        for record in chosen {
            table.add_row(row(record, now));
        }
        writeln!(out, "{table}\n")?;
    }
    let count = |status| inventory.records.values().filter(|record| record.status == status).count() as u64;
    writeln!(
        out,
        "{} of {} identities; of {} it cannot be told, since their logs are not covered; {} are retired in the inventory.",
        grouped(chosen.len() as u64),
        grouped(inventory.records.len() as u64),
        grouped(count(UseStatus::Unknown)),
        grouped(count(UseStatus::Retired))
    )?;
    writeln!(out, "The inventory as of {}: {}.", now.to_rfc3339(), inventory.watermark())?;
    Ok(())
}

fn row(record: &LastSeenRecord, now: ProcessingTime) -> [String; 8] {
    let time = |time: &Option<String>, none: &str| {
        time.as_deref().and_then(EventTime::parse_rfc3339).map_or_else(|| none.to_owned(), minute)
    };
    [
        printable(&record.identity_id),
        record.kind.as_str().to_owned(),
        record.status.as_str().to_owned(),
        time(&record.last_seen, "never"),
        record.days_unused(now).map_or_else(String::new, |days| days.to_string()),
        format!("{:.0} %", record.coverage.ratio * 100.0),
        time(&record.coverage.until, "-"),
        printable(&record.owner().unwrap_or_else(|| "-".into())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> LastSeenRecord {
        let json = serde_json::json!({
            "schema": "nhi.last-seen/1", "identity_id": id, "kind": "service_account", "class": "non_human",
            "provider": "linux", "status": "unused", "unused_days": 91, "last_seen": "2026-01-31T09:30:00.000Z",
            "coverage": {"ratio": 1.0}, "declared": {"owner": "ana, bob"}, "updated_at": "2026-05-03T00:00:00.000Z",
        });
        LastSeenRecord::parse(json.to_string().as_bytes()).unwrap()
    }

    fn written(format: Format, id: &str) -> String {
        let mut out = Vec::new();
        let now = ProcessingTime::parse_rfc3339("2026-05-03T00:00:00Z").unwrap();
        format.write(&mut out, &[&record(id)], &Inventory::default(), now).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_has_a_heading_and_quotes_what_must_be() {
        assert_eq!(
            written(Format::Csv, "linux:web:a"),
            format!(
                "{}\nlinux:web:a,,service_account,linux,,unused,91,2026-01-31T09:30:00.000Z,,,,\"ana, bob\"\n",
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
    fn jsonl_is_what_the_topic_holds() {
        let id = "linux:web:a";
        assert_eq!(written(Format::Jsonl, id).trim_end().as_bytes(), record(id).to_bytes().unwrap());
    }
}
