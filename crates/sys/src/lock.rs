//! Locks on whole files, as daemontools takes them: flock(2), released at the last close.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

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
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
