//! Arrays of records, one record at a time; a damaged one does not take its neighbours along.

use std::fmt;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Error;
use super::keys::{Key, Keys};
use super::line::may_begin;
use super::walk::{Scope, Walk};

/// How far a document has been read.
#[derive(Debug)]
pub(super) struct Progress<'s> {
    /// The text that begins with the document.
    text: &'s str,
    /// End of what is accounted for.
    at: usize,
    /// Whether that is inside of an array of records.
    inside: bool,
    /// What must stand after that array.
    closing: &'static str,
    /// Elements met in arrays of records; `None` where there was no such array.
    pub(super) elements: Option<usize>,
    /// Whether an array of records was left out because it lies too deep.
    pub(super) too_deep: bool,
}

impl<'s> Progress<'s> {
    /// At the start of a document; `closing` is what ends it after its array of records.
    pub(super) fn new(text: &'s str, closing: &'static str) -> Self {
        Self { text, at: 0, inside: false, closing, elements: None, too_deep: false }
    }

    fn pass(&mut self, value: &RawValue) {
        let value = value.get();
        self.at = value.as_ptr() as usize - self.text.as_ptr() as usize + value.len();
    }

    fn enter_array(&mut self) {
        // Between the last value and this array stands only its key.
        let bracket = self.text[self.at..].find('[').unwrap_or_default();
        self.at += bracket + 1;
        self.inside = true;
        self.elements.get_or_insert(0);
    }
}

/// An object whose keys are noted, and whose `Records` are walked at once.
pub(super) struct Object<'x, 'w, 's> {
    pub(super) walk: &'x mut Walk<'w>,
    pub(super) scope: &'x Scope<'s>,
    pub(super) progress: Progress<'s>,
    pub(super) keys: Keys<'s>,
}

impl<'x, 'w, 's> Object<'x, 'w, 's> {
    /// Reads the object at the start of `text`, and returns where it ends.
    pub(super) fn read(
        walk: &'x mut Walk<'w>,
        text: &'s str,
        scope: &'x Scope<'s>,
    ) -> Result<(usize, Progress<'s>, Keys<'s>), (Error, Progress<'s>)> {
        let mut object = Self { walk, scope, progress: Progress::new(text, "}"), keys: Keys::default() };
        let mut parser = serde_json::Deserializer::from_str(text);
        match parser.deserialize_map(&mut object) {
            Ok(()) => Ok((end_of(parser), object.progress, object.keys)),
            Err(error) => Err((error.into(), object.progress)),
        }
    }
}

/// Where a parser stands in its text.
fn end_of(parser: serde_json::Deserializer<serde_json::de::StrRead<'_>>) -> usize {
    parser.into_iter::<serde::de::IgnoredAny>().byte_offset()
}

impl<'s> Visitor<'s> for &mut Object<'_, '_, 's> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'s>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            if key == Key::Records && self.scope.may_deepen(self.walk) {
                let elements = Elements { walk: self.walk, scope: self.scope, progress: &mut self.progress };
                map.next_value_seed(elements)?;
                self.progress.inside = false;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            self.progress.too_deep |= key == Key::Records;
            self.progress.pass(value);
            self.keys.put(key, value);
        }
        Ok(())
    }
}

/// An array of which each element is walked.
struct Elements<'x, 'w, 's> {
    walk: &'x mut Walk<'w>,
    scope: &'x Scope<'s>,
    progress: &'x mut Progress<'s>,
}

impl<'s> DeserializeSeed<'s> for Elements<'_, '_, 's> {
    type Value = ();

    fn deserialize<D: Deserializer<'s>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'s> Visitor<'s> for Elements<'_, '_, 's> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'s>>(self, mut seq: A) -> Result<(), A::Error> {
        self.progress.enter_array();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if self.walk.exhausted().is_some() {
                return Err(A::Error::custom("not read to its end"));
            }
            self.walk.element(element.get(), self.scope);
            self.progress.elements = self.progress.elements.map(|elements| elements + 1);
            self.progress.pass(element);
        }
        Ok(())
    }
}

/// Walks the elements of the array at the start of `text`, and returns where it ends.
pub(super) fn array<'s>(
    walk: &mut Walk<'_>,
    text: &'s str,
    scope: &Scope<'s>,
) -> Result<(usize, Progress<'s>), (Error, Progress<'s>)> {
    let mut progress = Progress::new(text, "");
    let mut parser = serde_json::Deserializer::from_str(text);
    let elements = Elements { walk, scope, progress: &mut progress };
    match elements.deserialize(&mut parser) {
        Ok(()) => Ok((end_of(parser), progress)),
        Err(error) => Err((error.into(), progress)),
    }
}

/// Accounts for what is left of a document that could not be read to its end, and returns where it is given up.
///
/// Records before the damage have been walked. Those after it are, where the damaged one's end can be told.
pub(super) fn after_damage<'s>(
    walk: &mut Walk<'_>,
    error: Error,
    progress: &Progress<'s>,
    scope: &Scope<'s>,
) -> usize {
    let text = progress.text;
    if let Some(exhausted) = walk.exhausted() {
        walk.reject(exhausted, skip_comma(&text[progress.at..]).as_bytes());
        return text.len();
    }
    let end = next_document(text, progress.at);
    walk.reread(error.reach(text), end);
    if progress.inside {
        return Resumed { walk, scope, document: &text[..end], closing: progress.closing }
            .from(progress.at, error);
    }
    // Where no record was told apart, the whole document is what could not be read.
    let from = if progress.elements.is_some() { progress.at } else { 0 };
    walk.reject(error, text[from..end].trim_ascii().as_bytes());
    end
}

/// An array in which a damaged element was met.
struct Resumed<'x, 'w, 's> {
    walk: &'x mut Walk<'w>,
    scope: &'x Scope<'s>,
    /// From the document's first byte to where the next document begins.
    document: &'s str,
    closing: &'static str,
}

impl<'s> Resumed<'_, '_, 's> {
    /// Goes on after the last element that is accounted for, and returns where the document ends.
    fn from(mut self, at: usize, first: Error) -> usize {
        let mut error = first;
        let mut rest = skip_comma(&self.document[at..]);
        // `[,]` holds no element that could be told of, and must be told of all the same.
        let mut is_nothing_told = self.document[..at].trim_ascii_end().ends_with('[');
        loop {
            if let Some(exhausted) = self.walk.exhausted().filter(|_| !rest.is_empty()) {
                self.walk.reject(exhausted, rest.as_bytes());
                return self.document.len();
            }
            if let Some(tail) = rest.strip_prefix(']') {
                if is_nothing_told {
                    self.walk.reject(error, self.document.trim_ascii().as_bytes());
                    error = cut_off();
                }
                return self.close(tail, error);
            }
            is_nothing_told = false;
            rest = match self.one(rest, error) {
                Ok(rest) => rest,
                Err(()) => return self.document.len(),
            };
            error = cut_off();
        }
    }

    /// Accounts for one element and returns what follows it; an error where no end can be told.
    fn one(&mut self, rest: &'s str, error: Error) -> Result<&'s str, ()> {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&'s RawValue>();
        let value = values.next();
        let after = &rest[values.byte_offset()..];
        let parsed = match value {
            Some(Ok(value)) if is_boundary(after) => {
                self.walk.element(value.get(), self.scope);
                return Ok(skip_comma(after));
            }
            Some(Err(error)) => Error::from(error).reach(rest),
            _ => values.byte_offset(),
        };
        let damaged = Damaged::of(rest);
        self.walk.reread(parsed + damaged.looked_at, damaged.len.unwrap_or(rest.len()));
        self.walk.reject(error, rest[..damaged.len.unwrap_or(rest.len())].trim_ascii_end().as_bytes());
        damaged.len.map(|len| skip_comma(&rest[len..])).ok_or(())
    }

    /// After the array's end: only the document's end may follow.
    fn close(self, tail: &'s str, error: Error) -> usize {
        match tail.trim_ascii_start().strip_prefix(self.closing) {
            Some(after) => self.document.len() - after.len(),
            None => {
                self.walk.reject(error, tail.trim_ascii().as_bytes());
                self.document.len()
            }
        }
    }
}

/// What is reported of a document that ends inside of its array.
fn cut_off() -> Error {
    Error::BadJson { line: 1, column: 0, problem: "it ends too early" }
}

/// The extent of a damaged element.
struct Damaged {
    /// Its length, where it can be told.
    len: Option<usize>,
    /// How many bytes it took to find out.
    looked_at: usize,
}

impl Damaged {
    /// The element at the start of `text`: up to a sibling that begins as CloudTrail records do, or else to where
    /// its brackets close.
    fn of(text: &str) -> Self {
        let closes = balanced(text);
        let looked_at = closes.unwrap_or(text.len());
        // Inside of a string a quote is escaped, so that what a record quotes cannot look like this.
        let sibling = memmem::find(&text.as_bytes()[..looked_at], b",{\"eventVersion\"");
        let closed = closes.filter(|len| is_boundary(&text[*len..]));
        Self { len: sibling.or(closed), looked_at }
    }
}

/// The length up to where the brackets that `text` begins with close, outside of strings.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'\n' if in_string => return None,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && matches!(byte, b'}' | b']') {
            return Some(at + 1);
        }
    }
    None
}

/// Whether `text` goes on as an array does after an element.
fn is_boundary(text: &str) -> bool {
    text.trim_ascii_start().starts_with([',', ']'])
}

fn skip_comma(text: &str) -> &str {
    let text = text.trim_ascii_start();
    text.strip_prefix(',').unwrap_or(text).trim_ascii_start()
}

/// Where, from `from` on, a line begins that may be a new document; else the end.
fn next_document(text: &str, from: usize) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes())
        .map(|newline| newline + 1)
        .find(|start| *start > from && text.as_bytes().get(*start).is_some_and(|byte| may_begin(*byte)))
        .unwrap_or(text.len())
}
