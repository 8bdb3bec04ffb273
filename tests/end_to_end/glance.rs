//! svstat on many services: what it takes from svscan's own file is what it would find in their
//! directories.

use std::fs;

use crate::sandbox;
use crate::support::{Daemon, REST, Sandbox, Service};

/// What svstat says of a service after having looked at another of the same scan directory.
fn at_a_glance(sandbox: &Sandbox, name: &str) -> String {
    let said = sandbox.tool("svstat", &["scan/first", &format!("scan/{name}")]).text();
    said.lines().nth(1).unwrap_or_default().to_owned()
}

/// What it says when it is asked of this service alone.
fn alone(sandbox: &Sandbox, name: &str) -> String {
    sandbox.tool("svstat", &[format!("scan/{name}")]).text().trim_end().to_owned()
}

/// svscan with `first` and these services, when all are up.
fn up(sandbox: &Sandbox, services: &[&Service]) -> Daemon {
    let first = sandbox.resting("first");
    for service in services.iter().copied().chain([&first]) {
        sandbox.link(service, service.name());
    }
    let svscan = sandbox.svscan();
    let all = || first.pid() != 0 && services.iter().all(|it| it.pid() != 0);
    sandbox.wait_until("all are up", all);
    svscan
}

#[test]
fn what_svscan_has_written_down_is_shown_without_a_look_into_the_directory() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    up(&sandbox, &[&service]);
    let pid = service.pid();
    fs::remove_file(service.path("supervise/status")).unwrap();
    assert!(at_a_glance(&sandbox, "a").starts_with(&format!("scan/a: up (pid {pid}) ")));
    assert!(alone(&sandbox, "a").contains("unable to open supervise/status"));
}

#[test]
fn at_a_glance_and_alone_svstat_says_the_same_of_every_state() {
    let sandbox = sandbox();
    let stubborn = sandbox.running("stubborn", &format!("trap '' TERM\n>deaf\n{REST}"));
    let ready = sandbox.running("ready", &format!("echo >&3\n{REST}"));
    ready.write("notification-fd", "3");
    let [plain, down, paused, once] = ["plain", "down", "paused", "once"].map(|name| {
        let service = sandbox.resting(name);
        service.write("down", "");
        sandbox.link(&service, name);
        service
    });
    up(&sandbox, &[&stubborn, &ready]);
    let all = [&stubborn, &ready, &plain, &down, &paused, &once];
    sandbox.wait_until("all are taken", || all.iter().all(|it| it.is_supervised()));
    sandbox.wait_until("it does not hear TERM", || stubborn.has("deaf"));
    for (letters, service) in [("-u", &plain), ("-up", &paused), ("-o", &once), ("-d", &stubborn)] {
        sandbox.svc(letters, service);
    }
    // By the second, by which one of the two may be later.
    let words = |said: String| said.split(' ').filter(|it| it.parse::<u64>().is_err()).count();
    for (name, expected) in [
        ("stubborn", "want down"),
        ("ready", "ready"),
        ("plain", "normally down"),
        ("down", "down "),
        ("paused", "normally down, paused"),
        ("once", "up (pid"),
    ] {
        let told = |said: String| said.contains(expected);
        sandbox
            .wait_until(name, || told(alone(&sandbox, name)) && told(at_a_glance(&sandbox, name)));
        assert_eq!(words(alone(&sandbox, name)), words(at_a_glance(&sandbox, name)), "{name}");
    }
    fs::remove_file(plain.path("down")).unwrap();
    assert!(at_a_glance(&sandbox, "plain").ends_with(" seconds"));
    sandbox.svc("-d", &plain);
    sandbox.wait_until("it is down", || at_a_glance(&sandbox, "plain").contains(": down "));
    assert_eq!(words(alone(&sandbox, "plain")), words(at_a_glance(&sandbox, "plain")));
    sandbox.svc("-k", &stubborn);
}

#[test]
fn what_a_killed_svscan_has_written_down_is_not_shown() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let svscan = up(&sandbox, &[&service]);
    sandbox.kill(svscan);
    sandbox.end_of(svscan);
    assert_eq!(at_a_glance(&sandbox, "a"), "scan/a: supervise not running");
    // The next does not take this one, for its name begins with a dot.
    fs::rename(sandbox.path("scan/a"), sandbox.path("scan/.a")).unwrap();
    sandbox.svscan();
    let first_is_up = || at_a_glance(&sandbox, "first").contains("scan/first: up ");
    sandbox.wait_until("the first is taken", first_is_up);
    assert_eq!(at_a_glance(&sandbox, ".a"), "scan/.a: supervise not running");
    fs::rename(sandbox.path("scan/.a"), sandbox.path("scan/a")).unwrap();
    let pid = format!("scan/a: up (pid {}) ", service.pid());
    sandbox.wait_until("it is taken", || at_a_glance(&sandbox, "a").starts_with(&pid));
}

#[test]
fn another_directory_of_the_same_name_is_another_service() {
    let sandbox = sandbox();
    let [a, b] = ["a", "b"].map(|name| sandbox.resting(name));
    up(&sandbox, &[&a, &b]);
    for service in [&a, &b] {
        // Where svscan does not look: the name of no service begins with a dot.
        sandbox.link(service, ".new");
        fs::rename(sandbox.path("scan/.new"), sandbox.path("scan/.it")).unwrap();
        let pid = format!("scan/.it: up (pid {}) ", service.pid());
        assert!(at_a_glance(&sandbox, ".it").starts_with(&pid));
    }
}
