//! Consumer lag, from the client library's statistics.
//!
//! With transactional commits the library's own `consumer_lag` is −1, since the consumer commits nothing itself. What
//! is not consumed yet is `ls_offset − app_offset`: last stable offset less the next offset the application will get
//! (<https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md>).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::runtime::Observer;

#[derive(Deserialize)]
struct Statistics<'a> {
    #[serde(borrow, default)]
    topics: BTreeMap<Cow<'a, str>, Topic<'a>>,
}

#[derive(Deserialize)]
struct Topic<'a> {
    #[serde(borrow)]
    partitions: BTreeMap<Cow<'a, str>, Partition<'a>>,
}

#[derive(Deserialize)]
struct Partition<'a> {
    #[serde(borrow)]
    fetch_state: Cow<'a, str>,
    ls_offset: i64,
    app_offset: i64,
    lo_offset: i64,
    /// What is fetched next; beyond the markers of transactions, unlike `app_offset`.
    #[serde(default = "unknown")]
    next_offset: i64,
    /// Messages of all partitions that wait to be handed over.
    #[serde(default)]
    fetchq_cnt: i64,
}

impl Partition<'_> {
    /// Whether all of it was handed over: markers are not, so that behind one only an empty queue tells.
    const fn is_ended(&self) -> bool {
        self.app_offset >= self.ls_offset || (self.next_offset >= self.ls_offset && self.fetchq_cnt == 0)
    }
}

const fn unknown() -> i64 {
    -1
}

/// Reports the lag of every partition that is being fetched. Returns those that are read to their end.
pub(crate) fn report(statistics: &[u8], observer: &dyn Observer) -> Vec<(String, i32)> {
    let mut ended = Vec::new();
    let Ok(statistics) = serde_json::from_slice::<Statistics<'_>>(statistics) else { return ended };
    for (topic, partitions) in &statistics.topics {
        for (number, partition) in &partitions.partitions {
            if let (Ok(number), Some(lag)) = (number.parse::<i32>(), lag(partition)) {
                observer.lag(topic, number, lag);
                if partition.is_ended() {
                    ended.push((topic.clone().into_owned(), number));
                }
            }
        }
    }
    ended
}

fn lag(partition: &Partition<'_>) -> Option<i64> {
    // Partitions of others are listed too; number −1 stands for "not yet placed".
    let is_ours = partition.fetch_state == "active" && partition.ls_offset >= 0;
    let next = partition.app_offset.max(partition.lo_offset).max(0);
    is_ours.then(|| (partition.ls_offset - next).max(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, i32, i64)>>);

    impl Observer for Heard {
        fn lag(&self, topic: &str, partition: i32, messages: i64) {
            self.0.lock().unwrap().push((topic.to_owned(), partition, messages));
        }
    }

    fn check(partition: &str, expected: &[(String, i32, i64)]) {
        let heard = Heard::default();
        let json =
            format!(r#"{{"name":"x","topics":{{"t":{{"topic":"t","partitions":{{"3":{partition}}}}}}}}}"#);
        report(json.as_bytes(), &heard);
        assert_eq!(*heard.0.lock().unwrap(), expected);
    }

    #[test]
    fn lag_is_what_is_stable_and_not_consumed() {
        let consumed =
            r#"{"fetch_state":"active","ls_offset":100,"app_offset":60,"lo_offset":-1001,"consumer_lag":-1}"#;
        check(consumed, &[("t".to_owned(), 3, 40)]);
    }

    #[test]
    fn what_is_read_to_its_end_is_known_also_behind_a_marker() {
        let check = |app: i64, next: i64, waiting: i64, expected: usize| {
            let offsets = format!(r#""app_offset":{app},"next_offset":{next},"fetchq_cnt":{waiting}"#);
            let partition = format!(r#"{{"fetch_state":"active","ls_offset":100,"lo_offset":0,{offsets}}}"#);
            let json = format!(r#"{{"topics":{{"t":{{"partitions":{{"3":{partition}}}}}}}}}"#);
            assert_eq!(report(json.as_bytes(), &Heard::default()).len(), expected, "{json}");
        };
        check(100, 100, 7, 1);
        check(99, 100, 0, 1);
        check(99, 100, 7, 0);
        check(98, 99, 0, 0);
    }

    #[test]
    fn a_partition_never_read_lags_from_its_beginning() {
        let unread = r#"{"fetch_state":"active","ls_offset":100,"app_offset":-1001,"lo_offset":90}"#;
        check(unread, &[("t".to_owned(), 3, 10)]);
    }

    #[test]
    fn partitions_of_others_are_not_ours_to_report() {
        check(r#"{"fetch_state":"none","ls_offset":-1001,"app_offset":-1001,"lo_offset":-1001}"#, &[]);
    }
}
