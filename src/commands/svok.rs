//! svok: is a supervise running in this directory? (daemontools, `svok.c`)

use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, EXIT_USAGE, UnableExt as _, Usage};
use contract::layout;

pub(crate) static COMMAND: Command = Command {
    name: "svok",
    summary: "say by exit code whether supervise runs in a service directory",
    usage: "dir",
    flags: &[],
    about: "Exit codes: 0 supervise is running, 100 it is not, 111 it cannot be known.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = Path::new(args.operands.first().ok_or_else(Usage::default)?);
    match sys::fifo::open_writer(&dir.join(layout::OK)) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) if sys::fifo::means_no_reader(&error) => Ok(ExitCode::from(EXIT_USAGE)),
        Err(error) => Err(error).unable(format_args!("open {}/{}", dir.display(), layout::OK))?,
    }
}
