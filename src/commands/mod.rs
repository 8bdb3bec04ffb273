//! The index of all commands: one file each, which parses, calls a crate and gives an exit code.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use cli::{Args, Command, Stop};

mod envdir;
mod envuidgid;
mod multilog;
mod setlock;
mod setuidgid;
mod softlimit;
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

/// Whose originals take no options and whose ours do.
const WITHOUT_OPTIONS_OF_OLD: [&str; 2] = ["envdir", "setuidgid"];

impl Entry {
    /// Reads the words after its name.
    pub(crate) fn parse(&self, words: Vec<OsString>) -> Result<Args, Stop> {
        if WITHOUT_OPTIONS_OF_OLD.contains(&self.command.name) {
            return cli::parse_leading(self.command, words);
        }
        cli::parse(self.command, words)
    }
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
    Entry { command: &setuidgid::COMMAND, run: setuidgid::run },
    Entry { command: &envuidgid::COMMAND, run: envuidgid::run },
    Entry { command: &envdir::COMMAND, run: envdir::run },
    Entry { command: &softlimit::COMMAND, run: softlimit::run },
    Entry { command: &setlock::COMMAND, run: setlock::run },
];

/// The command of that name.
pub(crate) fn find(name: &OsStr) -> Option<&'static Entry> {
    ALL.iter().find(|entry| OsStr::new(entry.command.name) == name)
}
