//! From the text of a file to a detector, with every mistake in it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::config::ConfigFormat;
use crate::config::lines::{self, Positions, position, positions};
use crate::config::load::{index_path, key_path, one_line};

use super::Detector;
use super::exception::Exception;
use super::problem::{Fault, Problem};
use super::shape;

/// The shape of a detector's file.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_deserialize();
    settings.into_generator().into_root_schema_for::<Detector>().to_value()
});

/// Exceptions of one detector: they are gone through one by one, and nobody reviews more.
const MAX_EXCEPTIONS: usize = 1_000;
/// Embedded tests that fire, and that stay quiet.
const FEWEST_TESTS: (usize, usize) = (1, 2);

/// The text of a file that may not be any.
pub(super) fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Vec<Problem>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = lines::position_at(bytes, error.valid_up_to());
        vec![Problem::new(file, Some(at), "", Fault::NotUtf8)]
    })
}

/// Reads one detector; `file` is named in problems.
pub(super) fn detector(file: &str, text: &str) -> Result<Detector, Vec<Problem>> {
    let tree = parse(file, text)?;
    let mut mistakes = shape::mistakes(&tree, &SCHEMA);
    if tree.is_object() {
        mistakes.extend(senseless(&tree));
    }
    if mistakes.is_empty() {
        match serde_path_to_error::deserialize(&tree) {
            Ok(detector) => return Ok(detector),
            // Whatever the schema does not say.
            Err(error) => {
                let fault = Fault::Syntax(one_line(&error.inner().to_string()));
                mistakes.push((error.path().to_string(), fault));
            }
        }
    }
    let places = positions(text, ConfigFormat::Yaml);
    let mut problems: Vec<Problem> = mistakes
        .into_iter()
        .map(|(key, fault)| Problem::new(file, place(&places, &key), &key, fault))
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

fn parse(file: &str, text: &str) -> Result<Value, Vec<Problem>> {
    serde_saphyr::from_str(text).map_err(|error| {
        let message = one_line(&error.without_snippet().to_string());
        vec![Problem::new(file, error.location().map(position), "", Fault::Syntax(message))]
    })
}

/// Where a field stands; of one that is absent, what it should be part of.
fn place(places: &Positions, key: &str) -> Option<lines::Position> {
    let mut around = key;
    loop {
        if let Some(at) = places.get(around) {
            return Some(*at);
        }
        around = around.get(..around.rfind(['.', '['])?)?;
    }
}

/// What the schema cannot say.
fn senseless(tree: &Value) -> Vec<(String, Fault)> {
    let mut found = Vec::new();
    rule(&tree["rule"], "rule", &mut found);
    exceptions(&tree["exceptions"], &mut found);
    tests(&tree["tests"], &mut found);
    found
}

/// Thresholds, weights and counts are not negative, and a list of what to look for is not empty.
fn rule(node: &Value, path: &str, found: &mut Vec<(String, Fault)>) {
    let fault = |value: String, allowed: &str| Fault::NotAllowed {
        value,
        allowed: allowed.to_owned(),
        nearest: None,
    };
    match node {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| rule(value, &key_path(path, key), found));
        }
        Value::Array(items) if items.is_empty() => {
            found.push((path.to_owned(), fault("an empty list".to_owned(), "at least one entry")));
        }
        Value::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => {
            found.push((path.to_owned(), fault(number.to_string(), "0 or more")));
        }
        _ => {}
    }
}

fn exceptions(node: &Value, found: &mut Vec<(String, Fault)>) {
    let Some(items) = node.as_array() else { return };
    if items.len() > MAX_EXCEPTIONS {
        let most = MAX_EXCEPTIONS as u64;
        found.push(("exceptions".to_owned(), Fault::TooLarge { what: "exceptions", most }));
    }
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
        if Exception::CONDITIONS.iter().all(|condition| item[*condition].is_null()) {
            let wanted = Exception::CONDITIONS.join("` or `");
            found.push((index_path("exceptions", index), Fault::Missing(wanted)));
        }
    }
}

fn tests(node: &Value, found: &mut Vec<(String, Fault)>) {
    let cases = node.as_array().map_or(&[][..], Vec::as_slice);
    let count = |expect: &str| cases.iter().filter(|case| case["expect"] == expect).count();
    let counted = (count("fires"), count("quiet"));
    if counted.0 < FEWEST_TESTS.0 || counted.1 < FEWEST_TESTS.1 {
        let value = format!("{} that fire and {} that stay quiet", counted.0, counted.1);
        let allowed = format!(
            "at least {} that fires and {} that stay quiet, one of them at the boundary",
            FEWEST_TESTS.0, FEWEST_TESTS.1
        );
        found.push(("tests".to_owned(), Fault::NotAllowed { value, allowed, nearest: None }));
    }
}

#[cfg(test)]
mod tests;
