//! The values that an identity used, as a snapshot holds them.
//!
//! They are most of what a restore reads, so they have a form that is read in few steps: the length of the text, doubled and
//! one more where the value is held out; the text; first and last use in six bytes each; the number of uses; since when
//! it is held out, where it is. Numbers of no fixed length are in LEB128, as postcard has them.

use crate::baseline::terms::{TIME_BYTES, TermEntry};
use crate::term::Term;

use super::{Error, damaged};

/// First and last use.
const SEEN_BYTES: usize = 2 * TIME_BYTES;

/// Appends a value.
pub(super) fn write(entry: &TermEntry, bytes: &mut Vec<u8>) {
    let text = entry.term.as_str();
    let (first, last, held_out) = entry.packed_times();
    write_number((text.len() as u64) << 1 | u64::from(held_out.is_some()), bytes);
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&first);
    bytes.extend_from_slice(&last);
    write_number(u64::from(entry.uses), bytes);
    bytes.extend_from_slice(held_out.as_ref().map_or(&[], |time| time));
}

/// Reads a value, and says what is left behind it.
pub(super) fn read(
    bytes: &[u8],
    mut term: impl FnMut(&[u8]) -> Result<(Term, u64), Error>,
) -> Result<(TermEntry, &[u8]), Error> {
    let (head, rest) = read_number(bytes)?;
    let (text, rest) =
        rest.split_at_checked(usize::try_from(head >> 1).unwrap_or(usize::MAX)).ok_or_else(cut)?;
    let (seen, rest) = rest.split_first_chunk::<SEEN_BYTES>().ok_or_else(cut)?;
    let (uses, rest) = read_number(rest)?;
    let (held_out, rest) = match head & 1 {
        0 => (None, rest),
        _ => {
            rest.split_first_chunk::<TIME_BYTES>().map(|(time, rest)| (Some(*time), rest)).ok_or_else(cut)?
        }
    };
    let uses = u32::try_from(uses).map_err(damaged)?;
    let (first, last) = halves(*seen);
    Ok((TermEntry::restored(term(text)?, (first, last, held_out), uses), rest))
}

fn halves([a, b, c, d, e, f, rest @ ..]: [u8; SEEN_BYTES]) -> ([u8; TIME_BYTES], [u8; TIME_BYTES]) {
    ([a, b, c, d, e, f], rest)
}

fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &[u8]) -> Result<(u64, &[u8]), Error> {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate().take(u64::BITS as usize / 7) {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if *byte <= 0x7f {
            return Ok((number, &bytes[place + 1..]));
        }
    }
    Err(cut())
}

fn cut() -> Error {
    damaged("a value is cut short")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::term::stable_hash;
    use crate::time::EventTime;

    fn term(text: &[u8]) -> Result<(Term, u64), Error> {
        let text = std::str::from_utf8(text).map_err(damaged)?;
        Ok((Term::unshared(text), stable_hash(text)))
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_was_and_cut_short_not_at_all(
            text in ".{0,100}",
            seen in any::<(i64, i64)>(),
            uses in any::<u32>(),
            held_out in any::<Option<i64>>(),
        ) {
            let entry = TermEntry::of(
                term(text.as_bytes()).unwrap(),
                (EventTime::from_millis(seen.0), EventTime::from_millis(seen.1)),
                (uses, held_out.map(EventTime::from_millis)),
            );
            let mut bytes = Vec::new();
            write(&entry, &mut bytes);
            let end = bytes.len();
            bytes.push(7);
            let (copy, rest) = read(&bytes, term).unwrap();
            prop_assert_eq!((&copy, rest), (&entry, &[7][..]));
            for cut in 0..end {
                prop_assert!(read(&bytes[..cut], term).is_err());
            }
        }

        #[test]
        fn whatever_bytes_there_are_it_is_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok((entry, rest)) = read(&bytes, term) {
                prop_assert!(entry.term.as_str().len() + SEEN_BYTES + rest.len() < bytes.len());
            }
        }
    }
}
