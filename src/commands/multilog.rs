//! multilog: write a log into rotated files.

use std::process::ExitCode;

use cli::{Args, Command};

pub(crate) static COMMAND: Command = Command {
    name: "multilog",
    summary: "write a log into rotated files",
    usage: "script...",
    flags: &[],
    about: "",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
