//! Settings from a file and the environment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Failure;
use crate::config::{self, Config, ConfigFormat, Fault, Origin, Problem};
use crate::detect::Detectors;
use crate::enrich::Enrichment;
use crate::files;
use crate::kafka::client;

/// The settings file that a command needs.
#[derive(Debug, clap::Args)]
pub(super) struct Required {
    /// Settings file, TOML or YAML.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// Reads the settings file (defaults where there is none), overridden by this process's environment.
pub(super) fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (text, format) = match path {
        Some(path) => (read(path).map_err(Failure::Usage)?, format_of(path).map_err(Failure::Usage)?),
        None => (String::new(), ConfigFormat::Toml),
    };
    let name = path.map_or_else(|| "settings".into(), |path| path.display().to_string());
    let config =
        Config::load(&text, format, variables).map_err(|error| Failure::Usage(anyhow!("{name}: {error}")))?;
    check_properties(&config).map_err(|error| Failure::Usage(anyhow!("{name}: {error}")))?;
    Ok(config)
}

/// The detectors that the settings name: the built-in ones, with a folder laid over them where there is one.
pub(super) fn detectors(config: &Config) -> Result<Detectors, Failure> {
    detectors_of(config.detection.detectors.as_deref().map(Path::new))
}

/// The built-in detectors, with a folder laid over them where there is one.
pub(super) fn detectors_of(folder: Option<&Path>) -> Result<Detectors, Failure> {
    let read = folder.map_or_else(Detectors::builtin, files::detectors::load);
    read.map_err(|error| Failure::Usage(error.into()))
}

/// What the settings let know of addresses.
pub(super) fn enrichment(config: &Config) -> Result<Enrichment, Failure> {
    files::enrichment::load(&config.enrichment).map_err(|error| Failure::Usage(error.into()))
}

/// Properties are free in the settings: only the client library knows them all.
fn check_properties(config: &Config) -> Result<(), config::Error> {
    let problem = |(key, reason): (String, String)| Problem {
        key: format!("kafka.properties.{key}"),
        origin: Origin::default(),
        fault: Fault::WrongType(reason),
    };
    let problems: Vec<_> = client::refused_properties(&config.kafka).into_iter().map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(config::Error::Invalid(problems)) }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("settings file {} cannot be read", path.display()))
}

fn format_of(path: &Path) -> anyhow::Result<ConfigFormat> {
    ConfigFormat::of_name(&path.to_string_lossy())
        .with_context(|| format!("settings file {} must end in .toml, .yaml or .yml", path.display()))
}
