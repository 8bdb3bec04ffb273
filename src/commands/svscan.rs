//! svscan: keep every service of a scan directory running.

use std::process::ExitCode;

use cli::{Args, Command};

pub(crate) static COMMAND: Command = Command {
    name: "svscan",
    summary: "keep every service of a scan directory running",
    usage: "[dir]",
    flags: &[],
    about: "",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
