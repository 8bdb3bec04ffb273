//! Who descends from whom.
//!
//! The kernel lists a process's children in `children` of each of its threads (`proc_tid_children`
//! (5)), where it was built with `CONFIG_PROC_CHILDREN`. Else every process is asked for its
//! parent, once.

use std::fs;
use std::io;
use std::path::Path;

use super::facts;
use crate::small_file;

/// Half a million pids: far more children than we could do anything about.
const CHILDREN_MAX: usize = 4 << 20;
/// More threads of one process are not asked for their children; almost all have a single one that
/// forks.
const THREADS_MAX: usize = 4096;
/// More processes are not looked at: `pid_max` of a small machine is 32768.
const PROCESSES_MAX: usize = 65536;

/// The children of a process, ended ones too; `None` where it is gone or hidden. One that is made
/// or reaped meanwhile may be missing, and another with it.
#[must_use]
pub fn children_of(pid: u32) -> Option<Vec<u32>> {
    if let Ok(children) = listed(pid) {
        return children;
    }
    facts(pid)?;
    Some(of(pid, &parents()))
}

/// The descendants of a process, nearest first, no more than `max`.
#[must_use]
pub fn descendants(pid: u32, max: usize) -> Vec<u32> {
    if let Ok(found) = all(pid, max, listed) {
        return found;
    }
    let parents = parents();
    let found: Result<_, NoLists> = all(pid, max, |pid| Ok(Some(of(pid, &parents))));
    found.unwrap_or_default()
}

/// The kernel has no lists of children.
#[derive(Debug)]
struct NoLists;

fn all<E>(
    pid: u32,
    max: usize,
    children: impl Fn(u32) -> Result<Option<Vec<u32>>, E>,
) -> Result<Vec<u32>, E> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next)
        && found.len() <= max
    {
        for child in children(parent)?.into_iter().flatten() {
            // A number given anew meanwhile could lead in a circle.
            if !found.contains(&child) {
                found.push(child);
            }
        }
        next += 1;
    }
    found.truncate(max.saturating_add(1));
    found.remove(0);
    Ok(found)
}

/// By the lists of the kernel; `Ok(None)` where the process is gone or hidden.
fn listed(pid: u32) -> Result<Option<Vec<u32>>, NoLists> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Ok(None) };
    let mut children = Vec::new();
    for thread in threads.flatten().take(THREADS_MAX) {
        let dir = thread.path();
        match small_file::read(&dir.join("children"), CHILDREN_MAX) {
            Ok(text) => children.extend(pids(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && dir.exists() => {
                return Err(NoLists);
            }
            // That thread has ended.
            Err(_) => {}
        }
    }
    Ok(Some(children))
}

fn pids(text: &[u8]) -> Vec<u32> {
    let words = text.split(u8::is_ascii_whitespace);
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect()
}

/// Every process and its parent, as far as they are not hidden.
fn parents() -> Vec<(u32, u32)> {
    everybody().into_iter().filter_map(facts).map(|facts| (facts.pid, facts.parent)).collect()
}

/// Every process that is not hidden from us.
#[must_use]
pub fn everybody() -> Vec<u32> {
    let entries = fs::read_dir(Path::new("/proc")).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.take(PROCESSES_MAX).collect()
}

fn of(parent: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_all(pid: u32, max: usize, parents: &[(u32, u32)]) -> Vec<u32> {
        all(pid, max, |pid| Ok::<_, NoLists>(Some(of(pid, parents)))).unwrap()
    }

    #[test]
    fn descendants_are_found_nearest_first() {
        let parents = [(1, 0), (6, 5), (2, 1), (3, 1), (5, 2), (9, 8), (7, 3)];
        assert_eq!(of_all(1, 10, &parents), [2, 3, 5, 7, 6]);
        assert_eq!(of_all(2, 10, &parents), [5, 6]);
        assert_eq!(of_all(6, 10, &parents), [] as [u32; 0]);
        assert_eq!(of_all(1, 2, &parents), [2, 3], "no more than asked for");
        assert_eq!(of_all(1, 0, &parents), [] as [u32; 0]);
    }

    #[test]
    fn a_circle_comes_to_an_end() {
        assert_eq!(of_all(1, 10, &[(2, 1), (1, 2), (2, 2)]), [2]);
    }

    #[test]
    fn both_ways_find_the_same_children() {
        let script = "sleep 1000 & sleep 1000 & read line";
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", script]).stdin(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let start = std::time::Instant::now();
        let mut children = Vec::new();
        while children.len() < 2 && start.elapsed() < std::time::Duration::from_mins(1) {
            children = children_of(shell.id()).unwrap();
        }
        children.sort_unstable();
        let mut asked = of(shell.id(), &parents());
        asked.sort_unstable();
        let mut all = descendants(shell.id(), 10);
        all.sort_unstable();
        for child in &children {
            crate::child::signal(*child, libc::SIGKILL).unwrap();
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!((children.len(), &asked, &all), (2, &children, &children));
        assert_eq!(children_of(shell.id()), None, "it is gone");
        assert_eq!(descendants(shell.id(), 10), [] as [u32; 0]);
    }
}
