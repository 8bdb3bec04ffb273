//! The broken example is broken in the way it says: it ends, and what it started lives on.

#[path = "../examples/demo/marked.rs"]
mod marked;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const EXAMPLE: &str = "service-examples/backgrounds-itself";

/// The processes that a run of the example left, which end with this value.
struct Left {
    marker: String,
}

impl Left {
    /// Runs the example to its end, with programs from `path` only.
    fn by_run(name: &str, path: &Path) -> Self {
        let value = format!("{name}-{}", std::process::id());
        let run = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE).join("run");
        let mut command = Command::new(run);
        command.env("PATH", path).env("KEEPUP_TEST", &value).stdin(Stdio::null());
        let left = Self { marker: format!("KEEPUP_TEST={value}") };
        let output = command.output().expect("the example can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("in the background"), "{output:?}");
        left
    }

    fn processes(&self) -> Vec<u32> {
        marked::processes(&self.marker).expect("/proc can be read")
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let ended = marked::send("KILL", &self.processes());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

/// The session of a process.
fn session(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(3)?.parse().ok()
}

/// Waits until what the example left is one process for which `holds`.
#[track_caller]
fn soon_one(left: &Left, holds: impl Fn(u32) -> bool) {
    let given_up = Instant::now() + Duration::from_mins(1);
    loop {
        let processes = left.processes();
        if processes.len() == 1 && processes.iter().all(|pid| holds(*pid)) {
            return;
        }
        assert!(Instant::now() < given_up, "{processes:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_ends_and_leaves_a_process_in_a_session_of_its_own() {
    let left = Left::by_run("with-setsid", Path::new("/usr/bin:/bin"));
    soon_one(&left, |pid| session(pid).is_some_and(|session| session == pid));
}

#[test]
fn it_leaves_a_process_where_there_is_no_setsid_too() {
    let bin = tempfile::tempdir().unwrap();
    let sleep = ["/bin/sleep", "/usr/bin/sleep"].map(PathBuf::from);
    let sleep = sleep.iter().find(|path| path.exists()).unwrap();
    std::os::unix::fs::symlink(sleep, bin.path().join("sleep")).unwrap();
    let left = Left::by_run("without-setsid", bin.path());
    soon_one(&left, |pid| session(pid).is_some_and(|session| session != pid));
}
