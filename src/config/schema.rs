//! The settings' schema: what keys exist, of what type, described how. Everything that lists settings reads it.

use serde_json::Value;

use super::Config;

/// The JSON Schema of the settings, for editors and for `config schema`.
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// One place in the schema.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    root: &'a Value,
    node: &'a Value,
    free_entry: bool,
}

/// One key that may stand in a place.
pub(super) struct Key<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// What it is for.
    pub(super) description: &'a str,
    /// What its value may be.
    pub(super) place: Place<'a>,
}

impl<'a> Place<'a> {
    /// The top of a schema.
    pub(super) const fn root(schema: &'a Value) -> Self {
        Self { root: schema, node: schema, free_entry: false }
    }

    /// The keys that may stand here, in declaration order; none where any may, or where this is no section.
    pub(super) fn keys(self) -> Vec<Key<'a>> {
        let Some(properties) = self.node.get("properties").and_then(Value::as_object) else {
            return Vec::new();
        };
        properties.iter().map(|(name, node)| self.key(name, node)).collect()
    }

    /// What may stand under `name`; `None` where that key does not exist.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        if let Some(node) = self.node.get("properties").and_then(|properties| properties.get(name)) {
            return Some(self.resolve(node));
        }
        let free = self.node.get("additionalProperties").filter(|node| node.is_object())?;
        Some(Self { free_entry: true, ..self.resolve(free) })
    }

    /// What may stand in a list; `None` where this is no list.
    pub(super) fn item(self) -> Option<Self> {
        self.node.get("items").map(|node| self.resolve(node))
    }

    /// Whether this is a section or a map.
    pub(super) fn is_map(self) -> bool {
        self.has_type("object")
    }

    /// Whether any key may stand here.
    pub(super) fn is_free_map(self) -> bool {
        self.node.get("additionalProperties").is_some_and(Value::is_object)
    }

    /// Whether this is the value of a key that was free to choose.
    pub(super) const fn is_free_entry(self) -> bool {
        self.free_entry
    }

    /// Whether a text may stand here.
    pub(super) fn is_text(self) -> bool {
        self.has_type("string") || self.node.get("oneOf").is_some() || self.node.get("enum").is_some()
    }

    fn key(self, name: &'a str, node: &'a Value) -> Key<'a> {
        let place = self.resolve(node);
        let described = node.get("description").or_else(|| place.node.get("description"));
        Key { name, description: described.and_then(Value::as_str).unwrap_or_default(), place }
    }

    fn has_type(self, name: &str) -> bool {
        match self.node.get("type") {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(many)) => many.iter().any(|one| one == name),
            _ => false,
        }
    }

    /// Follows `$ref`, and the first branch of an `anyOf` (an optional section).
    fn resolve(self, node: &'a Value) -> Self {
        let here = Self { root: self.root, node, free_entry: false };
        let target = match (node.get("$ref").and_then(Value::as_str), node.get("anyOf")) {
            (Some(reference), _) => self.root.pointer(reference.trim_start_matches('#')),
            (None, Some(branches)) => branches.get(0),
            (None, None) => return here,
        };
        target.map_or(here, |target| self.resolve(target))
    }
}
