//! tai64nlocal: turn TAI64N labels into local time.

use std::process::ExitCode;

use cli::{Args, Command};

pub(crate) static COMMAND: Command = Command {
    name: "tai64nlocal",
    summary: "turn TAI64N labels into local time",
    usage: "",
    flags: &[],
    about: "",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not built yet")
}
