//! The steps of a child: system calls on what was prepared, and nothing else.

use std::ffi::CStr;
use std::os::fd::AsRawFd as _;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::SigSet;

use super::{Identity, PipeEnd, Step};
use crate::entry;

/// One step; `false` leaves the reason in errno.
pub(super) fn walk(step: &Step<'_>, mask: &SigSet) -> bool {
    match *step {
        Step::Group(procs) => enter_group(procs),
        Step::Enter(dir, known) => enter(dir, known),
        Step::EnterHeld(_) => true, // That was the first step.
        Step::Pipe(path, known, end) => open_pipe(path, known, end, libc::O_NOFOLLOW),
        Step::Reopen(path, known, end) => open_pipe(path, known, end, 0),
        // SAFETY: takes nothing.
        Step::Session => (unsafe { libc::setsid() }) >= 0,
        Step::Limit(which, soft, hard) => which.set(soft, hard).is_ok(),
        Step::OomScore(score) => {
            write_to(crate::oom::OWN_PATH, score);
            true
        }
        Step::Silence => silence(),
        Step::Signals => {
            entry::restore_sigpipe();
            let mask: *const libc::sigset_t = mask.as_ref();
            // SAFETY: the mask lives as long as the parent; a null old mask is allowed.
            (unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, ptr::null_mut()) }) == 0
        }
    }
}

fn silence() -> bool {
    // SAFETY: a C string.
    let fd = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    // SAFETY: two numbers; the original goes at `execve`.
    fd >= 0 && unsafe { libc::dup2(fd, libc::STDOUT_FILENO) } >= 0
}

/// `0` is whoever writes it (cgroups(7)).
fn enter_group(procs: &CStr) -> bool {
    write_to(procs, c"0")
}

/// Writes a word into a file of the kernel's. The descriptor goes at `execve`.
fn write_to(path: &CStr, word: &CStr) -> bool {
    // SAFETY: a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return false;
    }
    let len = word.count_bytes();
    // SAFETY: as many bytes as are there.
    let written = unsafe { libc::write(fd, word.as_ptr().cast(), len) };
    usize::try_from(written) == Ok(len)
}

/// The step that cannot wait until the parent's descriptors are left; `false` as above.
pub(super) fn enter_held(steps: &[Step<'_>]) -> bool {
    let held = steps
        .iter()
        .find_map(|step| if let Step::EnterHeld(dir) = step { Some(dir) } else { None });
    // SAFETY: takes a number.
    held.is_none_or(|dir| unsafe { libc::fchdir(dir.as_raw_fd()) } == 0)
}

fn enter(dir: &CStr, known: Identity) -> bool {
    // SAFETY: a C string.
    if unsafe { libc::chdir(dir.as_ptr()) } != 0 {
        return false;
    }
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: a C string, and room for one stat.
    if unsafe { libc::stat(c".".as_ptr(), stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call has filled it in.
    is_known(&unsafe { stat.assume_init() }, known, libc::S_IFDIR)
}

fn open_pipe(path: &CStr, known: Identity, end: PipeEnd, follow: libc::c_int) -> bool {
    let (access, onto) = match end {
        PipeEnd::Stdin => (libc::O_RDONLY, libc::STDIN_FILENO),
        PipeEnd::Stdout => (libc::O_RDWR, libc::STDOUT_FILENO),
        PipeEnd::Notification(number) => (libc::O_RDWR, number),
    };
    let flags = access | follow | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: a C string.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 {
        return false;
    }
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: room for one stat.
    if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call has filled it in.
    if !is_known(&unsafe { stat.assume_init() }, known, libc::S_IFIFO) {
        return false;
    }
    // SAFETY: F_SETFL takes a number. The description is fresh, so only the program is concerned.
    if unsafe { libc::fcntl(fd, libc::F_SETFL, access) } != 0 {
        return false;
    }
    if fd == onto {
        // SAFETY: F_SETFD takes a number: it is to stay open at `execve`.
        return unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } == 0;
    }
    // SAFETY: two numbers; the copy is without FD_CLOEXEC, the original goes at `execve`.
    unsafe { libc::dup2(fd, onto) >= 0 }
}

fn is_known(stat: &libc::stat, known: Identity, kind: libc::mode_t) -> bool {
    let same = Identity { dev: stat.st_dev, ino: stat.st_ino } == known;
    if same && stat.st_mode & libc::S_IFMT == kind {
        return true;
    }
    Errno::ESTALE.set();
    false
}
