//! What Rust's start-up changes, and how it was before.
//!
//! Before `main`, the standard library ignores SIGPIPE and opens `/dev/null` in place of a closed
//! descriptor 0, 1 or 2. Both would leak through every program we execute: a service whose
//! `grep -q` ends early would see its writer fail instead of end. So what was is read before that
//! start-up, from `.init_array`; [`restore_sigpipe`], [`leave_closed`] and
//! [`close_what_was_closed`] put it back.

use std::ffi::c_char;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
/// Which of the descriptors 0, 1 and 2 were closed.
static WAS_CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
/// The last word of the command line; null where there is none.
static LAST_WORD: AtomicPtr<u8> = AtomicPtr::new(null_mut());

unsafe extern "C" {
    /// The environment, environ(7).
    static environ: *const *mut c_char;
}

#[used]
// SAFETY: the section holds functions to be called before main; `record` is one and needs nothing
// that main sets up. It takes no arguments: glibc would give it main's, musl gives none.
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn() = record;

extern "C" fn record() {
    record_sigpipe();
    record_closed();
    record_last_word();
}

/// Before main the environment is still where the kernel has put it: behind the words of the
/// command line and their null, which stand behind their count (System V ABI, "Process
/// Initialization"). Where there is no word, it is the count, 0, that is read.
fn record_last_word() {
    // SAFETY: the C library has set it by now, and this process has one thread.
    let environment = unsafe { environ };
    // SAFETY: as the kernel lays them out, two pointers stand before it.
    let last = unsafe { environment.sub(2) };
    // SAFETY: as above.
    LAST_WORD.store(unsafe { *last }.cast(), Ordering::Relaxed);
}

fn record_closed() {
    for (fd, was_closed) in (0..).zip(&WAS_CLOSED) {
        // SAFETY: asks only, and touches no memory of ours.
        was_closed.store(unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0, Ordering::Relaxed);
    }
}

fn record_sigpipe() {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action asks only; the old one is written to `action`.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) };
    if asked == 0 {
        // SAFETY: the call above has filled it in; all zeroes are a valid value as well.
        let action = unsafe { action.assume_init() };
        SIGPIPE_WAS_IGNORED.store(action.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
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

/// Closes those of descriptors 0, 1 and 2 that were closed when this process was executed and that
/// hold std's `/dev/null` since, now: what is opened next may take such a number. A second call
/// does nothing.
pub fn close_what_was_closed() {
    for (fd, closed) in (0..).zip(&WAS_CLOSED) {
        if closed.swap(false, Ordering::Relaxed) {
            // SAFETY: std has opened it and uses it only to read and write, for which a closed one
            // is to std as good as `/dev/null`; nobody owns it.
            unsafe { libc::close(fd) };
        }
    }
}

/// Descriptor `fd` is to be inherited, whatever it was.
pub(crate) fn forget_closed(fd: usize) {
    if let Some(was_closed) = WAS_CLOSED.get(fd) {
        was_closed.store(false, Ordering::Relaxed);
    }
}

/// Where the last word of our command line lies.
pub(crate) fn last_word() -> Option<NonNull<u8>> {
    NonNull::new(LAST_WORD.load(Ordering::Relaxed))
}

fn set_sigpipe(disposition: libc::sighandler_t) {
    // SAFETY: SIG_DFL and SIG_IGN run no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, disposition) };
}
