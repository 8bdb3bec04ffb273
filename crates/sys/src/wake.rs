//! Signals that a poll(2) loop cannot miss.
//!
//! A signal handler sets a flag, and the signal ends a poll that is under way. But a signal that
//! comes after the loop has looked at the flag and before it is in poll ends nothing, and poll
//! would sleep on. ppoll, a signalfd or a pipe would close that gap; none of them works in the
//! simulator that time services are judged in, which knows poll and sockets only. So the handler
//! also asks for an alarm in a second, and the alarm's handler for another, until the loop has
//! taken the flag: a wakeup that was missed is repeated. alarm(2) is async-signal-safe, and nobody
//! else here uses it.
//!
//! For programs of one thread that start nothing which relies on an inherited alarm (execve keeps a
//! pending one; a child made by fork has none).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// After how many seconds a wakeup is repeated.
const AGAIN: libc::c_uint = 1;

static STOP: AtomicBool = AtomicBool::new(false);
static HANGUP: AtomicBool = AtomicBool::new(false);

/// What a signal asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// TERM or INT.
    Stop,
    /// HUP.
    Hangup,
}

/// From now on TERM, INT and HUP end a poll and are found by [`take`].
///
/// # Errors
/// Those of sigaction(2).
pub fn install() -> io::Result<()> {
    // No SA_RESTART; poll(2) is not restarted anyway.
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::all());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGALRM] {
        // SAFETY: the handler stores into atomics and calls alarm(2), all of it async-signal-safe.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

/// What was asked for since the last call; stopping comes first.
#[must_use]
pub fn take() -> Option<Wish> {
    if STOP.swap(false, Ordering::Relaxed) {
        Some(Wish::Stop)
    } else if HANGUP.swap(false, Ordering::Relaxed) {
        Some(Wish::Hangup)
    } else {
        None
    }
}

extern "C" fn note(signal: libc::c_int) {
    match signal {
        libc::SIGTERM | libc::SIGINT => STOP.store(true, Ordering::Relaxed),
        libc::SIGHUP => HANGUP.store(true, Ordering::Relaxed),
        _ => {}
    }
    if STOP.load(Ordering::Relaxed) || HANGUP.load(Ordering::Relaxed) {
        // SAFETY: alarm(2) takes no pointer and is async-signal-safe.
        unsafe { libc::alarm(AGAIN) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test for all: the handlers are the whole process's.
    #[test]
    fn signals_are_noted_once_and_repeated_by_an_alarm_until_taken() {
        install().unwrap();
        assert_eq!(take(), None);
        note(libc::SIGHUP);
        note(libc::SIGTERM);
        note(libc::SIGTERM);
        // SAFETY: alarm(2) takes no pointer.
        let pending = unsafe { libc::alarm(0) };
        assert_eq!(pending, 1, "a wakeup is due");
        assert_eq!(take(), Some(Wish::Stop));
        assert_eq!(take(), Some(Wish::Hangup));
        assert_eq!(take(), None);
        note(libc::SIGALRM);
        // SAFETY: alarm(2) takes no pointer.
        let pending = unsafe { libc::alarm(0) };
        assert_eq!(pending, 0, "all is taken, nothing is due");
    }
}
