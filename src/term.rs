//! Interned terms: each distinct string that many baselines remember is kept once, shared by all of them.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::str::Utf8Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use arcstr::ArcStr;
use dashmap::DashSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A string that is kept by whoever holds it, in one word. Cloning shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct Term(ArcStr);

impl Term {
    /// A term that stands by itself, for a text that one identity alone has: its name, its unique id. Everything else is
    /// to be had from an [`Interner`].
    #[must_use]
    pub fn unshared(text: &str) -> Self {
        Self(ArcStr::from(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Term {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
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

/// The partition of an identity, or of a log source, among so many: the same on every machine, since its state is kept there.
#[must_use]
pub fn partition_of(name: &str, partitions: usize) -> usize {
    let hash = stable_hash(name) % (partitions.max(1) as u64);
    usize::try_from(hash).unwrap_or_default()
}

/// Hashes texts for the tables in memory, each in one go: XXH3's own streaming hasher sets up half a kilobyte for every text.
#[derive(Default)]
pub struct TextHasher(u64);

/// Makes a [`TextHasher`] for each text.
pub type TextHash = BuildHasherDefault<TextHasher>;

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// The end of a text, which says nothing where there is one text only.
    fn write_u8(&mut self, _end: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The table of shared terms. Readers and writers of several threads may use it at once.
#[derive(Default)]
pub struct Interner {
    terms: DashSet<Term, TextHash>,
    /// How many terms the last sweep left.
    swept_to: AtomicUsize,
}

/// A table with fewer terms more than the last sweep left is not swept: that is soon done, and little to gain.
const MIN_GROWTH: usize = 1024;

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
        let added = Term::unshared(text);
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
        self.terms.retain(|term| ArcStr::strong_count(&term.0).is_none_or(|holders| holders > 1));
        let after = self.terms.len();
        self.swept_to.store(after, Ordering::Relaxed);
        before.saturating_sub(after)
    }

    /// Sweeps where the table has grown by a quarter since the last sweep. That way a new term costs the same however many there
    /// are, and what is left over is bounded by what was held at some time.
    pub fn sweep_if_grown(&self) -> usize {
        let swept_to = self.swept_to.load(Ordering::Relaxed);
        if self.terms.len() < swept_to + (swept_to / 4).max(MIN_GROWTH) { 0 } else { self.sweep() }
    }
}

/// Places of a [`Lexicon`]: several times what the identities of one company have in common, in 32 KB.
const PLACES: usize = 4096;

/// Shared terms met lately, each at the place that its hash gives it.
///
/// A restore meets the same few thousand texts over and over: here they are found without a lock, and known to be UTF-8.
#[derive(Default)]
pub struct Lexicon {
    places: Vec<Option<Term>>,
}

impl Lexicon {
    /// The shared term for a text, with the text's [`stable_hash`].
    ///
    /// # Errors
    /// Where the bytes are no text.
    pub fn term(&mut self, text: &[u8], shared: &Interner) -> Result<(Term, u64), Utf8Error> {
        let hash = xxh3_64(text);
        self.places.resize(PLACES, None);
        let place = &mut self.places[hash as usize % PLACES];
        if let Some(known) = place
            && known.as_str().as_bytes() == text
        {
            return Ok((known.clone(), hash));
        }
        let term = shared.intern(std::str::from_utf8(text)?);
        *place = Some(term.clone());
        Ok((term, hash))
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.places = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_term() {
        let interner = Interner::new();
        let (first, second) = (interner.intern("s3"), interner.intern("s3"));
        assert!(ArcStr::ptr_eq(&first.0, &second.0));
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
    fn a_table_is_swept_when_it_has_grown_and_not_before() {
        let interner = Interner::new();
        let held: Vec<Term> = (0..8 * MIN_GROWTH).map(|term| interner.intern(&format!("{term}"))).collect();
        assert_eq!(interner.sweep_if_grown(), 0, "all are held");
        let intern = |terms: usize| (0..terms).for_each(|term| drop(interner.intern(&format!("x{term}"))));
        intern(held.len() / 4 - 1);
        assert_eq!(interner.sweep_if_grown(), 0, "too few to look");
        intern(held.len() / 4);
        assert_eq!(interner.sweep_if_grown(), held.len() / 4);
        assert_eq!(interner.len(), held.len());
    }

    #[test]
    fn a_term_is_one_word_and_so_is_one_that_may_be_absent() {
        assert_eq!(size_of::<Option<Term>>(), size_of::<usize>());
        assert_eq!(Term::unshared("s3"), Interner::new().intern("s3"));
    }

    #[test]
    fn a_lexicon_gives_what_the_interner_would() {
        let (interner, mut lexicon) = (Interner::new(), Lexicon::default());
        let texts: Vec<String> = (0..3 * PLACES).map(|number| format!("term-{number}")).collect();
        for text in texts.iter().chain(&texts) {
            let (term, hash) = lexicon.term(text.as_bytes(), &interner).unwrap();
            assert!(ArcStr::ptr_eq(&term.0, &interner.intern(text).0));
            assert_eq!(hash, stable_hash(text));
        }
        assert!(lexicon.term(&[0xff], &interner).is_err());
        lexicon.clear();
        assert_eq!(interner.sweep(), texts.len());
    }

    #[test]
    fn a_term_is_found_by_its_text() {
        use std::hash::BuildHasher;
        let hash = TextHash::default();
        assert_eq!(hash.hash_one(Term::unshared("s3")), hash.hash_one("s3"));
        assert_ne!(hash.hash_one("s3"), hash.hash_one("s4"));
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
