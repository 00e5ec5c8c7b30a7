//! Payloads in which some bytes are not text: the records without such bytes are still told apart.

/// Stands for each byte that is not text. As long as one byte, so that offsets stay true; no log writes it.
pub(super) const MARK: u8 = 0x7f;

/// A copy of `bytes`, of the same length, in which each byte that is not part of valid UTF-8 is [`MARK`].
pub(super) fn marked(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::from(MARK)));
    }
    text
}

/// The part of `original` that stands where `part` stands in its copy `marked`; `None` where `part` is not in it.
pub(super) fn same_place<'o>(part: &[u8], marked: &str, original: &'o [u8]) -> Option<&'o [u8]> {
    let start = (part.as_ptr() as usize).checked_sub(marked.as_ptr() as usize)?;
    original.get(start..start.checked_add(part.len())?)
}
