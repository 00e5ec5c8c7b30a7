//! gzip, one whole payload at a time, never beyond a given size.

use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;

use super::Error;

/// First bytes of a gzip member with the only method there is, deflate (RFC 1952, 2.3.1).
const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Header of a gzip member without optional fields, and its trailer: CRC-32 and size (RFC 1952, 2.3).
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;

/// Most that deflate can expand: 258 bytes from 2 bits (zlib's technical notes say 1032:1).
const MAX_RATIO: usize = 1032;

/// First size tried where the trailer's own claim is smaller; most CloudWatch Logs payloads fit.
const MIN_OUTPUT_BYTES: usize = 64 << 10;

/// A larger buffer is given back after its payload: one hour's file must not stay in memory for good.
const RETAINED_BYTES: usize = 8 << 20;

/// Places that may look like a member's end before the true one. By chance there is none (64 bits match); more
/// than these were put there to cost time.
const MAX_FALSE_ENDS: usize = 8;

/// What came out of a compressed payload.
pub(super) struct Unpacked<'i> {
    /// The output: the first `len` bytes of the buffer.
    pub(super) buffer: Vec<u8>,
    /// How much of `buffer` is output.
    pub(super) len: usize,
    /// Input from the first member that could not be decompressed on; empty where all could.
    pub(super) damaged: &'i [u8],
}

/// Decompresses, and keeps its buffer for the next payload.
pub(super) struct Gunzip {
    inflater: Decompressor,
    buffer: Vec<u8>,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { inflater: Decompressor::new(), buffer: Vec::new() }
    }
}

/// Whether `bytes` begin like gzip.
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl Gunzip {
    /// Decompresses all members of `input` one after another, to at most `limit` bytes (inclusive).
    ///
    /// Members before a damaged one are kept. Zeros after the last member are padding.
    ///
    /// # Errors
    /// [`Error::BadGzip`] where not even the first member is sound, [`Error::UnpackedTooLarge`] above `limit`.
    pub(super) fn unpack<'i>(&mut self, input: &'i [u8], limit: usize) -> Result<Unpacked<'i>, Error> {
        let mut out = Output { buffer: std::mem::take(&mut self.buffer), len: 0, limit };
        let mut rest = input;
        while rest.iter().any(|byte| *byte != 0) {
            match self.member(rest, &mut out) {
                Ok(used) => rest = &rest[used..],
                Err(Error::BadGzip) if out.len > 0 => break,
                Err(error) => return Err(error),
            }
        }
        let damaged = if rest.iter().all(|byte| *byte == 0) { &[] } else { rest };
        Ok(Unpacked { buffer: out.buffer, len: out.len, damaged })
    }

    /// Takes a buffer back for the next payload.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        if buffer.len() <= RETAINED_BYTES && buffer.len() > self.buffer.len() {
            self.buffer = buffer;
        }
    }

    /// Appends the first member of `input`, and returns how many input bytes it took.
    fn member(&mut self, input: &[u8], out: &mut Output) -> Result<usize, Error> {
        let room = out.limit - out.len;
        let mut size = claimed_size(input).max(MIN_OUTPUT_BYTES).min(room);
        loop {
            match self.inflater.gzip_decompress(input, out.space(size)) {
                Ok(written) => {
                    let used = self.member_end(input, out.space(written))?;
                    out.len += written;
                    return Ok(used);
                }
                Err(DecompressionError::BadData) => return Err(Error::BadGzip),
                Err(DecompressionError::InsufficientSpace) if size == room => {
                    return Err(Error::UnpackedTooLarge { limit: out.limit });
                }
                Err(DecompressionError::InsufficientSpace) => size = size.saturating_mul(4).min(room),
            }
        }
    }

    /// Where the first member of `input` ends, given its `output`; libdeflater does not tell.
    ///
    /// A member ends with its output's checksum and size, so the end is where those bytes stand. Where they stand
    /// before the end of `input` too, the shortest prefix that decompresses is the member.
    fn member_end(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, Error> {
        let trailer = trailer_of(output);
        let mut from = HEADER_BYTES;
        for _ in 0..MAX_FALSE_ENDS {
            let found =
                memmem::find(input.get(from..).unwrap_or_default(), &trailer).ok_or(Error::BadGzip)?;
            let end = from + found + TRAILER_BYTES;
            if end == input.len() || self.inflater.gzip_decompress(&input[..end], output) == Ok(output.len())
            {
                return Ok(end);
            }
            from += found + 1;
        }
        Err(Error::BadGzip)
    }
}

/// A buffer that grows to its limit and not beyond.
struct Output {
    buffer: Vec<u8>,
    len: usize,
    limit: usize,
}

impl Output {
    /// The next `size` bytes after what is written.
    fn space(&mut self, size: usize) -> &mut [u8] {
        let end = self.len + size;
        if end > self.buffer.len() {
            self.grow(end);
        }
        &mut self.buffer[self.len..end]
    }

    fn grow(&mut self, end: usize) {
        if self.len == 0 {
            // Free first, then ask for zeroed pages: the two buffers are never held together.
            self.buffer = Vec::new();
            self.buffer = vec![0; end];
        } else {
            self.buffer.reserve_exact(end - self.buffer.len());
            self.buffer.resize(end, 0);
        }
    }
}

/// The size that the last trailer claims, held to what the input could expand to at all.
fn claimed_size(input: &[u8]) -> usize {
    let claim = input.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
    claim.min(input.len().saturating_mul(MAX_RATIO))
}

/// The trailer that a member with this output has (RFC 1952: CRC-32, then the size modulo 2^32).
fn trailer_of(output: &[u8]) -> [u8; TRAILER_BYTES] {
    let checksum = libdeflater::crc32(output).to_le_bytes();
    let size = (output.len() as u32).to_le_bytes();
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..4].copy_from_slice(&checksum);
    trailer[4..].copy_from_slice(&size);
    trailer
}
