//! `config check|default|schema`.

use std::io::{self, Write, stdout};

use super::detectors::expired;
use super::exit::{Exit, Failure};
use super::settings;
use crate::config::{default_toml, json_schema};
use crate::enrich::Enrichment;

pub(super) const ENVIRONMENT: &str = "\
Environment:
  NHI_MONITOR__SECTION__KEY=VALUE overrides one setting. Texts stand as they are; lists and maps
  are JSON or TOML:
    NHI_MONITOR__KAFKA__BROKERS=kafka-1:9092,kafka-2:9092
    NHI_MONITOR__TOPICS__INPUTS='[{\"topic\": \"cloudtrail\", \"format\": \"auto\"}]'
  Below kafka.properties one underscore stands for a dot:
    NHI_MONITOR__KAFKA__PROPERTIES__SASL_PASSWORD=...      (sasl.password)";

/// Settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Read settings, name every problem, and exit with 2 where there is one.
    Check(settings::Required),
    /// Print all settings at their defaults, as TOML with comments.
    Default,
    /// Print the JSON Schema of the settings, for editors.
    Schema,
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let mut out = stdout().lock();
    match command {
        Command::Check(args) => {
            let config = settings::load(Some(&args.config))?;
            let inputs: Vec<&str> = config.topics.inputs.iter().map(|input| input.topic.as_str()).collect();
            let detectors = settings::detectors(&config)?;
            let enrichment = settings::enrichment(&config)?;
            writeln!(
                out,
                "{}: ok; reads {} at {}, with {} detectors",
                args.config.display(),
                inputs.join(", "),
                config.kafka.brokers,
                detectors.iter().count()
            )?;
            knows(&mut out, &enrichment)?;
            expired(&mut out, &detectors)?;
        }
        Command::Default => out.write_all(default_toml().as_bytes())?,
        Command::Schema => writeln!(out, "{:#}", json_schema())?,
    }
    Ok(Exit::Ok)
}

/// Tells what is known of addresses, and as of when.
fn knows(out: &mut impl Write, enrichment: &Enrichment) -> io::Result<()> {
    let databases = [("autonomous systems", &enrichment.systems), ("countries", &enrichment.countries)];
    for (what, database) in databases {
        if let Some(database) = database {
            writeln!(out, "{what} of addresses as of {}", database.built().to_rfc3339())?;
        }
    }
    if !enrichment.lists.is_empty() {
        writeln!(out, "{} networks on lists", enrichment.lists.prefixes())?;
    }
    Ok(())
}
