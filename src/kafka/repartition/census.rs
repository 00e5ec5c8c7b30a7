//! Counts what is live in a changelog, so that two of them can be compared without holding either.

use std::collections::HashMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Live keys of the partitions counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// How many there are.
    pub(super) keys: u64,
    /// The sum of the hashes of keys with their values: in whichever partitions they lie, and in whichever order they come.
    sum: u64,
}

/// Counts one partition after the other. Takes 16 bytes for each live key of one partition.
#[derive(Debug, Default)]
pub(super) struct Census {
    live: HashMap<u64, u64>,
    count: Count,
    fullest: u64,
}

impl Census {
    /// Takes in one record; the newest of a key counts, and a tombstone takes it out.
    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let key = xxh3_64(key);
        match value {
            Some(value) => self.live.insert(key, xxh3_64_with_seed(value, key)),
            None => self.live.remove(&key),
        };
    }

    /// The partition was read to its end.
    pub(super) fn end_partition(&mut self) {
        let keys = self.live.len() as u64;
        self.fullest = self.fullest.max(keys);
        self.count.keys += keys;
        for (_, hash) in self.live.drain() {
            self.count.sum = self.count.sum.wrapping_add(hash);
        }
    }

    /// What was counted in all partitions that ended.
    pub(super) const fn count(&self) -> Count {
        self.count
    }

    /// Live keys of the partition that has most of them.
    pub(super) const fn fullest(&self) -> u64 {
        self.fullest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(partitions: &[&[(&str, Option<&str>)]]) -> Count {
        let mut census = Census::default();
        for records in partitions {
            for (key, value) in *records {
                census.take(key.as_bytes(), value.map(str::as_bytes));
            }
            census.end_partition();
        }
        census.count()
    }

    #[test]
    fn what_is_live_counts_wherever_it_lies() {
        let old = count(&[&[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))], &[("c", Some("3"))]]);
        let new = count(&[
            &[("c", Some("3")), ("d", Some("4")), ("d", None)],
            &[],
            &[("b", Some("1")), ("a", Some("2"))],
        ]);
        assert_eq!(old, new);
        assert_eq!(old.keys, 3);
    }

    #[test]
    fn another_value_a_missing_key_and_values_that_changed_places_are_told() {
        let right = count(&[&[("a", Some("1")), ("b", Some("2"))]]);
        assert_ne!(right, count(&[&[("a", Some("1")), ("b", Some("3"))]]));
        assert_ne!(right, count(&[&[("a", Some("1"))]]));
        assert_ne!(right, count(&[&[("a", Some("2")), ("b", Some("1"))]]));
    }
}
