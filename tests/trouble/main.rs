//! What happens to svscan, and what it must live through: each of these stories once ended badly.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod scene;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use scene::{KEEPUP, REST, SVSCAN, Scene, spawn};

/// A ./run that notes each of its starts.
const NOTED: &str = "echo start >>starts; exec sleep 1000000";
/// A logger that takes a line at a time.
const LOGGER: &str = "while IFS= read -r line; do echo \"$line\" >>lines; done";

fn starts(scene: &Scene, service: &str) -> usize {
    scene.read(&format!("{service}/starts")).lines().count()
}

#[test]
fn a_service_ended_by_a_real_time_signal_is_started_again() {
    let scene = Scene::with(&[("a", NOTED)]);
    let pid = scene.pid("a");
    let script = format!("kill -34 {pid}");
    assert!(spawn(Command::new("/bin/sh").args(["-c", &script])).wait().unwrap().success());
    scene.wait_until("it is started again", || ![0, pid].contains(&scene.pid("a")));
}

#[test]
fn ends_are_heard_where_svscan_was_given_sigchld_ignored() {
    let mut scene = Scene::new();
    scene.service("a", "echo start >>starts");
    scene.link("a", "a");
    scene.start_by(&format!("trap '' CHLD; {SVSCAN}"));
    scene.wait_until("it is started again", || starts(&scene, "a") > 1);
}

#[test]
fn a_service_finds_its_own_fifos_from_its_first_breath() {
    let script = "cd supervise && [ -p ok ] && echo d >control && echo told >../told; sleep 100000";
    let scene = Scene::with(&[("a", script)]);
    scene.wait_until("it has told itself to go down", || scene.read("a/told") == "told\n");
    scene.wait_until("it is down", || scene.pid("a") == 0);
}

#[test]
fn a_service_that_cannot_be_controlled_is_not_started() {
    let mut scene = Scene::new();
    scene.service("a", NOTED);
    fs::create_dir_all(scene.path("a/supervise/control")).unwrap();
    scene.link("a", "a");
    scene.start();
    scene.wait_until("it is told", || scene.times_said("supervise/control") > 0);
    assert_eq!(starts(&scene, "a"), 0);
    fs::remove_dir(scene.path("a/supervise/control")).unwrap();
    scene.wait_until("it is up", || scene.pid("a") != 0);
    assert_eq!((starts(&scene, "a"), scene.times_said("supervise/control")), (1, 1));
}

#[test]
fn services_that_leave_and_lose_their_link_leave_no_descriptor_behind() {
    let scene = Scene::with(&[("a", REST), ("a/log", LOGGER)]);
    let before = scene.descriptors();
    for _ in 0..3 {
        scene.svc("dx", "a");
        scene.svc("dx", "a/log");
        let gone = || !scene.is_supervised("a") && !scene.is_supervised("a/log");
        scene.wait_until("both have left", gone);
        scene.unlink("a");
        scene.link("a", "a");
        scene.wait_until("both are up", || scene.pid("a") != 0 && scene.pid("a/log") != 0);
    }
    assert_eq!(scene.descriptors(), before);
}

#[test]
fn a_service_without_logger_and_link_is_still_the_same_when_the_link_is_back() {
    let scene = Scene::with(&[("a", REST), ("a/log", LOGGER)]);
    let pid = scene.pid("a");
    scene.svc("dx", "a/log");
    scene.wait_until("the logger has left", || !scene.is_supervised("a/log"));
    scene.unlink("a");
    scene.link("a", "again");
    scene.wait_until("the logger is back", || scene.pid("a/log") != 0);
    assert_eq!((scene.pid("a"), scene.said()), (pid, String::new()));
}

#[test]
fn a_logger_that_is_somebody_elses_is_told_of_once() {
    let mut scene = Scene::new();
    scene.service("a", REST);
    scene.service("a/log", LOGGER);
    fs::create_dir(scene.path("a/log/supervise")).unwrap();
    let held = sys::lock::acquire_now(&scene.path("a/log/supervise/lock")).unwrap();
    scene.link("a", "a");
    scene.start();
    scene.wait_until("the service is up", || scene.pid("a") != 0);
    // Each try looks for the pipe first, and makes it anew.
    let pipe = scene.path("a/log/supervise/pipe");
    for _ in 0..2 {
        fs::remove_file(&pipe).unwrap();
        scene.wait_until("it is tried again", || pipe.exists());
    }
    assert_eq!(scene.times_said("another supervise runs there"), 1, "{}", scene.said());
    drop(held);
    scene.wait_until("the logger is up", || scene.pid("a/log") != 0);
}

#[test]
fn a_directory_that_takes_the_place_of_another_is_the_service_then() {
    let scene = Scene::with(&[("a", REST), ("a/log", LOGGER)]);
    let old = [scene.pid("a"), scene.pid("a/log")];
    fs::rename(scene.path("a"), scene.path("old")).unwrap();
    scene.service("a", NOTED);
    scene.service("a/log", LOGGER);
    scene.svc("t", "old");
    scene.wait_until("the new ones are up", || scene.pid("a") != 0 && scene.pid("a/log") != 0);
    assert!(!old.contains(&scene.pid("a")) && !old.contains(&scene.pid("a/log")));
    assert_eq!(starts(&scene, "a"), 1);
    let gone = || !scene.is_supervised("old") && !scene.is_supervised("old/log");
    scene.wait_until("the old ones have left", gone);
}

#[test]
fn a_directory_that_moved_with_its_link_is_the_same_service() {
    let scene = Scene::with(&[("a", NOTED)]);
    let pid = scene.pid("a");
    fs::rename(scene.path("a"), scene.path("moved")).unwrap();
    symlink(scene.path("moved"), scene.path("new")).unwrap();
    fs::rename(scene.path("new"), scene.path("scan/a")).unwrap();
    scene.svc("t", "moved");
    scene.wait_until("it was started again", || ![0, pid].contains(&scene.pid("moved")));
}

#[test]
fn a_log_directory_made_anew_gets_its_logger() {
    let scene = Scene::with(&[("a", REST), ("a/log", LOGGER)]);
    let logger = scene.pid("a/log");
    fs::rename(scene.path("a/log"), scene.path("old")).unwrap();
    scene.service("a/log", LOGGER);
    scene.svc("k", "old");
    scene.wait_until("the new one is up", || ![0, logger].contains(&scene.pid("a/log")));
    assert!(scene.is_supervised("a/log"));
}

#[test]
fn a_service_goes_on_without_the_log_directory_it_lost() {
    let scene = Scene::with(&[("a", NOTED), ("a/log", LOGGER)]);
    fs::remove_dir_all(scene.path("a/log")).unwrap();
    scene.svc("t", "a");
    scene.wait_until("it was started again", || starts(&scene, "a") > 1);
    assert_eq!(scene.times_said("a/log: the directory was removed"), 1, "{}", scene.said());
}

#[test]
fn what_waits_for_a_logger_is_read_before_the_end() {
    let mut scene = Scene::new();
    scene.service("a", "echo a line; echo start >>starts; exec sleep 1000000");
    scene.service("a/log", &format!("echo start >>starts; [ -e go ] || exit 1; {LOGGER}"));
    scene.link("a", "a");
    scene.start();
    // The logger has just ended, and is not started again for a second.
    let both = || starts(&scene, "a") > 0 && starts(&scene, "a/log") > 1 && scene.pid("a/log") == 0;
    scene.wait_until("a line waits", both);
    fs::write(scene.path("a/log/go"), "").unwrap();
    assert!(scene.stop().is_some_and(|status| status.success()));
    assert_eq!(scene.read("a/log/lines"), "a line\n");
}

#[test]
fn a_scan_directory_that_is_a_service_too_is_still_watched() {
    let mut scene = Scene::new();
    symlink(".", scene.path("scan/self")).unwrap();
    scene.start();
    scene.wait_until("its fault is told", || scene.times_said("unable to start self/run") > 0);
    scene.service("scan", NOTED);
    scene.wait_until("it is mended", || starts(&scene, "scan") > 0);
    scene.service("a", REST);
    scene.link("a", "a");
    scene.wait_until("a new link is seen", || scene.pid("a") != 0);
    fs::rename(scene.path("scan/a"), scene.path("gone")).unwrap();
    scene.svc("dx", "a");
    scene.wait_until("it has left", || !scene.is_supervised("a"));
}

#[test]
fn with_few_descriptors_there_are_few_services_and_a_cure() {
    let mut scene = Scene::new();
    for name in ["a", "b", "c", "d", "e"] {
        scene.service(name, REST);
        scene.link(name, name);
    }
    scene.start_by(&format!("ulimit -n 44; {SVSCAN}"));
    let up = || ["a", "b", "c", "d", "e"].iter().filter(|name| scene.pid(name) != 0).count();
    let refused = || scene.times_said("raise the limit (ulimit -n) and start svscan again");
    scene.wait_until("all are decided", || up() + refused() == 5);
    assert!(up() > 0 && refused() > 0, "{}", scene.said());
    assert!(scene.stop().is_some_and(|status| status.success()), "and there is a way out");
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
    let mut scene = Scene::new();
    scene.service("a", NOTED);
    scene.link("a", "a");
    scene.link("missing", "b");
    scene.start_with(SVSCAN, Stdio::from(writer));
    scene.wait_until("it is up", || scene.pid("a") != 0);
    scene.link("missing", "c");
    scene.svc("t", "a");
    scene.wait_until("it was started again", || starts(&scene, "a") > 1);
    reader.read_exact(&mut vec![0; filled]).unwrap();
    scene.link("missing", "d");
    let said = read_lines(&mut reader, 2);
    let words = "svscan: warning: 2 messages are missing here: nobody read them\n\
                 svscan: warning: unable to stat d: file does not exist\n";
    assert_eq!(said, words);
}

/// Reads so many lines, waiting for them.
fn read_lines(reader: &mut impl std::io::Read, count: usize) -> String {
    let bytes = reader.bytes().map_while(Result::ok);
    let mut lines = 0;
    let said = bytes.take_while(|byte| {
        lines += usize::from(*byte == b'\n');
        lines < count
    });
    let mut said: Vec<u8> = said.collect();
    said.push(b'\n');
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_fatal_error_that_nobody_reads_gives_its_exit_code() {
    let scene = Scene::new();
    scene.service("a", REST);
    fs::create_dir(scene.path("a/supervise")).unwrap();
    let _held = sys::lock::acquire_now(&scene.path("a/supervise/lock")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(KEEPUP);
    command.arg("supervise").arg(scene.path("a")).stderr(Stdio::from(writer));
    assert_eq!(spawn(&mut command).wait().unwrap().code(), Some(111));
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let mut scene = Scene::new();
    scene.link("missing", "a\n\u{1b}[2J\u{7f}");
    scene.start();
    let said = "svscan: warning: unable to stat a??[2J?: file does not exist\n";
    scene.wait_until("it is told", || scene.said() == said);
}
