//! A group of version 2, and the processes in it.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use super::tree::contains_us;
use super::{by_hand, entrance, keyed, tree};

/// All processes of a service, with whatever they fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    path: PathBuf,
}

impl Group {
    /// As [`tree::Tree`] makes it.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// A group recorded earlier. The record must be one that nobody else can write: whoever
    /// chooses the path chooses who is killed.
    ///
    /// # Errors
    /// `ENOENT` where it is gone; `EINVAL` where it is none of version 2, or holds ourselves, as
    /// the topmost one does, or where that is not to be known.
    pub fn at(path: &Path) -> io::Result<Self> {
        let is_dir = std::fs::symlink_metadata(path)?.is_dir();
        if path.is_absolute() && is_dir && tree::is_unified(path) && !contains_us(path)? {
            return Ok(Self::new(path.to_owned()));
        }
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file by which a child enters: [`crate::spawn::Step::Group`].
    ///
    /// # Errors
    /// None that a path which the kernel has taken can give.
    pub fn entrance(&self) -> io::Result<CString> {
        entrance::entrance(&self.path)
    }

    /// Whether any process is in it or below it. One that has ended and was not yet reaped does
    /// not count.
    ///
    /// # Errors
    /// `ENOENT` where the group is gone.
    pub fn is_populated(&self) -> io::Result<bool> {
        Ok(self.event_count("cgroup.events", "populated")? != 0)
    }

    /// The pids in it and below it, no more than `max`. Those of another pid namespace that have no
    /// number here are left out.
    ///
    /// # Errors
    /// `ENOENT` where the group is gone.
    pub fn members(&self, max: usize) -> io::Result<Vec<u32>> {
        by_hand::members(&self.path, max)
    }

    /// Kills all of them at once, whatever they fork meanwhile. They are gone when
    /// [`Group::is_populated`] says so. A group that is gone has nobody to kill.
    ///
    /// # Errors
    /// `EAGAIN` where new ones kept appearing (only without `cgroup.kill`), `EPERM`.
    pub fn kill(&self) -> io::Result<()> {
        match entrance::write(&self.path, "cgroup.kill", "1") {
            Ok(()) => Ok(()),
            Err(_) if !self.path.exists() => Ok(()),
            Err(_) => by_hand::kill(&self.path),
        }
    }

    /// Kills all of them as [`Group::kill`] does where the kernel has no `cgroup.kill`: the group
    /// is frozen, each process is killed, and it is thawed.
    ///
    /// # Errors
    /// As those of [`Group::kill`].
    pub fn kill_by_hand(&self) -> io::Result<()> {
        by_hand::kill(&self.path)
    }

    /// Signals each of them, but never ourselves; how many there were. Not at once: what is
    /// forked meanwhile is left out.
    ///
    /// # Errors
    /// `ENOENT` where the group is gone; what was refused first, once all have been tried.
    pub fn signal_all(&self, signal: i32) -> io::Result<usize> {
        by_hand::signal_all(&self.path, signal)
    }

    /// Thaws it. A child that enters a frozen group stops before it becomes its program, and a
    /// parent that sleeps until then with it.
    ///
    /// # Errors
    /// `ENOENT` where the group is gone, or before kernel 5.2.
    pub fn thaw(&self) -> io::Result<()> {
        entrance::write(&self.path, "cgroup.freeze", "0")
    }

    /// Removes it, and first the groups below it.
    ///
    /// # Errors
    /// `EBUSY` where somebody is in it.
    pub fn remove(&self) -> io::Result<()> {
        if entrance::remove(&self.path).is_ok() {
            return Ok(()); // Mostly there is none.
        }
        let below = by_hand::groups(&self.path);
        below.iter().rev().try_for_each(|group| entrance::remove(group))
    }

    /// Sets a limit: `pids.max`, `memory.max` (bytes), `cpu.max` (microseconds of a period), each
    /// a number or `max`.
    ///
    /// # Errors
    /// `ENOENT` where its controller is not enabled ([`tree::Tree::enable`]); `EINVAL`.
    pub fn limit(&self, file: &str, value: &str) -> io::Result<()> {
        entrance::write(&self.path, file, value)
    }

    /// How often something happened: `max` of `pids.events`, `oom_kill` of `memory.events`.
    ///
    /// # Errors
    /// `ENOENT` where its controller is not enabled; `EINVAL` where it has no such key.
    pub fn event_count(&self, file: &str, key: &str) -> io::Result<u64> {
        let text = entrance::read(&self.path, file)?;
        keyed::value(&text, key).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
    }
}
