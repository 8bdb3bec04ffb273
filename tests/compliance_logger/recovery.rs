//! What an outage leaves, and what the next run makes of it.

use std::fs;
use std::path::Path;

use crate::suite::{
    Suite, counted, listing, listing_at_work, make, old_files, read, scratch, until, whole_log,
};

on_both! {
    a_killed_log_is_kept_as_an_unfinished_file,
    an_unfinished_current_is_kept,
    an_empty_unfinished_current_is_kept_too,
    a_full_file_on_its_way_is_kept,
    a_full_file_that_has_its_label_already_is_not_kept_twice,
    a_processed_file_that_is_whole_replaces_what_it_was_made_of,
    half_a_processed_file_is_dropped,
    old_states_are_dropped,
    a_missing_current_is_made,
    a_clean_log_is_left_as_it_is,
    too_many_old_files_are_pruned_at_a_recovery,
}

/// Makes the files, runs multilog over no input, and gives the listing.
fn recover(suite: &Suite, dir: &Path, files: &[(&str, u32, &str)]) -> Vec<String> {
    let logs = dir.join("m");
    fs::create_dir(&logs).unwrap();
    for (name, mode, content) in files {
        make(logs.join(name), *mode, content);
    }
    suite.log(dir, &["./m"], "");
    listing(&logs)
}

/// What stands in the old files, in order of the names, each with its code.
fn old(dir: &Path) -> Vec<String> {
    let show = |path: &std::path::PathBuf| {
        format!("{} {}", path.extension().unwrap().display(), read(path))
    };
    old_files(&dir.join("m")).iter().map(show).collect()
}

fn a_killed_log_is_kept_as_an_unfinished_file(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = suite.start(dir.path(), &["./m"]);
    log.write("one\n");
    until("the line is there", || fs::read(logs.join("current")).is_ok_and(|log| log == b"one\n"));
    log.signal("KILL");
    assert!(!log.end().0.success());
    assert_eq!(listing_at_work(&logs), ["0644 current 4", "0600 lock 0", "0644 state 0"]);
    suite.log(dir.path(), &["./m"], "two\n");
    let expected = ["0644 @.u 4", "0744 current 4", "0600 lock 0", "0644 state 0"];
    assert_eq!(listing(&logs), expected);
}

fn an_unfinished_current_is_kept(suite: &Suite) {
    let dir = scratch();
    let listing = recover(suite, dir.path(), &[("current", 0o644, "half a li")]);
    assert_eq!(listing, ["0644 @.u 9", "0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn an_empty_unfinished_current_is_kept_too(suite: &Suite) {
    let dir = scratch();
    let listing = recover(suite, dir.path(), &[("current", 0o600, "")]);
    assert_eq!(listing, ["0600 @.u 0", "0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn a_full_file_on_its_way_is_kept(suite: &Suite) {
    for mode in [0o644, 0o744] {
        let dir = scratch();
        let files = [("previous", mode, "older"), ("current", 0o644, "newer")];
        let listing = recover(suite, dir.path(), &files);
        assert_eq!(listing.len(), 5, "{listing:?}");
        assert_eq!(old(dir.path()), ["u older", "u newer"]);
    }
}

fn a_full_file_that_has_its_label_already_is_not_kept_twice(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    suite.log(dir.path(), &["./m"], "");
    make(logs.join("previous"), 0o744, "older");
    make(logs.join("current"), 0o644, "newer");
    let label = logs.join("@400000003b4a39c23294b13c.s");
    fs::hard_link(logs.join("previous"), &label).unwrap();
    suite.log(dir.path(), &["./m"], "");
    assert_eq!(old(dir.path()), ["s older", "u newer"]);
    assert!(!logs.join("previous").exists());
}

fn a_processed_file_that_is_whole_replaces_what_it_was_made_of(suite: &Suite) {
    let dir = scratch();
    let files = [
        ("previous", 0o744, "raw"),
        ("processed", 0o744, "cooked"),
        ("newstate", 0o644, "new"),
        ("state", 0o644, "old"),
        ("current", 0o644, "newer"),
    ];
    let listing = recover(suite, dir.path(), &files);
    assert_eq!(old(dir.path()), ["s cooked", "u newer"]);
    assert_eq!(listing[2..], ["0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn half_a_processed_file_is_dropped(suite: &Suite) {
    let dir = scratch();
    let files = [
        ("previous", 0o744, "raw"),
        ("processed", 0o644, "coo"),
        ("newstate", 0o644, "new"),
        ("current", 0o644, ""),
    ];
    let listing = recover(suite, dir.path(), &files);
    assert_eq!(old(dir.path()), ["u raw", "u "]);
    assert_eq!(listing[2..], ["0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn old_states_are_dropped(suite: &Suite) {
    let dir = scratch();
    let files = [("state", 0o644, "old"), ("newstate", 0o644, "new")];
    let listing = recover(suite, dir.path(), &files);
    assert_eq!(listing, ["0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn a_missing_current_is_made(suite: &Suite) {
    let dir = scratch();
    let listing = recover(suite, dir.path(), &[("previous", 0o644, "full")]);
    assert_eq!(listing, ["0644 @.u 4", "0744 current 0", "0600 lock 0", "0644 state 0"]);
}

fn a_clean_log_is_left_as_it_is(suite: &Suite) {
    let dir = scratch();
    let files = [
        ("current", 0o744, "clean"),
        ("state", 0o644, "kept"),
        ("@400000003b4a39c23294b13c.s", 0o744, "old"),
    ];
    let listing = recover(suite, dir.path(), &files);
    assert_eq!(listing, ["0744 @.s 3", "0744 current 5", "0600 lock 0", "0644 state 4"]);
}

fn too_many_old_files_are_pruned_at_a_recovery(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    suite.log(dir.path(), &["./m"], "");
    for number in 0..150 {
        make(logs.join(format!("@400000003b4a39c2{number:08x}.s")), 0o744, "old");
    }
    make(logs.join("current"), 0o644, "unfinished");
    suite.log(dir.path(), &["n5", "./m"], "");
    assert_eq!(old_files(&logs).len(), 4);
    assert_eq!(old(dir.path())[2..], ["s old", "u unfinished"]);
}

#[test]
fn a_log_goes_from_theirs_to_ours_and_back() {
    let Some(theirs) = Suite::theirs() else { return };
    let (dir, ours) = (scratch(), Suite::ours());
    let logs = dir.path().join("m");
    let mut lines = String::new();
    for (turn, suite) in [&theirs, &ours, &theirs, &ours, &ours, &theirs].into_iter().enumerate() {
        let more = counted(turn * 100, turn * 100 + 100, 70);
        suite.log(dir.path(), &["s4096", "n100", "./m"], &more);
        lines.push_str(&more);
        assert_eq!(whole_log(&logs), lines);
        // An outage now and then: the other one recovers.
        if turn % 2 == 1 {
            make(logs.join("current"), 0o644, &read(logs.join("current")));
        }
    }
    assert!(listing(&logs).iter().any(|file| file.contains(".u")));
}
