//! A service directory held open for as long as one thing is done in it: its path is walked once,
//! and it is one and the same directory from the first look to the last write.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::NixPath as _;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::sys::statfs::fstatfs;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::place;
use crate::spawn::Identity;

/// Room for the names of a directory: some hundred, and a service directory has ten.
const NAMES_LEN: usize = 8192;
/// Where the length of an entry and its name are (`getdents64(2)`).
const LEN_AT: usize = 16;
const NAME_AT: usize = 19;

/// An open directory.
#[derive(Debug)]
pub struct Held(OwnedFd);

/// What is known of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Which it is.
    pub identity: Identity,
    /// Who owns it.
    pub uid: u32,
    /// Whether somebody whose files are not as good as ours may exchange what is in it.
    pub exposed: bool,
    /// When names in it last came or went, and when it was last changed at all: seconds since 1970
    /// and nanoseconds.
    pub changed: [(i64, i64); 2],
}

impl Held {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// open(2): also `EACCES` where we may enter it and not read it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?))
    }

    /// Only to walk the path once: a directory of which no more is known than that it may be
    /// entered.
    ///
    /// # Errors
    /// open(2).
    pub fn enter(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?))
    }

    /// Opens for writing a FIFO that somebody reads.
    ///
    /// # Errors
    /// `ENXIO` where nobody has it open for reading, and all of open(2).
    pub fn open_writer(&self, name: &str) -> io::Result<File> {
        self.open_there(name, OFlag::O_WRONLY)
    }

    /// Opens a file for reading that may turn out to be anything: a FIFO is not waited for.
    ///
    /// # Errors
    /// open(2).
    pub fn open_whatever(&self, name: &str) -> io::Result<File> {
        self.open_there(name, OFlag::O_RDONLY)
    }

    fn open_there(&self, name: &str, access: OFlag) -> io::Result<File> {
        let flags = access | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// # Errors
    /// fstat(2).
    pub fn facts(&self) -> io::Result<Facts> {
        let stat = fstat(&self.0)?;
        let names = (stat.st_mtime, stat.st_mtime_nsec);
        let all = (stat.st_ctime, stat.st_ctime_nsec);
        let (uid, exposed) = (stat.st_uid, place::exposes(stat.st_uid, stat.st_mode));
        Ok(Facts { identity: identity(&stat), uid, exposed, changed: [names, all] })
    }

    /// Shows every name in it, in no order; to be called once. `false`: there are more than are
    /// worth reading.
    ///
    /// # Errors
    /// `getdents64(2)`.
    pub fn names(&self, mut show: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut bytes = [0; NAMES_LEN];
        let len = self.entries(&mut bytes)?;
        let mut rest = bytes.get(..len).unwrap_or_default();
        while let Some(len) = rest.get(LEN_AT..LEN_AT + 2) {
            let len = usize::from(u16::from_ne_bytes(len.try_into().unwrap_or_default()));
            let name = rest.get(NAME_AT..len).unwrap_or_default();
            show(name.split(|byte| *byte == 0).next().unwrap_or_default());
            rest = rest.get(len.max(1)..).unwrap_or_default();
        }
        Ok(len == 0 || self.entries(&mut bytes)? == 0)
    }

    fn entries(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let (fd, room, len) = (self.0.as_raw_fd(), bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the kernel writes at most `len` bytes to `room`.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, fd, room, len) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }

    /// Who owns the file of that name; links are followed.
    ///
    /// # Errors
    /// stat(2).
    pub fn owner_of(&self, name: &str) -> io::Result<u32> {
        Ok(fstatat(&self.0, name, AtFlags::empty())?.st_uid)
    }

    /// Whether it lies on a file system that is served by another machine or another process.
    ///
    /// # Errors
    /// statfs(2).
    pub fn is_remote(&self) -> io::Result<bool> {
        Ok(place::is_served(&fstatfs(&self.0)?))
    }

    /// Makes a file that was not there, to be written.
    ///
    /// # Errors
    /// `EEXIST` where something has that name, be it a dangling link.
    pub fn create_new(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::from_bits_truncate(mode))?.into())
    }

    /// Renames within it; what stood under `to` is gone.
    ///
    /// # Errors
    /// rename(2).
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// As [`replace`], within it.
    ///
    /// # Errors
    /// rename(2).
    pub fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        if exchange(self.0.as_raw_fd(), Path::new(from), Path::new(to)).is_ok() {
            return self.remove(from);
        }
        self.rename(from, to)
    }

    /// Removes a name; one that is not there is as good.
    ///
    /// # Errors
    /// unlink(2).
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Gives the file `from` the name `to`, in one moment; what had it is gone. ext4 writes a file out
/// to the disk before it takes the name of another, and keeps the caller waiting for that, a
/// millisecond and more, but not when the two change places.
///
/// # Errors
/// rename(2).
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    if exchange(libc::AT_FDCWD, from, to).is_ok() {
        return std::fs::remove_file(from);
    }
    std::fs::rename(from, to)
}

/// Not every file system can do it, and not where `to` is not there.
fn exchange(dir: i32, from: &Path, to: &Path) -> io::Result<()> {
    let swapped = from.with_nix_path(|from| {
        to.with_nix_path(|to| {
            let (from, to, flags) = (from.as_ptr(), to.as_ptr(), libc::RENAME_EXCHANGE);
            // SAFETY: both names end with a zero and live as long as the call.
            unsafe { libc::syscall(libc::SYS_renameat2, dir, from, dir, to, flags) }
        })
    });
    Ok(Errno::result(swapped??).map(drop)?)
}

fn identity(stat: &FileStat) -> Identity {
    Identity { dev: stat.st_dev, ino: stat.st_ino }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn names(dir: &Path) -> (BTreeSet<String>, bool) {
        let mut names = BTreeSet::new();
        let held = Held::open(dir).unwrap();
        let all = held.names(|name| {
            names.insert(String::from_utf8_lossy(name).into_owned());
        });
        (names, all.unwrap())
    }

    #[test]
    fn every_name_is_shown_whatever_its_length() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(names(dir.path()), (BTreeSet::from([".".into(), "..".into()]), true));
        let some: Vec<String> = [1, 2, 7, 8, 200, 255].map(|len| "x".repeat(len)).into();
        for name in &some {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let (found, all) = names(dir.path());
        assert!(all && found.len() == some.len() + 2);
        assert!(some.iter().all(|name| found.contains(name)));
    }

    #[test]
    fn what_is_replaced_is_gone_and_what_was_not_there_is_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        let held = Held::open(dir.path()).unwrap();
        let path = |name| dir.path().join(name);
        for text in ["1", "2", "3"] {
            fs::write(path("new"), text).unwrap();
            held.replace("new", "status").unwrap();
            assert_eq!(fs::read_to_string(path("status")).unwrap(), text);
            assert!(!path("new").exists());
            fs::write(path("new"), text).unwrap();
            replace(&path("new"), &path("remarks")).unwrap();
            assert_eq!(fs::read_to_string(path("remarks")).unwrap(), text);
            assert!(!path("new").exists());
        }
        assert!(held.replace("new", "status").is_err() && path("status").exists());
    }

    #[test]
    fn a_directory_full_of_names_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..1000 {
            fs::write(dir.path().join(format!("a-rather-long-name-{number}")), "").unwrap();
        }
        assert!(!names(dir.path()).1);
    }

    #[test]
    fn a_directory_that_changes_is_seen_to_and_stays_itself_when_it_is_moved() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("a");
        fs::create_dir(&dir).unwrap();
        let held = Held::open(&dir).unwrap();
        let before = held.facts().unwrap();
        let meta = fs::metadata(&dir).unwrap();
        assert_eq!(before.identity, Identity { dev: meta.dev(), ino: meta.ino() });
        assert_eq!(before.uid, meta.uid());
        fs::rename(&dir, top.path().join("b")).unwrap();
        drop(held.create_new("status.new", 0o600).unwrap());
        assert!(held.create_new("status.new", 0o600).is_err(), "it is there");
        held.rename("status.new", "status").unwrap();
        assert!(top.path().join("b/status").exists());
        assert_eq!(held.owner_of("status").unwrap(), before.uid);
        let after = held.facts().unwrap();
        assert_eq!(after.identity, before.identity);
        assert_ne!(after.changed, before.changed);
        held.remove("status").unwrap();
        held.remove("status").unwrap();
        assert!(!top.path().join("b/status").exists());
    }
}
