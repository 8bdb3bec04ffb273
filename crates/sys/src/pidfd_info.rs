//! How a process ended that is nobody's child of ours, from kernel 6.15 on (`PIDFD_GET_INFO`,
//! linux/pidfd.h).

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::child::Ended;

/// Asks for the exit code, and says that it was given (`PIDFD_INFO_EXIT`).
const EXIT: u64 = 1 << 3;

/// Reads and writes as many bytes as [`Info`] has: number 11 of the magic 0xFF.
const GET_INFO: libc::Ioctl = libc::_IOWR::<Info>(0xFF, 11);

/// `struct pidfd_info`, as far as it went at first: 64 bytes.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    /// Numbers of processes, users and groups.
    ids: [u32; 11],
    /// As wait(2) gives it.
    exit_code: i32,
}

/// How the process behind a pidfd ended; `None` before it was reaped, and on older kernels.
pub(crate) fn how_ended(pidfd: BorrowedFd<'_>) -> Option<Ended> {
    let mut info = Info { mask: EXIT, ..Info::default() };
    // SAFETY: the kernel writes as many bytes as the request says, and those are `info`'s.
    let asked = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO, &raw mut info) };
    if asked < 0 || info.mask & EXIT == 0 {
        return None;
    }
    let status = ExitStatus::from_raw(info.exit_code);
    status.code().map(Ended::Exited).or_else(|| status.signal().map(Ended::Signalled))
}
