//! The attacks that time services have fallen for, by their names, told to a [`Source`]: whatever
//! comes, its next request leaves when it would have left, and its genuine answer is heard.
//!
//! Those that a single packet decides are in `answer.rs`, `mac.rs`, `nts.rs` and `server.rs`;
//! CVE-2015-5300 is in `discipline.rs`.

use ntp::answer::Refused;
use ntp::bank::Frequency;
use ntp::packet::{Header, Mode};
use ntp::source::{Heard, Polling, Source, Trouble};
use ntp::time::{Raw, Short, Span, Stamp};

const NONCE: Stamp = Stamp(0x0123_4567_89ab_cdef);
const DELAY: Span = Span::from_nanos(200_000);

/// A source that has asked, and when.
fn asked() -> (Source, Raw) {
    let now = Raw::from_nanos(1_000_000_000);
    let polling = Polling { iburst: true, ..Polling::default() };
    let mut source = Source::new(polling, Frequency { ratio: 0.0, sd: 1e-4 }, now);
    assert!(source.turn(now));
    source.sent(NONCE, now);
    (source, now)
}

fn genuine(now: Raw) -> Header {
    let came = Stamp::from_wall((now + DELAY.half()).wall(Span::from_secs(1_795_305_600)));
    Header {
        version: 4,
        mode: Mode::Server,
        stratum: 2,
        root_dispersion: Short::from_seconds(0.001),
        origin: NONCE,
        receive: came,
        transmit: came,
        ..Header::default()
    }
}

/// Nothing of what matters has changed, and the genuine answer is a sample.
fn is_unharmed(mut source: Source, before: &Source, now: Raw) {
    assert_eq!(source.deadline(), before.deadline(), "the next request is not put off");
    assert_eq!(source.interval(), before.interval());
    assert_eq!(source.last(), before.last());
    let heard = source.hear(&genuine(now).encode(), now + DELAY);
    assert!(matches!(heard, Heard::Sample(..)), "{heard:?}");
}

/// Packets with the address of the server but not the stamp of our request, of every mode.
#[test]
fn cve_2020_11868_a_spoofed_packet_does_not_put_off_the_next_request() {
    let (mut source, now) = asked();
    let before = source.clone();
    for mode in [Mode::Server, Mode::SymmetricActive, Mode::Broadcast, Mode::Control] {
        for origin in [Stamp::ZERO, Stamp(1), Stamp(NONCE.0 ^ 1)] {
            let forged = Header { mode, origin, poll: 17, ..genuine(now) };
            let heard = source.hear(&forged.encode(), now + DELAY);
            assert!(matches!(heard, Heard::Foreign(_)), "{heard:?}");
        }
    }
    is_unharmed(source, &before, now);
}

#[test]
fn cve_2016_4953_4955_what_is_not_signed_right_ends_no_association() {
    let keys = [Refused::Nak(6), Refused::Key(6), Refused::Mac];
    for refused in [Refused::Unknown, Refused::Code, Refused::Unsigned].into_iter().chain(keys) {
        let (mut source, now) = asked();
        let before = source.clone();
        for _ in 0..100 {
            assert_eq!(source.refuse(refused), Heard::Useless(refused));
        }
        is_unharmed(source, &before, now);
    }
}

/// Somebody sends what the server might have said of the clock it has: nothing of it is kept.
#[test]
fn cve_2016_4954_a_spoofed_packet_changes_nothing_that_is_known_of_the_server() {
    let (mut source, now) = asked();
    source.hear(&genuine(now).encode(), now + DELAY);
    let known = source.clone();
    let forged = Header {
        origin: Stamp(7),
        stratum: 15,
        root_delay: Short::from_seconds(0.9),
        reference_id: *b"EVIL",
        ..genuine(now)
    };
    source.hear(&forged.encode(), now + DELAY);
    assert_eq!(source, known);
}

#[test]
fn cve_2015_7704_a_spoofed_kiss_neither_slows_nor_ends_anything() {
    for code in [b"RATE", b"DENY", b"RSTR"] {
        let (mut source, now) = asked();
        let before = source.clone();
        let kiss = Header { stratum: 0, reference_id: *code, origin: Stamp(5), ..genuine(now) };
        source.hear(&kiss.encode(), now + DELAY);
        is_unharmed(source, &before, now);
    }
}

/// What cannot prove whose it is is the reason given, should nothing better come.
#[test]
fn what_was_refused_is_the_trouble_of_a_server_that_says_nothing_better() {
    let (mut source, _) = asked();
    source.refuse(Refused::Code);
    let due = source.deadline().expect("it is still asked");
    assert!(source.turn(due));
    assert_eq!(source.trouble(), Some(&Trouble::Refused(Refused::Code)));
}
