//! A service that cannot be started: said once, with file, reason and cure, and no busy loop.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox;
use crate::support::{Daemon, Sandbox, Service};

/// Links the service, and waits until svscan has said something of it.
fn refused(sandbox: &Sandbox, service: &Service) -> (Daemon, String) {
    sandbox.link(service, service.name());
    let svscan = sandbox.svscan();
    sandbox.wait_until("svscan has said why", || sandbox.said(svscan).ends_with('\n'));
    (svscan, sandbox.said(svscan))
}

/// What svscan says of this `run`, which stays the only thing it says.
fn says_once(run: impl FnOnce(&Service), expected: &str) {
    let sandbox = sandbox();
    let service = sandbox.service("a");
    run(&service);
    let (svscan, said) = refused(&sandbox, &service);
    assert_eq!(said, format!("svscan: warning: unable to start a/run: {expected}\n"));
    sandbox.stays("it is said once", || sandbox.said(svscan) == said);
    assert!(service.is_supervised(), "svc and svstat find it all the same");
}

fn run_file(service: &Service, text: &str, mode: u32) {
    service.write("run", text);
    fs::set_permissions(service.path("run"), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_a_run_the_cure_is_to_write_one() {
    says_once(|_| {}, "file does not exist: write it, or remove the link a if it is no service");
}

#[test]
fn a_run_that_is_not_executable_wants_chmod() {
    says_once(
        |service| run_file(service, "#!/bin/sh\nexec sleep 1000\n", 0o644),
        "access denied: it is not executable; chmod +x a/run",
    );
}

#[test]
fn a_missing_interpreter_is_named() {
    says_once(
        |service| run_file(service, "#!/bin/missing -x\n", 0o755),
        "file does not exist: its first line asks for /bin/missing, which is not there",
    );
}

#[test]
fn a_carriage_return_in_the_first_line_is_seen() {
    says_once(
        |service| run_file(service, "#!/bin/sh\r\nexec sleep 1000\r\n", 0o755),
        "file does not exist: its first line ends in a carriage return; save it with Unix line \
         ends",
    );
}

#[test]
fn a_script_without_an_interpreter_is_told_to_name_one() {
    says_once(
        |service| run_file(service, "exec sleep 1000\n", 0o755),
        "exec format error: it has no first line that names its interpreter, as #!/bin/sh does",
    );
}

#[test]
fn a_directory_is_no_program() {
    says_once(
        |service| fs::create_dir(service.path("run")).unwrap(),
        "access denied: it is a directory; it must be a program",
    );
}

#[test]
fn a_dangling_link_is_followed_by_name() {
    says_once(
        |service| std::os::unix::fs::symlink("elsewhere", service.path("run")).unwrap(),
        "file does not exist: it is a link to elsewhere, which is not there",
    );
}

#[test]
fn once_mended_it_starts_by_itself_and_says_so() {
    let sandbox = sandbox();
    let service = sandbox.service("a");
    run_file(&service, "#!/bin/sh\nexec sleep 1000000\n", 0o644);
    let (svscan, _) = refused(&sandbox, &service);
    fs::set_permissions(service.path("run"), Permissions::from_mode(0o755)).unwrap();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let told = "svscan: info: a: started; what kept it from starting is gone\n";
    sandbox.wait_until("it is told", || sandbox.said(svscan).ends_with(told));
}

#[test]
fn the_reason_also_goes_into_the_log_of_the_service() {
    let sandbox = sandbox();
    let service = sandbox.service("a");
    service.log().script("exec cat >>said");
    refused(&sandbox, &service);
    sandbox.wait_until("the log has it", || {
        service.log().read("said").contains("unable to start a/run: file does not exist")
    });
}

#[test]
fn another_reason_is_said_again() {
    let sandbox = sandbox();
    let service = sandbox.service("a");
    let (svscan, _) = refused(&sandbox, &service);
    run_file(&service, "", 0o644);
    sandbox
        .wait_until("the new reason is said", || sandbox.said(svscan).contains("not executable"));
}
