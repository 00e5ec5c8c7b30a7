use proptest::prelude::*;

use super::*;

/// Reads one byte at a time, as the worst stream does.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(1);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

type Cut = (Option<String>, i64, u64);

fn cut(reader: impl Read, max_bytes: usize) -> Vec<Cut> {
    let mut chunks = Chunks::new(reader, max_bytes);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        let text = chunk.bytes.map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        all.push((text, chunk.place, chunk.line));
    }
    all
}

fn check(text: &str, expected: &[(&str, i64, u64)]) {
    let expected: Vec<Cut> =
        expected.iter().map(|(text, place, line)| (Some((*text).to_owned()), *place, *line)).collect();
    assert_eq!(cut(text.as_bytes(), 1 << 20), expected);
    assert_eq!(cut(Trickle(text.as_bytes()), 1 << 20), expected, "byte by byte");
}

#[test]
fn lines_stand_for_themselves() {
    check("{\"a\":1}\n\n{\"b\"\n{\"c\":3}", &[("{\"a\":1}", 0, 1), ("{\"b\"", 2, 3), ("{\"c\":3}", 3, 4)]);
    check("Jan 31 sshd[1]: x\r\nJan 31 y", &[("Jan 31 sshd[1]: x", 0, 1), ("Jan 31 y", 1, 2)]);
    check("", &[]);
    check("\n \n", &[]);
}

#[test]
fn a_document_over_several_lines_is_one_value() {
    check(
        "{\n \"a\": [1,\n 2]\n}\n{\"b\":\n2} trailing\n",
        &[("{\n \"a\": [1,\n 2]\n}", 0, 1), ("{\"b\":\n2}", 1, 5), ("trailing", 2, 6)],
    );
}

#[test]
fn a_list_is_opened() {
    check(
        "[{\"a\":1},\n{\"b\":2}, 3]\n[4]",
        &[("{\"a\":1}", 0, 1), ("{\"b\":2}", 1, 2), ("3", 2, 2), ("4", 3, 3)],
    );
}

#[test]
fn a_small_records_document_stays_whole_and_a_large_one_is_opened() {
    check("{\"Records\":[{\"a\":1}]}", &[("{\"Records\":[{\"a\":1}]}", 0, 1)]);
    let element = format!("{{\"a\":\"{}\"}}", "x".repeat(1_000));
    let list = vec![element.as_str(); 100].join(",\n");
    let text = format!("{{ \"Records\" :\n[{list}], \"more\": {{\"Records\": [1]}} }}\n{{\"Records\":[]}}");
    let all = cut(text.as_bytes(), 1 << 20);
    assert_eq!(all.len(), 101);
    for (index, (text, place, line)) in all[..100].iter().enumerate() {
        assert_eq!(
            (text.as_deref(), *place, *line),
            (Some(element.as_str()), index as i64, index as u64 + 2)
        );
    }
    assert_eq!(all[100], (Some("{\"Records\":[]}".into()), 100, 102));
}

#[test]
fn what_is_larger_than_the_cap_is_passed_over_and_named() {
    let long = "x".repeat(600_000);
    let lines = format!("{{\"a\":1}}\n{{\"b\":\"{long}\"}}\n{{\"c\":1}}\n");
    assert_eq!(
        cut(lines.as_bytes(), 100),
        [(Some("{\"a\":1}".into()), 0, 1), (None, 1, 2), (Some("{\"c\":1}".into()), 2, 3)]
    );
    let list = format!("[{{\"a\":1}},\n{{\"b\":\n\"{long}\"}},\n{{\"c\":1}}]");
    assert_eq!(
        cut(list.as_bytes(), 100),
        [(Some("{\"a\":1}".into()), 0, 1), (None, 1, 2), (Some("{\"c\":1}".into()), 2, 4)]
    );
}

#[test]
fn a_torn_document_gives_what_there_is() {
    check("[{\"a\":1},\n{\"b\":", &[("{\"a\":1}", 0, 1), ("{\"b\":", 1, 2)]);
}

/// Gives its bytes and then fails once, as a torn gzip file does.
struct Torn<'a>(&'a [u8], bool);

impl Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() && !std::mem::replace(&mut self.1, true) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.read(buffer)
    }
}

#[test]
fn what_was_read_before_a_failure_is_handed_out_before_it() {
    for text in ["one\ntwo\nthr", "{\"Records\":[\n{\"a\":1},{\"b\":2},{\"c", "[{\"a\":1},{\"b\":2},"] {
        let mut chunks = Chunks::new(Torn(text.as_bytes(), false), 1 << 20);
        for _ in 0..2 {
            assert!(chunks.next_chunk().unwrap().is_some(), "{text}");
        }
        assert!(chunks.next_chunk().is_err(), "{text}");
    }
    assert!(Chunks::new(Torn(b"", false), 1 << 20).next_chunk().is_err());
}

#[test]
fn how_a_stream_ends_tells_whether_something_followed() {
    let end = |text: &str| {
        let mut chunks = Chunks::new(Trickle(text.as_bytes()), 1 << 20);
        while chunks.next_chunk().unwrap().is_some() {}
        chunks.end()
    };
    for text in ["", "{\"a\":1}\n", "[{\"a\":1}]", "{\"a\":\n1}", "one\ntwo\n"] {
        assert_eq!(end(text), End::Whole, "{text}");
    }
    for text in ["{\"a\":1}", "one\ntw"] {
        assert_eq!(end(text), End::OpenLine, "{text}");
    }
    for text in ["[{\"a\":1},\n{\"b\":", "[{\"a\":1},", "[", "{\"a\":\n1"] {
        assert_eq!(end(text), End::CutOff, "{text}");
    }
    let long = "x".repeat(WHOLE_BYTES);
    assert_eq!(end(&format!("{{\"Records\":[{{\"a\":\"{long}\"}},")), End::CutOff);
    assert_eq!(
        end(&format!("{{\"Records\":[{{\"a\":\"{long}\"}}]")),
        End::Whole,
        "all of its records are there"
    );
}

proptest! {
    /// Whatever the bytes, cutting ends, and places grow.
    #[test]
    fn any_bytes_are_cut_without_panic(text in "[\\[\\]{}\",:a \\n\\\\]{0,200}") {
        let all = cut(Trickle(text.as_bytes()), 20);
        prop_assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].1));
        prop_assert_eq!(&all, &cut(text.as_bytes(), 20));
    }
}
