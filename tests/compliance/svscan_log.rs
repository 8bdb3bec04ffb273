//! A service and its logger: a pipe that outlives both.

use std::fs;

use crate::support::{REST, Sandbox, Service, each_suite, is_alive};

each_suite!(
    a_logger_reads_what_its_service_prints_and_not_its_errors,
    no_line_is_lost_while_the_logger_is_down_or_killed,
    the_logger_survives_the_end_of_its_service,
    no_line_is_lost_while_the_supervise_of_the_logger_is_gone,
    no_descriptor_of_svscan_reaches_a_service_or_a_logger,
);

/// Prints each file `go` that appears, in one piece, and tells so by removing it.
const WRITER: &str = "
echo error >&2
while :; do
    if [ -e go ]; then cat go; rm go; fi
    sleep 0.05
done";

/// Takes one line at a time from its input: what it has not written is still in the pipe.
const READER: &str = "
pwd -P >place
while IFS= read -r line; do echo \"$line\" >>lines; done";

/// A service and its logger under svscan, both up.
fn pair(sandbox: &Sandbox) -> (Service, Service) {
    let service = sandbox.running("s", WRITER);
    let log = service.log();
    log.script(READER);
    sandbox.link(&service, "s");
    sandbox.svscan();
    sandbox.wait_until("both are up", || service.pid() != 0 && log.pid() != 0);
    (service, log)
}

/// A hundred lines, numbered from `first` on.
fn hundred(first: u32) -> Vec<String> {
    (first..first + 100).map(|number| format!("line {number}")).collect()
}

/// Lets the service print a hundred lines, and waits until it has done so.
fn print(sandbox: &Sandbox, service: &Service, first: u32) {
    service.write("go.new", hundred(first).join("\n") + "\n");
    fs::rename(service.path("go.new"), service.path("go")).unwrap();
    sandbox.wait_until("the service has printed", || !service.has("go"));
}

/// Waits until the logger has all lines up to `end`; it must have them once and in order.
fn has_all(sandbox: &Sandbox, log: &Service, end: u32) {
    let last = format!("line {}\n", end - 1);
    sandbox.wait_until("all lines are logged", || log.read("lines").ends_with(&last));
    let expected: Vec<String> = (0..end).step_by(100).flat_map(hundred).collect();
    assert_eq!(log.lines("lines"), expected);
}

fn a_logger_reads_what_its_service_prints_and_not_its_errors(sandbox: &Sandbox) {
    let (service, log) = pair(sandbox);
    print(sandbox, &service, 0);
    has_all(sandbox, &log, 100);
    let place = log.path("").canonicalize().unwrap();
    assert_eq!(log.read("place").trim_end(), place.to_str().unwrap());
    sandbox.tool("svok", &["s/log"]).is(0, "", "");
}

fn no_line_is_lost_while_the_logger_is_down_or_killed(sandbox: &Sandbox) {
    let (service, log) = pair(sandbox);
    let pid = service.pid();
    print(sandbox, &service, 0);
    has_all(sandbox, &log, 100);
    let killed = log.pid();
    sandbox.svc("-k", &log);
    sandbox.wait_until("the logger is dead", || !is_alive(killed));
    print(sandbox, &service, 100);
    has_all(sandbox, &log, 200);
    sandbox.svc("-d", &log);
    sandbox.wait_until("the logger is down", || log.pid() == 0);
    print(sandbox, &service, 200);
    assert_eq!(log.lines("lines").len(), 200);
    sandbox.svc("-u", &log);
    has_all(sandbox, &log, 300);
    assert_eq!(service.pid(), pid);
}

fn the_logger_survives_the_end_of_its_service(sandbox: &Sandbox) {
    let (service, log) = pair(sandbox);
    let logger = log.status();
    for first in [0, 100, 200] {
        print(sandbox, &service, first);
        let pid = service.pid();
        sandbox.svc("-k", &service);
        sandbox.wait_until("it was started again", || ![0, pid].contains(&service.pid()));
    }
    has_all(sandbox, &log, 300);
    sandbox.svc("-d", &service);
    sandbox.wait_until("it is down", || service.pid() == 0);
    sandbox.stays("the logger does not see an end", || log.status() == logger);
}

fn no_line_is_lost_while_the_supervise_of_the_logger_is_gone(sandbox: &Sandbox) {
    let (service, log) = pair(sandbox);
    print(sandbox, &service, 0);
    has_all(sandbox, &log, 100);
    let logger = log.pid();
    sandbox.svc("-dx", &log);
    sandbox.wait_until("the logger is dead", || !is_alive(logger));
    print(sandbox, &service, 100);
    has_all(sandbox, &log, 200);
    assert_eq!(log.want(), Some(b'u'));
}

/// The pipe of one service would keep another's logger from its end.
fn no_descriptor_of_svscan_reaches_a_service_or_a_logger(sandbox: &Sandbox) {
    const LIST: &str = "ls /proc/self/fd";
    let look = format!("{LIST} >list.new\nmv list.new list\n{REST}");
    let mut lookers = Vec::new();
    for name in ["one", "two"] {
        let service = sandbox.running(name, &look);
        let log = service.log();
        log.script(&look);
        sandbox.link(&service, name);
        lookers.extend([service, log]);
    }
    sandbox.svscan();
    let given = sandbox.shell(LIST).text(); // more than three, where the tests were given more
    let is_given = |fd: &String| given.lines().any(|line| line == fd);
    for looker in lookers {
        sandbox.wait_until("it has looked around", || looker.has("list"));
        let list = looker.lines("list");
        assert!(list.iter().all(is_given), "{} has {list:?}", looker.name());
    }
}
