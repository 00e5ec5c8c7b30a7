//! Whether a tree of values has the shape that a JSON Schema asks for. Unlike a deserializer it does not stop at the first
//! mistake, and it knows the way to each within tagged unions too.
//!
//! It knows what the schemas of this program's types are made of, and no more.

use serde_json::{Map, Value};

use crate::config::load::{index_path, key_path};
use crate::config::unknown::most_like;

use super::form::Form;
use super::problem::Fault;

/// Everything wrong in `tree`, with its path, in the order of the tree.
pub(super) fn mistakes(tree: &Value, schema: &Value) -> Vec<(String, Fault)> {
    let mut check = Check { root: schema, found: Vec::new() };
    check.value(tree, schema, "");
    check.found
}

struct Check<'a> {
    root: &'a Value,
    found: Vec<(String, Fault)>,
}

impl<'a> Check<'a> {
    fn value(&mut self, value: &Value, node: &'a Value, path: &str) {
        let node = self.resolve(node);
        if let Some(branches) = node.get("anyOf").and_then(Value::as_array) {
            return self.optional(value, branches, path);
        }
        if let Some(branches) = node.get("oneOf").and_then(Value::as_array) {
            return match tag(branches) {
                Some(tag) => self.tagged(value, branches, tag, path),
                None => self.word(value, branches, path),
            };
        }
        if !types(node).iter().any(|name| is_of_type(value, name)) {
            return self.wrong_type(path, value, expected(node));
        }
        match value {
            Value::Object(map) => self.object(map, node, path),
            Value::Array(items) => {
                let Some(child) = node.get("items") else { return };
                for (index, item) in items.iter().enumerate() {
                    self.value(item, child, &index_path(path, index));
                }
            }
            Value::String(text) => self.text(text, node, path),
            Value::Number(number) => self.number(number, node, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn resolve(&self, node: &'a Value) -> &'a Value {
        let reference = node.get("$ref").and_then(Value::as_str);
        reference.and_then(|to| self.root.pointer(to.trim_start_matches('#'))).unwrap_or(node)
    }

    /// A value that may be `null`.
    fn optional(&mut self, value: &Value, branches: &'a [Value], path: &str) {
        let real = branches.iter().find(|branch| types(branch) != ["null"]);
        if let Some(real) = real.filter(|_| !value.is_null()) {
            self.value(value, real, path);
        }
    }

    fn object(&mut self, map: &Map<String, Value>, node: &'a Value, path: &str) {
        let Some(properties) = node.get("properties").and_then(Value::as_object) else { return };
        for (key, value) in map {
            match properties.get(key) {
                Some(child) => self.value(value, child, &key_path(path, key)),
                None => self.unknown(key, properties, path),
            }
        }
        let required = node.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str).filter(|key| !map.contains_key(*key)) {
            self.report(path, Fault::Missing(key.to_owned()));
        }
    }

    fn unknown(&mut self, key: &str, properties: &Map<String, Value>, path: &str) {
        let known: Vec<String> = properties.keys().cloned().collect();
        let nearest = most_like(key, known.clone()).map(|nearest| key_path(path, &nearest));
        self.report(&key_path(path, key), Fault::UnknownField { nearest, known });
    }

    /// One of several objects, told apart by the constant value of one field.
    fn tagged(&mut self, value: &Value, branches: &'a [Value], tag: &str, path: &str) {
        let Value::Object(map) = value else {
            return self.wrong_type(path, value, "a section".to_owned());
        };
        let Some(given) = map.get(tag) else { return self.report(path, Fault::Missing(tag.to_owned())) };
        let constant = |branch: &'a Value| branch.get("properties")?.get(tag)?.get("const")?.as_str();
        match branches.iter().find(|branch| constant(branch) == given.as_str()) {
            Some(branch) => self.object(map, branch, path),
            None => self.not_among(given, branches.iter().filter_map(constant), &key_path(path, tag)),
        }
    }

    /// One of several words.
    fn word(&mut self, value: &Value, branches: &'a [Value], path: &str) {
        // Words that share a description stand in one branch.
        let words = branches.iter().flat_map(|branch| {
            let several = branch.get("enum").and_then(Value::as_array).into_iter().flatten();
            branch.get("const").into_iter().chain(several).filter_map(Value::as_str)
        });
        self.not_among(value, words, path);
    }

    /// Reports a value that is none of the `words`.
    fn not_among(&mut self, value: &Value, words: impl Iterator<Item = &'a str>, path: &str) {
        let words: Vec<String> = words.map(str::to_owned).collect();
        let Value::String(text) = value else {
            return self.wrong_type(path, value, format!("one of {}", words.join(", ")));
        };
        if !words.contains(text) {
            let allowed = words.join(", ");
            let nearest = most_like(text, words);
            self.report(path, Fault::NotAllowed { value: shown(text), allowed, nearest });
        }
    }

    fn text(&mut self, text: &str, node: &'a Value, path: &str) {
        if let Some(words) = node.get("enum").and_then(Value::as_array) {
            let value = Value::String(text.to_owned());
            return self.not_among(&value, words.iter().filter_map(Value::as_str), path);
        }
        let form = node.get("format").and_then(Value::as_str).and_then(Form::of_name);
        if let Some(form) = form.filter(|form| !form.holds(text)) {
            self.not_allowed(path, shown(text), form.allowed().to_owned());
        }
    }

    fn number(&mut self, number: &serde_json::Number, node: &'a Value, path: &str) {
        let bound = |name: &str| node.get(name).and_then(Value::as_f64);
        let most = match node.get("format").and_then(Value::as_str) {
            Some("uint8") => Some(f64::from(u8::MAX)),
            Some("uint32") => Some(f64::from(u32::MAX)),
            _ => None,
        };
        let (least, most) = (bound("minimum"), bound("maximum").or(most));
        let Some(value) = number.as_f64() else { return };
        if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
            let end = |bound: Option<f64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
            self.not_allowed(path, number.to_string(), format!("{} to {}", end(least), end(most)));
        }
    }

    fn not_allowed(&mut self, path: &str, value: String, allowed: String) {
        self.report(path, Fault::NotAllowed { value, allowed, nearest: None });
    }

    fn wrong_type(&mut self, path: &str, value: &Value, expected: String) {
        self.report(path, Fault::WrongType { found: what(value), expected });
    }

    fn report(&mut self, path: &str, fault: Fault) {
        self.found.push((path.to_owned(), fault));
    }
}

/// The field that tells the objects of a union apart; `None` where its branches are words.
fn tag(branches: &[Value]) -> Option<&str> {
    let properties = branches.first()?.get("properties")?.as_object()?;
    properties.iter().find(|(_, node)| node.get("const").is_some()).map(|(name, _)| name.as_str())
}

fn types(node: &Value) -> Vec<&str> {
    match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        // Nothing is said: anything may stand here.
        _ => vec!["any"],
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "any" => true,
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => value.is_null(),
    }
}

/// What a node takes, in words.
fn expected(node: &Value) -> String {
    let words = types(node).into_iter().filter(|name| *name != "null").map(|name| match name {
        "object" => "a section",
        "array" => "a list",
        "string" => "text (digits in quotes)",
        "boolean" => "true or false",
        "integer" => "a whole number",
        _ => "a number",
    });
    words.collect::<Vec<_>>().join(" or ")
}

const fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a section",
    }
}

/// Characters of a wrong value that are shown.
const SHOWN: usize = 80;

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}
