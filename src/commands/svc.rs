//! svc: write letters into the control FIFOs of services (daemontools, `svc.c`).

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_TEMPORARY, Flag};
use contract::layout;

mod wait;

use wait::Wait;

use crate::service_dir::ServiceDir;

pub(crate) static COMMAND: Command = Command {
    name: "svc",
    summary: "control services",
    usage: "[-udopchaitkx] [-w state [-T time]] dirs...\n\
        svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, \
        i interrupt, t term, k kill",
    flags: &[
        Flag { names: &["u", "up"], value: None, help: "keep it up; start it if it is down" },
        Flag { names: &["d", "down"], value: None, help: "keep it down; send TERM, then CONT" },
        Flag { names: &["o", "once"], value: None, help: "start it if it is down; no restart" },
        Flag { names: &["p", "pause"], value: None, help: "send STOP" },
        Flag { names: &["c", "continue"], value: None, help: "send CONT" },
        Flag { names: &["h", "hup"], value: None, help: "send HUP" },
        Flag { names: &["a", "alarm"], value: None, help: "send ALRM" },
        Flag { names: &["i", "interrupt"], value: None, help: "send INT" },
        Flag { names: &["t", "term"], value: None, help: "send TERM" },
        Flag { names: &["k", "kill"], value: None, help: "send KILL" },
        Flag { names: &["x", "exit"], value: None, help: "let supervise leave once it is down" },
        Flag {
            names: &["w", "wait"],
            value: Some("STATE"),
            help: "then wait until each is up, ready, down or finished",
        },
        Flag { names: &["T", "timeout"], value: Some("TIME"), help: "wait no longer (1m)" },
    ],
    about: "\
Each letter is sent once, in the order first given: svc -du is a restart. A directory that cannot
be reached is a warning; the others are served, and the exit code is 0 nevertheless.

With -w it is not: then each service has to come to the state in time, and one that has just been
linked has to be supervised first. up: it runs; ready: it has said so (notification-fd); down: it
does not run, and is not wanted up; finished: down, and nothing of it is left. s6's letters u, U, d
and D stand for the same. TIME is milliseconds, or has a unit.

Exit codes: 0 each directory was tried, or with -w each is in its state; 100 wrong usage; 111 with
-w one is not.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    sys::entry::ignore_sigpipe();
    let letters = letters(args);
    let wait = Wait::read(args)?;
    let is_late = |name: &&OsString| wait.is_some() && ServiceDir::new(name).is_unattended();
    let (late, there): (Vec<_>, Vec<_>) = args.operands.iter().partition(is_late);
    let mut all_there = true;
    for name in there {
        all_there &= told(name, &letters);
    }
    let Some(wait) = wait else { return Ok(ExitCode::SUCCESS) };
    for name in late {
        wait.for_supervise(name)?;
        all_there &= told(name, &letters);
    }
    if !all_there {
        return Ok(ExitCode::from(EXIT_TEMPORARY));
    }
    wait.for_all(&args.operands).map(|()| ExitCode::SUCCESS)
}

/// Whether the letters were sent; else a warning says why.
fn told(name: &OsStr, letters: &[u8]) -> bool {
    let sent = send(ServiceDir::new(name), letters);
    sent.map_err(|refused| warn(name, &refused)).is_ok()
}

/// The bytes to send: each letter once, in the order of first appearance.
fn letters(args: &Args) -> Vec<u8> {
    let mut letters = Vec::new();
    for given in args.flags.iter().filter(|given| given.value.is_none()) {
        for &letter in given.flag.key().as_bytes() {
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
    }
    letters
}

/// Sends letters to whoever supervises `dir`, and says nothing of it.
pub(super) fn tell(dir: &Path, letters: &[u8]) {
    let _ = send(ServiceDir::new(dir.as_os_str()), letters);
}

/// Why a directory did not get its letters.
#[derive(Debug)]
enum Refused {
    /// It cannot be entered.
    Dir(io::Error),
    /// Its FIFO cannot be opened.
    Control(io::Error),
    /// Its FIFO has no reader.
    NotRunning,
    /// Its FIFO does not take the letters. Full of letters that supervise has not read, it is a
    /// temporary failure; the original waits, as long as that supervise may be stuck.
    Write(io::Error),
}

/// Writes the letters all at once, so that those of two svcs do not mix. Without letters the FIFO
/// is opened nevertheless, and what is wrong with it is said.
fn send(dir: ServiceDir<'_>, letters: &[u8]) -> Result<(), Refused> {
    let opened = sys::fifo::open_writer(&dir.file(layout::CONTROL));
    let mut control = opened.map_err(|error| match dir.refusal() {
        Some(refusal) => Refused::Dir(refusal),
        None if sys::fifo::has_no_reader(&error) => Refused::NotRunning,
        None => Refused::Control(error),
    })?;
    control.write_all(letters).map_err(Refused::Write)
}

/// One line in the words of the original, in one write. That nobody hears it stops nothing.
fn warn(name: &OsStr, refused: &Refused) {
    let (failed, error) = match refused {
        Refused::Dir(error) => ("unable to chdir to ", Some(error)),
        Refused::Control(error) => ("unable to control ", Some(error)),
        Refused::NotRunning => ("unable to control ", None),
        Refused::Write(error) => ("error writing commands to ", Some(error)),
    };
    let reason = error.map_or("supervise not running".into(), cli::reason);
    let mut line = format!("svc: warning: {failed}").into_bytes();
    line.extend_from_slice(ServiceDir::new(name).name());
    let hint = meant(name, refused).map(|letter| format!("; that is svc -{letter}"));
    line.extend_from_slice(format!(": {reason}{}\n", hint.unwrap_or_default()).as_bytes());
    let _ = io::stderr().write_all(&line);
}

/// The letter for a word that other supervisors' tools have in its place, runit's `sv` above all.
fn meant(name: &OsStr, refused: &Refused) -> Option<char> {
    let no_directory =
        matches!(refused, Refused::Dir(error) if error.kind() == io::ErrorKind::NotFound);
    let letter = match name.to_str().filter(|_| no_directory)? {
        "up" | "start" => 'u',
        "down" | "stop" => 'd',
        "once" => 'o',
        "restart" | "term" => 't',
        "reload" | "hup" => 'h',
        "kill" => 'k',
        "pause" => 'p',
        "cont" | "continue" => 'c',
        _ => return None,
    };
    Some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Letter;

    fn sent(words: &[&str]) -> String {
        let args = cli::parse(&COMMAND, words.iter().map(OsString::from)).unwrap();
        String::from_utf8(letters(&args)).unwrap()
    }

    #[test]
    fn every_letter_of_the_contract_is_a_flag_and_no_other() {
        let letters = COMMAND.flags.iter().filter(|flag| flag.value.is_none());
        let flags: Vec<_> = letters.map(Flag::key).collect();
        let letters = Letter::ALL.map(|letter| char::from(letter.byte()).to_string());
        assert_eq!(flags, letters);
    }

    #[test]
    fn each_letter_is_sent_once_in_the_order_of_first_appearance() {
        assert_eq!(sent(&["-du", "-d", "-xu", "dir"]), "dux");
        assert_eq!(sent(&["--down", "-x", "dir"]), "dx");
        assert_eq!(sent(&["dir", "-d"]), "");
        assert_eq!(sent(&["-dw", "down", "-T", "5s", "dir"]), "d");
    }

    #[test]
    fn the_answer_to_a_wrong_letter_lists_every_letter_with_its_long_name() {
        let answer = COMMAND.usage_line();
        for flag in COMMAND.flags.iter().filter(|flag| flag.value.is_none()) {
            let listed = flag.names.join(" ");
            assert!(answer.contains(&listed), "{listed}");
        }
    }
}
