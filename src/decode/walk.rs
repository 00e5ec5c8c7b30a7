//! The walk through one payload: bytes to texts, texts to documents and lines, and the pieces out.

use super::gunzip::{self, Gunzip};
use super::{Envelope, Error, Format, FormatHint, Outcome, Piece, RawRecord, Reply};
use super::{line, utf8};
use crate::config::Limits;

/// Layers of gzip and base64 over one another, on the whole way down to a record. A real chain has three (a gzip file
/// of events that hold base64 of gzip); without a bound, a gzip file can contain itself.
const MAX_ENCODINGS: usize = 4;

/// Where the walk is.
#[derive(Clone)]
pub(super) struct Scope<'s> {
    /// The bytes to which a record found here belongs.
    pub(super) origin: &'s [u8],
    /// What the wrappers so far said.
    pub(super) envelope: Envelope<'s>,
    /// Wrappers so far.
    depth: usize,
    /// Layers of gzip and base64 so far.
    encodings: usize,
    /// Whether the text is one log message: a newline in it was put there by whoever wrote the message, and a line
    /// after it must not pass for a message of its own.
    is_message: bool,
}

impl<'s> Scope<'s> {
    /// Whether one more wrapper is within the limits.
    pub(super) fn may_deepen(&self, walk: &Walk<'_>) -> bool {
        self.depth < walk.limits.envelope_depth
    }

    /// The same place, for a part of it that is accounted for on its own.
    pub(super) fn at(&self, origin: &'s [u8]) -> Self {
        Self { origin, ..self.clone() }
    }

    /// The same place, with what a record says of its own host and time.
    pub(super) fn with(&self, inner: Envelope<'s>) -> Self {
        Self { envelope: inner.or(&self.envelope), ..*self }
    }

    /// The text of one log message.
    pub(super) fn message(self) -> Self {
        Self { is_message: true, ..self }
    }

    /// One wrapper further in; what the inner wrapper says counts, where it says something.
    pub(super) fn deeper(&self, inner: Envelope<'s>) -> Self {
        Self { depth: self.depth + 1, ..self.with(inner) }
    }
}

/// The walk through one payload.
pub(super) struct Walk<'w> {
    limits: &'w Limits,
    hint: FormatHint,
    gunzip: &'w mut Gunzip,
    take: &'w mut dyn FnMut(Piece<'_>) -> Reply,
    count: u32,
    spent: Spent,
}

/// What a payload has cost so far beyond one pass over its bytes.
#[derive(Clone, Copy, Default)]
struct Spent {
    /// Bytes that came out of gzip.
    unpacked_bytes: usize,
    /// Bytes behind damaged places that were read in vain, and will be read again.
    reread_bytes: usize,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        limits: &'w Limits,
        hint: FormatHint,
        gunzip: &'w mut Gunzip,
        take: &'w mut dyn FnMut(Piece<'_>) -> Reply,
    ) -> Self {
        Self { limits, hint, gunzip, take, count: 0, spent: Spent::default() }
    }

    /// How many pieces were given.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Walks a payload as it came.
    pub(super) fn payload(&mut self, payload: &[u8]) {
        let limit = self.limits.payload_bytes;
        if payload.is_empty() {
            self.skip("tombstone", payload);
        } else if payload.len() > limit {
            self.reject(Error::PayloadTooLarge { bytes: payload.len(), limit }, payload);
        } else {
            let scope = Scope {
                origin: payload,
                envelope: Envelope::default(),
                depth: 0,
                encodings: 0,
                is_message: false,
            };
            self.bytes(payload, &scope);
        }
    }

    fn bytes(&mut self, bytes: &[u8], scope: &Scope<'_>) {
        if gunzip::is_gzip(bytes) {
            return self.gzip(bytes, scope);
        }
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => self.text(text, scope),
            Err(_) => self.partly_text(bytes, scope),
        }
    }

    fn gzip(&mut self, bytes: &[u8], scope: &Scope<'_>) {
        let Some(scope) = self.decoded(scope) else { return };
        let room = self.limits.payload_bytes - self.spent.unpacked_bytes;
        match self.gunzip.unpack(bytes, room) {
            Err(error) => self.reject(error, scope.origin),
            Ok(unpacked) => {
                self.spent.unpacked_bytes += unpacked.len;
                self.bytes(&unpacked.buffer[..unpacked.len], &scope);
                self.gunzip.give_back(unpacked.buffer);
                if !unpacked.damaged.is_empty() {
                    self.reject(Error::BadGzip, unpacked.damaged);
                }
            }
        }
    }

    /// One layer of encoding further in.
    fn decoded<'s>(&mut self, scope: &Scope<'s>) -> Option<Scope<'s>> {
        if scope.encodings == MAX_ENCODINGS {
            self.reject(Error::TooManyEncodings { limit: MAX_ENCODINGS }, scope.origin);
            return None;
        }
        Some(Scope { encodings: scope.encodings + 1, is_message: false, ..scope.clone() })
    }

    /// Walks a copy in which bytes that are no text are marked, and refuses the pieces that have such a mark.
    fn partly_text(&mut self, bytes: &[u8], scope: &Scope<'_>) {
        let copy = utf8::marked(bytes);
        let take = &mut *self.take;
        let mut refuse_marked = |piece: Piece<'_>| {
            let original = match utf8::same_place(piece.bytes, &copy, bytes) {
                Some(part) if part.len() < bytes.len() => part,
                Some(_) => scope.origin,
                None => piece.bytes,
            };
            let outcome = match piece.outcome {
                Outcome::Guess(_) => return Reply::LookAgain,
                _ if piece.bytes.contains(&utf8::MARK) => Outcome::Rejected(Error::BadUtf8),
                outcome => outcome,
            };
            take(Piece { bytes: original, outcome, ..piece })
        };
        let mut walk = Walk {
            limits: self.limits,
            hint: self.hint,
            gunzip: &mut *self.gunzip,
            take: &mut refuse_marked,
            count: self.count,
            spent: self.spent,
        };
        walk.text(&copy, &scope.at(copy.as_bytes()));
        (self.count, self.spent) = (walk.count, walk.spent);
    }

    /// Walks the documents and lines of a text.
    pub(super) fn text<'s>(&mut self, text: &'s str, scope: &Scope<'s>) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
        if text.is_empty() {
            return self.skip("empty", scope.origin);
        }
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(error) = self.exhausted() {
                return self.reject(error, rest.as_bytes());
            }
            let alone = rest.len() == text.len();
            let used = match rest.as_bytes()[0] {
                b'{' | b'[' | b'"' => self.document(rest, alone, scope),
                _ => self.line(rest, alone, scope),
            };
            rest = rest[used..].trim_ascii_start();
        }
    }

    /// Walks the JSON document at the start of `rest`, and returns where it ends.
    fn document<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> usize {
        match self.guess(rest, alone, scope) {
            Some(end) => end,
            None => self.value(rest, alone, scope),
        }
    }

    /// Offers the first line as one record where it looks like one, and returns its end where that was right.
    fn guess<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> Option<usize> {
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii_end();
        let plausible = self.hint.accepts(Format::CloudTrail)
            && line.ends_with('}')
            && line.len() <= self.limits.record_bytes
            && line::begins_as_cloudtrail(line);
        if !plausible {
            return None;
        }
        let origin = if alone && line.len() == rest.len() { scope.origin } else { line.as_bytes() };
        let record = RawRecord { format: Format::CloudTrail, text: line, envelope: scope.envelope.clone() };
        (self.give(origin, Outcome::Guess(record)) == Reply::Taken).then_some(end)
    }

    /// Walks one line of text, and returns its length. A log message that is no JSON is one line, whatever it holds.
    fn line<'s>(&mut self, rest: &'s str, alone: bool, scope: &Scope<'s>) -> usize {
        let newline = memchr::memchr(b'\n', rest.as_bytes()).filter(|_| !scope.is_message);
        let end = newline.unwrap_or(rest.len());
        let line = rest[..end].trim_ascii_end();
        let scope = if alone && end == rest.len() { scope.clone() } else { scope.at(line.as_bytes()) };
        if let Some(content) = line::base64_content(line) {
            if let Some(scope) = self.decoded(&scope) {
                self.bytes(&content, &scope);
            }
        } else if line::begins_as_syslog(line) || self.hint == FormatHint::LinuxAuth {
            self.record(Format::Syslog, line, &scope);
        } else {
            self.reject(Error::Unrecognised, scope.origin);
        }
        end
    }

    /// Gives a record, unless it is too large or has no business in this input.
    pub(super) fn record(&mut self, format: Format, text: &str, scope: &Scope<'_>) {
        let limit = self.limits.record_bytes;
        if text.len() > limit {
            self.reject(Error::RecordTooLarge { bytes: text.len(), limit }, scope.origin);
        } else if !self.hint.accepts(format) {
            self.reject(Error::UnexpectedFormat { found: format.title() }, scope.origin);
        } else {
            let record = RawRecord { format, text, envelope: scope.envelope.clone() };
            self.give(scope.origin, Outcome::Record(record));
        }
    }

    pub(super) fn skip(&mut self, reason: &'static str, bytes: &[u8]) {
        self.give(bytes, Outcome::Skipped(reason));
    }

    pub(super) fn reject(&mut self, error: Error, bytes: &[u8]) {
        self.give(bytes, Outcome::Rejected(error));
    }

    /// The only place where a piece leaves, and is counted.
    fn give(&mut self, bytes: &[u8], outcome: Outcome<'_>) -> Reply {
        let is_guess = matches!(outcome, Outcome::Guess(_));
        let reply = (self.take)(Piece { index: self.count, bytes, outcome });
        if is_guess && reply == Reply::LookAgain {
            return reply;
        }
        self.count += 1;
        Reply::Taken
    }

    /// Notes that `read` bytes were read, of which only `used` are accounted for.
    pub(super) fn reread(&mut self, read: usize, used: usize) {
        self.spent.reread_bytes += read.saturating_sub(used);
    }

    /// Why the rest of this payload is not read any more, where it is not.
    ///
    /// Brackets that never close let each damaged place cost a look at all that follows it. What is looked at in vain
    /// may be as much as the largest payload, and no more.
    pub(super) fn exhausted(&self) -> Option<Error> {
        if self.count as usize >= self.limits.payload_records {
            Some(Error::TooManyRecords { limit: self.limits.payload_records })
        } else if self.spent.reread_bytes > self.limits.payload_bytes {
            Some(Error::TooDamaged)
        } else {
            None
        }
    }

    pub(super) fn too_deep(&self) -> Error {
        Error::TooDeep { limit: self.limits.envelope_depth }
    }
}
