//! Our children: signal them, reap them, and become the parent of their orphans.

use std::io;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(i32),
    /// The signal of this number ended it.
    Signalled(i32),
}

impl Ended {
    /// Reads a status of wait(2).
    #[must_use]
    pub fn of_status(status: u64) -> Self {
        let byte = |at: u32| i32::from(u8::try_from(status >> at & 0xff).unwrap_or(0));
        match byte(0) & 0x7f {
            0 => Self::Exited(byte(8)),
            signal => Self::Signalled(signal),
        }
    }
}

/// Reaps one child that has ended; `None` where none has, or where there are no children.
///
/// A single SIGCHLD may stand for many ends: call it until it says `None`.
///
/// # Errors
/// waitid(2), but for ECHILD and EINTR.
pub fn reap() -> io::Result<Option<(u32, Ended)>> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG;
    // Not nix's waitid: it knows no real-time signals, and would have reaped a child for which it
    // then gives an error.
    // SAFETY: the kernel is given room for one siginfo.
    if unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) } < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ECHILD | libc::EINTR) => Ok(None),
            _ => Err(error),
        };
    }
    // SAFETY: the call has filled it in; all zeroes are a valid value as well.
    Ok(ended(&unsafe { info.assume_init() }))
}

fn ended(info: &libc::siginfo_t) -> Option<(u32, Ended)> {
    // SAFETY: waitid has filled in the fields of SIGCHLD, or left them zero.
    let pid = unsafe { info.si_pid() };
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    let exited = info.si_code == libc::CLD_EXITED;
    let how = if exited { Ended::Exited(status) } else { Ended::Signalled(status) };
    u32::try_from(pid).ok().filter(|pid| *pid != 0).map(|pid| (pid, how))
}

/// Whether any child is left, ended or not.
#[must_use]
pub fn any_left() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, flags), Err(nix::Error::ECHILD))
}

/// Sends the signal of this number to a child that has not been reaped.
///
/// # Errors
/// `ESRCH` where there is no such process, `EPERM` where it has become somebody else's.
/// `EINVAL` for 0, for pid 1 and for numbers that are none: a signal to a group or to all is
/// never sent from here.
pub fn signal(pid: u32, number: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    if pid <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(kill(Pid::from_raw(pid), Signal::try_from(number)?)?)
}

/// Makes us the parent of every orphan among our descendants (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// prctl(2); a sandbox may refuse it, then orphans go to process 1.
pub fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// The pids of our children, ended ones too, as /proc lists them.
///
/// # Errors
/// No /proc, or a kernel without `CONFIG_PROC_CHILDREN`.
pub fn list() -> io::Result<Vec<u32>> {
    let pid = std::process::id();
    let text = std::fs::read_to_string(format!("/proc/self/task/{pid}/children"))?;
    Ok(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
}
