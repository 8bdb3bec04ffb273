//! Two suites on one machine: a service directory goes from one supervise to the other and back,
//! and neither minds what the other has left.
//!
//! In these tests the daemon of a pair is who was there first, and its tools are who comes after.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};

use crate::support::{
    Daemon, REST, Sandbox, Service, Suite, each_pair, is_alive, only_ours, seconds, stamp,
};

each_pair!(
    a_directory_goes_to_the_other_supervise_and_back,
    what_one_leaves_has_the_same_shape_as_what_the_other_leaves,
    one_refuses_while_the_other_holds_the_lock,
    leftovers_of_any_kind_are_no_trouble,
    a_control_of_another_mode_is_used_as_it_is,
    letters_that_nobody_has_read_do_not_reach_the_next,
    a_scan_directory_goes_to_the_other_svscan_and_back,
    an_svscan_waits_until_the_supervise_of_the_other_has_left,
);

only_ours!(a_status_new_that_may_not_be_written_is_replaced);

fn before(sandbox: &Sandbox) -> Suite {
    sandbox.pair().daemon
}

fn after(sandbox: &Sandbox) -> Suite {
    sandbox.pair().tools
}

fn svc(sandbox: &Sandbox, suite: Suite, letters: &str, service: &Service) {
    sandbox.tool_of(suite, "svc", &[letters, service.name()]).is(0, "", "");
}

/// Starts a supervise and waits until it can be controlled.
fn supervise(sandbox: &Sandbox, suite: Suite, service: &Service) -> Daemon {
    let daemon = sandbox.daemon_of(suite, "supervise", &[service.name()]);
    sandbox.wait_until("supervise runs", || service.is_supervised());
    daemon
}

/// Ends service and supervise with the svc of either suite.
fn leave(sandbox: &Sandbox, suite: Suite, daemon: Daemon, service: &Service) {
    svc(sandbox, suite, "-dx", service);
    assert_eq!(sandbox.end_of(daemon), 0);
    assert!(!service.is_supervised());
    assert_eq!((service.pid(), service.status().len()), (0, 18));
}

/// What both say of a service, which must be the same but for the seconds.
fn line(sandbox: &Sandbox, service: &Service) -> String {
    let lines = [Suite::Theirs, Suite::Ours].map(|suite| {
        let text = sandbox.tool_of(suite, "svstat", &[service.name()]).text();
        let words = text.trim_end().split(' ');
        let words = words.map(|word| if word.parse::<u64>().is_ok() { "N" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    assert_eq!(lines[0], lines[1]);
    lines[1].replace(&format!("(pid {})", service.pid()), "(pid PID)")
}

fn comes_up(sandbox: &Sandbox, service: &Service) {
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert!(is_alive(service.pid()));
    assert_eq!((service.status().len(), service.want()), (18, Some(b'u')));
}

fn a_directory_goes_to_the_other_supervise_and_back(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let mut last = Vec::new();
    for suite in [before(sandbox), after(sandbox), before(sandbox), after(sandbox)] {
        let daemon = supervise(sandbox, suite, &service);
        comes_up(sandbox, &service);
        assert!(last.as_slice() < stamp(&service.status()));
        assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds");
        svc(sandbox, after(sandbox), "-d", &service);
        sandbox.wait_until("it is down", || service.pid() == 0);
        assert_eq!(line(sandbox, &service), "s: down N seconds, normally up");
        last = stamp(&service.status()).to_vec();
        leave(sandbox, before(sandbox), daemon, &service);
        assert_eq!(stamp(&service.status()), last);
        assert_eq!(line(sandbox, &service), "s: supervise not running");
    }
}

/// What ours keeps beside the files of the contract.
const OURS_ALONE: [&str; 3] = ["cgroup", "remarks", "state"];

/// Name, kind, mode and size of each file of `supervise/`.
fn listing(service: &Service) -> Vec<String> {
    let mut lines: Vec<String> = fs::read_dir(service.path("supervise"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| !OURS_ALONE.iter().any(|name| entry.file_name() == *name))
        .map(|entry| {
            let (name, found) = (entry.file_name(), entry.metadata().unwrap());
            let kind = if found.file_type().is_fifo() { 'p' } else { '-' };
            format!("{kind}{:04o} {} {}", found.mode() & 0o7777, name.display(), found.size())
        })
        .collect();
    lines.sort();
    lines
}

fn what_one_leaves_has_the_same_shape_as_what_the_other_leaves(sandbox: &Sandbox) {
    let expected = ["-0600 lock 0", "-0644 status 18", "p0600 control 0", "p0600 ok 0"];
    let service = sandbox.resting("s");
    for suite in [before(sandbox), after(sandbox), before(sandbox)] {
        let daemon = supervise(sandbox, suite, &service);
        comes_up(sandbox, &service);
        assert_eq!(listing(&service), expected, "{suite:?}");
        leave(sandbox, suite, daemon, &service);
        assert_eq!(listing(&service), expected, "{suite:?}");
    }
}

fn one_refuses_while_the_other_holds_the_lock(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let holder = supervise(sandbox, before(sandbox), &service);
    comes_up(sandbox, &service);
    let (status, files) = (service.status(), listing(&service));
    for second in [after(sandbox), before(sandbox)] {
        let daemon = sandbox.daemon_of(second, "supervise", &["s"]);
        assert_eq!(sandbox.end_of(daemon), 111);
        let fatal = "supervise: fatal: unable to acquire s/supervise/lock: temporary failure\n";
        assert_eq!(sandbox.said(daemon), fatal);
        assert_eq!((service.status(), listing(&service)), (status.clone(), files.clone()));
        assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds");
    }
    leave(sandbox, after(sandbox), holder, &service);
}

/// What may lie in `supervise/` when somebody else comes: a shell script makes it.
const LEFTOVERS: [&str; 14] = [
    "echo garbage >status.new",
    "cp status status.new",
    "rm ok",
    "rm control",
    "rm ok control",
    "rm status",
    "rm lock",
    "rm *",
    "rm -r ../supervise",
    ": >status",
    "printf short >status",
    "cp status s; cat s s s >status; rm s",
    "echo of another program >lock",
    "chmod 600 status; chmod 644 lock; touch stat pid pipe",
];

fn leftovers_of_any_kind_are_no_trouble(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    for leftover in LEFTOVERS {
        let first = supervise(sandbox, before(sandbox), &service);
        comes_up(sandbox, &service);
        leave(sandbox, before(sandbox), first, &service);
        sandbox.shell(&format!("cd s/supervise && {leftover}")).is(0, "", "");
        let second = supervise(sandbox, after(sandbox), &service);
        comes_up(sandbox, &service);
        assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds", "{leftover}");
        assert_eq!(service.mode("supervise/status"), 0o644, "{leftover}");
        leave(sandbox, before(sandbox), second, &service);
    }
}

/// Theirs writes no status any more, unless it may do all.
fn a_status_new_that_may_not_be_written_is_replaced(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let first = supervise(sandbox, Suite::Ours, &service);
    comes_up(sandbox, &service);
    leave(sandbox, Suite::Ours, first, &service);
    sandbox.shell("cd s/supervise && : >status.new && chmod 400 status.new").is(0, "", "");
    let second = supervise(sandbox, Suite::Ours, &service);
    comes_up(sandbox, &service);
    leave(sandbox, Suite::Ours, second, &service);
}

fn a_control_of_another_mode_is_used_as_it_is(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    for mode in [0o644, 0o622, 0o660] {
        let first = supervise(sandbox, before(sandbox), &service);
        comes_up(sandbox, &service);
        leave(sandbox, before(sandbox), first, &service);
        fs::set_permissions(service.path("supervise/control"), Permissions::from_mode(mode))
            .unwrap();
        let second = supervise(sandbox, after(sandbox), &service);
        comes_up(sandbox, &service);
        assert_eq!(service.mode("supervise/control"), mode);
        leave(sandbox, before(sandbox), second, &service);
    }
}

/// A FIFO forgets what was in it when nobody has it open any more.
fn letters_that_nobody_has_read_do_not_reach_the_next(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let first = supervise(sandbox, before(sandbox), &service);
    comes_up(sandbox, &service);
    service.control(b"dxdxdxdx");
    assert_eq!(sandbox.end_of(first), 0);
    let second = supervise(sandbox, after(sandbox), &service);
    comes_up(sandbox, &service);
    let status = service.status();
    sandbox.stays("it is up", || service.status() == status);
    leave(sandbox, after(sandbox), second, &service);
}

/// A service that writes a line each time it starts, and a logger that keeps it.
fn logged(sandbox: &Sandbox) -> (Service, Service) {
    let service = sandbox.running("s", &format!("echo line\n{REST}"));
    let log = service.log();
    log.script("exec cat >>lines");
    sandbox.link(&service, "s");
    (service, log)
}

fn end_scan(sandbox: &Sandbox, svscan: Daemon, suite: Suite, services: [&Service; 2]) {
    sys::child::signal(svscan.pid, libc::SIGTERM).unwrap();
    sandbox.end_of(svscan);
    if suite == Suite::Theirs {
        for service in services {
            svc(sandbox, Suite::Ours, "-dx", service);
            sandbox.wait_until("it has left", || !service.is_supervised());
        }
    }
}

fn a_scan_directory_goes_to_the_other_svscan_and_back(sandbox: &Sandbox) {
    let (service, log) = logged(sandbox);
    let suites = [before(sandbox), after(sandbox), before(sandbox), after(sandbox)];
    for (turn, suite) in suites.into_iter().enumerate() {
        let svscan = sandbox.daemon_of(suite, "svscan", &["scan"]);
        sandbox.wait_until("its line is logged", || log.lines("lines").len() == turn + 1);
        sandbox.wait_until("both are up", || service.pid() != 0 && log.pid() != 0);
        assert_eq!(line(sandbox, &service), "s: up (pid PID) N seconds");
        assert_eq!(line(sandbox, &log), "s/log: up (pid PID) N seconds");
        end_scan(sandbox, svscan, suite, [&service, &log]);
        for service in [&service, &log] {
            assert_eq!((service.pid(), service.status().len()), (0, 18));
        }
    }
    assert_eq!(log.lines("lines").len(), suites.len());
}

fn an_svscan_waits_until_the_supervise_of_the_other_has_left(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let first = supervise(sandbox, before(sandbox), &service);
    comes_up(sandbox, &service);
    let (status, pid) = (service.status(), service.pid());
    sandbox.link(&service, "s");
    let svscan = sandbox.daemon_of(after(sandbox), "svscan", &["scan"]);
    let said = "unable to acquire s/supervise/lock: temporary failure";
    sandbox.wait_until("it has tried", || sandbox.said(svscan).contains(said));
    assert_eq!(service.status(), status);
    assert!(is_alive(pid));
    svc(sandbox, before(sandbox), "-dx", &service);
    assert_eq!(sandbox.end_of(first), 0);
    sandbox.wait_until("svscan has taken it over", || ![0, pid].contains(&service.pid()));
    assert!(seconds(&service.status()) >= seconds(&status));
    comes_up(sandbox, &service);
    sys::child::signal(svscan.pid, libc::SIGTERM).unwrap();
    sandbox.end_of(svscan);
    if after(sandbox) == Suite::Theirs {
        svc(sandbox, Suite::Ours, "-dx", &service);
    }
    sandbox.wait_until("it has left", || !service.is_supervised());
}
