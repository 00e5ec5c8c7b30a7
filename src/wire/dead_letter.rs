//! Dead letters: what could not be understood, with its original bytes and the reason, for `nhi.dead-letter`.

use crate::ingest::{Payload, Rejected};

use super::clip_to;

/// Bytes of the original that a dead letter keeps. With its headers (some 6 KB at most) it stays below 1,000,000 bytes:
/// the smallest cap in common use (Kafka's own `message.max.bytes` is 1,048,588), and what came in under a higher
/// cap must still be let go of.
pub const MAX_VALUE_BYTES: usize = 960_000;

/// Characters of the detail: a sentence, not a dump.
const MAX_DETAIL_CHARS: usize = 1_024;

/// Header names, in the order in which they are written.
pub mod header {
    /// Bounded label: `bad_json`.
    pub const REASON: &str = "reason";
    /// What was wrong, for a person.
    pub const DETAIL: &str = "detail";
    /// Topic (or file) that it came from.
    pub const SOURCE_TOPIC: &str = "source_topic";
    /// Partition that it came from.
    pub const SOURCE_PARTITION: &str = "source_partition";
    /// Offset of the message that it came in.
    pub const SOURCE_OFFSET: &str = "source_offset";
    /// Index of the record within that message, from 0.
    pub const SOURCE_INDEX: &str = "source_index";
    /// When the message reached its topic, in RFC 3339.
    pub const RECEIVED_AT: &str = "received_at";
    /// Version of the program that gave up on it.
    pub const PROGRAM_VERSION: &str = "program_version";
    /// Length of the original in bytes, where only its start is kept.
    pub const TRUNCATED: &str = "truncated";
}

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Kafka headers, by the names in [`header`].
    pub headers: Vec<(&'static str, String)>,
    /// The original bytes, at most [`MAX_VALUE_BYTES`] of them.
    pub value: Vec<u8>,
}

impl DeadLetter {
    /// The dead letter for a record that was rejected out of `payload`.
    #[must_use]
    pub fn new(payload: &Payload<'_>, rejected: &Rejected<'_>) -> Self {
        let mut headers = vec![
            (header::REASON, rejected.reason.to_owned()),
            (header::DETAIL, clip_to(&rejected.detail, MAX_DETAIL_CHARS)),
            (header::SOURCE_TOPIC, payload.source.to_owned()),
            (header::SOURCE_PARTITION, payload.partition.to_string()),
            (header::SOURCE_OFFSET, payload.offset.to_string()),
            (header::SOURCE_INDEX, rejected.index.to_string()),
            (header::RECEIVED_AT, payload.received.to_rfc3339()),
            (header::PROGRAM_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let kept = rejected.bytes.len().min(MAX_VALUE_BYTES);
        if kept < rejected.bytes.len() {
            headers.push((header::TRUNCATED, rejected.bytes.len().to_string()));
        }
        Self { headers, value: rejected.bytes[..kept].to_vec() }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::FormatHint;
    use crate::time::ProcessingTime;

    fn letter(bytes: &[u8]) -> DeadLetter {
        let payload = Payload {
            bytes,
            source: "cloudtrail",
            partition: 3,
            offset: 41,
            received: ProcessingTime::from_millis(1_769_850_600_000),
            format: FormatHint::Auto,
        };
        let detail = "line 1, column 9: not valid JSON".to_owned();
        DeadLetter::new(&payload, &Rejected { reason: "bad_json", detail, bytes, index: 2 })
    }

    #[test]
    fn says_why_and_where_from_and_keeps_the_original() {
        let letter = letter(b"{\"a\":\xff}");
        assert_eq!(letter.value, b"{\"a\":\xff}");
        let headers: Vec<String> =
            letter.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            headers[..7],
            [
                "reason=bad_json",
                "detail=line 1, column 9: not valid JSON",
                "source_topic=cloudtrail",
                "source_partition=3",
                "source_offset=41",
                "source_index=2",
                "received_at=2026-01-31T09:10:00.000Z",
            ]
        );
        assert_eq!(letter.header(header::PROGRAM_VERSION), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(letter.header(header::TRUNCATED), None);
    }

    #[test]
    fn an_original_at_the_cap_is_kept_whole_and_a_longer_one_is_marked() {
        let whole = letter(&vec![b'x'; MAX_VALUE_BYTES]);
        assert_eq!((whole.value.len(), whole.header(header::TRUNCATED)), (MAX_VALUE_BYTES, None));
        let cut = letter(&vec![b'x'; MAX_VALUE_BYTES + 1]);
        assert_eq!((cut.value.len(), cut.header(header::TRUNCATED)), (MAX_VALUE_BYTES, Some("960001")));
    }
}
