//! How many identities of a partition have a value in their baselines: what many do is less surprising of one more.
//!
//! The counts follow from the baselines alone, so that they are the same after a restore: a value counts where it was used
//! and is not held out. They see one partition; with `scan`, everybody.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::term::stable_hash;

use super::dimension::Dimension;
use super::terms::TermSets;

/// How many identities have each value.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    counts: HashMap<u64, u32, BuildHasherDefault<Taken>>,
    /// Where nobody asks, nothing is counted: every value of every restored identity would be.
    is_off: bool,
}

impl Peers {
    /// Counts where that is asked for (`detection.peers`); otherwise nobody has anything in common.
    #[must_use]
    pub fn counting(is_asked_for: bool) -> Self {
        Self { counts: HashMap::default(), is_off: !is_asked_for }
    }

    /// How many identities have this value.
    #[must_use]
    pub fn holders(&self, dimension: Dimension, value: &str) -> u32 {
        if self.is_off {
            return 0;
        }
        self.counts.get(&key(dimension, value)).copied().unwrap_or_default()
    }

    /// How many values are known, of all dimensions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no value is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Counts an identity's value in.
    pub fn add(&mut self, dimension: Dimension, value: &str) {
        if !self.is_off && is_shared(dimension) {
            let count = self.counts.entry(key(dimension, value)).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Counts an identity's value out.
    pub fn remove(&mut self, dimension: Dimension, value: &str) {
        if self.is_off || !is_shared(dimension) {
            return;
        }
        let key = key(dimension, value);
        if let Some(count) = self.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }

    /// Counts all values of an identity in.
    pub fn add_all(&mut self, sets: &TermSets) {
        if !self.is_off {
            each(sets, |dimension, value| self.add(dimension, value));
        }
    }

    /// Counts all values of an identity out.
    pub fn remove_all(&mut self, sets: &TermSets) {
        if !self.is_off {
            each(sets, |dimension, value| self.remove(dimension, value));
        }
    }
}

fn each(sets: &TermSets, mut take: impl FnMut(Dimension, &str)) {
    for dimension in Dimension::ALL.into_iter().filter(|dimension| is_shared(*dimension)) {
        let counted = sets.of(dimension).iter().filter(|entry| entry.is_learned());
        counted.for_each(|entry| take(dimension, entry.term.as_str()));
    }
}

/// Whether identities have values of this dimension in common. Each has credentials and workloads of its own; and where one
/// belongs, and what is its to touch, is not said by others.
const fn is_shared(dimension: Dimension) -> bool {
    use Dimension::{Account, Credential, Resource, Role, Workload};
    !matches!(dimension, Credential | Workload | Account | Resource | Role)
}

fn key(dimension: Dimension, value: &str) -> u64 {
    /// An odd number without pattern: 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    stable_hash(value) ^ (dimension as u64 + 1).wrapping_mul(GOLDEN)
}

/// Takes a key that is a hash already as it is.
#[derive(Default)]
struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_in_and_out_leaves_nothing() {
        let mut peers = Peers::default();
        peers.add(Dimension::Network, "192.0.2.0/24");
        peers.add(Dimension::Network, "192.0.2.0/24");
        peers.add(Dimension::Credential, "AKIAEXAMPLE");
        assert_eq!(peers.holders(Dimension::Network, "192.0.2.0/24"), 2);
        assert_eq!(peers.holders(Dimension::Client, "192.0.2.0/24"), 0);
        assert_eq!(peers.len(), 1, "credentials are everybody's own");
        peers.remove(Dimension::Network, "192.0.2.0/24");
        peers.remove(Dimension::Network, "192.0.2.0/24");
        peers.remove(Dimension::Network, "192.0.2.0/24");
        assert!(peers.is_empty());
    }

    #[test]
    fn where_nobody_asks_nothing_is_counted() {
        let mut peers = Peers::counting(false);
        peers.add(Dimension::Network, "192.0.2.0/24");
        peers.remove(Dimension::Network, "198.51.100.0/24");
        assert_eq!((peers.len(), peers.holders(Dimension::Network, "192.0.2.0/24")), (0, 0));
        let mut peers = Peers::counting(true);
        peers.add(Dimension::Network, "192.0.2.0/24");
        assert_eq!(peers.holders(Dimension::Network, "192.0.2.0/24"), 1);
    }
}
