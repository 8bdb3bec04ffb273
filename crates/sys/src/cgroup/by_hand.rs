//! Signals to every process of a group, one by one: for all signals but KILL, and for that one
//! where the kernel has no `cgroup.kill` (before 5.14) or refuses it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::entrance::{PROCS, write};
use crate::process::Process;

/// More groups below one service are not looked into: a container engine has tens.
pub(super) const GROUPS_MAX: usize = 1024;
/// As many processes are signalled in one go: the kernel's own limit where it is not raised
/// (`pid_max` of a small machine).
const MEMBERS_MAX: usize = 32768;
/// Processes held at a time: so many descriptors are needed.
const HELD_MAX: usize = 64;
/// A frozen group makes no processes; the second round finds who was being made meanwhile.
const ROUNDS_MAX: usize = 8;
/// A pid and its newline are at most this long (`PID_MAX_LIMIT` is 2^22).
const PID_LEN: usize = 8;

/// The pids of a group and of the groups below it, no more than `max`. Processes that are not of
/// our pid namespace have no number here and are left out; so are ended ones (zombies).
pub(super) fn members(group: &Path, max: usize) -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for (index, dir) in groups(group).into_iter().enumerate() {
        match listed(&dir, max.saturating_sub(pids.len())) {
            Ok(more) => pids.extend(more),
            Err(error) if index == 0 => return Err(error),
            // Gone meanwhile, or of threads, which the group above lists.
            Err(_) => {}
        }
    }
    pids.truncate(max);
    Ok(pids)
}

fn listed(group: &Path, max: usize) -> io::Result<Vec<u32>> {
    let mut text = String::new();
    let file = File::open(group.join(PROCS))?;
    file.take(max.saturating_mul(PID_LEN) as u64).read_to_string(&mut text)?;
    Ok(pids(&text))
}

/// Who has no number in our namespace is listed as 0, which would be ourselves (kill(2)).
fn pids(text: &str) -> Vec<u32> {
    let pids = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok());
    pids.filter(|pid| *pid != 0).collect()
}

/// The group and those below it, each after the one it is in.
pub(super) fn groups(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut next = 0;
    while let Some(dir) = found.get(next) {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let below: Vec<PathBuf> = dirs.map(|entry| entry.path()).collect();
        found.extend(below.into_iter().take(GROUPS_MAX.saturating_sub(found.len())));
        next += 1;
    }
    found
}

/// Signals every process of the group, but never ourselves; how many there were.
///
/// # Errors
/// What was refused first, once all have been tried.
pub(super) fn signal_all(group: &Path, signal: i32) -> io::Result<usize> {
    let mut signalled = Vec::new();
    signal_unless(group, signal, &mut signalled)?;
    Ok(signalled.len())
}

/// Signals those who are not in `done`, and puts them there.
fn signal_unless(group: &Path, signal: i32, done: &mut Vec<u32>) -> io::Result<()> {
    let mut pids = members(group, MEMBERS_MAX)?;
    pids.retain(|pid| *pid != std::process::id() && !done.contains(pid));
    let mut outcome = Ok(());
    for batch in pids.chunks(HELD_MAX) {
        let held: Vec<(u32, Process)> =
            batch.iter().filter_map(|pid| Some((*pid, Process::open(*pid).ok()?))).collect();
        // Who is still listed after he was opened is of the group: a stranger that got the number
        // of an ended one is not.
        let still = members(group, MEMBERS_MAX)?;
        for (pid, process) in held.iter().filter(|(pid, _)| still.contains(pid)) {
            match process.signal(signal) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    outcome = outcome.and(Err(error));
                }
                Ok(()) | Err(_) => done.push(*pid),
            }
        }
    }
    outcome
}

/// Freezes the group, so that nobody forks, kills everybody, and thaws it.
///
/// # Errors
/// `EAGAIN` where new processes kept appearing; what was refused first.
pub(super) fn kill(group: &Path) -> io::Result<()> {
    // Where it cannot be frozen they are killed all the same.
    let frozen = write(group, "cgroup.freeze", "1").is_ok();
    let killed = kill_in_rounds(group);
    let thawed = if frozen { write(group, "cgroup.freeze", "0") } else { Ok(()) };
    killed.and(thawed)
}

fn kill_in_rounds(group: &Path) -> io::Result<()> {
    let mut done = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let before = done.len();
        signal_unless(group, libc::SIGKILL, &mut done)?;
        if done.len() == before {
            return Ok(());
        }
    }
    Err(io::Error::from_raw_os_error(libc::EAGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_a_whole_line_and_not_zero() {
        assert_eq!(pids("17\n0\n4194303\n0\n"), [17, 4_194_303]);
        assert_eq!(pids("17\n41"), [17], "cut short, it is another one");
        assert_eq!(pids("\n-1\nx\n 7\n"), [] as [u32; 0]);
    }

    #[test]
    fn a_longest_list_is_not_cut_short() {
        assert_eq!("4194304\n".len(), PID_LEN);
    }
}
