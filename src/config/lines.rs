//! Which key stands on which line of a settings file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigFormat;
use super::load::{index_path, key_path};

/// Line, from 1, by full path of the key. Empty where the text cannot be read.
pub(super) type Lines = BTreeMap<String, usize>;

/// Finds the keys of `text`.
pub(super) fn lines(text: &str, format: ConfigFormat) -> Lines {
    let mut found = Lines::new();
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
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn walk_toml(text: &str, table: &DeTable<'_>, prefix: &str, found: &mut Lines) {
    for (key, value) in table {
        let path = key_path(prefix, key.get_ref());
        found.insert(path.clone(), line_at(text, key.span().start));
        walk_toml_value(text, value, &path, found);
    }
}

fn walk_toml_value(text: &str, value: &Spanned<DeValue<'_>>, path: &str, found: &mut Lines) {
    match value.get_ref() {
        DeValue::Table(table) => walk_toml(text, table, path, found),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = index_path(path, index);
                found.insert(path.clone(), line_at(text, item.span().start));
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
    fn walk(&self, prefix: &str, found: &mut Lines) {
        match self {
            Self::Leaf => {}
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = index_path(prefix, index);
                    found.insert(path.clone(), line_number(item.referenced));
                    item.value.walk(&path, found);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    let path = key_path(prefix, &key.value);
                    found.insert(path.clone(), line_number(key.referenced));
                    value.walk(&path, found);
                }
            }
        }
    }
}

fn line_number(location: serde_saphyr::Location) -> usize {
    usize::try_from(location.line()).unwrap_or(usize::MAX)
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
