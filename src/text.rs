//! Text that borrows from its input where it can.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A string that borrows from the record it was read from, and owns only what had to be unescaped or built.
///
/// `Option<Cow<str>>` owns even under `#[serde(borrow)]`; this newtype does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without its ties to the input.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }

    /// A borrowed view with the life of `self`, without copying.
    #[must_use]
    pub fn reborrow(&self) -> Text<'_> {
        Text(Cow::Borrowed(&self.0))
    }

    /// A part of the text, borrowed from the same input where the text is.
    #[must_use]
    pub fn map_part(&self, part: impl FnOnce(&str) -> &str) -> Text<'a> {
        match &self.0 {
            Cow::Borrowed(text) => Text(Cow::Borrowed(part(text))),
            Cow::Owned(text) => Text(Cow::Owned(part(text).to_owned())),
        }
    }

    /// The inner `Cow`.
    #[must_use]
    pub fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text)))
    }
}

/// Whether a character may mislead whoever reads it among others: it moves a terminal's cursor, turns the direction of what stands
/// around it, or is not seen at all, so that two texts look alike that are not (control characters, and what Unicode calls format
/// characters, default ignorables, separators of lines, private use and no characters at all).
#[must_use]
pub fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero width and marks of direction, separators, embeddings, invisible operators, isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags, variation selectors, private use.
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Text from elsewhere, safe to show to a person: characters that may mislead are spelt as `\u{202e}`.
///
/// ```
/// assert_eq!(nhi_monitor::text::visible("pay\u{202e}gpj.exe\u{1b}[2J"), r"pay\u{202e}gpj.exe\u{1b}[2J");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_misleading) {
        return Cow::Borrowed(text);
    }
    let spelt = |c: char| if is_misleading(c) { c.escape_unicode().collect() } else { String::from(c) };
    Cow::Owned(text.chars().map(spelt).collect())
}

/// Whether a text is a mail address, as single sign-on names people's sessions: `ana@example.com`.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_spelt_out_and_all_scripts_are_left_alone() {
        for plain in ["role/app", "Zürich – ‘ok’ …", "日本語", "مرحبا", "नमस्ते", "😀", "a\u{301}", ""]
        {
            assert!(matches!(visible(plain), Cow::Borrowed(text) if text == plain), "{plain}");
        }
        for misleading in [
            '\n',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{f0000}',
            '\u{10ffff}',
        ] {
            let expected = format!("a\\u{{{:x}}}b", u32::from(misleading));
            assert_eq!(visible(&format!("a{misleading}b")), expected);
        }
    }

    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow)]
        text: Option<Text<'a>>,
    }

    #[test]
    fn borrows_inside_an_option_and_owns_what_was_escaped() {
        let plain: Holder<'_> = serde_json::from_str(r#"{"text":"abc"}"#).unwrap();
        assert!(matches!(plain.text.unwrap().into_cow(), Cow::Borrowed("abc")));
        let escaped: Holder<'_> = serde_json::from_str(r#"{"text":"a\"c"}"#).unwrap();
        assert!(matches!(escaped.text.unwrap().into_cow(), Cow::Owned(text) if text == "a\"c"));
    }
}
