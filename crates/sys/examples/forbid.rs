//! Runs a program without some system calls, as a sandbox or an old kernel would:
//! `forbid ENOSYS pidfd_open,close_range -- svscan /service`.
//!
//! For trying by hand what `tests/end_to_end/fallback.rs` tries by itself.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use sys::seccomp::{Filter, Forbidden};

const USAGE: &str = "usage: forbid ENOSYS|EPERM call,call,... -- program [ arg ... ]";

/// Asked wrongly, and failed now (daemontools).
const EXIT_USAGE: u8 = 100;
const EXIT_FAILED: u8 = 111;

/// What svscan and ntpd can do without, or say that they cannot.
const CALLS: &[(&str, i64)] = &[
    ("clock_adjtime", libc::SYS_clock_adjtime),
    ("clone3", libc::SYS_clone3),
    ("close_range", libc::SYS_close_range),
    ("epoll_create1", libc::SYS_epoll_create1),
    ("getrandom", libc::SYS_getrandom),
    ("inotify_init1", libc::SYS_inotify_init1),
    ("memfd_create", libc::SYS_memfd_create),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("prctl", libc::SYS_prctl),
    ("setsid", libc::SYS_setsid),
    ("signalfd4", libc::SYS_signalfd4),
    ("statx", libc::SYS_statx),
    ("timerfd_create", libc::SYS_timerfd_create),
];

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [errno, calls, dashes, program, rest @ ..] = &args[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    let rules = errno.to_str().zip(calls.to_str()).and_then(|(errno, calls)| rules(errno, calls));
    let Some(rules) = rules.filter(|_| dashes == "--") else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    let on = Filter::forbidding(&rules).and_then(|filter| filter.put_on());
    let error = on.map_or_else(|error| error, |()| Command::new(program).args(rest).exec());
    eprintln!("forbid: fatal: unable to run {}: {error}", program.display());
    ExitCode::from(EXIT_FAILED)
}

fn rules(errno: &str, calls: &str) -> Option<Vec<Forbidden>> {
    let errno = match errno {
        "ENOSYS" => libc::ENOSYS,
        "EPERM" => libc::EPERM,
        _ => return None,
    };
    let rule = |name: &str| {
        let (_, call) = CALLS.iter().find(|(known, _)| *known == name)?;
        Some(Forbidden { call: *call, argument: None, errno })
    };
    calls.split(',').map(rule).collect()
}
