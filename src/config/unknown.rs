//! Keys that do not exist, and what may have been meant.

use serde_json::Value;

use super::load::{index_path, key_path};
use super::problem::Fault;
use super::schema::Place;

/// Takes the unknown keys out of `tree`, and says of each what is near.
pub(super) fn take(tree: &mut Value, schema: Place<'_>) -> Vec<(String, Fault)> {
    let mut found = Vec::new();
    take_below(tree, schema, "", &mut found);
    let fault = |(key, known): (String, Vec<String>)| {
        let nearest = nearest(&key, &known, schema);
        (key, Fault::UnknownKey { nearest, known })
    };
    found.into_iter().map(fault).collect()
}

/// Collects (path, known siblings).
fn take_below(tree: &mut Value, place: Place<'_>, prefix: &str, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        Value::Object(map) if place.is_map() => map.retain(|key, value| {
            let path = key_path(prefix, key);
            let child = place.child(key);
            match child {
                Some(child) => take_below(value, child, &path, found),
                None => found.push((path, place.keys().iter().map(|key| key.name.to_owned()).collect())),
            }
            child.is_some()
        }),
        Value::Array(items) => {
            let Some(child) = place.item() else { return };
            for (index, item) in items.iter_mut().enumerate() {
                take_below(item, child, &index_path(prefix, index), found);
            }
        }
        Value::Number(_) | Value::Bool(_) if place.is_text() && place.is_free_entry() => {
            *tree = Value::String(tree.to_string());
        }
        _ => {}
    }
}

/// A key is "like" another up to this many edits for each letter of it: `comit_intervall` is still understood, and
/// nothing is suggested for what has another meaning.
const EDITS_PER_LETTER: f64 = 0.34;

/// The known key most like `path`: first among its siblings, then one of the same or a similar name elsewhere.
fn nearest(path: &str, siblings: &[String], schema: Place<'_>) -> Option<String> {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let here = siblings.iter().map(|sibling| key_path(section, sibling)).collect::<Vec<_>>();
    most_like(name, here).or_else(|| most_like(name, all_keys(schema, "")))
}

/// Of `paths`, the one whose last part is most like `name`, where any is like it.
pub(crate) fn most_like(name: &str, paths: Vec<String>) -> Option<String> {
    let distance = |path: &str| {
        let last = path.rsplit('.').next().unwrap_or(path);
        strsim::damerau_levenshtein(&name.to_ascii_lowercase(), last)
    };
    let best = paths.into_iter().min_by_key(|path| distance(path))?;
    let allowed = (name.chars().count() as f64 * EDITS_PER_LETTER).max(1.0);
    (distance(&best) as f64 <= allowed).then_some(best)
}

fn all_keys(place: Place<'_>, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for key in place.keys() {
        let path = key_path(prefix, key.name);
        keys.extend(all_keys(key.place, &path));
        keys.push(path);
    }
    keys
}
