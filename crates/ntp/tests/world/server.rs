//! Servers of every character, and the way to them.

use ntp::packet::{self, Header, Leap, Mode};
use ntp::time::{Short, Span, Stamp, Wall};

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

/// What arrives after a request that needs `there` seconds to its server, and its answer `back`
/// seconds: when, in seconds from now. `wall` says what time it truly is then.
pub(crate) fn answers(
    peer: &Peer,
    request: &[u8],
    wall: impl Fn(f64) -> Wall,
    there: f64,
    back: f64,
) -> Vec<(f64, Vec<u8>)> {
    let (asked, _) = packet::parse(request).unwrap();
    let off = if let Character::Off(seconds) = peer.character { seconds } else { 0.0 };
    let good = good(asked, wall(there + off));
    let arrives = there + 20e-6 + back;
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
