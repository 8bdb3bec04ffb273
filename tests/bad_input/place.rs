//! One run of one program: in a directory of its own, to its end.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sys::process::Process;

use crate::programs::Program;

/// How long a program may take to end, or to come to rest where it stays: it is a matter of
/// milliseconds, but the machine may have much else to do.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often it is looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// A file of a kind that nobody expects, and what makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Missing,
    Empty,
    Directory,
    Fifo,
    Socket,
    Unreadable,
    Dangling,
    Loop,
    Link(&'static str),
}

pub(crate) const KINDS: [Kind; 11] = [
    Kind::Missing,
    Kind::Empty,
    Kind::Directory,
    Kind::Fifo,
    Kind::Socket,
    Kind::Unreadable,
    Kind::Dangling,
    Kind::Loop,
    Kind::Link("/dev/null"),
    Kind::Link("/dev/full"),
    Kind::Link("/dev/zero"),
];

impl Kind {
    pub(crate) fn make(self, path: &Path) {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).unwrap();
        }
        match self {
            Self::Missing => {}
            Self::Empty => fs::write(path, "").unwrap(),
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Fifo => sys::fifo::make(path).unwrap(),
            // Bound and not listened to: its maker has ended.
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::Unreadable => {
                fs::write(path, "secret\n").unwrap();
                fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
            }
            Self::Dangling => symlink("nowhere", path).unwrap(),
            Self::Loop => symlink(path, path).unwrap(),
            Self::Link(target) => symlink(target, path).unwrap(),
        }
    }
}

/// What is done to a program.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) program: Program,
    /// What follows what the program needs before it.
    pub(crate) arguments: Vec<OsString>,
    /// Files that lie in its directory.
    pub(crate) files: Vec<(String, Kind)>,
    /// A shell runs this first, and the program in its place, with these redirections.
    pub(crate) shell: &'static str,
    pub(crate) redirections: String,
    /// Nobody can read what it says.
    pub(crate) unheard: bool,
    /// It may be ended by SIGPIPE.
    pub(crate) pipe: bool,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// It was still running, and not at rest, when patience was at an end: in this system call.
    pub(crate) hung: Option<String>,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn new(program: Program, arguments: &[&str]) -> Self {
        Self {
            program,
            arguments: arguments.iter().map(OsString::from).collect(),
            files: Vec::new(),
            shell: "",
            redirections: String::new(),
            unheard: false,
            pipe: false,
        }
    }

    /// Runs it to its end, in a directory with an empty directory `dir` and a file `input`, which
    /// standard input reads.
    pub(crate) fn outcome(&self) -> Outcome {
        let place = tempfile::tempdir().unwrap();
        let bin = place.path().join("bin");
        for directory in ["bin", "dir"] {
            fs::create_dir(place.path().join(directory)).unwrap();
        }
        fs::write(place.path().join("input"), "a line\n".repeat(2000)).unwrap();
        for (name, kind) in &self.files {
            kind.make(&place.path().join(name));
        }
        let binary = match self.program.name {
            "ntpd" => env!("CARGO_BIN_EXE_ntpd"),
            _ => env!("CARGO_BIN_EXE_keepup"),
        };
        symlink(binary, bin.join(self.program.name)).unwrap();
        let script =
            format!("exec <input\n{}\nexec \"$0\" \"$@\" {}", self.shell, self.redirections);
        let child = Command::new("/bin/sh")
            .args(["-c", &script])
            .arg(bin.join(self.program.name))
            .args(self.program.before)
            .args(&self.arguments)
            .current_dir(place.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.wait(child)
    }

    fn wait(&self, mut child: Child) -> Outcome {
        let out = reader(child.stdout.take().unwrap());
        let err = reader(child.stderr.take().unwrap());
        let mut hung = None;
        let mut status = None;
        let end = Instant::now() + PATIENCE;
        while status.is_none() {
            status = child.try_wait().unwrap();
            if self.program.stays && is_at_rest(child.id()) {
                let _ = Process::open(child.id()).and_then(|it| it.signal(libc::SIGTERM));
                status = ended(&mut child);
            }
            if status.is_none() && Instant::now() > end {
                hung = Some(syscall(child.id()));
                child.kill().unwrap();
                status = Some(child.wait().unwrap());
            }
            thread::sleep(GLANCE);
        }
        let status = status.unwrap();
        out.join().unwrap();
        let err = String::from_utf8_lossy(&err.join().unwrap()).into_owned();
        Outcome { code: status.code(), signal: status.signal(), hung, err }
    }
}

/// Waits for the end of a program that was told to end; `None` where it does not.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(GLANCE);
    }
    None
}

/// What was read to the end, or to the end of the program where something else holds the pipe.
fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = pipe.read_to_end(&mut text);
        text
    })
}

/// The system call it is in, as the kernel shows it.
fn syscall(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default()
}

/// Whether it waits for whatever may come, and not for one thing that may never come.
fn is_at_rest(pid: u32) -> bool {
    #[cfg(target_arch = "x86_64")]
    const OLD: [i64; 2] = [libc::SYS_epoll_wait, libc::SYS_poll];
    #[cfg(not(target_arch = "x86_64"))]
    const OLD: [i64; 0] = [];
    const NEW: [i64; 3] = [libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2, libc::SYS_ppoll];
    let call = syscall(pid);
    let number = call.split(' ').next().and_then(|word| word.parse().ok());
    number.is_some_and(|number: i64| OLD.contains(&number) || NEW.contains(&number))
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.program.name;
        write!(f, "{} {name}", self.shell.trim())?;
        for word in &self.arguments {
            let word = String::from_utf8_lossy(word.as_bytes());
            write!(f, " {:?}", word.chars().take(20).collect::<String>())?;
        }
        write!(f, " {} {:?}", self.redirections, self.files)
    }
}
