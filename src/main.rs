//! Who was called? The multicall binary of the suite: the name it was run by chooses the command.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use cli::{EXIT_USAGE, Stop};
use keepup::commands::{self, Entry, SUITE};
use keepup::ending;

fn main() -> ExitCode {
    sys::entry::restore_sigpipe();
    let mut words = std::env::args_os();
    let called = words.next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or(OsStr::new("keepup"));
    if let Some(entry) = commands::find(name) {
        return call(entry, words.collect());
    }
    match cli::parse(&SUITE, words) {
        Ok(args) if args.has("list") => list(),
        Ok(args) => args.operands.split_first().map_or_else(index, |(name, rest)| {
            commands::find(name).map_or_else(|| unknown(name), |entry| call(entry, rest.to_vec()))
        }),
        Err(Stop::Help(_)) => index(),
        Err(Stop::Version) => {
            ending::print(&SUITE, concat!("keepup ", env!("CARGO_PKG_VERSION"), "\n"))
        }
        Err(stop @ Stop::Wrong(_)) => ending::stopped(&SUITE, &stop),
    }
}

/// Runs one command and turns its outcome into words and an exit code.
fn call(entry: &Entry, words: Vec<OsString>) -> ExitCode {
    let command = entry.command;
    match entry.parse(words) {
        Ok(args) => (entry.run)(&args).unwrap_or_else(|error| ending::failed(command, &error)),
        Err(stop) => ending::stopped(command, &stop),
    }
}

/// The index: `keepup` alone lists the commands with one line each.
fn index() -> ExitCode {
    let mut text = format!("usage: {}\n\n", SUITE.synopsis());
    for entry in commands::ALL {
        let command = entry.command;
        let _ = writeln!(text, "  {:<14}{}", command.name, command.summary);
    }
    text.push_str("\n`keepup COMMAND --help` says more of each.\n");
    ending::print(&SUITE, &text)
}

/// The names of the commands, one on each line: `make install` makes a link of each.
fn list() -> ExitCode {
    let line = |entry: &Entry| format!("{}\n", entry.command.name);
    ending::print(&SUITE, &commands::ALL.iter().map(line).collect::<String>())
}

fn unknown(name: &OsStr) -> ExitCode {
    // Both are in one package, but they are linked differently.
    let cure =
        if name == "ntpd" { "it is a program of its own" } else { "`keepup` alone lists them" };
    let name = name.display();
    ending::complain(format_args!("keepup: fatal: no command is called {name}; {cure}"));
    ExitCode::from(EXIT_USAGE)
}
