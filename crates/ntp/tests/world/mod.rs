//! A world for the client: an oscillator, a kernel's clock, a network, servers of every character.
//!
//! It is deterministic: everything random comes from one seed. And it judges: what no client may do
//! whatever happens is asserted where it would happen.

pub(crate) mod chance;
pub(crate) mod clockwork;
pub(crate) mod server;

use ntp::client::{Action, Client, Event, Level, Outcome, Setup, SourceId, Steer};
use ntp::interleave::Pairs;
use ntp::packet::Request;
use ntp::time::{Now, Stamp};
use std::collections::VecDeque;
use std::net::IpAddr;

use chance::Chance;
use clockwork::Clockwork;
pub(crate) use server::{Character, Peer};

/// 2026-11-22 00:00:00 UTC.
pub(crate) const TODAY: i64 = 1_795_305_600;

/// What may happen from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Blow {
    /// Somebody moves the clock by so many seconds.
    Move(f64),
    /// The machine sleeps for so many seconds.
    Sleep(f64),
    /// A server changes its ways.
    Change(usize, Character),
    /// The oscillator changes its speed by this ratio.
    Speed(f64),
    /// The operator says that the network has changed.
    Network,
    /// The kernel takes the right to set the clock away.
    Revoke,
}

#[derive(Debug)]
struct Flying {
    arrives: f64,
    source: SourceId,
    bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) peers: Vec<Peer>,
    pub(crate) clock: Clockwork,
    pub(crate) chance: Chance,
    flying: Vec<Flying>,
    /// What each server remembers of its answers.
    pairs: Vec<Pairs>,
    pub(crate) steps: Vec<(f64, f64)>,
    pub(crate) said: Vec<(f64, Level, String)>,
    pub(crate) done: Option<Outcome>,
    pub(crate) resolved: Vec<IpAddr>,
    may_steer: bool,
    pub(crate) steers: usize,
    pub(crate) requests: usize,
    pub(crate) forgotten: usize,
    /// What is done before a step takes so long, in seconds; and when it was begun.
    pub(crate) preparing_takes: f64,
    pub(crate) preparations: Vec<f64>,
    prepared_at: Option<f64>,
}

/// The setup of the most usual client: it steers, of servers `10.0.0.1` and so on.
pub(crate) fn setup(servers: usize, options: &str) -> Setup {
    let lines: Vec<String> =
        (1..=servers).map(|n| format!("server 10.0.0.{n} {options}")).collect();
    Setup {
        servers: ntp::config::parse(&lines.join("\n")).unwrap().servers,
        policy: ntp::discipline::Policy::default(),
        authority: ntp::client::Authority::Steer,
        once: false,
        frequency: ntp::bank::Frequency { ratio: 0.0, sd: 1e-4 },
        prepares: false,
        known: Vec::new(),
        permit: "ntpd -g".to_owned(),
        announced: false,
    }
}

impl World {
    /// A world that begins at `start` with a clock that is `offset` seconds ahead of true time and
    /// an oscillator that is `fast`, as a ratio.
    pub(crate) fn new(
        seed: u64,
        start: i64,
        offset: f64,
        fast: f64,
        setup: Setup,
        peers: &[Peer],
    ) -> Self {
        let may_steer = setup.authority == ntp::client::Authority::Steer;
        let clock = Clockwork::new(start, offset, fast);
        Self {
            client: Client::new(setup, clock.now()),
            peers: peers.to_vec(),
            clock,
            chance: Chance::new(seed),
            flying: Vec::new(),
            pairs: vec![Pairs::default(); peers.len()],
            steps: Vec::new(),
            said: Vec::new(),
            done: None,
            resolved: Vec::new(),
            may_steer,
            steers: 0,
            requests: 0,
            forgotten: 0,
            preparing_takes: 3.0,
            preparations: Vec::new(),
            prepared_at: None,
        }
    }

    /// Clock minus true time, seconds.
    pub(crate) fn error(&self) -> f64 {
        self.clock.error()
    }

    /// How fast the clock runs beyond true time, as a ratio.
    pub(crate) fn rate(&self) -> f64 {
        self.clock.rate()
    }

    /// Goes on for so many true seconds; the largest error from then on, and the root mean square.
    pub(crate) fn run(&mut self, seconds: f64) -> (f64, f64) {
        let end = self.clock.truth + seconds;
        let (mut worst, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
        let mut turns = 0;
        while self.clock.truth < end {
            let error = self.error().abs();
            worst = worst.max(error);
            sum += error * error;
            count += 1.0;
            self.turn(end);
            turns += 1;
            assert!(turns < 100_000_000, "the client never rests");
        }
        (worst, (sum / count).sqrt())
    }

    /// Runs until the error stays below `limit`; when that was, or never within `seconds`.
    pub(crate) fn settle(&mut self, limit: f64, seconds: f64) -> f64 {
        let end = self.clock.truth + seconds;
        let mut since = self.clock.truth;
        while self.clock.truth < end {
            if self.error().abs() > limit {
                since = self.clock.truth;
            }
            self.turn(end);
        }
        since
    }

    pub(crate) fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Move(by) => self.clock.ahead += by,
            Blow::Sleep(seconds) => {
                self.clock.sleep(seconds);
                self.flying.clear();
            }
            Blow::Change(index, character) => {
                let count = self.peers.len();
                self.peers[index % count].character = character;
            }
            Blow::Speed(by) => self.clock.speed += by,
            Blow::Network => self.tell(Event::Network),
            Blow::Revoke => self.may_steer = false,
        }
    }

    pub(crate) fn lines(&self, part: &str) -> usize {
        self.said
            .iter()
            .filter(|(_, level, text)| *level != Level::Debug && text.contains(part))
            .count()
    }

    pub(crate) fn log(&self) -> String {
        let line =
            |(at, level, text): &(f64, Level, String)| format!("{at:>12.3} {level:?} {text}\n");
        self.said.iter().map(line).collect()
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Until the next thing happens, or `end`, or a second is over.
    fn turn(&mut self, end: f64) {
        let now = self.now();
        let deadline = self.client.deadline().unwrap();
        let wait = (deadline - now.raw).seconds().max(0.0);
        let packet = self.flying.iter().map(|flying| flying.arrives).fold(f64::INFINITY, f64::min);
        let second = self.clock.next_second();
        let wait = if self.done.is_some() { f64::INFINITY } else { wait };
        let next = (self.clock.truth + wait / self.clock.pace()).max(self.clock.truth + 1e-9);
        let next = next.min(self.prepared_at.unwrap_or(f64::INFINITY));
        let until = next.min(packet).min(second).min(end).max(self.clock.truth);
        self.clock.advance(until - self.clock.truth);
        if self.clock.truth >= second {
            self.clock.second(&mut self.chance);
        }
        if self.prepared_at.is_some_and(|at| self.clock.truth >= at) {
            self.prepared_at = None;
            self.tell(Event::Prepared);
        }
        if let Some(index) =
            self.flying.iter().position(|flying| flying.arrives <= self.clock.truth)
        {
            let flying = self.flying.remove(index);
            let arrived = self.now().raw;
            self.tell(Event::Packet(flying.source, &flying.bytes, arrived));
        } else if self.clock.truth >= next && self.done.is_none() {
            self.tell(Event::Tick);
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let mut actions = VecDeque::from(self.client.step(self.now(), event));
        while let Some(action) = actions.pop_front() {
            assert!(self.done.is_none(), "nothing comes after the end");
            let more = match action {
                Action::Send(source, to) => self.send(source, to.ip()),
                Action::Resolve(server, _) => {
                    let event = match self.resolved.as_slice() {
                        [] => Event::Unresolved(server, "no name service".to_owned()),
                        found => Event::Resolved(server, found.to_vec()),
                    };
                    self.client.step(self.now(), event)
                }
                Action::Prepare(_) => {
                    assert!(self.prepared_at.is_none(), "one at a time");
                    self.preparations.push(self.clock.truth);
                    self.prepared_at = Some(self.clock.truth + self.preparing_takes);
                    Vec::new()
                }
                Action::Forget(_) => {
                    self.forgotten += 1;
                    Vec::new()
                }
                Action::Steer(steer) => self.steer(steer),
                Action::Say(level, text) => {
                    self.said.push((self.clock.truth, level, text));
                    Vec::new()
                }
                Action::Done(outcome) => {
                    self.done = Some(outcome);
                    Vec::new()
                }
            };
            actions.extend(more);
        }
    }

    fn steer(&mut self, steer: Steer) -> Vec<Action> {
        if !self.may_steer {
            return self.client.step(self.now(), Event::Powerless("permission denied".to_owned()));
        }
        self.steers += 1;
        match steer {
            Steer::Step(by) => {
                self.clock.step(by.seconds());
                self.steps.push((self.clock.truth, by.seconds()));
            }
            Steer::Slew { by, time_constant } => {
                self.clock.slew(by.seconds(), i32::from(time_constant));
            }
            Steer::Frequency(ratio) => self.clock.frequency = ratio.clamp(-5e-4, 5e-4),
            Steer::Known { error, bound } => assert!(error >= 0.0 && bound > 0.0),
        }
        Vec::new()
    }

    fn send(&mut self, source: SourceId, to: IpAddr) -> Vec<Action> {
        let IpAddr::V4(to) = to else { panic!("this world knows no other addresses") };
        let index = usize::from(to.octets()[3]) - 1;
        let peer = self.peers[index];
        if peer.character == Character::Unroutable {
            let event = Event::Unsent(source, "network unreachable".to_owned());
            return self.client.step(self.now(), event);
        }
        self.requests += 1;
        let nonce = Stamp(self.chance.random() | 1);
        let request = match self.client.shows(source) {
            Some(origin) => Request::interleaved(origin, Stamp(self.chance.random() | 1), nonce),
            None => Request::from(nonce),
        };
        if let Some(way) = peer.way(&mut self.chance) {
            let wall = |seconds| self.clock.wall(self.clock.truth + seconds);
            let pairs = &mut self.pairs[index];
            for (after, bytes) in server::answers(&peer, pairs, &request.encode(), wall, way) {
                self.flying.push(Flying { arrives: self.clock.truth + after, source, bytes });
            }
        }
        let now = self.now();
        self.client.step(now, Event::Sent(source, request, now.raw))
    }
}
