//! What is wrong with databases and lists.

use std::fmt;

/// Everything wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub Vec<Problem>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting that names it: `enrichment.networks[1].file`.
    pub key: String,
    /// What was read, as it is named there.
    pub name: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a database or a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It has more than is taken.
    #[error("has more than {most} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The most that is taken.
        most: u64,
    },
    /// It is not in the MaxMind DB format, or is damaged.
    #[error("is not a sound database in MaxMind's format: {0}")]
    NotADatabase(String),
    /// It is a database of something else.
    #[error("is a database of type `{found}`, in which no address has {wanted}")]
    OtherContent {
        /// What the database says that it is.
        found: String,
        /// What was looked for.
        wanted: &'static str,
    },
    /// A line is no network.
    #[error("line {line}: `{text}` is neither a network such as 198.51.100.0/24 nor an address")]
    NoNetwork {
        /// Line, from 1; the place in a list of the settings.
        line: usize,
        /// What stands there, shortened.
        text: String,
    },
    /// It is not text.
    #[error("is not UTF-8 text")]
    NotUtf8,
    /// It has no network.
    #[error("holds no network")]
    Empty,
}

impl Fault {
    /// Bounded label for logs and tests.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::NotADatabase(_) => "not_a_database",
            Self::OtherContent { .. } => "other_content",
            Self::NoNetwork { .. } => "no_network",
            Self::NotUtf8 => "not_utf8",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} {}", self.key, self.name, self.fault)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&each.join("\n"))
    }
}

impl std::error::Error for Error {}
