//! setlock: run a program with a file locked (daemontools, `setlock.c`).

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, Flag, UnableExt as _, Usage};

use crate::chain::{Environment, Next};

pub(crate) static COMMAND: Command = Command {
    name: "setlock",
    summary: "run a program with a file locked",
    usage: "[ -nNxX ] file program [ arg ... ]",
    flags: &[
        Flag { names: &["n", "no-wait"], value: None, help: "give up where the file is locked" },
        Flag { names: &["N", "wait"], value: None, help: "wait until it is unlocked (default)" },
        Flag {
            names: &["t", "timeout"],
            value: Some("TIME"),
            help: "wait so long: 10s, 2m, or milliseconds",
        },
        Flag {
            names: &["x", "silent"],
            value: None,
            help: "exit 0 without a word where the file cannot be opened or locked",
        },
        Flag { names: &["X", "loud"], value: None, help: "say so, and exit 111 (default)" },
    ],
    about: "\
Of n, N and t the last one counts, and of x and X. The file is made where it is
missing. The lock lasts until the program, and all it gave the open file to, have
ended or closed it.

Exit codes: that of the program; 0 with -x without the lock, 100 wrong usage, 111
no lock, or the program cannot be run.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let patience = patience(args)?;
    let (file, rest) = args.operands.split_first().ok_or_else(Usage::default)?;
    let next = Next::new(rest)?;
    let opened = sys::lock::open_for_next(Path::new(file));
    let opened = opened.unable(format_args!("open {}", file.display()));
    let locked = opened
        .and_then(|open| lock(open, patience).unable(format_args!("lock {}", file.display())));
    match locked {
        // Its descriptor lives on in the program.
        Ok(_locked) => match next.run(Environment::inherited())? {},
        Err(_) if is_silent(args) => Ok(ExitCode::SUCCESS),
        Err(refused) => Err(refused.into()),
    }
}

/// How long the lock is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Some(Duration),
    Endless,
}

/// What the last of n, N and t says.
fn patience(args: &Args) -> Result<Patience, Usage> {
    let mut patience = Patience::Endless;
    for given in &args.flags {
        patience = match (given.flag.key(), &given.value) {
            ("n", _) => Patience::None,
            ("N", _) => Patience::Endless,
            ("t", Some(text)) => Patience::Some(duration(text)?),
            _ => patience,
        };
    }
    Ok(patience)
}

/// Milliseconds as in a service's `timeout-kill`, or a duration with a unit.
fn duration(text: &OsStr) -> Result<Duration, Usage> {
    let read = text.to_str().and_then(|text| match text.parse() {
        Ok(ms) => Some(Duration::from_millis(ms)),
        Err(_) => humantime::parse_duration(text).ok(),
    });
    read.ok_or_else(|| {
        Usage::because(format!("{} is no duration; write it as 90s or 2m", text.display()))
    })
}

fn is_silent(args: &Args) -> bool {
    let last = args.flags.iter().rev().map(|given| given.flag.key());
    last.into_iter().find(|key| matches!(*key, "x" | "X")) == Some("x")
}

/// Gives the file back once it is locked.
fn lock(file: File, patience: Patience) -> io::Result<File> {
    match patience {
        Patience::None => sys::lock::try_lock(&file).map(|()| file),
        Patience::Endless => file.lock().map(|()| file),
        // Our end, or that of us which execve(2) brings, is that of the thread which waits as well.
        Patience::Some(wait) if sys::lock::try_lock(&file).is_err() => {
            sys::lock::within(file, wait, File::lock)
        }
        Patience::Some(_) => Ok(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read(words: &[&str]) -> Args {
        cli::parse(&COMMAND, words.iter().map(OsString::from)).unwrap()
    }

    #[test]
    fn the_last_letter_wins() {
        assert_eq!(patience(&read(&["-nN"])), Ok(Patience::Endless));
        assert_eq!(patience(&read(&["-N", "-n", "-x"])), Ok(Patience::None));
        let second = Ok(Patience::Some(Duration::from_secs(1)));
        assert_eq!(patience(&read(&["-n", "-t1000"])), second);
        assert_eq!(patience(&read(&["-nxt", "1s"])), second);
        assert_eq!(patience(&read(&["-t", "1s", "-N"])), Ok(Patience::Endless));
        assert!(is_silent(&read(&["-Xxn"])) && !is_silent(&read(&["-xX"])));
        assert!(!is_silent(&read(&["-n"])));
    }

    #[test]
    fn a_time_that_is_none_is_wrong_usage() {
        for text in ["", "-1", "1x", "99999999999999999999", "5 parsecs"] {
            assert!(patience(&read(&["-t", text])).is_err(), "{text}");
        }
    }
}
