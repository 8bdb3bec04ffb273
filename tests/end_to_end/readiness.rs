//! `notification-fd` and `svc -w`: who waits for a service is told the truth, or why not.

use crate::sandbox;
use crate::support::{REST, Sandbox, Service};

/// svc with these words for a service: its exit code and what it complains of.
fn svc(sandbox: &Sandbox, words: &[&str], service: &Service) -> (i32, String) {
    let path = service.path("").display().to_string();
    let words: Vec<&str> = words.iter().copied().chain([path.as_str()]).collect();
    let ran = sandbox.tool("svc", &words);
    (ran.code, ran.complaint())
}

fn svstat(sandbox: &Sandbox, service: &Service) -> String {
    sandbox.tool("svstat", &[service.path("")]).text()
}

#[test]
fn a_service_is_ready_when_it_says_so() {
    let sandbox = sandbox();
    let script = "while ! test -e go; do sleep 0.01; done\necho >&3\nexec 3>&-\n\
                  exec sleep 1000000";
    let service = sandbox.running("a", script);
    service.write("notification-fd", "3\n");
    sandbox.supervise_up(&service);
    let (code, why) = svc(&sandbox, &["-w", "ready", "-T", "50"], &service);
    assert_eq!(code, 111);
    assert!(why.contains("a/ is not ready after 50ms but up (pid "), "{why}");
    assert!(!svstat(&sandbox, &service).contains("ready"));
    service.write("go", "");
    assert_eq!(svc(&sandbox, &["-w", "ready"], &service), (0, String::new()));
    assert!(svstat(&sandbox, &service).contains(", ready "));
}

#[test]
fn a_descriptor_of_any_number_will_do_and_each_life_is_asked_anew() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo hello >&9\nexec sleep 1000000");
    service.write("notification-fd", "9");
    sandbox.supervise_up(&service);
    assert_eq!(svc(&sandbox, &["-wU"], &service), (0, String::new()));
    service.script(REST);
    let first = service.pid();
    sandbox.svc("-k", &service);
    sandbox.wait_until("it is up again", || service.pid() != 0 && service.pid() != first);
    sandbox.stays("this life says nothing", || !svstat(&sandbox, &service).contains("ready"));
}

#[test]
fn a_service_that_closes_it_and_says_nothing_costs_no_more() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exec 3>&-\nexec sleep 1000000");
    service.write("notification-fd", "3");
    let supervise = sandbox.supervise_up(&service);
    let ticks = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", supervise.pid)).unwrap();
        stat.split(' ').nth(13).unwrap().parse::<u64>().unwrap()
    };
    let before = ticks();
    sandbox.stays("it sleeps", || ticks() < before + 20);
    assert!(!svstat(&sandbox, &service).contains("ready"));
}

#[test]
fn svc_waits_for_what_it_asks_for() {
    let sandbox = sandbox();
    let service = sandbox.running("a", REST);
    service.write("down", "");
    service.executable("finish", "#!/bin/sh\nsleep 0.3\n>finished\n");
    sandbox.supervise(&service);
    assert_eq!(svc(&sandbox, &["-uw", "up"], &service), (0, String::new()));
    assert_ne!(service.pid(), 0);
    assert_eq!(svc(&sandbox, &["-dw", "finished"], &service), (0, String::new()));
    assert!(service.pid() == 0 && service.has("finished"));
}

#[test]
fn what_did_not_happen_is_told_and_the_exit_code_says_so() {
    let sandbox = sandbox();
    let crashing = sandbox.running("a", "exit 1");
    sandbox.supervise(&crashing);
    let (code, why) = svc(&sandbox, &["-wd", "-T300ms"], &crashing);
    assert_eq!(code, 111, "{why}");
    assert!(why.contains("a/ is not down after 300ms but "), "{why}");

    let alone = sandbox.running("b", REST);
    let (code, why) = svc(&sandbox, &["-wd", "-T300ms"], &alone);
    assert_eq!(code, 111);
    assert!(why.ends_with("b/: supervise not running after 300ms\n"), "{why}");
    let none = sandbox.tool("svc", &["-wd", "none"]);
    assert!(none.code == 111 && none.complaint().contains("unable to chdir to none"), "{none:?}");
    for (words, told) in [(["-w", "gone"], "gone is no state"), (["-T", "soon"], "soon is no time")]
    {
        let (code, why) = svc(&sandbox, &words, &alone);
        assert!(code == 100 && why.contains(told), "{why}");
    }
}

#[test]
fn a_service_whose_link_is_new_is_waited_for_and_gets_its_letters() {
    let sandbox = sandbox();
    let service = sandbox.running("a", REST);
    service.write("down", "");
    let path = service.path("").display().to_string();
    let waiting = sandbox.daemon("svc", &["-u", "-w", "up", &path]);
    sandbox.stays("it waits", || sandbox.ended(waiting).is_none());
    sandbox.supervise(&service);
    assert_eq!(sandbox.end_of(waiting), 0);
    assert_ne!(service.pid(), 0);
}

#[test]
fn those_that_are_there_are_told_before_one_that_is_not_is_waited_for() {
    let sandbox = sandbox();
    let (late, there) = (sandbox.running("a", REST), sandbox.running("b", REST));
    sandbox.supervise_up(&there);
    let paths = [&late, &there].map(|service| service.path("").display().to_string());
    let waiting = sandbox.daemon("svc", &["-d", "-w", "down", &paths[0], &paths[1]]);
    sandbox.wait_until("it is told", || there.pid() == 0);
    assert_eq!(sandbox.ended(waiting), None);
    sandbox.supervise(&late);
    assert_eq!(sandbox.end_of(waiting), 0);
    assert_eq!(late.pid(), 0);
}

#[test]
fn a_supervise_that_dies_is_not_waited_for() {
    let sandbox = sandbox();
    let service = sandbox.running("a", REST);
    let supervise = sandbox.supervise_up(&service);
    let path = service.path("").display().to_string();
    let waiting = sandbox.daemon("svc", &["-w", "down", &path]);
    sandbox.stays("it waits", || sandbox.ended(waiting).is_none());
    sandbox.kill(supervise);
    assert_eq!(sandbox.end_of(waiting), 111);
    assert!(sandbox.said(waiting).contains("supervise not running"));
    sandbox.shell(&format!("kill {}", service.pid()));
}
