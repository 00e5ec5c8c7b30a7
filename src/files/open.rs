//! A file as a stream of its unpacked bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Stdin};

use flate2::bufread::MultiGzDecoder;

use super::LogFile;

/// Bytes asked from the system at once.
const READ_BUFFER: usize = 256 << 10;
/// What a gzip stream starts with (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Logs pack 10 to 30 times, repetitive ones up to 150. What unpacks to more than this times its size is a bomb.
const MAX_RATIO: u64 = 300;
/// A packed file may always unpack to this much, so that small files of equal lines pass.
const MIN_UNPACKED: u64 = 1 << 30;

/// Opens a file; gzip is recognised by content and unpacked on the way. `observe` wraps the raw bytes, as they are on
/// disk, for a progress bar.
///
/// # Errors
/// Where the file cannot be opened or its first bytes cannot be read.
pub fn open(
    file: &LogFile,
    observe: impl FnOnce(Box<dyn Read>) -> Box<dyn Read>,
) -> io::Result<Box<dyn Read>> {
    let raw: Box<dyn Read> = if file.is_stdin() { stdin() } else { Box::new(File::open(&file.path)?) };
    let mut buffered = BufReader::with_capacity(READ_BUFFER, observe(raw));
    if !buffered.fill_buf()?.starts_with(&GZIP_MAGIC) {
        return Ok(Box::new(buffered));
    }
    let max_bytes =
        if file.is_stdin() { u64::MAX } else { MIN_UNPACKED.max(file.bytes.saturating_mul(MAX_RATIO)) };
    Ok(Box::new(Capped { inner: MultiGzDecoder::new(buffered), left: max_bytes }))
}

fn stdin() -> Box<Stdin> {
    Box::new(io::stdin())
}

/// Stops with an error after `left` bytes.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(bomb)?;
        Ok(count)
    }
}

fn bomb() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unpacks to more than {MAX_RATIO} times its size"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8]) -> io::Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("any-name");
        std::fs::write(&path, bytes)?;
        let mut text = String::new();
        open(&LogFile { path, bytes: bytes.len() as u64 }, |raw| raw)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn gzip_is_told_by_content_and_all_its_members_are_read() {
        assert_eq!(unpack(b"plain").unwrap(), "plain");
        assert_eq!(unpack(&[gzip("one\n"), gzip("two\n")].concat()).unwrap(), "one\ntwo\n");
        assert_eq!(unpack(b"").unwrap(), "");
    }

    #[test]
    fn a_torn_gzip_is_an_error() {
        let packed = gzip("some text that is long enough to be torn");
        assert!(unpack(&packed[..packed.len() - 6]).is_err());
    }

    #[test]
    fn what_unpacks_without_end_is_stopped() {
        let mut capped = Capped { inner: io::repeat(b'x'), left: 10_000 };
        assert_eq!(io::copy(&mut capped, &mut io::sink()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
