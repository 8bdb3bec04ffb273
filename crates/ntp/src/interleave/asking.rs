//! The side that asks (RFC 9769, section 2): which exchange the next answer may complete.
//!
//! A request shows when the last one arrived, as the server told it. By that the server finds when
//! it really sent the last answer, and tells it in this one: so each answer completes the exchange
//! before its own. Only the last believed answer is remembered, and each exchange is measured once.

use crate::packet::Request;
use crate::time::{Raw, Stamp};

/// So many requests in a row may show the same arrival, as many as chrony's; then we ask plainly,
/// so that no measurement is very old (RFC 9769 wants a limit).
const SHOWN_MAX: u8 = 4;

/// A question and an answer that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When the question left (T1).
    pub asked: Raw,
    /// When it arrived, by the server's clock (T2), and what the server knows it by.
    pub came: Stamp,
    /// When the answer arrived (T4).
    pub arrived: Raw,
    /// Its own answer said when it left, and was measured.
    pub measured: bool,
}

/// What is remembered of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    wanted: bool,
    last: Option<Exchange>,
    shown: u8,
}

impl Asking {
    /// Nothing yet. `wanted`: interleaved answers are asked for.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self { wanted, last: None, shown: 0 }
    }

    /// The arrival that the next request is to show; nothing where it is to be plain.
    #[must_use]
    pub fn shows(&self) -> Option<Stamp> {
        let last = self.last.filter(|_| self.shown < SHOWN_MAX);
        last.map(|last| last.came)
    }

    /// The exchange that an interleaved answer may complete.
    #[must_use]
    pub fn last(&self) -> Option<Exchange> {
        self.last
    }

    /// Whether the last believed answer was interleaved.
    #[must_use]
    pub fn is_interleaved(&self) -> bool {
        self.last.is_some_and(|last| !last.measured)
    }

    /// A request was sent. Who asks plainly begins anew.
    pub fn sent(&mut self, request: &Request) {
        if request.is_interleaved() {
            self.shown = self.shown.saturating_add(1);
        } else {
            self.forget();
        }
    }

    /// An answer was believed. Two questions that arrived at the same time, by the server's word,
    /// have no name that it could know them by.
    pub fn answered(&mut self, exchange: Exchange) {
        let is_new = self.last.is_none_or(|last| last.came != exchange.came);
        self.last = Some(exchange).filter(|_| self.wanted && is_new);
        self.shown = 0;
    }

    /// What was is of no use for what will be: time itself was tampered with, or the server's
    /// word is in doubt.
    pub fn forget(&mut self) {
        self.last = None;
        self.shown = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(came: u64, measured: bool) -> Exchange {
        let at = Raw::from_nanos(5);
        Exchange { asked: at, came: Stamp(came), arrived: at, measured }
    }

    fn interleaved(asking: &Asking) -> Request {
        Request::interleaved(asking.shows().unwrap(), Stamp(1), Stamp(2))
    }

    #[test]
    fn the_first_request_is_plain_and_the_next_shows_the_last_arrival() {
        let mut asking = Asking::new(true);
        assert_eq!(asking.shows(), None);
        asking.sent(&Request::from(Stamp(1)));
        asking.answered(exchange(7, true));
        assert_eq!((asking.shows(), asking.is_interleaved()), (Some(Stamp(7)), false));
        asking.sent(&interleaved(&asking));
        asking.answered(exchange(8, false));
        assert_eq!((asking.shows(), asking.is_interleaved()), (Some(Stamp(8)), true));
    }

    #[test]
    fn where_it_is_not_wanted_nothing_is_remembered() {
        let mut asking = Asking::new(false);
        asking.answered(exchange(7, true));
        assert_eq!(asking, Asking::new(false));
    }

    #[test]
    fn after_four_requests_in_vain_it_is_asked_plainly() {
        let mut asking = Asking::new(true);
        asking.answered(exchange(7, true));
        for _ in 0..4 {
            asking.sent(&interleaved(&asking));
        }
        assert_eq!(asking.shows(), None);
        asking.sent(&Request::from(Stamp(1)));
        assert_eq!(asking, Asking::new(true), "what was before is not gone back to");
    }

    #[test]
    fn an_answer_gives_four_more() {
        let mut asking = Asking::new(true);
        for came in 1..20 {
            asking.answered(exchange(came, false));
            for _ in 0..3 {
                asking.sent(&interleaved(&asking));
            }
        }
        assert_eq!(asking.shows(), Some(Stamp(19)));
    }

    #[test]
    fn an_arrival_that_was_told_twice_is_no_name() {
        let mut asking = Asking::new(true);
        asking.answered(exchange(7, true));
        asking.answered(exchange(7, false));
        assert_eq!((asking.shows(), asking.last()), (None, None));
    }
}
