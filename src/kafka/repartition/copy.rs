//! The copy itself, and the look at what came of it.

use super::census::{Census, Count};
use super::deployment::Before;
use super::reader::{Reader, Sink};
use super::{Error, Progress, Side, number};
use crate::config::Config;
use crate::kafka::client::WorkerName;
use crate::kafka::transaction::Transactions;
use crate::runtime::log::{OutRecord, Output};
use crate::runtime::{Observer, StageKind, Unobserved};
use crate::term::partition_of;
use crate::wire::snapshot::facts::{Facts, Merged, Subject, check_version};

/// Bytes of one transaction: written within a second or so, as the coordinator ends what stays open for ten.
const MAX_TRANSACTION_BYTES: u64 = 8 << 20;

/// What was copied, to be compared with what is found.
pub(super) struct Copied {
    pub(super) old: Side,
    pub(super) new: Side,
    count: Count,
    facts: Facts,
}

/// Copies the state of `old` into that of `new`.
pub(super) fn copy(
    old: &Config,
    new: &Config,
    before: &Before,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Copied, Error> {
    let partitions = (before.partitions(), usize::try_from(new.topics.partitions).unwrap_or_default());
    let mut copy = Copy {
        partitions,
        old: Side { topic: old.topics.state.clone(), partitions: partitions.0, ..Side::default() },
        writer: Writer::start(new, partitions.1)?,
        census: Census::default(),
        facts: Facts::default(),
        merged: Merged::default(),
    };
    let progress = Progress { is_check: false, done: 0, total: before.state_records() };
    Reader::new(old, progress)?.read(partitions.0, &mut copy, on_progress)?;
    copy.finish()
}

/// Reads what was written, and compares it with what was copied. Gives the number of identities in the fullest partition.
pub(super) fn verify(
    new: &Config,
    copied: &Copied,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<u64, Error> {
    let mut check = Check { copied, census: Census::default(), facts: Facts::default() };
    let progress = Progress { is_check: true, done: 0, total: copied.new.records };
    Reader::new(new, progress)?.read(copied.new.partitions, &mut check, on_progress)?;
    let found = check.census.count();
    if found == copied.count {
        return Ok(check.census.fullest());
    }
    Err(differs(format!("{} identities were read, {} are there", copied.count.keys, found.keys)))
}

struct Copy {
    /// Of the old topic, and of the new.
    partitions: (usize, usize),
    old: Side,
    writer: Writer,
    census: Census,
    /// Of the partition being read.
    facts: Facts,
    merged: Merged,
}

impl Copy {
    fn finish(mut self) -> Result<Copied, Error> {
        let (facts, left_out) = self.merged.finish();
        self.writer.share(&facts)?;
        self.writer.commit()?;
        let count = self.census.count();
        self.old.scopes = facts.scopes() + left_out;
        self.old.identities = count.keys;
        let new = Side { identities: count.keys, scopes: facts.scopes(), ..self.writer.written };
        Ok(Copied { old: self.old, new, count, facts })
    }
}

impl Sink for Copy {
    fn record(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        self.old.records += 1;
        self.old.bytes += bytes(key, value);
        let refused = |source| Error::Record { partition, source };
        check_version(value).map_err(refused)?;
        match Subject::of(key).map_err(refused)? {
            Subject::Identity(id) => {
                check_place(&self.old, partition, id)?;
                self.census.take(key, value);
                self.writer.send(partition_of(id, self.partitions.1), key, value)
            }
            Subject::Shared => self.facts.take(key, value).map_err(refused),
            Subject::Budget => Ok(()),
        }
    }

    fn idle(&mut self) -> Result<(), Error> {
        self.writer.commit()
    }

    fn end_partition(&mut self, partition: i32) -> Result<(), Error> {
        let mut facts = std::mem::take(&mut self.facts);
        facts.keep_own_findings(usize::try_from(partition).unwrap_or_default(), self.partitions.0);
        self.merged.add(facts);
        self.census.end_partition();
        self.writer.commit()
    }
}

struct Check<'a> {
    copied: &'a Copied,
    census: Census,
    facts: Facts,
}

impl Sink for Check<'_> {
    fn record(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let refused = |source| Error::Record { partition, source };
        match Subject::of(key).map_err(refused)? {
            Subject::Identity(id) => {
                check_place(&self.copied.new, partition, id)?;
                self.census.take(key, value);
                Ok(())
            }
            Subject::Shared => self.facts.take(key, value).map_err(refused),
            Subject::Budget => Ok(()),
        }
    }

    fn idle(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn end_partition(&mut self, partition: i32) -> Result<(), Error> {
        self.census.end_partition();
        if std::mem::take(&mut self.facts) == self.copied.facts {
            return Ok(());
        }
        Err(differs(format!(
            "partition {partition} does not know the log sources, inputs and losses that it should"
        )))
    }
}

/// Writes the new state.
struct Writer {
    transactions: Transactions,
    written: Side,
    is_open: bool,
    /// Of [`Side::bytes`], those that are committed.
    committed: u64,
}

impl Writer {
    fn start(new: &Config, partitions: usize) -> Result<Self, Error> {
        let name = format!("{}-repartition", new.kafka.application_id);
        // A second copy at the same time fences the first.
        let name = WorkerName { group: name.clone(), transactional_id: name, static_member: None };
        let observer: std::sync::Arc<dyn Observer> = std::sync::Arc::new(Unobserved);
        let transactions = Transactions::start(new, StageKind::Monitor, &name, &observer)?;
        let written = Side { topic: new.topics.state.clone(), partitions, ..Side::default() };
        Ok(Self { transactions, written, is_open: false, committed: 0 })
    }

    fn send(&mut self, partition: usize, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        if !self.is_open {
            self.transactions.begin()?;
            self.is_open = true;
        }
        self.transactions.send(&OutRecord {
            output: Output::State,
            partition: Some(number(partition)),
            key: Some(key.to_vec()),
            value: value.map(<[u8]>::to_vec),
            headers: Vec::new(),
        })?;
        self.written.records += 1;
        self.written.bytes += bytes(key, value);
        if self.written.bytes - self.committed >= MAX_TRANSACTION_BYTES { self.commit() } else { Ok(()) }
    }

    /// Writes what every partition knows to each of them.
    fn share(&mut self, facts: &Facts) -> Result<(), Error> {
        let changes = facts.changes().map_err(|error| differs(error.to_string()))?;
        for partition in 0..self.written.partitions {
            for change in &changes {
                self.send(partition, &change.key, change.value.as_deref())?;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        if self.is_open {
            self.transactions.commit_outputs()?;
            self.is_open = false;
            self.committed = self.written.bytes;
        }
        Ok(())
    }
}

/// Whether an identity lies in the partition that it belongs to.
fn check_place(side: &Side, partition: i32, id: &str) -> Result<(), Error> {
    let belongs = partition_of(id, side.partitions);
    if number(belongs) == partition {
        return Ok(());
    }
    Err(Error::Misplaced { topic: side.topic.clone(), partition, belongs, partitions: side.partitions })
}

fn bytes(key: &[u8], value: Option<&[u8]>) -> u64 {
    (key.len() + value.map_or(0, <[u8]>::len)) as u64
}

fn differs(what: String) -> Error {
    Error::Differs { what }
}
