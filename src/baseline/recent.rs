//! A bounded memory of events already taken, against duplicates.

/// Events remembered per identity.
///
/// Duplicates come from retries and re-delivered files, close to the original. Last-seen needs no such
/// memory (a maximum is a maximum twice); it keeps counts and rates right.
pub const CAPACITY: usize = 128;

/// Bytes of a key.
///
/// An event that has the key of another by chance is left out as its duplicate. With 48 bits and 128 keys remembered that
/// is one event in 2.2 × 10¹²; at a steady 50,000 events a second, one in 500 days.
pub const KEY_BYTES: usize = 6;

/// Keys of a block: the memory grows by that many, so that a quiet identity takes little and none more than it needs.
const BLOCK: usize = 16;

/// The keys of the newest events of one identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    blocks: Box<[Block]>,
    len: u8,
    next: u8,
}

/// Keys, in two parts so that a block is searched a few at a time. Free places hold zero, which is no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    low: [u32; BLOCK],
    high: [u16; BLOCK],
}

impl Recent {
    /// Notes an event; `false` where it is remembered already.
    pub fn insert(&mut self, key: u128) -> bool {
        let key = folded(key);
        if self.blocks.iter().any(|block| block.holds(key)) {
            return false;
        }
        let place = usize::from(self.next);
        if place / BLOCK >= self.blocks.len() {
            self.grow();
        }
        if let Some(block) = self.blocks.get_mut(place / BLOCK) {
            block.put(place % BLOCK, key);
        }
        self.len = self.len.max(self.next + 1);
        self.next = (self.next + 1) % CAPACITY as u8;
        true
    }

    /// Appends the keys to a snapshot: of each block the lower four bytes of all keys, then the upper two.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let mut left = usize::from(self.len);
        for block in &self.blocks {
            let keys = left.min(BLOCK);
            block.low[..keys].iter().for_each(|low| bytes.extend_from_slice(&low.to_le_bytes()));
            block.high[..keys].iter().for_each(|high| bytes.extend_from_slice(&high.to_le_bytes()));
            left -= keys;
        }
    }

    /// How many keys are held.
    #[must_use]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether none is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place of the next key.
    #[must_use]
    pub const fn next(&self) -> u8 {
        self.next
    }

    /// A memory as a snapshot holds it: keys as [`Self::write`] puts them, and the place of the next one where the memory is
    /// full. What exceeds the capacity is left out.
    #[must_use]
    pub fn restored(keys: &[u8], next: u8) -> Self {
        let keys = keys.get(..CAPACITY * KEY_BYTES).unwrap_or(keys);
        let blocks = keys.chunks(BLOCK * KEY_BYTES).map(Block::read).collect();
        let len = (keys.len() / KEY_BYTES) as u8;
        let next = if usize::from(len) < CAPACITY { len } else { next % CAPACITY as u8 };
        Self { blocks, len, next }
    }

    fn grow(&mut self) {
        let mut blocks = std::mem::take(&mut self.blocks).into_vec();
        blocks.reserve_exact(1);
        blocks.push(Block::default());
        self.blocks = blocks.into_boxed_slice();
    }
}

impl Block {
    fn read(bytes: &[u8]) -> Self {
        let mut block = Self::default();
        let (low, high) = bytes.split_at(bytes.len() / KEY_BYTES * size_of::<u32>());
        for (place, bytes) in block.low.iter_mut().zip(low.as_chunks().0) {
            *place = u32::from_le_bytes(*bytes);
        }
        for (place, bytes) in block.high.iter_mut().zip(high.as_chunks().0) {
            *place = u16::from_le_bytes(*bytes);
        }
        block
    }

    /// Looks at all places, found or not: that way several are compared at once.
    fn holds(&self, (low, high): (u32, u16)) -> bool {
        let places = self.low.iter().zip(&self.high);
        places.fold(false, |found, (l, h)| found | ((*l == low) & (*h == high)))
    }

    fn put(&mut self, place: usize, (low, high): (u32, u16)) {
        (self.low[place], self.high[place]) = (low, high);
    }
}

/// 48 bits of a key, never all zero.
fn folded(key: u128) -> (u32, u16) {
    let key = (key >> 64) as u64 ^ key as u64;
    let (low, high) = (key as u32, (key >> 32) as u16);
    (low | u32::from(low == 0 && high == 0), high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restored(recent: &Recent) -> Recent {
        let mut bytes = Vec::new();
        recent.write(&mut bytes);
        Recent::restored(&bytes, recent.next())
    }

    #[test]
    fn remembers_the_newest_and_forgets_the_oldest() {
        let mut recent = Recent::default();
        for key in 1..=CAPACITY as u128 {
            assert!(recent.insert(key));
        }
        assert!(!recent.insert(1));
        assert!(recent.insert(1_000));
        assert!(recent.insert(1), "the oldest made room");
        assert!(!recent.insert(1_000));
    }

    #[test]
    fn a_key_of_zero_is_a_key() {
        let mut recent = Recent::default();
        assert!(recent.insert(0));
        assert!(!recent.insert(0));
    }

    #[test]
    fn it_takes_as_much_room_as_it_needs() {
        let mut recent = Recent::default();
        for (key, blocks) in [(1, 1), (2, 1), (17, 2), (128, 8), (500, 8)] {
            while usize::from(recent.len()) < key.min(CAPACITY) {
                recent.insert(1 + u128::from(recent.len()));
            }
            assert_eq!(recent.blocks.len(), blocks, "{key}");
        }
        assert_eq!(size_of_val(&*recent.blocks), CAPACITY * KEY_BYTES);
    }

    proptest! {
        #[test]
        fn a_restored_memory_goes_on_where_it_was(keys in prop::collection::vec(any::<u128>(), 0..300), then in any::<u128>()) {
            let mut recent = Recent::default();
            for key in keys {
                recent.insert(key);
            }
            let mut copy = restored(&recent);
            prop_assert_eq!(&copy, &recent);
            prop_assert_eq!(copy.insert(then), recent.insert(then));
            prop_assert_eq!(copy, recent);
        }

        #[test]
        fn whatever_a_snapshot_holds_is_a_memory(bytes in prop::collection::vec(any::<u8>(), 0..900), next in any::<u8>()) {
            let mut recent = Recent::restored(&bytes, next);
            prop_assert!(usize::from(recent.len()) <= CAPACITY);
            recent.insert(1);
            prop_assert!(!recent.insert(1));
        }
    }
}
