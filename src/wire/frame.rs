//! Frames: many records for the monitor packed into one message of `nhi.activity`.
//!
//! ```text
//! version: u8 | record | record | …      record = length: u32 little-endian | that many bytes of postcard
//! ```
//!
//! The same strings (identity, scope, source) come again and again in a frame; Kafka's compression takes care of them.
//! The topic is internal, but ingest and monitor of two versions meet on it during an upgrade: a change of any type
//! inside [`Record`] needs a new [`VERSION`], which the golden test reminds of.

#[cfg(test)]
mod tests;

use postcard::ser_flavors::Flavor;

use crate::monitor::Record;

/// The version that is written, and the newest that is read.
pub const VERSION: u8 = 2;

/// Bytes after which a frame is full. Large enough that the cost of a Kafka message is spread over some hundred
/// records and that compression finds its repetitions; small enough to stay far below Kafka's 1 MB message cap when
/// the last record is a large one.
pub const CAPACITY: usize = 256 << 10;

/// Bytes that one record may take. CloudTrail's own cap for an event is 256 KB, of which an activity holds a part.
pub const MAX_RECORD_BYTES: usize = 512 << 10;

/// Bytes of a record's length.
const LENGTH_BYTES: usize = size_of::<u32>();

/// Why a frame could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Written by a newer version.
    #[error(
        "frame of version {found}, this program reads up to {VERSION}: upgrade all monitors before the first ingest"
    )]
    TooNew {
        /// Version found.
        found: u8,
    },
    /// Not a frame.
    #[error("frame is damaged at byte {at}: {what}")]
    Damaged {
        /// Where, from the start of the frame.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A record that no frame takes.
    #[error("record takes {found} bytes, the most is {MAX_RECORD_BYTES}")]
    RecordTooLarge {
        /// Bytes of the record.
        found: usize,
    },
    /// A record that has no binary form.
    #[error("record cannot be encoded: {0}")]
    Encode(postcard::Error),
}

impl Error {
    /// Bounded label for metrics and dead letters.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooNew { .. } => "frame_too_new",
            Self::Damaged { .. } => "frame_damaged",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::Encode(_) => "record_not_encodable",
        }
    }
}

/// Packs records into frames.
#[derive(Debug)]
pub struct FrameEncoder {
    capacity: usize,
    records: usize,
    bytes: Vec<u8>,
}

impl FrameEncoder {
    /// An encoder whose frames are full at `capacity` bytes; see [`CAPACITY`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, records: 0, bytes: vec![VERSION] }
    }

    /// Adds a record. A full frame still takes it: look at [`Self::is_full`] after each push.
    ///
    /// # Errors
    /// Where the record is larger than [`MAX_RECORD_BYTES`]; the frame is then as it was.
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let start = self.bytes.len();
        let pushed = self.append(record);
        if pushed.is_err() {
            self.bytes.truncate(start);
        }
        pushed
    }

    fn append(&mut self, record: &Record<'_>) -> Result<(), Error> {
        let start = self.bytes.len();
        let body = start + LENGTH_BYTES;
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        postcard::serialize_with_flavor(record, Appender(&mut self.bytes)).map_err(Error::Encode)?;
        let length = self.bytes.len() - body;
        if length > MAX_RECORD_BYTES {
            return Err(Error::RecordTooLarge { found: length });
        }
        self.bytes[start..body].copy_from_slice(&(length as u32).to_le_bytes());
        self.records += 1;
        Ok(())
    }

    /// Records in the frame so far.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes of the frame so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the frame holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Whether the frame should be taken before the next push.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.capacity
    }

    /// The frame; the encoder starts a new one.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.records = 0;
        let mut next = Vec::with_capacity(self.bytes.len());
        next.push(VERSION);
        std::mem::replace(&mut self.bytes, next)
    }
}

/// Lets postcard write at the end of a buffer that it does not own, so that a failed write can be undone.
struct Appender<'b>(&'b mut Vec<u8>);

impl Flavor for Appender<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Hands each record of a frame to `each`, in order, and returns how many there were. Records borrow from `frame`.
///
/// # Errors
/// Where the frame was written by a newer version or is damaged. Records before the damage have been handed over.
pub fn decode<'a>(frame: &'a [u8], mut each: impl FnMut(Record<'a>)) -> Result<usize, Error> {
    let (&version, mut rest) = frame.split_first().ok_or(Error::Damaged { at: 0, what: "it is empty" })?;
    match version {
        VERSION => {}
        0 => return Err(Error::Damaged { at: 0, what: "there is no version 0" }),
        1 => return Err(Error::Damaged { at: 0, what: "it is from before the first release" }),
        found => return Err(Error::TooNew { found }),
    }
    let mut count = 0;
    while !rest.is_empty() {
        let at = frame.len() - rest.len();
        let (record, after) = split_record(rest).map_err(|what| Error::Damaged { at, what })?;
        each(record);
        count += 1;
        rest = after;
    }
    Ok(count)
}

fn split_record(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), &'static str> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or("a record's length is cut off")?;
    let length = u32::from_le_bytes(*length) as usize;
    let (body, after) = rest.split_at_checked(length).ok_or("a record is cut off")?;
    let (record, unread) = postcard::take_from_bytes(body).map_err(|_| "a record is not understood")?;
    if unread.is_empty() { Ok((record, after)) } else { Err("a record is longer than its content") }
}
