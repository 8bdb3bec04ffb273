//! The descriptor on which a service says that it is ready (s6's `notification-fd`).

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;

/// The lowest descriptor that may be one: those below are standard input, output and error.
const LEAST: RawFd = 3;

/// Such a descriptor, from the one who started us.
#[derive(Debug)]
pub struct Notification {
    file: File,
}

impl Notification {
    /// Takes descriptor `fd`, which was inherited; no child of ours gets it. To be called before
    /// anything else is opened: what is opened since may have got that number.
    ///
    /// # Errors
    /// `EBADF` where it is not open, or is one of the first three.
    pub fn inherited(fd: RawFd) -> io::Result<Self> {
        if fd < LEAST {
            return Err(Errno::EBADF.into());
        }
        // SAFETY: fcntl(2) takes no pointer here.
        Errno::result(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
        // SAFETY: it is open, was inherited, and nobody in this program knows of it but the caller.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { file: File::from(owned) })
    }

    /// Says so, and closes it.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn ready(mut self) -> io::Result<()> {
        self.file.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_open_is_refused() {
        for fd in [-1, 0, 2, 1_000_000] {
            assert!(Notification::inherited(fd).is_err(), "{fd}");
        }
    }
}
