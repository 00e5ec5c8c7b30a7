//! `topics create|check`.

use std::io::{Write, stdout};

use super::exit::{Exit, Failure};
use super::settings;
use crate::kafka::topics;

/// Topics.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create the topics that are missing, then check all; exit with 1 where one is not as it should be.
    Create(settings::Required),
    /// Check that all topics are there with the right cleanup policy; exit with 1 where one is not.
    Check(settings::Required),
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let (args, create) = match command {
        Command::Create(args) => (args, true),
        Command::Check(args) => (args, false),
    };
    let config = settings::load(Some(&args.config))?;
    let report = topics::examine(&config, create)?;
    write!(stdout().lock(), "{report}")?;
    Ok(if report.is_fit() { Exit::Ok } else { Exit::Findings })
}
