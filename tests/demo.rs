//! The demo shows what it promises, tells what goes wrong, and leaves nothing behind.

#[path = "../examples/demo/marked.rs"]
mod marked;

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// A demo that runs in a temporary directory of its own.
struct Demo {
    child: Child,
    marker: String,
    temporary: TempDir,
}

/// What a demo said, and how it ended.
struct Ended {
    status: ExitStatus,
    err: String,
}

impl Demo {
    /// Starts the demo with the programs in `binaries` and the examples of `sources`.
    fn start(name: &str, binaries: &Path, sources: &Path, arguments: &[&str]) -> Self {
        let _forking = forking();
        let temporary = tempfile::tempdir().expect("a directory can be made");
        let value = format!("{name}-{}", std::process::id());
        let child = Command::new(program())
            .args(arguments)
            .env("DEMO_BIN", binaries)
            .env("CARGO_MANIFEST_DIR", sources)
            .env("TMPDIR", temporary.path())
            .env("KEEPUP_TEST", &value)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the demo can be run");
        Self { child, marker: format!("KEEPUP_TEST={value}"), temporary }
    }

    /// Starts the demo with the programs of this build.
    fn real(name: &str, arguments: &[&str]) -> Self {
        let binaries = Path::new(env!("CARGO_BIN_EXE_keepup")).parent().expect("it is in one");
        Self::start(name, binaries, Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
    }

    /// Sends the demo a signal as soon as it has written `text`, and gives all up to there.
    fn signal_after(&mut self, text: &str, signal: &str) -> String {
        let mut out = BufReader::new(self.child.stdout.take().expect("it is a pipe"));
        let mut said = String::new();
        while !said.contains(text) {
            assert_ne!(out.read_line(&mut said).expect("it is text"), 0, "{said}");
        }
        marked::send(signal, &[self.child.id()]).expect("there is a shell");
        out.read_to_string(&mut said).expect("it is text");
        said
    }

    /// Waits for the end, and looks for what may have been left.
    fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut out).expect("it is text");
        }
        let mut stderr = self.child.stderr.take().expect("it is a pipe");
        stderr.read_to_string(&mut err).expect("it is text");
        let status = self.child.wait().expect("it is our child");
        let left = marked::processes(&self.marker).expect("/proc can be read");
        assert_eq!(left, [], "{out}\n{err}");
        let files: Vec<_> = fs::read_dir(self.temporary.path()).expect("it is there").collect();
        assert!(files.is_empty(), "{files:?}");
        Ended { status, err }
    }
}

impl Drop for Demo {
    /// A test that failed half-way leaves nothing either.
    fn drop(&mut self) {
        if let Ok(left) = marked::processes(&self.marker) {
            let _ = marked::send("KILL", &left);
        }
        let _ = self.child.wait();
    }
}

/// The demo, which `cargo test` has built.
fn program() -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_keepup")).parent().expect("it is in one");
    let program = directory.join("examples/demo");
    assert!(program.exists(), "run `cargo build --example demo` first");
    program
}

/// Held while a child is forked and while a program is written: a child that has the program open
/// for writing makes its execution fail (ETXTBSY).
fn forking() -> MutexGuard<'static, ()> {
    static FORKING: Mutex<()> = Mutex::new(());
    FORKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Programs and examples that only look like ours; `svscan` is the text of that script. Services
/// are up once it has made the file `$began`.
fn stand_ins(svscan: &str) -> TempDir {
    let root = tempfile::tempdir().expect("a directory can be made");
    let began = root.path().join("began");
    let script = format!(
        "#!/bin/sh\n\
         case $1 in --list) echo svscan; echo svstat; echo tai64nlocal; exit;; esac\n\
         began={began}\n\
         case ${{0##*/}} in\n\
         svscan) {svscan};;\n\
         svstat) until [ -e $began ]; do sleep 0.05; done\n\
         for service; do echo \"$service: up (pid 1) 2 seconds\"; done;;\n\
         tai64nlocal) cat;;\n\
         esac\n",
        began = began.display()
    );
    let _forking = forking();
    for name in ["keepup", "ntpd"] {
        fs::write(root.path().join(name), &script).expect("it can be written");
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(root.path().join(name), mode).expect("it is ours");
    }
    for name in ["ntp", "ntp-local-reference"] {
        let log = root.path().join("service-examples").join(name).join("log");
        fs::create_dir_all(log).expect("a directory can be made");
    }
    root
}

#[test]
fn a_svscan_that_ends_by_itself_is_told_with_its_last_words() {
    let fake = stand_ins("echo 'svscan: fatal: no luck' >&2; >$began; exit 3");
    let ended = Demo::start("ends", fake.path(), fake.path(), &["--seconds", "60"]).end();
    assert_eq!(ended.status.code(), Some(111), "{}", ended.err);
    assert!(ended.err.contains("svscan ended by itself: exit status: 3"), "{}", ended.err);
    assert!(ended.err.contains("svscan: fatal: no luck"), "{}", ended.err);
}

#[test]
fn what_svscan_leaves_is_ended_and_told() {
    let fake = stand_ins("sleep 601 & trap 'exit 0' TERM; >$began; while :; do sleep 1; done");
    let mut demo = Demo::start("leaves", fake.path(), fake.path(), &[]);
    let out = demo.signal_after("service/ntp/log: up (pid 1) 2 seconds", "INT");
    let ended = demo.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(out.contains("1 x sleep 601"), "{out}");
    assert!(!out.contains("svscan service"), "svscan itself is asked first: {out}");
    assert!(out.ends_with("demo: all is stopped and removed\n"), "{out}");
}

#[test]
fn a_wrong_command_line_is_refused() {
    for arguments in [["--seconds", "x"].as_slice(), &["--second", "1"], &["x"]] {
        let ended = Demo::real("usage", arguments).end();
        assert_eq!(ended.status.code(), Some(100), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains("usage: demo [--seconds n]"), "{}", ended.err);
    }
}

#[test]
fn the_demo_shows_services_that_are_up_and_a_clock_that_is_synchronised() {
    // It ends by itself, should it not come to that.
    let mut demo = Demo::real("shows", &["--seconds", "600"]);
    let out = demo.signal_after("synchronised", "TERM");
    for text in ["service/ntp: up (pid ", "service/ntp/log: up (pid "] {
        assert!(out.contains(text), "{text} is not in: {out}");
    }
    assert_eq!(demo.end().status.code(), Some(0), "{out}");
}

#[test]
fn ctrl_c_and_kill_end_the_demo_in_order() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut demo = Demo::real(signal, &[]);
        let out = demo.signal_after("service/ntp: up (pid ", signal);
        assert_eq!(demo.end().status.code(), Some(0), "{signal}: {out}");
        assert!(!out.contains("svscan had left"), "{signal}: {out}");
    }
}
