//! The walk through one JSON document: its shape, and what is inside.

use serde_json::value::RawValue;

use super::keys::Keys;
use super::shape::Shape;
use super::split::{self, Progress};
use super::walk::{Scope, Walk};
use super::{Envelope, Error, Format, line};
use crate::text::Text;

impl Walk<'_> {
    /// Walks one element of an array of records.
    pub(super) fn element<'s>(&mut self, text: &'s str, scope: &Scope<'s>) {
        let scope = scope.deeper(Envelope::default()).at(text.as_bytes());
        self.one_value(text, &scope);
    }

    /// Walks a text that is exactly one JSON value.
    fn one_value<'s>(&mut self, text: &'s str, scope: &Scope<'s>) {
        if line::begins_as_cloudtrail(text) {
            self.record(Format::CloudTrail, text, scope);
        } else {
            self.value(text, true, scope);
        }
    }

    /// Walks the JSON value at the start of `rest`, and returns where it ends. `alone`: nothing stands before it.
    pub(super) fn value<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> usize {
        match rest.as_bytes().first() {
            Some(b'{') => self.object(rest, alone, scope),
            Some(b'[') if scope.may_deepen(self) => self.array(rest, scope),
            _ => self.other(rest, alone, scope),
        }
    }

    fn array<'s>(&mut self, rest: &'s str, scope: &Scope<'s>) -> usize {
        match split::array(self, rest, scope) {
            Err((error, progress)) => split::after_damage(self, error, &progress, scope),
            Ok((end, progress)) => {
                if progress.elements == Some(0) {
                    self.skip("empty", &rest.as_bytes()[..end]);
                }
                end
            }
        }
    }

    fn object<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> usize {
        match split::Object::read(self, rest, scope) {
            Err((error, progress)) => split::after_damage(self, error, &progress, scope),
            Ok((end, progress, keys)) => {
                let scope = narrowed(rest, end, alone, scope);
                match progress.too_deep {
                    true => self.reject(self.too_deep(), scope.origin),
                    false => self.shaped(&rest[..end], &keys, progress.elements, &scope),
                }
                end
            }
        }
    }

    /// A string, whose text is walked; or a value that can be no record.
    fn other<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> usize {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&'s RawValue>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                return split::after_damage(self, error.into(), &Progress::new(rest, ""), scope);
            }
            None => return rest.len(),
        };
        let end = values.byte_offset();
        let scope = narrowed(rest, end, alone, scope);
        match value.get().as_bytes().first() {
            Some(b'"') => self.wrapped(value, Envelope::default(), &scope),
            Some(b'[') => self.reject(self.too_deep(), scope.origin),
            _ => self.reject(Error::Unrecognised, scope.origin),
        }
        end
    }

    /// Walks an object by its shape. `elements`: how many its `Records` had, which have been walked.
    fn shaped<'s>(&mut self, document: &'s str, keys: &Keys<'s>, elements: Option<usize>, scope: &Scope<'s>) {
        match (Shape::of(keys), elements) {
            (Shape::Record(format, envelope), _) => {
                self.record(format, document, &scope.with(envelope));
            }
            (_, Some(1..)) => {}
            (Shape::Refused(Error::Unrecognised), Some(0)) => self.skip("empty", scope.origin),
            (Shape::Wrapper(value, envelope), _) => self.wrapped(value, envelope, scope),
            (Shape::RenamedJournald(message, envelope), _) => {
                self.renamed_journald(document, message, &scope.with(envelope));
            }
            (Shape::LogEvents(events), _) => {
                self.value(events.get(), true, scope);
            }
            (Shape::Skip(reason), _) => self.skip(reason, scope.origin),
            (Shape::Refused(error), _) => self.reject(error, scope.origin),
        }
    }

    /// Walks what a wrapper holds, as an object or as a text.
    fn wrapped<'s>(&mut self, value: &'s RawValue, envelope: Envelope<'s>, scope: &Scope<'s>) {
        if !scope.may_deepen(self) {
            return self.reject(self.too_deep(), scope.origin);
        }
        let scope = scope.deeper(envelope);
        if !value.get().starts_with('"') {
            return self.one_value(value.get(), &scope);
        }
        match serde_json::from_str::<Text<'s>>(value.get()) {
            Ok(text) => self.text(&text, &scope.message()),
            Err(error) => self.reject(error.into(), scope.origin),
        }
    }

    /// Gives an entry of which Vector renamed `MESSAGE` to `message` its own name back.
    fn renamed_journald<'s>(&mut self, document: &'s str, message: &'s RawValue, scope: &Scope<'s>) {
        let fields = document.trim_start_matches('{');
        let entry = format!("{{\"MESSAGE\":{message},{fields}");
        self.record(Format::Journald, &entry, scope);
    }
}

/// The scope of a document that ends at `end`: its own bytes, unless it is all that its wrapper holds.
fn narrowed<'s>(rest: &'s str, end: usize, alone: bool, scope: &Scope<'s>) -> Scope<'s> {
    if alone && end == rest.len() { scope.clone() } else { scope.at(&rest.as_bytes()[..end]) }
}
