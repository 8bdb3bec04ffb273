//! The index of all commands: one file each, which parses, calls a crate and gives an exit code.

use std::ffi::OsStr;
use std::process::ExitCode;

use cli::{Args, Command, Flag};

mod multilog;
mod supervise;
mod svc;
mod svok;
mod svscan;
mod svstat;
mod tai64n;
mod tai64nlocal;

/// A command and what runs it.
#[derive(Debug)]
pub struct Entry {
    /// Its name, flags and help.
    pub command: &'static Command,
    /// Runs it. [`cli::Usage`] as the error means exit 100, any other error 111.
    pub run: fn(&Args) -> anyhow::Result<ExitCode>,
}

/// Every command, in the order a newcomer meets them.
pub const ALL: &[Entry] = &[
    Entry { command: &svscan::COMMAND, run: svscan::run },
    Entry { command: &supervise::COMMAND, run: supervise::run },
    Entry { command: &svc::COMMAND, run: svc::run },
    Entry { command: &svstat::COMMAND, run: svstat::run },
    Entry { command: &svok::COMMAND, run: svok::run },
    Entry { command: &multilog::COMMAND, run: multilog::run },
    Entry { command: &tai64n::COMMAND, run: tai64n::run },
    Entry { command: &tai64nlocal::COMMAND, run: tai64nlocal::run },
];

/// The command of that name.
#[must_use]
pub fn find(name: &OsStr) -> Option<&'static Entry> {
    ALL.iter().find(|entry| OsStr::new(entry.command.name) == name)
}

/// keepup itself, called by its own name: what stands before the name of a command.
pub static SUITE: Command = Command {
    name: "keepup",
    summary: "run a command of the suite, or list them",
    usage: "COMMAND [ARGUMENT...]",
    flags: &[Flag { names: &["list"], value: None, help: "print the names of the commands" }],
    about: "",
};
