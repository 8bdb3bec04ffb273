//! Locks on whole files.
//!
//! As daemontools takes them: flock(2), released at the last close. `setlock` takes one for the
//! program that it becomes. And a process's own ([`acquire_for_process`]).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::{clock, poll, proc};

/// Opens `path` for appending, creating it with mode 0600, and locks it; the lock lasts as long
/// as the file (daemontools, `lock_exnb`). A link is not followed: whoever may write in the
/// directory would have us make and lock a file somewhere else.
///
/// # Errors
/// `EAGAIN` where somebody else holds it, `ELOOP` where it is a link, and all of open(2).
pub fn acquire_now(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    try_lock(&file)?;
    Ok(file)
}

/// As [`acquire_now`], but the lock is this process's alone (fcntl(2), `F_SETLK`): a child that it
/// has forked and that has not executed yet does not keep it when this process is killed. It
/// outlasts an exec in place, and ends where this process closes any descriptor of the file.
///
/// A child that was only just born may still have its table of descriptors (`CLONE_FILES`), and the
/// lock with it, when its parent is gone: that is waited for, a moment ([`BORN_MAX`]).
///
/// # Errors
/// As [`acquire_now`].
pub fn acquire_for_process(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    let until = clock::monotonic() + BORN_MAX;
    loop {
        match lock_for_process(&file) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !is_left_by_the_dead(&file)? || clock::monotonic() >= until {
                    return Err(error);
                }
            }
            done => return done.map(|()| file),
        }
        // There is nothing to wait for but the lock itself, and that would be without end.
        poll::readable::<0>([], Some(BORN_LOOK))?;
    }
}

/// So long a child may take to its first system calls, which it makes in its parent's table: on a
/// machine under load, frozen for a while.
const BORN_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it has made them.
const BORN_LOOK: Duration = Duration::from_millis(5);

/// Whether who took the lock has ended, or has meanwhile let it go.
fn is_left_by_the_dead(file: &File) -> io::Result<bool> {
    let mut asked = whole_file();
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == libc::F_UNLCK {
        return Ok(true);
    }
    // 0 is one who has ended, or who is in another pid namespace: in one of our own the kernel says
    // no more of either. On a file of another machine it is negative.
    let Ok(pid) = u32::try_from(asked.l_pid) else { return Ok(false) };
    Ok(proc::facts(pid).is_none_or(|it| it.has_ended()))
}

/// Locks an open file as [`acquire_for_process`] does; where this process has it already, that is
/// nothing.
///
/// # Errors
/// `EAGAIN` where another process holds it, and all of fcntl(2).
pub fn lock_for_process(file: &File) -> io::Result<()> {
    match fcntl(file, FcntlArg::F_SETLK(&whole_file())) {
        // POSIX lets a kernel say either.
        Err(Errno::EACCES) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
        other => other.map(drop).map_err(io::Error::from),
    }
}

fn whole_file() -> libc::flock {
    // SAFETY: plain numbers, for which zero is a value.
    let mut whole: libc::flock = unsafe { std::mem::zeroed() };
    (whole.l_type, whole.l_whence) = WHOLE_FILE;
    whole
}

/// The kind of the lock and where it begins: at the start, without end.
#[allow(clippy::cast_possible_truncation, reason = "F_WRLCK is 1 and SEEK_SET 0")]
const WHOLE_FILE: (libc::c_short, libc::c_short) =
    (libc::F_WRLCK as libc::c_short, libc::SEEK_SET as libc::c_short);

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW).open(path)
}

/// Opens `path` for appending, creating it with mode 0600, to be kept open by the program that we
/// execute next (daemontools, `open_append`). Links are followed, a FIFO is not waited for.
///
/// # Errors
/// open(2): `ENXIO` where it is a FIFO that nobody reads.
pub fn open_for_next(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK);
    let file = options.open(path)?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(file)
}

/// Locks an open file; does not wait.
///
/// # Errors
/// `EAGAIN` where somebody else holds it, and all of flock(2).
pub fn try_lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::from_raw_os_error(libc::EAGAIN),
        TryLockError::Error(error) => error,
    })
}

/// The pid of a process that holds a lock on the file, as far as `/proc/locks` tells: not where the
/// holder is in another pid namespace, or the file system gives its files other devices there.
#[must_use]
pub fn holder(path: &Path) -> Option<u32> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    let (major, minor) = (libc::major(meta.dev()), libc::minor(meta.dev()));
    let file = format!("{major:02x}:{minor:02x}:{}", meta.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| held(line, &file))
}

/// `1: FLOCK  ADVISORY  WRITE 708 08:01:123 0 EOF`; who waits has `->` after the number.
fn held(line: &str, file: &str) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let [kind, _, _, pid, held] =
        [words.next()?, words.next()?, words.next()?, words.next()?, words.next()?];
    (matches!(kind, "FLOCK" | "POSIX" | "OFDLCK") && held == file).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_locks_names_who_holds_a_lock_and_not_who_waits() {
        let file = "fe:00:5619713";
        let line = "1: FLOCK  ADVISORY  WRITE 22205 fe:00:5619713 0 EOF";
        assert_eq!(held(line, file), Some(22205));
        assert_eq!(held(line, "fe:00:561971"), None);
        assert_eq!(held("1: -> FLOCK  ADVISORY  WRITE 22206 fe:00:5619713 0 EOF", file), None);
        assert_eq!(held("1: LEASE  ACTIVE  READ 22206 fe:00:5619713 0 EOF", file), None);
        assert_eq!(held("1: FLOCK", file), None);
    }
}
