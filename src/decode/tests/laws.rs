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

    /// At most so many wrappers, and so many layers of encoding.
    fn cost(self, text: &str) -> (usize, usize) {
        match self {
            // A text among records is a string, which is a wrapper of its own.
            Self::Records | Self::Array if !is_json(text) => (2, 0),
            Self::Base64 if text.starts_with(['{', '[']) => (0, 1),
            Self::Base64 | Self::Base64Gzip => (0, 2),
            Self::CloudWatch => (2, 0),
            _ => (1, 0),
        }
    }

    fn around(self, text: &str) -> String {
        let value = if is_json(text) { text.to_owned() } else { quoted(text) };
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
            // Of plain base64 only JSON is told apart from words.
            Self::Base64 if text.starts_with(['{', '[']) => base64(text),
            Self::Base64 | Self::Base64Gzip => base64(gzip(text)),
        }
    }
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '[', '"'])
}

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

/// Lines of which each is read the same way alone and among others. (After a damaged line, one that begins with a
/// quote is not: pretty-printed JSON may go on like that.)
fn line() -> impl Strategy<Value = String> {
    let lines = [
        RECORD.to_owned(),
        OTHER.to_owned(),
        ENTRY.to_owned(),
        LINE.to_owned(),
        RFC5424.to_owned(),
        "once upon a time".to_owned(),
        records(&[RECORD, "{,}", OTHER]),
        records(&[]),
        cloudwatch(&[LINE, RECORD]),
        base64(gzip(RECORD)),
        RECORD[..90].to_owned(),
        records(&[RECORD, OTHER])[..RECORD.len() + 60].to_owned(),
        r#"{"eventVersion":"1.08",}"#.to_owned(),
    ];
    prop::sample::select(lines.to_vec())
}

fn words(input: &[u8]) -> Vec<String> {
    pieces(input, FormatHint::Auto, &Limits::default()).into_iter().map(|piece| piece.word).collect()
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
    fn a_payload_of_lines_is_the_sum_of_its_lines(lines in prop::collection::vec(line(), 1..8)) {
        let alone = lines.iter().flat_map(|line| words(line.as_bytes())).collect::<Vec<_>>();
        prop_assert_eq!(words(lines.join("\n").as_bytes()), alone);
    }

    #[test]
    fn records_before_a_cut_are_kept(count in 1_usize..5, at in any::<prop::sample::Index>()) {
        let whole = records(&vec![RECORD; count]);
        let cut = at.index(whole.len() - 1) + 1;
        let head = whole[..cut].matches(RECORD).count();
        let mut expected = vec![cloudtrail(RECORD); head];
        if cut < whole.len() {
            expected.push("reject:bad_json".into());
        }
        prop_assert_eq!(words(&whole.as_bytes()[..cut]), expected);
    }

    #[test]
    fn whatever_is_wrapped_comes_out_as_it_was(wraps in wraps(), is_line in any::<bool>()) {
        let record = if is_line { LINE } else { RECORD };
        let (limits, mut depth, mut layers) = (Limits::default(), 0, 0);
        let mut text = record.to_owned();
        for wrap in &wraps {
            let (wrappers, encodings) = wrap.cost(&text);
            (depth, layers) = (depth + wrappers, layers + encodings);
            text = wrap.around(&text);
        }
        let inner = if is_line { syslog(record) } else { cloudtrail(record) };
        let words = words(text.as_bytes());
        if depth <= limits.envelope_depth && layers <= 4 {
            prop_assert_eq!(words, vec![inner], "{:?}", wraps);
        } else {
            let refused = ["reject:too_deep".to_owned(), "reject:too_many_encodings".to_owned(), inner];
            prop_assert!(words.len() == 1 && refused.contains(&words[0]), "{:?} {:?}", wraps, words);
        }
    }
}
