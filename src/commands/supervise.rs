//! supervise: keep one service running.

use std::process::ExitCode;

use cli::{Args, Command};

pub(crate) static COMMAND: Command = Command {
    name: "supervise",
    summary: "keep one service running",
    usage: "dir",
    flags: &[],
    about: "",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
