//! What a watched directory says.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sys::inotify::{Change, Watch, Watcher};
use tempfile::TempDir;

fn scanned() -> (TempDir, Watcher, Watch) {
    let dir = tempfile::tempdir().unwrap();
    let watcher = Watcher::new().unwrap();
    let watch = watcher.scan(dir.path()).unwrap();
    (dir, watcher, watch)
}

fn entry(watch: Watch, name: &str) -> Change {
    Change::Entry(watch, name.into())
}

#[test]
fn names_that_come_and_go_are_said_and_what_is_in_them_is_not() {
    let (dir, watcher, watch) = scanned();
    assert_eq!(watcher.changes().unwrap(), []);
    std::os::unix::fs::symlink("/", dir.path().join("link")).unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    fs::write(dir.path().join("dir/file"), "text").unwrap();
    fs::rename(dir.path().join("link"), dir.path().join("renamed")).unwrap();
    fs::remove_file(dir.path().join("renamed")).unwrap();
    let names = ["link", "dir", "link", "renamed", "renamed"];
    assert_eq!(watcher.changes().unwrap(), names.map(|name| entry(watch, name)));
    assert_eq!(watcher.changes().unwrap(), [], "said once");
}

#[test]
fn a_name_need_not_be_text() {
    let (dir, watcher, watch) = scanned();
    let name = OsStr::from_bytes(b"\xff\n ");
    fs::create_dir(dir.path().join(name)).unwrap();
    assert_eq!(watcher.changes().unwrap(), [Change::Entry(watch, OsString::from(name))]);
}

#[test]
fn a_directory_that_moves_or_goes_says_so() {
    let (outer, watcher, _) = scanned();
    let (dir, moved) = (outer.path().join("dir"), outer.path().join("moved"));
    fs::create_dir(&dir).unwrap();
    let watch = watcher.scan(&dir).unwrap();
    fs::rename(&dir, &moved).unwrap();
    assert!(watcher.changes().unwrap().contains(&Change::Itself(watch)));
    fs::remove_dir(&moved).unwrap();
    assert!(watcher.changes().unwrap().contains(&Change::Itself(watch)));
    watcher.forget(watch);
}

#[test]
fn only_a_directory_is_watched() {
    let (dir, watcher, _) = scanned();
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(watcher.scan(&dir.path().join("file")).is_err());
    assert!(watcher.mend(&dir.path().join("missing")).is_err());
}

/// All that may mend ./run, each seen.
fn mend_run(watcher: &Watcher, watch: Watch, dir: &Path) {
    let run = dir.join("run");
    let seen = |what: &str| {
        let changes = watcher.changes().unwrap();
        assert!(changes.contains(&entry(watch, "run")), "{what}: {changes:?}");
    };
    fs::write(&run, "").unwrap();
    seen("created and written");
    fs::write(&run, "#!/bin/sh\n").unwrap();
    seen("written");
    fs::set_permissions(&run, Permissions::from_mode(0o755)).unwrap();
    seen("chmod");
    fs::write(dir.join("new"), "").unwrap();
    fs::rename(dir.join("new"), &run).unwrap();
    seen("renamed onto it");
}

#[test]
fn what_may_mend_a_service_is_seen_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let watcher = Watcher::new().unwrap();
    let watch = watcher.mend(dir.path()).unwrap();
    mend_run(&watcher, watch, dir.path());
    watcher.forget(watch);
    fs::write(dir.path().join("run"), "").unwrap();
    assert_eq!(watcher.changes().unwrap(), []);
    watcher.forget(watch);
}

#[test]
fn a_scanned_directory_that_is_to_be_mended_is_still_scanned() {
    let (dir, watcher, watch) = scanned();
    assert_eq!(watcher.mend(dir.path()).unwrap(), watch);
    mend_run(&watcher, watch, dir.path());
    fs::remove_file(dir.path().join("run")).unwrap();
    assert_eq!(watcher.changes().unwrap(), [entry(watch, "run")]);
}

#[test]
fn more_than_the_kernel_keeps_is_an_overflow() {
    /// Where the queue is longer than this, to fill it takes too long.
    const QUEUE_MAX: usize = 100_000;
    let max = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let max: usize = max.trim().parse().unwrap();
    if max > QUEUE_MAX {
        eprintln!("SKIPPED: the queue takes {max} events");
        return;
    }
    let (dir, watcher, watch) = scanned();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&a, "").unwrap();
    for _ in 0..=max / 4 {
        fs::rename(&a, &b).unwrap();
        fs::rename(&b, &a).unwrap();
    }
    let mut changes = Vec::new();
    loop {
        let some = watcher.changes().unwrap();
        if some.is_empty() {
            break;
        }
        changes.extend(some);
    }
    assert_eq!(changes.last(), Some(&Change::Overflow));
    assert_eq!(changes.len(), max + 1, "and nothing else is lost");
    fs::remove_file(&a).unwrap();
    assert_eq!(watcher.changes().unwrap(), [entry(watch, "a")], "and it goes on");
}
