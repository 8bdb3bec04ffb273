//! What the tests of `spawn` share: a directory with a program in it, and a way to start it.
//!
//! The tests of one file are threads of one process: they share its children, its descriptors and
//! its limits, and a script that is open for writing while another thread forks cannot be executed
//! (ETXTBSY). So they take turns, and the files are small.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::{CStr, CString};
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use sys::spawn::{Failed, Identity, Plan, Spawner, Started, Step, Way};
use tempfile::TempDir;

/// How long a test waits for what must happen, on however busy a machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Both ways to start a program.
pub(crate) const WAYS: [Way; 2] = [Way::Borrowed, Way::Apart];

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

    /// The directory as a step takes it.
    pub(crate) fn here(&self) -> (CString, Identity) {
        (c_path(self.dir.path()), identity(self.dir.path()))
    }

    /// Enters the directory, takes `steps`, executes ./run and waits for its end.
    pub(crate) fn run(&mut self, way: Way, steps: &[Step<'_>]) -> Result<WaitStatus, Failed> {
        let (dir, known) = self.here();
        let mut all = vec![Step::Enter(&dir, known)];
        all.extend_from_slice(steps);
        self.run_steps(way, &all)
    }

    /// Takes `steps`, executes ./run and waits for its end.
    pub(crate) fn run_steps(&mut self, way: Way, steps: &[Step<'_>]) -> Result<WaitStatus, Failed> {
        end(self.spawner.start(&Plan { steps, argv: &[RUN], marker: MARKER, birth: None }, way)?)
    }

    /// As [`Bench::run`]; it must end with exit code 0.
    #[track_caller]
    pub(crate) fn succeeds(&mut self, way: Way, steps: &[Step<'_>]) {
        let ended = self.run(way, steps).unwrap_or_else(|failed| panic!("{way:?}: {failed:?}"));
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{way:?}: {ended:?}");
    }
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
