//! The records of a handshake (RFC 8915, section 4): what we ask for, and what a server grants. TLS
//! is around them and no matter of this crate.

use std::fmt;

use super::{COOKIE_MAX, COOKIES_MAX};

/// The port where servers wait for handshakes.
pub const PORT: u16 = 4460;

/// What TLS must agree to talk about.
pub const ALPN: &[u8] = b"ntske/1";

/// The label under which TLS gives the keys.
pub const EXPORTER: &[u8] = b"EXPORTER-network-time-security";

/// The length of a key of `AEAD_AES_SIV_CMAC_256`.
pub const KEY_LENGTH: usize = 32;

/// The longest answer that is read: eight cookies of the longest sort and some more.
pub const ANSWER_MAX: usize = 16 * 1024;

/// The longest name of a server that is taken (RFC 1035).
const NAME_MAX: usize = 253;

/// A record that must be understood has this bit in its type.
pub(super) const CRITICAL: u16 = 0x8000;

pub(super) const END: u16 = 0;
pub(super) const PROTOCOL: u16 = 1;
pub(super) const ERROR: u16 = 2;
pub(super) const WARNING: u16 = 3;
pub(super) const CIPHER: u16 = 4;
pub(super) const COOKIE: u16 = 5;
pub(super) const SERVER: u16 = 6;
pub(super) const NTP_PORT: u16 = 7;

/// NTP version 4, the one protocol there is.
pub(super) const NTP_4: u16 = 0;

/// `AEAD_AES_SIV_CMAC_256`, which every server has.
pub(super) const AES_SIV_CMAC_256: u16 = 15;

/// What a server grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// Its cookies, at least one.
    pub cookies: Vec<Vec<u8>>,
    /// Another server than the one we talk with is to be asked for the time.
    pub server: Option<String>,
    /// At another port than NTP's.
    pub port: Option<u16>,
}

/// Why an answer grants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It ends before its end.
    Cut,
    /// A record says what cannot be.
    Malformed,
    /// The server has sent an error of this number.
    Error(u16),
    /// It has sent a warning, of this number, and there is none that we know.
    Warning(u16),
    /// A critical record of this type, which we do not know.
    Critical(u16),
    /// It does not offer NTP version 4.
    Protocol,
    /// It does not offer the cipher that every server must have.
    Cipher,
    /// It has given no cookie.
    NoCookie,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the server's answer is cut short"),
            Self::Malformed => f.write_str("the server's answer is malformed"),
            Self::Error(0) => f.write_str("the server does not understand the handshake (error 0)"),
            Self::Error(1) => f.write_str("the server says that the request is bad (error 1)"),
            Self::Error(2) => f.write_str("the server has an error of its own (error 2)"),
            Self::Error(code) => write!(f, "the server refuses (error {code})"),
            Self::Warning(code) => write!(f, "the server warns of something unknown ({code})"),
            Self::Critical(kind) => write!(f, "the server insists on record type {kind}"),
            Self::Protocol => f.write_str("the server does not offer NTP version 4"),
            Self::Cipher => f.write_str("the server does not offer AES-SIV-CMAC-256"),
            Self::NoCookie => f.write_str("the server has given no cookie"),
        }
    }
}

impl std::error::Error for Denied {}

/// What we ask for.
#[must_use]
pub fn request() -> Vec<u8> {
    write(&[
        (CRITICAL | PROTOCOL, &NTP_4.to_be_bytes()[..]),
        (CRITICAL | CIPHER, &AES_SIV_CMAC_256.to_be_bytes()),
        (CRITICAL | END, &[]),
    ])
}

/// The bytes of records: type, length, body each.
pub(super) fn write(records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, body) in records {
        let length = u16::try_from(body.len()).unwrap_or(0);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

/// The context under which TLS gives the key of requests, or of answers (RFC 8915, section 5.1).
#[must_use]
pub fn context(of_answers: bool) -> [u8; 5] {
    let [a, b] = NTP_4.to_be_bytes();
    let [c, d] = AES_SIV_CMAC_256.to_be_bytes();
    [a, b, c, d, u8::from(of_answers)]
}

/// Whether the record that ends an answer is there already, so that nothing more is waited for.
#[must_use]
pub fn is_complete(bytes: &[u8]) -> bool {
    let mut records = Records(bytes);
    records.any(|record| record.is_some_and(|(kind, _)| kind & !CRITICAL == END))
}

/// Reads an answer.
///
/// # Errors
/// [`Denied`].
pub fn read(bytes: &[u8]) -> Result<Grant, Denied> {
    let mut grant = Grant::default();
    let (mut protocol, mut cipher) = (None, None);
    for record in Records(bytes) {
        let (kind, body) = record.ok_or(Denied::Cut)?;
        match kind & !CRITICAL {
            END => {
                return match (protocol, cipher) {
                    (None | Some(false), _) => Err(Denied::Protocol),
                    (_, None | Some(false)) => Err(Denied::Cipher),
                    _ if grant.cookies.is_empty() => Err(Denied::NoCookie),
                    _ => Ok(grant),
                };
            }
            PROTOCOL => once(&mut protocol, body == NTP_4.to_be_bytes())?,
            CIPHER => once(&mut cipher, body == AES_SIV_CMAC_256.to_be_bytes())?,
            ERROR => return Err(Denied::Error(number(body)?)),
            WARNING => return Err(Denied::Warning(number(body)?)),
            COOKIE if grant.cookies.len() < COOKIES_MAX => {
                if body.is_empty() || body.len() > COOKIE_MAX {
                    return Err(Denied::Malformed);
                }
                grant.cookies.push(body.to_vec());
            }
            COOKIE => {}
            SERVER => once(&mut grant.server, name(body)?)?,
            NTP_PORT => {
                let port = Some(number(body)?).filter(|port| *port > 0);
                once(&mut grant.port, port.ok_or(Denied::Malformed)?)?;
            }
            unknown if kind & CRITICAL != 0 => return Err(Denied::Critical(unknown)),
            _ => {}
        }
    }
    Err(Denied::Cut)
}

/// The records; none, last, where one is cut short.
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Option<(u16, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let record = self.0.split_first_chunk::<4>().and_then(|(&[a, b, c, d], rest)| {
            let length = usize::from(u16::from_be_bytes([c, d]));
            let (body, rest) = rest.split_at_checked(length)?;
            Some((u16::from_be_bytes([a, b]), body, rest))
        });
        self.0 = record.map_or(&[], |(_, _, rest)| rest);
        Some(record.map(|(kind, body, _)| (kind, body)))
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Denied> {
    if place.replace(value).is_some() { Err(Denied::Malformed) } else { Ok(()) }
}

fn number(body: &[u8]) -> Result<u16, Denied> {
    body.try_into().map(u16::from_be_bytes).map_err(|_| Denied::Malformed)
}

/// A name or an address as it may stand in a log and be asked for.
fn name(body: &[u8]) -> Result<String, Denied> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-:_".contains(byte);
    let good = !body.is_empty() && body.len() <= NAME_MAX && body.iter().all(is_plain);
    let text = good.then(|| String::from_utf8_lossy(body).into_owned());
    text.ok_or(Denied::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap();
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
    }

    fn good() -> Vec<Vec<u8>> {
        vec![
            record(0x8001, &[0, 0]),
            record(0x8004, &[0, 15]),
            record(5, &[7; 100]),
            record(5, &[8; 100]),
            record(0x8000, &[]),
        ]
    }

    /// The good answer with a record more, before its end.
    fn with(kind: u16, body: &[u8]) -> Result<Grant, Denied> {
        let mut records = good();
        records.insert(4, record(kind, body));
        read(&records.concat())
    }

    /// RFC 8915, section 4: the bytes of the simplest request.
    #[test]
    fn the_request_is_the_rfcs() {
        let expected = [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 15, 0x80, 0, 0, 0];
        assert_eq!(request(), expected);
        assert_eq!(context(false), [0, 0, 0, 15, 0]);
        assert_eq!(context(true), [0, 0, 0, 15, 1]);
    }

    #[test]
    fn a_good_answer_grants_cookies() {
        let grant = read(&good().concat()).unwrap();
        assert_eq!(grant.cookies, [vec![7; 100], vec![8; 100]]);
        assert_eq!((grant.server, grant.port), (None, None));
        let grant = with(0x8006, b"time.example").unwrap();
        assert_eq!(grant.server.as_deref(), Some("time.example"));
        assert_eq!(with(0x8007, &[0x04, 0x63]).unwrap().port, Some(1123));
    }

    #[test]
    fn an_answer_is_complete_with_its_end_and_not_before() {
        let bytes = good().concat();
        assert!(is_complete(&bytes));
        assert!((0..bytes.len()).all(|end| !is_complete(&bytes[..end])));
        assert!((0..bytes.len()).all(|end| read(&bytes[..end]) == Err(Denied::Cut)));
    }

    #[test]
    fn what_is_missing_is_said() {
        let without = |which: usize| {
            let mut records = good();
            records.remove(which);
            read(&records.concat())
        };
        assert_eq!(without(0), Err(Denied::Protocol));
        assert_eq!(without(1), Err(Denied::Cipher));
        assert!(without(2).is_ok());
        let none = [&good()[0][..], &good()[1], &good()[4]].concat();
        assert_eq!(read(&none), Err(Denied::NoCookie));
    }

    #[test]
    fn errors_and_critical_strangers_end_it_and_others_are_passed_over() {
        assert_eq!(with(0x8002, &[0, 1]), Err(Denied::Error(1)));
        assert_eq!(with(0x8003, &[0, 9]), Err(Denied::Warning(9)));
        assert_eq!(with(0xc000, &[]), Err(Denied::Critical(0x4000)));
        assert!(with(0x4000, &[1, 2, 3]).is_ok());
    }

    #[test]
    fn what_cannot_be_is_malformed() {
        for (kind, body) in [
            (0x8001, &[0, 0][..]),
            (0x8004, &[0, 15]),
            (0x8002, &[1]),
            (0x8006, b""),
            (0x8006, b"a b"),
            (0x8006, b"evil\nname"),
            (0x8006, &[b'a'; 254]),
            (0x8007, &[0, 0]),
            (0x8007, &[1, 2, 3]),
            (5, &[]),
            (5, &[0; COOKIE_MAX + 1]),
        ] {
            assert_eq!(with(kind, body), Err(Denied::Malformed), "{kind:#x} {body:?}");
        }
        let another = [&record(0x8001, &[0, 1])[..], &good()[1], &good()[2], &good()[4]].concat();
        assert_eq!(read(&another), Err(Denied::Protocol));
    }

    #[test]
    fn no_server_can_make_us_keep_more_than_eight_cookies() {
        let mut records = good();
        for _ in 0..100 {
            records.insert(2, record(5, &[1; 100]));
        }
        assert_eq!(read(&records.concat()).unwrap().cookies.len(), COOKIES_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&bytes).is_err(), "no chance makes an answer");
            let _ = is_complete(&bytes);
        }

        #[test]
        fn a_changed_byte_never_panics(at in 0_usize..232, byte: u8) {
            let mut bytes = good().concat();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(grant) = read(&bytes) {
                prop_assert!(!grant.cookies.is_empty() && grant.cookies.len() <= COOKIES_MAX);
            }
        }
    }
}
