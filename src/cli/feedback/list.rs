//! `feedback list`: what the feedback topic holds, oldest first.

use std::io::{Write, stdout};

use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{grouped, printable, table};
use crate::cli::{settings, topic};
use crate::wire::FeedbackRecord;

/// Records shown at most, the newest: more than anybody reads, and a bound on memory.
const MAX_SHOWN: usize = 10_000;

/// List the feedback in the topic.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    settings: settings::Required,
    /// Only that on this identity.
    identity_id: Option<String>,
    /// Print the records as they are, one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = settings::load(Some(&args.settings.config))?;
    let mut found = Found::default();
    let is_wanted = |record: &FeedbackRecord| {
        args.identity_id.as_ref().is_none_or(|wanted| record.identity_id == *wanted)
    };
    let take = |_: Option<&[u8]>, value: Option<&[u8]>| match value.map(FeedbackRecord::read) {
        Some(Ok(record)) if is_wanted(&record) => found.add(record),
        Some(Err(_)) => found.unreadable += 1,
        Some(Ok(_)) | None => {}
    };
    topic::read_to_end(&config, &config.topics.feedback, "feedback", take)?;
    found.sort();
    let mut out = stdout().lock();
    if args.json {
        for record in &found.records {
            out.write_all(&record.to_bytes()?)?;
            writeln!(out)?;
        }
    } else {
        write(&mut out, &found)?;
    }
    Ok(Exit::Ok)
}

#[derive(Default)]
struct Found {
    records: Vec<FeedbackRecord>,
    left_out: usize,
    unreadable: u64,
}

impl Found {
    fn add(&mut self, record: FeedbackRecord) {
        self.records.push(record);
        if self.records.len() >= 2 * MAX_SHOWN {
            self.sort();
        }
    }

    /// Puts the oldest first, and drops those beyond what is shown.
    fn sort(&mut self) {
        self.records.sort_by(|one, other| one.at.cmp(&other.at));
        let surplus = self.records.len().saturating_sub(MAX_SHOWN);
        self.records.drain(..surplus);
        self.left_out += surplus;
    }
}

fn write(out: &mut impl Write, found: &Found) -> std::io::Result<()> {
    if !found.records.is_empty() {
        let mut table = table(&["at", "verdict", "identity", "about", "until", "by", "reason"]);
        for record in &found.records {
            table.add_row(row(record));
        }
        writeln!(out, "{table}\n")?;
    }
    write!(out, "{} records", grouped(found.records.len() as u64))?;
    if found.left_out > 0 {
        write!(out, "; {} older ones are not shown", grouped(found.left_out as u64))?;
    }
    if found.unreadable > 0 {
        write!(out, "; {} could not be read", grouped(found.unreadable))?;
    }
    writeln!(out, ".")
}

fn row(record: &FeedbackRecord) -> [String; 7] {
    let about = match (&record.incident_uid, &record.detector) {
        (Some(uid), _) => format!("incident {uid}"),
        (None, Some(detector)) => format!("detector {detector}"),
        (None, None) => "all".into(),
    };
    let until = record.until.as_deref().unwrap_or("-");
    [&record.at, &record.verdict, &record.identity_id, &about, until, &record.by, &record.reason]
        .map(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_shown_in_order_of_time_and_safely() {
        let record = |at: &str, reason: &str| {
            format!(
                r#"{{"schema":"nhi.feedback/1","identity_id":"linux:web:a","verdict":"mute","detector":"volume-burst",
                "by":"ana","reason":"{reason}","at":"{at}"}}"#
            )
        };
        let mut found = Found::default();
        for (at, reason) in [("2026-02-01T00:00:00Z", "later"), ("2026-01-01T00:00:00Z", r"sooner\u001b[2J")]
        {
            found.add(FeedbackRecord::read(record(at, reason).as_bytes()).unwrap());
        }
        found.sort();
        let mut text = Vec::new();
        write(&mut text, &found).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.find("sooner") < text.find("later"), "{text}");
        assert!(text.contains("detector volume-burst") && text.ends_with("2 records.\n"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
