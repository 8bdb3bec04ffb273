//! The tools of each suite before the supervise of each, in the states that are more than one thing
//! at once. The plain ones are in `supervise.rs`.

use crate::support::{Daemon, Sandbox, Service, each_pair, is_alive, is_stopped};

each_pair!(
    a_service_that_keeps_dying_is_read_and_controlled,
    a_service_that_keeps_dying_and_is_normally_down_is_wanted_up,
    normally_down_paused_and_wanted_down_are_said_in_this_order,
    a_paused_service_that_is_killed_comes_back_and_is_not_paused,
    once_and_down_are_the_same_to_svstat,
    each_tool_sees_the_end_of_supervise,
);

/// The line on a service, its numbers as N.
fn line(sandbox: &Sandbox, service: &Service) -> String {
    let ran = sandbox.tool("svstat", &[service.name()]);
    assert_eq!((ran.code, ran.complaint()), (0, String::new()));
    let is_number = |word: &str| word.trim_end_matches(')').parse::<u64>().is_ok();
    let words = ran.text().trim_end().replace(')', " )");
    let words = words.split(' ').map(|word| if is_number(word) { "N" } else { word });
    words.collect::<Vec<_>>().join(" ").replace(" )", ")")
}

/// A service that writes `lives` and ends at once, after it has died a few times.
fn dying(sandbox: &Sandbox, service: &Service) -> Daemon {
    service.script("echo >>lives");
    // Ours would say so, were the pauses to grow; it has died too often where the machine is slow.
    service.write("backoff-max", "1s");
    let supervise = sandbox.supervise(service);
    sandbox.svc("-u", service);
    sandbox.wait_until("it has died three times", || service.lines("lives").len() >= 3);
    supervise
}

/// The line on a service between two lives. Its supervise is stopped there for as long, for the
/// original begins the next life in no time.
fn line_between(sandbox: &Sandbox, service: &Service, supervise: Daemon) -> String {
    let signal = |number| sys::child::signal(supervise.pid, number).unwrap();
    sandbox.wait_until("it is stopped between two lives", || {
        // The pause between two looks would be longer than the moment.
        let is_seen = (0..LOOKS).any(|_| service.pid() == 0);
        if !is_seen {
            return false;
        }
        signal(libc::SIGSTOP);
        sandbox.wait_until("it is stopped", || is_stopped(supervise.pid));
        let is_between = service.pid() == 0;
        if !is_between {
            signal(libc::SIGCONT);
        }
        is_between
    });
    let line = line(sandbox, service);
    signal(libc::SIGCONT);
    line
}

/// Without a pause, so often it is looked whether a service is down.
const LOOKS: u32 = 100_000;

fn a_service_that_keeps_dying_is_read_and_controlled(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    let supervise = dying(sandbox, &service);
    let waits = "s: down N seconds, normally up, want up";
    let now = line(sandbox, &service);
    assert!(now == waits || now == "s: up (pid N) N seconds", "{now}");
    assert_eq!(line_between(sandbox, &service, supervise), waits);
    sandbox.tool("svok", &["s"]).is(0, "", "");
    sandbox.svc("-d", &service);
    let down = "s: down N seconds, normally up";
    sandbox.wait_until(down, || line(sandbox, &service) == down && service.want() == Some(b'd'));
    let (status, lives) = (service.status(), service.lines("lives").len());
    sandbox.stays("it is down", || service.status() == status);
    assert_eq!(service.lines("lives").len(), lives);
    sandbox.svc("-o", &service);
    sandbox.wait_until("it lived once more", || service.lines("lives").len() == lives + 1);
    sandbox.wait_until(down, || service.pid() == 0 && service.want() == Some(0));
    assert_eq!(line(sandbox, &service), down);
}

fn a_service_that_keeps_dying_and_is_normally_down_is_wanted_up(sandbox: &Sandbox) {
    let service = sandbox.service("s");
    service.write("down", "");
    let supervise = dying(sandbox, &service);
    assert_eq!(line_between(sandbox, &service, supervise), "s: down N seconds, want up");
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || line(sandbox, &service) == "s: down N seconds");
}

fn normally_down_paused_and_wanted_down_are_said_in_this_order(sandbox: &Sandbox) {
    let script = "trap '' TERM\n: >ready\nwhile :; do sleep 0.05; done";
    let service = sandbox.running("s", script);
    service.write("down", "");
    sandbox.supervise(&service);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is ready", || service.has("ready") && service.pid() != 0);
    let pid = service.pid();
    let says = |expected: &str| {
        sandbox.wait_until(expected, || line(sandbox, &service) == expected);
    };
    says("s: up (pid N) N seconds, normally down");
    sandbox.svc("-p", &service);
    says("s: up (pid N) N seconds, normally down, paused");
    sandbox.svc("-d", &service); // TERM, which is ignored, and CONT
    says("s: up (pid N) N seconds, normally down, want down");
    sandbox.svc("-p", &service);
    says("s: up (pid N) N seconds, normally down, paused, want down");
    sandbox.wait_until("it is stopped", || is_stopped(pid));
    sandbox.svc("-u", &service);
    says("s: up (pid N) N seconds, normally down, paused");
    sandbox.svc("-dk", &service);
    says("s: down N seconds");
    assert!(!is_alive(pid));
}

fn a_paused_service_that_is_killed_comes_back_and_is_not_paused(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    let pid = service.pid();
    sandbox.svc("-p", &service);
    sandbox.wait_until("it is stopped", || is_stopped(pid) && service.is_paused());
    sandbox.svc("-k", &service);
    sandbox.wait_until("it is up again", || ![0, pid].contains(&service.pid()));
    sandbox.wait_until("and runs", || line(sandbox, &service) == "s: up (pid N) N seconds");
    assert!(!is_stopped(service.pid()));
}

fn once_and_down_are_the_same_to_svstat(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.supervise_up(&service);
    sandbox.svc("-o", &service);
    sandbox.wait_until("it is to run once", || service.want() == Some(0));
    assert_eq!(line(sandbox, &service), "s: up (pid N) N seconds");
    sandbox.svc("-t", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    assert_eq!(line(sandbox, &service), "s: down N seconds, normally up");
    assert_eq!(service.want(), Some(0));
}

fn each_tool_sees_the_end_of_supervise(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    let daemon = sandbox.supervise_up(&service);
    sandbox.tool("svok", &["s"]).is(0, "", "");
    sandbox.svc("-dx", &service);
    assert_eq!(sandbox.end_of(daemon), 0);
    sandbox.tool("svok", &["s"]).is(100, "", "");
    assert_eq!(line(sandbox, &service), "s: supervise not running");
    let warning = "svc: warning: unable to control s: supervise not running\n";
    sandbox.tool("svc", &["-u", "s"]).is(0, "", warning);
}
