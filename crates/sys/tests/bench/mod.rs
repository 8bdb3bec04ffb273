//! What the tests of `spawn` share: a directory with a program in it, and a way to start it.
//!
//! The tests of one file are threads of one process: they share its children, its descriptors and
//! its limits, and a script that is open for writing while another thread forks cannot be executed
//! (ETXTBSY). So they take turns, and the files are small.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::{CStr, CString};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use sys::mapped::Birth;
use sys::spawn::{self, Failed, Identity, Plan, Settled, Spawner, Started, Step};
use tempfile::TempDir;

/// How long a test waits for what must happen, on however busy a machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// How a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// We sleep until it runs.
    Borrowed,
    /// We go on, and settle it at once.
    Ahead,
    /// We do not wait.
    Apart,
}

/// All ways to start a program.
pub(crate) const WAYS: [Way; 3] = [Way::Borrowed, Way::Ahead, Way::Apart];

/// What every program here is called.
pub(crate) const RUN: &CStr = c"./run";
pub(crate) const MARKER: &CStr = c"KEEPUP_SERVICE=a:b";

/// Held by the test whose turn it is.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `holds`.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A directory, and a spawner that gives its programs an empty signal mask.
pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) spawner: Spawner,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, spawner: Spawner::new(SigSet::empty()).unwrap() }
    }

    /// A bench whose ./run is this shell script.
    pub(crate) fn with_script(script: &str) -> Self {
        let bench = Self::new();
        bench.program(&format!("#!/bin/sh\n{script}\n"), 0o755);
        bench
    }

    pub(crate) fn program(&self, text: &str, mode: u32) {
        fs::write(self.path("run"), text).unwrap();
        fs::set_permissions(self.path("run"), Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Whoever executes ./run waits until the file is [`let_go`]; `None`, and said, where that
    /// cannot be.
    pub(crate) fn hold_run(&self) -> Option<File> {
        let run = File::open(self.path("run")).unwrap();
        let held = take_lease(&run, libc::F_WRLCK);
        held.inspect_err(|error| eprintln!("SKIPPED: this file system has no leases: {error}"))
            .ok()
            .map(|()| run)
    }

    /// The directory as a step takes it.
    pub(crate) fn here(&self) -> (CString, Identity) {
        (c_path(self.dir.path()), identity(self.dir.path()))
    }

    /// Enters the directory, takes `steps`, executes ./run and waits for its end.
    pub(crate) fn run(&mut self, way: Way, steps: &[Step]) -> Result<WaitStatus, Failed> {
        let (dir, known) = self.here();
        let mut all = vec![Step::Enter(dir.into(), known)];
        all.extend_from_slice(steps);
        self.run_steps(way, &all)
    }

    /// Takes `steps`, executes ./run and waits for its end.
    pub(crate) fn run_steps(&mut self, way: Way, steps: &[Step]) -> Result<WaitStatus, Failed> {
        end(self.start(way, steps, None)?)
    }

    /// Takes `steps` and executes ./run.
    pub(crate) fn start(
        &mut self,
        way: Way,
        steps: &[Step],
        birth: Option<Birth<'_>>,
    ) -> Result<Started, Failed> {
        let way = match way {
            Way::Borrowed => spawn::Way::Borrowed,
            Way::Apart => spawn::Way::Apart,
            Way::Ahead => {
                let ahead = self.spawner.start_ahead(plan(steps), birth);
                return match self.spawner.settle(ahead.expect("here it can be done")) {
                    Settled::Runs(pid) => Ok(Started::Runs(pid)),
                    Settled::Failed(failed) => Err(failed),
                    Settled::TryAgain => panic!("it was killed"),
                };
            }
        };
        self.spawner.start(plan(steps), birth, way)
    }

    /// As [`Bench::run`]; it must end with exit code 0.
    #[track_caller]
    pub(crate) fn succeeds(&mut self, way: Way, steps: &[Step]) {
        let ended = self.run(way, steps).unwrap_or_else(|failed| panic!("{way:?}: {failed:?}"));
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{way:?}: {ended:?}");
    }
}

/// Takes `steps` and executes ./run.
pub(crate) fn plan(steps: &[Step]) -> Plan {
    Plan { steps: steps.to_vec(), argv: vec![RUN.into()], marker: MARKER.into() }
}

/// Waits for the end of what was started: how it ended, or why it never became its program.
pub(crate) fn end(started: Started) -> Result<WaitStatus, Failed> {
    let (pid, verdict) = match started {
        Started::Runs(pid) => (pid, None),
        Started::Forked(pid, verdict) => (pid, Some(verdict)),
    };
    let ended = waitpid(Pid::from_raw(pid.cast_signed()), None).unwrap();
    match verdict.and_then(sys::spawn::Verdict::read) {
        None => Ok(ended),
        Some(failed) => {
            assert!(matches!(ended, WaitStatus::Exited(_, 111)), "{ended:?}");
            Err(failed)
        }
    }
}

pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

pub(crate) fn identity(path: &Path) -> Identity {
    let meta = fs::metadata(path).unwrap();
    Identity { dev: meta.dev(), ino: meta.ino() }
}

/// How many descriptors this process has.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Which signal says that somebody waits (asm-generic/fcntl.h; libc has it not).
const F_SETSIG: libc::c_int = 10;

/// Takes a lease on a file of ours: whoever opens it waits until we give it back.
fn take_lease(file: &File, kind: libc::c_int) -> std::io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // The signal that says so would end us, were it not this one, which is ignored.
    // SAFETY: takes numbers; the descriptor is open as long as `file`.
    unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) };
    // SAFETY: as above.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) };
    if done < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives back what [`Bench::hold_run`] has taken.
pub(crate) fn let_go(run: &File) {
    take_lease(run, libc::F_UNLCK).unwrap();
}
