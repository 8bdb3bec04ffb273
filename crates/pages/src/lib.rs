//! Man pages and completions, written from the flag tables and from the prose in `docs/man`.
//!
//! The parser and `--help` read the same tables, so none of them can promise a flag that another
//! does not know. No program links this: `cargo pages` and a test call it, and what it writes is
//! committed.
//!
//! Pure: it takes tables and texts and gives texts.

mod bash;
mod fish;
mod man;
mod operand;
mod prose;
mod roff;
mod zsh;

pub use prose::{Block, Mistake, Page, Section};

use cli::{Command, Flag};

/// The section of the manual: system administration, as Debian's daemontools.
const SECTION: u32 = 8;

/// Said at the head of everything that is written here.
const HEAD: &str = "Written by `cargo pages`: do not edit";

/// What every command understands beside its own flags.
const COMMON: [Flag; 2] = [
    Flag { names: &["help"], value: None, help: "print a summary and exit" },
    Flag { names: &["version"], value: None, help: "print the version and exit" },
];

/// All programs there are.
#[derive(Debug)]
pub struct Suite<'a> {
    /// The program that runs a command by its name, or by its own first argument.
    pub front: &'a Command,
    /// The commands it runs.
    pub commands: Vec<&'a Command>,
    /// Programs that stand alone.
    pub alone: Vec<&'a Command>,
    /// Their version.
    pub version: &'a str,
}

/// A file that was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it belongs, from the root of the repository.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Suite<'_> {
    /// Every file: a man page for each program, completions for each shell.
    ///
    /// `prose` gives the text of a program's page, `docs/man/NAME.md`.
    ///
    /// # Errors
    /// The first page whose prose is missing or cannot be meant.
    pub fn write(&self, prose: impl Fn(&str) -> Option<String>) -> Result<Vec<Written>, Mistake> {
        let mut written = Vec::new();
        for command in self.programs() {
            let text = prose(command.name).ok_or_else(|| Mistake::missing(command.name))?;
            let page = Page::parse(command.name, &text)?;
            let path = format!("man/{}.{SECTION}", command.name);
            written.push(Written { path, text: man::page(command, &page, self.version) });
        }
        for (path, text) in [
            ("keepup.bash", bash::script(self)),
            ("_keepup", zsh::script(self)),
            ("keepup.fish", fish::script(self)),
        ] {
            written.push(Written { path: format!("completions/{path}"), text });
        }
        Ok(written)
    }

    /// Every program, the front first.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Command> {
        [self.front].into_iter().chain(self.callable())
    }

    /// Every program but the front.
    pub(crate) fn callable(&self) -> impl Iterator<Item = &Command> {
        self.commands.iter().chain(&self.alone).copied()
    }
}

/// The flags a command understands: its own, then those of all.
pub(crate) fn flags(command: &Command) -> impl Iterator<Item = &Flag> {
    command.flags.iter().chain(&COMMON)
}

/// A flag's name as it is typed.
pub(crate) fn dashed(name: &str) -> String {
    if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") }
}

#[cfg(test)]
mod tests;
