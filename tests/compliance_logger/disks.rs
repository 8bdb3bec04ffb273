//! Disks that refuse for other reasons than being full: no more files, a limit on their size. One
//! that becomes read-only is in `tests/vm/stories/disk.sh`: nobody can make that of a file system
//! in use without asking the kernel to do it to all of them.

use std::process::{Command, Stdio};

use crate::suite::{
    Running, Suite, counted, old_files, read, run, scratch, text, until, whole_log,
};
use crate::trouble::{raise_limit, wait_for_size};

/// Has a disk that holds 30 files and has 8 left. Once the logger has said that it waits, or half a
/// minute later, there are more.
const FEW_FILES: &str = "mkdir small && mount -t tmpfs -o size=8m,nr_inodes=30 none small
    cd small; filler=0
    while touch filler.$filler 2>/dev/null; do filler=$((filler + 1)); done
    rm filler.0 filler.1 filler.2 filler.3 filler.4 filler.5 filler.6 filler.7
    (tries=0
    until grep -q pausing ../said || [ $tries = 300 ]; do tries=$((tries + 1)); sleep 0.1; done
    rm filler.*) &";

#[test]
fn a_disk_without_room_for_another_file_loses_nothing() {
    let input = counted(0, 400, 100);
    let dir = scratch();
    let log = "\"$MULTILOG\" multilog s4096 n1000 ./m 2>../said; cat m/@* m/current";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-ec", &format!("{FEW_FILES}\n{log}")]);
    command.env("MULTILOG", env!("CARGO_BIN_EXE_keepup")).current_dir(dir.path());
    let output = run(command.stderr(Stdio::piped()), &input);
    let complaints = text(&output.stderr);
    if complaints.contains("unshare:") || complaints.contains("mount:") {
        println!("SKIPPED: no mount namespaces: {complaints}");
        return;
    }
    assert!(output.status.success(), "{complaints}");
    let said = read(dir.path().join("said"));
    assert!(text(&output.stdout) == input, "{said}");
    assert_eq!(said.matches("pausing: ").count(), 1, "{said}");
    assert!(said.contains(", pausing: out of disk space\n"), "{said}");
    assert!(said.contains("warning: going on with ./m after "), "{said}");
}

/// multilog as it is started where no file may grow beyond `limit` and nobody has ignored SIGXFSZ.
fn start_below(limit: u32, suite: &Suite, dir: &std::path::Path, script: &[&str]) -> Running {
    let tool = suite.tool("multilog", dir);
    let mut command = Command::new("prlimit");
    command.args([&format!("--fsize={limit}:"), "--"]).arg(tool.get_program());
    command.args(tool.get_args()).args(script).current_dir(dir).stderr(Stdio::piped());
    Running::start(&mut command)
}

#[test]
fn a_limit_on_the_size_of_files_is_waited_for_and_ends_nothing() {
    for limit in [0, 1, 3000, 4096] {
        let dir = scratch();
        let logs = dir.path().join("m");
        let mut log = start_below(limit, &Suite::ours(), dir.path(), &["s8192", "n1000", "./m"]);
        let input = counted(0, 500, 100);
        log.write(&input);
        wait_for_size(&logs.join("current"), u64::from(limit));
        until("it waits for room", || state(&log) == 'S');
        raise_limit(&log);
        let (status, said) = log.finish();
        assert!(status.success(), "{limit}: {status:?} {said}");
        assert!(whole_log(&logs) == input && old_files(&logs).len() > 5, "{limit}: {said}");
        let sentence = "unable to write to ./m/current, pausing: file too big\n";
        assert_eq!(said.matches(sentence).count(), 1, "{limit}: {said}");
    }
}

/// As ps has it.
fn state(log: &Running) -> char {
    let stat = read(format!("/proc/{}/stat", log.pid()));
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap()
}
