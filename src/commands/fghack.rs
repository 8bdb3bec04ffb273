//! fghack: stay in the foreground for a program that does not (daemontools, `fghack.c`).
//!
//! The program gets a pipe under many descriptors. Whoever forks and goes into the background
//! seldom closes them all, so the pipe ends when the last of its processes does.

use std::io::{ErrorKind, PipeReader, PipeWriter, Read as _};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use anyhow::anyhow;
use cli::{Args, Command, UnableExt as _};
use sys::child::Ended;
use sys::fork::{self, Forked};

use crate::chain::Next;

pub(crate) static COMMAND: Command = Command {
    name: "fghack",
    summary: "stay in the foreground for a program that does not",
    usage: "child",
    flags: &[],
    about: "
Runs child, a program and its arguments, and waits until it has ended and no process is left that
holds one of the 31 descriptors of a pipe that child is given. A program that closes descriptors it
does not know is not waited for; and signals, svc's too, reach fghack and not the program.

Exit codes: 100 wrong usage, 111 child cannot be run or was ended by a signal, else child's.",
};

/// So many copies of the pipe's end, beside the one: a daemon that closes the descriptors it thinks
/// are its own, 0 to 9 say, leaves some (daemontools).
const COPIES: usize = 30;

/// How much is read at once of what nobody wants: what a pipe holds.
const BLOCK: usize = 64 * 1024;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let next = Next::new(&args.operands)?;
    let (reader, writer) = std::io::pipe().unable("create pipe")?;
    match fork::fork().unable("fork")? {
        Forked::Child => {
            drop(reader);
            Ok(become_child(&writer, next))
        }
        Forked::Parent(pid) => {
            drop(writer);
            read_to_end(reader);
            outcome(pid)
        }
    }
}

/// Comes back only where the program cannot be run.
fn become_child(pipe: &PipeWriter, next: Next<'_>) -> ExitCode {
    sys::entry::close_what_was_closed();
    // A program that gets fewer is guarded less, but runs.
    let _ = fork::bequeath(pipe);
    let _copies = copies(pipe);
    next.run_or_say(COMMAND.name)
}

fn copies(pipe: &PipeWriter) -> Vec<OwnedFd> {
    (0..COPIES).map_while(|_| fork::heirloom(pipe).ok()).collect()
}

/// Returns when nobody holds the other end. An error is as good: there is no more to be read.
fn read_to_end(mut pipe: PipeReader) {
    let mut block = vec![0; BLOCK];
    loop {
        match pipe.read(&mut block) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn outcome(pid: u32) -> anyhow::Result<ExitCode> {
    match fork::wait(pid) {
        Ok(Ended::Exited(code)) => Ok(ExitCode::from(u8::try_from(code & 0xff)?)),
        Ok(Ended::Signalled(_)) => Err(anyhow!("child crashed")),
        Err(error) => Err(anyhow!("wait failed: {}", cli::reason(&error))),
    }
}
