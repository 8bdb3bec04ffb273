//! Signals, as something the demo can wait for.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::{flag, low_level::pipe};

/// What asks the demo to end: Ctrl-C, kill, and the terminal's window being closed.
const ENDS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// The signals that were caught.
#[derive(Debug)]
pub(crate) struct Signals {
    ended: Arc<AtomicBool>,
    resized: Arc<AtomicBool>,
    woken: UnixStream,
    waking: UnixStream,
}

impl Signals {
    /// From now on signals are caught.
    pub(crate) fn catch() -> io::Result<Self> {
        let (woken, waking) = UnixStream::pair()?;
        let signals = Self { ended: Arc::default(), resized: Arc::default(), woken, waking };
        for signal in ENDS {
            flag::register(signal, Arc::clone(&signals.ended))?;
            pipe::register(signal, signals.waking.try_clone()?)?;
        }
        flag::register(SIGWINCH, Arc::clone(&signals.resized))?;
        pipe::register(SIGWINCH, signals.waking.try_clone()?)?;
        Ok(signals)
    }

    /// From now on the end of a child ends a [`Signals::wait`] too.
    pub(crate) fn catch_ends_of_children(&self) -> io::Result<()> {
        pipe::register(SIGCHLD, self.waking.try_clone()?).map(|_| ())
    }

    /// Whether the demo is to end.
    pub(crate) fn asked_to_end(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether the terminal has another size since this was last asked.
    pub(crate) fn resized(&self) -> bool {
        self.resized.swap(false, Ordering::Relaxed)
    }

    /// Waits for a signal, for so long at most.
    pub(crate) fn wait(&mut self, at_most: Duration) -> io::Result<()> {
        self.woken.set_read_timeout(Some(at_most))?;
        match self.woken.read(&mut [0; 64]) {
            Err(error) if !is_over(error.kind()) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Whether a read failed only because its time was over or a signal came.
fn is_over(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
