//! Locks on whole files, as daemontools takes them: flock(2), released at the last close.
//!
//! `setlock` takes one for the program that it becomes, everybody else for himself.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Opens `path` for appending, creating it with mode 0600, and locks it; the lock lasts as long
/// as the file (daemontools, `lock_exnb`). A link is not followed: whoever may write in the
/// directory would have us make and lock a file somewhere else.
///
/// # Errors
/// `EAGAIN` where somebody else holds it, `ELOOP` where it is a link, and all of open(2).
pub fn acquire_now(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW)
        .open(path)?;
    try_lock(&file)?;
    Ok(file)
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
