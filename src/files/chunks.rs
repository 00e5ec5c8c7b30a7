//! A stream of bytes cut into payloads: lines where each line stands for itself, or else the records of JSON documents.
//!
//! The first line decides. Where it is whole (a JSON value, or no JSON at all), the file is read by line, and a damaged
//! line costs only itself. Where a JSON value goes on past it, the file is read by value: a `{"Records":[…]}` or `[…]`
//! too large to be looked at whole is opened and its elements come one by one, so that any size is read in little
//! memory.

use std::io::{self, Read};

use memchr::memchr;

use super::scanner::{Scan, Scanner};
use super::window::Window;

/// A document that is not larger is handed on whole; its shape is then recognised downstream. CloudTrail files of
/// quiet accounts are smaller, busy ones are larger.
const WHOLE_BYTES: usize = 64 << 10;

/// One payload, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The bytes; `None` where they were more than the cap, and were passed over.
    pub bytes: Option<&'a [u8]>,
    /// Place in the file, unique and growing: the line from 0, or the count of values before it.
    pub place: i64,
    /// The line it starts on, from 1.
    pub line: u64,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It did not end yet, or as it should.
    #[default]
    Whole,
    /// In a line without its end. Many are written so; whether it is whole, only its content tells.
    OpenLine,
    /// Within a JSON value, or a list of them: nobody knows what followed.
    CutOff,
}

/// Cuts a stream into payloads.
pub struct Chunks<R> {
    window: Window<R>,
    mode: Mode,
    max_bytes: usize,
    place: i64,
    line: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing was read yet.
    Unknown,
    /// Each line is a payload.
    Lines,
    /// Between JSON values.
    Values,
    /// Within the list of a document; `in_records` where an object is around it.
    Elements { in_records: bool },
}

impl<R: Read> Chunks<R> {
    /// Cuts `reader`; payloads of more than `max_bytes` are passed over.
    pub fn new(reader: R, max_bytes: usize) -> Self {
        Self {
            window: Window::new(reader),
            mode: Mode::Unknown,
            max_bytes,
            place: 0,
            line: 1,
            end: End::Whole,
        }
    }

    /// How the stream ended, once there is no next payload.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// The next payload that is not blank; `None` at the end.
    ///
    /// # Errors
    /// Where reading fails; what was read before it was handed out already.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk<'_>>> {
        if self.mode == Mode::Unknown {
            self.mode = self.find_mode()?;
        }
        let found = match self.mode {
            Mode::Lines => self.next_line()?,
            _ => self.next_value()?,
        };
        Ok(found.map(|found| Chunk {
            bytes: found.is_whole.then(|| self.window.taken(found.length)),
            place: found.place,
            line: found.line,
        }))
    }

    fn find_mode(&mut self) -> io::Result<Mode> {
        self.window.fill_to(WHOLE_BYTES)?;
        let head = self.window.head(WHOLE_BYTES).trim_ascii_start();
        let line = memchr(b'\n', head).map_or(head, |end| &head[..end]);
        let is_whole = Scanner::default().scan(line) != Scan::More;
        Ok(match line.first() {
            Some(b'[') => Mode::Values,
            Some(b'{') if !is_whole => Mode::Values,
            _ => Mode::Lines,
        })
    }

    fn next_line(&mut self) -> io::Result<Option<Taken>> {
        loop {
            let Some(mut taken) = self.take_line()? else { return Ok(None) };
            taken.place = i64::try_from(self.line - 1).unwrap_or(i64::MAX);
            taken.line = self.line;
            self.line += 1;
            if !taken.is_whole || !self.window.taken(taken.length).trim_ascii().is_empty() {
                return Ok(Some(taken));
            }
        }
    }

    /// Takes up to and with the next newline, or to the end.
    fn take_line(&mut self) -> io::Result<Option<Taken>> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr(b'\n', &self.window.bytes()[searched..]) {
                return Ok(Some(self.take(searched + end + 1)));
            }
            searched = self.window.bytes().len();
            if searched > self.max_bytes {
                return self.pass_over(Scanner::line()).map(Some);
            }
            if !self.window.refill()? {
                if searched > 0 {
                    self.end = End::OpenLine;
                }
                return Ok((searched > 0).then(|| self.take(searched)));
            }
        }
    }

    fn next_value(&mut self) -> io::Result<Option<Taken>> {
        while let Some(first) = self.skip_between()? {
            match (self.mode, first) {
                (Mode::Elements { in_records }, b']') => self.close_list(in_records)?,
                (Mode::Elements { .. }, _) => return self.take_value().map(Some),
                (_, b'[') => {
                    self.window.consume(1);
                    self.mode = Mode::Elements { in_records: false };
                }
                (_, b'{') => {
                    if !self.open_records()? {
                        return self.take_value().map(Some);
                    }
                }
                _ => return Ok(self.take_line()?.map(|taken| self.numbered(taken, 1))),
            }
        }
        if matches!(self.mode, Mode::Elements { .. }) {
            self.end = End::CutOff;
        }
        Ok(None)
    }

    /// Passes blanks and, in a list, commas; gives the byte that follows.
    fn skip_between(&mut self) -> io::Result<Option<u8>> {
        loop {
            let in_list = matches!(self.mode, Mode::Elements { .. });
            let is_between = |byte: &u8| byte.is_ascii_whitespace() || (in_list && *byte == b',');
            let bytes = self.window.bytes();
            let blank = bytes.iter().position(|byte| !is_between(byte)).unwrap_or(bytes.len());
            self.line += newlines(&bytes[..blank]);
            self.window.consume(blank);
            if let Some(first) = self.window.bytes().first() {
                return Ok(Some(*first));
            }
            if !self.window.refill()? {
                return Ok(None);
            }
        }
    }

    fn close_list(&mut self, in_records: bool) -> io::Result<()> {
        self.window.consume(1);
        self.mode = Mode::Values;
        if in_records {
            self.pass_over(Scanner::within_object())?;
        }
        Ok(())
    }

    /// Opens the object ahead where it is a list of records too large to be handed on whole.
    fn open_records(&mut self) -> io::Result<bool> {
        self.window.fill_to(WHOLE_BYTES)?;
        let bytes = self.window.head(WHOLE_BYTES);
        if Scanner::default().scan(bytes) != Scan::More {
            return Ok(false);
        }
        let Some(opening) = records_opening(bytes) else { return Ok(false) };
        self.line += newlines(&bytes[..opening]);
        self.window.consume(opening);
        self.mode = Mode::Elements { in_records: true };
        Ok(true)
    }

    /// Takes one JSON value; at the end of the stream, what there is of it.
    fn take_value(&mut self) -> io::Result<Taken> {
        let mut scanner = Scanner::default();
        let mut scanned = 0;
        loop {
            if let Scan::End(end) = scanner.scan(&self.window.bytes()[scanned..]) {
                let taken = self.take((scanned + end).max(1));
                let lines = newlines(self.window.taken(taken.length));
                return Ok(self.numbered(taken, lines));
            }
            scanned = self.window.bytes().len();
            if scanned > self.max_bytes {
                let start = self.line;
                let taken = self.pass_over_from(scanner, scanned)?;
                return Ok(Taken { line: start, ..self.numbered(taken, 0) });
            }
            if !self.window.refill()? {
                self.end = End::CutOff;
                let taken = self.take(scanned);
                return Ok(self.numbered(taken, 0));
            }
        }
    }

    fn take(&mut self, length: usize) -> Taken {
        self.window.consume(length);
        Taken { length, is_whole: true, place: 0, line: 0 }
    }

    /// Gives a value its place and counts it and its `lines`.
    fn numbered(&mut self, taken: Taken, lines: u64) -> Taken {
        let numbered = Taken { place: self.place, line: self.line, ..taken };
        self.place += 1;
        self.line += lines;
        numbered
    }

    fn pass_over(&mut self, scanner: Scanner) -> io::Result<Taken> {
        self.pass_over_from(scanner, 0)
    }

    /// Reads to the end of what `scanner` is in without holding it; its first `scanned` bytes it knows already.
    fn pass_over_from(&mut self, mut scanner: Scanner, scanned: usize) -> io::Result<Taken> {
        let by_line = scanner.is_line();
        self.drop_bytes(scanned, by_line);
        loop {
            let bytes = self.window.bytes();
            if let Scan::End(end) = scanner.scan(bytes) {
                self.drop_bytes(end, by_line);
                break;
            }
            self.drop_bytes(bytes.len(), by_line);
            if !self.window.refill()? {
                break;
            }
        }
        Ok(Taken { length: 0, is_whole: false, place: 0, line: 0 })
    }

    /// Drops bytes; their newlines are counted, except where lines are counted as such.
    fn drop_bytes(&mut self, count: usize, by_line: bool) {
        if !by_line {
            self.line += newlines(&self.window.bytes()[..count]);
        }
        self.window.consume(count);
    }
}

/// What was taken out of the window just now.
struct Taken {
    length: usize,
    is_whole: bool,
    place: i64,
    line: u64,
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// How many bytes `{"Records":[` takes at the start of `bytes`, blanks allowed; `None` where something else stands there.
fn records_opening(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for part in [&b"{"[..], b"\"Records\"", b":", b"["] {
        rest = rest.trim_ascii_start().strip_prefix(part)?;
    }
    Some(bytes.len() - rest.len())
}

#[cfg(test)]
mod tests;
