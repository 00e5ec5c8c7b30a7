//! What became of every record received: the terms of the conservation law.

use std::collections::HashMap;

use prometheus::{IntCounter, IntCounterVec};

use crate::config::Topics;

use super::catalog;
use super::families::Families;
use super::metrics::OTHER;

/// Reasons that exist from the start with 0, so that the first dead letter shows as an increase.
const KNOWN_REJECTIONS: [&str; 18] = [
    "payload_too_large",
    "unpacked_too_large",
    "record_too_large",
    "too_many_records",
    "too_deep",
    "too_many_encodings",
    "bad_gzip",
    "bad_utf8",
    "bad_json",
    "duplicate_key",
    "unrecognised",
    "unexpected_format",
    "s3_notification",
    "sns_notification",
    "event_source_message",
    "missing_field",
    "bad_time",
    "no_identity",
];

/// Counters by input topic.
pub(super) struct Ingest {
    topics: HashMap<String, Topic>,
    skipped: IntCounterVec,
    dead_lettered: IntCounterVec,
    monitored: IntCounter,
}

struct Topic {
    messages: IntCounter,
    bytes: IntCounter,
    records: IntCounter,
    activities: IntCounter,
}

impl Ingest {
    /// Counters of the configured topics, from 0.
    pub(super) fn new(families: &mut Families, config: &Topics) -> Self {
        let vecs = [
            &catalog::MESSAGES_RECEIVED,
            &catalog::BYTES_RECEIVED,
            &catalog::RECORDS_RECEIVED,
            &catalog::ACTIVITIES,
        ]
        .map(|family| families.counters(family));
        let inputs = config.inputs.iter().map(|input| input.topic.as_str());
        let names: Vec<_> =
            inputs.chain([config.inventory.as_str(), config.feedback.as_str(), OTHER]).collect();
        let dead_lettered = families.counters(&catalog::RECORDS_DEAD_LETTERED);
        for (topic, reason) in names.iter().flat_map(|topic| KNOWN_REJECTIONS.map(|reason| (*topic, reason)))
        {
            dead_lettered.with_label_values(&[topic, reason]);
        }
        Self {
            topics: names.into_iter().map(|name| (name.to_owned(), Topic::new(&vecs, name))).collect(),
            skipped: families.counters(&catalog::RECORDS_SKIPPED),
            dead_lettered,
            monitored: families.counter(&catalog::MONITORED),
        }
    }

    /// Messages came, with records in them.
    pub(super) fn received(&self, topic: &str, messages: u64, records: u64, bytes: u64) {
        let (_, counters) = self.known(topic);
        counters.messages.inc_by(messages);
        counters.records.inc_by(records);
        counters.bytes.inc_by(bytes);
    }

    /// Records became activities.
    pub(super) fn activities(&self, topic: &str, records: u64) {
        self.known(topic).1.activities.inc_by(records);
    }

    /// Records are of no interest.
    pub(super) fn skipped(&self, topic: &str, reason: &'static str, records: u64) {
        self.skipped.with_label_values(&[self.known(topic).0, reason]).inc_by(records);
    }

    /// Records could not be understood.
    pub(super) fn dead_lettered(&self, topic: &str, reason: &'static str, records: u64) {
        self.dead_lettered.with_label_values(&[self.known(topic).0, reason]).inc_by(records);
    }

    /// The monitor took activities in.
    pub(super) fn monitored(&self, records: u64) {
        self.monitored.inc_by(records);
    }

    fn known(&self, topic: &str) -> (&str, &Topic) {
        let known = self.topics.get_key_value(topic);
        known.map_or_else(|| (OTHER, &self.topics[OTHER]), |(name, counters)| (name, counters))
    }
}

impl Topic {
    fn new([messages, bytes, records, activities]: &[IntCounterVec; 4], name: &str) -> Self {
        let of = |vec: &IntCounterVec| vec.with_label_values(&[name]);
        Self { messages: of(messages), bytes: of(bytes), records: of(records), activities: of(activities) }
    }
}
