//! A full disk: nothing is lost, and the writer waits.
//!
//! The disk is a limit on the size of a file, raised while multilog runs (`prlimit`): a write that
//! goes beyond it fails with "file too big" where SIGXFSZ is ignored.

use std::path::Path;
use std::process::Command;
use std::thread::spawn;

use crate::suite::{
    Running, Suite, counted, mode, old_files, read, scratch, system, text, until, whole_log,
};

on_both! {
    a_full_disk_loses_nothing_and_the_writer_waits,
    a_full_disk_in_the_middle_of_a_line_tears_nothing,
    a_full_disk_just_before_a_rotation_does_not_cut_the_line,
}

/// multilog where no file may grow beyond `limit` bytes.
pub(crate) fn start_limited(suite: &Suite, dir: &Path, limit: u32, script: &[&str]) -> Running {
    let tool = suite.tool("multilog", dir);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec prlimit \"$@\"", "sh", &format!("--fsize={limit}:")]);
    shell.arg("--").arg(tool.get_program()).args(tool.get_args()).args(script);
    Running::start(shell.current_dir(dir).stderr(std::process::Stdio::piped()))
}

pub(crate) fn raise_limit(log: &Running) {
    let pid = log.pid().to_string();
    system(&["prlimit", "--pid", &pid, "--fsize=100000000:"]);
}

pub(crate) fn wait_for_size(path: &Path, size: u64) {
    until("the file is as long as it may be", || {
        std::fs::metadata(path).is_ok_and(|found| found.len() == size)
    });
}

fn a_full_disk_loses_nothing_and_the_writer_waits(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = start_limited(suite, dir.path(), 6000, &["./m"]);
    let lines = counted(0, 5000, 100);
    let (mut input, sent) = (log.input.take().unwrap(), lines.clone());
    let writer = spawn(move || std::io::Write::write_all(&mut input, sent.as_bytes()).unwrap());
    wait_for_size(&logs.join("current"), 6000);
    assert!(!writer.is_finished(), "what does not fit stays with the writer");
    raise_limit(&log);
    let (status, said) = log.finish();
    writer.join().unwrap();
    assert!(status.success());
    assert_eq!(whole_log(&logs), lines);
    let sentence = "multilog: warning: unable to write to ./m/current, pausing: file too big\n";
    assert!(said.starts_with(sentence), "{said}");
    assert_eq!(mode(logs.join("current")), 0o744);
}

fn a_full_disk_in_the_middle_of_a_line_tears_nothing(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = start_limited(suite, dir.path(), 4567, &["t", "./m"]);
    log.write(counted(0, 50, 100));
    wait_for_size(&logs.join("current"), 4567);
    raise_limit(&log);
    assert!(log.finish().0.success());
    let log = text(read(logs.join("current")).as_bytes());
    let bare: Vec<&str> = log.lines().map(|line| &line[26..]).collect();
    assert_eq!(bare.join("\n") + "\n", counted(0, 50, 100));
}

fn a_full_disk_just_before_a_rotation_does_not_cut_the_line(suite: &Suite) {
    let dir = scratch();
    let logs = dir.path().join("m");
    let mut log = start_limited(suite, dir.path(), 2050, &["s4096", "./m"]);
    log.write(counted(0, 21, 100));
    wait_for_size(&logs.join("current"), 2050);
    raise_limit(&log);
    until("the first file has ended", || !old_files(&logs).is_empty());
    log.write(counted(21, 22, 100));
    assert!(log.finish().0.success());
    assert_eq!(read(&old_files(&logs)[0]), counted(0, 21, 100));
    assert_eq!(read(logs.join("current")), counted(21, 22, 100));
}
