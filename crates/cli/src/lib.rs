//! What every command of the suite shares: one flag table that feeds the parser and the help, the
//! words of its messages, and its exit codes.
//!
//! A command is described by a [`Command`] and run with the [`Args`] that [`parse`] made of its
//! command line. Its errors are one sentence, `prog: fatal: unable to VERB OBJECT: REASON`, as
//! daemontools' are ([`Unable`], [`reason()`]).

mod args;
mod error;
mod help;
mod reason;

pub use args::{Args, Given, parse, parse_anywhere, parse_leading};
pub use error::{Stop, Unable, UnableExt, Usage};
pub use reason::reason;

/// Asked wrongly: it can never work as written.
pub const EXIT_USAGE: u8 = 100;
/// Failed now: it may work next time.
pub const EXIT_TEMPORARY: u8 = 111;

/// One flag of a command: a row of the table that feeds the parser and `--help`.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its names without dashes: one character is a short flag, a word a long one. The first is
    /// the name the code knows it by.
    pub names: &'static [&'static str],
    /// The name of its value in the help, where it takes one.
    pub value: Option<&'static str>,
    /// What it does: one sentence.
    pub help: &'static str,
}

impl Flag {
    /// The name the code knows the flag by.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// What a command is called, takes and does.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The name it is run by, and the first word of its messages.
    pub name: &'static str,
    /// What it does, in one line of the index.
    pub summary: &'static str,
    /// What follows the name in the usage line, in the words of the original where there is one. A
    /// second line is what a wrong command line is answered with instead (svc lists its letters).
    pub usage: &'static str,
    /// Its flags. `--help` and `--version` are understood by every command.
    pub flags: &'static [Flag],
    /// What to know beyond the flags: the rest of `--help`.
    pub about: &'static str,
}

impl Command {
    /// The answer to a wrong command line: `svok: usage: svok dir`.
    #[must_use]
    pub fn usage_line(&self) -> String {
        match self.usage.split_once('\n') {
            Some((_, answer)) => answer.to_owned(),
            None => format!("{}: usage: {}", self.name, self.synopsis()),
        }
    }

    /// Its command line: `svok dir`.
    #[must_use]
    pub fn synopsis(&self) -> String {
        let usage = self.usage.lines().next().unwrap_or_default();
        format!("{} {usage}", self.name).trim_end().to_owned()
    }

    /// The text of `--help`.
    #[must_use]
    pub fn help(&self) -> String {
        help::text(self)
    }

    fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.names.contains(&name))
    }
}

#[cfg(test)]
mod tests;
