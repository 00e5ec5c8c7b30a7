//! Environment variables that override single settings.
//!
//! `NHI_MONITOR__KAFKA__BROKERS=kafka-1:9092` sets `kafka.brokers`: the prefix, then the path of the key in upper
//! case, joined by two underscores. Texts stand as they are; numbers, switches, lists and maps are written as JSON
//! or as a TOML value (`NHI_MONITOR__TOPICS__INPUTS='[{topic = "cloudtrail"}]'`). Below a map of free keys, one
//! underscore stands for a dot, since shells allow no dots in names:
//! `NHI_MONITOR__KAFKA__PROPERTIES__SASL_PASSWORD` sets the librdkafka property `sasl.password`.

use serde_json::Value;

use super::schema::Place;

/// What the names of all variables that override settings start with.
pub const PREFIX: &str = "NHI_MONITOR__";

/// What stands between two parts of a key.
const SEPARATOR: &str = "__";

/// One override: the parts of its key's path, and its value.
pub(super) struct Override {
    /// The parts of the path.
    pub(super) path: Vec<String>,
    /// The value, read as the key's type asks; else why it could not be.
    pub(super) value: Result<Value, String>,
}

/// Reads one variable; `None` where its name does not have the prefix.
pub(super) fn read(name: &str, text: &str, schema: Place<'_>) -> Option<Override> {
    let rest = name.strip_prefix(PREFIX)?;
    let mut place = Some(schema);
    let mut path = Vec::new();
    for part in rest.split(SEPARATOR) {
        let free = place.is_some_and(Place::is_free_map);
        let lower = part.to_ascii_lowercase();
        let part = if free { lower.replace('_', ".") } else { lower };
        place = place.and_then(|place| place.child(&part));
        path.push(part);
    }
    Some(Override { path, value: parse(text, place) })
}

fn parse(text: &str, place: Option<Place<'_>>) -> Result<Value, String> {
    match place {
        Some(place) if !place.is_text() => parse_structured(text),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn parse_structured(text: &str) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let document: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
    document
        .ok()
        .and_then(|mut table| table.remove("value"))
        .and_then(|value| serde_json::to_value(value).ok())
        .ok_or_else(|| "write it as JSON or as a TOML value".to_owned())
}
