//! ntpd: a time service in the foreground.
//!
//! This is the shell around the crate `ntp`, which decides everything and touches nothing. From the
//! command line to the kernel: `options` reads flags and ntp.conf, `foreign` knows those of others,
//! `check` looks at what they name, `start` opens what is needed, `privileges` are given up,
//! `daemon` is the one loop. What it runs on is a `machine`: the `kernel`, or in the tests one that
//! they play. `sockets`, `service` and `resolver` talk to the world, `proofs` sees to who it is
//! that answers and `handshake` agrees on that by NTS, as `granting` does with those who ask us (in
//! a build without the feature `nts`, `no_proofs` and `no_granting` stand there). `control` hears
//! `ntpctl` at each `door`, and `answers` what it is told with the words of `show`. `steps` has
//! what goes with a step, `hooks` the operator's programs around it; `rivals` sees others at the
//! clock, `leaps` knows of leap seconds, `ready` tells the supervisor. `state` keeps what outlives
//! us, `log` writes lines.
//!
//! It never forks into the background, writes to stderr, and has three exit codes: 0, 100 (asked
//! wrongly), 111 (failed now).

mod answers;
mod check;
mod clock;
pub(crate) mod control;
mod daemon;
mod door;
mod foreign;
#[cfg(feature = "nts")]
mod granting;
#[cfg(not(feature = "nts"))]
#[path = "no_granting.rs"]
mod granting;
#[cfg(feature = "nts")]
mod handshake;
mod held;
mod hooks;
mod kernel;
mod last_good;
mod leaps;
mod log;
mod machine;
mod options;
mod privileges;
#[cfg(feature = "nts")]
mod proofs;
#[cfg(not(feature = "nts"))]
#[path = "no_proofs.rs"]
mod proofs;
mod ready;
mod resolver;
mod rivals;
mod service;
mod show;
#[cfg(test)]
mod simulation;
mod sockets;
mod start;
mod state;
mod steps;

use std::io::Write as _;
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, EXIT_USAGE, UnableExt as _};

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
    #[cfg(feature = "nts")]
    if let Some(code) = handshake::answer_if_asked(&words) {
        return code;
    }
    match cli::parse(&COMMAND, words.clone()) {
        Ok(args) => options::read(&args, &words).and_then(begin).unwrap_or_else(|error| {
            let code = ending::failed(&COMMAND, &error);
            if error.is::<Misconfigured>() { ExitCode::from(EXIT_USAGE) } else { code }
        }),
        Err(stop) => ending::stopped(&COMMAND, &foreign::translated(stop)),
    }
}

/// A configuration that was only to be looked at has been by now: who wrote it reads what there is
/// to say.
fn begin(options: options::Options) -> anyhow::Result<ExitCode> {
    if !options.check {
        return start::run(options);
    }
    let (sentences, is_good) = check::report(&options);
    std::io::stdout().write_all(sentences.as_bytes()).unable("write")?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_TEMPORARY) })
}
