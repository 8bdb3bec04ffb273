//! Locks on whole files.
//!
//! As daemontools takes them: flock(2), released at the last close. `setlock` takes one for the
//! program that it becomes. And a process's own ([`acquire_for_process`]).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::proc;

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
/// has forked and that has not executed yet does not keep it when this process is killed, but for
/// the moment in which it shares the whole table of descriptors. It outlasts an exec in place, and
/// ends where this process closes any descriptor of the file.
///
/// # Errors
/// As [`acquire_now`].
pub fn acquire_for_process(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    lock_for_process(&file)?;
    Ok(file)
}

/// Locks an open file as [`acquire_for_process`] does; where this process has it already, that is
/// nothing.
///
/// # Errors
/// `EAGAIN` where another process holds it, and all of fcntl(2).
pub fn lock_for_process(file: &File) -> io::Result<()> {
    set_for_process(file, Waits::Not)
}

/// As [`acquire_for_process`], but waits a while for whoever holds it.
///
/// # Errors
/// As [`acquire_now`]; `ETIMEDOUT` where it was held all the time.
pub fn acquire_for_process_within(path: &Path, wait: Duration) -> io::Result<File> {
    within(open(path)?, wait, |file| set_for_process(file, Waits::Ever))
}

/// Has `lock` lock the file, which may take it until `wait` is over, and gives the file back. It
/// does so in a thread: neither an alarm nor a signal of ours comes into play.
///
/// # Errors
/// Those of `lock`, `ETIMEDOUT`, and where no thread can be made.
pub fn within(file: File, wait: Duration, lock: fn(&File) -> io::Result<()>) -> io::Result<File> {
    let (tell, hear) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || tell.send(lock(&file).map(|()| file)))?;
    let late = io::Error::from_raw_os_error(libc::ETIMEDOUT);
    hear.recv_timeout(wait).unwrap_or(Err(late))
}

/// Whether whoever has locked the file as a process has ended: somebody who shares its descriptors
/// holds the lock still. Somebody in another pid namespace is taken for one who has.
///
/// # Errors
/// open(2) and fcntl(2).
pub fn is_left(path: &Path) -> io::Result<bool> {
    let mut asked = whole_file();
    fcntl(open(path)?, FcntlArg::F_GETLK(&mut asked))?;
    // Of a file of another machine it is negative.
    let Ok(pid) = u32::try_from(asked.l_pid) else { return Ok(false) };
    Ok(proc::facts(pid).is_none_or(|it| it.has_ended()))
}

#[derive(Clone, Copy)]
enum Waits {
    Not,
    Ever,
}

fn set_for_process(file: &File, waits: Waits) -> io::Result<()> {
    let whole = whole_file();
    let set = match waits {
        Waits::Not => FcntlArg::F_SETLK(&whole),
        Waits::Ever => FcntlArg::F_SETLKW(&whole),
    };
    match fcntl(file, set) {
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
