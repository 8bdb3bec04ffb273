//! svok: is a supervise running in this directory? (daemontools, `svok.c`)

use std::process::ExitCode;

use cli::{Args, Command, EXIT_USAGE, UnableExt as _, Usage};
use contract::layout;

use crate::service_dir::ServiceDir;

pub(crate) static COMMAND: Command = Command {
    name: "svok",
    summary: "say by exit code whether supervise runs in a service directory",
    usage: "dir",
    flags: &[],
    about: "Exit codes: 0 supervise is running, 100 it is not, 111 it cannot be known.",
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.operands.first().ok_or_else(Usage::default)?;
    let dir = ServiceDir::new(name);
    let Err(error) = sys::fifo::open_writer(&dir.file(layout::OK)) else {
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(refusal) = dir.refusal() {
        return Err(refusal).unable(format_args!("chdir to {}", name.display()))?;
    }
    if sys::fifo::means_no_reader(&error) {
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    Err(error).unable(format_args!("open {}/{}", name.display(), layout::OK))?
}
