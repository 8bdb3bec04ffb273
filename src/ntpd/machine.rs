//! The machine as the loop sees it: two clocks, adjtimex(2), sockets that ask, poll(2), signals,
//! chance, child processes. Nothing else of what the loop does depends on time or on the network.
//!
//! `kernel` is the machine as it is. In `simulation` the tests play another one, in which hours
//! pass in milliseconds; the loop, the client and everything around them are the real ones there.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use ntp::time::{Now, Raw, Span, Wall};
use sys::timex::Adjtimex;
use sys::udp::Received;
use sys::wake::Wish;

/// A reading of both clocks is repeated so often, and the quickest counts: whoever is interrupted
/// between two clocks reads two moments.
const TRIES: usize = 3;

/// What the loop runs on.
pub(crate) trait Machine: Adjtimex + Debug {
    type Wire: Wire;
    type Process: Process;

    /// The oscillator now.
    fn raw(&self) -> Raw;

    /// The system clock now.
    fn wall(&self) -> Wall;

    /// Both clocks now.
    fn now(&self) -> Now {
        let mut best: Option<(Span, Now)> = None;
        for _ in 0..TRIES {
            let before = self.raw();
            let wall = self.wall();
            let width = self.raw() - before;
            if best.is_none_or(|(least, _)| width < least) {
                best = Some((width, Now { raw: before + width.half(), wall }));
            }
        }
        best.map_or_else(Now::default, |(_, now)| now)
    }

    /// Whether a wait ends when anybody sets the clock.
    fn announces_steps(&self) -> bool;

    /// A fresh socket that talks with `server` and nobody else.
    ///
    /// # Errors
    /// Those of socket(2) and connect(2).
    fn connect(&self, server: SocketAddr) -> io::Result<Self::Wire>;

    /// Waits until one of `others` or of `wires` has something to say, the clock is set, `limit`
    /// passes, or a signal comes. Which of them have: first the others, then the wires.
    ///
    /// # Errors
    /// Those of poll(2), but not `EINTR`.
    fn wait(
        &self,
        others: &[BorrowedFd<'_>],
        wires: &[&Self::Wire],
        limit: Duration,
    ) -> io::Result<Vec<bool>>;

    /// What a signal asked for since the last call.
    fn wish(&self) -> Option<Wish>;

    /// A number that nobody can guess.
    ///
    /// # Errors
    /// Those of getrandom(2).
    fn nonce(&self) -> io::Result<NonZeroU64>;

    /// Starts a process beside us.
    ///
    /// # Errors
    /// Those of fork(2) and execve(2).
    fn spawn(&self, command: Command) -> io::Result<Self::Process>;
}

/// A socket that talks with one server.
pub(crate) trait Wire: Debug {
    /// Sends one datagram.
    ///
    /// # Errors
    /// Those of send(2).
    fn send(&self, bytes: &[u8]) -> io::Result<()>;

    /// When the last one really left, by the system clock since the Unix epoch, if that is known by
    /// now; it is said once.
    fn departure(&self) -> Option<Duration>;

    /// Takes one datagram.
    ///
    /// # Errors
    /// Those of [`sys::udp::Socket::receive`].
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received>;
}

/// A process that was started.
pub(crate) trait Process: Debug {
    /// How it has ended, if it has.
    ///
    /// # Errors
    /// Those of waitpid(2).
    fn ended(&mut self) -> io::Result<Option<ExitStatus>>;

    /// What it wrote to its standard output, `most` bytes at most, once it has ended.
    fn text(&mut self, most: u64) -> String;

    /// Kills it, and what it has started if it leads a group.
    fn kill(&mut self);
}
