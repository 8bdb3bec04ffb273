//! ntpd: a time service in the foreground.
//!
//! This is the shell around the crate `ntp`, which decides everything and touches nothing. From the
//! command line to the kernel: `options` reads flags and ntp.conf, `daemon` is the one loop,
//! `sockets` and `resolver` talk to the world, `state` keeps what outlives us, `log` writes lines.
//! It never forks into the background, writes to stderr, and has three exit codes: 0, 100 (asked
//! wrongly), 111 (failed now).

mod answers;
mod clock;
pub(crate) mod control;
mod daemon;
mod hooks;
mod last_good;
mod log;
mod options;
mod ready;
mod resolver;
mod rivals;
mod show;
mod sockets;
mod state;
mod steps;

use std::process::ExitCode;

use cli::EXIT_USAGE;

use crate::ending;

pub use options::COMMAND;
use options::Misconfigured;

/// The whole program, from its command line to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(host) = resolver::is_asked(&words) {
        return resolver::answer(&host);
    }
    match cli::parse(&COMMAND, words.clone()) {
        Ok(args) => options::read(&args, &words).and_then(daemon::run).unwrap_or_else(|error| {
            let code = ending::failed(&COMMAND, &error);
            if error.is::<Misconfigured>() { ExitCode::from(EXIT_USAGE) } else { code }
        }),
        Err(stop) => ending::stopped(&COMMAND, &stop),
    }
}
