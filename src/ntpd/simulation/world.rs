//! What is around the played machine, and what happens to it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use ntp::interleave::Pairs;
use ntp::packet;
use ntp::time::{Stamp, Wall};
use sys::wake::Wish;

use super::chance::Chance;
use super::clockwork::Clockwork;
use super::judge::Judge;
use super::opponent::Opponent;
use super::server::{self, Character, Peer};
use super::timekeeping::Timekeeping;

/// 2026-11-22 00:00:00 UTC.
pub(super) const TODAY: i64 = 1_795_305_600;

/// A turn of the loop takes so long, seconds.
const TURN: f64 = 20e-6;

/// Servers tell of a leap second so long before, seconds.
const LEAP_IS_KNOWN: f64 = 20_000.0;

/// So many datagrams wait at a socket; a kernel drops the others.
const INBOX: usize = 300;

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blow {
    /// Somebody sets the clock forward by so many seconds.
    Move(f64),
    /// The machine sleeps for so many seconds.
    Sleep(f64),
    /// A server, from 0, changes its ways.
    Change(usize, Character),
    /// This much of what is sent to a server, or comes back, is lost.
    Loss(usize, f64),
    /// The oscillator changes its speed by this ratio.
    Speed(f64),
    /// A signal.
    Signal(Wish),
    /// The right to set the clock is taken away.
    Revoke,
}

/// What waits at a socket: a datagram or what the network says, and when it came.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) came: io::Result<Vec<u8>>,
    pub(super) stamp: Duration,
}

#[derive(Debug)]
struct Flying {
    arrives: f64,
    wire: u64,
    bytes: Vec<u8>,
}

/// The name service.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) known: BTreeMap<String, Vec<IpAddr>>,
    /// How long an answer takes, seconds.
    pub(super) takes: f64,
    /// So often it was asked.
    pub(super) asked: usize,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clockwork,
    pub(super) kernel: Timekeeping,
    pub(super) chance: Chance,
    pub(super) peers: Vec<Peer>,
    /// What each of them remembers of its answers.
    pairs: Vec<Pairs>,
    pub(super) names: Names,
    pub(super) judge: Judge,
    pub(super) opponent: Opponent,
    pub(super) wires: BTreeMap<u64, VecDeque<Datagram>>,
    pub(super) next_wire: u64,
    flying: Vec<Flying>,
    pub(super) wishes: VecDeque<Wish>,
    /// Somebody has set the clock, and the loop has not been woken since.
    pub(super) was_set: bool,
    /// Whether the loop is woken then.
    pub(super) announces_steps: bool,
    /// Whether the kernel stamps datagrams.
    pub(super) stamps: bool,
    /// Whether it does so with those that leave only after it was asked.
    pub(super) stamps_late: bool,
    /// True seconds at which the loop is left for the test.
    pub(super) until: f64,
    /// What is to happen while the loop waits, and when: true seconds.
    pub(super) ahead: Option<(f64, Blow)>,
    /// When a leap second is put into UTC, true seconds.
    pub(super) leap: f64,
    /// Programs that were started, when, and their words.
    pub(super) programs: Vec<(f64, String)>,
    pub(super) program_takes: f64,
    pub(super) processes: usize,
    /// Those who ask us, whenever they are listened to.
    pub(super) crowd: Option<Crowd>,
    /// What each look at the clock takes, true seconds, and how much that was together.
    pub(super) look_takes: f64,
    pub(super) worked: f64,
    pub(super) requests: usize,
    /// The largest error of the clock since the test has set this to another.
    pub(super) worst: f64,
    /// An error above this is none to be content with; when there was one last, true seconds.
    pub(super) limit: f64,
    pub(super) discontent: f64,
}

/// Some who ask us over the real network.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) socket: UdpSocket,
    /// So many questions at a time.
    pub(super) questions: usize,
}

impl Crowd {
    pub(super) fn ask(&self) {
        for _ in 0..self.questions {
            let _ = self.socket.send(&packet::request(Stamp(1)));
        }
    }
}

impl World {
    pub(super) fn new(seed: u64, clock: Clockwork, peers: Vec<Peer>) -> Self {
        Self {
            clock,
            kernel: Timekeeping::new(true),
            chance: Chance::new(seed),
            judge: Judge::new(peers.len()),
            opponent: Opponent::default(),
            pairs: vec![Pairs::default(); peers.len()],
            peers,
            names: Names::default(),
            wires: BTreeMap::new(),
            next_wire: 0,
            flying: Vec::new(),
            wishes: VecDeque::new(),
            was_set: false,
            announces_steps: true,
            stamps: true,
            stamps_late: false,
            until: 0.0,
            ahead: None,
            leap: f64::INFINITY,
            programs: Vec::new(),
            program_takes: 1.0,
            processes: 0,
            crowd: None,
            look_takes: 0.0,
            worked: 0.0,
            requests: 0,
            worst: 0.0,
            limit: f64::INFINITY,
            discontent: 0.0,
        }
    }

    pub(super) fn strike(&mut self, blow: Blow) {
        self.judge.event();
        match blow {
            Blow::Move(by) => {
                self.clock.ahead += by;
                self.set();
            }
            Blow::Sleep(seconds) => {
                self.clock.sleep(seconds);
                self.flying.clear();
                self.set();
            }
            Blow::Change(index, character) => {
                let count = self.peers.len();
                self.peers[index % count].character = character;
            }
            Blow::Loss(index, loss) => {
                let count = self.peers.len();
                self.peers[index % count].loss = loss;
            }
            Blow::Speed(by) => self.clock.speed += by,
            Blow::Signal(wish) => {
                self.wishes.push_back(wish);
                self.judge.comes();
            }
            Blow::Revoke => self.kernel.may_steer = false,
        }
    }

    /// Somebody has set the clock.
    fn set(&mut self) {
        self.was_set = true;
        self.judge.comes();
    }

    /// Somebody else lets the clock run fast by so many parts per million.
    pub(super) fn steer_too(&mut self, ppm: f64) {
        self.judge.event();
        self.kernel.steer_too(&mut self.clock, ppm);
    }

    /// What the system clock says since 1970; a kernel's stamp.
    pub(super) fn stamp(&self) -> Duration {
        since_epoch(self.clock.now().wall)
    }

    /// The server at an address, from 0.
    pub(super) fn peer_at(&self, address: IpAddr) -> Option<usize> {
        let IpAddr::V4(address) = address else { return None };
        let [10, 0, 0, number] = address.octets() else { return None };
        usize::from(number).checked_sub(1).filter(|index| *index < self.peers.len())
    }

    /// A datagram leaves by a socket.
    pub(super) fn send(&mut self, wire: u64, to: IpAddr, bytes: &[u8]) -> io::Result<()> {
        let Some(index) = self.peer_at(to) else {
            return Err(io::Error::from_raw_os_error(libc::EHOSTUNREACH));
        };
        self.judge.request(index);
        self.requests += 1;
        let peer = self.peers[index];
        let Some(way) = peer.way(&mut self.chance) else { return Ok(()) };
        let truth = self.clock.truth;
        let wall = |after| self.clock.wall(truth + after);
        let answers = server::answers(&peer, &mut self.pairs[index], bytes, wall, way);
        let answers = self.opponent.answers(index, bytes, answers, &mut self.chance);
        for (after, mut bytes) in answers {
            if self.leap - truth < LEAP_IS_KNOWN {
                bytes.iter_mut().take(1).for_each(|first| *first |= 1 << 6);
            }
            self.flying.push(Flying { arrives: truth + after, wire, bytes });
        }
        Ok(())
    }

    /// The loop looks at the clock, which stands for all that it does.
    pub(super) fn work(&mut self) {
        if self.look_takes > 0.0 {
            self.worked += self.look_takes;
            self.clock.advance(self.look_takes);
        }
    }

    /// The loop is woken by those who ask us.
    pub(super) fn is_asked(&mut self) -> io::Result<()> {
        if self.clock.truth >= self.until {
            return Err(io::Error::other(PAUSE));
        }
        self.go_on_to(self.clock.truth + TURN);
        Ok(())
    }

    /// Lets time pass until something is there for the loop, but no longer than `limit`.
    pub(super) fn wait(&mut self, limit: f64) -> io::Result<()> {
        let is_nothing = limit <= 0.0;
        self.go_on_to(self.clock.truth + TURN);
        let found = self.has_something();
        self.judge.wait(is_nothing, found, self.processes > 0);
        let end = self.clock.truth + limit / self.clock.pace();
        while !self.has_something() && self.clock.truth < end {
            if self.clock.truth >= self.until {
                return Err(io::Error::other(PAUSE));
            }
            self.go_on_to(end.min(self.until));
        }
        self.was_set &= !self.announces_steps;
        Ok(())
    }

    fn has_something(&self) -> bool {
        let is_told = self.was_set && self.announces_steps;
        is_told || !self.wishes.is_empty() || self.wires.values().any(|inbox| !inbox.is_empty())
    }

    /// Goes on until the next thing happens, or `end`.
    fn go_on_to(&mut self, end: f64) {
        let arrivals = self.flying.iter().map(|flying| flying.arrives);
        let second = self.clock.next_second();
        let leap = self.clock.truth + self.kernel.leap_in(&self.clock);
        let blow = self.ahead.map_or(f64::INFINITY, |(at, _)| at);
        let events = arrivals.chain([second, self.leap, leap, blow, end]);
        let next = events.fold(f64::INFINITY, f64::min).max(self.clock.truth);
        self.clock.advance(next - self.clock.truth);
        let error = self.clock.error().abs();
        self.worst = self.worst.max(error);
        if error > self.limit {
            self.discontent = self.clock.truth;
        }
        self.judge.until(self.clock.truth, &self.kernel);
        if self.clock.truth >= self.leap {
            // UTC goes back; the oscillator and the clock do not.
            self.clock.start -= 1;
            self.clock.ahead += 1.0;
            self.leap = f64::INFINITY;
        }
        if self.clock.truth >= second {
            self.clock.second(&mut self.chance);
        }
        let begins = self.clock.truth >= second || self.clock.truth >= leap;
        if begins && self.kernel.second(&mut self.clock) {
            self.set();
        }
        if let Some((_, blow)) = self.ahead.take_if(|(at, _)| self.clock.truth >= *at) {
            self.strike(blow);
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        let stamp = self.stamp();
        let now = self.clock.truth;
        let (come, flying) =
            std::mem::take(&mut self.flying).into_iter().partition(|it| it.arrives <= now);
        self.flying = flying;
        for Flying { wire, bytes, .. } in come {
            if let Some(inbox) = self.wires.get_mut(&wire).filter(|inbox| inbox.len() < INBOX) {
                inbox.push_back(Datagram { came: Ok(bytes), stamp });
                self.judge.comes();
            }
        }
    }
}

/// By this error of its poll(2) the loop is left for the test, and begun again after it.
pub(super) const PAUSE: &str = "the test has something to do";

pub(super) fn since_epoch(wall: Wall) -> Duration {
    Duration::from_nanos(u64::try_from(wall.nanos()).unwrap_or(0))
}
