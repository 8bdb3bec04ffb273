//! tai64nlocal: turn TAI64N labels into local time (daemontools, `tai64nlocal.c`).

use std::process::ExitCode;

use cli::{Args, Command};
use logger::{Civil, Localizer};

pub(crate) static COMMAND: Command = Command {
    name: "tai64nlocal",
    summary: "turn TAI64N labels into local time",
    usage: "",
    flags: &[],
    about: "\
Reads standard input, writes it to standard output with the label at the start of each line turned
into YYYY-MM-DD HH:MM:SS.nnnnnnnnn of the local time zone (TZ, or /etc/localtime). Lines without a
label pass unchanged.",
};

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    sys::localtime::load_zone();
    let mut localizer = Localizer::default();
    super::tai64n::filter(|block, out| match block {
        Some(block) => localizer.feed(block, &mut civil, out),
        None => localizer.finish(&mut civil, out),
    })
}

/// `None` where the C library knows no such time: the label then stays as it is.
pub(super) fn civil(unix: i64) -> Option<Civil> {
    let sys::localtime::LocalTime { year, month, day, hour, minute, second } =
        sys::localtime::at(unix)?;
    Some(Civil { year: u64::try_from(year).ok()?, month, day, hour, minute, second })
}
