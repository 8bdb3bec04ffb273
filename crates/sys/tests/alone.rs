//! Signals, ended children and limits belong to a process, not to a thread: the test harness's
//! other threads would take them. So this test is a process with one thread, and its tests follow
//! one another.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, raise};
use sys::child::{self, Ended};
use sys::signals::{self, Signals};

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("sigpipe_is_known_as_it_was_given", sigpipe_is_known_as_it_was_given),
    ("signals_are_read_each_once_and_the_mask_before_is_known", signals_are_read_each_once),
    ("one_sigchld_may_stand_for_many_ends", one_sigchld_may_stand_for_many_ends),
    ("ends_are_heard_where_sigchld_was_ignored", ends_are_heard_where_sigchld_was_ignored),
    ("an_end_by_a_real_time_signal_is_an_end", an_end_by_a_real_time_signal_is_an_end),
    ("every_exit_code_is_told", every_exit_code_is_told),
    ("an_orphan_comes_to_the_subreaper", an_orphan_comes_to_the_subreaper),
    ("only_a_child_is_signalled", only_a_child_is_signalled),
    ("the_limit_of_open_files_is_raised", the_limit_of_open_files_is_raised),
];

/// Set for the children that say how they were given SIGPIPE.
const SAY_SIGPIPE: &str = "SYS_TEST_SAY_SIGPIPE";

/// Understands what `cargo test` and nextest say to a harness: `--list`, and a name.
fn main() -> ExitCode {
    if std::env::var_os(SAY_SIGPIPE).is_some() {
        print!("{}", sys::entry::sigpipe_was_ignored());
        return ExitCode::SUCCESS;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let list = args.iter().any(|arg| arg == "--list");
    let named: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let ignored = args.iter().any(|arg| arg == "--ignored");
    for (name, test) in TESTS.iter().filter(|_| !ignored) {
        if list {
            println!("{name}: test");
        } else if named.is_empty() || named.iter().any(|part| name.contains(part.as_str())) {
            print!("test {name} ... ");
            let _ = std::io::stdout().flush();
            test();
            println!("ok");
        }
    }
    ExitCode::SUCCESS
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts a shell script whose end is left to be reaped.
fn shell(script: &str) -> u32 {
    Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).spawn().unwrap().id()
}

/// Whether it has ended and was not reaped.
fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Reaps so many children, however long they take.
fn reap_all(count: usize) -> BTreeMap<u32, Ended> {
    let mut ends = BTreeMap::new();
    wait_until("all have ended", || {
        ends.extend(std::iter::from_fn(|| child::reap().unwrap()));
        ends.len() >= count
    });
    assert_eq!(child::reap().unwrap(), None, "no child is left");
    assert!(!child::any_left());
    ends
}

fn sigpipe_is_known_as_it_was_given() {
    let me = std::env::current_exe().unwrap();
    for (trap, was) in [("trap '' PIPE", "true"), ("trap - PIPE", "false")] {
        let script = format!("{trap}; exec \"$0\"");
        let mut command = Command::new("/bin/sh");
        let said = command.arg("-c").arg(script).arg(&me).env(SAY_SIGPIPE, "1").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), was, "{trap}");
    }
}

fn signals_are_read_each_once() {
    let before = SigSet::thread_get_mask().unwrap();
    let signals = Signals::listen(None).unwrap();
    assert_eq!(signals.original_mask(), before);
    assert_eq!(signals.next().unwrap(), None);
    let heard = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGALRM, Signal::SIGQUIT];
    for signal in heard {
        for _ in 0..3 {
            raise(signal).unwrap();
        }
    }
    let numbers: Vec<i32> = std::iter::from_fn(|| signals.next().unwrap()).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [signals::HUP, signals::INT, signals::QUIT, signals::ALRM, signals::TERM],
        "{numbers:?}"
    );
    before.thread_set_mask().unwrap();
}

fn one_sigchld_may_stand_for_many_ends() {
    let before = SigSet::thread_get_mask().unwrap();
    let signals = Signals::listen(None).unwrap();
    let pids: Vec<u32> = (0..50).map(|code| shell(&format!("exit {code}"))).collect();
    wait_until("all have ended", || pids.iter().all(|pid| is_zombie(*pid)));
    assert!(child::any_left(), "an ended child is one that is left");
    assert_eq!(signals.next().unwrap(), Some(signals::CHLD));
    assert_eq!(signals.next().unwrap(), None, "50 ends, one signal");
    let ends = reap_all(50);
    let codes: BTreeMap<u32, Ended> = pids.into_iter().zip((0..).map(Ended::Exited)).collect();
    assert_eq!(ends, codes);
    before.thread_set_mask().unwrap();
}

fn ends_are_heard_where_sigchld_was_ignored() {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let before = SigSet::thread_get_mask().unwrap();
    let signals = Signals::listen(None).unwrap();
    let pid = shell("exit 3");
    let mut heard = None;
    wait_until("the end is heard", || {
        heard = signals.next().unwrap();
        heard.is_some()
    });
    assert_eq!(heard, Some(signals::CHLD));
    assert_eq!(reap_all(1), BTreeMap::from([(pid, Ended::Exited(3))]));
    before.thread_set_mask().unwrap();
}

fn an_end_by_a_real_time_signal_is_an_end() {
    let numbers = [libc::SIGKILL, libc::SIGRTMIN(), libc::SIGRTMAX()];
    let ends: BTreeMap<u32, Ended> = numbers
        .map(|number| (shell(&format!("kill -{number} $$")), Ended::Signalled(number)))
        .into();
    assert_eq!(reap_all(3), ends);
}

fn every_exit_code_is_told() {
    let codes = [0, 1, 100, 111, 127, 128, 255];
    let ends = codes.map(|code| (shell(&format!("exit {code}")), Ended::Exited(code)));
    assert_eq!(reap_all(codes.len()), BTreeMap::from(ends));
}

fn an_orphan_comes_to_the_subreaper() {
    child::become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (pid_file, go) = (dir.path().join("pid"), dir.path().join("go"));
    let wait = format!("until [ -e {} ]; do sleep 0.01; done; exit 7", go.display());
    let parent = shell(&format!("sh -c '{wait}' & echo $! >{}", pid_file.display()));
    let mut reaped = None;
    wait_until("the parent has ended", || {
        reaped = child::reap().unwrap();
        reaped.is_some()
    });
    assert_eq!(reaped, Some((parent, Ended::Exited(0))));
    let orphan: u32 = fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    assert_eq!(child::list().unwrap(), [orphan]);
    assert!(child::any_left());
    assert_eq!(child::reap().unwrap(), None, "it has not ended");
    fs::write(go, "").unwrap();
    assert_eq!(reap_all(1), BTreeMap::from([(orphan, Ended::Exited(7))]));
    assert_eq!(child::list().unwrap(), []);
}

fn only_a_child_is_signalled() {
    for (pid, number) in [(0, libc::SIGCONT), (1, libc::SIGCONT), (u32::MAX, libc::SIGCONT)] {
        let refused = child::signal(pid, number).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput, "{pid}");
    }
    let pid = shell("exec sleep 1000000");
    assert!(child::signal(pid, 0).is_err(), "0 is no signal");
    assert_eq!(child::reap().unwrap(), None);
    child::signal(pid, signals::TERM).unwrap();
    assert_eq!(reap_all(1), BTreeMap::from([(pid, Ended::Signalled(signals::TERM))]));
    let refused = child::signal(pid, signals::TERM).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ESRCH));
}

fn the_limit_of_open_files_is_raised() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 20, hard).unwrap();
    let before = sys::limits::raise_open_files().unwrap();
    assert_eq!((before.soft, before.hard), (20, hard));
    assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
}
