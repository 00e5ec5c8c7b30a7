//! `feedback`: what an analyst decided about an identity, written to the feedback topic; and what was written.

mod list;

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::{Context, anyhow};
use humantime_serde::re::humantime::parse_duration;

use super::exit::{Exit, Failure};
use super::settings;
use crate::config::Config;
use crate::kafka;
use crate::monitor::Verdict;
use crate::runtime::clock;
use crate::time::ProcessingTime;
use crate::wire::FeedbackRecord;
use crate::wire::feedback::{Arrival, SCHEMA};

/// Feedback.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) enum Command {
    /// It is legitimate: close the incident, and take what it brought into the baseline at once.
    Accept(Accept),
    /// Raise nothing for a while: signals are counted, and teach nothing.
    Mute(Mute),
    /// Take back what was accepted or muted.
    Reopen(Reopen),
    /// List the feedback in the topic.
    List(list::Args),
}

const EXAMPLES: &str = "\
Examples:
  nhi-monitor feedback accept -c nhi-monitor.toml arn:aws:iam::111122223333:role/deploy \\
      --incident 5f0c2f6f9d3e4b71a2b3c4d5e6f70819 --reason 'new region, change 4711'
  nhi-monitor feedback mute -c nhi-monitor.toml linux:web:backup --detector volume-burst \\
      --until 7d --reason migration
  nhi-monitor feedback reopen -c nhi-monitor.toml linux:web:backup --reason 'no migration'
  nhi-monitor feedback list -c nhi-monitor.toml linux:web:backup

The monitor takes it within seconds; a closed incident is reported on the alerts topic. Exit codes: 0 Kafka has it; \
1 it could not be written; 2 the command line or the settings are wrong.";

#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    settings: settings::Required,
    /// Identity, as alerts name it in `resources[0].uid`.
    identity_id: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decided (default: the user of this session).
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Accept {
    #[command(flatten)]
    common: Common,
    /// Incident, as alerts name it in finding_info.uid (default: the one that the identity has).
    #[arg(long, value_name = "UID")]
    incident: Option<String>,
    /// End of it: a duration (30d) or a time (2026-01-31T09:30:00Z); lasts without it.
    #[arg(long, value_name = "END", value_parser = end)]
    until: Option<End>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Mute {
    #[command(flatten)]
    common: Common,
    /// Detector (default: all of the identity).
    #[arg(long, value_name = "ID")]
    detector: Option<String>,
    /// End of it: a duration or a time (default: 30d), at most 400d.
    #[arg(long, value_name = "END", value_parser = end)]
    until: Option<End>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reopen {
    #[command(flatten)]
    common: Common,
    /// Incident that was accepted (default: all that was said of the identity).
    #[arg(long, value_name = "UID", conflicts_with = "detector")]
    incident: Option<String>,
    /// Detector that was muted.
    #[arg(long, value_name = "ID")]
    detector: Option<String>,
}

/// The end of a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    After(Duration),
    At(ProcessingTime),
}

fn end(text: &str) -> Result<End, String> {
    if let Some(time) = ProcessingTime::parse_rfc3339(text) {
        return Ok(End::At(time));
    }
    parse_duration(text)
        .map(End::After)
        .map_err(|_| "write a duration as in 30d, or a time as in 2026-01-31T09:30:00Z".into())
}

impl End {
    fn time(self, now: ProcessingTime) -> ProcessingTime {
        match self {
            Self::At(time) => time,
            Self::After(span) => now.plus_millis(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

pub(super) fn run(command: &Command) -> Result<Exit, Failure> {
    let now = clock::now();
    let (common, record) = match command {
        Command::List(args) => return list::run(args),
        Command::Accept(args) => {
            let record = record(&args.common, Verdict::Accept, now)?;
            (
                &args.common,
                FeedbackRecord { incident_uid: args.incident.clone(), ..ending(record, args.until, now) },
            )
        }
        Command::Mute(args) => {
            let record = record(&args.common, Verdict::Mute, now)?;
            (
                &args.common,
                FeedbackRecord { detector: args.detector.clone(), ..ending(record, args.until, now) },
            )
        }
        Command::Reopen(args) => {
            let record = record(&args.common, Verdict::Reopen, now)?;
            let (incident_uid, detector) = (args.incident.clone(), args.detector.clone());
            (&args.common, FeedbackRecord { incident_uid, detector, ..record })
        }
    };
    record.check(Arrival { received: now, skew_ms: 0 }).map_err(|error| Failure::Usage(error.into()))?;
    publish(&settings::load(Some(&common.settings.config))?, &record)
}

fn publish(config: &Config, record: &FeedbackRecord) -> Result<Exit, Failure> {
    kafka::feedback(config, record).context("the feedback was not written")?;
    let mut out = stdout().lock();
    out.write_all(&record.to_bytes()?)?;
    writeln!(out)?;
    Ok(Exit::Ok)
}

fn record(common: &Common, verdict: Verdict, now: ProcessingTime) -> Result<FeedbackRecord, Failure> {
    Ok(FeedbackRecord {
        schema: SCHEMA.into(),
        identity_id: common.identity_id.clone(),
        verdict: verdict.as_str().into(),
        incident_uid: None,
        detector: None,
        until: None,
        by: common
            .by
            .clone()
            .or_else(user)
            .ok_or_else(|| Failure::Usage(anyhow!("say who decided: --by NAME")))?,
        reason: common.reason.clone(),
        at: now.to_rfc3339(),
    })
}

fn ending(record: FeedbackRecord, until: Option<End>, now: ProcessingTime) -> FeedbackRecord {
    FeedbackRecord { until: until.map(|end| end.time(now).to_rfc3339()), ..record }
}

/// The user of this session, as the environment names it.
fn user() -> Option<String> {
    let named = |name: &str| std::env::var_os(name)?.into_string().ok().filter(|name| !name.is_empty());
    named("USER").or_else(|| named("LOGNAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_duration_or_a_time() {
        let now = ProcessingTime::parse_rfc3339("2026-01-31T09:30:00Z").unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(end(text).map(|end| end.time(now).to_rfc3339()).as_deref(), Ok(expected), "{text}");
        };
        check("30d", "2026-03-02T09:30:00.000Z");
        check("1h 30m", "2026-01-31T11:00:00.000Z");
        check("2026-02-01T00:00:00+01:00", "2026-01-31T23:00:00.000Z");
        assert!(end("tomorrow").unwrap_err().contains("30d"));
    }
}
