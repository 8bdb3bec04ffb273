//! The end of everything: TERM to svscan stops the services, then their loggers, then the orphans.

use std::time::{Duration, Instant};

use crate::sandbox;
use crate::support::{Daemon, REST, Sandbox, Service, is_alive};

/// Lines a service writes when it is told to end: more than a pipe holds.
const LAST_WORDS: usize = 20_000;

/// A logger that writes what it reads to `said`, when it gets to it.
const LOGGER: &str = "exec cat >>said";

fn scanned(sandbox: &Sandbox, services: &[&Service]) -> Daemon {
    for service in services {
        sandbox.link(service, service.name());
    }
    let svscan = sandbox.svscan();
    sandbox.wait_until("all services are up", || services.iter().all(|it| it.pid() != 0));
    svscan
}

fn term(pid: u32) {
    sys::child::signal(pid, sys::signals::TERM).unwrap();
}

#[test]
fn term_stops_every_service_and_leaves_no_process() {
    let sandbox = sandbox();
    let services = ["a", "b", "c"].map(|name| sandbox.resting(name));
    let svscan = scanned(&sandbox, &[&services[0], &services[1], &services[2]]);
    let pids = services.each_ref().map(Service::pid);
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
    for (service, pid) in services.iter().zip(pids) {
        assert!(!is_alive(pid), "{} lives on", service.name());
        assert_eq!((service.pid(), service.is_supervised()), (0, false));
    }
}

#[test]
fn a_logger_goes_last_and_has_written_every_line() {
    let sandbox = sandbox();
    let wordy =
        format!("trap 'seq {LAST_WORDS}; exit' TERM\necho up >up\nwhile :; do sleep 0.1; done");
    let service = sandbox.running("a", &wordy);
    service.log().script("sleep 1\nexec cat >>said");
    let svscan = scanned(&sandbox, &[&service]);
    sandbox.wait_until("the trap is set", || service.has("up"));
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
    assert_eq!(service.log().lines("said").len(), LAST_WORDS);
}

#[test]
fn lines_that_wait_for_a_logger_between_two_lives_are_written_before_the_end() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo first\necho up >up\nexec sleep 1000000");
    // It ends at once, and is not up again within the second.
    service.log().script("test -e came && exec cat >>said\n: >came");
    let svscan = scanned(&sandbox, &[&service]);
    let (log, written) = (service.log(), || service.log().has("said"));
    sandbox.wait_until("a line waits in the pipe between two lives of its reader", || {
        service.has("up") && log.has("came") && (log.pid() == 0 || written())
    });
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
    assert_eq!(log.lines("said"), ["first"]);
}

#[test]
fn a_stray_that_holds_the_pipe_does_not_hold_up_the_end() {
    let sandbox = sandbox();
    let service =
        sandbox.running("a", "setsid sleep 1000000 &\necho $! >stray\nexec sleep 1000000");
    service.log().script(LOGGER);
    let svscan = scanned(&sandbox, &[&service]);
    sandbox.wait_until("the stray runs", || !service.lines("stray").is_empty());
    let stray = service.lines("stray")[0].parse().unwrap();
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(!is_alive(stray), "the orphan lives on");
}

#[test]
fn an_orphan_that_ignores_term_is_killed() {
    let sandbox = sandbox();
    let script = "(trap '' TERM; exec setsid sleep 1000000) &\necho $! >stray\nexec sleep 1000000";
    let service = sandbox.running("a", script);
    let svscan = scanned(&sandbox, &[&service]);
    sandbox.wait_until("the stray runs", || !service.lines("stray").is_empty());
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
}

#[test]
fn a_service_that_ignores_term_is_killed_after_the_grace_and_no_sooner() {
    const GRACE: Duration = Duration::from_secs(3);
    let sandbox = sandbox();
    let deaf = "trap 'echo deaf >>heard' TERM\necho up >up\nwhile :; do sleep 0.1; done";
    let service = sandbox.running("a", deaf);
    sandbox.link(&service, "a");
    let svscan = sandbox.daemon("svscan", &["--grace", "3s", "scan"]);
    // The service may be quicker than its status.
    sandbox.wait_until("the trap is set", || service.has("up") && service.pid() != 0);
    let pid = service.pid();
    let told = Instant::now();
    term(svscan.pid);
    sandbox.wait_until("the service heard it", || service.has("heard"));
    sandbox.wait_until("it has ended", || !is_alive(pid));
    assert!(told.elapsed() >= GRACE, "after {:?}", told.elapsed());
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(!is_alive(pid));
    let said = sandbox.said(svscan);
    assert!(said.contains(&format!("a: process {pid} has not ended in its time")), "{said}");
}

#[test]
fn quit_leaves_everything_running() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let svscan = scanned(&sandbox, &[&service]);
    let pid = service.pid();
    sys::child::signal(svscan.pid, sys::signals::QUIT).unwrap();
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(is_alive(pid) && !service.is_supervised());
    term(pid);
    sandbox.wait_until("the service has ended", || !is_alive(pid));
}

#[test]
fn term_to_supervise_is_svc_dx() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let supervise = sandbox.supervise_up(&service);
    let pid = service.pid();
    term(supervise.pid);
    assert_eq!(sandbox.end_of(supervise), 0);
    assert!(!is_alive(pid));
    assert_eq!(service.want(), Some(b'd'));
}

#[test]
fn a_service_down_for_a_while_does_not_hold_up_the_end() {
    let sandbox = sandbox();
    let (crashing, broken) = (sandbox.running("a", "exit 1"), sandbox.service("b"));
    let resting = sandbox.running("c", REST);
    for service in [&crashing, &broken, &resting] {
        sandbox.link(service, service.name());
    }
    let svscan = sandbox.svscan();
    sandbox.wait_until("one is up", || resting.pid() != 0);
    term(svscan.pid);
    assert_eq!(sandbox.end_of(svscan), 0);
}
