//! Signals as something to read: blocked, and taken from a descriptor (signalfd).
//!
//! A handler would be inherited by a child until it executes, and would run there on the parent's
//! behalf. A blocked signal stays pending in the child and is delivered once the child unblocks it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals a supervisor listens to. SIGXFSZ it need not hear, but blocked it does not end us: a
/// file that may not grow (`RLIMIT_FSIZE`) is then an error of write(2).
const HEARD: [Signal; 7] = [
    Signal::SIGCHLD,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGALRM,
    Signal::SIGQUIT,
    Signal::SIGXFSZ,
];

/// So many signals wait at most: each kind of them once.
pub const KINDS: usize = HEARD.len();

/// The signals of this process, from now on.
#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
    original: SigSet,
}

impl Signals {
    /// Blocks the signals a supervisor listens to and opens a descriptor that yields them.
    ///
    /// SIGCHLD gets its default disposition: whoever inherits it ignored never hears of an end, and
    /// the kernel reaps his children itself. The others stay as given: an ignored SIGINT of a
    /// background job is not to stop everything.
    ///
    /// `given` is the mask that we were given, where that is not the one we have: a predecessor
    /// blocked signals before he executed us.
    ///
    /// # Errors
    /// signalfd(2): no descriptor left.
    pub fn listen(given: Option<SigSet>) -> io::Result<Self> {
        // SAFETY: SIG_DFL runs no code of ours.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        let heard: SigSet = HEARD.into_iter().collect();
        let original = given.map_or_else(SigSet::thread_get_mask, Ok)?;
        heard.thread_block()?;
        let fd = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { fd, original })
    }

    /// The mask as it was before: services start with it.
    #[must_use]
    pub fn original_mask(&self) -> SigSet {
        self.original
    }

    /// The number of the next signal; `None` where none is waiting.
    ///
    /// # Errors
    /// read(2) on the signalfd.
    pub fn next(&self) -> io::Result<Option<i32>> {
        Ok(self.fd.read_signal()?.and_then(|info| i32::try_from(info.ssi_signo).ok()))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// SIGHUP
pub const HUP: i32 = libc::SIGHUP;
/// SIGINT
pub const INT: i32 = libc::SIGINT;
/// SIGQUIT
pub const QUIT: i32 = libc::SIGQUIT;
/// SIGALRM
pub const ALRM: i32 = libc::SIGALRM;
/// SIGTERM
pub const TERM: i32 = libc::SIGTERM;
/// SIGKILL
pub const KILL: i32 = libc::SIGKILL;
/// SIGCHLD
pub const CHLD: i32 = libc::SIGCHLD;
/// SIGSTOP
pub const STOP: i32 = libc::SIGSTOP;
/// SIGCONT
pub const CONT: i32 = libc::SIGCONT;
