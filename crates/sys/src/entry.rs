//! What Rust's start-up changes, and how it was before.
//!
//! Before `main`, the standard library ignores SIGPIPE and opens `/dev/null` in place of a closed
//! descriptor 0, 1 or 2. Both would leak through every program we execute: a service whose
//! `grep -q` ends early would see its writer fail instead of end. So what was is read before that
//! start-up, from `.init_array`; [`restore_sigpipe`] and [`leave_closed`] put it back.

use std::sync::atomic::{AtomicBool, Ordering};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Which of the descriptors 0, 1 and 2 were closed.
static WAS_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

#[used]
// SAFETY: the section holds functions to be called before main; `record` is one and needs nothing
// that main sets up.
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn() = record;

extern "C" fn record() {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action asks only; the old one is written to `action`.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) };
    if asked == 0 {
        // SAFETY: the call above has filled it in; all zeroes are a valid value as well.
        let action = unsafe { action.assume_init() };
        SIGPIPE_WAS_IGNORED.store(action.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
    }
    for (fd, was_closed) in (0..).zip(&WAS_CLOSED) {
        // SAFETY: asks only, and touches no memory of ours.
        was_closed.store(unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0, Ordering::Relaxed);
    }
}

/// Closes those of the descriptors 0, 1 and 2 that were closed when this process was executed, as
/// soon as it executes the next program.
pub fn leave_closed() {
    for (fd, was_closed) in (0..).zip(&WAS_CLOSED) {
        if was_closed.load(Ordering::Relaxed) {
            // SAFETY: a flag of the `/dev/null` that start-up has opened there.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

/// How SIGPIPE was disposed of when this process was executed.
#[must_use]
pub fn sigpipe_was_ignored() -> bool {
    SIGPIPE_WAS_IGNORED.load(Ordering::Relaxed)
}

/// Disposes of SIGPIPE as when this process was executed. The first call of every `main`.
pub fn restore_sigpipe() {
    let was = if sigpipe_was_ignored() { libc::SIG_IGN } else { libc::SIG_DFL };
    set_sigpipe(was);
}

/// A broken pipe is an error to be seen, not the end of us.
pub fn ignore_sigpipe() {
    set_sigpipe(libc::SIG_IGN);
}

/// A file that may not grow any more (`RLIMIT_FSIZE`) is an error to be seen, not the end of us.
/// What we execute inherits it.
pub fn ignore_sigxfsz() {
    // SAFETY: SIG_IGN runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn set_sigpipe(disposition: libc::sighandler_t) {
    // SAFETY: SIG_DFL and SIG_IGN run no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, disposition) };
}
