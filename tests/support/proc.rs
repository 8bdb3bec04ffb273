//! What /proc knows of processes, and the end of those a test left behind.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::comes_true;
use sys::process::Process;

/// How often what a test left behind is looked for and killed before that is given up: a process
/// that forks faster than it is killed would go on for ever.
const KILL_ROUNDS: u32 = 200;

/// Whether this process may do all: permissions do not stop it.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc").uid() == 0
}

/// The fields of `/proc/PID/stat` from the state on: the name before them may hold anything.
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn state(pid: u32) -> Option<String> {
    stat_fields(pid)?.first().cloned()
}

/// Whether it runs: a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != "Z" && state != "X")
}

/// Whether it was stopped by a signal.
pub(crate) fn is_stopped(pid: u32) -> bool {
    state(pid).is_some_and(|state| state == "T")
}

/// Its parent's pid.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    stat_fields(pid)?.get(1)?.parse().ok()
}

/// When it was forked, in ticks since boot: true however late it came to run.
pub(crate) fn fork_ticks(stat: &str) -> u64 {
    let (_, fields) = stat.rsplit_once(')').expect("a line of /proc/PID/stat");
    fields.split_whitespace().nth(19).and_then(|field| field.parse().ok()).expect("field 22")
}

/// Ticks of [`fork_ticks`] in a second: `USER_HZ`, 100 wherever Linux runs.
pub(crate) const fn ticks_per_second() -> u64 {
    100
}

/// Ticks since boot.
pub(crate) fn uptime_ticks() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").expect("/proc/uptime");
    let (whole, rest) = uptime.split_once('.').expect("seconds with a fraction");
    let hundredths: u64 = rest.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    whole.parse::<u64>().expect("seconds") * 100 + hundredths
}

/// Whether its environment holds exactly `mark`, a `NAME=value`.
fn is_marked(pid: u32, mark: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|&byte| byte == 0).any(|word| word == mark.as_bytes()))
}

/// All processes whose environment holds `mark`.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let names = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name| name.to_str()?.parse().ok());
    pids.filter(|&pid| is_marked(pid, mark)).collect()
}

/// Who it is, for a message.
pub(crate) fn describe(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid} ({})", String::from_utf8_lossy(&words).replace('\0', " ").trim())
}

/// Signals a process that holds `mark`. The descriptor is opened before the mark is looked at, so
/// that a stranger who gets the number meanwhile is not the one signalled.
fn signal_marked(pid: u32, mark: &str, signal: i32) {
    if let Ok(process) = Process::open(pid)
        && is_marked(pid, mark)
    {
        let _ = process.signal(signal);
    }
}

/// Kills every process that holds `mark`, until there is none; says whether there is none.
pub(crate) fn kill_marked(mark: &str) -> bool {
    let pause = Duration::from_millis(10);
    for _ in 0..KILL_ROUNDS {
        let left = marked(mark);
        if left.is_empty() {
            return true;
        }
        for pid in left {
            signal_marked(pid, mark, libc::SIGKILL);
        }
        comes_true(pause, || marked(mark).is_empty());
    }
    false
}
