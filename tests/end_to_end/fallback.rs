//! Old kernels and sandboxes refuse system calls, with ENOSYS or with EPERM: svscan goes on without
//! each of them, or says in one sentence that it cannot.

use sys::seccomp::{Filter, Forbidden};

use crate::sandbox;
use crate::support::{Daemon, REST, Sandbox, Service, is_alive};

/// How a call is refused.
const ERRNOS: [i32; 2] = [libc::ENOSYS, libc::EPERM];

fn without(call: i64, argument: Option<i32>, errno: i32) -> Filter {
    let argument = argument.map(i32::cast_unsigned);
    Filter::forbidding(&[Forbidden { call, argument, errno }]).unwrap()
}

/// A service's life, from its first start to the end of everything, with and without the call.
#[track_caller]
fn svscan_lives_without(call: i64, argument: Option<i32>, complaint: &str) {
    for errno in ERRNOS {
        let sandbox = sandbox();
        let filter = without(call, argument, errno);
        let svscan = lives(&sandbox, |sandbox| sandbox.daemon_under(&filter, "svscan", &["scan"]));
        let said = sandbox.said(svscan);
        let said: Vec<&str> = said.lines().filter(|it| !is_of_groups(it)).collect();
        let expected = usize::from(!complaint.is_empty());
        let as_expected = said.len() == expected && said.iter().all(|it| it.contains(complaint));
        assert!(as_expected, "{errno}: {said:?}");
    }
}

/// Where the tests may make no groups it is told, whatever else is missing.
fn is_of_groups(line: &str) -> bool {
    line.contains("control groups")
}

fn lives(sandbox: &Sandbox, start: impl FnOnce(&Sandbox) -> Daemon) -> Daemon {
    let service = sandbox.running("a", &format!("echo line; {REST}"));
    service.log().script("while IFS= read -r line; do echo \"$line\" >>lines; done");
    sandbox.link(&service, "a");
    let svscan = start(sandbox);
    let count = || service.log().lines("lines").iter().filter(|it| *it == "line").count();
    let lines = |least| count() >= least;
    sandbox.wait_until("both are up", || service.pid() != 0 && service.log().pid() != 0);
    sandbox.wait_until("the logger has its line", || lines(1));
    let (pid, logger) = (service.pid(), service.log().pid());
    sys::child::signal(pid, sys::signals::KILL).unwrap();
    sandbox.wait_until("it is started again", || ![0, pid].contains(&service.pid()));
    sandbox.wait_until("the logger has its second line", || lines(2));
    assert_eq!(service.log().pid(), logger);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    sandbox.wait_until("the logger has its third line", || lines(3));
    later_one_comes_and_goes(sandbox);
    let pids = [service.pid(), logger];
    sys::child::signal(svscan.pid, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(!pids.into_iter().any(is_alive), "something lives on");
    assert_eq!(count(), 3);
    svscan
}

/// A service that appears while svscan runs, and leaves an orphan behind.
fn later_one_comes_and_goes(sandbox: &Sandbox) {
    let late = sandbox.running("late", "sleep 0 &\necho x >came\nexec sleep 1000000");
    sandbox.link(&late, "late");
    sandbox.wait_until("a late one is found", || late.has("came") && late.pid() != 0);
    sandbox.svc("-dx", &late);
    sandbox.wait_until("it has gone", || !late.is_supervised());
}

/// svscan cannot do without the call: it says so, starts nothing and leaves.
#[track_caller]
fn svscan_needs(calls: &[i64], sentence: &str) {
    for errno in ERRNOS {
        let sandbox = sandbox();
        let service: Service = sandbox.running("a", &format!("echo x >came; {REST}"));
        sandbox.link(&service, "a");
        let forbidden = |call: &i64| Forbidden { call: *call, argument: None, errno };
        let rules: Vec<Forbidden> = calls.iter().map(forbidden).collect();
        let filter = Filter::forbidding(&rules).unwrap();
        let svscan = sandbox.daemon_under(&filter, "svscan", &["scan"]);
        assert_eq!(sandbox.end_of(svscan), 111);
        let said = sandbox.said(svscan);
        assert!(said.starts_with(sentence) && said.lines().count() == 1, "{errno}: {said}");
        assert!(!service.has("came"));
    }
}

#[test]
fn svscan_lives_as_it_is() {
    let sandbox = sandbox();
    lives(&sandbox, Sandbox::svscan);
}

#[test]
fn svscan_lives_without_pidfd_open() {
    svscan_lives_without(libc::SYS_pidfd_open, None, "");
}

#[test]
fn svscan_lives_without_pidfd_send_signal() {
    svscan_lives_without(libc::SYS_pidfd_send_signal, None, "");
}

#[test]
fn svscan_lives_without_close_range() {
    svscan_lives_without(libc::SYS_close_range, None, "");
}

#[test]
fn svscan_lives_without_clone3() {
    svscan_lives_without(libc::SYS_clone3, None, "");
}

#[test]
fn svscan_lives_without_memfd_create() {
    svscan_lives_without(libc::SYS_memfd_create, None, "");
}

#[test]
fn svscan_lives_without_timerfd_create() {
    svscan_lives_without(libc::SYS_timerfd_create, None, "");
}

#[test]
fn svscan_lives_without_inotify_and_says_that_it_looks_by_itself() {
    svscan_lives_without(libc::SYS_inotify_init1, None, "unable to watch the scan directory: ");
}

#[test]
fn svscan_lives_without_statx() {
    svscan_lives_without(libc::SYS_statx, None, "");
}

#[test]
fn svscan_lives_without_getrandom() {
    svscan_lives_without(libc::SYS_getrandom, None, "");
}

#[test]
fn svscan_lives_without_its_orphans_and_says_so() {
    let subreaper = Some(libc::PR_SET_CHILD_SUBREAPER);
    svscan_lives_without(libc::SYS_prctl, subreaper, "unable to become a subreaper: ");
}

#[test]
fn svscan_lives_without_waiting_for_epoll_in_nanoseconds() {
    svscan_lives_without(libc::SYS_epoll_pwait2, None, "");
}

#[test]
fn svscan_needs_epoll() {
    let sentence = "svscan: fatal: unable to create an epoll descriptor: ";
    svscan_needs(&[libc::SYS_epoll_create1], sentence);
}

/// Without the newer call musl takes the older one, where the processor has it.
const SIGNALFD: &[i64] = &[
    libc::SYS_signalfd4,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_signalfd,
];

#[test]
fn svscan_needs_signalfd() {
    svscan_needs(SIGNALFD, "svscan: fatal: unable to listen to signals: ");
}

/// A service that puts itself in the background is found, supervised once, restarted when it dies
/// and ended with what it left, all of that without the call.
#[track_caller]
fn survivors_are_found_without(call: i64) {
    for (errno, option) in ERRNOS.into_iter().flat_map(|it| [(it, "-"), (it, "--no-cgroups")]) {
        let sandbox = sandbox();
        let script = "echo x >>starts\nsetsid -f sh -c 'echo $$ >pid; sleep 1000000 & wait'";
        let service = sandbox.running("a", script);
        sandbox.link(&service, "a");
        let args: Vec<&str> = [option, "scan"].into_iter().filter(|it| *it != "-").collect();
        sandbox.daemon_under(&without(call, None, errno), "svscan", &args);
        let pid = || service.read("pid").trim().parse().unwrap_or(0);
        let is_it = || service.pid() != 0 && service.pid() == pid();
        sandbox.wait_until("it is supervised in the background", is_it);
        let first = pid();
        sys::child::signal(first, sys::signals::KILL).unwrap();
        sandbox.wait_until("it is started again", || pid() != first && is_it());
        sandbox.stays("it is there once", || service.lines("starts").len() == 2);
        let children = || sys::proc::children_of(pid()).unwrap_or_default();
        sandbox.wait_until("it has its child", || !children().is_empty());
        let child = children();
        sandbox.svc("-d", &service);
        sandbox.wait_until("it is down", || service.pid() == 0);
        sandbox.wait_until("nobody is left", || !child.iter().copied().any(is_alive));
        assert_eq!(child.len(), 1, "{errno} {option}");
    }
}

#[test]
fn survivors_are_found_without_pidfd_open() {
    survivors_are_found_without(libc::SYS_pidfd_open);
}

#[test]
fn survivors_are_found_without_pidfd_send_signal() {
    survivors_are_found_without(libc::SYS_pidfd_send_signal);
}

#[test]
fn survivors_are_found_without_clone3_and_close_range() {
    survivors_are_found_without(libc::SYS_clone3);
    survivors_are_found_without(libc::SYS_close_range);
}
