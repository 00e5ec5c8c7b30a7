//! What a text looks like from its first bytes. These are guesses at where to look, never at what a field means.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Base64 with or without padding: some producers strip it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const MONTHS: [&[u8; 4]; 12] = [
    b"Jan ", b"Feb ", b"Mar ", b"Apr ", b"May ", b"Jun ", b"Jul ", b"Aug ", b"Sep ", b"Oct ", b"Nov ",
    b"Dec ",
];

/// Whether `text` begins as a CloudTrail record does in the files that AWS writes: `{"eventVersion":"1.`
///
/// S3's event notifications begin with the same key, at version 2.
pub(super) fn begins_as_cloudtrail(text: &str) -> bool {
    let after =
        |text: &'_ str, token: &str| text.strip_prefix(token).map(|rest| rest.trim_ascii_start().len());
    let mut rest = text;
    for token in ["{", "\"eventVersion\"", ":"] {
        let Some(len) = after(rest, token) else { return false };
        rest = &rest[rest.len() - len..];
    }
    rest.starts_with("\"1.")
}

/// Whether a line begins as a syslog line: a priority, an RFC 3164 month, or an ISO 8601 date.
pub(super) fn begins_as_syslog(line: &str) -> bool {
    let bytes = line.as_bytes();
    begins_with_priority(bytes)
        || MONTHS.iter().any(|month| bytes.starts_with(*month))
        || begins_with_date(bytes)
        || bytes.strip_prefix(b"1 ").is_some_and(begins_with_date)
}

fn begins_with_priority(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"<") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=3).contains(&digits) && rest.get(digits) == Some(&b'>')
}

/// `2026-01-31T`, or with a space as some formats of rsyslog have it.
fn begins_with_date(bytes: &[u8]) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T";
    bytes.len() > PATTERN.len()
        && PATTERN.iter().zip(bytes).all(|(pattern, byte)| match pattern {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            other => byte == other,
        })
}

/// The bytes behind a base64 text, where they begin like gzip or JSON; `None` for every other text.
pub(super) fn base64_content(text: &str) -> Option<Vec<u8>> {
    if begins_as_base64(text) { BASE64.decode(text).ok() } else { None }
}

/// Whether a text begins like the base64 of gzip or JSON: `H4sI`, `eyJ`, `W3si`, ….
pub(super) fn begins_as_base64(text: &str) -> bool {
    let mut head = [0; 3];
    let decoded =
        text.as_bytes().get(..4).is_some_and(|first| BASE64.decode_slice(first, &mut head) == Ok(3));
    decoded && (super::gunzip::is_gzip(&head) || matches!(head[0], b'{' | b'['))
}

/// Whether a new document or line may begin with this byte at the start of a line. Pretty-printed JSON goes on
/// with white space, a closing bracket or a quote there.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, b'{' | b'<') || byte.is_ascii_alphanumeric()
}
