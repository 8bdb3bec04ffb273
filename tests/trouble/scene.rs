//! A scan directory, service directories and a running svscan, that end with the test.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::{Status, layout};
use sys::{child, signals};
use tempfile::TempDir;

/// How long a test waits for what must happen, on however busy a machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// The program under test.
pub(crate) const KEEPUP: &str = env!("CARGO_BIN_EXE_keepup");

/// A ./run that does nothing for a long time.
pub(crate) const REST: &str = "exec sleep 1000000";

/// Held while a program is written and while a child is forked: a child has a copy of what is open
/// for writing until it executes, and what is open for writing cannot be executed.
fn forking() -> MutexGuard<'static, ()> {
    static FORKING: Mutex<()> = Mutex::new(());
    FORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn spawn(command: &mut Command) -> Child {
    let _forking = forking();
    command.spawn().unwrap()
}

/// A shell script that becomes svscan: `ulimit -n 40; exec "$0" svscan scan`.
pub(crate) const SVSCAN: &str = "exec \"$0\" svscan --grace 5s scan";

/// The directories, and svscan once it was started.
pub(crate) struct Scene {
    dir: TempDir,
    svscan: Option<Child>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("keepup-trouble-").tempdir().unwrap();
        fs::create_dir(dir.path().join("scan")).unwrap();
        Self { dir, svscan: None }
    }

    /// A scene in which svscan runs these services, all up.
    pub(crate) fn with(services: &[(&str, &str)]) -> Self {
        let mut scene = Self::new();
        for (name, script) in services {
            scene.service(name, script);
            if !name.contains('/') {
                scene.link(name, name);
            }
        }
        scene.start();
        for (name, _) in services {
            scene.wait_until("it is up", || scene.pid(name) != 0);
        }
        scene
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a service directory with this script as its ./run.
    pub(crate) fn service(&self, name: &str, script: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        let _forking = forking();
        let new = self.path(name).join("run.new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path(name).join("run")).unwrap();
    }

    /// Links a service directory into the scan directory.
    pub(crate) fn link(&self, service: &str, name: &str) {
        symlink(self.path(service), self.path("scan").join(name)).unwrap();
    }

    pub(crate) fn unlink(&self, name: &str) {
        fs::remove_file(self.path("scan").join(name)).unwrap();
    }

    pub(crate) fn start(&mut self) {
        self.start_by(SVSCAN);
    }

    /// Starts svscan by a shell script that becomes it; its standard error goes to a file.
    pub(crate) fn start_by(&mut self, script: &str) {
        let said = File::create(self.path("said")).unwrap();
        self.start_with(script, said.into());
    }

    pub(crate) fn start_with(&mut self, script: &str, stderr: Stdio) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, KEEPUP]).current_dir(self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        self.svscan = Some(spawn(&mut command));
    }

    /// What svscan has said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    /// How many lines of it hold these words.
    pub(crate) fn times_said(&self, words: &str) -> usize {
        self.said().lines().filter(|line| line.contains(words)).count()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The pid in the status of a service; 0 = down, or no status.
    pub(crate) fn pid(&self, service: &str) -> u32 {
        let bytes = fs::read(self.path(service).join(layout::STATUS)).unwrap_or_default();
        Status::decode(&bytes).map_or(0, |status| status.pid)
    }

    /// Whether its supervise is there, as svok finds out.
    pub(crate) fn is_supervised(&self, service: &str) -> bool {
        sys::fifo::open_writer(&self.path(service).join(layout::OK)).is_ok()
    }

    /// Writes letters to a service, as svc does.
    pub(crate) fn svc(&self, letters: &str, service: &str) {
        let control = self.path(service).join(layout::CONTROL);
        sys::fifo::open_writer(&control).unwrap().write_all(letters.as_bytes()).unwrap();
    }

    /// How many descriptors svscan has.
    pub(crate) fn descriptors(&self) -> usize {
        let pid = self.svscan.as_ref().map_or(0, Child::id);
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < DEADLINE, "waited in vain until {what}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Tells svscan to end; `None` where it does not.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        let mut svscan = self.svscan.take()?;
        let _ = child::signal(svscan.id(), signals::TERM);
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Ok(Some(status)) = svscan.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = svscan.kill();
        let _ = svscan.wait();
        None
    }

    /// Processes with a working directory in ours: what a svscan that failed has left.
    fn left(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let here = |pid: &u32| {
            fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.dir.path()))
        };
        pids.filter(here).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let running = self.svscan.is_some();
        let stopped = self.stop();
        let left = self.left();
        for pid in &left {
            let _ = child::signal(*pid, signals::KILL);
        }
        if !std::thread::panicking() {
            assert!(!running || stopped.is_some_and(|status| status.success()), "{stopped:?}");
            assert!(left.is_empty(), "svscan has left {left:?}: {}", self.said());
        }
    }
}
