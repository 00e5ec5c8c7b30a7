//! What holds for all inputs.

use proptest::prelude::*;

use super::*;

/// A shape that can be put around a text, with the wrappers and encodings that it costs.
#[derive(Clone, Copy, Debug)]
enum Wrap {
    Records,
    Array,
    EventBridge,
    CloudWatch,
    Message,
    LogObject,
    Connect,
    JsonString,
    Base64,
    Base64Gzip,
}

impl Wrap {
    const ALL: [Self; 10] = [
        Self::Records,
        Self::Array,
        Self::EventBridge,
        Self::CloudWatch,
        Self::Message,
        Self::LogObject,
        Self::Connect,
        Self::JsonString,
        Self::Base64,
        Self::Base64Gzip,
    ];

    /// Wrappers and layers of encoding.
    fn cost(self) -> (usize, usize) {
        match self {
            Self::Base64 => (0, 1),
            Self::Base64Gzip => (0, 2),
            Self::CloudWatch => (2, 0),
            _ => (1, 0),
        }
    }

    fn around(self, text: &str) -> String {
        let value = if text.starts_with('{') { text.to_owned() } else { quoted(text) };
        match self {
            Self::Records => records(&[&value]),
            Self::Array => format!("[{value}]"),
            Self::EventBridge => {
                format!(r#"{{"detail-type":"AWS API Call via CloudTrail","detail":{value}}}"#)
            }
            Self::CloudWatch => cloudwatch(&[text]),
            Self::Message => format!(r#"{{"host":{{"name":"web-1"}},"message":{}}}"#, quoted(text)),
            Self::LogObject => format!(r#"{{"stream":"stdout","log":{value}}}"#),
            Self::Connect => format!(r#"{{"schema":{{"type":"struct"}},"payload":{value}}}"#),
            Self::JsonString => quoted(text),
            Self::Base64 => base64(text),
            Self::Base64Gzip => base64(gzip(text)),
        }
    }
}

/// A text that is an array cannot stand as a string's value in all shapes, and only objects are base64-recognised.
fn wraps() -> impl Strategy<Value = Vec<Wrap>> {
    prop::collection::vec(prop::sample::select(Wrap::ALL.to_vec()), 0..7)
}

/// JSON-like and gzip-like bytes, which get further in than plain noise does.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        " ",
        "null",
        "1",
        "<13>",
        "Jan 31 ",
        "2026-01-31T",
        "\"message\":",
        "\"Records\":[",
        "\"eventVersion\":\"1.08\"",
        "\"log\":",
        "\"detail\":",
        "H4sI",
        "eyJ",
        "\u{feff}",
        "\u{7f}",
        RECORD,
        ENTRY,
        "{\"eventVersion\":\"1.",
        "\"schema\":1,",
        "\"payload\":",
        "\"MESSAGE\":\"",
    ];
    let token = prop_oneof![
        6 => prop::sample::select(tokens.to_vec()).prop_map(|token| token.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => Just(gzip(RECORD)),
        1 => Just(vec![0x1f, 0x8b, 0x08]),
    ];
    prop::collection::vec(token, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_accounted_for(bytes in noise(), limited in any::<bool>()) {
        let small = Limits { payload_bytes: 300, record_bytes: 100, payload_records: 2, envelope_depth: 1, ..Limits::default() };
        let limits = if limited { small } else { Limits::default() };
        for hint in [FormatHint::Auto, FormatHint::Cloudtrail, FormatHint::LinuxAuth] {
            for input in [bytes.clone(), gzip(&bytes), base64(&bytes).into_bytes()] {
                pieces(&input, hint, &limits);
            }
        }
    }

    #[test]
    fn no_byte_of_a_text_is_lost(bytes in noise()) {
        let seen = pieces(&bytes, FormatHint::Auto, &Limits::default());
        if !gunzip::is_gzip(&bytes) && seen.len() == 1 {
            prop_assert!(seen[0].bytes.len() <= bytes.len());
        }
    }

    #[test]
    fn whatever_is_wrapped_comes_out_as_it_was(wraps in wraps(), is_line in any::<bool>()) {
        let record = if is_line { LINE } else { RECORD };
        let (limits, mut depth, mut layers) = (Limits::default(), 0, 0);
        let mut text = record.to_owned();
        for wrap in &wraps {
            let (wrappers, encodings) = wrap.cost();
            (depth, layers) = (depth + wrappers, layers + encodings);
            text = wrap.around(&text);
        }
        let inner = if is_line { syslog(record) } else { cloudtrail(record) };
        let words = pieces(text.as_bytes(), FormatHint::Auto, &limits).into_iter().map(|piece| piece.word).collect::<Vec<_>>();
        if depth <= limits.envelope_depth && layers <= 4 {
            prop_assert_eq!(words, [inner], "{:?}", wraps);
        } else {
            prop_assert_eq!(words.len(), 1);
            prop_assert!(words[0] == "reject:too_deep" || words[0] == "reject:too_many_encodings", "{:?} {:?}", wraps, words);
        }
    }

    #[test]
    fn a_dead_letter_gives_the_same_again(bytes in noise()) {
        for piece in pieces(&bytes, FormatHint::Auto, &Limits::default()) {
            if piece.word.starts_with("reject") && !piece.bytes.is_empty() {
                let again = pieces(&piece.bytes, FormatHint::Auto, &Limits::default());
                prop_assert!(again.iter().any(|other| other.word.starts_with("reject")), "{piece:?} {again:?}");
            }
        }
    }
}
