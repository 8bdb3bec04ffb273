//! Every process of a service is accounted for: one that puts itself in the background is
//! supervised, stragglers end before the next start, and nobody is left after `svc -d`.
//!
//! Each story is told twice: with control groups, where they may be made, and without.

use std::fs;
use std::process::Command;

use crate::sandbox;
use crate::support::{Daemon, Sandbox, Service};

/// Whether services may have control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// Where the kernel and whoever runs the tests allow it.
    Wanted,
    Refused,
}

macro_rules! with_and_without_groups {
    ($($story:ident)*) => {
        mod with_groups {
            $(#[test] fn $story() { super::$story(super::Groups::Wanted) })*
        }
        mod without_groups {
            $(#[test] fn $story() { super::$story(super::Groups::Refused) })*
        }
    };
}

with_and_without_groups! {
    a_service_in_the_background_is_supervised_once
    nobody_is_taken_for_gone_while_there_is_no_descriptor_to_look_with
    a_daemon_that_is_known_is_told_of_with_its_flag
    a_daemon_that_forks_twice_and_closes_everything_is_supervised_once
    a_daemon_in_the_background_is_restarted_when_it_dies
    stragglers_of_a_crash_end_before_the_next_start
    who_has_only_the_session_of_its_service_is_ended
    a_crowd_that_ignores_term_is_gone_after_down
    what_ran_once_may_leave_a_daemon_until_down
    survivors_are_left_where_the_file_says_so
    survivors_are_ended_and_not_adopted_where_the_file_says_so
    who_sits_at_a_terminal_is_spared
}

fn svscan(sandbox: &Sandbox, service: &Service, groups: Groups) -> Daemon {
    sandbox.link(service, service.name());
    let scan = sandbox.path("scan").display().to_string();
    match groups {
        Groups::Wanted => sandbox.daemon("svscan", &[scan]),
        Groups::Refused => sandbox.daemon("svscan", &["--no-cgroups".to_owned(), scan]),
    }
}

/// The processes whose command line is this: words that only one test uses.
fn running(words: &str) -> Vec<u32> {
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.trim_end() == words
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_it).collect()
}

/// Seconds that no other sleep of this run of the tests sleeps.
fn number(sandbox: &Sandbox) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("1{:09}", RandomState::new().hash_one(sandbox.path("")) % 1_000_000_000)
}

fn is_down(sandbox: &Sandbox, service: &Service) -> bool {
    let line = sandbox.tool("svstat", &[service.path("")]).text();
    line.contains(": down") && !line.contains("ending")
}

fn a_service_in_the_background_is_supervised_once(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("ntpd", &format!("echo x >>starts; setsid -f {sleep}"));
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is up", || running(&sleep) == [service.pid()]);
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains("in the background"));
    sandbox.stays("there is one", || running(&sleep).len() == 1);
    assert_eq!(service.lines("starts").len(), 1);

    let said = sandbox.said(svscan);
    let pid = service.pid();
    assert!(said.starts_with("svscan: warning: ntpd: ./run exited 0 after "), "{said}");
    // By the name that it has just then: on a slow machine setsid has not become sleep yet.
    let told = |name: &str| {
        said.contains(&format!(
            "but left pid {pid} ({name}) running: it put itself in the background. \
             Supervising {pid} from now on."
        ))
    };
    assert!(told("sleep") || told("setsid"), "{said}");
    assert!(said.contains("Most programs have a flag that keeps them in the foreground"), "{said}");
    let line = sandbox.tool("svstat", &[service.path("")]).text();
    assert!(line.contains(&format!("up (pid {pid}) ")) && line.ends_with(", in the background\n"));

    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || is_down(&sandbox, &service) && running(&sleep).is_empty());
    sandbox.stays("it stays down", || running(&sleep).is_empty());
}

fn nobody_is_taken_for_gone_while_there_is_no_descriptor_to_look_with(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let script = format!("echo x >>starts; setsid -f {sleep}; until [ -e go ]; do sleep 0.1; done");
    let service = sandbox.running("a", &script);
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it has its daemon", || running(&sleep).len() == 1);
    let descriptors = |limit: &str| {
        let pid = svscan.pid.to_string();
        let mut prlimit = Command::new("prlimit");
        assert!(prlimit.args(["--pid", &pid, limit]).status().unwrap().success());
    };
    descriptors("--nofile=3:");
    service.write("go", "");
    // Longer than svscan waits for somebody whom it could see in the end.
    for _ in 0..5 {
        sandbox.stays("there is one", || running(&sleep).len() == 1);
    }
    descriptors("--nofile=1000:");
    sandbox.wait_until("it is found", || running(&sleep) == [service.pid()]);
    sandbox.stays("there is one", || running(&sleep).len() == 1);
    assert_eq!(service.lines("starts").len(), 1);
}

fn a_daemon_that_is_known_is_told_of_with_its_flag(groups: Groups) {
    let sandbox = sandbox();
    let number = number(&sandbox);
    // Whoever it is must be itself when it is looked at. Its name is that of the link.
    let script = format!(
        "setsid -f sh -c 'echo $$ >pid; exec ./ntpd {number}'\n\
         until grep -qsx ntpd /proc/$(cat pid)/comm; do sleep 0.05; done"
    );
    let service = sandbox.running("time", &script);
    std::os::unix::fs::symlink("/bin/sleep", service.path("ntpd")).unwrap();
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains("in the background"));
    let said = sandbox.said(svscan);
    assert!(said.ends_with(" from now on. To run it in the foreground: ntpd -n\n"), "{said}");
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || is_down(&sandbox, &service));
}

fn a_daemon_that_forks_twice_and_closes_everything_is_supervised_once(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let inner = format!("cd /; (exec {sleep} <&- >&- 2>&-) & sleep 0.1");
    let service = sandbox.running("d", &format!("setsid -f sh -c '{inner}'"));
    svscan(&sandbox, &service, groups);
    sandbox.wait_until("the last of them is it", || running(&sleep) == [service.pid()]);
    sandbox.stays("there is one", || running(&sleep).len() == 1);
    let pid = service.pid();
    let listed = sandbox.tool("svstat", &["-v".into(), service.path("")]).text();
    assert!(listed.ends_with(&format!(", in the background\n  {pid} sleep\n")), "{listed}");
    let json = sandbox.tool("svstat", &["--json".into(), service.path("")]).text();
    let process = format!("\"processes\":[{{\"pid\":{pid},\"parent\":");
    assert!(json.contains("\"state\":\"up\"") && json.contains(&process), "{json}");
    assert!(json.contains("\"remarks\":[\"in the background\"]"), "{json}");
    sandbox.svc("-d", &service);
    sandbox.wait_until("nobody is left", || is_down(&sandbox, &service));
    assert_eq!(running(&sleep), []);
}

fn a_daemon_in_the_background_is_restarted_when_it_dies(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("d", &format!("setsid -f {sleep}"));
    svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is up", || running(&sleep) == [service.pid()]);
    let first = service.pid();
    sandbox.svc("-k", &service);
    sandbox.wait_until("another is up", || {
        service.pid() != first && running(&sleep) == [service.pid()]
    });
}

fn stragglers_of_a_crash_end_before_the_next_start(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    // A second life that meets one of the first leaves a file. Who has ended and was not reaped yet
    // is met by nobody.
    let meets = format!(
        "for p in $(cat left 2>/dev/null); do\n\
                         case $(cat /proc/$p/stat 2>/dev/null) in '' | *') Z '* | *') X '*) ;;\n\
                         *) >met ;; esac; done\n\
                         >left; trap '' TERM\n\
                         for i in 1 2 3; do {sleep} & echo $! >>left; done\n\
                         echo x >>starts; exit 1"
    );
    let service = sandbox.running("a", &meets);
    service.write("max-deaths", "2 in 1h");
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is told", || sandbox.said(svscan).contains("a: ended with exit 1 and"));
    assert!(sandbox.said(svscan).contains(" left 3 processes; they are ended"));
    let status = || sandbox.tool("svstat", &[service.path("")]).text();
    sandbox.wait_until("svstat says it", || status().ends_with(", ending 3 processes it left\n"));
    sandbox.wait_until("it is given up", || sandbox.said(svscan).contains("given up"));
    assert_eq!(service.lines("starts").len(), 2);
    assert!(!service.has("met"), "two lives met");
    sandbox.wait_until("svstat says that as well", || status().ends_with(", given up\n"));
    assert_eq!(running(&sleep), []);
}

fn who_has_only_the_session_of_its_service_is_ended(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("a", &format!("env -i {sleep} &\nexec sleep 1000000"));
    svscan(&sandbox, &service, groups);
    let mut before = Vec::new();
    // The first life begins when svscan does, the next after that.
    for _ in 0..2 {
        sandbox.wait_until("another is there, alone", || {
            let now = running(&sleep);
            service.pid() != 0 && now.len() == 1 && now != before
        });
        before = running(&sleep);
        sandbox.svc("-t", &service);
    }
    sandbox.svc("-d", &service);
    sandbox.wait_until("nobody is left", || running(&sleep).is_empty());
}

/// As many as the issue of the day has; they ignore TERM and lead sessions of their own.
const CROWD: usize = 300;

fn a_crowd_that_ignores_term_is_gone_after_down(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let script = format!(
        "trap '' TERM\nfor i in $(seq {CROWD}); do setsid -f {sleep}; done\n\
                          trap - TERM\n>made\nexec sleep 1000000"
    );
    let service = sandbox.running("bomb", &script);
    svscan(&sandbox, &service, groups);
    sandbox.wait_until("they are there", || service.has("made") && running(&sleep).len() == CROWD);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || is_down(&sandbox, &service));
    assert_eq!(running(&sleep), []);
    assert!(service.pid() == 0);
}

fn what_ran_once_may_leave_a_daemon_until_down(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("a", &format!("setsid -f {sleep}"));
    service.write("down", "");
    svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is supervised", || service.is_supervised());
    sandbox.svc("-o", &service);
    sandbox.wait_until("it has run", || service.pid() == 0 && running(&sleep).len() == 1);
    sandbox.stays("what it left is left", || running(&sleep).len() == 1);
    let first = running(&sleep);
    sandbox.svc("-o", &service);
    sandbox.wait_until("the next life is alone", || {
        let now = running(&sleep);
        now.len() == 1 && now != first
    });
    sandbox.svc("-d", &service);
    sandbox.wait_until("nobody is left", || running(&sleep).is_empty());
}

fn survivors_are_left_where_the_file_says_so(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("a", &format!("setsid -f {sleep}"));
    service.write("survivors", "leave\n");
    service.write("max-deaths", "3 in 1h");
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is given up", || sandbox.said(svscan).contains("given up"));
    sandbox.wait_until("all are left, as daemontools has it", || running(&sleep).len() == 3);
    assert!(!sandbox.said(svscan).contains("in the background"));
}

fn survivors_are_ended_and_not_adopted_where_the_file_says_so(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let service = sandbox.running("a", &format!("setsid -f {sleep}"));
    service.write("survivors", "end\n");
    service.write("max-deaths", "3 in 1h");
    let svscan = svscan(&sandbox, &service, groups);
    sandbox.wait_until("it is given up", || sandbox.said(svscan).contains("given up"));
    assert_eq!(running(&sleep), []);
}

fn who_sits_at_a_terminal_is_spared(groups: Groups) {
    let sandbox = sandbox();
    let sleep = format!("sleep {}", number(&sandbox));
    let at_terminal =
        format!("setsid -f script -qc '{sleep}' /dev/null </dev/null >/dev/null 2>&1");
    let service = sandbox.running("sshd", &format!("{at_terminal}\n>let_in\nexec sleep 1000000"));
    svscan(&sandbox, &service, groups);
    sandbox.wait_until("somebody is in", || {
        service.has("let_in") && service.pid() != 0 && running(&sleep).len() == 1
    });
    let guest = running(&sleep);
    let first = service.pid();
    sandbox.svc("-t", &service);
    sandbox.wait_until("sshd is up again", || ![0, first].contains(&service.pid()));
    sandbox.stays("he goes on", || running(&sleep).contains(&guest[0]));
}
