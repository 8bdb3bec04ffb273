//! A directory held open: its files are reached through it, wherever it is moved meanwhile.
//!
//! `multilog` keeps each log directory so: one that is renamed under it goes on being the same log.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmodat, fstat, fstatat, umask};
use nix::unistd::{UnlinkatFlags, fchdir, fsync, linkat, unlinkat};

/// An open directory. Names are relative to it; an absolute path is taken as it is.
#[derive(Debug)]
pub struct Dir(OwnedFd);

/// What is known of a file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Permission bits and the like: the low twelve of `st_mode`.
    pub mode: u32,
    /// Its length in bytes.
    pub size: u64,
    /// Which file it is, whatever its name.
    pub ino: u64,
    /// Whether it has another name as well.
    pub linked: bool,
}

impl Dir {
    /// Opens the directory `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(nix::fcntl::open(path, flags, Mode::empty())?))
    }

    /// Whether the directory still has a name: a removed one can be held open.
    pub fn is_there(&self) -> io::Result<bool> {
        Ok(fstat(&self.0)?.st_nlink > 0)
    }

    /// Writes the names in it to disk; where the file system cannot, it need not.
    pub fn sync(&self) -> io::Result<()> {
        match fsync(&self.0) {
            Ok(()) | Err(Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens for appending, made with mode 0600 where it is missing (djb's `open_append`).
    pub fn append(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT, 0o600)
    }

    /// Opens for writing, made empty, with mode 0644 where it is missing (djb's `open_trunc`).
    pub fn truncate(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlag::O_WRONLY | OFlag::O_TRUNC | OFlag::O_CREAT, 0o644)
    }

    /// Opens what is there for writing (djb's `open_write`).
    pub fn write(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlag::O_WRONLY, 0)
    }

    /// Opens for reading and writing, made with mode 0600 where it is missing.
    pub fn read_write(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW, 0o600)
    }

    /// Opens what is there for reading (djb's `open_read`).
    pub fn read(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlag::O_RDONLY, 0)
    }

    /// Never waits for the other end of a FIFO.
    fn open_file(&self, name: &OsStr, flags: OFlag, mode: u32) -> io::Result<File> {
        let flags = flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(mode);
        Ok(File::from(openat(&self.0, name, flags, mode)?))
    }

    /// What is there under that name; `None` where nothing is.
    pub fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match fstatat(&self.0, name, AtFlags::empty()) {
            Ok(stat) => Ok(Some(found(&stat))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sets the permission bits of a file.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        let mode = Mode::from_bits_truncate(mode);
        Ok(fchmodat(&self.0, name, mode, FchmodatFlags::FollowSymlink)?)
    }

    /// Renames within the directory; what stood under `to` is gone.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// `EEXIST` where `to` stands already; it is never replaced.
    pub fn link(&self, name: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(linkat(&self.0, name, &self.0, to, AtFlags::empty())?)
    }

    /// Removes a name.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Shows every name in the directory, in no order, `.` and `..` too.
    pub fn each_name(&self, mut show: impl FnMut(&[u8])) -> io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut listing = nix::dir::Dir::openat(&self.0, ".", flags, Mode::empty())?;
        for entry in listing.iter() {
            show(entry?.file_name().to_bytes());
        }
        Ok(())
    }

    /// A command that will run in this directory, wherever it is then.
    pub fn command(&self, program: &OsStr) -> io::Result<Command> {
        let fd = self.0.try_clone()?;
        let mut command = Command::new(program);
        let enter = move || Ok(fchdir(&fd)?);
        // SAFETY: between fork and exec the closure makes one system call and no allocation: an
        // errno becomes an io::Error without one.
        unsafe { command.pre_exec(enter) };
        Ok(command)
    }
}

fn found(stat: &FileStat) -> Found {
    Found {
        mode: stat.st_mode & 0o7777,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        ino: stat.st_ino,
        linked: stat.st_nlink > 1,
    }
}

/// Sets which permission bits new files do not get, for the whole process and its children.
pub fn set_umask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}

/// Makes something with this mask, and puts the former one back. The mask is the whole process's:
/// only for one without a second thread that makes files.
pub fn with_umask<T>(mask: u32, make: impl FnOnce() -> T) -> T {
    let former = umask(Mode::from_bits_truncate(mask));
    let result = make();
    umask(former);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn a_directory_that_is_renamed_is_still_the_same() {
        let top = tempfile::tempdir().unwrap();
        let (before, after) = (top.path().join("before"), top.path().join("after"));
        std::fs::create_dir(&before).unwrap();
        let dir = Dir::open(&before).unwrap();
        std::fs::rename(&before, &after).unwrap();
        dir.append(name("current")).unwrap().write_all(b"line\n").unwrap();
        assert_eq!(std::fs::read(after.join("current")).unwrap(), b"line\n");
        let output = dir.command(name("cat")).unwrap().arg("current").output().unwrap();
        assert_eq!(output.stdout, b"line\n");
    }

    #[test]
    fn a_link_replaces_nothing_and_is_seen() {
        let top = tempfile::tempdir().unwrap();
        let dir = Dir::open(top.path()).unwrap();
        dir.append(name("a")).unwrap();
        dir.link(name("a"), name("b")).unwrap();
        let refused = dir.link(name("a"), name("b")).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EEXIST));
        dir.set_mode(name("a"), 0o744).unwrap();
        let (a, b) = (dir.find(name("a")).unwrap().unwrap(), dir.find(name("b")).unwrap());
        assert!(a.mode == 0o744 && a.linked);
        assert_eq!(b, Some(a));
        dir.remove(name("a")).unwrap();
        assert_eq!(dir.find(name("a")).unwrap(), None);
    }

    #[test]
    fn every_name_is_shown() {
        let top = tempfile::tempdir().unwrap();
        let dir = Dir::open(top.path()).unwrap();
        dir.truncate(name("x")).unwrap();
        dir.truncate(name("y")).unwrap();
        let mut names = Vec::new();
        dir.each_name(|name| names.push(name.to_vec())).unwrap();
        names.sort();
        assert_eq!(names, [b".".to_vec(), b"..".to_vec(), b"x".to_vec(), b"y".to_vec()]);
    }
}
