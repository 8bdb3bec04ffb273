//! The two suites, and what tests look at: outputs, listings, running loggers.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for the slowest machine; no test waits so long unless it fails.
const PATIENCE: Duration = Duration::from_mins(3);

/// Theirs or ours.
pub(crate) enum Suite {
    Theirs,
    Ours,
}

impl Suite {
    pub(crate) fn theirs() -> Option<Self> {
        if Path::new("/usr/bin/multilog").exists() {
            return Some(Self::Theirs);
        }
        let required = std::env::var_os("KEEPUP_REQUIRE_THEIRS");
        assert!(required.is_none_or(|it| it != "1"), "the package daemontools is not installed");
        println!("SKIPPED: the package daemontools is not installed");
        None
    }

    pub(crate) fn ours() -> Self {
        Self::Ours
    }

    /// A tool of this suite, run in `dir` with only PATH in its environment.
    pub(crate) fn tool(&self, name: &str, dir: &Path) -> Command {
        let mut command = match self {
            Self::Theirs => Command::new(format!("/usr/bin/{name}")),
            Self::Ours => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_keepup"));
                command.arg(name);
                command
            }
        };
        command.current_dir(dir).env_clear().env("PATH", "/usr/bin:/bin").stderr(Stdio::piped());
        command
    }

    /// Runs multilog to its end.
    pub(crate) fn multilog(&self, dir: &Path, script: &[&str], input: impl AsRef<[u8]>) -> Output {
        run(self.tool("multilog", dir).args(script), input)
    }

    /// Runs multilog with success and without a word.
    pub(crate) fn log(&self, dir: &Path, script: &[&str], input: impl AsRef<[u8]>) {
        let output = self.multilog(dir, script, input);
        assert_eq!(text(&output.stderr), "");
        assert!(output.status.success(), "{:?}", output.status);
    }

    /// Starts multilog; its input stays open.
    pub(crate) fn start(&self, dir: &Path, script: &[&str]) -> Running {
        Running::start(self.tool("multilog", dir).args(script))
    }
}

/// Runs a command to its end with this input, which it need not read.
pub(crate) fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.as_ref().to_vec());
    let writer = spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// A multilog at work. What it has not read can be read here; it is killed if the test fails.
pub(crate) struct Running {
    child: Child,
    pub(crate) input: Option<PipeWriter>,
    unread: PipeReader,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (unread, input) = pipe().unwrap();
        let child = command.stdin(unread.try_clone().unwrap()).spawn().unwrap();
        Self::new(child, Some(input), unread)
    }

    /// Starts one whose input the test has given it.
    pub(crate) fn on(command: &mut Command) -> Self {
        let (unread, _) = pipe().unwrap();
        Self::new(command.spawn().unwrap(), None, unread)
    }

    fn new(mut child: Child, input: Option<PipeWriter>, unread: PipeReader) -> Self {
        let mut stderr = child.stderr.take().unwrap();
        let stderr = spawn(move || {
            let mut words = String::new();
            stderr.read_to_string(&mut words).unwrap();
            words
        });
        Self { child, input, unread, stderr: Some(stderr) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    /// How many bytes wait to be read.
    pub(crate) fn unread_len(&self) -> usize {
        let pipe = std::os::fd::OwnedFd::from(self.unread.try_clone().unwrap());
        sys::fifo::waiting(&fs::File::from(pipe)).unwrap()
    }

    /// Sends a signal once it waits for something, and waits until it has been taken, or has ended
    /// the process. The original takes signals just before it reads, and would read all the same.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        until("it rests", || name == "KILL" || is_asleep(self.pid()));
        let sent = Command::new("sh").args(["-c", "kill -$1 $2", "sh", name, &pid]).status();
        assert!(sent.unwrap().success());
        let file = format!("/proc/{pid}/status");
        until("the signal is taken", || {
            let status = fs::read_to_string(&file).unwrap();
            if status.contains("State:\tZ") {
                return true;
            }
            let pending = status.lines().filter(|line| line.contains("Pnd:"));
            pending
                .filter_map(|line| line.split_once('\t'))
                .all(|(_, set)| set.bytes().all(|b| b == b'0'))
        });
    }

    /// Waits for its end; its exit and its words.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        until("it ends", || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Ends its input, waits for its end; its exit and its words.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        self.input = None;
        self.end()
    }

    /// Waits for its end after a signal; what it has left in the pipe.
    pub(crate) fn end_and_unread(self) -> (ExitStatus, String) {
        let (status, _, unread) = self.end_said_and_unread();
        (status, unread)
    }

    /// As [`Self::end_and_unread`], with its words before what it has left.
    pub(crate) fn end_said_and_unread(mut self) -> (ExitStatus, String, String) {
        until("it ends", || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        self.input = None;
        let mut unread = String::new();
        self.unread.read_to_string(&mut unread).unwrap();
        (status, self.stderr.take().unwrap().join().unwrap(), unread)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether it waits for something, or has ended.
fn is_asleep(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["State:\tS", "State:\tZ"].iter().any(|state| status.contains(state))
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(Duration::from_millis(5));
    }
}

pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    text(&fs::read(path).unwrap())
}

/// The names in a directory, in order; none where it has not been made yet.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The old files in a directory, oldest first.
pub(crate) fn old_files(dir: &Path) -> Vec<PathBuf> {
    let old = names(dir).into_iter().filter(|name| name.starts_with('@'));
    old.map(|name| dir.join(name)).collect()
}

/// All that is in a log directory, oldest first, as one text.
pub(crate) fn whole_log(dir: &Path) -> String {
    let files = old_files(dir).into_iter().chain([dir.join("current")]);
    files.map(read).collect()
}

/// As [`listing`], but for the intent of a multilog of ours that is at work or was killed.
pub(crate) fn listing_at_work(dir: &Path) -> Vec<String> {
    let mut files = listing(dir);
    files.retain(|file| !file.starts_with("0600 intent "));
    files
}

/// What is in a log directory: one `MODE NAME SIZE` for each file, labels written as `@`.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let show = |name: String| {
        // It may lose its name while we look.
        let found = fs::metadata(dir.join(&name)).ok()?;
        let shape = match name.strip_prefix('@') {
            Some(label) => {
                let (digits, code) = label.split_once('.').unwrap();
                let lower = |b: u8| b.is_ascii_hexdigit() && !b.is_ascii_uppercase();
                assert!(digits.len() == 24 && digits.bytes().all(lower), "{name}");
                format!("@.{code}")
            }
            None => name,
        };
        Some(format!("{:04o} {shape} {}", found.permissions().mode() & 0o7777, found.len()))
    };
    names(dir).into_iter().filter_map(show).collect()
}

pub(crate) fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Makes a file with this mode and content.
pub(crate) fn make(path: impl AsRef<Path>, mode: u32, content: &str) {
    fs::write(&path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs a tool of the system with success.
pub(crate) fn system(words: &[impl AsRef<OsStr>]) {
    let mut command = Command::new(&words[0]);
    assert!(command.args(&words[1..]).status().unwrap().success());
}

/// Lines that count, each of `len` bytes.
pub(crate) fn counted(from: usize, to: usize, len: usize) -> String {
    let mut lines = String::new();
    for number in from..to {
        writeln!(lines, "{number:0width$}", width = len - 1).unwrap();
    }
    lines
}
