//! How a program ends: its last words, and its exit code.
//!
//! Where nobody hears the words the exit code must do, so nothing here fails or panics.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use cli::{Command, EXIT_TEMPORARY, EXIT_USAGE, Stop, UnableExt as _, Usage};

/// The command line led no further.
#[must_use]
pub fn stopped(command: &Command, stop: &Stop) -> ExitCode {
    match stop {
        Stop::Help(text) => print(command, text),
        Stop::Version => {
            print(command, &format!("{} (keepup) {}\n", command.name, env!("CARGO_PKG_VERSION")))
        }
        Stop::Wrong(usage) => wrong(command, usage),
    }
}

/// It did not work: [`Usage`] is exit code 100, any other error 111.
#[must_use]
pub fn failed(command: &Command, error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<Usage>() {
        return wrong(command, usage);
    }
    complain(format_args!("{}: fatal: {}", command.name, shown(command, &format!("{error:#}"))));
    ExitCode::from(EXIT_TEMPORARY)
}

/// Prints all there is to say.
#[must_use]
pub fn print(command: &Command, text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written.unable("write to standard output") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(command, &error.into()),
    }
}

fn wrong(command: &Command, usage: &Usage) -> ExitCode {
    if let Some(message) = &usage.0 {
        complain(format_args!("{}: {}", command.name, shown(command, message)));
    }
    complain(format_args!("{}", command.usage_line()));
    ExitCode::from(EXIT_USAGE)
}

/// Those whose sentences are ours. daemontools' programs say what they were given byte for byte.
const OURS: [&str; 4] = ["ntpctl", "ntpd", "svcheck", "svlog"];

fn shown<'a>(command: &Command, sentence: &'a str) -> Cow<'a, str> {
    if OURS.contains(&command.name) { plain(sentence).into() } else { sentence.into() }
}

/// Says why on standard error.
pub fn complain(sentence: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// A line as a terminal may be shown it: names and files of others may hold what it obeys.
#[must_use]
pub fn plain(line: &str) -> String {
    line.replace(char::is_control, "?")
}

/// The same of lines.
#[must_use]
pub fn plain_lines(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_a_question_mark() {
        let hostile = "a\x1b]0;title\x07b\rc\x7fd\u{9b}2Je\nf";
        assert_eq!(plain(hostile), "a?]0;title?b?c?d?2Je?f");
        assert_eq!(plain_lines(hostile), "a?]0;title?b?c?d?2Je\nf");
        assert_eq!(plain("M\u{fc}nchen"), "M\u{fc}nchen");
    }
}
