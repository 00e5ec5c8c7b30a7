//! `topics create|check`.

use super::exit::{Exit, Failure};
use super::settings;

/// Topics.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create the topics that are missing, then check all; exit with 1 where one is not as it should be.
    Create(settings::Required),
    /// Check that all topics are there with the right cleanup policy; exit with 1 where one is not.
    Check(settings::Required),
}
