//! What svscan makes of the entries of its directory.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{REST, Sandbox, each_suite, is_alive};

each_suite!(
    links_and_directories_are_started_and_those_that_come_later,
    dot_names_and_files_are_no_services_and_a_link_to_nowhere_is_warned_of,
    a_renamed_link_is_the_same_service,
    two_links_to_one_directory_are_one_service,
    another_directory_under_an_old_name_is_another_service,
    a_removed_link_stops_nothing,
    a_supervise_that_has_left_comes_back_while_its_link_is_there,
    without_an_argument_it_is_this_directory,
    a_directory_that_is_none_is_111,
    a_service_without_a_logger_writes_to_the_output_of_svscan,
);

/// Waits until svscan has looked twice at its directory: what was changed before is old news.
fn looked(sandbox: &Sandbox) {
    for name in ["probe1", "probe2"] {
        let probe = sandbox.resting(name);
        sandbox.link(&probe, name);
        sandbox.wait_until("svscan finds a new link", || probe.is_supervised());
    }
}

fn links_and_directories_are_started_and_those_that_come_later(sandbox: &Sandbox) {
    let linked = sandbox.resting("linked");
    sandbox.link(&linked, "linked");
    let inside = sandbox.resting("scan/inside");
    sandbox.svscan();
    sandbox.wait_until("both are up", || linked.pid() != 0 && inside.pid() != 0);
    let later = sandbox.resting("later");
    sandbox.link(&later, "another-name");
    sandbox.wait_until("the later one is up", || later.pid() != 0);
    sandbox.tool("svok", &["scan/another-name"]).is(0, "", "");
    for service in [&linked, &inside, &later] {
        assert!(is_alive(service.pid()));
    }
}

fn dot_names_and_files_are_no_services_and_a_link_to_nowhere_is_warned_of(sandbox: &Sandbox) {
    let hidden = sandbox.resting("hidden");
    sandbox.link(&hidden, ".hidden");
    fs::write(sandbox.path("scan/README"), "no service").unwrap();
    symlink("nowhere", sandbox.path("scan/dangling")).unwrap();
    let daemon = sandbox.svscan();
    looked(sandbox);
    assert!(!hidden.has("supervise"));
    let warning = "svscan: warning: unable to stat dangling: file does not exist";
    let said = sandbox.said(daemon);
    assert!(said.contains(warning), "{said}");
    assert!(!said.contains("hidden"), "{said}");
    sandbox.expect_failure_on_ours("a file that is no service is said once");
    assert!(!said.contains("README"), "{said}");
}

fn a_renamed_link_is_the_same_service(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.link(&service, "before");
    let daemon = sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let status = service.status();
    fs::rename(sandbox.path("scan/before"), sandbox.path("scan/after")).unwrap();
    looked(sandbox);
    assert_eq!(service.status(), status);
    assert_eq!(sandbox.said(daemon), "");
    sandbox.tool("svc", &["-t", "scan/after"]).is(0, "", "");
    sandbox.wait_until("it was started again", || service.status()[..12] > status[..12]);
}

fn two_links_to_one_directory_are_one_service(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.link(&service, "one");
    sandbox.link(&service, "two");
    let daemon = sandbox.svscan();
    looked(sandbox);
    sandbox.wait_until("it is up", || service.pid() != 0);
    sandbox.expect_failure_on_ours("a second name of a service is said once");
    assert_eq!(sandbox.said(daemon), "");
}

fn another_directory_under_an_old_name_is_another_service(sandbox: &Sandbox) {
    let (old, new) = (sandbox.resting("old"), sandbox.resting("new"));
    sandbox.link(&old, "s");
    sandbox.svscan();
    sandbox.wait_until("the old one is up", || old.pid() != 0);
    let status = old.status();
    fs::remove_file(sandbox.path("scan/s")).unwrap();
    sandbox.link(&new, "s");
    sandbox.wait_until("the new one is up", || new.pid() != 0);
    assert_eq!(old.status(), status);
    assert!(is_alive(old.pid()));
}

fn a_removed_link_stops_nothing(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.link(&service, "s");
    sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let (status, pid) = (service.status(), service.pid());
    fs::remove_file(sandbox.path("scan/s")).unwrap();
    looked(sandbox);
    assert_eq!(service.status(), status);
    assert!(is_alive(pid) && service.is_supervised());
    sandbox.svc("-dx", &service);
    sandbox.wait_until("it has gone", || !service.is_supervised());
    assert!(!is_alive(pid));
    let third = sandbox.resting("probe3");
    sandbox.link(&third, "probe3");
    sandbox.wait_until("svscan looks again", || third.is_supervised());
    assert!(!service.is_supervised());
}

fn a_supervise_that_has_left_comes_back_while_its_link_is_there(sandbox: &Sandbox) {
    let service = sandbox.resting("s");
    sandbox.link(&service, "s");
    sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let pid = service.pid();
    sandbox.svc("-dx", &service);
    sandbox.wait_until("it is down", || !is_alive(pid));
    sandbox.wait_until("it is up again", || {
        service.is_supervised() && ![0, pid].contains(&service.pid())
    });
    assert_eq!(service.want(), Some(b'u'));
}

fn without_an_argument_it_is_this_directory(sandbox: &Sandbox) {
    let service = sandbox.resting("scan/s");
    sandbox.daemon_by_shell("cd scan && exec svscan");
    sandbox.wait_until("it is up", || service.pid() != 0);
}

fn a_directory_that_is_none_is_111(sandbox: &Sandbox) {
    let daemon = sandbox.daemon("svscan", &["nowhere"]);
    assert_eq!(sandbox.end_of(daemon), 111);
    let fatal = "svscan: fatal: unable to chdir to nowhere: file does not exist\n";
    assert_eq!(sandbox.said(daemon), fatal);
}

fn a_service_without_a_logger_writes_to_the_output_of_svscan(sandbox: &Sandbox) {
    let service = sandbox.running("s", &format!("echo good; echo bad >&2\n{REST}"));
    sandbox.link(&service, "s");
    let daemon = sandbox.svscan();
    sandbox.wait_until("it has spoken", || sandbox.said(daemon) == "bad\n");
    assert_eq!(sandbox.printed(daemon), "good\n");
}
