//! How much of what all processes share is left: pids, open files, memory (`proc(5)`).

use std::io;
use std::path::Path;

use crate::small_file::{self, Standing};

/// Longer than any of these files has to be read.
const TEXT_MAX: usize = 4096;

/// What is asked before each start, with the files held open.
#[derive(Debug, Default)]
pub struct Gauges {
    load: Standing,
    files: Standing,
    memory: Standing,
    most_pids: Option<u64>,
}

impl Gauges {
    /// Looks at what people set and nothing uses up: how many pids there can be.
    pub fn look_at_limits(&mut self) {
        let limits = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
        self.most_pids = limits.iter().filter_map(|path| number(&read(path)?)).min();
    }

    /// Processes and threads that can still be made, and how many there can be.
    pub fn pids(&mut self) -> Option<(u64, u64)> {
        let total = self.most_pids?;
        let used = text(&mut self.load, "/proc/loadavg", entities)?;
        Some((total.saturating_sub(used), total))
    }

    /// Files that can still be opened, and how many can be.
    pub fn files(&mut self) -> Option<(u64, u64)> {
        text(&mut self.files, "/proc/sys/fs/file-nr", |text| {
            let mut fields = text.split_ascii_whitespace();
            let (used, _, total) = (fields.next()?, fields.next()?, fields.next()?);
            let (used, total): (u64, u64) = (used.parse().ok()?, total.parse().ok()?);
            Some((total.saturating_sub(used), total))
        })
    }

    /// Bytes of memory that can still be had without swapping, and how many there are.
    pub fn memory(&mut self) -> Option<(u64, u64)> {
        text(&mut self.memory, "/proc/meminfo", |text| {
            Some((kilobytes(text, "MemAvailable:")?, kilobytes(text, "MemTotal:")?))
        })
    }
}

/// As [`Gauges::pids`], for whoever looks once.
#[must_use]
pub fn pids() -> Option<(u64, u64)> {
    let mut gauges = Gauges::default();
    gauges.look_at_limits();
    gauges.pids()
}

/// As [`Gauges::files`], for whoever looks once.
#[must_use]
pub fn files() -> Option<(u64, u64)> {
    Gauges::default().files()
}

fn text<T>(file: &mut Standing, path: &str, of: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut bytes = [0; TEXT_MAX];
    let len = file.read_at(|| path.to_owned(), &mut bytes, 0).ok()?;
    of(str::from_utf8(bytes.get(..len)?).ok()?)
}

/// Whether something failed for want of descriptors or memory, which may be had again later.
#[must_use]
pub fn is_cause_of(error: &io::Error) -> bool {
    let causes = [libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    error.raw_os_error().is_some_and(|errno| causes.contains(&errno))
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
        for amount in [pids(), files(), Gauges::default().memory()] {
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
