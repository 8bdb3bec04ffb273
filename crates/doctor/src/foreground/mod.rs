//! Which daemons put themselves in the background, and how each is kept in the foreground.
//!
//! The rows are in `table`; `docs/foreground.md` is written from them. svcheck judges run scripts
//! by them, and the supervisor asks [`cure_for`] when a service has put itself in the background.

mod table;

use std::fmt::Write as _;

use crate::script;
use crate::shell::{self, Word};

pub use table::TABLE;

/// A row: a daemon, by the names of its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daemon {
    /// The names of the program.
    pub names: &'static [&'static str],
    /// What it does when its command line has none of the signs below.
    pub by_default: Place,
    /// Words of its command line that keep it in the foreground.
    pub foreground: &'static [&'static str],
    /// Words of its command line that put it in the background.
    pub background: &'static [&'static str],
    /// Words with which it does something else and ends, or something we do not judge.
    pub else_: &'static [&'static str],
    /// What in its configuration decides as well: then the command line alone proves nothing.
    pub config: Option<&'static str>,
    /// Whether its flags are words and never a row of letters, as in `-bd`.
    pub of_words: bool,
    /// How to run it.
    pub cure: &'static str,
}

/// Where a daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the supervisor started it.
    Foreground,
    /// Somewhere else: what the supervisor started ends.
    Background,
}

/// What a command line makes of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It stays, or we cannot know.
    Fine,
    /// It goes, because this sign, if there is one, is missing.
    Without(Option<&'static str>),
    /// It goes, because of this sign.
    With(&'static str),
}

/// How long the kernel lets the name of a process be (`TASK_COMM_LEN`, without its end).
const COMM_MAX: usize = 15;

/// The daemon whose program is called so: by its path, by its name, or as the kernel cuts it.
/// A version at the end of the name is no part of it (`php-fpm8.2`).
#[must_use]
pub fn look_up(program: &str) -> Option<&'static Daemon> {
    let name = base(program);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let named = |wanted: &str| {
        TABLE.iter().find(|row| {
            row.names.iter().any(|name| {
                *name == wanted || (wanted.len() == COMM_MAX && name.starts_with(wanted))
            })
        })
    };
    named(name).or_else(|| if plain.is_empty() { None } else { named(plain) })
}

/// How to run it in the foreground: what to write after `exec`. `program` is the name of the
/// process that has put itself in the background; where it is not known, the one that `script`, its
/// run script, starts is looked up.
#[must_use]
pub fn cure_for(program: &str, script: Option<&str>) -> Option<&'static str> {
    let by_script = || script::main_program(script?).and_then(|name| look_up(&name));
    look_up(program).or_else(by_script).map(|daemon| daemon.cure)
}

impl Daemon {
    /// What it does when it is run with `args`.
    pub(crate) fn judge(&self, args: &[Word]) -> Judgement {
        let given = |signs: &'static [&'static str], strictly: bool| {
            signs.iter().copied().find(|sign| is_given(sign, args, strictly || self.of_words))
        };
        if given(self.else_, false).is_some() || given(self.foreground, false).is_some() {
            return Judgement::Fine;
        }
        if let Some(sign) = given(self.background, true) {
            return Judgement::With(sign);
        }
        let open = args.iter().any(|word| word.expands);
        match (self.by_default, self.foreground.first()) {
            (Place::Background, sign) if !open => Judgement::Without(sign.copied()),
            (Place::Background | Place::Foreground, _) => Judgement::Fine,
        }
    }
}

impl Daemon {
    /// [`Daemon::cure`] with the name by which the program was called.
    pub(crate) fn cure_of(&self, name: &str) -> String {
        match self.cure.split_once(' ') {
            _ if !self.names.iter().any(|own| self.cure.split(' ').next() == Some(own)) => {
                self.cure.to_owned()
            }
            Some((_, flags)) => format!("{name} {flags}"),
            None => name.to_owned(),
        }
    }
}

/// The last part of a path.
pub(crate) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a command line has the sign, which is a flag, a word, or several words in a row.
/// A single letter may hide among others (`-gn`), where `strictly` is not asked for.
fn is_given(sign: &str, args: &[Word], strictly: bool) -> bool {
    let sign = shell::words(sign);
    if let [flag] = sign.as_slice() {
        return args.iter().any(|arg| is_flag(flag, &arg.text, strictly));
    }
    args.windows(sign.len()).any(|part| {
        part.iter().zip(&sign).all(|(arg, sign)| {
            arg.text == *sign || (sign.contains(' ') && arg.text.contains(sign.trim_end()))
        })
    })
}

fn is_flag(flag: &str, arg: &str, strictly: bool) -> bool {
    if flag == arg {
        return true;
    }
    let Some(letters) = flag.strip_prefix('-') else { return false };
    if letters.starts_with('-') {
        return arg.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='));
    }
    let Some(given) = arg.strip_prefix('-').filter(|given| !given.starts_with('-')) else {
        return false;
    };
    let mut letter = letters.chars();
    match (letter.next(), letter.next()) {
        (Some(one), None) if strictly => given.starts_with(one),
        (Some(one), None) => {
            given.chars().all(|c| c.is_ascii_alphanumeric()) && given.contains(one)
        }
        _ => false,
    }
}

/// The text of `docs/foreground.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let mut rows: Vec<&Daemon> = TABLE.iter().collect();
    rows.sort_by_key(|row| row.names.first());
    for row in rows {
        let names: Vec<String> = row.names.iter().map(|name| format!("`{name}`")).collect();
        let place = match (row.by_default, row.config) {
            (Place::Background, None) => "background".to_owned(),
            (Place::Foreground, None) => "foreground".to_owned(),
            (Place::Background, Some(word)) => format!("background, unless `{word}`"),
            (Place::Foreground, Some(word)) => format!("foreground, unless `{word}`"),
        };
        let not: Vec<String> = row.background.iter().map(|sign| format!("`{sign}`")).collect();
        let cells = [names.join(", "), place, format!("`exec {}`", row.cure), not.join(", ")];
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    page
}

const HEAD: &str = "\
# Daemons in the foreground

A service's `run` has to become the program that is to be supervised, and that program has to stay
where it was started. Many daemons put themselves in the background instead: their first process
ends, and a supervisor takes that for the end of the service. This is how to keep each of them in
the foreground.

The page is written from the table that svcheck and supervise use, `crates/doctor/src/foreground/`.
\"Unless\" names what its configuration decides. Where a daemon is not here, its manual has a word
like `--foreground`, `--no-daemon` or `--nofork`.

| program | by itself it runs in the | write into run | not |
|---|---|---|---|
";

#[cfg(test)]
mod tests;
