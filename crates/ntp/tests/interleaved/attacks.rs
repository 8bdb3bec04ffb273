//! What must not be believed, or not be made use of.

use ntp::answer::Refused;
use ntp::packet::{Header, Leap};
use ntp::source::{Heard, Trouble};
use ntp::time::{Short, Stamp};

use super::pair::{HELD, Pair, WAY, is_sample};

#[test]
fn an_interleaved_answer_passes_every_check_that_a_plain_one_does() {
    let mut pair = Pair::settled();
    pair.ask();
    let genuine = pair.answer();
    assert_eq!(genuine.origin, pair.request.receive);
    let early = Stamp::from_wall(genuine.transmit.wall() + -(HELD + HELD));
    let late = Stamp::from_wall(genuine.transmit.wall() + WAY + WAY + WAY);
    for (bad, why) in [
        (Header { leap: Leap::Unsynchronised, ..genuine }, Refused::Unsynchronised),
        (Header { stratum: 0, ..genuine }, Refused::Stratum),
        (Header { stratum: 16, ..genuine }, Refused::Stratum),
        (Header { receive: Stamp::ZERO, ..genuine }, Refused::ZeroReceive),
        (Header { transmit: Stamp::ZERO, ..genuine }, Refused::ZeroTransmit),
        (Header { transmit: early, ..genuine }, Refused::Backwards),
        (Header { transmit: late, ..genuine }, Refused::NegativeDelay),
        (Header { root_delay: Short::from_seconds(3.0), ..genuine }, Refused::RootDelay),
        (Header { root_dispersion: Short::from_seconds(2.0), ..genuine }, Refused::RootDispersion),
    ] {
        assert_eq!(pair.hear(&bad), Heard::Useless(why));
    }
    assert!(is_sample(&pair.hear(&genuine)), "and what is refused closes nothing");
}

/// A stamp of departure that is of this answer, or of another one than the last: a server that
/// mixes up its clients, or the modes.
#[test]
fn a_departure_of_another_answer_is_refused() {
    let mut pair = Pair::settled();
    let first = pair.answer();
    pair.sample();
    pair.ask();
    let genuine = pair.answer();
    for transmit in [first.transmit, genuine.receive] {
        let heard = pair.hear(&Header { transmit, ..genuine });
        assert!(matches!(heard, Heard::Useless(_)), "{heard:?}");
    }
    assert!(is_sample(&pair.hear(&genuine)));
}

/// A server whose interleaved answers are of no use is one whose plain answers are.
#[test]
fn where_interleaved_answers_are_refused_every_other_request_is_plain() {
    let mut pair = Pair::settled();
    let mut samples = 0;
    for _ in 0..20 {
        pair.ask();
        let mut answer = pair.answer();
        if answer.origin == pair.request.receive {
            answer.transmit = Stamp(answer.transmit.0.wrapping_add(1 << 32));
        }
        samples += i32::from(is_sample(&pair.hear(&answer)));
    }
    assert_eq!(samples, 10);
    assert!(!pair.source.is_lost());
}

#[test]
fn of_a_request_but_one_answer_is_heard() {
    let mut pair = Pair::settled();
    let request = pair.ask();
    let interleaved = pair.answer();
    let plain = Header { origin: request.transmit, transmit: interleaved.receive, ..interleaved };
    let before = pair.source.filter().count();
    assert!(is_sample(&pair.hear(&interleaved)));
    for again in [interleaved, plain] {
        assert_eq!(pair.hear(&again), Heard::Foreign(Refused::Origin), "a duplicate");
    }
    assert_eq!(pair.source.filter().count(), before + 1);
}

/// Whoever has heard all there was so far, and replays it.
#[test]
fn a_replay_is_refused_in_both_manners() {
    let mut pair = Pair::new("xleave");
    let mut heard = Vec::new();
    for _ in 0..10 {
        pair.ask();
        for old in &heard {
            assert_eq!(pair.hear(old), Heard::Foreign(Refused::Origin));
        }
        let answer = pair.answer();
        assert!(matches!(pair.hear(&answer), Heard::Sample(..) | Heard::Known));
        heard.push(answer);
    }
}

/// What can be known without having seen the request: zero, what the server told, what was used.
#[test]
fn who_has_not_seen_the_request_can_answer_in_neither_manner() {
    let mut pair = Pair::settled();
    let old = pair.request;
    let request = pair.ask();
    let genuine = pair.answer();
    let before = pair.source.clone();
    let guesses = [
        Stamp::ZERO,
        request.origin,
        old.origin,
        old.receive,
        old.transmit,
        genuine.receive,
        genuine.transmit,
        Stamp(request.receive.0 ^ 1),
        Stamp(request.transmit.0 ^ 1),
    ];
    for origin in guesses {
        for stratum in [0, 2] {
            let forged = Header { origin, stratum, reference_id: *b"DENY", ..genuine };
            assert_eq!(pair.hear(&forged), Heard::Foreign(Refused::Origin));
        }
    }
    assert_eq!(pair.source, before, "nothing of it is kept");
    assert!(is_sample(&pair.hear(&genuine)));
}

/// CVE-2015-8138 and its like in the other nonce: a plain request has none there.
#[test]
fn an_answer_of_no_origin_is_none_to_a_plain_request() {
    let mut pair = Pair::new("xleave");
    pair.ask();
    let zero = Header { origin: Stamp::ZERO, ..pair.answer() };
    assert_eq!(pair.hear(&zero), Heard::Foreign(Refused::Origin));
}

/// What the server told of an answer that was refused is no name for anything.
#[test]
fn what_is_refused_is_not_shown() {
    let mut pair = Pair::settled();
    let shown = pair.ask().origin;
    let forged = Header { receive: Stamp(0x1234), leap: Leap::Unsynchronised, ..pair.answer() };
    pair.hear(&forged);
    let foreign = Header { receive: Stamp(0x5678), origin: Stamp(9), ..forged };
    pair.hear(&foreign);
    let next = pair.ask();
    assert!(!next.is_interleaved(), "what a useless answer leaves is a plain request");
    assert_eq!(pair.source.trouble(), Some(&Trouble::Refused(Refused::Unsynchronised)));
    let mut pair = Pair::settled();
    pair.ask();
    pair.hear(&foreign);
    assert_ne!(pair.ask().origin, Stamp(0x5678));
    assert_ne!(shown, Stamp(0x5678));
}
