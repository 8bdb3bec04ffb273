//! Somebody on the network who means harm, and answers accordingly.
//!
//! Off the way he sees nothing that we send, but guesses address and port of every request: what he
//! sends must change nothing, whoever he pretends to be. On the way, or as a server, he answers the
//! request itself: that may be done by a minority of the servers.

use ntp::packet::{self, Header, Leap, Mode, PACKET_MAX};
use ntp::time::{Short, Span, Stamp};

use super::chance::Chance;
use super::server;

/// So many of one sort in a flood.
const FLOOD: usize = 1000;

/// So many genuine answers are kept for a replay.
const REPLAYS: usize = 32;

/// The codes of kisses, one of them unknown.
const KISSES: [[u8; 4]; 5] = [*b"DENY", *b"RATE", *b"RSTR", *b"NTSN", *b"XYZW"];

/// An opponent of one server's clients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// He sees nothing.
    Off,
    /// He is the server, or between it and us.
    On,
}

/// What he knows.
#[derive(Debug, Default)]
pub(super) struct Opponent {
    /// Where he is, for each server; nowhere beyond the end.
    pub(super) places: Vec<Option<Place>>,
    /// Genuine answers of earlier.
    seen: Vec<Vec<u8>>,
    /// How far he is off, seconds: it grows.
    lie: f64,
}

/// A datagram and when it comes, in seconds from now.
type Comes = (f64, Vec<u8>);

impl Opponent {
    pub(super) fn at(places: Vec<Option<Place>>) -> Self {
        Self { places, ..Self::default() }
    }

    /// What comes instead of the `genuine` answers of a server to this request.
    pub(super) fn answers(
        &mut self,
        server: usize,
        request: &[u8],
        genuine: Vec<Comes>,
        chance: &mut Chance,
    ) -> Vec<Comes> {
        let Some(&Some(place)) = self.places.get(server) else { return genuine };
        let Some((at, bytes)) = genuine.first().cloned() else { return genuine };
        let Ok((good, _)) = packet::parse(&bytes) else { return genuine };
        // Just before the genuine one, long before, or after it.
        let when = [at - 1e-6, at * 0.5, at + 1e-3, at + 5.0][dice(chance, 4)];
        match place {
            Place::Off => {
                let forged = self.blind(good, chance);
                let forged = forged.into_iter().map(|bytes| (when, bytes));
                self.remember(&bytes);
                forged.chain(genuine).collect()
            }
            Place::On => {
                debug_assert!(request.len() >= packet::HEADER);
                let (late, answers) = self.seeing(good, chance);
                let answers = answers.into_iter().map(|bytes| (at + late, bytes));
                let keeps_genuine = dice(chance, 3) == 0;
                let genuine = genuine.into_iter().filter(|_| keeps_genuine);
                answers.chain(genuine).collect()
            }
        }
    }

    fn remember(&mut self, genuine: &[u8]) {
        if self.seen.len() == REPLAYS {
            self.seen.remove(0);
        }
        self.seen.push(genuine.to_vec());
    }

    /// What can be sent without having seen the request.
    fn blind(&self, good: Header, chance: &mut Chance) -> Vec<Vec<u8>> {
        let lie = Header { origin: Stamp(chance.random()), ..off_by(good, 5000.0) };
        let kiss = |reference_id| Header { stratum: 0, poll: 17, reference_id, ..lie };
        match dice(chance, 7) {
            0 => encoded(server::forgeries(good)),
            1 => encoded(KISSES.into_iter().map(kiss)),
            2 => {
                let origin = Stamp::ZERO;
                encoded(KISSES.into_iter().map(|code| Header { origin, ..kiss(code) }))
            }
            3 => self.seen.clone(),
            4 => (0..20).map(|_| junk(chance)).collect(),
            5 => vec![lie.encode().to_vec(); FLOOD],
            _ => bent(lie, chance),
        }
    }

    /// What can be answered by who has seen it; how much later than a genuine answer.
    fn seeing(&mut self, good: Header, chance: &mut Chance) -> (f64, Vec<Vec<u8>>) {
        let one = |header: Header| vec![header.encode().to_vec()];
        let code = KISSES[dice(chance, KISSES.len())];
        let answers = match dice(chance, 12) {
            0 => {
                let poll = [17, 127, -128, 0][dice(chance, 4)];
                one(Header { stratum: 0, reference_id: code, poll, ..good })
            }
            1 => one(Header { stratum: [0, 16, 255][dice(chance, 3)], ..good }),
            2 => one(Header { leap: Leap::Unsynchronised, ..good }),
            3 => {
                let absurd = || Short([u32::MAX, 1 << 31, 16 << 16, 2 << 16][dice(chance, 4)]);
                let (root_delay, root_dispersion) = {
                    let mut absurd = absurd;
                    (absurd(), absurd())
                };
                one(Header { root_delay, root_dispersion, ..good })
            }
            4 => {
                let edges = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 0xffff_ffff_0000_0000];
                let mut edge = || Stamp(edges[dice(chance, edges.len())]);
                one(Header { receive: edge(), transmit: edge(), reference: edge(), ..good })
            }
            5 => one(Header { receive: good.transmit, transmit: good.receive, ..good }),
            6 => one(Header { version: [0, 1, 2, 5, 7][dice(chance, 5)], ..good }),
            7 => {
                let modes = [Mode::Client, Mode::Broadcast, Mode::SymmetricActive, Mode::Control];
                one(Header { mode: modes[dice(chance, 4)], ..good })
            }
            8 => bent(good, chance),
            9 => vec![good.encode().to_vec(); FLOOD],
            10 => {
                // He leads us away little by little.
                self.lie += 0.002 * chance.uniform();
                one(off_by(good, self.lie))
            }
            _ => one(off_by(good, 10_f64.powf(chance.uniform() * 12.0 - 3.0))),
        };
        // And keeps it back for a while, on one leg.
        let late = if dice(chance, 4) == 0 { chance.uniform() } else { 0.0 };
        (late, answers)
    }
}

fn off_by(good: Header, seconds: f64) -> Header {
    let by = Span::from_seconds(seconds.min(1e9));
    let moved = |stamp: Stamp| Stamp::from_wall(stamp.wall() + by);
    Header { receive: moved(good.receive), transmit: moved(good.transmit), ..good }
}

/// Longer or shorter than it should be.
fn bent(header: Header, chance: &mut Chance) -> Vec<Vec<u8>> {
    let whole = header.encode().to_vec();
    let lengths = [0, 1, 47, 49, 52, 68, 72, 76, 400, PACKET_MAX, PACKET_MAX + 4, 60_000];
    let bend = |length: usize| {
        let mut bytes = whole.clone();
        let fill = chance.random().to_be_bytes();
        bytes.resize_with(length, || 0);
        for (index, byte) in bytes.iter_mut().enumerate().skip(packet::HEADER) {
            *byte = fill[index % fill.len()];
        }
        bytes
    };
    lengths.into_iter().map(bend).collect()
}

fn junk(chance: &mut Chance) -> Vec<u8> {
    let length = dice(chance, 200);
    (0..length).map(|_| chance.random().to_be_bytes()[0]).collect()
}

fn encoded(headers: impl IntoIterator<Item = Header>) -> Vec<Vec<u8>> {
    headers.into_iter().map(|header| header.encode().to_vec()).collect()
}

/// One of so many, from 0.
pub(super) fn dice(chance: &mut Chance, sides: usize) -> usize {
    usize::try_from(chance.random() >> 33).unwrap() % sides
}
