//! Our children: signal them, reap them, and become the parent of their orphans.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::sys::signal::{Signal, kill, killpg};
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

/// Reaps one child that has ended; `None` where none has, or where there are no children.
///
/// A single SIGCHLD may stand for many ends: call it until it says `None`.
///
/// # Errors
/// waitid(2), but for ECHILD and EINTR.
pub fn reap() -> io::Result<Option<(u32, Ended)>> {
    match wait(libc::P_ALL, 0) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ECHILD | libc::EINTR)) => Ok(None),
        found => found,
    }
}

/// Kills a child that leads a process group of its own, and its group with it.
///
/// # Errors
/// `ESRCH` where it leads none; all of kill(2).
pub fn kill_group_of(child: &std::process::Child) -> io::Result<()> {
    // Not yet waited for, its number is nobody else's; and it is not 0 or 1.
    let pid = i32::try_from(child.id()).ok().filter(|pid| *pid > 1);
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(nix::sys::signal::killpg(Pid::from_raw(pid), Signal::SIGKILL)?)
}

/// Reaps the child behind a pidfd, if it has ended.
///
/// # Errors
/// `ECHILD` where it is not ours or was reaped.
pub(crate) fn reap_held(pidfd: BorrowedFd<'_>) -> io::Result<Option<Ended>> {
    let id = libc::id_t::try_from(pidfd.as_raw_fd()).map_err(io::Error::other)?;
    Ok(wait(libc::P_PIDFD, id)?.map(|(_, how)| how))
}

/// Reaps the child of that number, if it has ended.
///
/// # Errors
/// `ECHILD` where it is not ours or was reaped.
pub(crate) fn reap_one(pid: u32) -> io::Result<Option<Ended>> {
    Ok(wait(libc::P_PID, pid)?.map(|(_, how)| how))
}

fn wait(kind: libc::idtype_t, id: libc::id_t) -> io::Result<Option<(u32, Ended)>> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG;
    // Not nix's waitid: it knows no real-time signals, and would have reaped a child for which it
    // then gives an error.
    // SAFETY: the kernel is given room for one siginfo.
    if unsafe { libc::waitid(kind, id, info.as_mut_ptr(), flags) } < 0 {
        return Err(io::Error::last_os_error());
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

/// Kills the group that this child leads. It must not have been reaped.
///
/// # Errors
/// `ESRCH` where it leads none, `EINVAL` for pid 1 and 0.
pub fn kill_group(leader: u32) -> io::Result<()> {
    let leader = i32::try_from(leader).map_err(|_| io::ErrorKind::InvalidInput)?;
    if leader <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(killpg(Pid::from_raw(leader), Signal::SIGKILL)?)
}

/// Makes us the parent of every orphan among our descendants (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// prctl(2); a sandbox may refuse it, then orphans go to process 1.
pub fn become_subreaper() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Room for a list of children at first: what the kernel gives in one read.
const LIST_LEN: usize = 4096;

/// The pids of our children, ended ones too, as /proc lists them.
///
/// # Errors
/// No /proc.
pub fn list() -> io::Result<Vec<u32>> {
    let pid = std::process::id();
    let mut text = String::with_capacity(LIST_LEN);
    let file = match File::open(format!("/proc/self/task/{pid}/children")) {
        // A kernel without `CONFIG_PROC_CHILDREN`.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return crate::proc::children_of(pid).ok_or(error);
        }
        file => file,
    };
    file?.read_to_string(&mut text)?;
    Ok(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
}

/// While it lives, children that have ended wait to be reaped, also where SIGCHLD was ignored when
/// this process was executed; after it SIGCHLD is disposed of as then.
#[derive(Debug)]
pub struct Reapable(libc::sighandler_t);

impl Reapable {
    /// Begins it.
    #[must_use]
    pub fn begin() -> Self {
        // SAFETY: SIG_DFL runs no code of ours.
        Self(unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) })
    }
}

impl Drop for Reapable {
    fn drop(&mut self) {
        if self.0 == libc::SIG_IGN {
            // SAFETY: SIG_IGN runs no code of ours.
            unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        }
    }
}
