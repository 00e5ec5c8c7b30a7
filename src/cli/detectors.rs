//! `detectors list|show|test|schema`.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use console::Style;

use super::exit::{Exit, Failure};
use super::settings;
use super::table::{severity_style, table, width, wrapped};
use crate::detect::exception::Exception;
use crate::detect::scope::Scope;
use crate::detect::testing::{CaseResult, Expect};
use crate::detect::{Detector, Detectors};
use crate::monitor::rehearsal;
use crate::runtime::clock;
use crate::time::EventTime;
use crate::wire;

/// Its name among the schemas.
const SCHEMA: &str = "detector.schema.json";

/// Detectors.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// One line for each, with status, scope, exceptions and source.
    List {
        #[command(flatten)]
        folder: Folder,
        /// As JSON, with everything that is known of each.
        #[arg(long)]
        json: bool,
    },
    /// What one looks for, why, its blind spots and false positives, and what to do when it fires.
    Show {
        /// Id, as `detectors list` gives it.
        id: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// Run the tests that are embedded in the detectors; exit with 1 where one fails.
    Test {
        #[command(flatten)]
        folder: Folder,
        /// Only the detector with this id; may be given more than once.
        #[arg(long, value_name = "ID")]
        only: Vec<String>,
    },
    /// Print the JSON Schema of a detector's file, for editors.
    Schema,
}

/// Where the detectors are.
#[derive(Debug, clap::Args)]
pub(super) struct Folder {
    /// Folder of detectors (*.yaml), laid over the built-in ones; these alone where none is named.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Folder {
    fn load(&self) -> Result<Detectors, Failure> {
        settings::detectors_of(self.folder.as_deref())
    }
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List { folder, json: true } => list_json(&folder.load()?),
        Command::List { folder, json: false } => list(&folder.load()?),
        Command::Show { id, folder } => {
            let detectors = folder.load()?;
            show(find(&detectors, id)?, source(&detectors, id))
        }
        Command::Test { folder, only } => test(&chosen(&folder.load()?, only)?),
        Command::Schema => schema(),
    }
}

fn schema() -> Result<Exit, Failure> {
    let schemas = wire::schemas();
    let (_, text) = schemas.iter().find(|(name, _)| *name == SCHEMA).context("there is no such schema")?;
    write!(stdout().lock(), "{text}")?;
    Ok(Exit::Ok)
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

fn source<'a>(detectors: &'a Detectors, id: &str) -> &'a str {
    detectors.file(id).unwrap_or("built-in")
}

fn list_json(detectors: &Detectors) -> Result<Exit, Failure> {
    #[derive(serde::Serialize)]
    struct Listed<'a> {
        source: &'a str,
        #[serde(flatten)]
        detector: &'a Detector,
    }
    let listed = |detector: &'_ Arc<Detector>| -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(Listed { source: source(detectors, &detector.id), detector })
    };
    let all = detectors.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
    writeln!(stdout().lock(), "{}", serde_json::to_string_pretty(&all)?)?;
    Ok(Exit::Ok)
}

fn list(detectors: &Detectors) -> Result<Exit, Failure> {
    let mut table = table(&["id", "severity", "status", "family", "scope", "exceptions", "source", "title"]);
    for detector in detectors.iter() {
        table.add_row([
            detector.id.as_str(),
            detector.severity.as_str(),
            detector.status.as_str(),
            detector.rule.family(),
            if detector.scope.is_everything() { "all" } else { "limited" },
            &detector.exceptions.len().to_string(),
            source(detectors, &detector.id),
            &detector.title,
        ]);
    }
    let mut out = stdout().lock();
    writeln!(out, "{table}")?;
    expired(&mut out, detectors)?;
    Ok(Exit::Ok)
}

/// Names the exceptions whose last day is over.
pub(super) fn expired(out: &mut impl Write, detectors: &Detectors) -> std::io::Result<()> {
    for (detector, exception) in detectors.expired(EventTime::from_millis(clock::now().millis())) {
        writeln!(out, "{}: an exception has expired: {}", detector.id, words(exception))?;
    }
    Ok(())
}

/// What an exception lets pass, why, and until when.
fn words(exception: &Exception) -> String {
    let fields = serde_json::to_value(exception).unwrap_or_default();
    let given = fields.as_object().into_iter().flatten();
    let given = given.map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()));
    given.collect::<Vec<_>>().join(", ")
}

/// What a scope takes in and leaves out, a line for each list.
fn lines(scope: &Scope) -> Vec<String> {
    let mut found = Vec::new();
    for (word, selector) in [("only", &scope.include), ("not", &scope.exclude)] {
        let lists = serde_json::to_value(selector).unwrap_or_default();
        for (name, list) in lists.as_object().into_iter().flatten() {
            let entries = list.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
            found.push(format!("{word} {name}: {}", entries.collect::<Vec<_>>().join(", ")));
        }
    }
    found
}

fn show(detector: &Detector, source: &str) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    let severity = severity_style(detector.severity).apply_to(detector.severity.as_str());
    writeln!(
        out,
        "{}  {severity}  {}",
        Style::new().bold().apply_to(&detector.title),
        detector.status.as_str()
    )?;
    let Detector { id, version, .. } = detector;
    writeln!(out, "{id} version {version}, family {}, {source}\n", detector.rule.family())?;
    paragraph(&mut out, &detector.description)?;
    for (heading, lines) in sections(detector) {
        if !lines.is_empty() {
            writeln!(out, "\n{}", Style::new().bold().apply_to(heading))?;
            bullets(&mut out, &lines)?;
        }
    }
    Ok(Exit::Ok)
}

fn sections(detector: &Detector) -> [(&'static str, Vec<String>); 10] {
    let attack = detector.attack.iter().map(|attack| {
        format!("{} {} ({} {})", attack.technique, attack.technique_name, attack.tactic, attack.tactic_name)
    });
    let tests = detector.tests.iter().map(|case| format!("{}: {}", expected(case.expect), case.name));
    [
        ("Why", vec![detector.rationale.clone()]),
        ("Blind spots", detector.blind_spots.clone()),
        ("False positives", detector.false_positives.clone()),
        ("Scope", lines(&detector.scope)),
        ("Exceptions", detector.exceptions.iter().map(words).collect()),
        ("What to do", detector.response.clone()),
        ("Runbook", detector.runbook.clone().into_iter().collect()),
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
                failure(&mut out, &detector.id, &result)?;
            }
        }
    }
    writeln!(out, "{} detectors, {run} tests, {failed} failed", detectors.len())?;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Findings })
}

/// What was expected and what came, one above the other.
fn failure(out: &mut impl Write, id: &str, result: &CaseResult) -> std::io::Result<()> {
    let CaseResult { name, signals, excepted, alerts, .. } = result;
    let (minus, plus) = (Style::new().red(), Style::new().green());
    writeln!(out, "FAILED {id}: {name}")?;
    writeln!(out, "  {} {}", minus.apply_to("- expected:"), expected(result.expected))?;
    let got = expected(result.got());
    writeln!(
        out,
        "  {} {got} ({signals} signals, {excepted} let pass by exceptions)",
        plus.apply_to("+ got:     ")
    )?;
    alerts.iter().try_for_each(|alert| writeln!(out, "      {alert}"))
}
