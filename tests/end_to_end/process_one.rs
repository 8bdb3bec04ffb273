//! svscan as process 1: it reaps what is not its own, and its end is the end of all.

use std::fs;
use std::process::Command;

use crate::sandbox;
use crate::support::skipped;

/// Whether a pid namespace can be made here, by root or by whoever may.
fn can_be_process_one() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(NAMESPACE).arg("true");
    unshare.output().is_ok_and(|output| output.status.success())
}

const NAMESPACE: [&str; 6] =
    ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];

#[test]
fn process_one_reaps_orphans_and_stops_everything() {
    if !can_be_process_one() {
        return skipped("no pid namespace can be made here");
    }
    let sandbox = sandbox();
    // Orphans of orphans: `sh` ends before what it has started, again and again.
    // Whoever has ended and is not reaped is still in /proc.
    let script = "for i in 1 2 3 4 5 6 7 8; do sh -c 'sleep 0.2 & echo $! >>orphans' & done\n\
                  wait\nfor orphan in $(cat orphans); do\n\
                  while [ -e /proc/$orphan ]; do sleep 0.05; done; done\necho $$ >done\n\
                  exec sleep 1000000";
    let service = sandbox.running("a", script);
    service.log().script("exec cat >>said");
    sandbox.link(&service, "a");
    let namespace = NAMESPACE.join(" ");
    let started = sandbox.daemon_by_shell(&format!("exec unshare {namespace} svscan scan"));
    sandbox.wait_until("the orphans are reaped", || service.has("done"));
    assert_eq!(service.lines("orphans").len(), 8);
    sandbox.wait_until("it is up", || service.pid() != 0);
    let svscan = only_child(started.pid);
    let status = fs::read_to_string(format!("/proc/{svscan}/status")).unwrap();
    assert!(
        status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1")),
        "{status}"
    );
    sys::child::signal(svscan, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(started), 0);
    assert_eq!(service.pid(), 0);
}

fn only_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.trim().parse().unwrap()
}
