//! svlog and a log with a hole in it, as a crash or a hostile service leaves it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// More than anybody reads in the time of a test, or holds in memory.
const HOLE: u64 = 4 << 40;

/// So much of a line is shown.
const SHOWN: usize = 16 << 20;

const WARNING: &str =
    "svlog: warning: m: a line is longer than 16 MiB; the rest of it is left out\n";

/// A log whose second line has a hole in it. Not all file systems can have one.
fn with_a_hole(dir: &Path, text: &str) -> Option<File> {
    fs::create_dir(dir.join("m")).unwrap();
    let file = File::create(dir.join("m/current")).unwrap();
    file.write_all_at(b"first\nsecond", 0).unwrap();
    file.write_all_at(text.as_bytes(), HOLE).ok().map(|()| file)
}

fn svlog(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepup"));
    command.arg("svlog").args(args).arg("m").current_dir(dir).output().unwrap()
}

#[test]
fn a_line_with_a_hole_in_it_is_cut_and_what_follows_is_read() {
    let dir = tempfile::tempdir().unwrap();
    if with_a_hole(dir.path(), "end\nthird\nfourth\n").is_none() {
        return;
    }
    for (args, cut_after) in [(&[][..], 6), (&["-n", "3"], 0)] {
        let Output { status, stdout, stderr } = svlog(dir.path(), args);
        assert_eq!(String::from_utf8(stderr).unwrap(), WARNING);
        assert_eq!(status.code(), Some(111));
        assert!(stdout[cut_after..].starts_with(b"second\0"), "{args:?}");
        assert!(stdout.ends_with(b"\0\nthird\nfourth\n"));
        assert_eq!(stdout.len(), cut_after + SHOWN + "\nthird\nfourth\n".len(), "{args:?}");
    }
    // Who does not see it is not told.
    let Output { status, stdout, stderr } = svlog(dir.path(), &["-n", "2"]);
    assert_eq!(
        (status.code(), &stdout[..], &stderr[..]),
        (Some(0), &b"third\nfourth\n"[..], &[][..])
    );
    let Output { status, stdout, .. } = svlog(dir.path(), &["-g", "fourth"]);
    assert_eq!((status.code(), &stdout[..]), (Some(0), &b"fourth\n"[..]));
}

#[test]
fn a_log_that_ends_in_a_hole_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let Some(file) = with_a_hole(dir.path(), "") else { return };
    if file.set_len(HOLE).is_err() {
        return;
    }
    let Output { status, stdout, stderr } = svlog(dir.path(), &["-n", "1"]);
    assert_eq!(
        (status.code(), String::from_utf8(stderr).unwrap()),
        (Some(111), WARNING.to_owned())
    );
    assert!(stdout.starts_with(b"second\0") && stdout.ends_with(b"\0\n"));
    assert_eq!(stdout.len(), SHOWN + 1);
}
