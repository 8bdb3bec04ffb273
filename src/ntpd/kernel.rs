//! The machine as it is: system calls.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use ntp::time::{Raw, Wall};
use sys::clock_steps::ClockSteps;
use sys::timex::{Adjtimex, Request};
use sys::udp::{Received, Socket};
use sys::wake::{self, Wish};

use super::clock;
use super::machine::{Machine, Process, Wire};

/// This machine.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// Readable when anybody sets the clock, so that nobody need look in between.
    steps: Option<ClockSteps>,
}

impl Kernel {
    /// This machine, whose steps are watched where that can be had.
    pub(crate) fn new() -> Self {
        let is_asked = sys::clock::is_the_kernels();
        Self { steps: is_asked.then(ClockSteps::watch).and_then(Result::ok) }
    }
}

impl Adjtimex for Kernel {
    fn adjtimex(&self, request: &mut Request) -> io::Result<i32> {
        sys::timex::adjtimex(request)
    }
}

impl Machine for Kernel {
    type Wire = Socket;
    type Process = Child;

    fn raw(&self) -> Raw {
        clock::raw(sys::clock::monotonic_raw())
    }

    fn wall(&self) -> Wall {
        clock::wall(sys::clock::realtime())
    }

    fn announces_steps(&self) -> bool {
        self.steps.is_some()
    }

    fn connect(&self, server: SocketAddr) -> io::Result<Socket> {
        Socket::connected(server)
    }

    fn wait(
        &self,
        others: &[BorrowedFd<'_>],
        wires: &[&Socket],
        limit: Duration,
    ) -> io::Result<Vec<bool>> {
        let wires = wires.iter().map(|socket| socket.as_fd());
        let steps = self.steps.iter().map(|steps| steps.as_fd());
        let waited: Vec<BorrowedFd<'_>> =
            others.iter().copied().chain(wires).chain(steps).collect();
        let mut ready = sys::udp::wait(&waited, limit)?;
        if let Some(steps) = &self.steps
            && ready.pop() == Some(true)
        {
            // Who is woken looks at the clock; how it was moved is seen there.
            steps.taken()?;
        }
        Ok(ready)
    }

    fn wish(&self) -> Option<Wish> {
        wake::take()
    }

    fn nonce(&self) -> io::Result<NonZeroU64> {
        sys::random::nonce()
    }

    fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.spawn()
    }
}

impl Wire for Socket {
    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes)
    }

    fn departure(&self) -> Option<Duration> {
        self.departure()
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.receive(buffer)
    }
}

impl Process for Child {
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.try_wait()
    }

    fn text(&mut self, most: u64) -> String {
        let mut text = String::new();
        if let Some(pipe) = self.stdout.take() {
            let _ = pipe.take(most).read_to_string(&mut text);
        }
        text
    }

    fn kill(&mut self) {
        // It has not been waited for: the group is its own.
        if sys::child::kill_group_of(self).is_err() {
            let _ = Child::kill(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_go_forward_together() {
        let kernel = Kernel { steps: None };
        let (first, second) = (kernel.now(), kernel.now());
        assert!(second.raw >= first.raw);
        assert!(first.wall > Wall::default());
    }
}
