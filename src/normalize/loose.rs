//! Reading JSON fields whose type cannot be relied on: taken where it fits, left out where it does not.
//!
//! A field that is not needed to tell who did what must not cost the record. These functions go into
//! `#[serde(deserialize_with = …)]`; they fail only on what is no JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::text::Text;

/// Longest text kept of one field: an S3 key has at most 1,024 bytes, an ARN rarely 200.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// `text`, cut to `max` bytes (at a character's start).
#[must_use]
pub fn capped<'a>(text: &Text<'a>, max: usize) -> Text<'a> {
    if text.len() <= max { text.clone() } else { text.map_part(|text| cut(text, max)) }
}

fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A string, cut to [`MAX_TEXT_BYTES`]; a number or truth value as its text; nothing for all else and for `""`.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text<'de>>, D::Error> {
    from.deserialize_any(TextVisitor)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| cut(text, MAX_TEXT_BYTES).into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| cut(text, MAX_TEXT_BYTES).to_owned().into()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(if value { "true" } else { "false" }.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string().into()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| None)
    }
}

/// `true` and `false`, also as strings; nothing for all else.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(text(from)?.and_then(|text| match text.as_str() {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }))
}

/// A whole number, also as a string; nothing for all else.
pub(super) fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(text(from)?.and_then(|text| text.parse().ok()))
}

/// A number of bytes: a whole number from 0 up, also as a string or with decimals (`131.0`); nothing for all else.
pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_any(SizeVisitor)
}

struct SizeVisitor;

impl SizeVisitor {
    /// A number with decimals as a size; those too large become the largest.
    fn rounded(value: f64) -> Option<u64> {
        (value >= 0.0).then_some(value as u64)
    }
}

impl<'de> Visitor<'de> for SizeVisitor {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.parse().ok().or_else(|| text.parse().ok().and_then(Self::rounded)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::rounded(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).ok())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| None)
    }
}

/// An object; the default for all else.
pub(super) fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    from.deserialize_any(ObjectVisitor(PhantomData))
}

/// Reads one [`object`] as an element of a list.
struct ObjectSeed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> DeserializeSeed<'de> for ObjectSeed<T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        object(from)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

/// The scalar and list cases of a visitor that takes objects only.
macro_rules! ignore_all_but_objects {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    ignore_all_but_objects!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| T::default())
    }
}

/// The first of a list's objects that `T` finds something in (that is not its default); the default for all else.
pub(super) fn first<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    from.deserialize_any(FirstVisitor { takes_object: false, of: PhantomData })
}

/// Like [`first`], and an object that stands there alone counts as well.
pub(super) fn first_or_object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    from.deserialize_any(FirstVisitor { takes_object: true, of: PhantomData })
}

struct FirstVisitor<T> {
    takes_object: bool,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de> + Default + PartialEq> Visitor<'de> for FirstVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    ignore_all_but_objects!(visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        if self.takes_object {
            return T::deserialize(MapAccessDeserializer::new(map));
        }
        IgnoredAny.visit_map(map).map(|_| T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while let Some(element) = seq.next_element_seed(ObjectSeed(PhantomData))? {
            if element != T::default() {
                IgnoredAny.visit_seq(seq)?;
                return Ok(element);
            }
        }
        Ok(T::default())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow, deserialize_with = "text")]
        name: Option<Text<'a>>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer<'a> {
        #[serde(borrow, deserialize_with = "object")]
        inner: Inner<'a>,
        #[serde(borrow, deserialize_with = "first")]
        list: Inner<'a>,
        #[serde(deserialize_with = "flag")]
        flag: Option<bool>,
        #[serde(deserialize_with = "integer")]
        number: Option<i64>,
        #[serde(deserialize_with = "size")]
        bytes: Option<u64>,
    }

    fn read(json: &str) -> Outer<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_fitting_type_is_taken_and_borrowed() {
        let read = read(
            r#"{"inner":{"name":"a"},"list":[1,{"x":2},{"name":"b"},{"name":"c"}],"flag":"true","number":"7"}"#,
        );
        assert!(matches!(read.inner.name.unwrap().into_cow(), Cow::Borrowed("a")));
        assert_eq!(read.list.name.unwrap(), "b");
        assert_eq!((read.flag, read.number), (Some(true), Some(7)));
    }

    #[test]
    fn any_other_type_leaves_the_field_out() {
        for odd in ["null", "1", "-1", "1.5", "true", "\"x\"", "\"\"", "[]", "[[{}]]", "{}", r#"{"name":{}}"#]
        {
            let json = format!(r#"{{"inner":{odd},"list":{odd},"flag":{odd},"number":{odd}}}"#);
            let read = read(&json);
            assert_eq!((&read.inner.name, &read.list.name), (&None, &None), "{odd}");
        }
    }

    #[test]
    fn a_size_is_taken_however_it_is_written() {
        let sizes = [("131", 131), ("131.0", 131), ("\"131\"", 131), ("\"131.5\"", 131), ("1e300", u64::MAX)];
        for (written, expected) in sizes {
            assert_eq!(read(&format!(r#"{{"bytes":{written}}}"#)).bytes, Some(expected), "{written}");
        }
        for odd in ["null", "-1", "-1.5", "true", "\"x\"", "\"nan\"", "[1]", "{}"] {
            assert_eq!(read(&format!(r#"{{"bytes":{odd}}}"#)).bytes, None, "{odd}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = format!(r#"{{"name":"{}"}}"#, "é".repeat(MAX_TEXT_BYTES));
        let inner: Inner<'_> = serde_json::from_str(&long).unwrap();
        assert_eq!(inner.name.unwrap().len(), MAX_TEXT_BYTES);
        assert_eq!(capped(&"aéb".into(), 2), "a");
    }
}
