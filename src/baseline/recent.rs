//! A bounded memory of events already taken, against duplicates.

use thin_vec::ThinVec;

/// Events remembered per identity.
///
/// Duplicates come from retries and re-delivered files, close to the original. Last-seen needs no such
/// memory (a maximum is a maximum twice); it keeps counts and rates right. 128 keys are 1 KB for the
/// busiest identities and less for the others.
pub const CAPACITY: usize = 128;

/// The keys of the newest events of one identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    keys: ThinVec<u64>,
    next: u8,
}

impl Recent {
    /// Notes an event; `false` where it is remembered already.
    pub fn insert(&mut self, key: u128) -> bool {
        let key = (key >> 64) as u64 ^ key as u64;
        if self.keys.contains(&key) {
            return false;
        }
        match self.keys.get_mut(usize::from(self.next)) {
            Some(oldest) => *oldest = key,
            None => self.keys.push(key),
        }
        self.next = (self.next + 1) % CAPACITY as u8;
        true
    }

    /// The keys in storage order and the place of the next one, as a snapshot holds them.
    #[must_use]
    pub fn parts(&self) -> (&[u64], u8) {
        (&self.keys, self.next)
    }

    /// A memory as a snapshot holds it; what exceeds the capacity is left out.
    #[must_use]
    pub fn restored(keys: &[u64], next: u8) -> Self {
        let keys: ThinVec<u64> = keys.iter().take(CAPACITY).copied().collect();
        let next = if usize::from(next) <= keys.len() { next % CAPACITY as u8 } else { 0 };
        Self { keys, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_newest_and_forgets_the_oldest() {
        let mut recent = Recent::default();
        for key in 0..CAPACITY as u128 {
            assert!(recent.insert(key));
        }
        assert!(!recent.insert(0));
        assert!(recent.insert(1_000));
        assert!(recent.insert(0), "the oldest made room");
        assert!(!recent.insert(1_000));
    }

    #[test]
    fn a_restored_memory_goes_on_where_it_was() {
        let mut recent = Recent::default();
        for key in 0..200 {
            recent.insert(key);
        }
        let (keys, next) = recent.parts();
        let mut restored = Recent::restored(keys, next);
        assert_eq!(restored, recent);
        assert_eq!(restored.insert(500), recent.insert(500));
        assert_eq!(restored, recent);
    }
}
