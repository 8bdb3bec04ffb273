//! The index of all commands: one file each, which parses, calls a crate and gives an exit code.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use cli::{Args, Command, Flag, Stop};

mod envdir;
mod envuidgid;
mod fghack;
mod multilog;
mod ntpctl;
mod pgrphack;
mod readproctitle;
mod setlock;
mod setuidgid;
mod softlimit;
mod supervise;
mod svc;
mod svcheck;
mod svlog;
mod svok;
mod svscan;
mod svscanboot;
mod svscanctl;
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

/// Whose originals take no options and whose ours do.
const WITHOUT_OPTIONS_OF_OLD: [&str; 3] = ["envdir", "setuidgid", "svstat"];

/// Which daemontools does not have: their flags may stand behind their operands too.
const OF_OUR_OWN: [&str; 4] = ["ntpctl", "svcheck", "svlog", "svscanctl"];

impl Entry {
    /// Reads the words after its name.
    ///
    /// # Errors
    /// Those of [`cli::parse`].
    pub fn parse(&self, words: Vec<OsString>) -> Result<Args, Stop> {
        if WITHOUT_OPTIONS_OF_OLD.contains(&self.command.name) {
            return cli::parse_leading(self.command, words);
        }
        if OF_OUR_OWN.contains(&self.command.name) {
            return cli::parse_anywhere(self.command, words);
        }
        cli::parse(self.command, words)
    }
}

/// Every command, in the order a newcomer meets them.
pub const ALL: &[Entry] = &[
    Entry { command: &svscan::COMMAND, run: svscan::run },
    Entry { command: &supervise::COMMAND, run: supervise::run },
    Entry { command: &svc::COMMAND, run: svc::run },
    Entry { command: &svscanctl::COMMAND, run: svscanctl::run },
    Entry { command: &svstat::COMMAND, run: svstat::run },
    Entry { command: &svok::COMMAND, run: svok::run },
    Entry { command: &svcheck::COMMAND, run: svcheck::run },
    Entry { command: &svlog::COMMAND, run: svlog::run },
    Entry { command: &multilog::COMMAND, run: multilog::run },
    Entry { command: &tai64n::COMMAND, run: tai64n::run },
    Entry { command: &tai64nlocal::COMMAND, run: tai64nlocal::run },
    Entry { command: &setuidgid::COMMAND, run: setuidgid::run },
    Entry { command: &envuidgid::COMMAND, run: envuidgid::run },
    Entry { command: &envdir::COMMAND, run: envdir::run },
    Entry { command: &softlimit::COMMAND, run: softlimit::run },
    Entry { command: &setlock::COMMAND, run: setlock::run },
    Entry { command: &fghack::COMMAND, run: fghack::run },
    Entry { command: &pgrphack::COMMAND, run: pgrphack::run },
    Entry { command: &readproctitle::COMMAND, run: readproctitle::run },
    Entry { command: &svscanboot::COMMAND, run: svscanboot::run },
    Entry { command: &ntpctl::COMMAND, run: ntpctl::run },
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
