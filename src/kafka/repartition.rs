//! Copies the state into a topic with another number of partitions. See `docs/adr/0007-repartition.md`.
//!
//! ```text
//!  check: nobody runs, activities read to their end, target empty
//!  copy:  identities to their new partitions, log sources and inputs merged into all of them
//!  check: the target is read again and compared; still nobody runs
//! ```

mod census;
mod copy;
mod deployment;
mod reader;

use rdkafka::error::KafkaError;

use self::copy::{Copied, copy, verify};
use self::deployment::{Deployment, check_settings};
use super::failure;
use super::topics;
use crate::config::Config;
use crate::runtime::clock::{Clock as _, SystemClock};
use crate::runtime::log;
use crate::wire::snapshot;

/// Why the state was not copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The two settings do not fit together.
    #[error("{key}: {why}")]
    Settings {
        /// The key that is wrong, in the new settings.
        key: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A topic is missing or not as it should be.
    #[error(transparent)]
    Topics(#[from] topics::Error),
    /// The brokers did not answer, or refused.
    #[error("{action}: {detail}")]
    Kafka {
        /// What was being done.
        action: &'static str,
        /// The client's words.
        detail: String,
    },
    /// Instances are running.
    #[error(
        "group `{group}` has members ({members}): stop all instances first; one with kafka.instance_id stays a member until \
         its session ends, 45 s after its stop by default"
    )]
    Running {
        /// Consumer group.
        group: String,
        /// Client ids and addresses of its members, some of them.
        members: String,
    },
    /// Activities were not monitored yet, and would be lost.
    #[error(
        "up to {messages} messages of `{topic}` are not monitored yet: run `nhi-monitor run --stage monitor` with the old \
         settings until lag is 0, and no ingest beside it; then stop it"
    )]
    Undrained {
        /// Topic of activities.
        topic: String,
        /// Messages and transaction markers between what is committed and the end.
        messages: i64,
    },
    /// A transaction of a process that was killed has not ended yet.
    #[error(
        "a transaction in `{topic}` is still open after {secs} s: try again once the broker has ended it"
    )]
    Pending {
        /// Topic.
        topic: String,
        /// How long it was waited for.
        secs: u64,
    },
    /// The target holds something.
    #[error(
        "topic `{topic}` is not empty: the state is copied into fresh topics only, and a copy that broke off is not resumed; \
         delete `topics.state` and `topics.activity` of the new settings and start over"
    )]
    NotEmpty {
        /// Topic.
        topic: String,
    },
    /// A state record cannot be copied.
    #[error("partition {partition} of the state: {source}")]
    Record {
        /// Its partition.
        partition: i32,
        /// What is wrong with it.
        source: snapshot::Error,
    },
    /// Identities are not where they belong: their newest state cannot be told.
    #[error(
        "partition {partition} of `{topic}` holds an identity that belongs to partition {belongs} of {partitions}: were \
         partitions added with another tool? What it holds cannot be told apart from what is outdated; the way out is a reset"
    )]
    Misplaced {
        /// Topic of the state.
        topic: String,
        /// Where it was found.
        partition: i32,
        /// Where it should be.
        belongs: usize,
        /// Partitions of the topic.
        partitions: usize,
    },
    /// The state cannot be read or written.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// Reading stands still.
    #[error("partition {partition} of `{topic}`: no record for {secs} s, and its end is not reached")]
    Stalled {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// How long it was waited for.
        secs: u64,
    },
    /// What was read again is not what was copied.
    #[error("the copy is not what was copied: {what}")]
    Differs {
        /// What is different.
        what: String,
    },
    /// The copy was begun and is not to be used.
    #[error("{source}; the copy is not complete: delete `{state}` and `{activity}`, and start over")]
    Incomplete {
        /// Why.
        source: Box<Error>,
        /// Topic of the new state.
        state: String,
        /// Topic of the new activities.
        activity: String,
    },
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whether the copy is being read again.
    pub is_check: bool,
    /// Records done.
    pub done: u64,
    /// Records in all, at most: transaction markers count.
    pub total: u64,
}

/// The state on one side of the copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Topic.
    pub topic: String,
    /// Its partitions.
    pub partitions: usize,
    /// Identities that it holds.
    pub identities: u64,
    /// Log sources that are known.
    pub scopes: usize,
    /// Records read or written, outdated ones included.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The old state.
    pub old: Side,
    /// The new state.
    pub new: Side,
    /// Most identities in one new partition.
    pub fullest: u64,
    /// Seconds that the copy and its check took.
    pub secs: f64,
}

/// Copies the state of `old` into the topic that `new` names. Blocks until it is checked.
///
/// # Errors
/// Where the settings do not fit together, instances run, activities are left, the target holds something, or Kafka does
/// not do its part. Nothing is ever written to the topics of `old`.
pub fn repartition(
    old: &Config,
    new: &Config,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Outcome, Error> {
    check_settings(old, new)?;
    let deployment = Deployment::find(old)?;
    deployment.check_target(new)?;
    let before = deployment.check_stopped()?;
    deployment.create_target(new)?;
    let clock = SystemClock::start();
    let done = copy(old, new, &before, on_progress).and_then(|copied| {
        let fullest = verify(new, &copied, on_progress)?;
        deployment.check_unchanged(&before)?;
        Ok((copied, fullest))
    });
    let (Copied { old, new, .. }, fullest) = done.map_err(|source| incomplete(source, new))?;
    Ok(Outcome { old, new, fullest, secs: clock.monotonic().as_secs_f64() })
}

fn incomplete(source: Error, new: &Config) -> Error {
    let (state, activity) = (new.topics.state.clone(), new.topics.activity.clone());
    Error::Incomplete { source: Box::new(source), state, activity }
}

/// The client met trouble.
fn kafka(action: &'static str) -> impl FnOnce(KafkaError) -> Error {
    move |error| Error::Kafka { action, detail: failure::words(&error) }
}

/// Partitions as Kafka counts them.
fn number(partition: usize) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
