//! One thing that was found: how much it matters, where, and what to do about it.

use std::fmt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The service will not run, or not as it is meant to.
    Wrong,
    /// It may be meant so.
    Note,
    /// Said to those who ask for everything.
    Remark,
}

/// A sentence about one file of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line of the script, counted from 1.
    pub line: Option<u32>,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, and what to do: no capital, no full stop.
    pub text: String,
}

impl Finding {
    /// Something that is wrong.
    #[must_use]
    pub fn wrong(text: impl Into<String>) -> Self {
        Self { line: None, weight: Weight::Wrong, text: text.into() }
    }

    /// Something that may be meant so.
    #[must_use]
    pub fn note(text: impl Into<String>) -> Self {
        Self { weight: Weight::Note, ..Self::wrong(text) }
    }

    /// Something for those who ask for everything.
    #[must_use]
    pub fn remark(text: impl Into<String>) -> Self {
        Self { weight: Weight::Remark, ..Self::wrong(text) }
    }

    /// The same, in line `line`.
    #[must_use]
    pub fn at(self, line: u32) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if self.weight != Weight::Wrong {
            f.write_str("note: ")?;
        }
        f.write_str(&self.text)
    }
}
