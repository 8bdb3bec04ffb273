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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_freed_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = acquire_now(&path).unwrap();
        let refused = acquire_now(&path).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EAGAIN));
        drop(held);
        acquire_now(&path).unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, foreign) = (dir.path().join("lock"), dir.path().join("foreign"));
        std::os::unix::fs::symlink(&foreign, &path).unwrap();
        assert_eq!(acquire_now(&path).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(!foreign.exists());
    }
}
