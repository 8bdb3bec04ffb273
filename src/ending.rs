//! How a program ends: its last words, and its exit code.
//!
//! Where nobody hears the words the exit code must do, so nothing here fails or panics.

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
    complain(format_args!("{}: fatal: {error:#}", command.name));
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
        complain(format_args!("{}: {message}", command.name));
    }
    complain(format_args!("{}", command.usage_line()));
    ExitCode::from(EXIT_USAGE)
}

/// Says why on standard error.
pub fn complain(sentence: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{sentence}");
}
