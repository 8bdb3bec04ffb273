//! The scan directory: what is taken, when, and what is refused.

use std::fs;
use std::time::{Duration, Instant};

use crate::sandbox;
use crate::support::{GLANCE, REST, WATCH, skipped};

/// Whoever has left a directory alone for nearly a second has made it, as far as svscan knows.
const SETTLED: Duration = Duration::from_millis(900);

#[test]
fn a_link_to_nothing_is_said_once_and_taken_when_there_is_something() {
    let sandbox = sandbox();
    let svscan = sandbox.svscan();
    std::os::unix::fs::symlink(sandbox.path("a"), sandbox.path("scan/a")).unwrap();
    let target = sandbox.path("a");
    let expected = format!(
        "svscan: warning: unable to stat a: file does not exist: it is a link to {}, which is not \
         there; mend or remove it\n",
        target.display()
    );
    sandbox.wait_until("it is said", || sandbox.said(svscan) == expected);
    // Complete at once: one that is half made might be told of as well.
    let made = sandbox.running("made", REST);
    fs::rename(made.path(""), &target).unwrap();
    let service = sandbox.service("a");
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(sandbox.said(svscan), expected);
}

#[test]
fn a_file_is_refused_with_one_line() {
    let sandbox = sandbox();
    let svscan = sandbox.svscan();
    fs::write(sandbox.path("scan/notes"), "").unwrap();
    sandbox.wait_until("it is said", || {
        sandbox
            .said(svscan)
            .starts_with("svscan: warning: notes is no service: it is not a directory")
    });
    sys::child::signal(svscan.pid, sys::signals::HUP).unwrap();
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    sandbox.wait_until("another is up", || service.pid() != 0);
    assert_eq!(sandbox.said(svscan).lines().count(), 1);
}

#[test]
fn a_directory_copied_into_the_scan_directory_is_taken_when_it_is_complete() {
    let sandbox = sandbox();
    let other = sandbox.resting("other");
    sandbox.link(&other, "other");
    let svscan = sandbox.svscan();
    // What is there when svscan begins is old.
    sandbox.wait_until("svscan has begun", || other.pid() != 0);
    let service = sandbox.service("scan/a");
    let (begin, mut last) = (Instant::now(), Instant::now());
    for part in 0.. {
        service.write(&format!("part{part}"), "");
        let pause = last.elapsed();
        last = Instant::now();
        if service.is_supervised() {
            assert!(pause >= SETTLED, "it was half made {pause:?} ago");
            return skipped("the machine is too slow to copy anything");
        }
        if begin.elapsed() > WATCH {
            break;
        }
        std::thread::sleep(GLANCE);
    }
    service.script(REST);
    sandbox.wait_until("it is up", || service.pid() != 0);
    assert_eq!(sandbox.said(svscan), "");
}

#[test]
fn a_second_link_to_a_service_is_refused_and_inherits_it() {
    let sandbox = sandbox();
    let service = sandbox.resting("store");
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    sandbox.link(&service, "b");
    let expected = "svscan: warning: b is the same directory as a: it is supervised once\n";
    sandbox.wait_until("it is said", || sandbox.said(svscan) == expected);
}

#[test]
fn a_service_whose_link_is_gone_still_obeys_and_is_forgotten_once_it_has_left() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    let first = service.pid();
    fs::remove_file(sandbox.path("scan/a")).unwrap();
    sandbox.svc("-t", &service);
    sandbox.wait_until("it was started again", || service.pid() != first && service.pid() != 0);
    sandbox.svc("-dx", &service);
    sandbox.wait_until("it has left", || !service.is_supervised());
    sandbox.link(&service, "again");
    sandbox.wait_until("it is taken afresh", || service.is_supervised());
    assert_eq!(sandbox.said(svscan), "");
}

#[test]
fn a_logger_that_is_added_later_is_found_at_the_next_start() {
    let sandbox = sandbox();
    let service = sandbox.running("a", "echo words\nexec sleep 1000000");
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    sandbox.wait_until("it is up", || service.pid() != 0);
    service.log().script("exec cat >>said");
    sandbox.svc("-t", &service);
    sandbox.wait_until("its words are logged", || service.log().read("said") == "words\n");
    assert_eq!(sandbox.said(svscan), "");
}

#[test]
fn another_supervise_in_the_same_directory_is_respected() {
    let sandbox = sandbox();
    let service = sandbox.resting("a");
    let supervise = sandbox.supervise_up(&service);
    let pid = service.pid();
    sandbox.link(&service, "a");
    let svscan = sandbox.svscan();
    let said = format!(
        "svscan: warning: unable to acquire a/supervise/lock: temporary failure: another supervise \
         runs there (supervise, process {})\n",
        supervise.pid
    );
    sandbox.wait_until("svscan says so", || sandbox.said(svscan) == said);
    assert_eq!(service.pid(), pid, "there is one life");
}
