//! From text and environment to checked settings.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::environment::{self, Override};
use super::lines::{line_at, positions};
use super::problem::{Error, Fault, Origin, Problem};
use super::schema::{Place, json_schema};
use super::{Config, unknown};

/// How a settings file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFormat {
    /// TOML 1.1.
    Toml,
    /// YAML 1.2.
    Yaml,
}

impl ConfigFormat {
    /// The format that a file's name tells: `.toml`, or `.yaml` and `.yml`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl fmt::Display for ConfigFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        })
    }
}

impl Config {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// Where the text is not valid, with every problem that it has.
    pub fn from_str(text: &str, format: ConfigFormat) -> Result<Self, Error> {
        Self::load(text, format, std::iter::empty())
    }

    /// Reads settings, overrides them with those of the (name, value) pairs whose name has the
    /// [prefix](environment::PREFIX), and checks the result. The pairs may be a whole environment.
    ///
    /// # Errors
    /// Where text or variables are not valid, with every problem that they have.
    pub fn load<I>(text: &str, format: ConfigFormat, variables: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let schema = json_schema();
        let mut draft = Draft::parse(text, format)?;
        for (name, value) in variables {
            if let Some(found) = environment::read(&name, &value, Place::root(&schema)) {
                draft.set(name, found);
            }
        }
        draft.drop_unknown(Place::root(&schema));
        let config = draft.read();
        draft.check(&config);
        draft.problems.sort_by_key(|problem| problem.origin.line());
        if draft.problems.is_empty() { Ok(config) } else { Err(Error::Invalid(draft.problems)) }
    }
}

/// Settings on their way: the tree of values, where each came from, and what is wrong so far.
struct Draft {
    tree: Value,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
}

impl Draft {
    fn parse(text: &str, format: ConfigFormat) -> Result<Self, Error> {
        let tree = match format {
            ConfigFormat::Toml => parse_toml(text)?,
            ConfigFormat::Yaml => parse_yaml(text)?,
        };
        let origins =
            positions(text, format).into_iter().map(|(key, at)| (key, Origin::File(Some(at.line)))).collect();
        Ok(Self { tree, origins, problems: Vec::new() })
    }

    fn set(&mut self, variable: String, found: Override) {
        let key = found.path.iter().fold(String::new(), |prefix, part| key_path(&prefix, part));
        self.origins.insert(key.clone(), Origin::Environment(variable));
        match found.value {
            Ok(value) => put(&mut self.tree, &found.path, value),
            Err(message) => self.report(&key, Fault::WrongType(message)),
        }
    }

    /// Takes the keys out that do not exist, each as a problem.
    fn drop_unknown(&mut self, schema: Place<'_>) {
        for (key, fault) in unknown::take(&mut self.tree, schema) {
            self.report(&key, fault);
        }
    }

    /// Reads the tree as settings; what has the wrong type is reported, taken out, and left at its default.
    fn read(&mut self) -> Config {
        loop {
            let error = match serde_path_to_error::deserialize(&self.tree) {
                Ok(config) => return config,
                Err(error) => error,
            };
            let key = error.path().to_string();
            self.report(&key, Fault::WrongType(error.inner().to_string()));
            if !remove(&mut self.tree, &key) {
                return Config::default();
            }
        }
    }

    fn check(&mut self, config: &Config) {
        for problem in config.problems() {
            self.report(&problem.key, problem.fault);
        }
    }

    fn report(&mut self, key: &str, fault: Fault) {
        let origin = self.origin(key);
        self.problems.push(Problem { key: key.to_owned(), origin, fault });
    }

    /// Where `key` came from: its own line, or the variable that set it or what it is part of.
    fn origin(&self, key: &str) -> Origin {
        if let Some(origin) = self.origins.get(key) {
            return origin.clone();
        }
        let mut around = key;
        while let Some(end) = around.rfind(['.', '[']) {
            around = &around[..end];
            if let Some(Origin::Environment(name)) = self.origins.get(around) {
                return Origin::Environment(name.clone());
            }
        }
        Origin::default()
    }
}

fn parse_toml(text: &str) -> Result<Value, Error> {
    toml::from_str(text).map_err(|error| Error::Syntax {
        format: ConfigFormat::Toml,
        line: error.span().map(|span| line_at(text, span.start)),
        message: error.message().trim().to_owned(),
    })
}

fn parse_yaml(text: &str) -> Result<Value, Error> {
    let tree: Value = serde_saphyr::from_str(text).map_err(|error| Error::Syntax {
        format: ConfigFormat::Yaml,
        line: error.location().and_then(|location| usize::try_from(location.line()).ok()),
        message: one_line(&error.without_snippet().to_string()),
    })?;
    // An empty document is `null`: all defaults.
    Ok(if tree.is_null() { Value::Object(Map::new()) } else { tree })
}

pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The path of `key` in the section `prefix`.
pub(crate) fn key_path(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// The path of an item of the list `prefix`.
pub(crate) fn index_path(prefix: &str, index: usize) -> String {
    format!("{prefix}[{index}]")
}

fn put(tree: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *tree = value;
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Some(map) = tree.as_object_mut() {
        put(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// Takes the value at `path` (as [`serde_path_to_error`] writes it) out; false where there is none. Of a list, the
/// whole is taken: without one item, the places of the others would be told wrong.
fn remove(tree: &mut Value, path: &str) -> bool {
    let path = path.split('[').next().unwrap_or(path);
    let pointer = format!("/{}", path.replace('.', "/"));
    let Some((parent, last)) = pointer.rsplit_once('/') else { return false };
    let Some(Value::Object(map)) = tree.pointer_mut(parent) else { return false };
    map.shift_remove(last).is_some()
}
