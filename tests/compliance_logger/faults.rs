//! Each system call of a log fails once, or now and then (strace -e inject): no line is lost,
//! doubled or torn; where lines may be dropped, each is kept or counted.

use std::path::Path;
use std::process::{Command, Output};

use crate::suite::{Suite, counted, read, run, scratch, text, whole_log};

/// Runs multilog under `fault`; `None` where that cannot be done here.
fn run_with(fault: &str, dir: &Path, script: &[&str], lines: &str) -> Option<Output> {
    if !Path::new("/usr/bin/strace").exists() {
        println!("SKIPPED: no strace");
        return None;
    }
    let tool = Suite::ours().tool("multilog", dir);
    let mut command = Command::new("strace");
    let (call, _) = fault.split_once(':').unwrap();
    let (trace, inject) = (format!("trace={call}"), format!("inject={fault}"));
    command.args(["-o", "calls", "-e", &trace, "-e", &inject]);
    command.arg(tool.get_program()).args(tool.get_args()).args(script);
    command.current_dir(dir).stderr(std::process::Stdio::piped());
    let output = run(&mut command, lines);
    assert!(read(dir.join("calls")).contains("INJECTED"), "{fault}: {}", text(&output.stderr));
    Some(output)
}

#[test]
fn no_failing_system_call_loses_doubles_or_tears_a_line() {
    let lines = counted(0, 500, 100);
    for fault in [
        "write:error=ENOSPC:when=3+17",
        "write:error=EIO:when=2",
        // A file system that becomes read-only, and is written again.
        "write:error=EROFS:when=3..4",
        "pwrite64:error=EROFS:when=2+3",
        "openat:error=EROFS:when=40..41",
        "write:error=EINTR:when=1+2",
        "pwrite64:error=ENOSPC:when=1+2",
        "tee:error=ENOSYS",
        "tee:error=EPERM:when=2",
        "tee:error=EINTR:when=1+2",
        "readv:error=EFAULT:when=1",
        "fsync:error=EIO:when=1",
        "renameat:error=EROFS:when=1",
        "linkat:error=EDQUOT:when=1",
        "unlinkat:error=EROFS:when=5",
        "fchmod:error=EIO:when=2",
        "fchmodat,?fchmodat2:error=EIO:when=1",
        "getdents64:error=EIO:when=3",
        "?poll,ppoll:error=EINTR:when=1+2",
        // Beyond those of the start.
        "openat:error=EMFILE:when=40",
        "openat:error=ENFILE:when=45+50",
    ] {
        let dir = scratch();
        let script = ["s4096", "n1000", "./m"];
        let Some(output) = run_with(fault, dir.path(), &script, &lines) else { return };
        assert!(output.status.success(), "{fault}: {}", text(&output.stderr));
        assert!(whole_log(&dir.path().join("m")) == lines, "{fault}");
    }
}

#[test]
fn no_failing_system_call_keeps_a_file_from_being_processed() {
    let lines = counted(0, 100, 100);
    for fault in [
        "?clone,?clone3,?vfork:error=EAGAIN:when=1",
        "renameat:error=EIO:when=2",
        "renameat:error=EIO:when=3",
        "renameat:error=EIO:when=4",
        "fsync:error=ENOSPC:when=2",
        "fsync:error=ENOSPC:when=4",
        "unlinkat:error=EIO:when=6",
        "linkat:error=EIO:when=2",
    ] {
        let dir = scratch();
        let script = ["s4096", "n1000", "!sed 's/^/x/'", "./m"];
        let Some(output) = run_with(fault, dir.path(), &script, &lines) else { return };
        assert!(output.status.success(), "{fault}: {}", text(&output.stderr));
        let log = whole_log(&dir.path().join("m"));
        assert!(log.replace('x', "") == lines, "{fault}: {log}");
        assert_eq!(log.matches('x').count(), 84, "{fault}: all but what is in current");
    }
}

#[test]
fn each_line_is_kept_or_counted_where_lines_may_be_dropped() {
    let lines = counted(0, 2000, 100);
    for fault in [
        "write:error=ENOSPC:when=2+3",
        "write:error=EIO:when=1..3",
        "ftruncate,write:error=EIO:when=2+2",
        "fsync:error=EIO:when=1+2",
        "renameat:error=EROFS:when=1",
        "linkat:error=EDQUOT:when=1+2",
        "openat:error=EMFILE:when=14",
        "openat:error=ENOENT:when=12..16",
    ] {
        let dir = scratch();
        let script = ["s30000", "n1000", "%full=drop", "./m"];
        let Some(output) = run_with(fault, dir.path(), &script, &lines) else { return };
        let log = if dir.path().join("m/current").exists() {
            whole_log(&dir.path().join("m"))
        } else {
            String::new()
        };
        let said = text(&output.stderr);
        let lost = |line: &str| {
            let (before, _) = line.split_once(" line").unwrap();
            before.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
        };
        let told = log.lines().filter(|line| line.starts_with("multilog: ")).map(lost);
        let at_end = said.lines().filter(|line| line.starts_with("multilog: fatal: "));
        let at_end = at_end.filter(|line| line.ends_with(" lost")).map(lost);
        let kept = log.lines().filter(|line| !line.starts_with("multilog: ")).count();
        assert_eq!(kept + told.chain(at_end).sum::<usize>(), 2000, "{fault}: {said}\n{log}");
    }
}
