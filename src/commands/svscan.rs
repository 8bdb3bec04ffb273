//! svscan: keep every service of a scan directory running (daemontools, `svscan.c`).

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cli::{Args, Command, Flag, Usage};
use supervisor::{Options, STOP_GRACE};

pub(crate) static COMMAND: Command = Command {
    name: "svscan",
    summary: "keep every service of a scan directory running",
    usage: "[--grace time] [--no-cgroups] [dir]",
    flags: &[
        Flag {
            names: &["grace"],
            value: Some("TIME"),
            help: "kill what has not ended so long after TERM (90s)",
        },
        Flag {
            names: &["no-cgroups"],
            value: None,
            help: "give services no control groups; find what they leave by other signs",
        },
    ],
    about: "
Starts a service for each link to a directory (and each directory) in dir, or in
the current directory, but for names that begin with a dot; a directory `log` in
it is its logger, fed through a pipe that outlives both.

Signals: TERM, INT stop all services, then their loggers, and leave; HUP, ALRM
look at the scan directory again; QUIT leaves, and leaves everything running.
Exit codes: 0 told to leave, 100 wrong usage, 111 unable to begin.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = match args.operands.as_slice() {
        [] => Path::new("."),
        [dir] => Path::new(dir),
        [..] => return Err(Usage::default().into()),
    };
    supervisor::svscan(dir, options(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn options(args: &Args) -> Result<Options, Usage> {
    let grace = args.value("grace").map_or(Ok(STOP_GRACE), |text| duration(text))?;
    Ok(Options { grace, cgroups: !args.has("no-cgroups") })
}

fn duration(text: &OsStr) -> Result<Duration, Usage> {
    text.to_str().and_then(|text| humantime::parse_duration(text).ok()).ok_or_else(|| {
        Usage::because(format!("{} is no duration; write it as 90s or 2m", text.display()))
    })
}
