//! Network Time Security in NTP's packets (RFC 8915, section 5): each request carries a cookie that
//! tells the server our keys, and each answer brings a new one, encrypted.
//!
//! [`Session`] is what a handshake has given us. The handshake's own bytes are in [`ke`]; the
//! cipher is [`Aead`]'s business. A server's side of it: [`granting`] has the handshake's bytes,
//! [`cookies`] what is given away, [`answering`] the packets.

use std::collections::VecDeque;

use crate::answer::Refused;
use crate::field::{self, FIELD_HEAD, Field, Fields};
use crate::mac;
use crate::packet::{HEADER, Malformed, PACKET_MAX, Request};

pub mod answering;
pub mod cookies;
pub mod granting;
pub mod ke;

/// The types of the fields (RFC 8915, section 7.5).
const IDENTIFIER: u16 = 0x0104;
const COOKIE: u16 = 0x0204;
const PLACEHOLDER: u16 = 0x0304;
const AUTHENTICATOR: u16 = 0x0404;

/// Cookies at hand at most (RFC 8915, section 5.7).
pub const COOKIES_MAX: usize = 8;

/// The longest cookie that is kept: a request with it must fit into a packet.
pub const COOKIE_MAX: usize = 512;

/// The length of a request's identifier, which nobody can guess (RFC 8915, section 5.3).
pub const IDENTIFIER_LENGTH: usize = 32;

/// The length of a cipher's nonce that we use: AES-SIV takes any, and servers like 16 bytes.
pub const NONCE_LENGTH: usize = 16;

/// What AES-SIV adds to what it encrypts (RFC 5297).
const SEAL: usize = 16;

/// The authenticator of a request, which encrypts nothing.
const AUTHENTICATOR_LENGTH: usize = FIELD_HEAD + 4 + NONCE_LENGTH + SEAL;

/// Encrypts, and says of what else it was unchanged.
pub trait Aead {
    /// `plain` encrypted, bound to `nonce` and `beside`.
    fn seal(&self, nonce: &[u8], beside: &[u8], plain: &[u8]) -> Vec<u8>;

    /// What was encrypted, unless anything of it was changed.
    fn open(&self, nonce: &[u8], beside: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// An [`Aead`] that is made of a key.
pub trait Keyed: Aead {
    /// With this key.
    fn with_key(key: [u8; ke::KEY_LENGTH]) -> Self;
}

/// Random bytes for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// Its identifier.
    pub identifier: [u8; IDENTIFIER_LENGTH],
    /// The cipher's nonce.
    pub nonce: [u8; NONCE_LENGTH],
}

/// Keys that a server and we agreed on, and its cookies.
#[derive(Debug, Clone)]
pub struct Session<A> {
    ours: A,
    theirs: A,
    cookies: VecDeque<Vec<u8>>,
    open: Option<(Request, [u8; IDENTIFIER_LENGTH])>,
    /// The server has said that it cannot read our cookie, and nothing better since.
    disowned: bool,
}

impl<A: Aead> Session<A> {
    /// A session: the key of our requests, the key of the server's answers, its first cookies.
    #[must_use]
    pub fn new(ours: A, theirs: A, cookies: Vec<Vec<u8>>) -> Self {
        let cookies = cookies.into_iter().filter(|cookie| is_good(cookie)).take(COOKIES_MAX);
        Self { ours, theirs, cookies: cookies.collect(), open: None, disowned: false }
    }

    /// The next request, with one cookie that is then used up: nobody can tell by it that two
    /// requests are of one client; by what an interleaved one shows, who sees both can. None where
    /// there is no cookie, or the server has disowned what we have: then it takes a new handshake.
    pub fn request(&mut self, asks: impl Into<Request>, chance: &Chance) -> Option<Vec<u8>> {
        let asks = asks.into();
        if self.disowned {
            self.cookies.clear();
        }
        self.open = None;
        let cookie = self.cookies.pop_front()?;
        let mut packet = asks.encode().to_vec();
        field::append(&mut packet, IDENTIFIER, &chance.identifier);
        let before = packet.len();
        field::append(&mut packet, COOKIE, &cookie);
        let each = packet.len() - before;
        let room = PACKET_MAX.saturating_sub(packet.len() + AUTHENTICATOR_LENGTH) / each;
        let missing = COOKIES_MAX - 1 - self.cookies.len().min(COOKIES_MAX - 1);
        for _ in 0..missing.min(room) {
            field::append(&mut packet, PLACEHOLDER, &vec![0; cookie.len()]);
        }
        let sealed = self.ours.seal(&chance.nonce, &packet, &[]);
        field::append(&mut packet, AUTHENTICATOR, &authenticator(&chance.nonce, &sealed));
        self.open = Some((asks, chance.identifier));
        Some(packet)
    }

    /// The header of an answer to the open request, if the server has authenticated it. Its cookies
    /// are kept. What is refused closes nothing: the genuine answer may still follow.
    ///
    /// # Errors
    /// [`Refused`]. Whoever has not seen the request is refused with what is not the server's
    /// fault.
    pub fn open<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Refused> {
        let header = mac::answers(bytes, self.open.map(|(asks, _)| asks))?;
        let tail = bytes.get(HEADER..).unwrap_or_default();
        let found = Found::in_tail(tail)?;
        let expected = self.open.map(|(_, identifier)| identifier);
        let is_ours = expected.is_some_and(|expected| {
            found.identifier.is_some_and(|said| mac::same(said, &expected))
        });
        if !is_ours {
            // Who does not know of extension fields has none to return.
            let plain = tail.is_empty();
            return Err(if plain { Refused::Unsigned } else { Refused::Origin });
        }
        let Some(sealed) = found.authenticator else {
            if is_nak(header) {
                self.disowned = true;
                return Err(Refused::Unknown);
            }
            return Err(Refused::Unsigned);
        };
        let beside = bytes.get(..HEADER + sealed.at).unwrap_or_default();
        let (nonce, sealed) = parts(sealed.value).ok_or(Refused::Code)?;
        let plain = self.theirs.open(nonce, beside, sealed).ok_or(Refused::Code)?;
        self.keep_cookies(&plain);
        self.open = None;
        self.disowned = false;
        Ok(header)
    }

    /// How many more requests there are cookies for.
    #[must_use]
    pub fn cookies(&self) -> usize {
        self.cookies.len()
    }

    /// Whether it takes a new handshake: there is no cookie, and no answer that may bring one is
    /// waited for.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.cookies.is_empty() && self.open.is_none()
    }

    fn keep_cookies(&mut self, plain: &[u8]) {
        let fields = Fields::of_plaintext(plain).map_while(Result::ok);
        let cookies = fields.filter(|field| field.kind == COOKIE && is_good(field.value));
        let room = COOKIES_MAX.saturating_sub(self.cookies.len());
        self.cookies.extend(cookies.take(room).map(|field| field.value.to_vec()));
    }
}

fn is_good(cookie: &[u8]) -> bool {
    !cookie.is_empty() && cookie.len() <= COOKIE_MAX
}

/// What of a packet's fields counts: those up to the authenticator (RFC 8915, section 5.7).
#[derive(Default)]
struct Found<'a> {
    identifier: Option<&'a [u8]>,
    authenticator: Option<Field<'a>>,
}

impl<'a> Found<'a> {
    fn in_tail(tail: &'a [u8]) -> Result<Self, Refused> {
        let mut found = Self::default();
        for field in Fields::of_tail(tail) {
            let field = field.map_err(|_| Refused::Malformed(Malformed::Extension))?;
            match field.kind {
                IDENTIFIER if found.identifier.is_some() => return Err(Refused::Origin),
                IDENTIFIER => found.identifier = Some(field.value),
                AUTHENTICATOR => {
                    found.authenticator = Some(field);
                    break;
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The server's kiss of death for a cookie it cannot read (RFC 8915, section 5.7): NTSN.
fn is_nak(header: &[u8]) -> bool {
    header.get(1) == Some(&0) && header.get(12..16) == Some(b"NTSN")
}

/// An authenticator's value: both lengths, the nonce, what is sealed (RFC 8915, section 5.6).
fn authenticator(nonce: &[u8; NONCE_LENGTH], sealed: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&length(nonce)[..], &length(sealed), nonce, sealed].concat()
}

/// The nonce and what is sealed, each of which is followed by padding.
fn parts(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[a, b, c, d], rest) = value.split_first_chunk::<4>()?;
    let nonce = usize::from(u16::from_be_bytes([a, b]));
    let sealed = usize::from(u16::from_be_bytes([c, d]));
    let after = rest.get(nonce.next_multiple_of(4)..)?;
    Some((rest.get(..nonce)?, after.get(..sealed)?)).filter(|_| nonce > 0)
}

#[cfg(test)]
mod tests;
