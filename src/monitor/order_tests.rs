//! Any shuffle, duplication and batching of the same records gives the same last-seen records, byte for byte.

mod cases;
mod company;
mod traffic;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::term::Interner;
use crate::time::DAY_MS;
use crate::wire::{LastSeenRecord, snapshot};
use traffic::{END_MS, Shuffle, Traffic};

/// What stands about an identity in the end, as JSON by identity id.
type Words = BTreeMap<String, String>;

/// A monitor whose state is written down and handed over now and then, and the topic that it publishes to.
struct Relay {
    monitor: Monitor,
    changelog: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    effects: Vec<Effect>,
    now_ms: i64,
}

fn fresh_monitor() -> Monitor {
    static DETECTORS: LazyLock<Arc<Detectors>> = LazyLock::new(|| Arc::new(Detectors::builtin().unwrap()));
    Monitor::new(&Config::default(), Arc::clone(&DETECTORS), Arc::new(Interner::new()))
}

impl Relay {
    fn new() -> Self {
        Self {
            monitor: fresh_monitor(),
            changelog: BTreeMap::new(),
            effects: Vec::new(),
            now_ms: traffic::START_MS,
        }
    }

    fn process(&mut self, record: &Record<'_>) {
        self.monitor.process(record, &mut self.effects);
    }

    fn tick(&mut self, by_ms: i64) {
        self.now_ms += by_ms;
        self.monitor.tick(self.now(), &mut self.effects);
    }

    fn now(&self) -> ProcessingTime {
        ProcessingTime::from_millis(self.now_ms)
    }

    /// Another owner takes over from the changelog.
    fn hand_over(&mut self) {
        let changes = snapshot::take_changes(&mut self.monitor).unwrap();
        self.changelog.extend(changes.into_iter().map(|change| (change.key, change.value)));
        self.monitor = fresh_monitor();
        for (key, value) in &self.changelog {
            snapshot::restore(&mut self.monitor, key, value.as_deref()).unwrap();
        }
    }

    /// Lets everything become quiet and shuts down.
    fn finish(&mut self) {
        self.tick(END_MS - self.now_ms);
        self.tick(2 * DAY_MS);
        self.monitor.flush(self.now(), &mut self.effects);
    }

    /// What readers are shown in the end.
    fn shown(&self) -> Words {
        let all = self.monitor.view().identities(&Filter::default(), None, usize::MAX);
        all.iter().map(|facts| (facts.identity_id.clone(), json_of(facts))).collect()
    }

    /// What the topic holds in the end, where that does not depend on when it was published.
    fn published(&self) -> Words {
        let mut words = Words::new();
        for effect in &self.effects {
            match effect {
                Effect::LastSeen(facts) => {
                    drop(words.insert(facts.identity_id.clone(), timeless(&json_of(facts))));
                }
                Effect::Withdrawn(id) => drop(words.remove(id)),
                Effect::Alert(_) => {}
            }
        }
        words
    }
}

fn json_of(facts: &LastSeen) -> String {
    String::from_utf8(LastSeenRecord::from(facts).to_bytes().unwrap()).unwrap()
}

/// A record without what is as of the time at which it was made: that time, how far the log sources reach, and the days
/// up to there.
fn timeless(json: &str) -> String {
    without(json, &["updated_at", "coverage", "unused_days"])
}

fn without(json: &str, keys: &[&str]) -> String {
    let mut value: Value = serde_json::from_str(json).unwrap();
    keys.iter().for_each(|key| drop(value.as_object_mut().unwrap().remove(*key)));
    value.to_string()
}

fn all_timeless(words: &Words) -> Words {
    words.iter().map(|(id, json)| (id.clone(), timeless(json))).collect()
}

/// Takes the records as they are, at once.
fn plainly(traffic: &Traffic) -> Relay {
    let mut relay = Relay::new();
    traffic.records().iter().for_each(|record| relay.process(record));
    relay.finish();
    relay
}

/// Takes the records shuffled, some of them again and again, in batches between which time passes and owners change.
fn shuffled(traffic: &Traffic, shuffle: &Shuffle) -> Relay {
    let mut relay = Relay::new();
    for (record, then) in traffic.shuffled(shuffle) {
        relay.process(&record);
        match then {
            traffic::Then::GoOn => {}
            traffic::Then::Tick(by_ms) => relay.tick(by_ms.min(END_MS - relay.now_ms)),
            traffic::Then::HandOver => relay.hand_over(),
            traffic::Then::Flush => {
                let now = relay.now();
                relay.monitor.flush(now, &mut relay.effects);
            }
        }
    }
    relay.finish();
    relay
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_shuffle_duplication_and_batching_gives_the_same_last_seen_records(
        traffic in traffic::within_the_caps(),
        shuffle in traffic::shuffles(),
    ) {
        let (one, other) = (plainly(&traffic), shuffled(&traffic, &shuffle));
        prop_assert_eq!(one.shown(), other.shown());
        prop_assert_eq!(one.published(), all_timeless(&one.shown()), "the topic holds what is known");
        prop_assert_eq!(other.published(), all_timeless(&other.shown()), "the topic holds what is known");
    }

    /// Beyond the caps all is the same but when each credential was used first, and what came of earlier uses of a credential or a
    /// service: what had to go and comes back is not remembered.
    #[test]
    fn beyond_the_caps_the_newest_are_kept_in_any_order(
        traffic in traffic::beyond_the_caps(),
        shuffle in traffic::shuffles(),
    ) {
        let (one, other) = (plainly(&traffic), shuffled(&traffic, &shuffle));
        let forgetting = |words: Words| -> Words {
            words.into_iter().map(|(id, json)| (id, traffic::without_first_uses(&json))).collect()
        };
        prop_assert_eq!(forgetting(one.shown()), forgetting(other.shown()));
        prop_assert_eq!(forgetting(one.published()), forgetting(other.published()));
    }

    /// Where identities of one name overlap in time, which does not happen unless clocks disagree, or come without their
    /// unique id, their times mix. Who has the name, and when it was last used, is the same all the same.
    #[test]
    fn who_has_a_name_and_its_last_use_do_not_depend_on_order(
        traffic in traffic::of_one_contested_name(),
        shuffle in traffic::shuffles(),
    ) {
        let certain = |words: Words| -> Vec<(String, Value, Value)> {
            let value = |json: &String, key: &str| serde_json::from_str::<Value>(json).unwrap()[key].clone();
            words.iter().map(|(id, json)| (id.clone(), value(json, "unique_id"), value(json, "last_seen"))).collect()
        };
        let (one, other) = (plainly(&traffic), shuffled(&traffic, &shuffle));
        prop_assert_eq!(certain(one.shown()), certain(other.shown()));
        prop_assert_eq!(certain(one.published()), certain(other.published()));
        let newest = traffic.newest_use();
        prop_assert_eq!(certain(one.shown()).first().map(|words| words.2.clone()), newest.map(Value::from));
    }
}
