//! TERM ends at a line end, ALRM ends a file, and the pipe keeps what was not read.

use std::path::Path;

use crate::suite::{Suite, listing, mode, old_files, read, scratch, until, whole_log};

on_both! {
    term_ends_cleanly_between_lines,
    term_within_a_line_waits_for_its_end_and_leaves_the_rest,
    term_within_a_line_ends_with_the_input,
    term_within_a_long_line_waits_for_its_end,
    alarm_ends_a_file_that_is_not_empty,
}

fn wait_for_log(dir: &Path, log: &str) {
    until("the log says so", || {
        std::fs::read(dir.join("m/current")).is_ok_and(|current| current == log.as_bytes())
    });
}

fn term_ends_cleanly_between_lines(suite: &Suite) {
    let dir = scratch();
    let mut log = suite.start(dir.path(), &["./m"]);
    log.write("one\n");
    wait_for_log(dir.path(), "one\n");
    log.signal("TERM");
    let (status, unread) = log.end_and_unread();
    assert_eq!((status.code(), unread.as_str()), (Some(0), ""));
    let expected = ["0744 current 4", "0600 lock 0", "0644 state 0"];
    assert_eq!(listing(&dir.path().join("m")), expected);
}

fn term_within_a_line_waits_for_its_end_and_leaves_the_rest(suite: &Suite) {
    let dir = scratch();
    let mut log = suite.start(dir.path(), &["./m"]);
    log.write("one\ntw");
    wait_for_log(dir.path(), "one\n");
    log.signal("TERM");
    log.write("o\nthree\nfour");
    let (status, unread) = log.end_and_unread();
    assert_eq!((status.code(), unread.as_str()), (Some(0), "three\nfour"));
    assert_eq!(read(dir.path().join("m/current")), "one\ntwo\n");
    assert_eq!(mode(dir.path().join("m/current")), 0o744);
}

fn term_within_a_line_ends_with_the_input(suite: &Suite) {
    let dir = scratch();
    let mut log = suite.start(dir.path(), &["./m"]);
    log.write("one\ntw");
    wait_for_log(dir.path(), "one\n");
    log.signal("TERM");
    assert_eq!(log.finish().0.code(), Some(0));
    assert_eq!(read(dir.path().join("m/current")), "one\ntw\n");
    assert_eq!(mode(dir.path().join("m/current")), 0o744);
}

fn term_within_a_long_line_waits_for_its_end(suite: &Suite) {
    let dir = scratch();
    let mut log = suite.start(dir.path(), &["./m"]);
    let start = "x".repeat(1500);
    log.write(&start);
    wait_for_log(dir.path(), &start);
    log.signal("TERM");
    log.write("yz\nrest");
    let (status, unread) = log.end_and_unread();
    assert_eq!((status.code(), unread.as_str()), (Some(0), "rest"));
    assert_eq!(read(dir.path().join("m/current")), start + "yz\n");
}

fn alarm_ends_a_file_that_is_not_empty(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = suite.start(dir.path(), &["./m", "-*", "./empty"]);
    for (number, line) in ["one\n", "two\n"].into_iter().enumerate() {
        log.write(line);
        wait_for_log(dir.path(), line);
        log.signal("ALRM");
        until("the file has ended", || old_files(&logs).len() == number + 1);
        wait_for_log(dir.path(), "");
    }
    log.signal("ALRM");
    log.write("three\n");
    wait_for_log(dir.path(), "three\n");
    assert!(log.finish().0.success());
    assert_eq!(old_files(&logs).len(), 2);
    assert_eq!(whole_log(&logs), "one\ntwo\nthree\n");
    assert!(old_files(&dir.path().join("empty")).is_empty());
    assert!(listing(&logs)[0].starts_with("0744 @.s"));
}
