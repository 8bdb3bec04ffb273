//! svscanboot: what an init runs (daemontools, `svscanboot.sh`).
//!
//! The original is a shell that waits for a pipeline, `svscan /service 2>&1 | readproctitle`. This
//! one becomes svscan, and readproctitle is its child: whoever started it has the pid of svscan, so
//! that a signal meant to stop everything does.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cli::{Args, Command, Unable, UnableExt as _, Usage};
use sys::exec::Program;
use sys::fork::{self, Forked, Stream};

use super::svc;

pub(crate) static COMMAND: Command = Command {
    name: "svscanboot",
    summary: "run svscan for an init, its messages where ps shows them",
    usage: "[dir]",
    flags: &[],
    about: "
Tells every supervise that runs in a service of dir (/service) to stop its service and leave, and
then runs svscan dir, with standard output and error shown by a readproctitle. Nothing of the
environment is kept, and PATH is
/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin.

It becomes svscan: signals and exit codes are svscan's. Run it as process 1 or as a service of your
init, which stops everything in order with TERM.",
};

/// The scan directory unless one is named (daemontools).
const SCAN: &str = "/service";

/// Where services find programs (daemontools).
const PATH: &str =
    "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin";

/// So much of the messages is shown (daemontools).
const DOTS: usize = 400;

/// What failed when descriptors 0, 1 and 2 could not be replaced.
const REDIRECT: &str = "redirect standard input and output";

/// To whoever supervises already: down, and leave.
const DOWN_AND_EXIT: &[u8] = b"dx";

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = scan_dir(args)?;
    end_supervised(Path::new(dir));
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.unable("open /dev/null")?;
    let (reader, writer) = io::pipe().unable("create pipe")?;
    match fork::fork().unable("fork")? {
        Forked::Child => {
            drop(writer);
            let dots = ".".repeat(DOTS);
            let words = ["readproctitle", "service", "errors:", &dots].map(OsStr::new);
            redirect([reader.as_fd(), null.as_fd(), null.as_fd()]).unable(REDIRECT)?;
            match become_command(&words)? {}
        }
        Forked::Parent(_) => {
            drop(reader);
            redirect([null.as_fd(), writer.as_fd(), writer.as_fd()]).unable(REDIRECT)?;
            match become_command(&[OsStr::new("svscan"), dir])? {}
        }
    }
}

fn scan_dir(args: &Args) -> Result<&OsStr, Usage> {
    match args.operands.as_slice() {
        [] => Ok(OsStr::new(SCAN)),
        [dir] if dir.as_bytes().starts_with(b"-") => {
            Err(Usage::because(format!("illegal option {}", dir.display())))
        }
        [dir] => Ok(dir),
        [..] => Err(Usage::default()),
    }
}

/// `svc -dx dir/* dir/*/log`: an earlier svscan may have left them. Nobody is told what failed.
fn end_supervised(dir: &Path) {
    sys::entry::ignore_sigpipe();
    for inner in ["", "log"] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if !entry.file_name().as_bytes().starts_with(b".") {
                svc::tell(&entry.path().join(inner), DOWN_AND_EXIT);
            }
        }
    }
    sys::entry::restore_sigpipe();
}

/// Puts these in the place of descriptors 0, 1 and 2.
fn redirect(onto: [BorrowedFd<'_>; 3]) -> io::Result<()> {
    for (stream, fd) in [Stream::Input, Stream::Output, Stream::Error].into_iter().zip(onto) {
        fork::redirect(stream, fd)?;
    }
    Ok(())
}

/// Becomes another command of the suite. Comes back only where that failed.
fn become_command(words: &[&OsStr]) -> Result<Infallible, Unable> {
    let name = words.first().copied().unwrap_or_default();
    let environment = CString::new(format!("PATH={PATH}")).into_iter().collect();
    let words: Vec<OsString> = words.iter().map(|&word| word.to_owned()).collect();
    let program = Program::new(ourselves(name).as_os_str(), &words, environment);
    let error = program.map_or_else(|error| error, |mut program| program.execute());
    Err(error).unable(format_args!("run {}", name.display()))
}

/// Our own program: by the link of this name that lies beside it, for ps to show, or else by its
/// own name. Without /proc it is the name that we were called by.
fn ourselves(name: &OsStr) -> PathBuf {
    let called = || std::env::args_os().next().unwrap_or_default().into();
    let program = std::env::current_exe().unwrap_or_else(|_| called());
    let link = program.with_file_name(name);
    let who = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    if who(&link).is_some_and(|it| Some(it) == who(&program)) { link } else { program }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(words: &[&str]) -> Option<String> {
        let operands: Vec<OsString> = words.iter().map(OsString::from).collect();
        let args = Args { flags: Vec::new(), operands };
        scan_dir(&args).ok().map(|dir| dir.display().to_string())
    }

    #[test]
    fn one_directory_may_be_named_and_a_flag_is_none() {
        assert_eq!(dir(&[]).as_deref(), Some("/service"));
        assert_eq!(dir(&["/etc/service"]).as_deref(), Some("/etc/service"));
        assert_eq!(dir(&["-x"]), None);
        assert_eq!(dir(&["/a", "/b"]), None);
    }
}
