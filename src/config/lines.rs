//! Which key stands where in a settings file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigFormat;
use super::load::{index_path, key_path};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
}

/// Place by full path of the key. Empty where the text cannot be read.
pub(crate) type Positions = BTreeMap<String, Position>;

/// Finds the keys of `text`.
pub(crate) fn positions(text: &str, format: ConfigFormat) -> Positions {
    let mut found = Positions::new();
    match format {
        ConfigFormat::Toml => {
            if let Ok(table) = DeTable::parse(text) {
                walk_toml(text, table.get_ref(), "", &mut found);
            }
        }
        ConfigFormat::Yaml => {
            if let Ok(outline) = serde_saphyr::from_str::<Outline>(text) {
                outline.walk("", &mut found);
            }
        }
    }
    found
}

/// The line, from 1, that byte `offset` of `text` stands on.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    position_at(text.as_bytes(), offset).line
}

/// Where byte `offset` of `text` stands.
pub(crate) fn position_at(text: &[u8], offset: usize) -> Position {
    let before = &text[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    Position { line, column: String::from_utf8_lossy(&before[begin..]).chars().count() + 1 }
}

fn walk_toml(text: &str, table: &DeTable<'_>, prefix: &str, found: &mut Positions) {
    for (key, value) in table {
        let path = key_path(prefix, key.get_ref());
        found.insert(path.clone(), position_at(text.as_bytes(), key.span().start));
        walk_toml_value(text, value, &path, found);
    }
}

fn walk_toml_value(text: &str, value: &Spanned<DeValue<'_>>, path: &str, found: &mut Positions) {
    match value.get_ref() {
        DeValue::Table(table) => walk_toml(text, table, path, found),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = index_path(path, index);
                found.insert(path.clone(), position_at(text.as_bytes(), item.span().start));
                walk_toml_value(text, item, &path, found);
            }
        }
        _ => {}
    }
}

/// The keys of a YAML document, with their places and without their values.
enum Outline {
    Leaf,
    List(Vec<serde_saphyr::Spanned<Outline>>),
    Map(Vec<(serde_saphyr::Spanned<String>, Outline)>),
}

impl Outline {
    fn walk(&self, prefix: &str, found: &mut Positions) {
        match self {
            Self::Leaf => {}
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = index_path(prefix, index);
                    found.insert(path.clone(), position(item.referenced));
                    item.value.walk(&path, found);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    let path = key_path(prefix, &key.value);
                    found.insert(path.clone(), position(key.referenced));
                    value.walk(&path, found);
                }
            }
        }
    }
}

/// A YAML parser's place.
pub(crate) fn position(location: serde_saphyr::Location) -> Position {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Position { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Outline::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Outline, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Outline::List(list))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_none<E>(self) -> Result<Outline, E> {
        Ok(Outline::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Outline, D::Error> {
        Outline::deserialize(inner)
    }
}
