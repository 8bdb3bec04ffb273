//! Upgrade in place, and svscanctl.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::sandbox;
use crate::support::{Daemon, REST, Ran, Sandbox, Service, is_alive};

/// svscan from a copy of the program, so that another can take its place.
fn svscan_of_a_copy(sandbox: &Sandbox) -> Daemon {
    fs::create_dir_all(sandbox.path("scan")).unwrap();
    install(sandbox);
    std::os::unix::fs::symlink("keepup", sandbox.path("svscan")).unwrap();
    sandbox.daemon_by_shell("exec ./svscan scan")
}

/// Puts the program in place, as a new file.
fn install(sandbox: &Sandbox) {
    let new = sandbox.path("keepup.new");
    // A copy by a child of its own: no child of ours has it open for writing.
    sandbox.shell(&format!("cp {} {}", env!("CARGO_BIN_EXE_keepup"), new.display())).is(0, "", "");
    fs::rename(new, sandbox.path("keepup")).unwrap();
}

fn runs(pid: u32, program: &Path) -> bool {
    let of = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    of(Path::new(&format!("/proc/{pid}/exe"))) == of(program)
}

fn svscanctl(sandbox: &Sandbox, letters: &str) -> Ran {
    sandbox.tool("svscanctl", &[letters, "scan"])
}

fn is_supervised(services: &[&Service]) -> bool {
    services.iter().all(|service| service.is_supervised() && service.pid() != 0)
}

/// What a process was given: signals blocked and ignored, limits of open files.
fn given(pid: u32) -> Vec<String> {
    let lines = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let text = lines("status") + &lines("limits");
    let wanted = ["SigBlk", "SigIgn", "Max open files"];
    let is_wanted = |line: &&str| wanted.iter().any(|start| line.starts_with(start));
    text.lines().filter(is_wanted).map(str::to_owned).collect()
}

#[test]
fn an_upgrade_keeps_the_process_its_children_and_their_exit_codes() {
    let sandbox = sandbox();
    let resting = sandbox.running("resting", "echo $$ >>starts\nexec sleep 1000000");
    resting.log().script("exec cat >>said");
    let down = sandbox.running("down", "echo $$ >>starts\nexec sleep 1000000");
    let failing =
        sandbox.running("failing", "echo $$ >>starts\ntest -e now && exit 3\nexec cat go");
    sandbox.make_fifo(&failing.path("go"));
    for service in [&resting, &down, &failing] {
        sandbox.link(service, service.name());
    }
    let svscan = svscan_of_a_copy(&sandbox);
    let log = resting.log();
    sandbox.wait_until("all are up", || is_supervised(&[&resting, &down, &failing, &log]));
    sandbox.wait_until("they have said so", || {
        [&resting, &down, &failing].iter().all(|it| it.lines("starts").len() == 1)
    });
    sandbox.svc("-d", &down);
    sandbox.wait_until("it is down", || down.pid() == 0);
    let pids = [&resting, &failing, &log].map(Service::pid);
    install(&sandbox);
    assert!(!runs(svscan.pid, &sandbox.path("keepup")));
    svscanctl(&sandbox, "-u").is(0, "", "");
    sandbox.wait_until("the new program runs", || runs(svscan.pid, &sandbox.path("keepup")));
    sandbox.wait_until("it is said", || sandbox.said(svscan).contains("took over 3 services"));
    assert_eq!([&resting, &failing, &log].map(Service::pid), pids);
    assert_eq!((down.pid(), down.want()), (0, Some(b'd')));
    // Were it no child any more, nobody would know with what it ended.
    failing.write("now", "");
    fs::write(failing.path("go"), "").unwrap();
    sandbox.wait_until("the pauses grow", || sandbox.said(svscan).contains("with exit 3"));
    assert_eq!(resting.lines("starts").len(), 1);
    let environ = fs::read(format!("/proc/{}/environ", failing.pid())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environ).contains("SUCCESSOR"));
    sandbox.svc("-u", &down);
    sandbox.wait_until("letters are obeyed", || down.pid() != 0);
    let environ = fs::read(format!("/proc/{}/environ", down.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&environ).contains("SUCCESSOR"));
    sandbox.wait_until("it has begun", || down.lines("starts").len() == 2);
    assert_eq!(given(down.pid()), given(resting.pid()));
    sys::child::signal(svscan.pid, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(pids.into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn a_program_that_does_not_run_is_not_executed() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    let svscan = svscan_of_a_copy(&sandbox);
    sandbox.wait_until("it is up", || is_supervised(&[&service]));
    let old = fs::metadata(format!("/proc/{}/exe", svscan.pid)).unwrap().ino();
    fs::remove_file(sandbox.path("keepup")).unwrap();
    fs::write(sandbox.path("keepup"), "#!/bin/sh\nexit 1\n").unwrap();
    for mode in ["644", "755"] {
        sandbox.shell(&format!("chmod {mode} keepup")).is(0, "", "");
        svscanctl(&sandbox, "-u").is(0, "", "");
        sandbox.wait_until("it is said", || {
            let said = sandbox.said(svscan);
            said.matches("the old program goes on").count() == if mode == "644" { 1 } else { 2 }
        });
    }
    assert_eq!(fs::metadata(format!("/proc/{}/exe", svscan.pid)).unwrap().ino(), old);
    assert!(is_supervised(&[&service]));
}

/// Whether another process holds a lock of this file, of either kind.
fn is_held(lock: &Path) -> bool {
    let file = fs::File::options().append(true).open(lock).unwrap();
    matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
        || sys::lock::lock_for_process(&file).is_err()
}

#[test]
fn a_hundred_upgrades_restart_nothing_and_leak_no_descriptor() {
    let sandbox = sandbox();
    let script = "echo $$ >>starts\ni=0\nwhile :; do i=$((i+1)); echo $i; sleep 0.002; done";
    let counter = sandbox.running("counter", script);
    counter.log().script("exec cat >>said");
    sandbox.link(&counter, "counter");
    let svscan = svscan_of_a_copy(&sandbox);
    sandbox.wait_until("it is up", || is_supervised(&[&counter, &counter.log()]));
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", svscan.pid)).unwrap().count();
    let home = sandbox.path("scan/.svscan/lock");
    let first = descriptors();
    for round in 1..=100 {
        svscanctl(&sandbox, "-u");
        sandbox.wait_until("it is upgraded", || {
            let held = is_held(&counter.path("supervise/lock")) && is_held(&home);
            assert!(held, "somebody else could have taken it");
            sandbox.said(svscan).matches("took over 2 services").count() >= round
        });
    }
    // One of each upgrade would be a hundred. A few may have been opened after `first` was counted.
    sandbox.wait_until("no more are open", || descriptors() < first + 50);
    sandbox.svc("-dx", &counter);
    sandbox.wait_until("it is down", || counter.pid() == 0);
    assert_eq!(counter.lines("starts").len(), 1);
    svscanctl(&sandbox, "-t").is(0, "", "");
    assert_eq!(sandbox.end_of(svscan), 0);
    let said = counter.log().lines("said");
    assert!((1..).zip(&said).all(|(number, line)| *line == number.to_string()), "{said:?}");
}

#[test]
fn letters_that_lie_in_the_fifo_outlive_an_upgrade() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    let svscan = svscan_of_a_copy(&sandbox);
    sandbox.wait_until("it is up", || is_supervised(&[&service]));
    let took = |times: usize| {
        sandbox.wait_until("it is upgraded", || {
            sandbox.said(svscan).matches("took over a service").count() == times
        });
    };
    svscanctl(&sandbox, "-u");
    took(1);
    sys::child::signal(svscan.pid, sys::signals::STOP).unwrap();
    svscanctl(&sandbox, "-u");
    sandbox.svc("-p", &service);
    sys::child::signal(svscan.pid, sys::signals::CONT).unwrap();
    took(2);
    sandbox.wait_until("it is obeyed", || service.is_paused());
    sandbox.svc("-c", &service);
}

#[test]
fn svscanctl_tells_svscan_to_look_to_stop_and_to_quit() {
    let sandbox = sandbox();
    let service = sandbox.running("a", REST);
    sandbox.link(&service, "a");
    let first = sandbox.svscan();
    sandbox.wait_until("it is up", || is_supervised(&[&service]));
    let pid = service.pid();
    svscanctl(&sandbox, "-hq").is(0, "", "");
    assert_eq!(sandbox.end_of(first), 0);
    assert!(is_alive(pid));
    let failed = "svscanctl: fatal: unable to control scan: svscan not running\n";
    svscanctl(&sandbox, "-h").is(111, "", failed);
    let second = sandbox.svscan();
    sandbox.wait_until("it is taken", || is_supervised(&[&service]));
    svscanctl(&sandbox, "--term").is(0, "", "");
    assert_eq!(sandbox.end_of(second), 0);
    assert!(!is_alive(pid));
    let nowhere = sandbox.tool("svscanctl", &["-h", "nowhere"]);
    let failed = "svscanctl: fatal: unable to control nowhere: file does not exist\n";
    nowhere.is(111, "", failed);
    let failed = "svscanctl: fatal: unable to control a: file does not exist: no svscan has run \
                  there; name its scan directory\n";
    sandbox.tool("svscanctl", &["a", "-h"]).is(111, "", failed);
    assert_eq!(sandbox.tool("svscanctl", &["a", "b"]).code, 100);
}
