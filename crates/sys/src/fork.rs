//! Fork and wait, the plain way, and what a child does to its descriptors before it becomes another
//! program by [`crate::exec`]: for the short tools that run one and have a single thread. svscan
//! starts its services by [`crate::spawn`].

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{dup, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::child::Ended;
use crate::entry;

/// Who one is after [`fork`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The new process.
    Child,
    /// The old one, and the new one's pid.
    Parent(u32),
}

/// Makes a copy of this process, which must have a single thread: in the copy, a lock that another
/// thread held would stay locked for ever.
///
/// # Errors
/// fork(2): too many processes, or no memory.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: no command of the suite starts a thread, so the child is as whole as we are.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        pid => u32::try_from(pid).map(Forked::Parent).map_err(|_| io::Error::last_os_error()),
    }
}

/// Waits for the end of a child and reaps it.
///
/// # Errors
/// `ECHILD` where it is no child of ours, or where SIGCHLD is ignored: then the kernel has reaped
/// it and nobody knows how it ended.
pub fn wait(pid: u32) -> io::Result<Ended> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut status = 0;
    // SAFETY: `status` is room for one status.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let exited = libc::WIFEXITED(status);
    let (code, signal) = (libc::WEXITSTATUS(status), libc::WTERMSIG(status));
    Ok(if exited { Ended::Exited(code) } else { Ended::Signalled(signal) })
}

/// Leads a session and a process group of its own.
///
/// # Errors
/// `EPERM`: it leads a process group already.
pub fn lead_session() -> io::Result<()> {
    setsid()?;
    Ok(())
}

/// A second descriptor of the same description, with the lowest free number, that programs inherit.
///
/// # Errors
/// `EMFILE`: no descriptor left.
pub fn heirloom(fd: impl AsFd) -> io::Result<OwnedFd> {
    Ok(dup(fd)?)
}

/// Lets programs inherit a descriptor.
///
/// # Errors
/// fcntl(2).
pub fn bequeath(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// A standard descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// 0
    Input,
    /// 1
    Output,
    /// 2
    Error,
}

/// Puts `fd` in the place of a standard descriptor; programs inherit it.
///
/// # Errors
/// dup2(2).
pub fn redirect(stream: Stream, fd: impl AsFd) -> io::Result<()> {
    entry::forget_closed(stream as usize);
    match stream {
        Stream::Input => dup2_stdin(fd)?,
        Stream::Output => dup2_stdout(fd)?,
        Stream::Error => dup2_stderr(fd)?,
    }
    Ok(())
}
