//! One epoll loop: wait for descriptors, each registered with a typed token, or for a deadline.
//!
//! The program keeps its descriptors and its deadlines; the reactor keeps nothing but the kernel's
//! set. A turn is: [`Reactor::wait`] until something is readable or the deadline has come, then the
//! program takes the tokens one by one. A token of something the program has dropped earlier in the
//! same turn names nothing any more: tokens carry what it takes to know (a generation), and
//! the program looks it up.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// So many descriptors are served in a turn: the others wait for the next, deadlines in between.
pub const EVENTS_PER_TURN: usize = 256;

/// What a program registers a descriptor under; it is carried by the kernel as one number.
pub trait Token: Sized {
    /// The number. Different tokens have different numbers.
    fn number(&self) -> u64;
    /// The token of a number; `None` where no token has it.
    fn from_number(number: u64) -> Option<Self>;
}

/// The kernel's set of descriptors, and what is ready.
#[derive(Debug)]
pub struct Reactor<T> {
    poller: sys::epoll::Poller,
    ready: Vec<u64>,
    tokens: std::marker::PhantomData<T>,
}

impl<T: Token> Reactor<T> {
    /// # Errors
    /// No descriptor left.
    pub fn new() -> io::Result<Self> {
        let ready = Vec::with_capacity(EVENTS_PER_TURN);
        Ok(Self { poller: sys::epoll::Poller::new()?, ready, tokens: std::marker::PhantomData })
    }

    /// Reports `token` whenever `fd` is readable, until `fd` is closed.
    ///
    /// # Errors
    /// The user's limit of watched descriptors is reached.
    pub fn add(&self, fd: impl AsFd, token: &T) -> io::Result<()> {
        self.poller.add(fd.as_fd(), token.number())
    }

    /// Waits until something is readable or `limit` has passed, `None` for as long as it takes.
    /// Gives what is readable, in no order.
    ///
    /// # Errors
    /// `epoll_wait(2)`, which does not fail.
    pub fn wait(&mut self, limit: Option<Duration>) -> io::Result<Vec<T>> {
        self.ready.clear();
        self.poller.wait::<EVENTS_PER_TURN>(limit, &mut self.ready)?;
        Ok(self.ready.iter().filter_map(|number| T::from_number(*number)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[derive(Debug, PartialEq, Eq)]
    struct Number(u64);

    impl Token for Number {
        fn number(&self) -> u64 {
            self.0
        }
        fn from_number(number: u64) -> Option<Self> {
            Some(Self(number))
        }
    }

    #[test]
    fn what_is_readable_is_reported_until_it_is_closed() {
        let mut reactor = Reactor::new().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        reactor.add(&reader, &Number(7)).unwrap();
        assert_eq!(reactor.wait(Some(Duration::ZERO)).unwrap(), []);
        writer.write_all(b"x").unwrap();
        for _ in 0..2 {
            assert_eq!(reactor.wait(None).unwrap(), [Number(7)]);
        }
        drop(reader);
        assert_eq!(reactor.wait(Some(Duration::ZERO)).unwrap(), []);
    }

    #[test]
    fn a_deadline_is_never_early() {
        let mut reactor: Reactor<Number> = Reactor::new().unwrap();
        let (before, limit) = (std::time::Instant::now(), Duration::from_micros(1500));
        reactor.wait(Some(limit)).unwrap();
        assert!(before.elapsed() >= limit);
    }
}
