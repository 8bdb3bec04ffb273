//! Notice that somebody set the wall clock, without waking up in the meantime.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Readable once the wall clock was set (`timerfd` with `TFD_TIMER_CANCEL_ON_SET`).
#[derive(Debug)]
pub struct ClockSteps {
    fd: OwnedFd,
}

impl ClockSteps {
    /// # Errors
    /// `timerfd_create(2)`.
    pub fn watch() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: takes two numbers, touches no memory of ours.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let steps = Self { fd };
        steps.arm()?;
        Ok(steps)
    }

    /// Whether the clock was set since the last call.
    ///
    /// # Errors
    /// `timerfd_settime(2)`.
    pub fn taken(&self) -> io::Result<bool> {
        let mut expirations = 0u64;
        // SAFETY: `expirations` is 8 bytes of ours, as many as the kernel is told it may write.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut expirations).cast(), 8) };
        let canceled =
            read < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ECANCELED);
        if canceled || read > 0 {
            self.arm()?;
        }
        Ok(canceled)
    }

    /// Arms the timer for a time that never comes: only the cancellation matters.
    fn arm(&self) -> io::Result<()> {
        let never = libc::timespec { tv_sec: i64::MAX / 1_000_000_000, tv_nsec: 0 };
        let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let timer = libc::itimerspec { it_interval: once, it_value: never };
        let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
        let fd = self.fd.as_raw_fd();
        // SAFETY: `timer` lives through the call; a null old value is allowed.
        let done =
            unsafe { libc::timerfd_settime(fd, flags, &raw const timer, std::ptr::null_mut()) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl AsFd for ClockSteps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
