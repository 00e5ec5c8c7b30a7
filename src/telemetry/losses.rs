//! What was gone before it was read.

use std::collections::HashMap;

use prometheus::IntCounter;

use crate::config::Topics;
use crate::runtime::log::LossReason;

use super::catalog;
use super::families::Families;
use super::metrics::OTHER;

/// Losses and offsets lost, by topic and reason; all from 0, so that the first one shows as an increase.
pub(super) struct Losses {
    counters: HashMap<(String, &'static str), (IntCounter, IntCounter)>,
}

impl Losses {
    /// Counters of the topics that stages read.
    pub(super) fn new(families: &mut Families, topics: &Topics) -> Self {
        let (losses, offsets) =
            (families.counters(&catalog::LOSSES), families.counters(&catalog::LOST_OFFSETS));
        let inputs = topics.inputs.iter().map(|input| input.topic.as_str());
        let names = inputs.chain([
            topics.inventory.as_str(),
            topics.feedback.as_str(),
            topics.activity.as_str(),
            OTHER,
        ]);
        let series = names.flat_map(|topic| LossReason::CERTAIN.map(|reason| (topic, reason.as_str())));
        let counters = series.map(|(topic, reason)| {
            let handles =
                (losses.with_label_values(&[topic, reason]), offsets.with_label_values(&[topic, reason]));
            ((topic.to_owned(), reason), handles)
        });
        Self { counters: counters.collect() }
    }

    /// Messages of a topic were lost.
    pub(super) fn lost(&self, topic: &str, reason: &'static str, offsets: u64) {
        let known = self.counters.get(&(topic.to_owned(), reason));
        let counters = known.or_else(|| self.counters.get(&(OTHER.to_owned(), reason)));
        if let Some((losses, lost)) = counters {
            losses.inc();
            lost.inc_by(offsets);
        }
    }
}
