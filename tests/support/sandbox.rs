//! A directory of its own for each test, and the processes started in it.
//!
//! Each process carries `KEEPUP_TEST=<id of the sandbox>` in its environment. When the sandbox
//! goes, its daemons are ended as an operator would; what is left then is killed, and is a failure.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use sys::process::Process;
use sys::seccomp::Filter;
use tempfile::TempDir;

use super::service::{REST, Service};
use super::suite::{OURS_ONLY, PROGRAMS, Pair, Suite};
use super::{DEADLINE, EXPECTED, WATCH, comes_true, proc};

/// Held while a child is forked and while an executable file is written (see
/// `Service::executable`). A panic elsewhere poisons nothing of it.
pub(crate) static FORKING: parking::Lock = parking::Lock(Mutex::new(()));

mod parking {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    pub(crate) struct Lock(pub(super) Mutex<()>);

    impl Lock {
        pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

/// How long what was told to end may take until it has, or another process of it has: theirs is
/// deaf for a second after each start.
const GRACE: Duration = Duration::from_mins(1);

/// How deep service directories lie in a sandbox: scan directory, service, log.
const DEPTH: u32 = 4;

/// What a program that has ended left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Its exit code; 128 + signal as the shell says it.
    pub(crate) code: i32,
    /// What it wrote to standard output.
    pub(crate) out: Vec<u8>,
    /// What it wrote to standard error.
    pub(crate) err: Vec<u8>,
}

impl Ran {
    /// Fails unless it ended and spoke exactly so.
    pub(crate) fn is(&self, code: i32, out: &str, err: &str) {
        assert_eq!((self.code, self.text(), self.complaint()), (code, out.into(), err.into()));
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub(crate) fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }
}

/// A daemon that was started; the sandbox keeps what belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Daemon {
    index: usize,
    /// Its pid.
    pub(crate) pid: u32,
}

/// A test's own directory and processes.
pub(crate) struct Sandbox {
    root: TempDir,
    mark: String,
    pair: Pair,
    daemons: RefCell<Vec<Child>>,
    count: Cell<u32>,
}

impl Sandbox {
    pub(crate) fn new(pair: Pair) -> Self {
        let root = tempfile::Builder::new().prefix("keepup-test-").tempdir().unwrap();
        let unique = root.path().file_name().unwrap_or_default().to_string_lossy();
        let mark = format!("KEEPUP_TEST={unique}-{}", std::process::id());
        fs::create_dir(root.path().join(".out")).unwrap();
        fs::create_dir(root.path().join(".bin")).unwrap();
        for name in PROGRAMS.into_iter().chain(OURS_ONLY) {
            let link = root.path().join(".bin").join(name);
            std::os::unix::fs::symlink(program(), link).unwrap();
        }
        Self { root, mark, pair, daemons: RefCell::default(), count: Cell::new(0) }
    }

    /// Marks the rest of the test as not yet true for ours: there it must fail.
    pub(crate) fn expect_failure_on_ours(&self, reason: &'static str) {
        if self.pair.involves(Suite::Ours) {
            EXPECTED.set(Some(reason));
        }
    }

    pub(crate) fn pair(&self) -> Pair {
        self.pair
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// An empty service directory.
    pub(crate) fn service(&self, name: &str) -> Service {
        Service::make(self.root.path(), name)
    }

    /// A service whose `./run` is this shell script.
    pub(crate) fn running(&self, name: &str, script: &str) -> Service {
        let service = self.service(name);
        service.script(script);
        service
    }

    /// A service that does nothing for a long time.
    pub(crate) fn resting(&self, name: &str) -> Service {
        self.running(name, REST)
    }

    /// A link to a service in the scan directory `scan`.
    pub(crate) fn link(&self, service: &Service, name: &str) {
        let scan = self.path("scan");
        fs::create_dir_all(&scan).unwrap();
        std::os::unix::fs::symlink(service.path(""), scan.join(name)).unwrap();
    }

    pub(crate) fn make_fifo(&self, path: &Path) {
        let made = self.finish(self.command(self.pair.tools, "mkfifo".as_ref()).arg(path));
        made.is(0, "", "");
    }

    /// Runs a tool and waits for its end.
    pub(crate) fn tool<A: AsRef<OsStr>>(&self, name: &str, args: &[A]) -> Ran {
        self.finish(self.tool_command(name).args(args))
    }

    /// Runs a tool of a certain suite, whatever this sandbox is for.
    pub(crate) fn tool_of<A: AsRef<OsStr>>(&self, suite: Suite, name: &str, args: &[A]) -> Ran {
        let program = suite.bin(self.root.path()).join(name);
        self.finish(self.command(suite, program.as_ref()).args(args))
    }

    /// The command that runs a tool in the sandbox's directory.
    pub(crate) fn tool_command(&self, name: &str) -> Command {
        let program = self.pair.tools.bin(self.root.path()).join(name);
        self.command(self.pair.tools, program.as_ref())
    }

    /// Runs a shell script that finds the tools by its PATH.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        self.finish(self.command(self.pair.tools, "/bin/sh".as_ref()).args(["-c", script]))
    }

    /// svc, which must have nothing to say.
    pub(crate) fn svc(&self, letters: &str, service: &Service) {
        self.tool("svc", &[letters, service.name()]).is(0, "", "");
    }

    /// A program in the sandbox's directory, with its mark and no signal ignored: a test that was
    /// started by nohup or as a shell's background job has HUP or INT ignored, and so all below it.
    fn command(&self, suite: Suite, program: &OsStr) -> Command {
        let (name, value) = self.mark.split_once('=').expect("a mark is NAME=value");
        let mut command = Command::new("env");
        command
            .args(["--default-signal".as_ref(), program])
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", suite.bin(self.root.path()).display()))
            .env(name, value)
            .stdin(Stdio::null());
        command
    }

    fn output(&self, name: &str) -> PathBuf {
        self.path(&format!(".out/{name}"))
    }

    /// Runs `command` to its end; what it writes goes to files, so that nothing makes it wait.
    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        let count = self.count.replace(self.count.get() + 1);
        let (out, err) =
            (self.output(&format!("{count}.out")), self.output(&format!("{count}.err")));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let code = code_of(command);
        Ran { code, out: fs::read(out).unwrap(), err: fs::read(err).unwrap() }
    }

    /// Starts a daemon. Its output is kept for [`Sandbox::said`].
    pub(crate) fn daemon<A: AsRef<OsStr>>(&self, name: &str, args: &[A]) -> Daemon {
        let program = self.pair.daemon.bin(self.root.path()).join(name);
        let mut command = self.command(self.pair.daemon, program.as_ref());
        self.start(command.args(args))
    }

    /// Starts a daemon of a certain suite, whatever this sandbox is for. A test that mixes them
    /// ends what it has started itself.
    pub(crate) fn daemon_of<A: AsRef<OsStr>>(
        &self,
        suite: Suite,
        name: &str,
        args: &[A],
    ) -> Daemon {
        let program = suite.bin(self.root.path()).join(name);
        self.start(self.command(suite, program.as_ref()).args(args))
    }

    /// Starts a daemon in a world without some system calls.
    pub(crate) fn daemon_under<A: AsRef<OsStr>>(
        &self,
        filter: &Filter,
        name: &str,
        args: &[A],
    ) -> Daemon {
        let program = self.pair.daemon.bin(self.root.path()).join(name);
        let mut command = self.command(self.pair.daemon, program.as_ref());
        self.start(filter.put_on_child(command.args(args)))
    }

    /// Starts a shell script that becomes a daemon (`umask 022; exec supervise x`).
    pub(crate) fn daemon_by_shell(&self, script: &str) -> Daemon {
        self.start(self.command(self.pair.daemon, "/bin/sh".as_ref()).args(["-c", script]))
    }

    /// Starts a daemon whose standard error goes elsewhere.
    pub(crate) fn daemon_telling<A: AsRef<OsStr>>(
        &self,
        stderr: impl Into<Stdio>,
        name: &str,
        args: &[A],
    ) -> Daemon {
        let program = self.pair.daemon.bin(self.root.path()).join(name);
        let mut command = self.command(self.pair.daemon, program.as_ref());
        self.start_telling(command.args(args), stderr.into())
    }

    /// Starts a daemon from a [`Sandbox::tool_command`].
    pub(crate) fn start(&self, command: &mut Command) -> Daemon {
        let index = self.daemons.borrow().len();
        let stderr = File::create(self.output(&format!("daemon{index}.err"))).unwrap();
        self.start_telling(command, stderr.into())
    }

    fn start_telling(&self, command: &mut Command, stderr: Stdio) -> Daemon {
        let index = self.daemons.borrow().len();
        command.stdout(File::create(self.output(&format!("daemon{index}.out"))).unwrap());
        command.stderr(stderr);
        let child = spawn(command);
        let pid = child.id();
        self.daemons.borrow_mut().push(child);
        Daemon { index, pid }
    }

    /// Kills a daemon, as no operator should.
    pub(crate) fn kill(&self, daemon: Daemon) {
        self.daemons.borrow_mut()[daemon.index].kill().unwrap();
    }

    /// Starts supervise and waits until it is there.
    pub(crate) fn supervise(&self, service: &Service) -> Daemon {
        let daemon = self.daemon("supervise", &[service.name()]);
        self.wait_until("supervise runs", || service.is_supervised());
        daemon
    }

    /// Starts supervise and waits until the service is up.
    pub(crate) fn supervise_up(&self, service: &Service) -> Daemon {
        let daemon = self.supervise(service);
        self.wait_until("the service is up", || service.pid() != 0);
        daemon
    }

    /// Starts svscan on the directory `scan`.
    pub(crate) fn svscan(&self) -> Daemon {
        fs::create_dir_all(self.path("scan")).unwrap();
        self.daemon("svscan", &["scan"])
    }

    /// What a daemon and its services have written to standard error.
    pub(crate) fn said(&self, daemon: Daemon) -> String {
        read_lossy(&self.output(&format!("daemon{}.err", daemon.index)))
    }

    /// What a daemon and its services have written to standard output.
    pub(crate) fn printed(&self, daemon: Daemon) -> String {
        read_lossy(&self.output(&format!("daemon{}.out", daemon.index)))
    }

    /// The exit code of a daemon that has ended.
    pub(crate) fn ended(&self, daemon: Daemon) -> Option<i32> {
        self.daemons.borrow_mut()[daemon.index].try_wait().unwrap().map(code)
    }

    /// Waits for the end of a daemon: its exit code.
    pub(crate) fn end_of(&self, daemon: Daemon) -> i32 {
        self.wait_until("the daemon has ended", || self.ended(daemon).is_some());
        self.ended(daemon).unwrap_or(-1)
    }

    /// Waits for a condition; fails with all that the daemons have said when it does not come.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl FnMut() -> bool) {
        let came = comes_true(DEADLINE, holds);
        assert!(came, "waited in vain until {what}; the daemons said: {:?}", self.all_said());
    }

    /// Watches that something stays as it is.
    #[track_caller]
    pub(crate) fn stays(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let ceased = comes_true(WATCH, || !holds());
        assert!(!ceased, "not for long: {what}; the daemons said: {:?}", self.all_said());
    }

    /// How many processes run here.
    pub(crate) fn processes(&self) -> usize {
        proc::marked(&self.mark).len()
    }

    fn all_said(&self) -> String {
        let daemons = self.daemons.borrow().len();
        (0..daemons).map(|index| self.said(Daemon { index, pid: 0 })).collect()
    }

    /// Ends what runs here as its operator would.
    fn end(&self) {
        let own = self.pair.daemon == Suite::Ours;
        for child in self.daemons.borrow_mut().iter_mut() {
            // Theirs would not stop anything at SIGTERM, but svscan has to go first: it would
            // restart each supervise that leaves.
            let is_svscan = proc::describe(child.id()).contains("svscan");
            if (own || is_svscan) && matches!(child.try_wait(), Ok(None)) {
                let _ = Process::open(child.id()).and_then(|it| it.signal(libc::SIGTERM));
            }
        }
        if !own {
            let dirs = supervised(self.root.path(), DEPTH);
            let svc = self.pair.daemon.bin(self.root.path()).join("svc");
            let mut svc = self.command(self.pair.daemon, svc.as_ref());
            end_in_time(svc.arg("-dx").args(dirs).stdout(Stdio::null()).stderr(Stdio::null()));
        }
        let mut left = self.processes();
        while comes_true(GRACE, || self.all_ended() || self.processes() < left) && left > 0 {
            left = self.processes();
        }
    }

    fn all_ended(&self) -> bool {
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        self.daemons.borrow_mut().iter_mut().all(ended) && proc::marked(&self.mark).is_empty()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !self.all_ended() {
            self.end();
        }
        let left: Vec<String> = proc::marked(&self.mark).into_iter().map(proc::describe).collect();
        let gone = proc::kill_marked(&self.mark);
        for child in self.daemons.borrow_mut().iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // A daemon that was killed has left its control groups.
        for dir in supervised(self.root.path(), DEPTH) {
            if let Ok(group) = fs::read_link(dir.join("supervise/cgroup")) {
                let _ = fs::remove_dir(group);
            }
        }
        if !std::thread::panicking() {
            assert!(gone, "these cannot be killed: {left:?}");
            assert!(left.is_empty(), "these were left and had to be killed: {left:?}");
        }
    }
}

/// What is tried: `$KEEPUP_PROGRAM`, say the one that is installed, or what was just built.
fn program() -> PathBuf {
    let other = std::env::var_os("KEEPUP_PROGRAM");
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_keepup").into()).into()
}

fn spawn(command: &mut Command) -> Child {
    let _forking = FORKING.lock();
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command to its end, with the output its caller has given it: its exit code.
pub(crate) fn code_of(command: &mut Command) -> i32 {
    end_in_time(command).unwrap_or_else(|| panic!("{command:?} does not end"))
}

/// The exit code of `command`; `None` where it had to be killed at the deadline.
fn end_in_time(command: &mut Command) -> Option<i32> {
    let mut child = spawn(command);
    let mut ended = None;
    comes_true(DEADLINE, || {
        ended = child.try_wait().unwrap_or_default();
        ended.is_some()
    });
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    ended.map(code)
}

fn code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The directories below `dir` that a supervise has run in.
fn supervised(dir: &Path, depth: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if dir.join("supervise/control").exists() {
        found.push(dir.to_owned());
    }
    if depth > 0 {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(supervised(&entry.path(), depth - 1));
            }
        }
    }
    found
}
