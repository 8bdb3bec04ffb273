//! svstat: show the state of services.

use std::process::ExitCode;

use cli::{Args, Command};

pub(crate) static COMMAND: Command = Command {
    name: "svstat",
    summary: "show the state of services",
    usage: "dirs...",
    flags: &[],
    about: "",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
