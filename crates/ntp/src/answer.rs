//! Is this an answer to our question, and does it measure anything? Every check an answer must
//! pass before it is believed (RFC 5905, section 8; and what was learned since).
//!
//! The first checks ask whether the packet is the server's at all: the nonce is 64 random bits,
//! so who has not seen our request cannot answer it. What fails there is nobody's fault and is
//! dropped in silence. The later ones judge the server.

use std::fmt;

use crate::interleave::Exchange;
use crate::packet::{self, Header, Leap, Malformed, Manner, Mode, Request, Tail};
use crate::time::{Raw, Span, Stamp};

/// The most that may lie between the reference clock and us, in seconds: what is farther away
/// tells no time (RFC 5905, MAXDIST).
pub const DISTANCE_MAX: f64 = 1.5;

/// An answer that takes longer than this is not looked at: it would measure our oscillator's error
/// as much as the server's time.
pub const ANSWER_PATIENCE: Span = Span::from_secs(4);

/// The highest stratum that is synchronised (RFC 5905, MAXSTRAT is 16).
const STRATUM_MAX: u8 = 15;

/// Stamps of arrival and departure may be the wrong way round by the precision that the server
/// claims, and by no more than this: some servers, chronyd among them, fill the bits below their
/// precision with noise (RFC 5905, section 6, asks for that), arrival and departure apart.
const BACKWARDS_MAX: Span = Span::from_nanos(100_000);

/// The highest version that is understood.
const VERSION_MAX: u8 = 4;

/// A request that was sent and not yet answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What it said.
    pub request: Request,
    /// When it left (T1).
    pub at: Raw,
}

/// What a believable answer measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The middle of the exchange.
    pub at: Raw,
    /// The server's clock minus the oscillator.
    pub theta: Span,
    /// How long request and answer were under way together.
    pub delay: Span,
    /// Where the server has its time from.
    pub origin: Origin,
}

/// What an answer says of the server's own clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    /// Its distance in steps.
    pub stratum: u8,
    /// A leap second is announced.
    pub leap: Leap,
    /// Its own source.
    pub reference_id: [u8; 4],
    /// Round trip to the reference clock, seconds.
    pub root_delay: f64,
    /// Error bound beyond the delay, seconds.
    pub root_dispersion: f64,
}

impl Origin {
    /// How wrong the server itself may be, in seconds.
    #[must_use]
    pub fn distance(&self) -> f64 {
        self.root_delay / 2.0 + self.root_dispersion
    }
}

/// What an answer to our request is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// A measurement; and the exchange whose departure the next answer may tell.
    Sample(Sample, Exchange),
    /// A good one that measures nothing: the exchange that it completes was measured already, or
    /// is not known any more.
    Known(Exchange),
    /// The server asks for something instead (RFC 5905, section 7.4).
    Kiss(Kiss),
}

/// A kiss of death that is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kiss {
    /// Ask less often.
    Rate,
    /// Do not ask again (DENY, RSTR).
    Deny,
}

/// Why a packet is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its bytes are no packet.
    Malformed(Malformed),
    /// Not mode 4.
    Mode,
    /// Version 0, or one that is not known yet.
    Version,
    /// The origin is no nonce of our open request: forged, late, or seen before.
    Origin,
    /// A code that we have no key for.
    Mac,
    /// No code, from a server that is to prove who it is.
    Unsigned,
    /// A code that is not made with what was agreed on, or not of this packet.
    Code,
    /// A code that is not made with the key of this number, or not of this packet.
    Key(u32),
    /// A crypto-NAK: the server says that it does not know the key of this number.
    Nak(u32),
    /// The server says that it cannot read the cookie.
    Unknown,
    /// More than [`ANSWER_PATIENCE`] after the request.
    Late,
    /// The server says that it does not know the time.
    Unsynchronised,
    /// Stratum 0 without a kiss we know, or above 15.
    Stratum,
    /// No stamp of arrival.
    ZeroReceive,
    /// No stamp of departure.
    ZeroTransmit,
    /// It claims to have left before the request came.
    Backwards,
    /// The exchange took less time than the server says that it alone took.
    NegativeDelay,
    /// Too far from its reference clock.
    RootDelay,
    /// Too uncertain of itself.
    RootDispersion,
    /// Delay and dispersion are too much together, ours included.
    Distance,
}

impl Refused {
    /// Whether the packet came from the server we asked, so that it may be blamed.
    #[must_use]
    pub fn is_the_servers(self) -> bool {
        match self {
            Self::Malformed(_) | Self::Mode | Self::Version | Self::Origin => false,
            Self::Mac
            | Self::Unsigned
            | Self::Code
            | Self::Key(_)
            | Self::Nak(_)
            | Self::Unknown
            | Self::Late
            | Self::Unsynchronised
            | Self::Stratum
            | Self::ZeroReceive
            | Self::ZeroTransmit
            | Self::Backwards
            | Self::NegativeDelay
            | Self::RootDelay
            | Self::RootDispersion
            | Self::Distance => true,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(id) => return write!(f, "its code is not of key {id} as we have it"),
            Self::Nak(id) => {
                return write!(f, "a crypto-NAK, the server does not take our key {id}");
            }
            Self::Malformed(Malformed::Short) => "it is too short",
            Self::Malformed(Malformed::Long) => "it is too long",
            Self::Malformed(Malformed::Odd) => "its length is odd",
            Self::Malformed(Malformed::Extension) => "its extension fields are malformed",
            Self::Mode => "it is not an answer",
            Self::Version => "its version is not known",
            Self::Origin => "it does not answer our request",
            Self::Mac => "it is signed and there is no key to check that with",
            Self::Unsigned => "it is not signed as it must be",
            Self::Code => "its signature is wrong",
            Self::Unknown => "the server cannot read our cookie",
            Self::Late => "it came too late",
            Self::Unsynchronised => "the server says that it is not synchronised",
            Self::Stratum => "its stratum is not one of a synchronised server",
            Self::ZeroReceive => "it does not say when our request arrived",
            Self::ZeroTransmit => "it does not say when it left",
            Self::Backwards => "it left before our request arrived",
            Self::NegativeDelay => "it took less than no time",
            Self::RootDelay => "the server is too far from its reference clock",
            Self::RootDispersion => "the server is too uncertain of its time",
            Self::Distance => "the server's time is too uncertain from here",
        })
    }
}

/// Judges a packet that came from the address we asked. `arrived` is T4; `last` is the exchange
/// that an interleaved answer may complete.
///
/// # Errors
/// [`Refused`]: by which check.
pub fn judge(
    bytes: &[u8],
    asked: Option<Asked>,
    last: Option<Exchange>,
    arrived: Raw,
) -> Result<Answer, Refused> {
    let (header, tail) = packet::parse(bytes).map_err(Refused::Malformed)?;
    if header.mode != Mode::Server {
        return Err(Refused::Mode);
    }
    if header.version == 0 || header.version > VERSION_MAX {
        return Err(Refused::Version);
    }
    let answers = |asked: Asked| Some((asked, asked.request.answered(header.origin)?));
    let (asked, manner) = asked.and_then(answers).ok_or(Refused::Origin)?;
    if matches!(tail, Tail::Mac(_)) {
        return Err(Refused::Mac);
    }
    if arrived - asked.at > ANSWER_PATIENCE {
        return Err(Refused::Late);
    }
    match kiss(&header) {
        Some(kiss) => Ok(Answer::Kiss(kiss)),
        None => measure(&header, asked, manner, last, arrived),
    }
}

fn kiss(header: &Header) -> Option<Kiss> {
    match (header.stratum, &header.reference_id) {
        (0, b"RATE") => Some(Kiss::Rate),
        (0, b"DENY" | b"RSTR") => Some(Kiss::Deny),
        _ => None,
    }
}

fn measure(
    header: &Header,
    asked: Asked,
    manner: Manner,
    last: Option<Exchange>,
    arrived: Raw,
) -> Result<Answer, Refused> {
    if header.leap == Leap::Unsynchronised {
        return Err(Refused::Unsynchronised);
    }
    if header.stratum == 0 || header.stratum > STRATUM_MAX {
        return Err(Refused::Stratum);
    }
    if header.receive == Stamp::ZERO {
        return Err(Refused::ZeroReceive);
    }
    if header.transmit == Stamp::ZERO {
        return Err(Refused::ZeroTransmit);
    }
    let measured = manner == Manner::Plain;
    let this = Exchange { asked: asked.at, came: header.receive, arrived, measured };
    let completed = match manner {
        Manner::Plain => Some(this),
        Manner::Interleaved => last.filter(|last| last.came == asked.request.origin),
    };
    let Some(completed) = completed else {
        believable_origin(header, arrived - asked.at)?;
        // What made us forget the last exchange may have happened in the middle of this one.
        return Ok(Answer::Known(Exchange { measured: true, ..this }));
    };
    let sample = complete(header, completed)?;
    let is_new = measured || !completed.measured;
    Ok(if is_new { Answer::Sample(sample, this) } else { Answer::Known(this) })
}

/// What an exchange measures whose answer left as this header says.
fn complete(header: &Header, exchange: Exchange) -> Result<Sample, Refused> {
    let (came, left) = (exchange.came.wall(), header.transmit.wall());
    if left + precision(header) < came {
        return Err(Refused::Backwards);
    }
    let round = exchange.arrived - exchange.asked;
    let delay = round - (left - came);
    if delay < Span::ZERO {
        return Err(Refused::NegativeDelay);
    }
    let origin = believable_origin(header, delay)?;
    // (T2 - T1 + T3 - T4) / 2, written so that no sum of two times of day is needed.
    let theta = came.theta(exchange.asked) - delay.half();
    Ok(Sample { at: exchange.asked + round.half(), theta, delay, origin })
}

/// How finely the server reads its clock, or [`BACKWARDS_MAX`] where that is coarser.
fn precision(header: &Header) -> Span {
    Span::from_seconds(f64::from(header.precision).exp2()).min(BACKWARDS_MAX)
}

fn believable_origin(header: &Header, delay: Span) -> Result<Origin, Refused> {
    let origin = Origin {
        stratum: header.stratum,
        leap: header.leap,
        reference_id: header.reference_id,
        root_delay: header.root_delay.seconds(),
        root_dispersion: header.root_dispersion.seconds(),
    };
    if origin.root_delay / 2.0 >= DISTANCE_MAX {
        return Err(Refused::RootDelay);
    }
    if origin.root_dispersion >= DISTANCE_MAX {
        return Err(Refused::RootDispersion);
    }
    if origin.distance() + delay.half().seconds() >= DISTANCE_MAX {
        return Err(Refused::Distance);
    }
    Ok(origin)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{Short, Wall};

    const NONCE: Stamp = Stamp(0x0123_4567_89ab_cdef);
    const PLAIN: Request = Request { origin: Stamp::ZERO, receive: Stamp::ZERO, transmit: NONCE };
    const ASKED: Asked = Asked { request: PLAIN, at: Raw::from_nanos(5_000_000_000) };

    fn arrived() -> Raw {
        ASKED.at + Span::from_nanos(3_000_000)
    }

    /// 2026-11-22 00:00:00 UTC, when the server got our request.
    fn came() -> Wall {
        Wall::from_nanos(1_795_305_600_000_000_000)
    }

    /// The answer of an honest server: one millisecond each way, one inside.
    fn honest() -> Header {
        Header {
            version: 4,
            mode: Mode::Server,
            stratum: 2,
            reference_id: [192, 0, 2, 7],
            root_delay: Short::from_seconds(0.25),
            root_dispersion: Short::from_seconds(0.125),
            origin: NONCE,
            receive: Stamp::from_wall(came()),
            transmit: Stamp::from_wall(came() + Span::from_nanos(1_000_000)),
            ..Header::default()
        }
    }

    fn judged(header: Header) -> Result<Answer, Refused> {
        judge(&header.encode(), Some(ASKED), None, arrived())
    }

    fn refused(header: Header) -> Refused {
        judged(header).unwrap_err()
    }

    /// One that was asked for by an arrival that is not the last exchange's tells of no exchange.
    #[test]
    fn an_interleaved_answer_measures_only_the_exchange_that_was_shown() {
        let shown = Stamp::from_wall(came());
        let request = Request::interleaved(shown, Stamp(77), NONCE);
        let asked = Asked { request, at: ASKED.at + Span::from_secs(64) };
        let last = Exchange { asked: ASKED.at, came: shown, arrived: arrived(), measured: false };
        let answer = Header { origin: Stamp(77), ..honest() }.encode();
        let judged = |last| judge(&answer, Some(asked), last, arrived() + Span::from_secs(64));
        assert!(matches!(judged(Some(last)), Ok(Answer::Sample(..))));
        for last in [None, Some(Exchange { came: Stamp(shown.0 ^ 1), ..last })] {
            let Ok(Answer::Known(this)) = judged(last) else { panic!("{last:?}") };
            assert!(this.measured);
        }
    }

    #[test]
    fn an_honest_answer_measures_theta_and_delay() {
        let Ok(Answer::Sample(sample, _)) = judged(honest()) else { panic!("it is honest") };
        assert_eq!(sample.delay, Span::from_nanos(2_000_000));
        assert_eq!(sample.at, ASKED.at + Span::from_nanos(1_500_000));
        assert_eq!(sample.theta, (came() + Span::from_nanos(-1_000_000)).theta(ASKED.at));
        assert_eq!(sample.origin.stratum, 2);
        assert!((sample.origin.distance() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_origin_is_refused() {
        assert_eq!(refused(Header { origin: Stamp(NONCE.0 ^ 1), ..honest() }), Refused::Origin);
    }

    /// CVE-2015-8138, CVE-2016-7431.
    #[test]
    fn a_zero_origin_is_refused_even_if_nothing_was_asked() {
        let zero = Header { origin: Stamp::ZERO, ..honest() };
        assert_eq!(refused(zero), Refused::Origin);
        assert_eq!(judge(&zero.encode(), None, None, arrived()), Err(Refused::Origin));
        let cleared = Some(Asked { request: Stamp::ZERO.into(), at: ASKED.at });
        assert_eq!(judge(&zero.encode(), cleared, None, arrived()), Err(Refused::Origin));
    }

    #[test]
    fn an_answer_nobody_asked_for_is_refused() {
        assert_eq!(judge(&honest().encode(), None, None, arrived()), Err(Refused::Origin));
    }

    #[test]
    fn a_zero_receive_stamp_is_refused() {
        assert_eq!(refused(Header { receive: Stamp::ZERO, ..honest() }), Refused::ZeroReceive);
    }

    #[test]
    fn a_zero_transmit_stamp_is_refused() {
        assert_eq!(refused(Header { transmit: Stamp::ZERO, ..honest() }), Refused::ZeroTransmit);
    }

    #[test]
    fn an_answer_that_left_before_the_request_came_is_refused() {
        for (early, precision) in [(200_000, -20), (200_000, 0), (5_000_000_000, 127), (50, -30)] {
            let left = Stamp::from_wall(came() + Span::from_nanos(-early));
            let header = Header { transmit: left, precision, ..honest() };
            assert_eq!(refused(header), Refused::Backwards, "{early} ns, 2^{precision} s");
        }
    }

    #[test]
    fn noise_below_the_servers_own_precision_is_not_held_against_it() {
        let left = Stamp::from_wall(came() + Span::from_nanos(-900));
        let header = Header { transmit: left, precision: -20, ..honest() };
        let Ok(Answer::Sample(sample, _)) = judged(header) else { panic!("it is honest") };
        assert_eq!(sample.delay, Span::from_nanos(3_000_900));
    }

    #[test]
    fn a_negative_delay_is_refused() {
        let left = came() + Span::from_nanos(3_000_001);
        let header = Header { transmit: Stamp::from_wall(left), ..honest() };
        assert_eq!(refused(header), Refused::NegativeDelay);
    }

    #[test]
    fn a_root_delay_beyond_the_limit_is_refused() {
        let header = Header { root_delay: Short::from_seconds(3.0), ..honest() };
        assert_eq!(refused(header), Refused::RootDelay);
        assert_eq!(refused(Header { root_delay: Short(u32::MAX), ..honest() }), Refused::RootDelay);
    }

    #[test]
    fn a_root_dispersion_beyond_the_limit_is_refused() {
        let header = Header { root_dispersion: Short::from_seconds(1.5), ..honest() };
        assert_eq!(refused(header), Refused::RootDispersion);
    }

    #[test]
    fn a_root_distance_beyond_the_limit_is_refused() {
        let root_delay = Short::from_seconds(2.0);
        let root_dispersion = Short::from_seconds(0.5);
        assert_eq!(refused(Header { root_delay, root_dispersion, ..honest() }), Refused::Distance);
    }

    /// CVE-2009-3563 among others: nothing but an answer is one.
    #[test]
    fn modes_other_than_4_are_refused() {
        for mode in [
            Mode::Reserved,
            Mode::SymmetricActive,
            Mode::SymmetricPassive,
            Mode::Client,
            Mode::Broadcast,
            Mode::Control,
            Mode::Private,
        ] {
            assert_eq!(refused(Header { mode, ..honest() }), Refused::Mode, "{mode:?}");
        }
    }

    #[test]
    fn versions_0_and_5_to_7_are_refused() {
        for version in [0, 5, 6, 7] {
            assert_eq!(refused(Header { version, ..honest() }), Refused::Version, "{version}");
        }
        assert!(judged(Header { version: 3, ..honest() }).is_ok());
    }

    #[test]
    fn a_server_that_is_not_synchronised_is_refused() {
        let header = Header { leap: Leap::Unsynchronised, ..honest() };
        assert_eq!(refused(header), Refused::Unsynchronised);
    }

    #[test]
    fn stratum_0_and_above_15_are_refused() {
        for stratum in [0, 16, 17, 255] {
            assert_eq!(refused(Header { stratum, ..honest() }), Refused::Stratum, "{stratum}");
        }
    }

    #[test]
    fn a_kiss_counts_when_it_matches_our_request() {
        for (code, kiss) in [(b"RATE", Kiss::Rate), (b"DENY", Kiss::Deny), (b"RSTR", Kiss::Deny)] {
            let header = Header { stratum: 0, reference_id: *code, ..honest() };
            assert_eq!(judged(header), Ok(Answer::Kiss(kiss)));
        }
    }

    /// CVE-2015-7704, CVE-2015-7705.
    #[test]
    fn a_kiss_that_does_not_match_our_request_is_refused() {
        for code in [b"RATE", b"DENY", b"RSTR"] {
            for origin in [Stamp::ZERO, Stamp(1), Stamp(NONCE.0 + 1)] {
                let header = Header { stratum: 0, reference_id: *code, origin, ..honest() };
                assert_eq!(refused(header), Refused::Origin);
            }
        }
    }

    #[test]
    fn an_unknown_kiss_is_no_answer() {
        let header = Header { stratum: 0, reference_id: *b"INIT", ..honest() };
        assert_eq!(refused(header), Refused::Stratum);
    }

    /// CVE-2016-4953 (crypto-NAK), and every code that cannot be checked.
    #[test]
    fn a_signed_answer_is_refused_without_a_key() {
        for length in [4, 20, 24] {
            let bytes = [&honest().encode()[..], &vec![0; length]].concat();
            assert_eq!(judge(&bytes, Some(ASKED), None, arrived()), Err(Refused::Mac), "{length}");
        }
    }

    #[test]
    fn malformed_packets_are_refused() {
        for bytes in [&[][..], &[0x24; 47], &[0x24; 49], &[0x24; 2000]] {
            let refused = judge(bytes, Some(ASKED), None, arrived()).unwrap_err();
            assert!(matches!(refused, Refused::Malformed(_)), "{refused:?}");
        }
    }

    #[test]
    fn a_late_answer_is_refused() {
        let late = ASKED.at + Span::from_nanos(4_000_000_001);
        assert_eq!(judge(&honest().encode(), Some(ASKED), None, late), Err(Refused::Late));
    }

    #[test]
    fn an_exchange_across_the_end_of_the_era_is_measured() {
        let turn = Wall::from_nanos(2_085_978_496_000_000_000);
        let came = turn + Span::from_nanos(-500_000);
        let left = turn + Span::from_nanos(500_000);
        let header = Header {
            receive: Stamp::from_wall(came),
            transmit: Stamp::from_wall(left),
            ..honest()
        };
        let Ok(Answer::Sample(sample, _)) = judged(header) else { panic!("it is honest") };
        assert_eq!(sample.delay, Span::from_nanos(2_000_000));
        assert_eq!(sample.theta, (came + Span::from_nanos(-1_000_000)).theta(ASKED.at));
    }

    proptest! {
        #[test]
        fn no_bytes_pass_without_the_nonce(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            first in proptest::sample::select(vec![0x24_u8, 0x1c, 0xe4]),
        ) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            let judged = judge(&bytes, Some(ASKED), None, arrived());
            prop_assert!(judged.is_err_and(|refused| !refused.is_the_servers()));
        }

        #[test]
        fn a_measurement_is_never_farther_off_than_half_its_delay(
            offset in -1_000_000_000_000_i64..1_000_000_000_000,
            there in 0_i64..700_000_000,
            inside in 0_i64..700_000_000,
            back in 0_i64..700_000_000,
        ) {
            let theta = came().theta(ASKED.at) + Span::from_nanos(offset);
            let came = (ASKED.at + Span::from_nanos(there)).wall(theta);
            let left = came + Span::from_nanos(inside);
            let header = Header {
                receive: Stamp::from_wall(came),
                transmit: Stamp::from_wall(left),
                ..honest()
            };
            let arrived = ASKED.at + Span::from_nanos(there + inside + back);
            let judged = judge(&header.encode(), Some(ASKED), None, arrived);
            let Ok(Answer::Sample(sample, _)) = judged else {
                return Err(TestCaseError::fail("an honest answer was refused"));
            };
            prop_assert_eq!(sample.delay, Span::from_nanos(there + back));
            let error = (sample.theta - theta).abs();
            prop_assert!(error <= sample.delay.half() + Span::from_nanos(1));
        }
    }
}
