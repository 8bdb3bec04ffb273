//! Answering: what others are told of our time.
//!
//! A question gets the 48 bytes of a header, and a code where it has one: never more than it
//! brought, so nothing is to be gained by asking in somebody else's name (CVE-2013-5211). Only
//! questions are answered: no answer, no error message, no control message, so two servers can
//! never talk to each other (CVE-2009-3563).

use crate::mac::Claim;
use crate::packet::{self, Header, Leap, Mode, Tail};
use crate::time::{Now, Raw, Short, Span, Stamp, Wall};

/// How finely we claim to read our clock: about a microsecond.
const PRECISION: i8 = -20;

/// How fast a clock without a reference becomes uncertain, as a ratio (RFC 5905, PHI).
const DRIFT_TOLERANCE: f64 = 15e-6;

/// And how uncertain it calls itself at most, in seconds: clients take no more than 1.5.
const ALONE_MAX: f64 = 0.5;

/// What is told of our time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// Steps from a reference clock; 0 while the time is not known.
    pub stratum: u8,
    /// A leap second is announced, or the time is not known.
    pub leap: Leap,
    /// Where the time comes from.
    pub reference_id: [u8; 4],
    /// Round trip to the reference clock, seconds.
    pub root_delay: f64,
    /// Error bound beyond the delay, seconds.
    pub root_dispersion: f64,
    /// When the time was last looked at.
    pub updated: Wall,
    /// What the system clock shows too little; not nothing where it is not ours to set.
    pub correction: Span,
}

impl Reference {
    /// The system clock is right, whatever it shows (RFC 5905's LOCL).
    #[must_use]
    pub fn local(stratum: u8, now: Wall, correction: Span) -> Self {
        Self {
            stratum,
            leap: Leap::None,
            reference_id: *b"LOCL",
            root_delay: 0.0,
            root_dispersion: 0.0,
            updated: now,
            correction,
        }
    }

    /// The time is not known.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            stratum: 0,
            leap: Leap::Unsynchronised,
            reference_id: *b"INIT",
            root_delay: 0.0,
            root_dispersion: 0.0,
            updated: Wall::default(),
            correction: Span::ZERO,
        }
    }
}

/// Why a packet gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It is no packet.
    Malformed,
    /// It is no question.
    NotAQuestion,
    /// Its version is not known.
    Version,
    /// It ends in a key's number without a code, a crypto-NAK: that asks nothing.
    Nak,
}

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What it says.
    pub header: Header,
    /// Whose it claims to be, where it is signed: who signs believes no answer that is not.
    pub claim: Option<Claim>,
}

/// The question that a packet is, if it is one that deserves an answer.
///
/// # Errors
/// [`Unanswered`]: why not.
pub fn question(request: &[u8]) -> Result<Question, Unanswered> {
    let (header, tail) = packet::parse(request).map_err(|_| Unanswered::Malformed)?;
    if header.mode != Mode::Client {
        return Err(Unanswered::NotAQuestion);
    }
    if header.version == 0 || header.version > 4 {
        return Err(Unanswered::Version);
    }
    let claim = match tail {
        Tail::Nothing | Tail::Extensions => None,
        Tail::Mac(length) => Some(Claim::of(request, length).ok_or(Unanswered::Nak)?),
    };
    Ok(Question { header, claim })
}

/// The answer to a question. `received` and `leaving` are what the system clock showed when it
/// came, and shows now.
#[must_use]
pub fn answer(asked: &Header, reference: &Reference, received: Wall, leaving: Wall) -> Header {
    let shown = |wall: Wall| Stamp::from_wall(wall + reference.correction);
    Header {
        leap: reference.leap,
        version: asked.version,
        mode: Mode::Server,
        stratum: reference.stratum,
        poll: asked.poll,
        precision: PRECISION,
        root_delay: Short::from_seconds(reference.root_delay),
        root_dispersion: Short::from_seconds(reference.root_dispersion),
        reference_id: reference.reference_id,
        reference: shown(reference.updated),
        origin: asked.transmit,
        receive: shown(received),
        transmit: shown(leaving.max(received)),
    }
}

/// An answer that tells no time but to ask less often: once in two to the power of `average`
/// seconds (RFC 5905, section 7.4). Its stamps are the client's own: they measure nothing.
#[must_use]
pub fn kiss(asked: &Header, average: u8) -> Header {
    let poll = asked.poll.max(i8::try_from(average).unwrap_or(i8::MAX));
    Header { poll, ..timeless(asked, *b"RATE") }
}

/// What is told to one whose code is not of a key of ours: a crypto-NAK (RFC 5905, section 9.2),
/// which is shorter than any code, and tells no time.
#[must_use]
pub fn nak(asked: &Header) -> Vec<u8> {
    [&timeless(asked, *b"CRYP").encode()[..], &[0; 4]].concat()
}

/// An answer that tells no time, with a code of four letters instead.
pub(crate) fn timeless(asked: &Header, code: [u8; 4]) -> Header {
    Header {
        leap: Leap::Unsynchronised,
        version: asked.version,
        mode: Mode::Server,
        stratum: 0,
        poll: asked.poll,
        precision: PRECISION,
        reference_id: code,
        origin: asked.transmit,
        receive: asked.transmit,
        transmit: asked.transmit,
        ..Header::default()
    }
}

/// Our own clock for a network without another one (`tos orphan`): when, and at which stratum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orphan {
    stratum: u8,
    wait: Span,
    /// Since when there has been no better time.
    since: Raw,
}

impl Orphan {
    /// At this stratum, after so long without a better time.
    #[must_use]
    pub fn new(stratum: u8, wait: Span, now: Raw) -> Self {
        Self { stratum, wait, since: now }
    }

    /// What to tell others, where the servers say `known`.
    pub fn stand_in(&mut self, known: Reference, now: Now) -> Reference {
        if known.stratum != 0 {
            self.since = now.raw;
            return known;
        }
        let alone = now.raw - self.since;
        if alone < self.wait {
            return known;
        }
        // The farther behind the last good time, the less sure; never so much that nobody listens.
        let root_dispersion = (alone.seconds() * DRIFT_TOLERANCE).min(ALONE_MAX);
        let local = Reference::local(self.stratum, now.wall, Span::ZERO);
        Reference { root_dispersion, ..local }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::answer::{Answer, Asked, Kiss, Refused, judge};
    use crate::packet::HEADER;

    const NONCE: Stamp = Stamp(0x0123_4567_89ab_cdef);

    fn came() -> Wall {
        Wall::from_nanos(1_795_305_600_000_000_000)
    }

    fn local() -> Reference {
        Reference::local(10, came(), Span::ZERO)
    }

    fn answered(request: &[u8]) -> Result<[u8; HEADER], Unanswered> {
        with(request, &local(), came() + Span::from_nanos(10_000))
    }

    fn with(
        request: &[u8],
        reference: &Reference,
        leaving: Wall,
    ) -> Result<[u8; HEADER], Unanswered> {
        question(request).map(|asked| answer(&asked.header, reference, came(), leaving).encode())
    }

    fn judged(answer: &[u8]) -> Result<Answer, Refused> {
        let asked = Asked { request: NONCE.into(), at: Raw::from_nanos(0) };
        judge(answer, Some(asked), None, Raw::from_nanos(100_000))
    }

    #[test]
    fn our_own_client_believes_our_own_server() {
        let Ok(Answer::Sample(sample, _)) = judged(&answered(&packet::request(NONCE)).unwrap())
        else {
            panic!("it is a good answer");
        };
        assert_eq!(sample.origin.stratum, 10);
        assert_eq!(sample.origin.reference_id, *b"LOCL");
        assert_eq!(sample.delay, Span::from_nanos(90_000));
    }

    #[test]
    fn a_server_that_does_not_know_the_time_says_so() {
        let answer = with(&packet::request(NONCE), &Reference::unknown(), came());
        assert_eq!(judged(&answer.unwrap()), Err(Refused::Unsynchronised));
    }

    #[test]
    fn a_correction_is_added_to_every_stamp() {
        let reference = Reference::local(10, came(), Span::from_secs(-3600));
        let bytes = with(&packet::request(NONCE), &reference, came()).unwrap();
        let (header, _) = packet::parse(&bytes).unwrap();
        for stamp in [header.reference, header.receive, header.transmit] {
            assert_eq!(stamp.wall(), came() + Span::from_secs(-3600));
        }
    }

    #[test]
    fn a_clock_that_goes_back_meanwhile_does_not_make_a_backward_answer() {
        let bytes = with(&packet::request(NONCE), &local(), Wall::default()).unwrap();
        let (header, _) = packet::parse(&bytes).unwrap();
        assert_eq!(header.receive, header.transmit);
    }

    /// CVE-2009-3563: what is no question is not answered.
    #[test]
    fn neither_answers_nor_control_messages_are_answered() {
        for mode in [
            Mode::Reserved,
            Mode::SymmetricActive,
            Mode::SymmetricPassive,
            Mode::Server,
            Mode::Broadcast,
            Mode::Control,
            Mode::Private,
        ] {
            let packet = Header { version: 4, mode, ..Header::default() }.encode();
            assert_eq!(answered(&packet), Err(Unanswered::NotAQuestion), "{mode:?}");
        }
    }

    #[test]
    fn an_answer_is_never_answered() {
        let first = answered(&packet::request(NONCE)).unwrap();
        assert_eq!(answered(&first), Err(Unanswered::NotAQuestion));
    }

    #[test]
    fn old_versions_are_answered_in_their_own_and_unknown_ones_not_at_all() {
        for version in 0..8 {
            let request = Header { version, mode: Mode::Client, ..Header::default() }.encode();
            match answered(&request) {
                Ok(answer) => assert_eq!(packet::parse(&answer).unwrap().0.version, version),
                Err(why) => {
                    assert_eq!(why, Unanswered::Version);
                    assert!(version == 0 || version > 4, "{version}");
                }
            }
        }
    }

    #[test]
    fn a_signed_question_says_whose_it_claims_to_be_and_a_crypto_nak_is_none() {
        let key = [0, 0, 0, 7];
        let request = [&packet::request(NONCE)[..], &key, &[9; 16]].concat();
        assert_eq!(question(&request).unwrap().claim.map(|claim| claim.key), Some(7));
        assert_eq!(question(&packet::request(NONCE)).unwrap().claim, None);
        let lone = [&packet::request(NONCE)[..], &key].concat();
        assert_eq!(question(&lone), Err(Unanswered::Nak));
        let field = [&packet::request(NONCE)[..], &[1, 4, 0, 16], &[0; 12], &key, &[9; 20]];
        assert_eq!(question(&field.concat()).unwrap().claim.map(|claim| claim.key), Some(7));
        let plain = question(&field[..3].concat()).unwrap();
        assert_eq!(plain.claim, None, "an extension field is no code");
    }

    #[test]
    fn a_crypto_nak_is_an_answer_that_tells_no_time() {
        let asked = question(&packet::request(NONCE)).unwrap();
        let nak = nak(&asked.header);
        let (header, tail) = packet::parse(&nak).unwrap();
        assert_eq!((header.stratum, header.leap), (0, Leap::Unsynchronised));
        assert_eq!((header.reference_id, header.origin), (*b"CRYP", NONCE));
        assert_eq!((header.receive, header.transmit), (NONCE, NONCE));
        assert_eq!((tail, nak.len()), (Tail::Mac(4), HEADER + 4));
        assert_eq!(judged(&nak), Err(Refused::Mac));
        assert_eq!(question(&nak), Err(Unanswered::NotAQuestion));
    }

    #[test]
    fn a_kiss_is_understood_and_measures_nothing() {
        let asked = question(&packet::request(NONCE)).unwrap();
        let kiss = kiss(&asked.header, 3);
        assert_eq!(judged(&kiss.encode()), Ok(Answer::Kiss(Kiss::Rate)));
        assert_eq!((kiss.poll, kiss.leap), (3, Leap::Unsynchronised));
        assert_eq!((kiss.receive, kiss.transmit), (NONCE, NONCE));
    }

    #[test]
    fn an_orphan_waits_and_grows_less_certain_and_stops_when_the_time_is_known() {
        let now = |seconds: i64| Now {
            raw: Raw::from_nanos(0) + Span::from_secs(seconds),
            wall: came() + Span::from_secs(seconds),
        };
        let mut orphan = Orphan::new(7, Span::from_secs(300), now(0).raw);
        let unknown = Reference::unknown();
        assert_eq!(orphan.stand_in(unknown, now(299)).stratum, 0);
        let first = orphan.stand_in(unknown, now(300));
        assert_eq!((first.stratum, first.leap), (7, Leap::None));
        assert!(orphan.stand_in(unknown, now(3000)).root_dispersion > first.root_dispersion);
        assert!(orphan.stand_in(unknown, now(1 << 30)).root_dispersion < 1.0);
        let known = Reference { stratum: 3, ..local() };
        assert_eq!(orphan.stand_in(known, now(4000)), known);
        assert_eq!(orphan.stand_in(unknown, now(4100)).stratum, 0, "it waits again");
    }

    proptest! {
        /// CVE-2013-5211.
        #[test]
        fn an_answer_is_never_longer_than_the_question(
            mut request in proptest::collection::vec(any::<u8>(), 0..400),
            first in proptest::sample::select(vec![0x23_u8, 0x1b, 0x0b, 0xe3, 0x16, 0x17]),
        ) {
            if let Some(byte) = request.first_mut() {
                *byte = first;
            }
            if let Ok(answer) = answered(&request) {
                prop_assert!(answer.len() <= request.len());
                prop_assert_eq!(&answer[24..32], &request[40..48], "the origin is the question's");
            }
        }
    }
}
