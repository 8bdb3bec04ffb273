//! Servers of every character, and the way to them.

use ntp::interleave::{self, Pairs};
use ntp::packet::{self, Header, Leap, Mode};
use ntp::time::{Short, Span, Stamp, Wall};

use super::chance::Chance;

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
    /// An answer waits so long between its stamp and the wire, seconds; and up to as long again, by
    /// chance.
    pub(crate) held: f64,
    /// It answers interleaved who asks for that.
    pub(crate) interleaves: bool,
}

/// How long an exchange takes, seconds: there, between the answer's stamp and the wire, and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    there: f64,
    held: f64,
    back: f64,
}

impl Peer {
    pub(crate) fn new(character: Character) -> Self {
        Self {
            character,
            path: 1e-3,
            jitter: 1e-4,
            shape: 1,
            jitter_back: 1.0,
            loss: 0.0,
            held: 0.0,
            interleaves: false,
        }
    }

    /// An exchange, unless it is lost.
    pub(crate) fn way(&self, chance: &mut Chance) -> Option<Way> {
        let there = self.path + self.jitter * chance.queue(self.shape);
        let back = self.path + self.jitter * self.jitter_back * chance.queue(self.shape);
        if chance.uniform() < self.loss {
            return None;
        }
        let held = if self.held > 0.0 { self.held * (1.0 + chance.uniform()) } else { 0.0 };
        Some(Way { there, held, back })
    }
}

/// What arrives after a request: when, in seconds from now. `wall` says what time it truly is then;
/// `pairs` is what the server remembers.
pub(crate) fn answers(
    peer: &Peer,
    pairs: &mut Pairs,
    request: &[u8],
    wall: impl Fn(f64) -> Wall,
    way: Way,
) -> Vec<(f64, Vec<u8>)> {
    let (asked, _) = packet::parse(request).unwrap();
    let off = if let Character::Off(seconds) = peer.character { seconds } else { 0.0 };
    let mut good = good(asked, wall(way.there + off));
    if peer.interleaves {
        good = interleaved(pairs, &asked, good, Span::from_seconds(way.held));
    }
    let arrives = way.there + 20e-6 + way.held + way.back;
    let one = |header: Header| vec![(arrives, header.encode().to_vec())];
    match peer.character {
        Character::Silent | Character::Unroutable => Vec::new(),
        Character::Unsynchronised => one(Header { leap: Leap::Unsynchronised, stratum: 0, ..good }),
        Character::Kiss(reference_id) => one(Header { stratum: 0, reference_id, ..good }),
        Character::Honest | Character::Off(_) => one(good),
        Character::Besieged => {
            let forged = forgeries(good).into_iter();
            let forged = forged.map(|forged| (arrives - 1e-6, forged.encode().to_vec()));
            forged.chain(one(good)).collect()
        }
    }
}

/// The answer of an honest server to a request that came to it at this time.
pub(crate) fn good(asked: Header, came: Wall) -> Header {
    Header {
        version: 4,
        mode: Mode::Server,
        stratum: 2,
        reference_id: [10, 0, 0, 254],
        root_delay: Short::from_seconds(0.002),
        root_dispersion: Short::from_seconds(0.002),
        origin: asked.transmit,
        receive: Stamp::from_wall(came),
        transmit: Stamp::from_wall(came + Span::from_nanos(20_000)),
        ..Header::default()
    }
}

/// The answer of a server that remembers when its answers really left.
fn interleaved(pairs: &mut Pairs, asked: &Header, plain: Header, held: Span) -> Header {
    let receive = pairs.unique(plain.receive);
    let last = pairs.last_answer_left(asked);
    pairs.remember(receive, Stamp::from_wall(plain.transmit.wall() + held));
    let (origin, left) = last.map_or((plain.origin, plain.transmit), |l| (asked.receive, l));
    Header { origin, receive, transmit: interleave::apart(left, receive), ..plain }
}

/// What somebody sends who has not seen our request, and knows all else.
pub(crate) fn forgeries(good: Header) -> Vec<Header> {
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
