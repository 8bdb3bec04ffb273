//! Answering: what others are told of our time.
//!
//! A question gets the 48 bytes of a header and never more than it brought, so nothing is to be
//! gained by asking in somebody else's name (CVE-2013-5211). Only questions are answered: no
//! answer, no error message, no control message, so two servers can never talk to each other
//! (CVE-2009-3563).

use crate::packet::{self, HEADER, Header, Leap, Mode, Tail};
use crate::time::{Short, Span, Stamp, Wall};

/// How finely we claim to read our clock: about a microsecond.
const PRECISION: i8 = -20;

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
    /// It is signed: who signs does not believe an answer that is not.
    Signed,
}

/// The answer to a packet, if it deserves one. `received` and `leaving` are what the system clock
/// showed when the question came, and shows now.
///
/// # Errors
/// [`Unanswered`]: why not.
pub fn answer(
    request: &[u8],
    reference: &Reference,
    received: Wall,
    leaving: Wall,
) -> Result<[u8; HEADER], Unanswered> {
    let (asked, tail) = packet::parse(request).map_err(|_| Unanswered::Malformed)?;
    if asked.mode != Mode::Client {
        return Err(Unanswered::NotAQuestion);
    }
    if asked.version == 0 || asked.version > 4 {
        return Err(Unanswered::Version);
    }
    if tail == Tail::Mac {
        return Err(Unanswered::Signed);
    }
    let shown = |wall: Wall| Stamp::from_wall(wall + reference.correction);
    let answer = Header {
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
    };
    Ok(answer.encode())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::answer::{Answer, Asked, Refused, judge};
    use crate::time::Raw;

    const NONCE: Stamp = Stamp(0x0123_4567_89ab_cdef);

    fn came() -> Wall {
        Wall::from_nanos(1_795_305_600_000_000_000)
    }

    fn local() -> Reference {
        Reference::local(10, came(), Span::ZERO)
    }

    fn answered(request: &[u8]) -> Result<[u8; HEADER], Unanswered> {
        answer(request, &local(), came(), came() + Span::from_nanos(10_000))
    }

    fn judged(answer: &[u8]) -> Result<Answer, Refused> {
        let asked = Asked { nonce: NONCE, at: Raw::from_nanos(0) };
        judge(answer, Some(asked), Raw::from_nanos(100_000))
    }

    #[test]
    fn our_own_client_believes_our_own_server() {
        let Ok(Answer::Sample(sample)) = judged(&answered(&packet::request(NONCE)).unwrap()) else {
            panic!("it is a good answer");
        };
        assert_eq!(sample.origin.stratum, 10);
        assert_eq!(sample.origin.reference_id, *b"LOCL");
        assert_eq!(sample.delay, Span::from_nanos(90_000));
    }

    #[test]
    fn a_server_that_does_not_know_the_time_says_so() {
        let answer = answer(&packet::request(NONCE), &Reference::unknown(), came(), came());
        assert_eq!(judged(&answer.unwrap()), Err(Refused::Unsynchronised));
    }

    #[test]
    fn a_correction_is_added_to_every_stamp() {
        let reference = Reference::local(10, came(), Span::from_secs(-3600));
        let bytes = answer(&packet::request(NONCE), &reference, came(), came()).unwrap();
        let (header, _) = packet::parse(&bytes).unwrap();
        for stamp in [header.reference, header.receive, header.transmit] {
            assert_eq!(stamp.wall(), came() + Span::from_secs(-3600));
        }
    }

    #[test]
    fn a_clock_that_goes_back_meanwhile_does_not_make_a_backward_answer() {
        let bytes = answer(&packet::request(NONCE), &local(), came(), Wall::default()).unwrap();
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
    fn a_signed_question_is_not_answered() {
        let request = [&packet::request(NONCE)[..], &[0; 20]].concat();
        assert_eq!(answered(&request), Err(Unanswered::Signed));
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
