//! A world for the client: an oscillator, a kernel's clock, a network, servers of every character.
//!
//! It is deterministic: everything random comes from one seed. And it judges: what no client may do
//! whatever happens is asserted where it would happen.

use ntp::client::{Action, Client, Event, Level, Outcome, Setup, SourceId, Steer};
use ntp::packet::{self, Header, Leap, Mode};
use ntp::time::{Now, Raw, Short, Span, Stamp, Wall};
use std::collections::VecDeque;
use std::net::IpAddr;

/// 2026-11-22 00:00:00 UTC.
pub(crate) const TODAY: i64 = 1_795_305_600;

/// What a server does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Character {
    /// Answers truly.
    Honest,
    /// Answers with a time that is off by so many seconds.
    Off(f64),
    /// Answers truly, after as many forged packets of each sort as an attacker can think of.
    Besieged,
    /// Says that it is not synchronised.
    Unsynchronised,
    /// Answers with a kiss of death.
    Kiss([u8; 4]),
    /// Does not answer.
    Silent,
    /// The network refuses to send to it.
    Unroutable,
}

/// A server, and the way to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) character: Character,
    /// The least delay each way, seconds.
    pub(crate) path: f64,
    /// Mean of the delay above that, seconds; and its shape, of a gamma distribution: 1 is
    /// exponential.
    pub(crate) jitter: f64,
    pub(crate) shape: u16,
    /// That much of it is on the way back, as a ratio.
    pub(crate) jitter_back: f64,
    /// Probability that an exchange is lost.
    pub(crate) loss: f64,
}

impl Peer {
    pub(crate) fn new(character: Character) -> Self {
        Self { character, path: 1e-3, jitter: 1e-4, shape: 1, jitter_back: 1.0, loss: 0.0 }
    }
}

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
    /// True seconds since the beginning.
    pub(crate) truth: f64,
    /// True time of the beginning, whole seconds since the Unix epoch.
    start: i64,
    /// What the oscillator has counted, seconds.
    raw: f64,
    /// The oscillator runs fast by this ratio.
    pub(crate) speed: f64,
    /// And by this ratio, for the moment.
    pub(crate) sway: f64,
    /// Standard deviation of the change of speed in a second.
    pub(crate) wander: f64,
    /// The system clock minus the oscillator minus `start`, seconds.
    ahead: f64,
    kernel_frequency: f64,
    slew_left: f64,
    slew_shift: i32,
    slew_rate: f64,
    seconds: f64,
    seed: u64,
    flying: Vec<Flying>,
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
        let now = now_of(start, 100.0, offset - 100.0);
        Self {
            client: Client::new(setup, now),
            peers: peers.to_vec(),
            truth: 0.0,
            start,
            raw: 100.0,
            speed: fast,
            sway: 0.0,
            wander: 0.0,
            ahead: offset - 100.0,
            kernel_frequency: 0.0,
            slew_left: 0.0,
            slew_shift: 2,
            slew_rate: 0.0,
            seconds: 0.0,
            seed: seed | 1,
            flying: Vec::new(),
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
        self.raw + self.ahead - self.truth
    }

    /// How fast the clock runs beyond true time, as a ratio.
    pub(crate) fn rate(&self) -> f64 {
        (1.0 + self.speed + self.sway) * (1.0 + self.kernel_frequency + self.slew_rate) - 1.0
    }

    /// Goes on for so many true seconds; the largest error from then on, and the root mean square.
    pub(crate) fn run(&mut self, seconds: f64) -> (f64, f64) {
        let end = self.truth + seconds;
        let (mut worst, mut sum, mut count) = (0.0_f64, 0.0, 0.0);
        let mut turns = 0;
        while self.truth < end {
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
        let end = self.truth + seconds;
        let mut since = self.truth;
        while self.truth < end {
            if self.error().abs() > limit {
                since = self.truth;
            }
            self.turn(end);
        }
        since
    }

    pub(crate) fn strike(&mut self, blow: Blow) {
        match blow {
            Blow::Move(by) => self.ahead += by,
            Blow::Sleep(seconds) => {
                // The hardware clock is right to the second.
                self.truth += seconds;
                self.ahead += seconds.round();
                self.flying.clear();
            }
            Blow::Change(index, character) => {
                let count = self.peers.len();
                self.peers[index % count].character = character;
            }
            Blow::Speed(by) => self.speed += by,
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
        now_of(self.start, self.raw, self.ahead)
    }

    /// Until the next thing happens, or `end`, or a second is over.
    fn turn(&mut self, end: f64) {
        let now = self.now();
        let deadline = self.client.deadline().unwrap();
        let wait = (deadline - now.raw).seconds().max(0.0);
        let packet = self.flying.iter().map(|flying| flying.arrives).fold(f64::INFINITY, f64::min);
        let second = self.seconds + 1.0;
        let wait = if self.done.is_some() { f64::INFINITY } else { wait };
        let pace = 1.0 + self.speed + self.sway;
        let next = (self.truth + wait / pace).max(self.truth + 1e-9);
        let next = next.min(self.prepared_at.unwrap_or(f64::INFINITY));
        let until = next.min(packet).min(second).min(end).max(self.truth);
        self.advance(until - self.truth);
        if self.truth >= second {
            self.second();
        }
        if self.prepared_at.is_some_and(|at| self.truth >= at) {
            self.prepared_at = None;
            self.tell(Event::Prepared);
        }
        if let Some(index) = self.flying.iter().position(|flying| flying.arrives <= self.truth) {
            let flying = self.flying.remove(index);
            let arrived = self.now().raw;
            self.tell(Event::Packet(flying.source, &flying.bytes, arrived));
        } else if self.truth >= next && self.done.is_none() {
            self.tell(Event::Tick);
        }
    }

    fn advance(&mut self, seconds: f64) {
        let raw = seconds * (1.0 + self.speed + self.sway);
        self.truth += seconds;
        self.raw += raw;
        self.ahead += raw * (self.kernel_frequency + self.slew_rate);
    }

    /// What a kernel does each second: it takes its part of what is to be slewed.
    fn second(&mut self) {
        self.seconds = self.truth;
        let part = self.slew_left / f64::from(1 << self.slew_shift);
        self.slew_left -= part;
        self.slew_rate = part;
        assert!(part.abs() <= 0.05 + 1e-9, "the clock is driven too hard: {part}");
        self.speed += self.wander * self.normal();
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
                    self.preparations.push(self.truth);
                    self.prepared_at = Some(self.truth + self.preparing_takes);
                    Vec::new()
                }
                Action::Forget(_) => {
                    self.forgotten += 1;
                    Vec::new()
                }
                Action::Steer(steer) => self.steer(steer),
                Action::Say(level, text) => {
                    self.said.push((self.truth, level, text));
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
                self.ahead += by.seconds();
                (self.slew_left, self.slew_rate) = (0.0, 0.0);
                self.steps.push((self.truth, by.seconds()));
            }
            Steer::Slew { by, time_constant } => {
                assert!(by.abs().seconds() <= 0.5, "more than a kernel takes");
                self.slew_left = by.seconds();
                self.slew_shift = 2 + i32::from(time_constant);
            }
            Steer::Frequency(ratio) => self.kernel_frequency = ratio.clamp(-5e-4, 5e-4),
            Steer::Known { error, bound } => assert!(error >= 0.0 && bound > 0.0),
        }
        Vec::new()
    }

    fn send(&mut self, source: SourceId, to: IpAddr) -> Vec<Action> {
        let IpAddr::V4(to) = to else { panic!("this world knows no other addresses") };
        let peer = self.peers[usize::from(to.octets()[3]) - 1];
        if peer.character == Character::Unroutable {
            let event = Event::Unsent(source, "network unreachable".to_owned());
            return self.client.step(self.now(), event);
        }
        self.requests += 1;
        let nonce = Stamp(self.random() | 1);
        let request = packet::request(nonce);
        let there = peer.path + peer.jitter * self.queue(peer.shape);
        let back = peer.path + peer.jitter * peer.jitter_back * self.queue(peer.shape);
        if self.uniform() >= peer.loss {
            self.answer(source, &peer, &request, there, back);
        }
        let now = self.now();
        self.client.step(now, Event::Sent(source, nonce, now.raw))
    }

    fn answer(&mut self, source: SourceId, peer: &Peer, request: &[u8], there: f64, back: f64) {
        let (asked, _) = packet::parse(request).unwrap();
        let off = if let Character::Off(seconds) = peer.character { seconds } else { 0.0 };
        let came = self.start_wall() + Span::from_seconds(self.truth + there + off);
        let left = came + Span::from_nanos(20_000);
        let good = Header {
            version: 4,
            mode: Mode::Server,
            stratum: 2,
            reference_id: [10, 0, 0, 254],
            root_delay: Short::from_seconds(0.002),
            root_dispersion: Short::from_seconds(0.002),
            origin: asked.transmit,
            receive: Stamp::from_wall(came),
            transmit: Stamp::from_wall(left),
            ..Header::default()
        };
        let arrives = self.truth + there + 20e-6 + back;
        let mut fly = |header: Header, arrives: f64| {
            self.flying.push(Flying { arrives, source, bytes: header.encode().to_vec() });
        };
        match peer.character {
            Character::Silent | Character::Unroutable => {}
            Character::Unsynchronised => {
                fly(Header { leap: Leap::Unsynchronised, stratum: 0, ..good }, arrives);
            }
            Character::Kiss(reference_id) => {
                fly(Header { stratum: 0, reference_id, ..good }, arrives);
            }
            Character::Honest | Character::Off(_) => fly(good, arrives),
            Character::Besieged => {
                for forged in forgeries(good) {
                    fly(forged, arrives - 1e-6);
                }
                fly(good, arrives);
            }
        }
    }

    fn start_wall(&self) -> Wall {
        Wall::from_nanos(self.start * 1_000_000_000)
    }

    pub(crate) fn random(&mut self) -> u64 {
        // xorshift64* (Vigna).
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn uniform(&mut self) -> f64 {
        f64::from(u32::try_from(self.random() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn queue(&mut self, shape: u16) -> f64 {
        (0..shape).map(|_| self.exponential()).sum::<f64>() / f64::from(shape)
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).max(1e-12).ln()
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn now_of(start: i64, raw: f64, ahead: f64) -> Now {
    let wall = Wall::from_nanos(start * 1_000_000_000) + Span::from_seconds(raw + ahead);
    Now { raw: Raw::default() + Span::from_seconds(raw), wall }
}

/// What somebody sends who has not seen our request, and knows all else.
fn forgeries(good: Header) -> Vec<Header> {
    let lie = |stamp: Stamp| Stamp(stamp.0.wrapping_add(5000 << 32));
    let forged = Header { receive: lie(good.receive), transmit: lie(good.transmit), ..good };
    let mut all = vec![
        Header { origin: Stamp::ZERO, ..forged },
        Header { origin: Stamp(good.origin.0 ^ 1), ..forged },
        Header { origin: good.receive, ..forged },
    ];
    for reference_id in [*b"DENY", *b"RATE", *b"RSTR"] {
        all.push(Header { origin: Stamp::ZERO, stratum: 0, reference_id, ..forged });
    }
    for mode in [Mode::SymmetricActive, Mode::SymmetricPassive, Mode::Broadcast, Mode::Client] {
        all.push(Header { mode, ..forged });
    }
    all
}
