use super::*;
use crate::packet::{Header, Leap, Mode};
use crate::time::Short;

const PRIOR: Frequency = Frequency { ratio: 0.0, sd: 1e-4 };
const IBURST: Polling = Polling { iburst: true, min: 6, max: 10, xleave: false };
const DELAY: Span = Span::from_nanos(200_000);

/// A server that shows the right time, and the client's turn at it.
struct Pair {
    source: Source,
    now: Raw,
    nonce: u64,
    theta: Span,
}

impl Pair {
    fn new(polling: Polling) -> Self {
        let now = Raw::from_nanos(1_000_000_000);
        let theta = Span::from_secs(1_795_305_600);
        Self { source: Source::new(polling, PRIOR, now), now, nonce: 0, theta }
    }

    /// Goes on to the next request and sends it; how long that took.
    fn ask(&mut self) -> Span {
        let due = self.source.deadline().expect("it is still asked");
        let waited = due - self.now;
        self.now = due;
        assert!(self.source.turn(self.now));
        self.nonce += 0x1_0001;
        self.source.sent(Stamp(self.nonce), self.now);
        waited
    }

    fn answer(&self) -> Header {
        let came = (self.now + DELAY.half()).wall(self.theta);
        Header {
            version: 4,
            mode: Mode::Server,
            stratum: 2,
            root_dispersion: Short::from_seconds(0.001),
            origin: Stamp(self.nonce),
            receive: Stamp::from_wall(came),
            transmit: Stamp::from_wall(came),
            ..Header::default()
        }
    }

    fn hear(&mut self, header: Header) -> Heard {
        let arrived = self.now + DELAY;
        self.source.hear(&header.encode(), arrived)
    }

    /// The next request, answered well; how long it was waited for.
    fn exchange(&mut self) -> i64 {
        let waited = self.ask();
        let heard = self.hear(self.answer());
        assert!(matches!(heard, Heard::Sample(..)), "{heard:?}");
        waited.nanos() / 1_000_000_000
    }
}

#[test]
fn iburst_asks_four_times_in_six_seconds_and_then_ramps_up() {
    let mut pair = Pair::new(IBURST);
    let waited: Vec<i64> = (0..11).map(|_| pair.exchange()).collect();
    assert_eq!(waited, [0, 2, 2, 2, 2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn without_iburst_the_shortest_interval_is_kept_from_the_first_answer_on() {
    let mut pair = Pair::new(Polling::default());
    let waited: Vec<i64> = (0..4).map(|_| pair.exchange()).collect();
    assert_eq!(waited, [0, 64, 64, 64]);
}

#[test]
fn a_quiet_server_is_asked_more_and_more_rarely_up_to_the_longest_interval() {
    let mut pair = Pair::new(Polling { iburst: true, min: 4, max: 7, xleave: false });
    let waited: Vec<i64> = (0..60).map(|_| pair.exchange()).collect();
    assert!(waited[8..].is_sorted() && waited[59] == 128, "{waited:?}");
}

#[test]
fn a_silent_server_is_knocked_at_with_back_off() {
    let mut pair = Pair::new(IBURST);
    let waited: Vec<i64> = (0..13).map(|_| pair.ask().nanos() / 1_000_000_000).collect();
    assert_eq!(waited, [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
    assert_eq!(pair.source.trouble(), Some(&Trouble::Silent(None)));
    assert!(pair.source.is_lost() && !pair.source.is_reachable());
}

#[test]
fn where_nothing_can_be_sent_knocking_stays_quick() {
    let mut pair = Pair::new(IBURST);
    for _ in 0..20 {
        pair.now = pair.source.deadline().unwrap();
        assert!(pair.source.turn(pair.now));
        pair.source.unsent("network unreachable".into(), pair.now);
    }
    assert_eq!(pair.source.deadline(), Some(pair.now + Span::from_secs(32)));
    assert_eq!(pair.source.trouble(), Some(&Trouble::Unsent("network unreachable".into())));
}

#[test]
fn one_lost_request_changes_nothing_two_are_repeated_soon_and_eight_are_the_end() {
    let mut pair = Pair::new(Polling { iburst: true, min: 4, max: 10, xleave: false });
    for _ in 0..80 {
        pair.exchange();
    }
    assert_eq!(pair.source.interval(), Span::from_secs(1024));
    pair.ask();
    let waited: Vec<i64> = (0..9).map(|_| pair.ask().nanos() / 1_000_000_000).collect();
    assert_eq!(waited[1..], [1024, 16, 16, 16, 16, 16, 16, 128]);
    let waited: Vec<i64> = (0..4).map(|_| pair.ask().nanos() / 1_000_000_000).collect();
    assert_eq!(waited, [256, 512, 1024, 1024]);
    assert!(!pair.source.is_reachable());
    assert_eq!(pair.source.candidate(pair.now), None);
}

#[test]
fn a_server_that_comes_back_is_asked_quickly_again() {
    let mut pair = Pair::new(IBURST);
    for _ in 0..8 {
        pair.exchange();
    }
    for _ in 0..9 {
        pair.ask();
    }
    pair.exchange();
    let waited: Vec<i64> = (0..4).map(|_| pair.exchange()).collect();
    assert_eq!(waited, [2, 2, 2, 2]);
    assert_eq!(pair.exchange(), 64);
}

#[test]
fn steady_requests_are_dithered_and_never_early() {
    let mut pair = Pair::new(Polling { iburst: true, min: 6, max: 6, xleave: false });
    for _ in 0..20 {
        pair.exchange();
    }
    let mut waited = Vec::new();
    for index in 0..16_u64 {
        pair.nonce = (index << 12) | (index << 32);
        waited.push(pair.ask().seconds());
        pair.hear(pair.answer());
    }
    assert!(waited.iter().all(|seconds| (64.0..=68.0).contains(seconds)), "{waited:?}");
    let spread = waited.iter().copied().fold(0.0, f64::max) - 64.0;
    assert!(spread > 3.0, "{waited:?}");
}

#[test]
fn a_server_has_a_say_after_three_samples() {
    let mut pair = Pair::new(IBURST);
    let says: Vec<bool> = (0..4)
        .map(|_| {
            pair.exchange();
            pair.source.candidate(pair.now).is_some()
        })
        .collect();
    assert_eq!(says, [false, false, true, true]);
    let candidate = pair.source.candidate(pair.now).unwrap();
    assert!((candidate.estimate.theta - pair.theta).abs() < Span::from_nanos(20_000));
    assert!((candidate.distance - 0.0011).abs() < 1e-4, "{candidate:?}");
}

#[test]
fn a_departure_that_is_known_later_counts_where_it_can_be() {
    let delay_with = |left: &[i64]| {
        let mut pair = Pair::new(IBURST);
        pair.source.left(pair.now);
        pair.ask();
        for nanos in left {
            pair.source.left(pair.now + Span::from_nanos(*nanos));
        }
        let Heard::Sample(sample, _) = pair.hear(pair.answer()) else { panic!("it is good") };
        pair.source.left(pair.now);
        sample.delay.nanos()
    };
    assert_eq!(delay_with(&[]), 200_000);
    assert_eq!(delay_with(&[50_000]), 150_000);
    assert_eq!(delay_with(&[-50_000]), 200_000, "before it was sent");
    assert_eq!(delay_with(&[4_000_000_000]), 200_000, "of another clock");
}

/// TALOS-2016-0260: what is not believed does not disarm the nonce.
#[test]
fn a_forged_packet_does_not_make_us_miss_the_genuine_one() {
    let mut pair = Pair::new(IBURST);
    pair.ask();
    let genuine = pair.answer();
    for forged in [
        Header { origin: Stamp::ZERO, ..genuine },
        Header { origin: Stamp(genuine.origin.0 ^ 1), ..genuine },
        Header { mode: Mode::SymmetricActive, ..genuine },
        Header { stratum: 0, reference_id: *b"DENY", origin: Stamp(7), ..genuine },
        // Even by somebody who has seen our request.
        Header { leap: Leap::Unsynchronised, ..genuine },
        Header { receive: Stamp::ZERO, ..genuine },
    ] {
        let heard = pair.hear(forged);
        assert!(matches!(heard, Heard::Foreign(_) | Heard::Useless(_)), "{heard:?}");
    }
    assert!(matches!(pair.hear(genuine), Heard::Sample(..)));
    assert_eq!(pair.source.trouble(), None);
}

#[test]
fn a_replay_is_refused() {
    let mut pair = Pair::new(IBURST);
    pair.ask();
    let answer = pair.answer();
    assert!(matches!(pair.hear(answer), Heard::Sample(..)));
    assert_eq!(pair.hear(answer), Heard::Foreign(Refused::Origin));
    pair.ask();
    assert_eq!(pair.hear(answer), Heard::Foreign(Refused::Origin), "of the request before");
    assert_eq!(pair.source.filter().count(), 1);
}

#[test]
fn a_server_that_is_not_synchronised_is_in_trouble_but_not_forgotten() {
    let mut pair = Pair::new(IBURST);
    pair.ask();
    pair.hear(Header { leap: Leap::Unsynchronised, ..pair.answer() });
    assert_eq!(pair.ask(), Span::from_secs(2));
    assert_eq!(pair.source.trouble(), Some(&Trouble::Refused(Refused::Unsynchronised)));
    pair.hear(pair.answer());
    assert_eq!(pair.source.trouble(), None);
}

#[test]
fn rate_is_obeyed_by_asking_less_often_for_good() {
    let mut pair = Pair::new(IBURST);
    pair.exchange();
    pair.ask();
    let kiss = Header { stratum: 0, reference_id: *b"RATE", ..pair.answer() };
    assert_eq!(pair.hear(kiss), Heard::Slower);
    assert_eq!(pair.exchange(), 128);
    assert_eq!(pair.exchange(), 128, "the burst is over as well");
}

#[test]
fn rate_has_an_end() {
    let mut pair = Pair::new(IBURST);
    for _ in 0..40 {
        pair.ask();
        pair.hear(Header { stratum: 0, reference_id: *b"RATE", ..pair.answer() });
    }
    assert_eq!(pair.source.interval(), Span::from_exponent(POLL_MAX));
}

#[test]
fn deny_is_obeyed_by_staying_away() {
    let mut pair = Pair::new(IBURST);
    pair.exchange();
    pair.ask();
    let kiss = Header { stratum: 0, reference_id: *b"DENY", ..pair.answer() };
    assert_eq!(pair.hear(kiss), Heard::Away);
    assert_eq!(pair.hear(pair.answer()), Heard::Foreign(Refused::Origin), "that was its answer");
    assert_eq!(pair.source.deadline(), None);
    assert!(!pair.source.turn(pair.now + Span::from_secs(1_000_000)));
    assert_eq!(pair.source.candidate(pair.now), None);
    pair.source.doubt(pair.now);
    pair.source.hurry(pair.now);
    assert_eq!(pair.source.deadline(), None, "nothing makes us ask again");
}

/// CVE-2015-7704, CVE-2015-7705.
#[test]
fn a_spoofed_kiss_changes_nothing() {
    let mut pair = Pair::new(IBURST);
    pair.exchange();
    pair.ask();
    let before = pair.source.clone();
    for code in [b"RATE", b"DENY", b"RSTR"] {
        let kiss = Header { stratum: 0, reference_id: *code, origin: Stamp(1), ..pair.answer() };
        assert_eq!(pair.hear(kiss), Heard::Foreign(Refused::Origin));
    }
    assert_eq!(pair.source, before);
}

#[test]
fn a_doubt_brings_a_burst_and_silence_until_it_is_answered() {
    let mut pair = Pair::new(IBURST);
    for _ in 0..20 {
        pair.exchange();
    }
    assert!(pair.source.candidate(pair.now).is_some());
    pair.source.doubt(pair.now);
    assert_eq!(pair.source.candidate(pair.now), None);
    assert_eq!(pair.exchange(), 2);
    assert_eq!(pair.source.candidate(pair.now), None);
    assert_eq!(pair.exchange(), 2);
    assert!(pair.source.candidate(pair.now).is_some());
}

#[test]
fn doubts_do_not_make_a_flood() {
    let mut pair = Pair::new(IBURST);
    let mut requests = 0;
    let end = pair.now + Span::from_secs(640);
    while pair.now < end {
        pair.exchange();
        pair.source.doubt(pair.now);
        requests += 1;
    }
    assert!(requests < 60, "{requests} requests in 640 s");
}

#[test]
fn connection_refused_is_the_reason_given() {
    let mut pair = Pair::new(IBURST);
    pair.ask();
    pair.source.unreachable("connection refused".into());
    pair.ask();
    let why = Trouble::Silent(Some("connection refused".into()));
    assert_eq!(pair.source.trouble(), Some(&why));
    pair.ask();
    assert_eq!(pair.source.trouble(), Some(&Trouble::Silent(None)), "it was said of one request");
}
