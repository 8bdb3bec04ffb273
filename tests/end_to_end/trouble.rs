//! What happens to svscan, and what it must live through: each of these stories once ended badly.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;

use crate::sandbox;
use crate::support::{Daemon, REST, Sandbox, Service};

/// A ./run that notes each of its starts.
const NOTED: &str = "echo start >>starts; exec sleep 1000000";
/// A logger that takes a line at a time.
const LOGGER: &str = "while IFS= read -r line; do echo \"$line\" >>lines; done";

fn starts(service: &Service) -> usize {
    service.lines("starts").len()
}

fn times_said(sandbox: &Sandbox, svscan: Daemon, words: &str) -> usize {
    sandbox.said(svscan).lines().filter(|line| line.contains(words)).count()
}

/// A service with a logger, both up.
fn logged(sandbox: &Sandbox, script: &str) -> (Service, Daemon) {
    let service = sandbox.running("a", script);
    service.log().script(LOGGER);
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    let up = || service.pid() != 0 && service.log().pid() != 0;
    sandbox.wait_until("both are up", up);
    (service, svscan)
}

#[test]
fn a_service_ended_by_a_real_time_signal_is_started_again() {
    let sandbox = sandbox();
    let service = sandbox.running("a", NOTED);
    sandbox.supervise_up(&service);
    let pid = service.pid();
    sandbox.shell(&format!("kill -34 {pid}")).is(0, "", "");
    sandbox.wait_until("it is started again", || ![0, pid].contains(&service.pid()));
}

#[test]
fn ends_are_heard_where_svscan_was_given_sigchld_ignored() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo start >>starts");
    sandbox.link(&service, "a");
    sandbox.daemon_by_shell("trap '' CHLD; exec svscan scan");
    sandbox.wait_until("it is started again", || starts(&service) > 1);
}

#[test]
fn a_service_finds_its_own_fifos_from_its_first_breath() {
    let sandbox = sandbox();
    let script = "cd supervise && [ -p ok ] && echo d >control; sleep 1000000";
    let service = sandbox.running("a", script);
    sandbox.link(&service, "a");
    sandbox.svscan();
    sandbox.wait_until("it has told itself to go down", || service.want() == Some(b'd'));
    sandbox.wait_until("it is down", || service.pid() == 0);
}

#[test]
fn a_service_that_cannot_be_controlled_is_not_started() {
    let sandbox = sandbox();
    let service = sandbox.running("a", NOTED);
    fs::create_dir_all(service.path("supervise/control")).unwrap();
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    let told = || times_said(&sandbox, svscan, "supervise/control");
    sandbox.wait_until("it is told", || told() > 0);
    assert_eq!(starts(&service), 0);
    fs::remove_dir(service.path("supervise/control")).unwrap();
    sandbox.wait_until("it is up", || service.pid() != 0 && starts(&service) > 0);
    assert_eq!((starts(&service), told()), (1, 1));
}

#[test]
fn services_that_leave_and_lose_their_link_leave_no_descriptor_behind() {
    let sandbox = sandbox();
    let svscan = sandbox.svscan();
    let other = sandbox.resting("b");
    sandbox.link(&other, "b");
    sandbox.wait_until("it is up", || other.is_supervised() && other.pid() != 0);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", svscan.pid)).unwrap().count();
    // Of b some may be open for a moment still, or not open yet. A round would leak at least two,
    // and three of them more than this.
    let most = descriptors() + 4;
    let service = sandbox.resting("a");
    let log = service.log();
    log.script(LOGGER);
    for _ in 0..3 {
        sandbox.link(&service, "a");
        sandbox.wait_until("both are up", || service.pid() != 0 && log.pid() != 0);
        service.control(b"dx");
        log.control(b"dx");
        let gone = || !service.is_supervised() && !log.is_supervised();
        sandbox.wait_until("both have left", gone);
        fs::remove_file(sandbox.path("scan/a")).unwrap();
    }
    sandbox.wait_until("nothing is left", || descriptors() <= most);
}

#[test]
fn a_service_without_logger_and_link_is_still_the_same_when_the_link_is_back() {
    let sandbox = sandbox();
    let (service, svscan) = logged(&sandbox, REST);
    let pid = service.pid();
    service.log().control(b"dx");
    sandbox.wait_until("the logger has left", || !service.log().is_supervised());
    fs::remove_file(sandbox.path("scan/a")).unwrap();
    sandbox.link(&service, "again");
    sandbox.wait_until("the logger is back", || service.log().pid() != 0);
    assert_eq!((service.pid(), sandbox.said(svscan)), (pid, String::new()));
}

#[test]
fn a_logger_that_is_somebody_elses_is_told_of_once() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let log = service.log();
    log.script(LOGGER);
    fs::create_dir(log.path("supervise")).unwrap();
    let held = sys::lock::acquire_now(&log.path("supervise/lock")).unwrap();
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    sandbox.wait_until("the service is up", || service.pid() != 0);
    // Each try looks for the pipe first, and makes it anew.
    let pipe = log.path("supervise/pipe");
    for _ in 0..2 {
        fs::remove_file(&pipe).unwrap();
        sandbox.wait_until("it is tried again", || pipe.exists());
    }
    assert_eq!(times_said(&sandbox, svscan, "another supervise runs there"), 1);
    drop(held);
    sandbox.wait_until("the logger is up", || log.pid() != 0);
}

#[test]
fn a_directory_that_takes_the_place_of_another_is_the_service_then() {
    let sandbox = sandbox();
    let (service, _) = logged(&sandbox, REST);
    let old_pids = [service.pid(), service.log().pid()];
    fs::rename(service.path(""), sandbox.path("old")).unwrap();
    let (old, new) = (sandbox.service("old"), sandbox.running("a", NOTED));
    new.log().script(LOGGER);
    old.control(b"t");
    sandbox.wait_until("the new ones are up", || {
        new.pid() != 0 && new.log().pid() != 0 && starts(&new) == 1
    });
    assert!(!old_pids.contains(&new.pid()) && !old_pids.contains(&new.log().pid()));
    let gone = || !old.is_supervised() && !old.log().is_supervised();
    sandbox.wait_until("the old ones have left", gone);
}

#[test]
fn a_directory_that_moved_with_its_link_is_the_same_service() {
    let sandbox = sandbox();
    let service = sandbox.running("a", NOTED);
    sandbox.link(&service, "a");
    sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let pid = service.pid();
    fs::rename(service.path(""), sandbox.path("moved")).unwrap();
    let moved = sandbox.service("moved");
    symlink(moved.path(""), sandbox.path("new")).unwrap();
    fs::rename(sandbox.path("new"), sandbox.path("scan/a")).unwrap();
    moved.control(b"t");
    sandbox.wait_until("it was started again", || ![0, pid].contains(&moved.pid()));
}

#[test]
fn a_log_directory_made_anew_gets_its_logger() {
    let sandbox = sandbox();
    let (service, _) = logged(&sandbox, REST);
    let logger = service.log().pid();
    fs::rename(service.path("log"), sandbox.path("old")).unwrap();
    service.log().script(LOGGER);
    sandbox.service("old").control(b"k");
    sandbox.wait_until("the new one is up", || ![0, logger].contains(&service.log().pid()));
    assert!(service.log().is_supervised());
}

#[test]
fn a_service_goes_on_without_the_log_directory_it_lost() {
    let sandbox = sandbox();
    let (service, svscan) = logged(&sandbox, NOTED);
    sandbox.wait_until("it has started", || starts(&service) == 1);
    fs::remove_dir_all(service.path("log")).unwrap();
    service.control(b"t");
    sandbox.wait_until("it was started again", || starts(&service) > 1);
    assert_eq!(times_said(&sandbox, svscan, "a/log: the directory was removed"), 1);
}

#[test]
fn a_scan_directory_that_is_a_service_too_is_still_watched() {
    let sandbox = sandbox();
    let scan = sandbox.service("scan");
    symlink(".", scan.path("self")).unwrap();
    let svscan = sandbox.svscan();
    let told = || times_said(&sandbox, svscan, "unable to start self/run");
    sandbox.wait_until("its fault is told", || told() > 0);
    scan.script(NOTED);
    sandbox.wait_until("it is mended", || starts(&scan) > 0);
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    sandbox.wait_until("a new link is seen", || service.pid() != 0);
    fs::rename(sandbox.path("scan/a"), sandbox.path("gone")).unwrap();
    service.control(b"dx");
    sandbox.wait_until("it has left", || !service.is_supervised());
}

#[test]
fn with_few_descriptors_there_are_few_services_and_a_cure() {
    let sandbox = sandbox();
    let services = ["a", "b", "c", "d", "e"].map(|name| sandbox.resting(name));
    for service in &services {
        sandbox.link(service, service.name());
    }
    let svscan = sandbox.daemon_by_shell("ulimit -n 48; exec svscan scan");
    let up = || services.iter().filter(|service| service.pid() != 0).count();
    let cure = "raise the limit (ulimit -n) and start svscan again";
    let refused = || times_said(&sandbox, svscan, cure);
    sandbox.wait_until("all are decided", || up() + refused() == services.len());
    assert!(up() > 0 && refused() > 0, "{}", sandbox.said(svscan));
    sys::child::signal(svscan.pid, sys::signals::TERM).unwrap();
    assert_eq!(sandbox.end_of(svscan), 0, "and there is a way out");
}

#[test]
fn services_that_start_together_have_room_for_as_many_as_one_after_another() {
    let sandbox = sandbox();
    let services: Vec<_> = (0..40).map(|n| sandbox.resting(&format!("s{n}"))).collect();
    for service in &services {
        sandbox.link(service, service.name());
    }
    // Two descriptors each, a dozen of svscan's own, and what it keeps free: not three each.
    let svscan = sandbox.daemon_by_shell("ulimit -n 140; exec svscan --no-cgroups scan");
    let up = || services.iter().filter(|service| service.pid() != 0).count();
    sandbox.wait_until("all are decided", || up() + times_said(&sandbox, svscan, "unable") == 40);
    assert_eq!((up(), sandbox.said(svscan).as_str()), (40, ""));
}

#[test]
fn a_standard_error_that_nobody_reads_keeps_nobody_waiting() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let own = sys::fifo::reopen_writer(&writer).unwrap();
    let mut filled = 0;
    while let Ok(len) = std::io::Write::write(&mut &own, &[b'x'; 4096]) {
        filled += len;
    }
    drop(own);
    let sandbox = sandbox();
    let service = sandbox.running("a", NOTED);
    sandbox.link(&service, "a");
    symlink("missing", sandbox.path("scan/b")).unwrap();
    sandbox.daemon_telling(writer, "svscan", &["scan"]);
    sandbox.wait_until("it has started", || service.pid() != 0 && starts(&service) == 1);
    symlink("missing", sandbox.path("scan/c")).unwrap();
    service.control(b"t");
    sandbox.wait_until("it was started again", || starts(&service) > 1);
    // Whoever has been found twice after it has looked at c.
    for name in ["found", "found-after"] {
        let found = sandbox.resting(name);
        sandbox.link(&found, name);
        sandbox.wait_until("another is found", || found.pid() != 0);
    }
    reader.read_exact(&mut vec![0; filled]).unwrap();
    symlink("missing", sandbox.path("scan/d")).unwrap();
    let said = BufReader::new(reader).lines().take(2).map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(
        said,
        [
            "svscan: warning: 2 messages are missing here: nobody read them",
            "svscan: warning: unable to stat d: file does not exist: it is a link to missing, \
             which is not there; mend or remove it",
        ]
    );
}

#[test]
fn a_fatal_error_that_nobody_reads_gives_its_exit_code() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    fs::create_dir(service.path("supervise")).unwrap();
    let _held = sys::lock::acquire_now(&service.path("supervise/lock")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let supervise = sandbox.daemon_telling(writer, "supervise", &["a"]);
    assert_eq!(sandbox.end_of(supervise), 111);
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let sandbox = sandbox();
    fs::create_dir(sandbox.path("scan")).unwrap();
    symlink("missing", sandbox.path("scan/a\n\u{1b}[2J\u{7f}")).unwrap();
    let svscan = sandbox.svscan();
    let said = "svscan: warning: unable to stat a??[2J?: file does not exist: it is a link to \
                missing, which is not there; mend or remove it\n";
    sandbox.wait_until("it is told", || sandbox.said(svscan) == said);
}
