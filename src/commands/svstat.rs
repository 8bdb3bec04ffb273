//! svstat: one line on each service, in the words of the original (daemontools, `svstat.c`).

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use cli::{Args, Command, UnableExt as _};
use contract::remarks::{self, Remark};
use contract::{Status, layout, status, svstat};
use tai::Stamp;

use crate::service_dir::ServiceDir;

pub(crate) static COMMAND: Command = Command {
    name: "svstat",
    summary: "show the state of services",
    usage: "dirs...",
    flags: &[],
    about: "\
One line for each directory, which may say that the directory is not a supervised one.

Exit codes: 0 each directory has its line, 100 wrong usage, 111 the lines could not be written.",
};

/// Lines are collected up to this size and then written: a thousand services are one or two writes
/// of what a pipe holds, and no number of services takes more memory.
const BUFFER: usize = 64 * 1024;

/// So much of the remarks is read.
const REMARKS_MAX: u64 = remarks::LEN_MAX as u64;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut lines = Vec::new();
    for name in &args.operands {
        let dir = ServiceDir::new(name);
        lines.extend_from_slice(dir.name());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(words(dir).as_bytes());
        lines.push(b'\n');
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
fn words(dir: ServiceDir<'_>) -> Cow<'static, str> {
    match look(dir) {
        Ok((status, normally_down)) => {
            let now = Stamp::from_unix(sys::clock::realtime());
            let mut words = svstat::words(&status, normally_down, now);
            for remark in remarks(dir) {
                words.push_str(&remark.words(sys::clock::monotonic()));
            }
            words.into()
        }
        Err(unknown) => match dir.refusal() {
            Some(error) => format!("unable to chdir: {}", cli::reason(&error)).into(),
            None => unknown,
        },
    }
}

/// The status of a supervised service, and whether it is normally down.
fn look(dir: ServiceDir<'_>) -> Result<(Status, bool), Cow<'static, str>> {
    let unable = |what: &str, error: &io::Error| {
        Cow::Owned(format!("unable to {what}: {}", cli::reason(error)))
    };
    let normally_down = match dir.file(layout::DOWN).metadata() {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(unable("stat down", &error)),
    };
    match sys::fifo::open_writer(&dir.file(layout::OK)) {
        Ok(_) => {}
        Err(error) if sys::fifo::has_no_reader(&error) => {
            return Err("supervise not running".into());
        }
        Err(error) => return Err(unable("open supervise/ok", &error)),
    }
    read_status(&dir.file(layout::STATUS)).map(|status| (status, normally_down))
}

/// What there is to say beyond the status. Mostly nothing: the file is not there.
fn remarks(dir: ServiceDir<'_>) -> Vec<Remark> {
    let mut text = String::new();
    let Ok(file) = sys::fifo::open_whatever(&dir.file(layout::REMARKS)) else { return Vec::new() };
    if file.take(REMARKS_MAX).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    // Whoever can write there could else send a terminal what it obeys.
    let plain = |line: &str| !line.contains(char::is_control);
    text.lines().filter(|line| plain(line)).filter_map(Remark::decode).collect()
}

/// The record, read at once: whatever lies there in its place (a FIFO of somebody's) is not waited
/// for.
fn read_status(path: &Path) -> Result<Status, Cow<'static, str>> {
    let unable = |what: &str, error: &io::Error| {
        Cow::Owned(format!("unable to {what} supervise/status: {}", cli::reason(error)))
    };
    let mut file = sys::fifo::open_whatever(path).map_err(|error| unable("open", &error))?;
    let mut bytes = [0; status::LEN];
    let read = file.read(&mut bytes).map_err(|error| unable("read", &error))?;
    bytes
        .get(..read)
        .and_then(Status::decode)
        .ok_or(Cow::Borrowed("unable to read supervise/status: bad format"))
}
