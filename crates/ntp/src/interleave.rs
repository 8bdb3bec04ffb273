//! Interleaved answers (RFC 9769): when an answer really left is known only after it has, so it is
//! told in the next one.
//!
//! What is remembered are pairs: when a question came, which is told to its client in the answer,
//! and when that answer left. A client that shows the first of a pair gets the second; addresses
//! are not looked at, and each pair is told once. The number of pairs is bounded: whoever is
//! forgotten gets a plain answer. How it looks to the client is [`Asking`]'s.

use std::collections::{BTreeMap, VecDeque};

use crate::packet::Header;
use crate::time::Stamp;

pub use asking::{Asking, Exchange};

mod asking;

/// The most pairs: what 128 clients a second leave behind in a minute; some 400 kB.
pub const PAIRS_MAX: usize = 8192;

/// What is remembered.
#[derive(Debug, Clone, Default)]
pub struct Pairs {
    left: BTreeMap<u64, Stamp>,
    order: VecDeque<u64>,
}

impl Pairs {
    /// The stamp of arrival to be told: no two questions have the same.
    #[must_use]
    pub fn unique(&self, came: Stamp) -> Stamp {
        let mut came = came.0.max(1);
        while self.left.contains_key(&came) {
            came = came.wrapping_add(1).max(1);
        }
        Stamp(came)
    }

    /// The answer to the question that came at `came` leaves at `left`, as far as is known now.
    pub fn remember(&mut self, came: Stamp, left: Stamp) {
        if self.left.insert(came.0, left).is_none() {
            self.order.push_back(came.0);
        }
        while self.order.len() > PAIRS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.left.remove(&oldest);
            }
        }
    }

    /// What there is to tell a client about the last answer it got, where it asks for that: its
    /// origin is our stamp of arrival, and its own two stamps differ (RFC 9769, section 2).
    pub fn last_answer_left(&mut self, asked: &Header) -> Option<Stamp> {
        let asks = asked.origin != Stamp::ZERO
            && asked.receive != Stamp::ZERO
            && asked.receive != asked.transmit;
        asks.then(|| self.left.remove(&asked.origin.0)).flatten()
    }
}

/// A stamp of departure is never the one of arrival: that is how the modes are told apart.
#[must_use]
pub fn apart(left: Stamp, came: Stamp) -> Stamp {
    if left == came { Stamp(left.0.wrapping_add(1)) } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(origin: Stamp) -> Header {
        Header { origin, receive: Stamp(5), transmit: Stamp(6), ..Header::default() }
    }

    #[test]
    fn the_pair_is_told_once_and_nobody_elses() {
        let mut pairs = Pairs::default();
        pairs.remember(Stamp(100), Stamp(110));
        assert_eq!(pairs.last_answer_left(&asks(Stamp(101))), None);
        assert_eq!(pairs.last_answer_left(&asks(Stamp(100))), Some(Stamp(110)));
        assert_eq!(pairs.last_answer_left(&asks(Stamp(100))), None);
    }

    #[test]
    fn a_plain_question_is_not_taken_for_another() {
        let mut pairs = Pairs::default();
        pairs.remember(Stamp(100), Stamp(110));
        let same = Header { receive: Stamp(6), ..asks(Stamp(100)) };
        let none = Header { receive: Stamp::ZERO, ..asks(Stamp(100)) };
        for asked in [same, none, asks(Stamp::ZERO)] {
            assert_eq!(pairs.last_answer_left(&asked), None, "{asked:?}");
        }
    }

    #[test]
    fn stamps_of_arrival_are_unique() {
        let mut pairs = Pairs::default();
        let first = pairs.unique(Stamp(100));
        pairs.remember(first, Stamp(1));
        assert_eq!((first, pairs.unique(Stamp(100))), (Stamp(100), Stamp(101)));
        assert_eq!(pairs.unique(Stamp::ZERO), Stamp(1), "zero means that it is not known");
        assert_eq!((apart(Stamp(7), Stamp(7)), apart(Stamp(8), Stamp(7))), (Stamp(8), Stamp(8)));
    }

    #[test]
    fn a_flood_makes_it_forget_and_not_grow() {
        let mut pairs = Pairs::default();
        for n in 1..=100_000 {
            pairs.remember(Stamp(n), Stamp(n + 1));
            if n % 3 == 0 {
                pairs.last_answer_left(&asks(Stamp(n)));
            }
        }
        assert!(pairs.left.len() <= PAIRS_MAX && pairs.order.len() <= PAIRS_MAX);
        assert_eq!(pairs.last_answer_left(&asks(Stamp(1))), None);
        assert_eq!(pairs.last_answer_left(&asks(Stamp(100_000))), Some(Stamp(100_001)));
    }
}
