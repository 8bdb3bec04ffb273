//! The index of all commands: one file each, which parses, calls a crate and gives an exit code.

use std::ffi::OsStr;
use std::process::ExitCode;

use cli::{Args, Command};

mod multilog;
mod supervise;
mod svc;
mod svok;
mod svscan;
mod svscanctl;
mod svstat;
mod tai64n;
mod tai64nlocal;

/// A command and what runs it.
pub(crate) struct Entry {
    /// Its name, flags and help.
    pub(crate) command: &'static Command,
    /// Runs it. [`cli::Usage`] as the error means exit 100, any other error 111.
    pub(crate) run: fn(&Args) -> anyhow::Result<ExitCode>,
}

/// Every command, in the order a newcomer meets them.
pub(crate) const ALL: &[Entry] = &[
    Entry { command: &svscan::COMMAND, run: svscan::run },
    Entry { command: &supervise::COMMAND, run: supervise::run },
    Entry { command: &svc::COMMAND, run: svc::run },
    Entry { command: &svscanctl::COMMAND, run: svscanctl::run },
    Entry { command: &svstat::COMMAND, run: svstat::run },
    Entry { command: &svok::COMMAND, run: svok::run },
    Entry { command: &multilog::COMMAND, run: multilog::run },
    Entry { command: &tai64n::COMMAND, run: tai64n::run },
    Entry { command: &tai64nlocal::COMMAND, run: tai64nlocal::run },
];

/// The command of that name.
pub(crate) fn find(name: &OsStr) -> Option<&'static Entry> {
    ALL.iter().find(|entry| OsStr::new(entry.command.name) == name)
}
