//! How much of what all processes share is left: pids, open files, memory (`proc(5)`).

use std::io;
use std::path::Path;

use crate::small_file;

/// Longer than any of these files has to be read.
const TEXT_MAX: usize = 4096;

/// Processes and threads that can still be made, and how many there can be.
#[must_use]
pub fn pids() -> Option<(u64, u64)> {
    let used = entities(&read("/proc/loadavg")?)?;
    let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
    let total = limits.iter().filter_map(|path| number(&read(path)?)).min()?;
    Some((total.saturating_sub(used), total))
}

/// Files that can still be opened, and how many can be.
#[must_use]
pub fn files() -> Option<(u64, u64)> {
    let text = read("/proc/sys/fs/file-nr")?;
    let mut fields = text.split_ascii_whitespace();
    let (used, _, total) = (fields.next()?, fields.next()?, fields.next()?);
    let (used, total): (u64, u64) = (used.parse().ok()?, total.parse().ok()?);
    Some((total.saturating_sub(used), total))
}

/// Whether something failed for want of descriptors or memory, which may be had again later.
#[must_use]
pub fn is_cause_of(error: &io::Error) -> bool {
    let causes = [libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    error.raw_os_error().is_some_and(|errno| causes.contains(&errno))
}

/// Bytes of memory that can still be had without swapping, and how many there are.
#[must_use]
pub fn memory() -> Option<(u64, u64)> {
    let text = read("/proc/meminfo")?;
    Some((kilobytes(&text, "MemAvailable:")?, kilobytes(&text, "MemTotal:")?))
}

/// `0.00 0.01 0.05 1/123 4567`: the entities that are there.
fn entities(loadavg: &str) -> Option<u64> {
    loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    number(line.trim().strip_suffix("kB")?)?.checked_mul(1024)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn read(path: &str) -> Option<String> {
    String::from_utf8(small_file::read(Path::new(path), TEXT_MAX).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_is_told_from_refusal() {
        let is_want = |errno| is_cause_of(&io::Error::from_raw_os_error(errno));
        assert!([libc::EMFILE, libc::ENFILE, libc::ENOMEM].into_iter().all(is_want));
        assert!(![libc::ENOENT, libc::EACCES, libc::EPERM].into_iter().any(is_want));
        assert!(!is_cause_of(&io::ErrorKind::OutOfMemory.into()), "the kernel has not said it");
    }

    #[test]
    fn this_machine_has_something_of_everything() {
        for amount in [pids(), files(), memory()] {
            assert!(amount.is_some_and(|(free, total)| free > 0 && free < total), "{amount:?}");
        }
    }

    #[test]
    fn the_files_of_proc_are_read_as_proc_5_has_them() {
        assert_eq!(entities("0.00 0.01 0.05 1/123 4567\n"), Some(123));
        assert_eq!(entities("0.00"), None);
        let text = "MemTotal:  1024 kB\nMemFree: 7 kB\nMemAvailable:     512 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(512 * 1024));
        assert_eq!(kilobytes(text, "Swap:"), None);
    }
}
