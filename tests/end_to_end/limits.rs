//! What a service may use: `limits/`.

use std::fs;

use crate::sandbox;
use crate::support::{Daemon, Sandbox, Service, is_alive, skipped};

fn limit(service: &Service, file: &str, text: &str) {
    fs::create_dir_all(service.path("limits")).unwrap();
    service.write(&format!("limits/{file}"), text);
}

#[test]
fn limits_of_each_process_are_those_of_the_files() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "cat /proc/self/limits >limits.txt\nexec sleep 1000000");
    for (file, text) in [
        ("open-files", "64"),
        ("core", "0"),
        ("stack", "1M"),
        ("cpu-time", "99"),
        // More than this test's user has, for he would not be able to fork.
        ("user-processes", "3000"),
    ] {
        limit(&service, file, text);
    }
    sandbox.supervise_up(&service);
    sandbox.wait_until("it has told", || service.read("limits.txt").contains("realtime"));
    let told = service.read("limits.txt");
    let of = |name: &str| {
        let line = told.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let values: Vec<&str> = line[name.len()..].split_whitespace().take(2).collect();
        values.join(" ")
    };
    assert_eq!(of("Max open files"), "64 64");
    assert_eq!(of("Max core file size"), "0 0");
    assert_eq!(of("Max stack size"), "1048576 1048576");
    assert_eq!(of("Max cpu time"), "99 99");
    assert_eq!(of("Max processes"), "3000 3000");
}

#[test]
fn more_than_we_have_ourselves_is_as_much_as_we_have() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "ulimit -Hn >hard\nexec sleep 1000000");
    limit(&service, "open-files", "unlimited");
    sandbox.supervise_up(&service);
    sandbox.wait_until("it has told", || !service.lines("hard").is_empty());
    let own = sandbox.shell("ulimit -Hn").text();
    assert_eq!(service.lines("hard"), own.lines().collect::<Vec<_>>());
}

#[test]
fn a_service_has_no_more_processes_than_its_limit_and_a_hit_is_told() {
    let sandbox = sandbox();
    // A fork that fails ends the shell. Without a controller twice as many as the limit would be
    // killed as a whole.
    let script = "for i in $(seq 15); do sleep 1000000 & done 2>/dev/null\n>tried\nwait";
    let service = sandbox.running("bomb", script);
    limit(&service, "processes", "10");
    service.write("max-deaths", "1 in 1h");
    let supervise = sandbox.supervise(&service);
    let said = || sandbox.said(supervise);
    sandbox.wait_until("it has tried", || service.has("tried") || said().contains("given up"));
    if service.has("tried") {
        return skipped("there is no pids controller here");
    }
    assert!(said().contains("bomb: hit its limit of 10 processes "), "{}", said());
    assert!(said().contains(" and left 9 processes"), "{}", said());
    let line = || sandbox.tool("svstat", &[service.path("")]).text();
    let limit = ", hit its limit of 10 processes ";
    sandbox.wait_until("svstat tells as well", || line().contains(limit));
}

/// svscan without control groups, which runs the service.
fn counted(sandbox: &Sandbox, service: &Service) -> Daemon {
    fs::create_dir(sandbox.path("scan")).unwrap();
    sandbox.link(service, service.name());
    sandbox.daemon("svscan", &["--no-cgroups", "scan"])
}

#[test]
fn without_a_controller_processes_are_counted_and_the_newest_too_many_killed() {
    let sandbox = sandbox();
    let script = "echo $$ >>starts\nfor i in $(seq 15); do sleep 1000000 & echo $! >>pids; \
                  sleep 0.05; done\nwait";
    let service = sandbox.running("many", script);
    limit(&service, "processes", "10");
    let svscan = counted(&sandbox, &service);
    sandbox.wait_until("a hit is told", || {
        sandbox.said(svscan).contains("many: hit its limit of 10 processes 1 time: it had ")
    });
    assert!(sandbox.said(svscan).contains(" newest "), "{}", sandbox.said(svscan));
    let alive = || {
        let pids = service.lines("pids");
        let pids: Vec<u32> = pids.iter().filter_map(|pid| pid.parse().ok()).collect();
        (pids.len(), pids.into_iter().filter(|pid| is_alive(*pid)).count())
    };
    sandbox.wait_until("those that are too many are gone", || alive() == (15, 9));
    assert_eq!(service.lines("starts").len(), 1);
    let line = sandbox.tool("svstat", &[service.path("")]).text();
    assert!(line.contains(": up ") && line.contains(", hit its limit of 10 processes "), "{line}");
    assert!(!line.contains("killed for it"), "{line}");
}

#[test]
fn without_a_controller_a_fork_bomb_is_killed_as_a_whole() {
    let sandbox = sandbox();
    let script = "echo $$ >>starts\nfor i in $(seq 60); do setsid sh -c 'trap : TERM; \
                  while :; do sleep 1000000; done' & done\nwait";
    let service = sandbox.running("bomb", script);
    limit(&service, "processes", "20");
    service.write("max-deaths", "1 in 1h");
    let svscan = counted(&sandbox, &service);
    sandbox.wait_until("it is given up", || sandbox.said(svscan).contains("given up"));
    let said = sandbox.said(svscan);
    let (before, after) = said.split_once("bomb: hit its limit of 20 processes ").unwrap();
    assert!(!before.contains("ended with") && !before.contains("died"), "{said}");
    assert!(after.contains(", and all are killed, the main process too\n"), "{said}");
    let line = sandbox.tool("svstat", &[service.path("")]).text();
    let told = line.split_once(", hit its limit of 20 processes ").map(|(_, told)| told);
    assert!(told.is_some_and(|told| told.contains(", killed for it ")), "{line}");
    sandbox.wait_until("only svscan is left", || sandbox.processes() == 1);
}

#[test]
fn a_limit_that_cannot_hold_is_told_of() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exec sleep 1000000");
    limit(&service, "memory", "64M");
    limit(&service, "processes", "100");
    fs::create_dir(sandbox.path("scan")).unwrap();
    sandbox.link(&service, "a");
    let svscan = sandbox.daemon("svscan", &["--no-cgroups", "scan"]);
    sandbox.wait_until("it is up", || service.pid() != 0);
    let told = "svscan: warning: a: its limits of memory and processors need control groups, and \
                there are none: they do not hold\n";
    assert_eq!(sandbox.said(svscan), told);
}

#[test]
fn a_limit_without_a_controller_is_told_of_with_the_reason() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exec sleep 1000000");
    limit(&service, "memory", "64M");
    limit(&service, "cpu", "1");
    let supervise = sandbox.supervise_up(&service);
    let said = sandbox.said(supervise);
    if !said.contains("unable to limit") {
        return skipped("there is a controller, or there are no control groups at all");
    }
    let why = "of a: that needs a control group controller of version 2, and there is none to be \
               had on this machine\n";
    assert!(said.ends_with(why), "{said}");
}

#[test]
fn a_limit_that_is_none_is_told_and_ignored() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exec sleep 1000000");
    limit(&service, "open-files", "many");
    let supervise = sandbox.supervise_up(&service);
    let told = "supervise: warning: a/limits/open-files: neither a number, such as 64M, nor \
                unlimited: ignored\n";
    assert_eq!(sandbox.said(supervise), told);
}

/// Says how likely it is to be killed for want of memory, once for each start.
const SCORE: &str = "cat /proc/self/oom_score_adj >>score\nexec sleep 1000000";

fn oom_score(pid: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap()
}

/// Whether a daemon is protected as well as it can be.
fn is_protected(sandbox: &Sandbox, daemon: Daemon) -> bool {
    let may = sandbox.shell("echo -900 >/proc/self/oom_score_adj").code == 0;
    let wanted = if may { "-900\n".to_owned() } else { oom_score("self") };
    oom_score(&daemon.pid.to_string()) == wanted
}

#[test]
fn a_service_is_as_likely_to_be_killed_for_want_of_memory_as_supervise_was() {
    let sandbox = sandbox();
    let service = sandbox.running("a", SCORE);
    let supervise = sandbox.supervise_up(&service);
    sandbox.wait_until("it has told", || service.read("score").ends_with('\n'));
    assert_eq!(service.read("score"), oom_score("self"));
    assert!(is_protected(&sandbox, supervise));
}

#[test]
fn services_are_as_likely_to_be_killed_for_want_of_memory_as_svscan_was() {
    let sandbox = sandbox();
    let services: Vec<_> = (0..12).map(|n| sandbox.running(&format!("s{n}"), SCORE)).collect();
    for service in &services {
        sandbox.link(service, service.name());
    }
    // One of those that start together does not come to be.
    sandbox.link(&sandbox.service("none"), "none");
    let svscan = sandbox.svscan();
    let told = |times| {
        let of_each = || services.iter().map(|service| service.read("score"));
        sandbox.wait_until("all have told", || {
            of_each().all(|score| score.lines().count() == times && score.ends_with('\n'))
        });
        assert!(of_each().all(|score| score == oom_score("self").repeat(times)));
    };
    told(1);
    sandbox.wait_until("svscan is protected", || is_protected(&sandbox, svscan));
    for service in &services {
        sandbox.svc("-t", service);
    }
    told(2);
    assert!(is_protected(&sandbox, svscan));
}
