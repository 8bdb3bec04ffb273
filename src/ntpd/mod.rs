//! ntpd: a time service in the foreground.
//!
//! This is the shell around the crate `ntp`, which decides everything and touches nothing. From the
//! command line to the kernel: `options` reads flags and ntp.conf, `daemon` is the one loop,
//! `sockets` and `resolver` talk to the world, `state` keeps what outlives us, `log` writes lines.
//! It never forks into the background, writes to stderr, and has three exit codes: 0, 100 (asked
//! wrongly), 111 (failed now).

mod clock;
mod daemon;
mod log;
mod options;
mod resolver;
mod sockets;
mod state;

use std::io::Write as _;
use std::process::ExitCode;

use cli::{EXIT_TEMPORARY, EXIT_USAGE, Stop, Usage};

pub use options::COMMAND;
use options::Misconfigured;

/// The whole program, from its command line to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(host) = resolver::is_asked(&words) {
        return resolver::answer(&host);
    }
    let result = match cli::parse(&COMMAND, words.clone()) {
        Ok(args) => options::read(&args, &words).and_then(daemon::run),
        Err(Stop::Help(text)) => return print(&text),
        Err(Stop::Version) => {
            return print(&format!("ntpd (keepup) {}\n", env!("CARGO_PKG_VERSION")));
        }
        Err(Stop::Wrong(usage)) => Err(usage.into()),
    };
    result.unwrap_or_else(|error| {
        if let Some(usage) = error.downcast_ref::<Usage>() {
            if let Some(message) = &usage.0 {
                eprintln!("ntpd: {message}");
            }
            eprintln!("{}", COMMAND.usage_line());
            return ExitCode::from(EXIT_USAGE);
        }
        eprintln!("ntpd: fatal: {error:#}");
        ExitCode::from(if error.is::<Misconfigured>() { EXIT_USAGE } else { EXIT_TEMPORARY })
    })
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_TEMPORARY),
    }
}
