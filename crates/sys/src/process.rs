//! A process that may be a stranger: held so that a signal never goes to another one that has got
//! its number meanwhile.
//!
//! A descriptor (pidfd) holds it for certain. Where the kernel, a sandbox or the limit of
//! descriptors refuses that, its number and its start time do: they are compared before each
//! signal, which leaves a gap of microseconds.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use crate::child::{self, Ended};
use crate::{pidfd_info, proc};

/// A process, alive or not, whatever its number is used for later.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    hold: Hold,
}

/// How it is held.
#[derive(Debug)]
enum Hold {
    Descriptor(OwnedFd),
    /// By the time it was started at.
    Started(u64),
}

impl Process {
    /// The process that has the number `pid` now. To be sure who it is, look at `/proc/PID` after
    /// this call and before [`Process::signal`].
    ///
    /// # Errors
    /// `ESRCH` where there is none, `EINVAL` for 0 and for a thread that is no process; what
    /// `pidfd_open(2)` said where /proc cannot help.
    pub fn open(pid: u32) -> io::Result<Self> {
        let refused = match pidfd_open(pid) {
            Ok(fd) => return Ok(Self { pid, hold: Hold::Descriptor(fd) }),
            Err(error) if !means_no_descriptor(&error) => return Err(error),
            Err(error) => error,
        };
        match proc::facts(pid) {
            Some(facts) => Ok(Self { pid, hold: Hold::Started(facts.started) }),
            None if proc::facts(std::process::id()).is_some() => {
                Err(io::Error::from_raw_os_error(libc::ESRCH))
            }
            None => Err(refused),
        }
    }

    /// The process `pid`, if it was started at `started` ([`proc::Facts::started`]): a stranger
    /// that has got the number is never held.
    ///
    /// # Errors
    /// `ESRCH` where there is none or it is another one, and as [`Process::open`].
    pub fn open_if(pid: u32, started: u64) -> io::Result<Self> {
        let process = Self::open(pid)?;
        match proc::facts(pid) {
            Some(facts) if facts.started == started => Ok(process),
            Some(_) | None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }

    /// Its number, for as long as it was not reaped.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Readable once it has ended; `None` where it is not held by a descriptor.
    #[must_use]
    pub fn pollable(&self) -> Option<BorrowedFd<'_>> {
        match &self.hold {
            Hold::Descriptor(fd) => Some(fd.as_fd()),
            Hold::Started(_) => None,
        }
    }

    /// Sends the signal of that number.
    ///
    /// # Errors
    /// `ESRCH` where it has ended and was reaped, `EPERM` where it is not ours to signal, `EINVAL`
    /// for a number that is none.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let Hold::Descriptor(fd) = &self.hold else { return self.signal_by_number(signal) };
        match pidfd_send_signal(fd.as_raw_fd(), signal) {
            // EPERM may be a sandbox's; if it is the kernel's it will say so again.
            Err(error) if means_forbidden(&error) => self.signal_by_number(signal),
            sent => sent,
        }
    }

    fn signal_by_number(&self, signal: i32) -> io::Result<()> {
        if self.is_reaped() {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        kill(self.pid, signal)
    }

    /// Whether nobody will ever be signalled by this number again, as far as /proc tells.
    fn is_reaped(&self) -> bool {
        match (&self.hold, proc::facts(self.pid)) {
            (_, None) => true,
            (Hold::Started(started), Some(facts)) => facts.started != *started,
            // Alive: then the number is its own. Ended: a zombie has it, or a stranger.
            (Hold::Descriptor(_), Some(facts)) => self.has_ended() && !facts.has_ended(),
        }
    }

    /// Whether it has ended, reaped or not.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match &self.hold {
            Hold::Descriptor(fd) => is_readable(fd.as_raw_fd()),
            Hold::Started(started) => proc::facts(self.pid)
                .is_none_or(|facts| facts.started != *started || facts.has_ended()),
        }
    }

    /// How it ended, once it has. A child of ours is reaped by this. Of another one the kernel
    /// tells it from 6.15 on, after whoever had to has reaped it, and only where it is held by
    /// a descriptor; otherwise it remains unknown: `None`.
    #[must_use]
    pub fn how_ended(&self) -> Option<Ended> {
        match &self.hold {
            Hold::Descriptor(fd) => {
                child::reap_held(fd.as_fd()).unwrap_or_else(|_| pidfd_info::how_ended(fd.as_fd()))
            }
            Hold::Started(_) if self.is_reaped() => None,
            Hold::Started(_) => child::reap_one(self.pid).ok().flatten(),
        }
    }
}

fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_ulong::from(pid), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = libc::c_int::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn pidfd_send_signal(fd: RawFd, signal: i32) -> io::Result<()> {
    let (fd, signal, flags) = (libc::c_long::from(fd), libc::c_long::from(signal), 0);
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the caller holds the descriptor; a null siginfo is kill(2)'s.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// To one process: never to a group, to all, or to process 1, which is nobody's service.
fn kill(pid: u32, signal: i32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 1);
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::EPERM))?;
    // SAFETY: kill takes two numbers.
    let sent = unsafe { libc::kill(pid, signal) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn is_readable(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd of ours; a timeout of 0 does not wait.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready > 0 && poll.revents & libc::POLLIN != 0
}

fn means_forbidden(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// Whether the process may be there all the same.
fn means_no_descriptor(error: &io::Error) -> bool {
    let for_want = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENODEV];
    means_forbidden(error) || error.raw_os_error().is_some_and(|errno| for_want.contains(&errno))
}

#[cfg(test)]
mod tests;
