//! `./finish`, giving up, and the settings that decide when.

use crate::sandbox;
use crate::support::{REST, Sandbox, Service};

fn svstat(sandbox: &Sandbox, service: &Service) -> String {
    sandbox.tool("svstat", &[service.path("")]).text()
}

#[test]
fn finish_is_told_how_it_ended_as_s6_tells_it() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo $$ >>pids\ntest -e crash && kill -9 $$\nexit 7");
    service.executable("finish", "#!/bin/sh\necho \"$@\" >>told\n");
    service.write("max-deaths", "1 in 1h");
    sandbox.supervise(&service);
    sandbox.wait_until("finish has run", || service.lines("told").len() == 1);
    // Whoever says up before finish has ended says it too soon.
    sandbox.wait_until("it is given up", || svstat(&sandbox, &service).ends_with("given up\n"));
    service.write("crash", "");
    sandbox.svc("-u", &service);
    sandbox.wait_until("finish has run again", || service.lines("told").len() == 2);
    let pids = service.lines("pids");
    let told = [format!("7 0 a {}", pids[0]), format!("256 9 a {}", pids[1])];
    assert_eq!(service.lines("told"), told);
}

#[test]
fn finish_runs_to_its_end_before_the_next_start_and_svstat_says_so() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "test -e busy && >met\n>busy\nexit 1");
    service.executable("finish", "#!/bin/sh\nwhile ! test -e go; do sleep 0.01; done\nrm busy\n");
    service.write("timeout-finish", "0");
    sandbox.supervise(&service);
    sandbox.wait_until("it finishes", || svstat(&sandbox, &service).ends_with(", finishing\n"));
    sandbox.stays("it is not started again", || service.has("busy"));
    service.write("go", "");
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || !svstat(&sandbox, &service).contains("finishing"));
    assert!(!service.has("met"));
}

#[test]
fn finish_that_exits_125_gives_up() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    service.executable("finish", "#!/bin/sh\nexit 125\n");
    let supervise = sandbox.supervise(&service);
    let given_up = || svstat(&sandbox, &service).ends_with(", normally up, given up\n");
    sandbox.wait_until("it is given up", given_up);
    let told = "a/finish exited 125: given up; svc -u a";
    sandbox.wait_until("it is told", || sandbox.said(supervise).contains(told));
    sandbox.stays("it is not started again", || service.lines("starts").len() == 1);
    sandbox.svc("-u", &service);
    sandbox.wait_until("svc -u starts it", || service.lines("starts").len() == 2);
}

#[test]
fn finish_that_hangs_is_killed_in_its_time_with_what_it_left() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    service.executable("finish", "#!/bin/sh\ntrap '' TERM\nsleep 1000000\n");
    service.write("timeout-finish", "100");
    let supervise = sandbox.supervise(&service);
    sandbox.wait_until("it is started again", || service.lines("starts").len() >= 2);
    assert!(sandbox.said(supervise).contains("a/finish, process "));
    sandbox.svc("-d", &service);
}

#[test]
fn finish_that_cannot_be_started_is_told_and_keeps_nobody() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    service.write("finish", "#!/bin/sh\n");
    let supervise = sandbox.supervise(&service);
    sandbox.wait_until("it is started again", || service.lines("starts").len() >= 2);
    let told = "supervise: warning: unable to start a/finish: access denied: it is not \
                executable; chmod +x a/finish\n";
    assert!(sandbox.said(supervise).starts_with(told), "{}", sandbox.said(supervise));
}

#[test]
fn a_service_that_dies_too_often_is_given_up_until_an_operator_says_up() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    service.write("max-deaths", "2 in 1h\n");
    let supervise = sandbox.supervise(&service);
    sandbox.wait_until("it is given up", || svstat(&sandbox, &service).ends_with("given up\n"));
    let told = "a: died 2 times within 1h, as often as a/max-deaths allows: given up; svc -u a";
    sandbox.wait_until("it is told", || sandbox.said(supervise).contains(told));
    assert_eq!(service.lines("starts").len(), 2);
    service.script(REST);
    sandbox.svc("-u", &service);
    sandbox.wait_until("it is up", || service.pid() != 0);
    sandbox.wait_until("svstat says so", || !svstat(&sandbox, &service).contains("given up"));
}

#[test]
fn svstat_says_how_long_the_pause_is_and_why() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "exit 3");
    sandbox.supervise(&service);
    let mut line = String::new();
    sandbox.wait_until("it backs off", || {
        line = svstat(&sandbox, &service);
        line.contains(", want up, backing off ")
    });
    let deaths = line.split(" s, ").nth(1).and_then(|rest| rest.split_once(" deaths in "));
    let deaths = deaths.and_then(|(count, _)| count.parse().ok());
    // The sixth has the first pause that is told; on a slow machine it is a later one.
    assert!(deaths.is_some_and(|deaths: u32| deaths >= 6), "{line}");
    assert!(line.ends_with(", last: exit 3\n"), "{line}");
}

#[test]
fn what_a_setting_file_says_wrongly_is_told_once() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    service.write("max-deaths", "often");
    let supervise = sandbox.supervise(&service);
    sandbox.wait_until("it has started thrice", || service.lines("starts").len() >= 3);
    let told = "supervise: warning: a/max-deaths: not a number and a time (5 in 1m): ignored";
    let said = sandbox.said(supervise);
    assert!(said.starts_with(told), "{said}");
    assert_eq!(said.matches("max-deaths").count(), 1, "{said}");
    // In one piece: an empty file would be told of as well.
    service.write("soon", "soon");
    std::fs::rename(service.path("soon"), service.path("timeout-kill")).unwrap();
    let told = "supervise: warning: a/timeout-kill: not milliseconds and not a time";
    sandbox.wait_until("another is told too", || sandbox.said(supervise).contains(told));
    let starts = service.lines("starts").len();
    sandbox.wait_until("it has started again", || service.lines("starts").len() > starts + 1);
    let said = sandbox.said(supervise);
    assert_eq!((said.matches("max-deaths").count(), said.matches(told).count()), (1, 1), "{said}");
}

#[test]
fn svscans_own_directory_has_the_settings_of_all() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo x >>starts\nexit 1");
    sandbox.link(&service, "a");
    std::fs::create_dir_all(sandbox.path("scan/.svscan")).unwrap();
    std::fs::write(sandbox.path("scan/.svscan/max-deaths"), "1 in 1h").unwrap();
    sandbox.svscan();
    sandbox.wait_until("it is given up", || svstat(&sandbox, &service).ends_with("given up\n"));
    assert_eq!(service.lines("starts").len(), 1);
}
