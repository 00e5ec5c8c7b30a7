//! `detectors list|show|test`.

use std::io::{Write, stdout};
use std::sync::Arc;

use anyhow::anyhow;
use console::Style;

use super::exit::{Exit, Failure};
use super::table::{severity_style, table, width, wrapped};
use crate::detect::detector::Status;
use crate::detect::testing::Expect;
use crate::detect::{Detector, Detectors};
use crate::monitor::rehearsal;

/// Detectors.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// One line for each.
    List {
        /// As JSON, with everything that is known of each.
        #[arg(long)]
        json: bool,
    },
    /// What one looks for, why, its blind spots and false positives, and what to do when it fires.
    Show {
        /// Id, as `detectors list` gives it.
        id: String,
    },
    /// Run the tests that are embedded in the detectors; exit with 1 where one fails.
    Test {
        /// Only these; all where none is named.
        ids: Vec<String>,
    },
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let detectors = Detectors::builtin()?;
    match command {
        Command::List { json: true } => list_json(&detectors),
        Command::List { json: false } => list(&detectors),
        Command::Show { id } => show(find(&detectors, id)?),
        Command::Test { ids } => test(&chosen(&detectors, ids)?),
    }
}

fn chosen(detectors: &Detectors, ids: &[String]) -> Result<Vec<Arc<Detector>>, Failure> {
    if ids.is_empty() {
        return Ok(detectors.iter().cloned().collect());
    }
    ids.iter().map(|id| find(detectors, id).cloned()).collect()
}

fn find<'a>(detectors: &'a Detectors, id: &str) -> Result<&'a Arc<Detector>, Failure> {
    detectors.get(id).ok_or_else(|| {
        let known: Vec<&str> = detectors.iter().map(|detector| detector.id.as_str()).collect();
        Failure::Usage(anyhow!("there is no detector `{id}`; known are {}", known.join(", ")))
    })
}

fn list_json(detectors: &Detectors) -> Result<Exit, Failure> {
    let all: Vec<&Detector> = detectors.iter().map(Arc::as_ref).collect();
    writeln!(stdout().lock(), "{}", serde_json::to_string_pretty(&all)?)?;
    Ok(Exit::Ok)
}

fn list(detectors: &Detectors) -> Result<Exit, Failure> {
    let mut table = table(&["id", "severity", "status", "family", "title"]);
    for detector in detectors.iter() {
        table.add_row([
            &detector.id,
            detector.severity.as_str(),
            status(detector.status),
            detector.rule.family(),
            &detector.title,
        ]);
    }
    writeln!(stdout().lock(), "{table}")?;
    Ok(Exit::Ok)
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Shadow => "shadow",
        Status::Disabled => "disabled",
    }
}

fn show(detector: &Detector) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    let severity = severity_style(detector.severity).apply_to(detector.severity.as_str());
    writeln!(
        out,
        "{}  {severity}  {}",
        Style::new().bold().apply_to(&detector.title),
        status(detector.status)
    )?;
    writeln!(out, "{} version {}, family {}\n", detector.id, detector.version, detector.rule.family())?;
    paragraph(&mut out, &detector.description)?;
    for (heading, lines) in sections(detector) {
        if !lines.is_empty() {
            writeln!(out, "\n{}", Style::new().bold().apply_to(heading))?;
            bullets(&mut out, &lines)?;
        }
    }
    Ok(Exit::Ok)
}

fn sections(detector: &Detector) -> [(&'static str, Vec<String>); 7] {
    let attack = detector.attack.iter().map(|attack| {
        format!("{} {} ({} {})", attack.technique, attack.technique_name, attack.tactic, attack.tactic_name)
    });
    let tests = detector.tests.iter().map(|case| format!("{}: {}", expected(case.expect), case.name));
    [
        ("Why", vec![detector.rationale.clone()]),
        ("Blind spots", detector.blind_spots.clone()),
        ("False positives", detector.false_positives.clone()),
        ("What to do", detector.response.clone()),
        ("MITRE ATT&CK", attack.collect()),
        ("OWASP NHI", detector.owasp_nhi.clone()),
        ("Tests", tests.collect()),
    ]
}

const fn expected(expect: Expect) -> &'static str {
    match expect {
        Expect::Fires => "fires",
        Expect::Quiet => "stays quiet",
    }
}

fn paragraph(out: &mut impl Write, text: &str) -> std::io::Result<()> {
    wrapped(text, width()).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn bullets(out: &mut impl Write, texts: &[String]) -> std::io::Result<()> {
    for text in texts {
        for (index, line) in wrapped(text, width() - 4).iter().enumerate() {
            writeln!(out, "  {} {line}", if index == 0 { "-" } else { " " })?;
        }
    }
    Ok(())
}

fn test(detectors: &[Arc<Detector>]) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    let (mut run, mut failed) = (0, 0);
    for detector in detectors {
        for result in rehearsal::run(detector) {
            run += 1;
            if !result.passed() {
                failed += 1;
                let (expected, signals) = (expected(result.expected), result.signals);
                writeln!(
                    out,
                    "FAILED {}: {}: expected: {expected}, got {signals} signals",
                    detector.id, result.name
                )?;
            }
        }
    }
    writeln!(out, "{} detectors, {run} tests, {failed} failed", detectors.len())?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Findings })
}
