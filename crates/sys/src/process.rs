//! A process that may be a stranger: held by a descriptor, so that a signal never goes to another
//! one that has got its number meanwhile.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use crate::child::Ended;

/// A process, alive or not, whatever its number is used for later (pidfd).
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// The process that has the number `pid` now. To be sure who it is, look at `/proc/PID` after
    /// this call and before [`Process::signal`].
    ///
    /// # Errors
    /// `ESRCH` where there is none, `EINVAL` for 0, and no descriptor left.
    pub fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: pidfd_open takes two integers and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_ulong::from(pid), 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::c_int::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends the signal of that number.
    ///
    /// # Errors
    /// `ESRCH` where it has ended, `EPERM` where it is not ours to signal.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let fd = libc::c_long::from(self.0.as_raw_fd());
        let (signal, flags) = (libc::c_long::from(signal), 0);
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open as long as `self`; a null siginfo is kill(2)'s.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, flags) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Process {
    /// How it ended, where it has been reaped and the kernel still knows (6.15 and later).
    #[must_use]
    pub fn end(&self) -> Option<Ended> {
        let mut info = Info { mask: INFO_EXIT, ..Info::default() };
        // SAFETY: the kernel fills in at most the length that is part of the number of the call.
        let asked = unsafe { libc::ioctl(self.0.as_raw_fd(), GET_INFO, &raw mut info) };
        let status = u64::from(info.exit_code);
        (asked == 0 && info.mask & INFO_EXIT != 0).then(|| Ended::of_status(status))
    }
}

/// Readable once the process, with all its threads, has ended.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `struct pidfd_info` in its first version (linux/pidfd.h).
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ids: [u32; 8],
    exit_code: u32,
}

/// `PIDFD_INFO_EXIT`
const INFO_EXIT: u64 = 1 << 3;
/// `PIDFD_GET_INFO`: `_IOWR(0xFF, 11, struct pidfd_info)`, of 64 bytes.
const GET_INFO: libc::c_ulong = 0xC040_FF0B;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    #[test]
    fn a_signal_reaches_the_process_and_nobody_once_it_is_reaped() {
        let mut child = Command::new("sleep").arg("20").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        process.signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        let refused = process.signal(libc::SIGTERM).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn how_a_process_ended_is_known_afterwards_where_the_kernel_says_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "read x; exit 7"]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        assert_eq!(process.end(), None, "it lives");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(matches!(process.end(), Some(Ended::Exited(7)) | None), "{:?}", process.end());
    }

    #[test]
    fn number_zero_is_no_process() {
        assert_eq!(Process::open(0).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
