//! The machine that is played.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::time::Duration;

use ntp::time::{Raw, Wall};
use sys::timex::{Adjtimex, Request};
use sys::udp::Received;
use sys::wake::Wish;

use super::super::machine::{Machine, Process, Wire};
use super::super::resolver;
use super::server::Character;
use super::world::{Crowd, Datagram, World};

/// A name is not known, in the words of the resolver's own life.
const UNKNOWN: &str = "name or service not known";

#[derive(Debug, Clone)]
pub(super) struct Played(pub(super) Rc<RefCell<World>>);

impl Adjtimex for Played {
    fn adjtimex(&self, request: &mut Request) -> io::Result<i32> {
        let world = &mut *self.0.borrow_mut();
        world.kernel.adjtimex(&mut world.clock, request.timex())
    }
}

impl Machine for Played {
    type Wire = PlayedWire;
    type Process = PlayedProcess;

    fn raw(&self) -> Raw {
        self.0.borrow().clock.now().raw
    }

    fn wall(&self) -> Wall {
        let mut world = self.0.borrow_mut();
        world.work();
        world.clock.now().wall
    }

    fn announces_steps(&self) -> bool {
        self.0.borrow().announces_steps
    }

    fn connect(&self, server: SocketAddr) -> io::Result<PlayedWire> {
        let mut world = self.0.borrow_mut();
        let peer = world.peer_at(server.ip()).map(|index| world.peers[index]);
        if peer.is_some_and(|peer| peer.character == Character::Unroutable) {
            return Err(io::Error::from_raw_os_error(libc::ENETUNREACH));
        }
        let number = world.next_wire;
        world.next_wire += 1;
        world.wires.insert(number, VecDeque::new());
        let left = Cell::new((None, false));
        Ok(PlayedWire { world: Rc::clone(&self.0), number, server, left })
    }

    fn wait(
        &self,
        others: &[BorrowedFd<'_>],
        wires: &[&PlayedWire],
        limit: Duration,
    ) -> io::Result<Vec<bool>> {
        // Those are real, and the test is at their other end.
        if !others.is_empty() {
            self.0.borrow().crowd.iter().for_each(Crowd::ask);
        }
        let mut ready = sys::udp::wait(others, Duration::ZERO)?;
        let mut world = self.0.borrow_mut();
        let millis = (limit.as_secs_f64() * 1e3).ceil();
        if ready.contains(&true) {
            world.is_asked()?;
        } else {
            world.wait(millis / 1e3)?;
        }
        ready.extend(wires.iter().map(|wire| !world.wires[&wire.number].is_empty()));
        Ok(ready)
    }

    fn wish(&self) -> Option<Wish> {
        self.0.borrow_mut().wishes.pop_front()
    }

    fn nonce(&self) -> io::Result<NonZeroU64> {
        Ok(NonZeroU64::MIN | self.0.borrow_mut().chance.random())
    }

    fn spawn(&self, command: Command) -> io::Result<PlayedProcess> {
        let mut world = self.0.borrow_mut();
        let words: Vec<String> =
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let (text, takes) = if let [_, host] = words.as_slice() {
            world.names.asked += 1;
            let found = world.names.known.get(host);
            let found = found.map(|found| resolver::lines(found.iter().copied()));
            (found.unwrap_or_else(|| UNKNOWN.to_owned()), world.names.takes)
        } else {
            let told = command.get_envs().filter_map(|(_, value)| value);
            let told: Vec<_> = told.map(|value| value.to_string_lossy()).collect();
            let (at, told) = (world.clock.truth, told.join(" "));
            world.programs.push((at, told));
            (String::new(), world.program_takes)
        };
        world.processes += 1;
        let ends = world.clock.truth + takes;
        Ok(PlayedProcess { world: Rc::clone(&self.0), text, ends, is_killed: false })
    }
}

/// A socket in the world.
#[derive(Debug)]
pub(super) struct PlayedWire {
    world: Rc<RefCell<World>>,
    number: u64,
    server: SocketAddr,
    /// When the last datagram left, until that was said; and whether it can be said by now.
    left: Cell<(Option<Duration>, bool)>,
}

impl Wire for PlayedWire {
    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        let left = world.stamps.then(|| world.stamp());
        self.left.set((left, !world.stamps_late));
        world.send(self.number, self.server.ip(), bytes)
    }

    fn departure(&self) -> Option<Duration> {
        let (left, is_known) = self.left.get();
        self.left.set((left.filter(|_| !is_known), true));
        left.filter(|_| is_known)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut world = self.world.borrow_mut();
        let stamps = world.stamps;
        let come = world.wires.get_mut(&self.number).and_then(VecDeque::pop_front);
        let Datagram { came, stamp } = come.ok_or(io::ErrorKind::WouldBlock)?;
        let bytes = came?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        let cut = bytes.len() > length;
        let stamp = stamps.then_some(stamp);
        Ok(Received { length, cut, from: Some(self.server), to: None, stamp })
    }
}

impl Drop for PlayedWire {
    fn drop(&mut self) {
        self.world.borrow_mut().wires.remove(&self.number);
    }
}

/// A process in the world: a resolver, or a program around a step.
#[derive(Debug)]
pub(super) struct PlayedProcess {
    world: Rc<RefCell<World>>,
    text: String,
    ends: f64,
    is_killed: bool,
}

impl Process for PlayedProcess {
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let is_over = self.is_killed || self.world.borrow().clock.truth >= self.ends;
        let status = if self.is_killed { libc::SIGKILL } else { 0 };
        Ok(is_over.then(|| ExitStatus::from_raw(status)))
    }

    fn text(&mut self, most: u64) -> String {
        let most = usize::try_from(most).unwrap();
        self.text[..self.text.len().min(most)].to_owned()
    }

    fn kill(&mut self) {
        self.is_killed = true;
    }
}

impl Drop for PlayedProcess {
    fn drop(&mut self) {
        self.world.borrow_mut().processes -= 1;
    }
}
