//! Interned terms: each distinct string that baselines remember is kept once, shared by all of them.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashmap::DashSet;
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_64};

/// A string that an [`Interner`] holds. Cloning shares it.
#[derive(Clone)]
pub struct Term(Arc<str>);

impl Term {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Term {}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Borrow<str> for Term {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stable 64-bit hash of a text: the same on every machine and in every version, so that it may be stored.
///
/// XXH3 with seed 0 (<https://github.com/Cyan4973/xxHash>).
#[must_use]
pub fn stable_hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// The table of shared terms. Readers and writers of several threads may use it at once.
#[derive(Default)]
pub struct Interner {
    terms: DashSet<Term, Xxh3DefaultBuilder>,
}

impl Interner {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The shared term for `text`, added where it is new.
    #[must_use]
    pub fn intern(&self, text: &str) -> Term {
        if let Some(known) = self.terms.get(text) {
            return known.clone();
        }
        let added = Term(Arc::from(text));
        if self.terms.insert(added.clone()) { added } else { self.intern(text) }
    }

    /// How many distinct terms are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether no term is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Drops the terms that no baseline holds any more, and says how many those were.
    ///
    /// The table's size is bounded by what baselines hold, and those are bounded by their own limits.
    pub fn sweep(&self) -> usize {
        let before = self.terms.len();
        self.terms.retain(|term| Arc::strong_count(&term.0) > 1);
        before.saturating_sub(self.terms.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_term() {
        let interner = Interner::new();
        let (first, second) = (interner.intern("s3"), interner.intern("s3"));
        assert!(Arc::ptr_eq(&first.0, &second.0));
        assert_eq!(interner.len(), 1);
    }

    #[test]
    fn a_sweep_drops_only_what_nobody_holds() {
        let interner = Interner::new();
        let held = interner.intern("held");
        drop(interner.intern("dropped"));
        assert_eq!(interner.sweep(), 1);
        assert_eq!(interner.intern("held"), held);
        assert_eq!(interner.len(), 1);
    }

    #[test]
    fn the_stable_hash_never_changes() {
        assert_eq!(
            stable_hash("arn:aws:iam::111122223333:role/app"),
            stable_hash("arn:aws:iam::111122223333:role/app")
        );
        assert_eq!(stable_hash(""), 0x2d06_8005_38d3_94c2);
    }
}
