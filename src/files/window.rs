//! A stretch of a stream that slides along it and grows only as far as it is asked to.

use std::io::{self, Read};

/// Bytes asked for at once.
const STEP: usize = 256 << 10;

/// The part of a stream that is held.
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// Why reading failed, while what was read before is not handed out.
    failure: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, at_end: false, failure: None }
    }

    /// What is held and not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// What is held, up to `length` bytes of it.
    pub(super) fn head(&self, length: usize) -> &[u8] {
        &self.bytes()[..self.bytes().len().min(length)]
    }

    /// The `length` bytes that were consumed last; they stay until the next refill.
    pub(super) fn taken(&self, length: usize) -> &[u8] {
        &self.buffer[self.start - length..self.start]
    }

    /// Lets go of the first `count` bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads more, until `length` bytes are held or the stream is at its end. Where it fails, what is held comes first.
    pub(super) fn fill_to(&mut self, length: usize) -> io::Result<()> {
        while self.bytes().len() < length {
            match self.refill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if self.bytes().is_empty() => return Err(error),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads more; false at the end of the stream.
    pub(super) fn refill(&mut self) -> io::Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.make_room();
        let count = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += count;
        self.at_end = count == 0;
        Ok(count > 0)
    }

    /// Moves what is held to the front where that helps, and doubles the buffer where it is full.
    fn make_room(&mut self) {
        if self.buffer.len() - self.end >= STEP / 2 {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < STEP / 2 {
            self.buffer.resize((self.buffer.len() * 2).max(STEP), 0);
        }
    }
}
