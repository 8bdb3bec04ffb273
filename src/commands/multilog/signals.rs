//! TERM and ALRM: flags that are looked at between reads, and a pipe that ends every wait. CHLD
//! ends it too: a processor has ended.

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGALRM, SIGCHLD, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

/// The signals multilog knows.
#[derive(Debug)]
pub(super) struct Signals {
    term: Arc<AtomicBool>,
    alarm: Arc<AtomicBool>,
    wake: UnixStream,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let signals = Self { term: Arc::default(), alarm: Arc::default(), wake };
        // A file that may not grow is an error of write(2), and waited for like a full disk. Caught
        // and not ignored, so that processors begin as they should.
        flag::register(SIGXFSZ, Arc::default())?;
        low_level::pipe::register(SIGCHLD, waker.try_clone()?)?;
        for (signal, raised) in [(SIGTERM, &signals.term), (SIGALRM, &signals.alarm)] {
            // The flag first: who is woken by the pipe must find it raised.
            flag::register(signal, Arc::clone(raised))?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Whether SIGTERM has come. It stays so.
    pub(super) fn term(&self) -> bool {
        self.term.load(Ordering::SeqCst)
    }

    /// Whether SIGALRM has come since this was last asked.
    pub(super) fn take_alarm(&self) -> bool {
        self.alarm.swap(false, Ordering::SeqCst)
    }

    /// Waits until `input` can be read, at most so long; false where a signal or the time came
    /// first.
    pub(super) fn wait_for_input(
        &self,
        input: BorrowedFd<'_>,
        wait: Option<Duration>,
    ) -> io::Result<bool> {
        let [readable, woken] = sys::poll::readable([input, self.wake.as_fd()], wait)?;
        if woken {
            self.drain();
        }
        Ok(readable && !woken)
    }

    /// Waits so long, or until a signal comes.
    pub(super) fn pause(&self, wait: Duration) -> io::Result<()> {
        let [woken] = sys::poll::readable([self.wake.as_fd()], Some(wait))?;
        if woken {
            self.drain();
        }
        Ok(())
    }

    fn drain(&self) {
        let mut bytes = [0; 64];
        while (&self.wake).read(&mut bytes).is_ok_and(|len| len == bytes.len()) {}
    }
}
