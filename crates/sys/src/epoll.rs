//! epoll(7): what the reactor waits with.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// A set of descriptors, each with a number that comes back when it is readable.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

impl Poller {
    /// # Errors
    /// `epoll_create1(2)`.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)? })
    }

    /// Reports `number` while `fd` is readable (level-triggered), until `fd` is closed.
    ///
    /// # Errors
    /// `epoll_ctl(2)`; `ENOSPC` where the user's limit of watches is reached.
    pub fn add(&self, fd: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number))?)
    }

    /// Waits until something is readable or `limit` has passed (`None`: for ever), and appends
    /// the numbers of at most `BATCH` readable descriptors to `ready`.
    ///
    /// # Errors
    /// `epoll_wait(2)`, but for EINTR.
    pub fn wait<const BATCH: usize>(
        &self,
        limit: Option<Duration>,
        ready: &mut Vec<u64>,
    ) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); BATCH];
        match self.epoll.wait(&mut events, timeout(limit)) {
            Ok(count) => ready.extend(events.iter().take(count).map(EpollEvent::data)),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Milliseconds, rounded up: to wake too early would mean to turn until the time has come.
fn timeout(limit: Option<Duration>) -> EpollTimeout {
    let Some(limit) = limit else { return EpollTimeout::NONE };
    let millis = limit.as_micros().div_ceil(1000);
    EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(EpollTimeout::MAX)
}
