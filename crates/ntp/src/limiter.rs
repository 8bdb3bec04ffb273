//! How often one address may ask: `restrict limited`, with the times of `discard` (ntp.conf(5)).
//!
//! The table of addresses has a fixed size: whoever asks in the names of millions only makes us
//! forget older ones. Where an address is found depends on a number that nobody outside knows, so
//! no chosen one can be pushed out. Of IPv6 the first 64 bits count: the rest is anybody's to
//! invent.

use core::net::IpAddr;
use std::hash::{DefaultHasher, Hasher as _};

use crate::time::{Raw, Span};

/// How many addresses are found in one place, of which the oldest goes.
const WAYS: usize = 4;

/// How many places there are: with 32 bytes an address, a quarter of a megabyte in all, and none
/// before the first who is limited asks.
const SETS: usize = 2048;

/// So many questions may come at once; iburst and the ramp of a start fit.
const BURST: i64 = 8;

/// One refused question in so many is answered all the same: who asks in somebody's name cannot
/// take the time from him (chrony's `leak`).
const LEAK: u64 = 4;

/// How often those who are limited may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In the long run once in two to this power of seconds (`discard average`).
    pub average: u8,
    /// And never twice within half of two to this power of seconds (`discard minimum`); half, for
    /// the network brings some questions closer together.
    pub minimum: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { average: 3, minimum: 1 }
    }
}

/// What a question gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An answer.
    Answer,
    /// The request to ask less often (RFC 5905's RATE); never more often than answers.
    Kiss,
    /// Nothing.
    Silence,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Whose it is; zero is nobody's.
    whose: u64,
    /// When all that was used up is earned back.
    full_at: Raw,
    last: Raw,
    /// No kiss before.
    kiss_at: Raw,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Limiter {
    limits: Limits,
    secret: u64,
    sets: Vec<[Slot; WAYS]>,
    refused: u64,
}

impl Limiter {
    /// An empty table. `secret` is a number that nobody can guess.
    #[must_use]
    pub fn new(limits: Limits, secret: u64) -> Self {
        Self { limits, secret, sets: Vec::new(), refused: 0 }
    }

    /// Somebody asks; `kod`: he may be told that it is too often.
    pub fn judge(&mut self, from: IpAddr, kod: bool, now: Raw) -> Verdict {
        let average = exponent(self.limits.average);
        let minimum = exponent(self.limits.minimum).half();
        let slot = self.slot(whose(self.secret, from), now);
        let too_soon = now - slot.last < minimum;
        let owed = slot.full_at - now;
        if !too_soon && owed.nanos() <= average.nanos().saturating_mul(BURST - 1) {
            slot.full_at = slot.full_at.max(now) + average;
            slot.last = now;
            return Verdict::Answer;
        }
        let kiss = kod && now >= slot.kiss_at;
        if kiss {
            slot.kiss_at = now + average;
            return Verdict::Kiss;
        }
        self.refused = self.refused.wrapping_add(1);
        if hash((self.secret, self.refused)).is_multiple_of(LEAK) {
            Verdict::Answer
        } else {
            Verdict::Silence
        }
    }

    /// The place of an address: its own, or that of the one which asked last the longest ago.
    fn slot(&mut self, whose: u64, now: Raw) -> &mut Slot {
        if self.sets.is_empty() {
            self.sets = vec![[Slot::default(); WAYS]; SETS];
        }
        let index = usize::try_from(whose % SETS as u64).unwrap_or(0);
        let set = &mut self.sets[index];
        let own = set.iter().position(|slot| slot.whose == whose);
        let oldest = || (0..WAYS).min_by_key(|&way| (set[way].whose != 0, set[way].last));
        let way = own.or_else(oldest).unwrap_or(0);
        let slot = &mut set[way];
        if slot.whose != whose {
            let long_ago = now - exponent(self.limits.minimum);
            *slot = Slot { whose, full_at: now, last: long_ago, kiss_at: now };
        }
        slot
    }

    /// Bytes that the table takes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.sets.capacity() * size_of::<[Slot; WAYS]>()
    }
}

fn exponent(exponent: u8) -> Span {
    Span::from_exponent(i8::try_from(exponent).unwrap_or(i8::MAX))
}

fn whose(secret: u64, from: IpAddr) -> u64 {
    let prefix = match from.to_canonical() {
        IpAddr::V4(address) => (4, u64::from(address.to_bits())),
        IpAddr::V6(address) => (6, u64::try_from(address.to_bits() >> 64).unwrap_or(0)),
    };
    hash((secret, prefix)).max(1)
}

fn hash(what: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: u64 = 0x1234_5678_9abc_def0;

    fn at(seconds: f64) -> Raw {
        Raw::from_nanos(1_000_000_000_000) + Span::from_seconds(seconds)
    }

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    fn limiter() -> Limiter {
        Limiter::new(Limits::default(), SECRET)
    }

    /// How many of the questions at these times get an answer.
    fn answered(limiter: &mut Limiter, times: impl Iterator<Item = f64>) -> usize {
        times.filter(|&t| limiter.judge(ip(1), true, at(t)) == Verdict::Answer).count()
    }

    #[test]
    fn a_client_that_starts_with_iburst_is_never_refused() {
        let times = [0.0, 2.0, 4.0, 6.0, 10.0, 18.0, 34.0, 66.0, 130.0, 194.0];
        assert_eq!(answered(&mut limiter(), times.into_iter()), times.len());
    }

    #[test]
    fn who_asks_too_often_is_told_so_rarely_and_answered_rarely() {
        let mut limiter = limiter();
        let mut verdicts = |count: u32| -> Vec<Verdict> {
            let times = (0..count).map(|n| f64::from(n) / 10.0);
            times.map(|t| limiter.judge(ip(1), true, at(t))).collect()
        };
        let verdicts = verdicts(6000);
        let count = |what| verdicts.iter().filter(|verdict| **verdict == what).count();
        // Ten minutes: 8 and one in 8 seconds, and of the other 5900 a fourth.
        assert!((70..=80).contains(&count(Verdict::Kiss)), "{}", count(Verdict::Kiss));
        assert!((1400..1700).contains(&count(Verdict::Answer)), "{}", count(Verdict::Answer));
    }

    #[test]
    fn one_who_is_loud_takes_nothing_from_another() {
        let mut limiter = limiter();
        answered(&mut limiter, (0..1000).map(|n| f64::from(n) / 100.0));
        assert_eq!(limiter.judge(ip(2), true, at(10.0)), Verdict::Answer);
    }

    #[test]
    fn without_kod_nobody_is_told() {
        let mut limiter = limiter();
        let mut judge = |n: u32| limiter.judge(ip(1), false, at(f64::from(n) / 100.0));
        assert!((0..1000).all(|n| judge(n) != Verdict::Kiss));
    }

    #[test]
    fn the_second_half_of_an_address_is_not_looked_at() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(whose(SECRET, ip("2001:db8::1")), whose(SECRET, ip("2001:db8::ffff:1")));
        assert_ne!(whose(SECRET, ip("2001:db8::1")), whose(SECRET, ip("2001:db8:0:1::1")));
        assert_eq!(whose(SECRET, ip("::ffff:192.0.2.1")), whose(SECRET, ip("192.0.2.1")));
        assert_ne!(whose(SECRET, ip("192.0.2.1")), whose(SECRET + 1, ip("192.0.2.1")));
    }

    #[test]
    fn a_flood_from_a_hundred_thousand_addresses_costs_a_quarter_of_a_megabyte() {
        let mut limiter = limiter();
        assert_eq!(limiter.size(), 0, "nobody was limited");
        for n in 0..100_000 {
            limiter.judge(ip(n), true, at(f64::from(n) / 1e5));
        }
        assert_eq!(limiter.size(), SETS * WAYS * size_of::<Slot>());
        assert!(limiter.size() <= 256 * 1024, "{}", limiter.size());
    }

    proptest! {
        /// Answers that are the client's by right are never more than the burst and the rate.
        #[test]
        fn the_long_run_is_kept(gaps in prop::collection::vec(0.0..4.0_f64, 1..200)) {
            let mut limiter = Limiter::new(Limits { average: 3, minimum: 0 }, SECRET);
            let mut t = 0.0;
            let mut by_right = 0.0;
            for gap in gaps {
                t += gap;
                let before = limiter.slot(whose(SECRET, ip(1)), at(t)).full_at;
                limiter.judge(ip(1), false, at(t));
                let after = limiter.slot(whose(SECRET, ip(1)), at(t)).full_at;
                by_right += if before == after { 0.0 } else { 1.0 };
            }
            prop_assert!(by_right <= 8.0 + t / 8.0 + 1e-6, "{by_right} in {t} s");
        }
    }
}
