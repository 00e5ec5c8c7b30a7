//! `topics create|check|repartition`.

mod repartition;

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
    /// Copy the state into topics with another number of partitions, while everything is stopped.
    Repartition(repartition::Args),
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let (args, create) = match command {
        Command::Create(args) => (args, true),
        Command::Check(args) => (args, false),
        Command::Repartition(args) => return repartition::run(args),
    };
    let config = settings::load(Some(&args.config))?;
    let mut wanted = topics::wanted(&config.topics);
    // The service does without it: only who wants to feed in an archive misses it.
    wanted.extend(create.then(|| topics::wanted_by_backfill(&config.topics)));
    let report = topics::examine_these(&config, &wanted, create)?;
    write!(stdout().lock(), "{report}")?;
    Ok(if report.is_fit() { Exit::Ok } else { Exit::Findings })
}
