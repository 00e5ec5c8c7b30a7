//! Finds where a JSON value ends without reading what it says.

use memchr::{memchr, memchr2};

/// What a scan found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The value ends before this byte.
    End(usize),
    /// The value goes on past these bytes.
    More,
}

/// Follows brackets and texts over any number of pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanner {
    depth: u64,
    in_text: bool,
    after_backslash: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// A value begins here.
    #[default]
    Value,
    /// A line ends at its newline, whatever is in it.
    Line,
}

impl Scanner {
    /// A scanner that looks for the end of a line.
    pub(super) fn line() -> Self {
        Self { kind: Kind::Line, ..Self::default() }
    }

    /// A scanner that stands within an object, and looks for its end.
    pub(super) fn within_object() -> Self {
        Self { depth: 1, ..Self::default() }
    }

    pub(super) fn is_line(&self) -> bool {
        self.kind == Kind::Line
    }

    /// Scans the next piece.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scan {
        if self.is_line() {
            return memchr(b'\n', bytes).map_or(Scan::More, |end| Scan::End(end + 1));
        }
        let mut at = 0;
        while at < bytes.len() {
            if self.in_text {
                at = self.skip_text(bytes, at);
            } else if let Some(end) = self.step(bytes[at], at) {
                return Scan::End(end);
            } else {
                at += 1;
            }
        }
        Scan::More
    }

    /// Takes one byte outside of texts; the value's end where it is found.
    fn step(&mut self, byte: u8, at: usize) -> Option<usize> {
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth <= 1 => return Some(at + usize::from(self.depth == 1)),
            b'}' | b']' => self.depth -= 1,
            // A bare number or word ends where the next thing begins.
            b',' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 => return Some(at),
            _ => {}
        }
        None
    }

    /// Goes on within a text; the place after it, or the end of `bytes`.
    fn skip_text(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        if self.after_backslash {
            self.after_backslash = false;
            at += 1;
        }
        while let Some(found) = memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
            at += found;
            if bytes[at] == b'"' {
                self.in_text = false;
                return at + 1;
            }
            if at + 1 == bytes.len() {
                self.after_backslash = true;
                return bytes.len();
            }
            at += 2;
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Scan) {
        assert_eq!(Scanner::default().scan(text.as_bytes()), expected, "{text}");
        // The same, byte by byte.
        let mut scanner = Scanner::default();
        let ends: Option<usize> =
            text.bytes().enumerate().find_map(|(at, byte)| match scanner.scan(&[byte]) {
                Scan::End(end) => Some(at + end),
                Scan::More => None,
            });
        assert_eq!(ends.map_or(Scan::More, Scan::End), expected, "{text}, byte by byte");
    }

    #[test]
    fn a_value_ends_with_its_last_bracket() {
        check(r#"{"a":[1,{"b":2}]} {"#, Scan::End(17));
        check(r#"{"a":"}\"]\\"}x"#, Scan::End(14));
        check(r#"{"a":"\\\\\"}""#, Scan::More);
        check("[1,2", Scan::More);
        check("12,", Scan::End(2));
        check("12]", Scan::End(2));
        check("\"a,b\",", Scan::End(5));
    }
}
