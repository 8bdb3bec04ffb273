//! The two kinds of failure every command knows, and the sentence each becomes.

use std::fmt;
use std::io;

use crate::reason;

/// Why a command line leads no further.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// `--help` was given: its text.
    Help(String),
    /// `--version` was given.
    Version,
    /// The command line is wrong: what is wrong with it, and the usage line is due.
    Wrong(Usage),
}

impl Stop {
    pub(crate) fn wrong(message: String) -> Self {
        Self::Wrong(Usage(Some(message)))
    }
}

/// Asked wrongly (exit 100). `None`: the usage line says it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage(pub Option<String>);

impl Usage {
    /// A command line that is wrong in a way worth a word of its own.
    #[must_use]
    pub fn because(message: impl Into<String>) -> Self {
        Self(Some(message.into()))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("wrong usage"))
    }
}

impl std::error::Error for Usage {}

/// Failed now (exit 111): `unable to VERB OBJECT: REASON`, in daemontools' words.
#[derive(Debug)]
pub struct Unable {
    what: String,
    error: io::Error,
}

impl Unable {
    /// `what` is the verb and its object: `open /service/x/supervise/ok`.
    #[must_use]
    pub fn new(what: impl fmt::Display, error: io::Error) -> Self {
        Self { what: what.to_string(), error }
    }

    /// What the kernel said.
    #[must_use]
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to {}: {}", self.what, reason(&self.error))
    }
}

// No `source`: the reason is in the sentence, and a chain would print it twice.
impl std::error::Error for Unable {}

/// Turns what the kernel said into a sentence.
pub trait UnableExt<T> {
    /// `open(path).unable(format_args!("open {path}"))`.
    fn unable(self, what: impl fmt::Display) -> Result<T, Unable>;
}

impl<T, E: Into<io::Error>> UnableExt<T> for Result<T, E> {
    fn unable(self, what: impl fmt::Display) -> Result<T, Unable> {
        self.map_err(|error| Unable::new(what, error.into()))
    }
}
