//! Reads changelogs for a worker, as [`crate::kafka`]'s restorer does: ask where it ends, wait for pending transactions, read.

use std::collections::BTreeMap;

use super::broker::{Broker, Topic};
use super::dice::Dice;
use crate::runtime::log::{Restored, Source};

/// Records that one step hands over at most, of each partition.
const CHUNK: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Progress {
    Asked,
    /// A transaction before `end` is pending.
    Pending {
        end: i64,
    },
    Reading {
        next: i64,
    },
}

/// Reads several changelogs at a time.
#[derive(Debug, Default)]
pub(super) struct Restorer(BTreeMap<Source, Progress>);

impl Restorer {
    pub(super) fn begin(&mut self, source: Source) {
        self.0.insert(source, Progress::Asked);
    }

    pub(super) fn stop(&mut self, sources: &[Source]) {
        self.0.retain(|source, _| !sources.contains(source));
    }

    pub(super) fn next(
        &mut self,
        broker: &Broker,
        dice: &mut Dice,
        on_record: &mut dyn FnMut(Source, Restored<'_>),
    ) {
        self.0.retain(|source, progress| {
            let place = (Topic::State, source.partition);
            *progress = match *progress {
                Progress::Asked => Progress::Pending { end: broker.high_watermark(place) },
                Progress::Pending { end } if broker.stable(place) >= end => Progress::Reading { next: 0 },
                waiting @ Progress::Pending { .. } => waiting,
                Progress::Reading { next } => {
                    let records = 1 + dice.below(CHUNK);
                    let next = read(broker, *source, next, records, on_record);
                    Progress::Reading { next }
                }
            };
            let is_done =
                matches!(progress, Progress::Reading { next } if broker.next(place, *next).is_none());
            if is_done {
                on_record(*source, Restored::Done);
            }
            !is_done
        });
    }
}

fn read(
    broker: &Broker,
    source: Source,
    mut next: i64,
    records: usize,
    on_record: &mut dyn FnMut(Source, Restored<'_>),
) -> i64 {
    for _ in 0..records {
        let Some(entry) = broker.next((Topic::State, source.partition), next) else { return next };
        on_record(source, Restored::Record(&entry.key, entry.value.as_deref()));
        next = entry.offset + 1;
    }
    next
}
