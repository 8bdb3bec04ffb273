//! Flags of other programs called ntpd, by what they mean there: the reference implementation's and
//! busybox's. Who has moved here is told our word for it.

use std::os::unix::ffi::OsStrExt as _;

use cli::{Args, Stop, Usage};

/// What a refusal of a flag begins with (`cli`).
const ILLEGAL: &str = "illegal option -- ";

/// A flag of theirs, and what it is here.
const FOREIGN: [(&str, &str); 10] = [
    ("4", ANY_ADDRESS),
    ("6", ANY_ADDRESS),
    ("I", "--serve ADDR:PORT answers at one address only"),
    ("P", "priority changes nothing, the kernel stamps packets"),
    ("S", "--after-step PROG runs PROG after a step, --before-step before it"),
    ("V", "it is --version"),
    ("i", "-u USER gives up root's power, and a filter of system calls the rest"),
    ("k", "write `keys FILE` in the configuration"),
    ("s", "no statistics are written; ntpctl history shows how far off the clock was"),
    ("w", "-Q says what the time is and does not set the clock"),
];

const ANY_ADDRESS: &str =
    "a server is asked at any of its addresses that answers; -p ADDRESS rules out the others";

/// Names our word for a flag that is not ours.
pub(super) fn translated(stop: Stop) -> Stop {
    let Stop::Wrong(usage) = stop else { return stop };
    let said = usage.to_string();
    let ours = said.strip_prefix(ILLEGAL).and_then(|flag| FOREIGN.iter().find(|it| it.0 == flag));
    Stop::Wrong(match ours {
        Some((_, ours)) => Usage::because(format!("{said}: {ours}")),
        None => usage,
    })
}

/// busybox's `-l` answers others, and has no file behind it.
///
/// # Errors
/// What follows `-l` is a flag.
pub(super) fn log_file(args: &Args) -> Result<(), Usage> {
    match args.value("l") {
        Some(file) if file.as_bytes().starts_with(b"-") => Err(Usage::because(format!(
            "-l names a log file, and {} is none; --serve ADDR:PORT answers others",
            file.display()
        ))),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::COMMAND;
    use super::*;

    fn said(words: &[&str]) -> String {
        match cli::parse(&COMMAND, words.iter().map(Into::into)) {
            Err(stop) => match translated(stop) {
                Stop::Wrong(usage) => usage.to_string(),
                Stop::Help(_) | Stop::Version => String::new(),
            },
            Ok(args) => log_file(&args).unwrap_err().to_string(),
        }
    }

    #[test]
    fn none_of_theirs_is_a_flag_of_ours() {
        for (flag, _) in FOREIGN {
            assert!(COMMAND.flags.iter().all(|ours| !ours.names.contains(&flag)), "{flag}");
        }
    }

    #[test]
    fn who_comes_from_elsewhere_is_told_our_word() {
        let script = "illegal option -- S: --after-step PROG runs PROG after a step, --before-step \
                      before it";
        assert_eq!(said(&["-n", "-S", "/etc/step"]), script);
        assert_eq!(said(&["-nz"]), "illegal option -- z");
        let server = "-l names a log file, and -p is none; --serve ADDR:PORT answers others";
        assert_eq!(said(&["-n", "-l", "-p", "pool.ntp.org"]), server);
    }
}
