//! The command line: one file per command.

mod backfill;
mod backtest;
mod config;
pub mod demo;
mod detectors;
mod digest;
mod evaluate;
mod exit;
mod feedback;
pub mod generate;
mod replay;
mod run;
mod scan;
mod settings;
mod table;
mod topic;
mod topics;
mod unused;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};

/// Watches what non-human identities do: service accounts, roles, keys, workloads, pipelines.
///
/// Logs come in over Kafka or from files; every identity gets a baseline of its own; out go alerts for analysts,
/// metrics, and when each identity was last used.
#[derive(Debug, Parser)]
#[command(name = "nhi-monitor", version, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor demo                                    see it at work; nothing to install
  nhi-monitor scan /var/log/auth.log AWSLogs/         look into files, no Kafka needed
  nhi-monitor config default > nhi-monitor.toml       all settings, with what they are for
  nhi-monitor topics check -c nhi-monitor.toml        are the topics as they should be?
  nhi-monitor backfill -c nhi-monitor.toml AWSLogs/   learn months of history before the first day
  nhi-monitor unused -c nhi-monitor.toml              who has not been used for 90 days?

Exit codes:
  0  done
  1  done, and a check found something; or it failed on the way
  2  the command line or the settings are wrong, or nothing could be read
`unused` and `digest` have two more: see their help.

Settings can be overridden by the environment: NHI_MONITOR__KAFKA__BROKERS=kafka-1:9092 \
sets kafka.brokers; see `nhi-monitor config --help`.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything in one process: an embedded broker, a made-up company, incidents.
    Demo(demo::Args),
    /// Run the service: read logs from Kafka, write alerts and last-seen records to Kafka.
    Run(run::Args),
    /// Look through log files and folders, and report; the same detection as with Kafka.
    Scan(scan::Args),
    /// Replay logs under two sets of detectors, and say which alerts would be new, gone or graver.
    Backtest(backtest::Args),
    /// Feed archived logs into the input topics, so that the monitor learns the past; nobody is alerted.
    Backfill(backfill::Args),
    /// List identities that nobody uses, from the inventory topic.
    Unused(unused::Args),
    /// Write one message for each owner of unused identities.
    Digest(digest::Args),
    /// Accept, mute or reopen what the monitor found about an identity.
    #[command(subcommand)]
    Feedback(feedback::Command),
    /// List, explain or test the detectors.
    #[command(subcommand)]
    Detectors(detectors::Command),
    /// Check settings, or print the defaults or their schema.
    #[command(subcommand, after_help = config::ENVIRONMENT, after_long_help = config::ENVIRONMENT)]
    Config(config::Command),
    /// Write sample logs of a made-up company, with the truth about them.
    Generate(generate::Args),
    /// Measure detection on generated traffic with known attacks: what is found, what is false, how soon.
    Evaluate(evaluate::Args),
    /// Create or check the Kafka topics, or change the number of partitions.
    #[command(subcommand)]
    Topics(topics::Command),
}

/// Runs the command; errors go to standard error in one line each.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    exit::conclude(dispatch(cli.command))
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Run(args) => run::run(&args),
        Command::Unused(args) => unused::run(&args),
        Command::Digest(args) => digest::run(&args),
        Command::Feedback(command) => feedback::run(&command),
        Command::Generate(args) => generate::run(args).map(|_| Exit::Ok).map_err(Failure::from),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Topics(command) => topics::run(&command),
        Command::Backfill(args) => backfill::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Detectors(command) => detectors::run(&command),
        Command::Config(command) => config::run(&command),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Guarantees that the examples of all commands fit into the width of the help, and that no paragraph is broken by hand: broken again
    /// by the terminal's width it reads badly.
    #[test]
    fn examples_and_paragraphs_fit_into_a_terminal() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for (line, next) in help.lines().zip(help.lines().skip(1).chain([""])) {
                let name = command.get_name();
                let is_prose =
                    |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':');
                assert!(is_prose(line) || line.chars().count() <= 100, "{name}: {line}");
                assert!(!(is_prose(line) && is_prose(next)), "{name}: {line} / {next}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn every_command_explains_itself() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
