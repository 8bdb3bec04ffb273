//! A packet's bytes: the 48 of the header, and what may follow it (RFC 5905, section 7.3; RFC
//! 7822).
//!
//! Whether an answer is to be believed is decided elsewhere ([`crate::answer`]); here only what
//! cannot be read is refused.

use crate::time::{Short, Stamp};

/// A packet without extensions: all that we ever send.
pub const HEADER: usize = 48;

/// The longest packet that is read. Servers have no reason to answer with more than they were
/// asked with; this leaves room for extension fields and stays below any path's MTU.
pub const PACKET_MAX: usize = 1024;

/// The shortest extension field (RFC 7822, section 7.5).
const FIELD_MIN: usize = 16;

/// What a message authentication code may take: a key id alone (crypto-NAK), with MD5, with SHA-1.
/// A tail of another length is extension fields (RFC 7822, section 7.5.1.4).
const MAC_LENGTHS: [usize; 3] = [4, 20, 24];

/// What a server says of the last minute of the month, or that it does not know the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leap {
    /// No leap second is near.
    #[default]
    None,
    /// The last minute has 61 seconds.
    Insert,
    /// The last minute has 59 seconds.
    Delete,
    /// The server's clock is not synchronised.
    Unsynchronised,
}

/// Who speaks (RFC 5905, figure 10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Mode 0.
    #[default]
    Reserved,
    /// Mode 1: a peer that asks.
    SymmetricActive,
    /// Mode 2: a peer that answers.
    SymmetricPassive,
    /// Mode 3: a question.
    Client,
    /// Mode 4: the answer to it.
    Server,
    /// Mode 5: to whom it may concern.
    Broadcast,
    /// Mode 6: ntpq's messages (RFC 9327).
    Control,
    /// Mode 7: ntpdc's messages.
    Private,
}

/// The header's fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// Leap warning.
    pub leap: Leap,
    /// Protocol version, 0 to 7.
    pub version: u8,
    /// Who speaks.
    pub mode: Mode,
    /// Steps from a reference clock; 0 in a kiss of death.
    pub stratum: u8,
    /// Poll interval, as a power of two in seconds.
    pub poll: i8,
    /// How finely the server's clock can be read, as a power of two in seconds.
    pub precision: i8,
    /// Round trip to the reference clock.
    pub root_delay: Short,
    /// Error bound of the server's clock, beyond the delay.
    pub root_dispersion: Short,
    /// The server's own source; in a kiss of death four letters.
    pub reference_id: [u8; 4],
    /// When the server's clock was last set.
    pub reference: Stamp,
    /// The request's transmit stamp, returned.
    pub origin: Stamp,
    /// When the request arrived (T2).
    pub receive: Stamp,
    /// When this packet left (T3; of a request: anything that cannot be guessed).
    pub transmit: Stamp,
}

/// What follows the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Nothing,
    /// Well-formed extension fields, which are skipped.
    Extensions,
    /// A message authentication code of so many bytes, its key's number included; perhaps after
    /// extension fields.
    Mac(usize),
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer than 48 bytes; also none at all.
    Short,
    /// More than [`PACKET_MAX`] bytes.
    Long,
    /// Not a multiple of four bytes.
    Odd,
    /// An extension field that is too short, odd, or reaches beyond the end.
    Extension,
}

/// Reads a packet.
///
/// # Errors
/// [`Malformed`], for anything that no honest program sends.
pub fn parse(bytes: &[u8]) -> Result<(Header, Tail), Malformed> {
    if bytes.len() > PACKET_MAX {
        return Err(Malformed::Long);
    }
    let (header, tail) = bytes.split_first_chunk().ok_or(Malformed::Short)?;
    if !tail.len().is_multiple_of(4) {
        return Err(Malformed::Odd);
    }
    let header = read(header);
    Ok((header, read_tail(header.version, tail)?))
}

/// What of a client's request differs from one to the next. None of it is our clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// When our last request arrived, as the server told it; zero in a plain request.
    pub origin: Stamp,
    /// Random, where an interleaved answer is asked for: it comes back in that; else zero.
    pub receive: Stamp,
    /// Random and never zero: it comes back in a plain answer.
    pub transmit: Stamp,
}

/// What an answer tells of departures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Its own, as far as it is known before.
    Plain,
    /// The last answer's, as it really was (RFC 9769).
    Interleaved,
}

impl Request {
    /// One that shows `origin` and so asks when the last answer left. Its two nonces are made to
    /// differ (RFC 9769, section 2).
    #[must_use]
    pub fn interleaved(origin: Stamp, receive: Stamp, transmit: Stamp) -> Self {
        let receive = if receive == transmit { Stamp(!transmit.0) } else { receive };
        Self { origin, receive, transmit }
    }

    /// Whether it asks for an interleaved answer.
    #[must_use]
    pub fn is_interleaved(&self) -> bool {
        self.receive != Stamp::ZERO
    }

    /// Whether an answer with this origin is one to it, and how it answers.
    #[must_use]
    pub fn answered(&self, origin: Stamp) -> Option<Manner> {
        if origin == Stamp::ZERO {
            None
        } else if origin == self.transmit {
            Some(Manner::Plain)
        } else {
            (origin == self.receive).then_some(Manner::Interleaved)
        }
    }

    /// Its 48 bytes. They tell nothing about us but our poll interval's absence: everything that
    /// RFC 5905 lets a client send and no server needs is left out
    /// (draft-ietf-ntp-data-minimization).
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
        let Self { origin, receive, transmit } = *self;
        let mode = Mode::Client;
        Header { version: 4, mode, origin, receive, transmit, ..Header::default() }.encode()
    }
}

/// A plain one.
impl From<Stamp> for Request {
    fn from(nonce: Stamp) -> Self {
        Self { origin: Stamp::ZERO, receive: Stamp::ZERO, transmit: nonce }
    }
}

/// A client's plain request.
#[must_use]
pub fn request(nonce: Stamp) -> [u8; HEADER] {
    Request::from(nonce).encode()
}

impl Header {
    /// The 48 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
        let first = (leap_bits(self.leap) << 6) | ((self.version & 7) << 3) | mode_bits(self.mode);
        let mut bytes = [0; HEADER];
        let mut rest = bytes.as_mut_slice();
        for field in [
            &[first, self.stratum, self.poll.cast_unsigned(), self.precision.cast_unsigned()][..],
            &self.root_delay.0.to_be_bytes(),
            &self.root_dispersion.0.to_be_bytes(),
            &self.reference_id,
            &self.reference.0.to_be_bytes(),
            &self.origin.0.to_be_bytes(),
            &self.receive.0.to_be_bytes(),
            &self.transmit.0.to_be_bytes(),
        ] {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        bytes
    }
}

fn read(bytes: &[u8; HEADER]) -> Header {
    let [first, stratum, poll, precision] = part(bytes, 0);
    Header {
        leap: leap(first >> 6),
        version: (first >> 3) & 7,
        mode: mode(first & 7),
        stratum,
        poll: poll.cast_signed(),
        precision: precision.cast_signed(),
        root_delay: Short(u32::from_be_bytes(part(bytes, 4))),
        root_dispersion: Short(u32::from_be_bytes(part(bytes, 8))),
        reference_id: part(bytes, 12),
        reference: Stamp(u64::from_be_bytes(part(bytes, 16))),
        origin: Stamp(u64::from_be_bytes(part(bytes, 24))),
        receive: Stamp(u64::from_be_bytes(part(bytes, 32))),
        transmit: Stamp(u64::from_be_bytes(part(bytes, 40))),
    }
}

/// The `N` bytes from `at` on; the offsets above are all within the header.
fn part<const N: usize>(bytes: &[u8; HEADER], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// Version 3 knows no extension fields: what follows its header is a code.
fn read_tail(version: u8, mut tail: &[u8]) -> Result<Tail, Malformed> {
    if tail.is_empty() {
        return Ok(Tail::Nothing);
    }
    if version < 4 {
        return Ok(Tail::Mac(tail.len()));
    }
    while !tail.is_empty() {
        if MAC_LENGTHS.contains(&tail.len()) {
            return Ok(Tail::Mac(tail.len()));
        }
        tail = after_field(tail).ok_or(Malformed::Extension)?;
    }
    Ok(Tail::Extensions)
}

/// What is left after the first extension field: two bytes of type, two of length, the value.
fn after_field(tail: &[u8]) -> Option<&[u8]> {
    let &[_, _, high, low] = tail.first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < FIELD_MIN || !length.is_multiple_of(4) {
        return None;
    }
    tail.get(length..)
}

const fn leap(bits: u8) -> Leap {
    match bits & 3 {
        0 => Leap::None,
        1 => Leap::Insert,
        2 => Leap::Delete,
        _ => Leap::Unsynchronised,
    }
}

const fn leap_bits(leap: Leap) -> u8 {
    match leap {
        Leap::None => 0,
        Leap::Insert => 1,
        Leap::Delete => 2,
        Leap::Unsynchronised => 3,
    }
}

const fn mode(bits: u8) -> Mode {
    match bits & 7 {
        0 => Mode::Reserved,
        1 => Mode::SymmetricActive,
        2 => Mode::SymmetricPassive,
        3 => Mode::Client,
        4 => Mode::Server,
        5 => Mode::Broadcast,
        6 => Mode::Control,
        _ => Mode::Private,
    }
}

const fn mode_bits(mode: Mode) -> u8 {
    match mode {
        Mode::Reserved => 0,
        Mode::SymmetricActive => 1,
        Mode::SymmetricPassive => 2,
        Mode::Client => 3,
        Mode::Server => 4,
        Mode::Broadcast => 5,
        Mode::Control => 6,
        Mode::Private => 7,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer of a public server, with an asked-for origin: every field has its own bytes.
    const ANSWER: [u8; HEADER] = [
        0x24, 0x02, 0x06,
        0xe9, // no leap warning, version 4, mode 4; stratum 2; poll 6; 2^-23 s
        0x00, 0x00, 0x01, 0x80, // root delay 384 / 65536 s
        0x00, 0x00, 0x00, 0x20, // root dispersion 32 / 65536 s
        192, 0, 2, 7, // reference id
        0xee, 0x00, 0x00, 0x01, 0x10, 0x00, 0x00, 0x00, // reference
        0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03, 0x04, // origin
        0xee, 0x00, 0x00, 0x20, 0x80, 0x00, 0x00, 0x00, // receive
        0xee, 0x00, 0x00, 0x20, 0x80, 0x00, 0x10, 0x00, // transmit
    ];

    fn with_tail(version: u8, tail: &[u8]) -> Result<(Header, Tail), Malformed> {
        let header = Header { version, mode: Mode::Server, ..Header::default() };
        parse(&[&header.encode()[..], tail].concat())
    }

    fn field(length: u16, filled: usize) -> Vec<u8> {
        let mut field = vec![0; filled];
        field[..4].copy_from_slice(&[0x01, 0x04, length.to_be_bytes()[0], length.to_be_bytes()[1]]);
        field
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let (header, tail) = parse(&ANSWER).unwrap();
        let expected = Header {
            leap: Leap::None,
            version: 4,
            mode: Mode::Server,
            stratum: 2,
            poll: 6,
            precision: -23,
            root_delay: Short(384),
            root_dispersion: Short(32),
            reference_id: [192, 0, 2, 7],
            reference: Stamp(0xee00_0001_1000_0000),
            origin: Stamp(0xdead_beef_0102_0304),
            receive: Stamp(0xee00_0020_8000_0000),
            transmit: Stamp(0xee00_0020_8000_1000),
        };
        assert_eq!(header, expected);
        assert_eq!(tail, Tail::Nothing);
        assert_eq!(header.encode(), ANSWER);
    }

    #[test]
    fn a_request_tells_nothing_but_its_nonce() {
        let bytes = request(Stamp(0x0102_0304_0506_0708));
        assert_eq!(bytes[0], 0x23, "version 4, mode 3");
        assert!(bytes[1..40].iter().all(|&byte| byte == 0));
        assert_eq!(bytes[40..], [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn an_interleaved_request_shows_what_the_server_told_and_two_nonces() {
        let request = Request::interleaved(Stamp(1), Stamp(2), Stamp(3));
        let (header, _) = parse(&request.encode()).unwrap();
        let plain = parse(&super::request(Stamp(3))).unwrap().0;
        assert_eq!(header, Header { origin: Stamp(1), receive: Stamp(2), ..plain });
        let same = Request::interleaved(Stamp(1), Stamp(3), Stamp(3));
        assert!(same.receive != same.transmit && same.is_interleaved());
        assert!(!Request::from(Stamp(3)).is_interleaved());
    }

    #[test]
    fn by_its_origin_an_answer_says_how_it_answers() {
        let request = Request::interleaved(Stamp(1), Stamp(2), Stamp(3));
        let answers = [0, 1, 2, 3, 4].map(|origin| request.answered(Stamp(origin)));
        assert_eq!(
            answers,
            [None, None, Some(Manner::Interleaved), Some(Manner::Plain), None],
            "what we have shown is no nonce: it was seen before"
        );
        let plain = Request::from(Stamp(3));
        assert_eq!(plain.answered(Stamp(3)), Some(Manner::Plain));
        assert_eq!(plain.answered(Stamp::ZERO), None);
    }

    #[test]
    fn a_short_or_empty_packet_is_refused() {
        assert_eq!(parse(&[]), Err(Malformed::Short));
        assert_eq!(parse(&ANSWER[..47]), Err(Malformed::Short));
    }

    #[test]
    fn an_oversize_packet_is_refused() {
        assert_eq!(parse(&[0x24; PACKET_MAX + 4]), Err(Malformed::Long));
    }

    #[test]
    fn an_odd_length_is_refused() {
        for extra in [1, 2, 3, 17, 29] {
            assert_eq!(with_tail(4, &vec![0; extra]), Err(Malformed::Odd), "{extra}");
        }
    }

    #[test]
    fn extension_fields_are_skipped() {
        let two = [field(28, 28), field(32, 32)].concat();
        assert_eq!(with_tail(4, &field(28, 28)).unwrap().1, Tail::Extensions);
        assert_eq!(with_tail(4, &two).unwrap().1, Tail::Extensions);
        assert_eq!(with_tail(4, &[&two[..], &[0; 20]].concat()).unwrap().1, Tail::Mac(20));
    }

    #[test]
    fn malformed_extension_fields_are_refused() {
        for (length, why) in [
            (0, "an endless loop"),
            (12, "too short"),
            (30, "odd"),
            (32, "beyond the end"),
            (u16::MAX, "far beyond the end"),
        ] {
            assert_eq!(with_tail(4, &field(length, 28)), Err(Malformed::Extension), "{why}");
        }
        let short = [field(12, 12), field(28, 28)].concat();
        assert_eq!(with_tail(4, &short), Err(Malformed::Extension));
        assert_eq!(with_tail(4, &field(16, 28)), Err(Malformed::Extension), "12 bytes are left");
        assert_eq!(with_tail(4, &[0; 8]), Err(Malformed::Extension));
    }

    #[test]
    fn codes_are_known_by_their_length() {
        for length in MAC_LENGTHS {
            assert_eq!(with_tail(4, &vec![0; length]).unwrap().1, Tail::Mac(length));
        }
        assert_eq!(with_tail(3, &field(28, 28)).unwrap().1, Tail::Mac(28));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_a_header_comes_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..PACKET_MAX + 64),
        ) {
            if let Ok((header, _)) = parse(&bytes) {
                prop_assert_eq!(&header.encode()[..], &bytes[..HEADER]);
            }
        }

        #[test]
        fn a_tail_is_never_read_past_its_end(
            tail in proptest::collection::vec(any::<u8>(), 0..30).prop_map(|words| {
                words.iter().flat_map(|&word| [0, 1, 0, word & 0x3c]).collect::<Vec<_>>()
            }),
        ) {
            let read = with_tail(4, &tail);
            prop_assert_eq!(tail.is_empty(), matches!(read, Ok((_, Tail::Nothing))));
        }
    }
}
