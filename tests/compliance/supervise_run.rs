//! How supervise starts `./run`, and when it refuses to.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{
    REST, Sandbox, Service, each_suite, fork_ticks, parent, ticks_per_second, uptime_ticks,
};

each_suite!(
    run_is_called_by_its_path_in_its_directory_without_arguments,
    run_has_no_signal_blocked_and_none_ignored_by_supervise,
    run_has_the_descriptors_of_supervise_and_no_others,
    run_has_the_environment_of_supervise,
    run_finds_its_supervise_and_may_write_to_it,
    a_directory_has_one_supervise,
    supervise_takes_exactly_one_directory,
    a_directory_that_is_none_is_111,
    the_files_of_supervise_are_private_but_the_status,
    a_run_that_cannot_be_executed_is_said_so_and_tried_again,
    starts_are_a_second_apart,
    a_service_that_lived_for_a_second_is_started_at_once,
    a_link_to_nowhere_by_the_name_supervise_gets_its_directory,
    what_is_in_the_way_of_the_lock_is_111,
    a_status_that_cannot_be_written_keeps_nobody_from_running,
    the_end_of_a_child_that_is_not_the_service_is_nothing,
    a_directory_left_by_a_killed_supervise_is_taken_over,
);

fn up_with(sandbox: &Sandbox, script: &str) -> Service {
    let service = sandbox.running("s", &format!("{script}\necho >ready\nexec sleep 1000000"));
    sandbox.supervise(&service);
    sandbox.wait_until("run has looked around", || service.has("ready"));
    service
}

fn run_is_called_by_its_path_in_its_directory_without_arguments(sandbox: &Sandbox) {
    let service = up_with(sandbox, "echo \"$0\" \"$#\" >name; pwd -P >place");
    assert_eq!(service.read("name"), "./run 0\n");
    let place = service.path("").canonicalize().unwrap();
    assert_eq!(service.read("place").trim_end(), place.to_str().unwrap());
}

/// Not a shell script: a shell clears the mask it was given.
fn run_has_no_signal_blocked_and_none_ignored_by_supervise(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    service.executable("run", "#!/usr/bin/tail -f\n");
    sandbox.supervise_up(&service);
    let facts = format!("/proc/{}/status", service.pid());
    sandbox.wait_until("run is executed", || {
        fs::read_to_string(&facts).is_ok_and(|facts| facts.starts_with("Name:\trun\n"))
    });
    let list = format!("grep -E '^(SigBlk|SigPnd|ShdPnd|SigIgn):' {facts}");
    let ignored = sandbox.shell("grep '^SigIgn:' /proc/self/status").text();
    let expected = format!("SigPnd:\t{0}\nShdPnd:\t{0}\nSigBlk:\t{0}\n{ignored}", "0".repeat(16));
    assert_eq!(sandbox.shell(&list).text(), expected);
}

fn run_has_the_descriptors_of_supervise_and_no_others(sandbox: &Sandbox) {
    const LIST: &str = "ls /proc/self/fd";
    let service = sandbox.running("s", &format!("{LIST} >list.new\nmv list.new list\n{REST}"));
    sandbox.daemon_by_shell("exec 9</dev/null; exec supervise s");
    sandbox.wait_until("run has looked around", || service.has("list"));
    let ours = sandbox.shell(&format!("exec 9</dev/null; {LIST}")).text();
    sandbox.expect_failure_on_ours("descriptors above 2 are closed");
    assert_eq!(service.read("list"), ours);
}

fn run_has_the_environment_of_supervise(sandbox: &Sandbox) {
    let service = sandbox.running("s", "echo \"$COLOUR\" >colour\nexec sleep 1000000");
    sandbox.daemon_by_shell("COLOUR='dark red'; export COLOUR; exec supervise s");
    sandbox.wait_until("run has looked around", || service.read("colour").ends_with('\n'));
    assert_eq!(service.read("colour"), "dark red\n");
}

/// `svc -d .` in a run script is an old way to say "never again": control and ok are there first.
/// The signal that it brings upon itself is ignored here, or what was found may never be told.
fn run_finds_its_supervise_and_may_write_to_it(sandbox: &Sandbox) {
    const SERVICES: usize = 24;
    let script = "trap '' TERM; svok .; echo $? >found.new; svc -d . 2>warning; mv found.new found";
    let services: Vec<Service> =
        (0..SERVICES).map(|n| sandbox.running(&format!("scan/s{n}"), script)).collect();
    sandbox.svscan();
    for service in services {
        sandbox.wait_until("run has looked around", || service.has("found"));
        assert_eq!((service.read("found"), service.read("warning")), ("0\n".into(), String::new()));
        sandbox.wait_until("it is down", || service.pid() == 0 && service.want() == Some(b'd'));
    }
}

fn a_directory_has_one_supervise(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let status = service.status();
    let second = sandbox.daemon("supervise", &["s"]);
    assert_eq!(sandbox.end_of(second), 111);
    let fatal = "supervise: fatal: unable to acquire s/supervise/lock: temporary failure\n";
    assert_eq!(sandbox.said(second), fatal);
    assert_eq!(service.status(), status);
    sandbox.tool("svok", &["s"]).is(0, "", "");
}

fn supervise_takes_exactly_one_directory(sandbox: &Sandbox) {
    sandbox.resting("s");
    for args in [[].as_slice(), &["s", "s"]] {
        let daemon = sandbox.daemon("supervise", args);
        assert_eq!(sandbox.end_of(daemon), 100);
        assert_eq!(sandbox.said(daemon), "supervise: usage: supervise dir\n");
    }
}

fn a_directory_that_is_none_is_111(sandbox: &Sandbox) {
    sandbox.resting("s");
    let table = [("nowhere", "file does not exist"), ("s/run", "not a directory")];
    for (dir, reason) in table {
        let daemon = sandbox.daemon("supervise", &[dir]);
        assert_eq!(sandbox.end_of(daemon), 111);
        let fatal = format!("supervise: fatal: unable to chdir to {dir}: {reason}\n");
        assert_eq!(sandbox.said(daemon), fatal);
    }
}

fn the_files_of_supervise_are_private_but_the_status(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.daemon_by_shell("umask 0; exec supervise s");
    sandbox.wait_until("it is up", || service.is_supervised() && service.pid() != 0);
    for (file, mode) in [
        ("supervise", 0o700),
        ("supervise/lock", 0o600),
        ("supervise/control", 0o600),
        ("supervise/ok", 0o600),
        ("supervise/status", 0o644),
    ] {
        assert_eq!(service.mode(file), mode, "{file}");
    }
}

fn a_run_that_cannot_be_executed_is_said_so_and_tried_again(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    let daemon = sandbox.supervise(&service);
    let says = |reason: &str| {
        let sentence = format!("unable to start s/run: {reason}");
        sandbox.wait_until(&sentence, || sandbox.said(daemon).contains(&sentence));
    };
    says("file does not exist");
    service.write("run", "#!/bin/sh\nexec sleep 1000000\n");
    says("access denied");
    service.executable("run", "\x7fELF is not all\n");
    says("exec format error");
    service.script("echo >started; exec sleep 1000000");
    sandbox.wait_until("it was started", || service.has("started"));
}

/// When each `./run` was forked, in ticks since boot.
fn births(service: &Service) -> Vec<u64> {
    service.lines("born").iter().map(|stat| fork_ticks(stat)).collect()
}

const BIRTH: &str = "cat /proc/$$/stat >>born";

fn starts_are_a_second_apart(sandbox: &Sandbox) {
    /// Ticks are cut off, and the original waits by a clock that may be slewed meanwhile.
    const SLACK: u64 = 5;
    let service = sandbox.running("s", BIRTH);
    sandbox.supervise(&service);
    sandbox.wait_until("it was started four times", || births(&service).len() >= 4);
    for pair in births(&service).windows(2) {
        assert!(pair[1] - pair[0] >= ticks_per_second() - SLACK, "{pair:?}");
    }
}

fn a_service_that_lived_for_a_second_is_started_at_once(sandbox: &Sandbox) {
    const AT_ONCE_S: u64 = 15; // far less than the minute of a failure, far more than a slow fork
    let service = sandbox.running("s", &format!("{BIRTH}\nexec sleep 1000000"));
    sandbox.supervise_up(&service);
    sandbox.wait_until("it was born", || !births(&service).is_empty());
    let old = births(&service)[0] + 2 * ticks_per_second();
    sandbox.wait_until("it is two seconds old", || uptime_ticks() > old);
    let ended = uptime_ticks();
    sandbox.svc("-t", &service);
    sandbox.wait_until("it was started again", || births(&service).len() > 1);
    assert!(births(&service)[1] < ended + AT_ONCE_S * ticks_per_second());
}

/// Debian's patch 0002: a service directory may be read-only, its state elsewhere.
fn a_link_to_nowhere_by_the_name_supervise_gets_its_directory(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    symlink("../state", service.path("supervise")).unwrap();
    sandbox.supervise_up(&service);
    assert!(fs::metadata(sandbox.path("state/status")).unwrap().is_file());
}

fn a_directory_left_by_a_killed_supervise_is_taken_over(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    service.write("down", "");
    let first = sandbox.supervise(&service);
    sandbox.kill(first);
    sandbox.end_of(first);
    assert!(!service.is_supervised());
    let second = sandbox.supervise(&service);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    sandbox.svc("-dx", &service);
    assert_eq!(sandbox.end_of(second), 0);
}

fn what_is_in_the_way_of_the_lock_is_111(sandbox: &Sandbox) {
    let file = sandbox.resting("file");
    file.write("supervise", "");
    let dir = sandbox.resting("dir");
    fs::create_dir_all(dir.path("supervise/lock")).unwrap();
    for (name, reason) in [("file", "not a directory"), ("dir", "is a directory")] {
        let daemon = sandbox.daemon("supervise", &[name]);
        assert_eq!(sandbox.end_of(daemon), 111);
        let fatal =
            format!("supervise: fatal: unable to acquire {name}/supervise/lock: {reason}\n");
        assert_eq!(sandbox.said(daemon), fatal);
    }
}

fn a_status_that_cannot_be_written_keeps_nobody_from_running(sandbox: &Sandbox) {
    let service = sandbox.running("s", "echo >started; exec sleep 1000000");
    fs::create_dir_all(service.path("supervise/status.new")).unwrap();
    let daemon = sandbox.supervise(&service);
    sandbox.wait_until("it was started", || service.has("started"));
    let said = sandbox.said(daemon);
    assert!(said.contains("s/supervise/status.new: is a directory\n"), "{said}");
}

/// A shell that becomes a supervise leaves it its children.
fn the_end_of_a_child_that_is_not_the_service_is_nothing(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let script = "(while [ ! -e s/end ]; do sleep 0.05; done) & echo $! >s/child; exec supervise s";
    let daemon = sandbox.daemon_by_shell(script);
    sandbox.wait_until("the service is up", || service.pid() != 0);
    let (status, child) = (service.status(), service.read("child").trim().parse().unwrap());
    assert_eq!(parent(child), Some(daemon.pid));
    service.write("end", "");
    sandbox.wait_until("the child is reaped", || parent(child).is_none());
    sandbox.stays("the service is as before", || service.status() == status);
}
