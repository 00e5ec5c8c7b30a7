//! Folding: the parts of a name that differ from run to run become `*`.

use crate::text::Text;

/// Longest name looked at: role session names end at 64 characters.
const MAX_NAME_BYTES: usize = 128;

/// `name` with its ever-changing parts folded to `*`, so that the names of one job's runs are one name.
///
/// A part is what stands between characters other than letters and digits. It is folded whole where it is
/// * a UUID,
/// * a number of at least 4 digits,
/// * hexadecimal with at least one digit, of at least 8 characters (hashes), or
/// * a mix of letters and at least 4 digits, of at least 16 characters (random ids);
///
/// or in its end only, where that is a number of at least 6 digits (`session1712345678`). Folded parts with
/// nothing but a separator between them are one `*`.
#[must_use]
pub fn fold<'a>(name: &Text<'a>) -> Text<'a> {
    let name = super::loose::capped(name, MAX_NAME_BYTES);
    if is_lasting(&name) { name } else { folded(&name).into() }
}

/// Whether nothing in `name` is folded; for most names nothing is.
fn is_lasting(name: &str) -> bool {
    let has_digits = name.bytes().any(|byte| byte.is_ascii_digit());
    let mut rest = if has_digits { name } else { "" };
    while !rest.is_empty() {
        let (word, kept) = next_word(rest);
        if kept < word {
            return false;
        }
        rest = &rest[word + separators(&rest[word..])..];
    }
    true
}

fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let (word, kept) = next_word(rest);
        let behind = separators(&rest[word..]);
        push(&mut folded, &rest[..kept], kept < word);
        folded.push_str(&rest[word..word + behind]);
        rest = &rest[word + behind..];
    }
    folded
}

fn push(folded: &mut String, kept: &str, is_folded: bool) {
    if is_folded && kept.is_empty() && follows_fold(folded) {
        folded.truncate(folded.rfind('*').map_or(0, |star| star + 1));
        return;
    }
    folded.push_str(kept);
    if is_folded {
        folded.push('*');
    }
}

/// Whether the last part was folded and only separators came after it.
fn follows_fold(folded: &str) -> bool {
    folded.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*').ends_with('*')
}

/// Length of the word that `text` begins with, and how much of it stays, from its start.
fn next_word(text: &str) -> (usize, usize) {
    if let Some(uuid) = text.get(..UUID_BYTES)
        && is_uuid(uuid)
    {
        return (UUID_BYTES, 0);
    }
    let word = text.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    (word, kept_prefix(&text[..word]))
}

/// Length of what stands before the first letter or digit.
fn separators(text: &str) -> usize {
    text.bytes().position(|byte| byte.is_ascii_alphanumeric()).unwrap_or(text.len())
}

/// `8-4-4-4-12` hexadecimal digits.
const UUID_BYTES: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// How much of `word` stays, from its start.
fn kept_prefix(word: &str) -> usize {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits == word.len() && digits >= 4;
    let is_hash = digits > 0 && word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_random = digits >= 4 && word.len() >= 16;
    let trailing = word.bytes().rev().take_while(u8::is_ascii_digit).count();
    if is_number || is_hash {
        0
    } else if trailing >= 6 {
        word.len() - trailing
    } else if is_random {
        0
    } else {
        word.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_folded() {
        let cases = [
            ("GitHubActions", "GitHubActions"),
            ("botocore-session-1712345678", "botocore-session-*"),
            ("AWSCodeBuild-0f9f2d3c-1111-4a2b-9c3d-0123456789ab", "AWSCodeBuild-*"),
            ("run-20260131-0042", "run-*"),
            ("session1712345678", "session*"),
            ("deploy-v2", "deploy-v2"),
            ("report-2026", "report-*"),
            ("build_1234_of_5678", "build_*_of_*"),
            ("deadbeef", "deadbeef"),
            ("deadbee1", "*"),
            ("cafe1234deadbeefcafe1234deadbeef", "*"),
            ("x1y2z3a4b5c6d7e8", "*"),
            ("", ""),
            ("----", "----"),
            ("abcdefab-abcd-abcd-abcd-abcdefabcdef", "abcdefab-abcd-abcd-abcd-abcdefabcdef"),
            ("日本語-1234", "日本語-*"),
        ];
        for (name, expected) in cases {
            assert_eq!(fold(&name.into()), expected, "{name}");
        }
    }
}
