//! The command line, read against a command's flag table.
//!
//! The manners are those of djb's `sgetopt.c`: options stop at the first operand or at `--`, short
//! flags cluster (`-dx`), a value is joined or follows. Their order is kept: `svc -dx` is a
//! sequence.
//!
//! A command without flags reads none, as of old: all its words are operands
//! (`multilog '-*' ./log`).

use std::ffi::OsString;

use crate::{Command, Flag, Stop};

/// A flag that was given, with its value where it takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The row of the command's table.
    pub flag: &'static Flag,
    /// Its value; `Some` exactly where the row says it takes one.
    pub value: Option<OsString>,
}

/// A command line as the command's table reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args {
    /// The flags in the order they were given.
    pub flags: Vec<Given>,
    /// All that follows the flags.
    pub operands: Vec<OsString>,
}

impl Args {
    /// Whether the flag known as `key` was given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.flags.iter().any(|given| given.flag.key() == key)
    }

    /// The last value given to the flag known as `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&OsString> {
        self.flags.iter().rev().find(|given| given.flag.key() == key)?.value.as_ref()
    }

    /// All values given to the flag known as `key`, in order.
    #[must_use]
    pub fn values(&self, key: &str) -> Vec<&OsString> {
        let given = self.flags.iter().filter(|given| given.flag.key() == key);
        given.filter_map(|given| given.value.as_ref()).collect()
    }
}

/// Reads `words`, the command line after the command's name.
///
/// # Errors
/// [`Stop`]: help or the version was asked for, or the command line is not one of `command`'s.
pub fn parse<I>(command: &'static Command, words: I) -> Result<Args, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    if command.flags.is_empty() {
        return operands(command, words.into_iter().collect());
    }
    let mut parser = lexopt::Parser::from_args(words);
    let mut args = Args::default();
    while let Some(word) = parser.next().map_err(|error| Stop::wrong(error.to_string()))? {
        let name = match word {
            lexopt::Arg::Short(letter) => letter.to_string(),
            lexopt::Arg::Long(word) => word.to_owned(),
            lexopt::Arg::Value(first) => {
                args.operands.push(first);
                args.operands.extend(parser.raw_args().map_err(|e| Stop::wrong(e.to_string()))?);
                break;
            }
        };
        match command.flag(&name) {
            Some(flag) => args.flags.push(given(flag, &name, &mut parser)?),
            None if name == "help" => return Err(Stop::Help(command.help())),
            None if name == "version" => return Err(Stop::Version),
            None => return Err(Stop::wrong(format!("illegal option -- {name}"))),
        }
    }
    Ok(args)
}

/// The words of a command without flags; `--help` and `--version` are understood where they are
/// the only one.
fn operands(command: &Command, operands: Vec<OsString>) -> Result<Args, Stop> {
    match operands.as_slice() {
        [only] if only == "--help" => Err(Stop::Help(command.help())),
        [only] if only == "--version" => Err(Stop::Version),
        _ => Ok(Args { flags: Vec::new(), operands }),
    }
}

fn given(flag: &'static Flag, name: &str, parser: &mut lexopt::Parser) -> Result<Given, Stop> {
    let value = match flag.value {
        None => None,
        Some(_) => Some(
            parser
                .value()
                .map_err(|_| Stop::wrong(format!("option requires an argument -- {name}")))?,
        ),
    };
    Ok(Given { flag, value })
}
