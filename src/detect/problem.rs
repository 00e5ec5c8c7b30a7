//! What can be wrong with detectors, said so that it can be put right at once.

use std::fmt;

use crate::config::lines::Position;

/// Problems spelled out; a file of another kind in the folder could have as many as it has lines.
const MAX_LISTED: usize = 50;

/// Why a set of detectors could not be taken: every problem of every file. Holds at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Error(pub Vec<Problem>);

/// One thing that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{fault}", place(.file, *.line, *.column), field(.key))]
pub struct Problem {
    /// File.
    pub file: String,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// Column in characters, from 1, where it is known.
    pub column: Option<usize>,
    /// Full path of the field: `rule.min_bits`, `tests[1].expect`; empty where it is about the whole file.
    pub key: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Problem {
    /// A problem of a field, at its place where that is known.
    #[must_use]
    pub(crate) fn new(file: &str, at: Option<Position>, key: &str, fault: Fault) -> Self {
        let (line, column) = at.map(|at| (at.line, at.column)).unzip();
        Self { file: file.to_owned(), line, column, key: key.to_owned(), fault }
    }

    /// A problem of a whole file or folder.
    #[must_use]
    pub fn of_file(file: &str, fault: Fault) -> Self {
        Self::new(file, None, "", fault)
    }
}

/// What is wrong with a file, a field or its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file or folder cannot be read.
    Unreadable(String),
    /// It has more than it may.
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
    /// It is not text.
    NotUtf8,
    /// It is not YAML.
    Syntax(String),
    /// The folder holds no detectors.
    NoFiles,
    /// There is no such field.
    UnknownField {
        /// The full path of the known field that is most like it.
        nearest: Option<String>,
        /// The fields that exist in its place.
        known: Vec<String>,
    },
    /// A field is needed and absent.
    Missing(String),
    /// The value is of the wrong type.
    WrongType {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: String,
    },
    /// The value cannot be used.
    NotAllowed {
        /// The value.
        value: String,
        /// What is allowed instead.
        allowed: String,
        /// The allowed value that is most like it.
        nearest: Option<String>,
    },
    /// Another file has a detector of this id.
    Duplicate {
        /// The id.
        id: String,
        /// The other file.
        other: String,
    },
}

impl Fault {
    /// Bounded label for logs and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::Syntax(_) => "syntax",
            Self::NoFiles => "no_files",
            Self::UnknownField { .. } => "unknown_field",
            Self::Missing(_) => "missing",
            Self::WrongType { .. } => "wrong_type",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Duplicate { .. } => "duplicate",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Self::TooLarge { what, most } => write!(f, "has more than {most} {what}"),
            Self::NotUtf8 => f.write_str("not UTF-8 text from here on"),
            Self::Syntax(message) => write!(f, "not valid YAML: {message}"),
            Self::NoFiles => f.write_str(
                "no detectors in it (*.yaml, *.yml); leave `detection.detectors` out for the built-in ones",
            ),
            Self::UnknownField { nearest: Some(nearest), .. } => {
                write!(f, "is not a field; did you mean `{nearest}`?")
            }
            Self::UnknownField { nearest: None, known } => {
                write!(f, "is not a field; known here: {}", known.join(", "))
            }
            Self::Missing(field) => write!(f, "`{field}` is missing"),
            Self::WrongType { found, expected } => write!(f, "is {found}; expected is {expected}"),
            Self::NotAllowed { value, allowed, nearest } => {
                write!(f, "is {value}; allowed is {allowed}")?;
                nearest.iter().try_for_each(|nearest| write!(f, "; did you mean `{nearest}`?"))
            }
            Self::Duplicate { id, other } => write!(f, "{other} has a detector with the id `{id}` already"),
        }
    }
}

/// `file:line:column: `, as compilers write it and editors follow.
fn place(file: &str, line: Option<usize>, column: Option<usize>) -> String {
    [line, column].into_iter().flatten().fold(file.to_owned(), |place, n| format!("{place}:{n}")) + ": "
}

fn field(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("`{key}` ") }
}

fn list(problems: &[Problem]) -> String {
    if let [one] = problems {
        return one.to_string();
    }
    let mut text = format!("{} problems with detectors:", problems.len());
    for problem in problems.iter().take(MAX_LISTED) {
        text.push_str(&format!("\n  {problem}"));
    }
    match problems.len().saturating_sub(MAX_LISTED) {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}
