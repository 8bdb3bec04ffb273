//! The steps of a child: system calls on what was prepared, and nothing else.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::ptr;

use nix::sys::signal::SigSet;

use super::call::{Answer, call, look, open, word};
use super::{Identity, PipeEnd, Step};
use crate::entry;

/// How long a signal mask of the kernel's is.
const MASK_LEN: usize = 8;

/// One step.
///
/// # Errors
/// Its errno.
pub(super) fn walk(step: &Step, mask: &SigSet) -> Answer<()> {
    match step {
        Step::Group(procs) => write_to(procs, c"0"), // Whoever writes it (cgroups(7)).
        Step::Enter(dir, known) => enter(dir, *known),
        Step::EnterHeld(_) => Ok(()), // That was the first step.
        Step::Pipe(path, known, end) => open_pipe(path, *known, *end, libc::O_NOFOLLOW),
        Step::Reopen(path, known, end) => open_pipe(path, *known, *end, 0),
        // SAFETY: takes nothing.
        Step::Session => unsafe { call(libc::SYS_setsid, [0; 4]) }.map(drop),
        Step::Limit(which, soft, hard) => {
            let pair = [*soft, *hard];
            let args = [0, word(which.number()), pair.as_ptr().addr(), 0];
            // SAFETY: two numbers of 64 bits, read and not kept; nobody asks what was before.
            unsafe { call(libc::SYS_prlimit64, args) }.map(drop)
        }
        Step::OomScore(score) => {
            let _ = write_to(crate::oom::OWN_PATH, score);
            Ok(())
        }
        Step::Silence => silence(),
        Step::Signals => signals(mask),
    }
}

fn signals(mask: &SigSet) -> Answer<()> {
    let was = if entry::sigpipe_was_ignored() { libc::SIG_IGN } else { libc::SIG_DFL };
    // The disposition comes first in what the kernel takes, then flags, and a mask: none.
    let action = [was, 0, 0, 0];
    let args = [word(libc::SIGPIPE), action.as_ptr().addr(), 0, MASK_LEN];
    // SAFETY: as long as the kernel reads, and not kept.
    unsafe { call(libc::SYS_rt_sigaction, args) }?;
    let mask: *const libc::sigset_t = ptr::from_ref(mask.as_ref());
    let args = [word(libc::SIG_SETMASK), mask.addr(), 0, MASK_LEN];
    // SAFETY: the mask lives as long as the orders; nobody asks what was before.
    unsafe { call(libc::SYS_rt_sigprocmask, args) }.map(drop)
}

fn silence() -> Answer<()> {
    let fd = open(c"/dev/null", libc::O_WRONLY | libc::O_CLOEXEC)?;
    // The original goes at `execve`.
    duplicate(fd, libc::STDOUT_FILENO)
}

fn duplicate(fd: RawFd, onto: RawFd) -> Answer<()> {
    // SAFETY: takes numbers, of which the child's table is its own.
    unsafe { call(libc::SYS_dup3, [word(fd), word(onto), 0, 0]) }.map(drop)
}

/// Writes a word into a file of the kernel's. The descriptor goes at `execve`.
fn write_to(path: &CStr, text: &CStr) -> Answer<()> {
    let fd = open(path, libc::O_WRONLY | libc::O_CLOEXEC)?;
    let len = text.count_bytes();
    // SAFETY: as many bytes as are there.
    let written = unsafe { call(libc::SYS_write, [word(fd), text.as_ptr().addr(), len, 0]) }?;
    if written == len { Ok(()) } else { Err(libc::EIO) }
}

/// The step that cannot wait until the parent's descriptors are left.
///
/// # Errors
/// As above.
pub(super) fn enter_held(steps: &[Step]) -> Answer<()> {
    let held = steps
        .iter()
        .find_map(|step| if let Step::EnterHeld(dir) = step { Some(dir) } else { None });
    let Some(dir) = held else { return Ok(()) };
    // SAFETY: takes a number.
    unsafe { call(libc::SYS_fchdir, [word(dir.as_fd().as_raw_fd()), 0, 0, 0]) }.map(drop)
}

fn enter(dir: &CStr, known: Identity) -> Answer<()> {
    // SAFETY: a C string.
    unsafe { call(libc::SYS_chdir, [dir.as_ptr().addr(), 0, 0, 0]) }?;
    is_known(&look(libc::AT_FDCWD, c".")?, known, libc::S_IFDIR)
}

fn open_pipe(path: &CStr, known: Identity, end: PipeEnd, follow: libc::c_int) -> Answer<()> {
    let (access, onto) = match end {
        PipeEnd::Stdin => (libc::O_RDONLY, libc::STDIN_FILENO),
        PipeEnd::Stdout => (libc::O_RDWR, libc::STDOUT_FILENO),
        PipeEnd::Notification(number) => (libc::O_RDWR, number),
    };
    let fd = open(path, access | follow | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC)?;
    is_known(&look(fd, c"")?, known, libc::S_IFIFO)?;
    // The description is fresh, so only the program is concerned.
    set(fd, libc::F_SETFL, access)?;
    if fd == onto {
        // It is to stay open at `execve`.
        return set(fd, libc::F_SETFD, 0);
    }
    // The copy is without FD_CLOEXEC, the original goes at `execve`.
    duplicate(fd, onto)
}

fn set(fd: RawFd, what: libc::c_int, flags: libc::c_int) -> Answer<()> {
    // SAFETY: both commands take a number.
    unsafe { call(libc::SYS_fcntl, [word(fd), word(what), word(flags), 0]) }.map(drop)
}

fn is_known(stat: &libc::stat, known: Identity, kind: libc::mode_t) -> Answer<()> {
    let same = Identity { dev: stat.st_dev, ino: stat.st_ino } == known;
    if same && stat.st_mode & libc::S_IFMT == kind { Ok(()) } else { Err(libc::ESTALE) }
}
