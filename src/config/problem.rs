//! What can be wrong with settings, said so that it can be put right at once.

use std::fmt;

use super::ConfigFormat;

/// Why settings could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a document of its format at all.
    #[error("not valid {format}{}: {message}", at_line(*line))]
    Syntax {
        /// The format it was read as.
        format: ConfigFormat,
        /// Line, from 1, where the parser gives it.
        line: Option<usize>,
        /// The parser's words.
        message: String,
    },
    /// The document is readable and says something that is not allowed. Holds at least one problem.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

impl Error {
    /// Bounded label for logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "syntax",
            Self::Invalid(_) => "invalid",
        }
    }
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}`{key}`{fault}")]
pub struct Problem {
    /// Full path of the key: `stage.commit_interval`, `topics.inputs[1].format`.
    pub key: String,
    /// Where the value came from.
    pub origin: Origin,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The settings file, on this line (from 1) where it is known.
    File(Option<usize>),
    /// The environment variable of this name.
    Environment(String),
    /// Nothing was said; or the value was built by a program.
    #[default]
    Default,
}

impl Origin {
    /// The line of the file; what stands on none comes after all that do.
    pub(super) const fn line(&self) -> usize {
        match self {
            Self::File(Some(line)) => *line,
            Self::File(None) | Self::Environment(_) | Self::Default => usize::MAX,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(Some(line)) => write!(f, "line {line}: "),
            Self::Environment(name) => write!(f, "{name}: "),
            Self::File(None) | Self::Default => Ok(()),
        }
    }
}

/// What is wrong with a key or its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such key.
    UnknownKey {
        /// The full path of the known key that is most like it.
        nearest: Option<String>,
        /// The keys that exist in its place.
        known: Vec<String>,
    },
    /// The value is of the wrong type or form.
    WrongType(String),
    /// The value cannot be used.
    NotAllowed {
        /// The value.
        value: String,
        /// What is allowed instead.
        allowed: String,
    },
    /// It is not the operator's to set.
    Reserved {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => {
                write!(f, " is not a setting; did you mean `{nearest}`?")
            }
            Self::UnknownKey { nearest: None, known } => {
                write!(f, " is not a setting; known here: {}", known.join(", "))
            }
            Self::WrongType(message) => write!(f, ": {message}"),
            Self::Reserved { reason } => write!(f, " cannot be set: {reason}"),
            Self::NotAllowed { value, allowed } => write!(f, " is {value}; allowed is {allowed}"),
        }
    }
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

fn list(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => {
            let lines: Vec<String> = many.iter().map(|problem| format!("\n  {problem}")).collect();
            format!("{} problems:{}", many.len(), lines.concat())
        }
    }
}
