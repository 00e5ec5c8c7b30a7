//! Reads a changelog, one partition after the other, each to its end.

use std::time::Duration;

use super::{Error, Progress, number};
use crate::config::Config;
use crate::kafka::restore::Restorer;
use crate::runtime::clock::{Clock as _, SystemClock};
use crate::runtime::log::{self, Restored, Source};

/// One stretch of reading: progress is shown, and what is open is ended, between them.
const STRETCH: Duration = Duration::from_millis(100);
/// How long reading may stand still: a broker that restarts, or a transaction that must time out, is done by then.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Takes in what is read.
pub(super) trait Sink {
    /// One record of the partition.
    fn record(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) -> Result<(), Error>;
    /// Nothing came for a while.
    fn idle(&mut self) -> Result<(), Error>;
    /// The partition was read to its end.
    fn end_partition(&mut self, partition: i32) -> Result<(), Error>;
}

/// Reads one changelog topic.
pub(super) struct Reader<'a> {
    topic: &'a str,
    restorer: Restorer,
    clock: SystemClock,
    progress: Progress,
}

impl<'a> Reader<'a> {
    /// A reader of `config`'s state. `progress` is where to start counting.
    pub(super) fn new(config: &'a Config, progress: Progress) -> Result<Self, Error> {
        let group = format!("{}-repartition", config.kafka.application_id);
        let topic = &config.topics.state;
        let restorer = Restorer::new(&config.kafka, &group, topic)?;
        Ok(Self { topic, restorer, clock: SystemClock::start(), progress })
    }

    /// Reads partitions 0 to `partitions`, exclusive, into `sink`.
    pub(super) fn read(
        &mut self,
        partitions: usize,
        sink: &mut dyn Sink,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        for partition in (0..partitions).map(number) {
            self.read_partition(partition, sink, on_progress)?;
            sink.end_partition(partition)?;
        }
        Ok(())
    }

    fn read_partition(
        &mut self,
        partition: i32,
        sink: &mut dyn Sink,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        self.restorer.begin(Source { topic: 0, partition });
        let mut moved = self.clock.monotonic();
        loop {
            let (records, is_done) = self.stretch(partition, sink)?;
            self.progress.done += records;
            on_progress(self.progress);
            if is_done {
                return Ok(());
            }
            let now = self.clock.monotonic();
            if records > 0 {
                moved = now;
            } else if now.saturating_sub(moved) > STALL_TIMEOUT {
                let (topic, secs) = (self.topic.to_owned(), STALL_TIMEOUT.as_secs());
                return Err(Error::Stalled { topic, partition, secs });
            } else {
                sink.idle()?;
            }
        }
    }

    /// Reads for a while; how many records there were, and whether the end was reached.
    fn stretch(&mut self, partition: i32, sink: &mut dyn Sink) -> Result<(u64, bool), Error> {
        let (mut records, mut is_done, mut refused) = (0, false, Ok(()));
        let outcome = self.restorer.next(STRETCH, &mut |_, restored| match restored {
            Restored::Record(key, value) => {
                records += 1;
                if refused.is_ok() {
                    refused = sink.record(partition, key, value);
                }
            }
            Restored::Done => is_done = true,
        });
        refused?;
        match outcome {
            // The library goes on by itself; where it does not, reading stands still.
            Ok(()) | Err(log::Error::Transient { .. }) => Ok((records, is_done)),
            Err(error) => Err(error.into()),
        }
    }
}
