//! The default settings as a file, with what each key is for above it.

use serde_json::Value;

use super::Config;
use super::schema::{Key, Place, json_schema};

/// Comments are wrapped at this width, which two editors side by side still show whole.
const COMMENT_WIDTH: usize = 100;

/// The default settings as commented TOML. Reading it gives the default settings.
#[must_use]
pub fn default_toml() -> String {
    let schema = json_schema();
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut text =
        String::from("# Settings of nhi-monitor, all at their defaults. Keys that are left out keep them.\n");
    for key in Place::root(&schema).keys() {
        section(&mut text, key.name, &key, &defaults[key.name]);
    }
    text
}

fn section(text: &mut String, path: &str, section: &Key<'_>, values: &Value) {
    text.push('\n');
    comment(text, section.description);
    text.push_str(&format!("[{path}]\n"));
    let (maps, scalars): (Vec<_>, Vec<_>) =
        section.place.keys().into_iter().partition(|key| key.place.is_map());
    for key in scalars {
        entry(text, &key, &values[key.name]);
    }
    for key in maps {
        self::section(text, &format!("{path}.{}", key.name), &key, &values[key.name]);
    }
    if section.place.is_free_map() {
        entries(text, values);
    }
}

fn entry(text: &mut String, key: &Key<'_>, value: &Value) {
    comment(text, key.description);
    match value {
        Value::Null => text.push_str(&format!("# {} = \"\"\n", key.name)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let lines: Vec<String> = items.iter().map(|item| format!("    {},\n", inline(item))).collect();
            text.push_str(&format!("{} = [\n{}]\n", key.name, lines.concat()));
        }
        value => text.push_str(&format!("{} = {}\n", key.name, inline(value))),
    }
}

fn entries(text: &mut String, values: &Value) {
    for (name, value) in values.as_object().into_iter().flatten() {
        text.push_str(&format!("{} = {}\n", inline(&Value::String(name.clone())), inline(value)));
    }
}

/// A value as TOML writes it in one line.
fn inline(value: &Value) -> String {
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

fn comment(text: &mut String, description: &str) {
    let mut line = String::from("#");
    for word in description.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COMMENT_WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        text.push_str(&line);
        text.push('\n');
    }
}
