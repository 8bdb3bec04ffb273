//! A server's side of NTS in packets (RFC 8915, section 5.7): who it is that asks, and what he is
//! answered.
//!
//! An answer has as many new cookies as the request has room for, and is never longer than it:
//! nothing is to be gained by asking in somebody else's name, however many placeholders there are.

use crate::field::{self, FIELD_HEAD, Fields};
use crate::packet::{self, HEADER, Mode};
use crate::server;

use super::cookies::{self, Jar, Pair};
use super::{
    AUTHENTICATOR, AUTHENTICATOR_LENGTH, COOKIE, COOKIES_MAX, IDENTIFIER, IDENTIFIER_LENGTH, Keyed,
    NONCE_LENGTH, PLACEHOLDER, authenticator, parts,
};

/// What a cookie takes in an answer.
const COOKIE_FIELD: usize = FIELD_HEAD + cookies::LENGTH;

/// What a question is, as far as NTS goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim<'a> {
    /// It has nothing of NTS.
    None,
    /// It has, and is not whole: nobody is answered.
    Broken,
    /// Its cookie is not ours or is too old, or it was changed on its way. He who asks should know,
    /// and finds his identifier in the answer.
    Disowned(&'a [u8]),
    /// It is of one with whom a handshake has agreed.
    True(Asked<'a>),
}

/// Somebody who asks, with whom a handshake has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    identifier: &'a [u8],
    /// The keys that he and we have.
    pub pair: Pair,
    /// So many new cookies he is to be given.
    pub cookies: usize,
}

/// What of a question's fields counts: those up to the authenticator.
#[derive(Default)]
struct Found<'a> {
    identifier: Option<&'a [u8]>,
    cookie: Option<&'a [u8]>,
    placeholders: usize,
    /// Where the authenticator begins and ends, counted from the first field, and its value.
    authenticator: Option<(usize, usize, &'a [u8])>,
    /// Two of a kind.
    is_twice: bool,
}

impl<'a> Found<'a> {
    fn in_tail(tail: &'a [u8]) -> Option<Self> {
        let mut found = Self::default();
        for field in Fields::of_tail(tail) {
            let field = field.ok()?;
            match field.kind {
                IDENTIFIER => found.is_twice |= found.identifier.replace(field.value).is_some(),
                COOKIE => found.is_twice |= found.cookie.replace(field.value).is_some(),
                // Those of another length are room for nothing of ours.
                PLACEHOLDER if field.value.len() == cookies::LENGTH => found.placeholders += 1,
                AUTHENTICATOR => {
                    let end = field.at + FIELD_HEAD + field.value.len();
                    found.authenticator = Some((field.at, end, field.value));
                    break;
                }
                _ => {}
            }
        }
        Some(found)
    }
}

/// Reads a question, of which [`server::question`] has said that it is one.
#[must_use]
pub fn read<'a, A: Keyed>(question: &'a [u8], jar: &Jar<A>) -> Claim<'a> {
    let tail = question.get(HEADER..).unwrap_or_default();
    let is_version_4 = packet::parse(question)
        .is_ok_and(|(header, _)| header.version == 4 && header.mode == Mode::Client);
    if !is_version_4 {
        return Claim::None;
    }
    // A code at the end is no field; who has one has nothing of NTS.
    let Some(found) = Found::in_tail(tail) else { return Claim::None };
    let Found { identifier, cookie, placeholders, authenticator, is_twice } = found;
    if cookie.is_none() && authenticator.is_none() {
        return Claim::None;
    }
    let identifier = identifier.filter(|it| it.len() >= IDENTIFIER_LENGTH && !is_twice);
    let (Some(identifier), Some(cookie), Some((at, end, value))) =
        (identifier, cookie, authenticator)
    else {
        return Claim::Broken;
    };
    let Some((nonce, sealed)) = parts(value) else { return Claim::Broken };
    let beside = question.get(..HEADER + at).unwrap_or_default();
    let pair = jar.open(cookie);
    let opened =
        pair.filter(|pair| A::with_key(pair.requests).open(nonce, beside, sealed).is_some());
    let Some(pair) = opened else { return Claim::Disowned(identifier) };
    let fixed = FIELD_HEAD + identifier.len() + AUTHENTICATOR_LENGTH;
    let Some(room) = end.checked_sub(fixed) else { return Claim::Broken };
    let cookies = (1 + placeholders).min(COOKIES_MAX).min(room / COOKIE_FIELD);
    Claim::True(Asked { identifier, pair, cookies })
}

impl Asked<'_> {
    /// The answer with this header and these cookies, of which only [`Asked::cookies`] are taken.
    /// The nonce must be a new one.
    #[must_use]
    pub fn answer<A: Keyed>(
        &self,
        header: &[u8; HEADER],
        cookies: &[Vec<u8>],
        nonce: &[u8; NONCE_LENGTH],
    ) -> Vec<u8> {
        let mut packet = header.to_vec();
        field::append(&mut packet, IDENTIFIER, self.identifier);
        let mut plain = Vec::new();
        for cookie in cookies.iter().take(self.cookies) {
            field::append(&mut plain, COOKIE, cookie);
        }
        let sealed = A::with_key(self.pair.answers).seal(nonce, &packet, &plain);
        field::append(&mut packet, AUTHENTICATOR, &authenticator(nonce, &sealed));
        packet
    }
}

/// What is told to one whose cookie we cannot open: a kiss (NTSN), which tells no time and proves
/// nothing.
#[must_use]
pub fn disown(asked: &packet::Header, identifier: &[u8]) -> Vec<u8> {
    let mut packet = server::timeless(asked, *b"NTSN").encode().to_vec();
    field::append(&mut packet, IDENTIFIER, identifier);
    packet
}

#[cfg(test)]
mod tests;
