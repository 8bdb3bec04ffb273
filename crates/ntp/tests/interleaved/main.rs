//! Interleaved answers, as a [`Source`] asks for them (RFC 9769): rule by rule, attack by attack,
//! and with whatever a network does to packets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod attacks;
mod fates;
mod mutated;
mod pair;

use std::collections::BTreeSet;

use ntp::answer::Refused;
use ntp::interleave::Pairs;
use ntp::packet::{self, Header, Mode};
use ntp::source::Heard;
use ntp::time::{Span, Stamp};

use pair::{HELD, Pair, THETA, WAY, is_sample, mixed, near};

#[test]
fn without_the_word_nothing_is_shown_to_the_server() {
    let mut pair = Pair::new("iburst");
    for _ in 0..20 {
        let request = pair.ask();
        assert_eq!((request.origin, request.receive), (Stamp::ZERO, Stamp::ZERO));
        let answer = pair.answer();
        assert!(is_sample(&pair.hear(&answer)));
    }
    assert!(!pair.source.is_interleaved());
}

#[test]
fn a_request_shows_the_last_arrival_and_two_nonces_that_are_used_once() {
    let mut pair = Pair::new("xleave");
    let mut nonces = BTreeSet::new();
    let mut told = Stamp::ZERO;
    for round in 0..50 {
        let request = pair.ask();
        assert_eq!(request.origin, told);
        assert_eq!(request.is_interleaved(), round > 0);
        assert!(nonces.insert(request.transmit.0), "never used before");
        assert!(round == 0 || nonces.insert(request.receive.0), "nor this");
        let answer = pair.answer();
        pair.hear(&answer);
        told = answer.receive;
    }
}

/// Whatever our clock shows, a request is the same but for its nonces and what the server told.
#[test]
fn a_request_tells_nothing_of_our_clock() {
    let mut pair = Pair::settled();
    let request = pair.ask();
    let (header, _) = packet::parse(&request.encode()).unwrap();
    let (origin, receive, transmit) = (header.origin, header.receive, header.transmit);
    let bare = Header { version: 4, mode: Mode::Client, ..Header::default() };
    assert_eq!(header, Header { origin, receive, transmit, ..bare });
    let nonces = [Stamp(mixed(pair.nonces)), Stamp(mixed(pair.nonces - 1))];
    assert_eq!([receive, transmit], nonces);
}

#[test]
fn an_interleaved_answer_measures_the_exchange_before_by_when_its_answer_really_left() {
    let mut pair = Pair::settled();
    let before = pair.now;
    let sample = pair.sample();
    assert!(near(sample.theta, THETA), "{sample:?}");
    assert!(near(sample.delay, WAY + WAY), "what the answer was held is not of the way");
    assert!(near(sample.at - before, (WAY + WAY + HELD).half()), "of the exchange before");
    assert!(pair.source.is_interleaved());
}

#[test]
fn an_interleaved_answer_measures_from_when_the_request_before_really_left() {
    let mut pair = Pair::settled();
    pair.ask();
    let (asked, late) = (pair.now, Span::from_nanos(30_000));
    pair.source.left(asked + late);
    let answer = pair.answer();
    pair.hear(&answer);
    let sample = pair.sample();
    assert!(near(sample.delay, WAY + WAY - late) && sample.at > asked, "{sample:?}");
}

#[test]
fn a_plain_answer_measures_what_the_answer_was_held_as_part_of_the_way() {
    let sample = Pair::new("").sample();
    assert!(near(sample.delay, WAY + WAY + HELD) && near(sample.theta, THETA - HELD.half()));
}

#[test]
fn no_exchange_is_measured_twice() {
    let mut pair = Pair::new("xleave");
    let mut middles = BTreeSet::new();
    let mut known = 0;
    for _ in 0..50 {
        let heard = pair.exchange();
        if let Heard::Sample(sample, _) = heard {
            assert!(middles.insert(sample.at), "{sample:?}");
        } else {
            assert_eq!(heard, Heard::Known);
            known += 1;
        }
    }
    assert_eq!((middles.len(), known), (49, 1), "one, where plain becomes interleaved");
}

#[test]
fn an_answer_that_measures_nothing_is_an_answer_all_the_same() {
    let mut pair = Pair::new("xleave");
    pair.exchange();
    pair.ask();
    pair.ask();
    assert_eq!((pair.source.misses(), pair.source.reach() & 1), (1, 0));
    let answer = pair.answer();
    assert_eq!(pair.hear(&answer), Heard::Known);
    assert_eq!((pair.source.misses(), pair.source.reach() & 1), (0, 1));
    assert_eq!(pair.source.trouble(), None);
    assert_eq!(pair.source.heard(), Some(pair.now + WAY + HELD + WAY));
}

#[test]
fn a_server_that_does_not_know_interleaved_answers_is_asked_all_the_same() {
    let mut pair = Pair::new("xleave");
    for _ in 0..50 {
        pair.pairs = Pairs::default();
        pair.sample();
        assert!(!pair.source.is_interleaved());
    }
}

/// RFC 9769 allows a server to remember nothing for who has not shown anything yet (chronyd's way).
#[test]
fn a_server_may_begin_an_exchange_later() {
    let mut pair = Pair::new("xleave");
    pair.sample();
    pair.pairs = Pairs::default();
    pair.sample();
    assert_eq!(pair.exchange(), Heard::Known);
    pair.sample();
}

/// The server has forgotten us: its plain answer is measured, and the exchange before is not.
#[test]
fn a_plain_answer_in_between_is_measured_and_nothing_is_lost_but_one() {
    let mut pair = Pair::settled();
    pair.sample();
    pair.pairs = Pairs::default();
    let plain = pair.sample();
    assert!(near(plain.at - pair.now, (WAY + WAY + HELD).half()), "of this exchange");
    assert_eq!(pair.exchange(), Heard::Known);
    let next = pair.sample();
    assert!(next.at > plain.at);
}

#[test]
fn an_answer_that_was_lost_costs_no_wrong_measurement() {
    let mut pair = Pair::settled();
    pair.sample();
    let before = pair.now;
    // The server has heard us and told when its answer left; we have not heard that.
    pair.ask();
    pair.answer();
    let plain = pair.sample();
    assert!(plain.at > before && near(plain.theta, THETA - HELD.half()), "it is told but once");
    assert_eq!(pair.exchange(), Heard::Known);
    // Now the question is lost, and the answer to the next one completes what was before.
    pair.sample();
    let before = pair.now;
    pair.ask();
    let sample = pair.sample();
    assert!(near(sample.at - before, (WAY + WAY + HELD).half()));
    assert!(near(sample.theta, THETA));
}

#[test]
fn after_four_requests_in_vain_it_is_asked_plainly() {
    let mut pair = Pair::settled();
    let asked: Vec<bool> = (0..6).map(|_| pair.ask().is_interleaved()).collect();
    assert_eq!(asked, [true, true, true, true, false, false]);
    pair.sample();
    assert!(pair.ask().is_interleaved());
}

#[test]
fn in_a_burst_it_is_asked_plainly_and_each_answer_counts() {
    let mut pair = Pair::new("xleave iburst");
    for _ in 0..4 {
        assert!(!pair.ask().is_interleaved());
        let answer = pair.answer();
        assert!(is_sample(&pair.hear(&answer)));
    }
    assert!(pair.source.candidate(pair.now).is_some());
    assert!(pair.ask().is_interleaved());
}

/// The machine has slept, or somebody has set the clock: what was asked before says nothing of now.
#[test]
fn after_a_doubt_no_exchange_from_before_it_is_measured() {
    let mut pair = Pair::settled();
    for _ in 0..5 {
        pair.sample();
    }
    pair.source.doubt(pair.now);
    let doubted = pair.now;
    for _ in 0..3 {
        assert!(!pair.ask().is_interleaved());
        let answer = pair.answer();
        let Heard::Sample(sample, _) = pair.hear(&answer) else { panic!("a plain one") };
        assert!(sample.at > doubted);
    }
}

#[test]
fn a_doubt_while_a_request_is_open_keeps_its_exchange_from_being_measured() {
    let mut pair = Pair::settled();
    for doubts in 0..6 {
        pair.sample();
        pair.ask();
        let asked = pair.now;
        let answer = pair.answer();
        pair.source.doubt(pair.now);
        assert_eq!(pair.hear(&answer), Heard::Known, "the exchange before is forgotten");
        for _ in 0..6 {
            if let Heard::Sample(sample, _) = pair.exchange() {
                assert!(sample.at > asked + WAY + WAY + HELD, "doubt {doubts}");
            }
        }
    }
}

/// The same where no burst follows, as there were too many: the exchange that the doubt fell into
/// is shown to the server, and not measured.
#[test]
fn an_exchange_that_a_doubt_fell_into_is_not_measured_without_a_burst_either() {
    let mut pair = Pair::new("xleave minpoll 3 maxpoll 3");
    (0..3).for_each(|_| pair.source.doubt(pair.now));
    while !pair.source.is_interleaved() {
        pair.exchange();
    }
    pair.ask();
    let answer = pair.answer();
    pair.source.doubt(pair.now);
    assert_eq!(pair.hear(&answer), Heard::Known);
    let after = pair.now;
    assert!(pair.ask().is_interleaved(), "no burst");
    let answer = pair.answer();
    assert_eq!(pair.hear(&answer), Heard::Known);
    assert!(pair.sample().at > after + WAY + HELD + WAY);
}

#[test]
fn kisses_are_obeyed_as_ever() {
    for (code, expected) in [(b"RATE", Heard::Slower), (b"DENY", Heard::Away)] {
        for interleaved in [false, true] {
            let mut pair = Pair::settled();
            let request = pair.ask();
            let origin = if interleaved { request.receive } else { request.transmit };
            let answer = pair.answer();
            let kiss = Header { stratum: 0, reference_id: *code, origin, ..answer };
            assert_eq!(pair.hear(&kiss), expected);
            assert_eq!(pair.hear(&answer), Heard::Foreign(Refused::Origin), "that was its answer");
        }
    }
}
