//! pgrphack: run a program in a process group of its own (daemontools, `pgrphack.c`).

use std::process::ExitCode;

use cli::{Args, Command};

use crate::chain::Next;

pub(crate) static COMMAND: Command = Command {
    name: "pgrphack",
    summary: "run a program in a session and process group of its own",
    usage: "child",
    flags: &[],
    about: "
child is a program and its arguments. A service that keepup starts leads a session already;
pgrphack is for what is started from elsewhere. Who leads a process group stays where it is.

Exit codes: 100 wrong usage, 111 child cannot be run, else child's.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let next = Next::new(&args.operands)?;
    // Refused to the leader of a process group, which has what it came for.
    let _ = sys::fork::lead_session();
    Ok(next.run_or_say(COMMAND.name))
}
