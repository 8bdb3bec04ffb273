//! Who was called? The multicall binary of the suite: the name it was run by chooses the command.

mod accounts;
mod chain;
mod commands;
mod getent;
mod service_dir;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, EXIT_USAGE, Stop, Usage};
use commands::Entry;

fn main() -> ExitCode {
    sys::entry::restore_sigpipe();
    let mut words = std::env::args_os();
    let called = words.next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or(OsStr::new("keepup"));
    if let Some(entry) = commands::find(name) {
        return call(entry, words.collect());
    }
    match words.next() {
        Some(name) if commands::find(&name).is_none() => unknown(&name),
        Some(name) => commands::find(&name).map_or(ExitCode::FAILURE, |e| call(e, words.collect())),
        None => index(),
    }
}

/// Runs one command and turns its outcome into words and an exit code.
fn call(entry: &Entry, words: Vec<OsString>) -> ExitCode {
    let name = entry.command.name;
    let result = match entry.parse(words) {
        Ok(args) => (entry.run)(&args),
        Err(Stop::Help(text)) => return print(&text),
        Err(Stop::Version) => {
            return print(&format!("{name} (keepup) {}\n", env!("CARGO_PKG_VERSION")));
        }
        Err(Stop::Wrong(usage)) => Err(usage.into()),
    };
    result.unwrap_or_else(|error| {
        if let Some(usage) = error.downcast_ref::<Usage>() {
            return wrong(entry, usage);
        }
        complain(format_args!("{name}: fatal: {error:#}"));
        ExitCode::from(EXIT_TEMPORARY)
    })
}

fn wrong(entry: &Entry, usage: &Usage) -> ExitCode {
    if let Some(message) = &usage.0 {
        complain(format_args!("{}: {message}", entry.command.name));
    }
    complain(format_args!("{}", entry.command.usage_line()));
    ExitCode::from(EXIT_USAGE)
}

/// The index: `keepup` alone lists the commands with one line each.
fn index() -> ExitCode {
    let mut text = String::from("usage: keepup COMMAND [ARGUMENT...]\n\n");
    for entry in commands::ALL {
        let command = entry.command;
        let _ = writeln!(text, "  {:<14}{}", command.name, command.summary);
    }
    text.push_str("\n`keepup COMMAND --help` says more of each.\n");
    print(&text)
}

/// The names of the commands, one on each line: `make install` makes a link of each.
fn list() -> ExitCode {
    let line = |entry: &Entry| format!("{}\n", entry.command.name);
    print(&commands::ALL.iter().map(line).collect::<String>())
}

fn unknown(name: &OsStr) -> ExitCode {
    match name.to_str() {
        Some("--help") => index(),
        Some("--version") => print(&format!("keepup {}\n", env!("CARGO_PKG_VERSION"))),
        Some("--list") => list(),
        Some(_) | None => {
            let name = name.display();
            complain(format_args!(
                "keepup: fatal: no command is called {name}; `keepup` alone lists them"
            ));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Says why on standard error. Where nobody reads it the exit code must do, and not a panic's.
fn complain(sentence: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{sentence}");
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_TEMPORARY),
    }
}
