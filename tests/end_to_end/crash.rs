//! svscan crashes, and goes on: the same process, the same services.

use sys::child;

use crate::sandbox;
use crate::support::is_alive;

/// SIGSEGV, SIGBUS, SIGABRT (a panic ends in it): as the kernel would send them.
const CRASHES: [i32; 3] = [11, 7, 6];

#[test]
fn a_crash_of_svscan_is_noticed_by_no_service() {
    let sandbox = sandbox();
    let script = "echo $$ >>starts\nnumber=0\n\
                  while :; do number=$((number + 1)); echo $number; sleep 0.01; done";
    let service = sandbox.running("a", script);
    service.log().script("exec cat >>said");
    sandbox.link(&service, "a");
    let svscan = sandbox.daemon_by_shell("exec svscan scan");
    let log = service.log();
    sandbox.wait_until("it is up", || service.pid() != 0 && log.pid() != 0);
    let pids = [service.pid(), log.pid()];
    for (crash, number) in CRASHES.into_iter().zip(1..) {
        child::signal(svscan.pid, crash).unwrap();
        sandbox.wait_until("it is prepared again", || is_prepared(svscan.pid, number));
    }
    let said = "crashed (SIGABRT): executing the program anew; services go on";
    assert!(sandbox.said(svscan).contains(said), "{}", sandbox.said(svscan));
    assert_eq!([service.pid(), log.pid()], pids);
    assert_eq!(service.lines("starts").len(), 1);
    let so_far = log.lines("said").len();
    sandbox.wait_until("lines come", || log.lines("said").len() > so_far + 10);
    let lines = log.lines("said");
    let numbers: Vec<String> = (1..=lines.len()).map(|number| number.to_string()).collect();
    assert_eq!(lines, numbers);
    // It hears what it heard before.
    sandbox.svc("-d", &service);
    sandbox.wait_until("letters are obeyed", || service.pid() == 0);
    child::signal(svscan.pid, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(svscan), 0);
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn a_row_of_crashes_comes_to_its_end_and_services_are_left_running() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    // As the eighth of a row is executed.
    let svscan = sandbox.daemon_by_shell(
        "KEEPUP_SUCCESSOR=\"$$ 0 3 008\"; export KEEPUP_SUCCESSOR; cd scan; exec svscan .",
    );
    // It would wait for 16 s, but for somebody who is there.
    sandbox.wait_until("it waits", || blocks_signals(svscan.pid));
    child::signal(svscan.pid, sys::signals::HUP).unwrap();
    sandbox.wait_until("it goes on", || service.pid() != 0);
    let pid = service.pid();
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environ).contains("SUCCESSOR"));
    child::signal(svscan.pid, CRASHES[0]).unwrap();
    sandbox.wait_until("it has ended", || !is_alive(svscan.pid));
    let said = sandbox.said(svscan);
    assert!(said.contains("crashed (SIGSEGV), one time too many"), "{said}");
    assert!(is_alive(pid));
    child::signal(pid, sys::signals::KILL).unwrap();
}

/// Whether it was executed after so many crashes and would survive the next.
fn is_prepared(pid: u32, crashes: u32) -> bool {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let environ = String::from_utf8_lossy(&environ);
    let is_it = |entry: &str| {
        entry.starts_with("KEEPUP_SUCCESSOR=") && entry.ends_with(&format!(" {crashes:03}"))
    };
    environ.split('\0').any(is_it) && has_signal(pid, "SigCgt:", CRASHES[2])
}

/// Whether it has blocked its signals; the one it waits for is not shown as such.
fn blocks_signals(pid: u32) -> bool {
    has_signal(pid, "SigBlk:", sys::signals::TERM)
}

/// Whether a line of `/proc/PID/status` holds a signal.
fn has_signal(pid: u32, line: &str, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let bits = status.lines().find_map(|it| it.strip_prefix(line)).unwrap_or_default();
    u64::from_str_radix(bits.trim(), 16).is_ok_and(|bits| bits >> (signal - 1) & 1 == 1)
}
