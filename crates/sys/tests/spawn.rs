//! What a child does on its way to its program, on a real kernel and both ways.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bench;

use std::fs;

use bench::{Bench, DEADLINE, MARKER, WAYS, c_path, identity, turn};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::WaitStatus;
use nix::unistd::{getpgrp, getsid};
use sys::limits::{self, Limit};
use sys::spawn::{Failed, Place, Spawner, Step};

fn failed(at: Place, errno: i32) -> Result<WaitStatus, Failed> {
    Err(Failed { at, errno })
}

#[test]
fn the_program_runs_in_the_directory_it_entered_with_itself_as_its_only_argument() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("echo \"$0 $#\" $(pwd -P) >out");
        let before = std::env::current_dir().unwrap();
        bench.succeeds(way, &[]);
        let place = bench.path("").canonicalize().unwrap();
        assert_eq!(bench.read("out"), format!("./run 0 {}\n", place.display()), "{way:?}");
        assert_eq!(std::env::current_dir().unwrap(), before, "ours stays");
    }
}

#[test]
fn a_directory_that_is_another_one_by_now_is_not_entered() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("echo wrong >out");
        fs::create_dir(bench.path("other")).unwrap();
        let known = identity(&bench.path("other"));
        let (dir, _) = bench.here();
        let ended = bench.run_steps(way, &[Step::Enter(dir.clone().into(), known)]);
        assert_eq!(ended, failed(Place::Enter, libc::ESTALE), "{way:?}");
        assert_eq!(bench.read("out"), "");
    }
}

#[test]
fn a_directory_that_is_missing_or_none_is_told() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("");
        let (_, known) = bench.here();
        for (name, errno) in [("missing", libc::ENOENT), ("run", libc::ENOTDIR)] {
            let dir = c_path(&bench.path(name));
            let ended = bench.run_steps(way, &[Step::Enter(dir.clone().into(), known)]);
            assert_eq!(ended, failed(Place::Enter, errno), "{way:?} {name}");
        }
    }
}

#[test]
fn a_program_that_cannot_be_executed_is_told() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::new();
        assert_eq!(bench.run(way, &[]), failed(Place::Exec, libc::ENOENT), "{way:?}: missing");
        bench.program("#!/bin/sh\n", 0o644);
        assert_eq!(bench.run(way, &[]), failed(Place::Exec, libc::EACCES), "{way:?}: chmod +x");
        bench.program("echo\n", 0o755);
        assert_eq!(bench.run(way, &[]), failed(Place::Exec, libc::ENOEXEC), "{way:?}: no #!");
        bench.program("#!/nowhere/sh\n", 0o755);
        assert_eq!(bench.run(way, &[]), failed(Place::Exec, libc::ENOENT), "{way:?}: no sh");
        bench.program("#!/bin/sh\nexit 7\n", 0o755);
        assert!(matches!(bench.run(way, &[]), Ok(WaitStatus::Exited(_, 7))), "{way:?}");
    }
}

#[test]
fn a_child_that_failed_is_no_zombie() {
    let _turn = turn();
    for way in WAYS {
        assert_eq!(Bench::new().run(way, &[]), failed(Place::Exec, libc::ENOENT));
        assert!(!sys::child::any_left(), "{way:?}");
    }
}

#[test]
fn a_session_of_its_own_is_had_where_it_is_asked_for() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("echo $$ $(cut -d' ' -f5,6 /proc/$$/stat) >out");
        bench.succeeds(way, &[Step::Session]);
        let out = bench.read("out");
        let ids: Vec<&str> = out.split_whitespace().collect();
        assert_eq!(ids[0], ids[1], "{way:?}: it leads its group");
        assert_eq!(ids[0], ids[2], "{way:?}: and its session");
        bench.succeeds(way, &[]);
        let (group, session) = (getpgrp(), getsid(None).unwrap());
        assert!(bench.read("out").ends_with(&format!(" {group} {session}\n")), "{way:?}: ours");
    }
}

#[test]
fn limits_of_open_files_are_the_programs_own() {
    let _turn = turn();
    let ours = limits::open_files().unwrap();
    for way in WAYS {
        let mut bench = Bench::with_script("ulimit -Sn >out; ulimit -Hn >>out");
        bench.succeeds(way, &[Step::Limit(Limit::OpenFiles, 77, 99)]);
        assert_eq!(bench.read("out"), "77\n99\n", "{way:?}");
        assert_eq!(limits::open_files().unwrap(), ours);
        let ended = bench.run(way, &[Step::Limit(Limit::OpenFiles, 99, 77)]);
        assert_eq!(ended, failed(Place::Setup, libc::EINVAL), "{way:?}");
    }
}

#[test]
fn the_mask_is_the_one_given_and_sigpipe_as_it_was() {
    let _turn = turn();
    assert!(!sys::entry::sigpipe_was_ignored(), "cargo starts tests so");
    let blocked = SigSet::from(Signal::SIGUSR1);
    blocked.thread_block().unwrap();
    for way in WAYS {
        let mut bench = Bench::new();
        bench.program(STATUS_TO_OUT, 0o755);
        bench.spawner = Spawner::new(SigSet::from(Signal::SIGUSR2)).unwrap();
        bench.succeeds(way, &[Step::Signals]);
        assert_eq!(signals(&bench.read("out"), "SigBlk"), bit(Signal::SIGUSR2), "{way:?}");
        assert_eq!(signals(&bench.read("out"), "SigIgn") & bit(Signal::SIGPIPE), 0, "{way:?}");
        let ours = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert_eq!(signals(&ours, "SigIgn") & bit(Signal::SIGPIPE), bit(Signal::SIGPIPE));
        assert_eq!(signals(&ours, "SigBlk"), bit(Signal::SIGUSR1), "ours stays");
    }
    blocked.thread_unblock().unwrap();
}

/// Not for a shell: dash empties its mask before it reads a word.
const STATUS_TO_OUT: &str = "#!/usr/bin/awk -f
BEGIN { while ((getline line < \"/proc/self/status\") > 0) print line >\"out\" }
";

/// The set of signals in a line of /proc/PID/status.
fn signals(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as u32 - 1)
}

#[test]
fn the_environment_is_ours_to_the_byte_and_the_marker() {
    let _turn = turn();
    for way in WAYS {
        let mut bench = Bench::with_script("tr '\\0' '\\n' </proc/$$/environ | sort >out");
        bench.succeeds(way, &[]);
        let ours = fs::read("/proc/self/environ").unwrap();
        let mut ours: Vec<&[u8]> = ours.split(|byte| *byte == 0 || *byte == b'\n').collect();
        ours.retain(|line| !line.is_empty());
        ours.push(MARKER.to_bytes());
        let out = fs::read(bench.path("out")).unwrap();
        let mut out: Vec<&[u8]> = out.split(|byte| *byte == b'\n').collect();
        out.retain(|line| !line.is_empty());
        ours.sort_unstable();
        out.sort_unstable();
        assert_eq!(out, ours, "{way:?}");
    }
}

#[test]
fn a_child_killed_on_its_way_has_ended_and_not_failed() {
    let _turn = turn();
    let before = std::time::Instant::now();
    for way in WAYS {
        let mut bench = Bench::with_script("kill -9 $$");
        let ended = bench.run(way, &[]);
        assert!(matches!(ended, Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _))), "{ended:?}");
    }
    assert!(before.elapsed() < DEADLINE);
}
