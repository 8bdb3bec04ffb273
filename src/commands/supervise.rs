//! supervise: keep one service running (daemontools, `supervise.c`).

use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, Usage};
use supervisor::{Options, STOP_GRACE};

pub(crate) static COMMAND: Command = Command {
    name: "supervise",
    summary: "keep the service of one service directory running",
    usage: "dir",
    flags: &[],
    about: "
Starts ./run in dir, unless there is a file ./down, and starts it again when it
ends: at once if it ran for a second, later and later if it keeps ending soon.

Signals: TERM, INT as svc -dx; QUIT leaves, and leaves the service running.
Exit codes: 0 told to leave, 100 wrong usage, 111 unable to begin.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let [dir] = args.operands.as_slice() else { return Err(Usage::default().into()) };
    supervisor::supervise(Path::new(dir), Options { grace: STOP_GRACE, cgroups: true })?;
    Ok(ExitCode::SUCCESS)
}
