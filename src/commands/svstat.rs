//! svstat: one line on each service, in the words of the original (daemontools, `svstat.c`).

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use cli::{Args, Command, Flag, UnableExt as _};
use contract::remarks::Remark;
use contract::{Status, layout, svstat};
use tai::Stamp;

use crate::service_dir::ServiceDir;
use glance::Glance;

mod glance;
mod json;
mod processes;

pub(crate) static COMMAND: Command = Command {
    name: "svstat",
    summary: "show the state of services",
    usage: "[-v] [--json] dirs...",
    flags: &[
        Flag { names: &["v", "verbose"], value: None, help: "list the processes of each as well" },
        Flag {
            names: &["json"],
            value: None,
            help: "write a JSON object for each, with all of it",
        },
    ],
    about: "\
One line for each directory, which may say that the directory is not a supervised one. Options
stand first; any other word is a directory, whatever it begins with.

Exit codes: 0 each directory has its line, 111 the lines could not be written.",
};

/// Lines are collected up to this size and then written: a thousand services are one or two writes
/// of what a pipe holds, and no number of services takes more memory.
const BUFFER: usize = 64 * 1024;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut lines = Vec::new();
    let (verbose, as_json) = (args.has("v"), args.has("json"));
    let mut glance = Glance::default();
    for name in &args.operands {
        let dir = ServiceDir::new(name);
        if as_json {
            lines.extend_from_slice(json::object(dir, look(dir)).as_bytes());
            lines.push(b'\n');
        } else {
            lines.extend_from_slice(dir.name());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(words(dir, &mut glance).as_bytes());
            lines.push(b'\n');
            if verbose {
                lines.extend(processes::of(dir).iter().flat_map(|it| it.line().into_bytes()));
            }
        }
        if lines.len() >= BUFFER {
            write(&lines)?;
            lines.clear();
        }
    }
    write(&lines)?;
    Ok(ExitCode::SUCCESS)
}

/// A reader who has seen enough is no failure (`svstat ... | head`).
fn write(lines: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(lines).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Ok(Err(error).unable("write to standard output")?)
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What follows the name: the state, or why it cannot be known.
fn words(dir: ServiceDir<'_>, glance: &mut Glance) -> Cow<'static, str> {
    if let Some((status, normally_down)) = glance.status(dir) {
        return words_of(&status, normally_down, &[]).into();
    }
    if let Some(entered) = dir.enter()
        && let Some((status, normally_down)) = entered.status()
    {
        return words_of(&status, normally_down, &entered.remarks()).into();
    }
    match look(dir) {
        Ok((status, normally_down)) => words_of(&status, normally_down, &dir.remarks()).into(),
        Err(unknown) => match dir.refusal() {
            Some(error) => format!("unable to chdir: {}", cli::reason(&error)).into(),
            None => unknown,
        },
    }
}

fn words_of(status: &Status, normally_down: bool, remarks: &[Remark]) -> String {
    let now = Stamp::from_unix(sys::clock::realtime());
    let mut words = svstat::words(status, normally_down, now);
    for remark in remarks {
        words.push_str(&remark.words(sys::clock::monotonic()));
    }
    words
}

/// The status of a supervised service, and whether it is normally down.
fn look(dir: ServiceDir<'_>) -> Result<(Status, bool), Cow<'static, str>> {
    let normally_down = match dir.file(layout::DOWN).metadata() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(format!("unable to stat down: {}", cli::reason(&error)).into()),
    };
    Ok((dir.status()?, normally_down))
}
