//! What it costs to keep services: nothing while nothing happens, little while they crash.

use std::fs;
use std::time::{Duration, Instant};

use crate::sandbox;
use crate::support::{GLANCE, REST, WATCH, fork_ticks, ticks_per_second};

/// How long nothing may wake svscan: longer than its longest period, that of a scan directory which
/// cannot be watched.
const IDLE: Duration = Duration::from_secs(6);

/// How often a process has gone to sleep so far (it does so once for each time it was woken), or
/// `None` while it is awake: one that waits for a processor looks as if nothing woke it.
fn wakeups(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let sleeps = status.lines().any(|line| line == "State:\tS (sleeping)");
    sleeps.then(|| status.lines().filter(|line| line.contains("ctxt_switches")).collect())
}

#[test]
fn svscan_sleeps_while_nothing_happens() {
    let sandbox = sandbox();
    let services: Vec<_> = (0..20).map(|n| sandbox.running(&format!("s{n}"), REST)).collect();
    for service in &services {
        service.log().script("exec cat >/dev/null");
        sandbox.link(service, service.name());
    }
    let svscan = sandbox.svscan();
    sandbox.wait_until("all are up", || {
        services.iter().all(|service| service.pid() != 0 && service.log().pid() != 0)
    });
    // What the starts brought about may take a moment, and a loaded machine makes it longer.
    let (mut before, mut since) = (None, Instant::now());
    sandbox.wait_until("it has come to rest", || {
        let now = wakeups(svscan.pid);
        if now.is_none() || now != before {
            (before, since) = (now, Instant::now());
        }
        since.elapsed() > WATCH
    });
    let rest = Instant::now();
    while rest.elapsed() < IDLE {
        assert_eq!(wakeups(svscan.pid), before, "woken after {:?} of rest", rest.elapsed());
        std::thread::sleep(GLANCE);
    }
}

#[test]
fn a_service_that_crashes_at_once_is_started_less_and_less_often() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "cat /proc/$$/stat >>starts\nexit 3");
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    sandbox.wait_until("the pauses grow", || sandbox.said(svscan).ends_with("at once\n"));
    let said = sandbox.said(svscan);
    assert!(
        said.contains("a: ended 6 times soon after its start, the last time with exit 3"),
        "{said}"
    );
    let births =
        || service.lines("starts").iter().map(|line| fork_ticks(line)).collect::<Vec<u64>>();
    let is_soon = |births: &[u64]| births[1] - births[0] < 19 * ticks_per_second() / 10;
    sandbox.wait_until("it is started again", || births().len() > 6);
    assert!(!is_soon(&births()[5..]), "the next start is not after a second: {:?}", births());
    assert_eq!(sandbox.said(svscan), said, "and it was said once");
    // Where svc is slow to be run, the pause is over before it: the next pause is twice as long.
    let starts_at_once = (0..4).any(|_| {
        let so_far = births().len();
        sandbox.svc("-u", &service);
        sandbox.wait_until("it is started", || births().len() > so_far);
        is_soon(&births()[so_far - 1..])
    });
    assert!(starts_at_once, "svc -u does: {:?}", births());
}

#[test]
fn timeout_kill_ends_a_service_that_is_deaf_to_term() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "trap '' TERM\necho up >up\nwhile :; do sleep 0.1; done");
    service.write("timeout-kill", "300\n");
    let supervise = sandbox.supervise_up(&service);
    sandbox.wait_until("the trap is set", || service.has("up"));
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    let told = "has not ended in its time and is killed";
    sandbox.wait_until("it is told", || sandbox.said(supervise).contains(told));
}

#[test]
fn without_timeout_kill_it_is_never_killed() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "trap '' TERM\necho up >up\nwhile :; do sleep 0.1; done");
    sandbox.supervise_up(&service);
    sandbox.wait_until("the trap is set", || service.has("up"));
    let pid = service.pid();
    sandbox.svc("-d", &service);
    sandbox.stays("it lives", || service.pid() == pid);
    sandbox.svc("-k", &service);
    sandbox.wait_until("svc -k ends it", || service.pid() == 0);
}

#[test]
fn a_service_leads_its_own_session_unless_told_otherwise() {
    let sandbox = sandbox();
    let script = "cut -d' ' -f6 /proc/self/stat >session\necho $$ >pid\nexec sleep 1000000";
    let own = sandbox.running("own", script);
    let shared = sandbox.running("shared", script);
    shared.write("no-setsid", "");
    for service in [&own, &shared] {
        sandbox.supervise_up(service);
        sandbox.wait_until("it has told", || !service.lines("pid").is_empty());
    }
    assert_eq!(own.lines("session"), own.lines("pid"));
    assert_ne!(shared.lines("session"), shared.lines("pid"));
}

#[test]
fn a_service_has_three_descriptors_whatever_svscan_was_given() {
    let sandbox = sandbox();
    let service =
        sandbox.running("s", "ls /proc/$$/fd >list.new\nmv list.new list\nexec sleep 1000000");
    sandbox.daemon_by_shell("exec 9</dev/null; exec supervise s");
    sandbox.wait_until("run has looked around", || service.has("list"));
    let mut above: Vec<u32> = service.lines("list").iter().map(|fd| fd.parse().unwrap()).collect();
    // The shell has its script open, as 10 or as 255.
    above.retain(|fd| (3..10).contains(fd));
    assert_eq!(above, Vec::<u32>::new());
}
