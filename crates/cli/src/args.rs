//! The command line, read against a command's flag table.
//!
//! The manners are those of djb's `sgetopt.c`: options stop at the first operand or at `--`, short
//! flags cluster (`-dx`), a value is joined or follows, byte for byte (`softlimit -c=`). Their
//! order is kept: `svc -dx` is a sequence.
//!
//! A command without flags reads none, as of old: all its words are operands
//! (`multilog '-*' ./log`). [`parse_leading`] is for a command that had none of old and has some
//! now, [`parse_anywhere`] for one that nobody had of old.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

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
    read(command, words, false)
}

/// Reads `words` for a command without an original, whose flags may stand behind its operands as
/// well (`svlog web -f`): nobody can rely on their being operands there.
///
/// # Errors
/// As those of [`parse`].
pub fn parse_anywhere<I>(command: &'static Command, words: I) -> Result<Args, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    read(command, words, true)
}

fn read<I>(command: &'static Command, words: I, anywhere: bool) -> Result<Args, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    let mut words = words.into_iter();
    let mut args = Args::default();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => break,
            [b'-', b'-', long @ ..] => args.flags.push(read_long(command, long, &mut words)?),
            [b'-', letters @ ..] if !letters.is_empty() => {
                read_cluster(command, letters, &mut words, &mut args.flags)?;
            }
            _ => {
                args.operands.push(word);
                if !anywhere {
                    break;
                }
            }
        }
    }
    args.operands.extend(words);
    Ok(args)
}

/// Reads `words` for a command whose original takes no options at all: leading words are flags
/// only where they are exactly one of its table, each by itself; anything else is an operand, as it
/// always was, whatever it begins with.
///
/// # Errors
/// As those of [`parse`]; help and the version are asked for by the only word.
pub fn parse_leading<I>(command: &'static Command, words: I) -> Result<Args, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    let mut args = operands(command, words.into_iter().collect())?;
    let mut words = std::mem::take(&mut args.operands).into_iter();
    while let Some(word) = words.next() {
        let Some((flag, joined)) = exact(command, word.as_bytes()) else {
            args.operands.push(word);
            break;
        };
        args.flags.push(given(flag, flag.key(), joined, &mut words)?);
    }
    args.operands.extend(words);
    Ok(args)
}

/// The flag that a whole word is, with its value where that is joined.
fn exact<'a>(
    command: &'static Command,
    word: &'a [u8],
) -> Option<(&'static Flag, Option<&'a [u8]>)> {
    let (flag, joined) = match word {
        [b'-', b'-', long @ ..] => {
            let (name, joined) = split_value(long);
            (long_flag(command, name)?, joined)
        }
        [b'-', letter] => (command.flag(&lossy(&[*letter]))?, None),
        _ => return None,
    };
    (flag.value.is_some() || joined.is_none()).then_some((flag, joined))
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

/// The flags of a word like `-dx`; the value of its last may be the word that follows.
fn read_cluster(
    command: &'static Command,
    mut letters: &[u8],
    words: &mut impl Iterator<Item = OsString>,
    flags: &mut Vec<Given>,
) -> Result<(), Stop> {
    while let Some((&letter, rest)) = letters.split_first() {
        letters = rest;
        let name = lossy(&[letter]);
        let flag = command.flag(&name).ok_or_else(|| illegal(&name))?;
        let mut joined = None;
        if flag.value.is_some() && !letters.is_empty() {
            joined = Some(std::mem::take(&mut letters));
        }
        flags.push(given(flag, &name, joined, words)?);
    }
    Ok(())
}

/// The flag of a word like `--grace=9s`, without its dashes.
fn read_long(
    command: &'static Command,
    word: &[u8],
    words: &mut impl Iterator<Item = OsString>,
) -> Result<Given, Stop> {
    let (name, value) = split_value(word);
    match long_flag(command, name) {
        Some(flag) => given(flag, &lossy(name), value, words),
        None if name == b"help" => Err(Stop::Help(command.help())),
        None if name == b"version" => Err(Stop::Version),
        None => Err(illegal(&lossy(name))),
    }
}

/// The flag of that long name: one letter is a short one.
fn long_flag(command: &'static Command, name: &[u8]) -> Option<&'static Flag> {
    let name = std::str::from_utf8(name).ok().filter(|name| name.chars().count() > 1)?;
    command.flag(name)
}

/// `name=value` in its parts.
fn split_value(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = word.splitn(2, |&byte| byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

/// The flag with its value: the one joined to it, or the next word.
fn given(
    flag: &'static Flag,
    name: &str,
    joined: Option<&[u8]>,
    words: &mut impl Iterator<Item = OsString>,
) -> Result<Given, Stop> {
    let joined = joined.map(|value| OsStr::from_bytes(value).to_owned());
    let value = match (flag.value, joined) {
        (None, None) => None,
        (None, Some(_)) => return Err(Stop::wrong(format!("option takes no argument -- {name}"))),
        (Some(_), joined) => Some(joined.or_else(|| words.next()).ok_or_else(|| missing(name))?),
    };
    Ok(Given { flag, value })
}

fn illegal(name: &str) -> Stop {
    Stop::wrong(format!("illegal option -- {name}"))
}

fn missing(name: &str) -> Stop {
    Stop::wrong(format!("option requires an argument -- {name}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
