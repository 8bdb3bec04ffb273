//! A server's cookies (RFC 8915, section 6): the keys of a client, sealed under one of ours, so
//! that it is the client who remembers them and not we.
//!
//! Ours is a new one every day. The two before it still open what they have sealed: who asks at
//! least every other day never needs another handshake, and a key that somebody steals tells
//! nothing of the days before those.

use core::fmt::Write as _;

use crate::keys::hex;
use crate::time::Span;

use super::ke::KEY_LENGTH;
use super::{Keyed, NONCE_LENGTH, SEAL};

/// So long a key seals cookies.
pub const DAY: Span = Span::from_secs(86_400);

/// So many keys are there at most: today's, and the two before.
pub const KEYS_MAX: usize = 3;

/// Which key has sealed it.
const NUMBER: usize = 4;

/// The length of each cookie: the key's number, the nonce, both keys of a client, sealed.
pub const LENGTH: usize = NUMBER + NONCE_LENGTH + SEAL + 2 * KEY_LENGTH;

/// How a file of keys begins, so that no other file is taken for one and overwritten.
pub const FIRST_LINE: &str = "keys of ntpd's NTS cookies; nobody else may read them";

/// And how it ends, so that one that was cut is known.
const LAST_LINE: &str = "end";

/// The keys that a handshake has agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The key of the client's requests.
    pub requests: [u8; KEY_LENGTH],
    /// The key of our answers.
    pub answers: [u8; KEY_LENGTH],
}

impl core::fmt::Debug for Pair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pair")
    }
}

/// The keys under which cookies are sealed.
#[derive(Debug, Clone)]
pub struct Jar<A> {
    /// The newest first.
    keys: Vec<Own<A>>,
}

#[derive(Clone)]
struct Own<A> {
    number: u32,
    key: [u8; KEY_LENGTH],
    cipher: A,
}

impl<A> core::fmt::Debug for Own<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Own").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<A: Keyed> Own<A> {
    fn new(number: u32, key: [u8; KEY_LENGTH]) -> Self {
        Self { number, key, cipher: A::with_key(key) }
    }
}

impl<A: Keyed> Jar<A> {
    /// With a first key, and its number.
    #[must_use]
    pub fn new(number: u32, key: [u8; KEY_LENGTH]) -> Self {
        Self { keys: vec![Own::new(number, key)] }
    }

    /// From now on cookies are sealed with this key; the oldest goes where there are too many.
    pub fn rotate(&mut self, key: [u8; KEY_LENGTH]) {
        let number = self.keys.first().map_or(0, |newest| newest.number.wrapping_add(1));
        self.keys.insert(0, Own::new(number, key));
        self.keys.truncate(KEYS_MAX);
    }

    /// A cookie, [`LENGTH`] bytes long. The nonce must be a new one.
    #[must_use]
    pub fn seal(&self, pair: &Pair, nonce: &[u8; NONCE_LENGTH]) -> Vec<u8> {
        let Some(Own { number, cipher, .. }) = self.keys.first() else { return Vec::new() };
        let number = number.to_be_bytes();
        let sealed = cipher.seal(nonce, &number, &[pair.requests, pair.answers].concat());
        [&number[..], nonce, &sealed].concat()
    }

    /// The keys in a cookie, if it is one of ours and not too old.
    #[must_use]
    pub fn open(&self, cookie: &[u8]) -> Option<Pair> {
        let (number, rest) = cookie.split_first_chunk::<NUMBER>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        if cookie.len() != LENGTH {
            return None;
        }
        let own = self.keys.iter().find(|own| own.number.to_be_bytes() == *number)?;
        let plain = own.cipher.open(nonce, number, sealed)?;
        let (requests, answers) = plain.split_first_chunk()?;
        Some(Pair { requests: *requests, answers: answers.try_into().ok()? })
    }

    /// As it is kept in a file; `made` is when the newest was made, in seconds since 1970.
    #[must_use]
    pub fn text(&self, made: u64) -> String {
        let mut text = format!("{FIRST_LINE}\nmade {made}\n");
        for Own { number, key, .. } in &self.keys {
            let _ = write!(text, "{number} ");
            for byte in key {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text + LAST_LINE + "\n"
    }

    /// The keys of a file, and when the newest was made; none where it holds none of ours whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<(Self, u64)> {
        let mut lines = text.lines();
        lines.next().filter(|line| *line == FIRST_LINE)?;
        let made = lines.next()?.strip_prefix("made ")?.parse().ok()?;
        let mut keys = Vec::new();
        for line in lines.by_ref().take(KEYS_MAX + 1) {
            if line == LAST_LINE {
                return (!keys.is_empty()).then_some((Self { keys }, made));
            }
            let (number, key) = line.split_once(' ')?;
            keys.push(Own::new(number.parse().ok()?, hex(key)?.try_into().ok()?));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nts::tests::Toy;

    const PAIR: Pair = Pair { requests: [1; KEY_LENGTH], answers: [2; KEY_LENGTH] };

    fn jar() -> Jar<Toy> {
        Jar::new(7, [9; KEY_LENGTH])
    }

    #[test]
    fn a_cookie_is_opened_and_is_as_long_as_all() {
        let cookie = jar().seal(&PAIR, &[3; NONCE_LENGTH]);
        assert_eq!(cookie.len(), LENGTH);
        assert!(LENGTH.is_multiple_of(4), "no padding is mistaken for a part of it");
        assert_eq!(jar().open(&cookie), Some(PAIR));
        assert_ne!(jar().seal(&PAIR, &[4; NONCE_LENGTH]), cookie);
    }

    #[test]
    fn a_cookie_lives_for_as_long_as_the_two_keys_after_its_own() {
        let mut jar = jar();
        let cookie = jar.seal(&PAIR, &[3; NONCE_LENGTH]);
        jar.rotate([10; KEY_LENGTH]);
        assert_ne!(jar.seal(&PAIR, &[3; NONCE_LENGTH]), cookie, "the new key seals");
        jar.rotate([11; KEY_LENGTH]);
        assert_eq!(jar.open(&cookie), Some(PAIR));
        jar.rotate([12; KEY_LENGTH]);
        assert_eq!(jar.open(&cookie), None);
        assert_eq!(jar.keys.len(), KEYS_MAX);
    }

    #[test]
    fn another_server_opens_nothing() {
        let cookie = jar().seal(&PAIR, &[3; NONCE_LENGTH]);
        assert_eq!(Jar::<Toy>::new(7, [8; KEY_LENGTH]).open(&cookie), None, "the same number");
        assert_eq!(Jar::<Toy>::new(8, [9; KEY_LENGTH]).open(&cookie), None);
    }

    #[test]
    fn what_was_kept_is_read_again_and_what_was_cut_is_not() {
        let mut jar = jar();
        let cookie = jar.seal(&PAIR, &[3; NONCE_LENGTH]);
        jar.rotate([10; KEY_LENGTH]);
        jar.rotate([11; KEY_LENGTH]);
        let text = jar.text(1_795_392_000);
        let (read, made) = Jar::<Toy>::parse(&text).unwrap();
        assert_eq!((read.open(&cookie), made), (Some(PAIR), 1_795_392_000));
        assert_eq!(read.seal(&PAIR, &[5; 16]), jar.seal(&PAIR, &[5; 16]));
        assert!((0..text.len() - 1).all(|end| Jar::<Toy>::parse(&text[..end]).is_none()));
        assert!(Jar::<Toy>::parse(&format!("{text}leftovers\n")).is_some());
        let four = text.replace("end\n", &format!("1 {}\nend\n", "00".repeat(32)));
        assert!(Jar::<Toy>::parse(&four).is_none(), "more than there ever are");
        assert!(Jar::<Toy>::parse(&format!("{FIRST_LINE}\nmade 1\nend\n")).is_none());
    }

    #[test]
    fn no_key_gets_into_a_debug_line() {
        assert!(!format!("{:?} {PAIR:?}", jar()).contains('9'));
    }

    proptest! {
        #[test]
        fn no_bit_of_a_cookie_can_be_changed_and_none_cut_off(at in 0..LENGTH, bit in 0..8) {
            let mut cookie = jar().seal(&PAIR, &[3; NONCE_LENGTH]);
            prop_assert_eq!(jar().open(&cookie[..at]), None);
            cookie[at] ^= 1_u8 << bit;
            prop_assert_eq!(jar().open(&cookie), None);
        }

        #[test]
        fn any_bytes_are_no_cookie(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            prop_assert_eq!(jar().open(&bytes), None);
            if let Some(number) = bytes.first_chunk_mut() {
                *number = 7_u32.to_be_bytes();
            }
            prop_assert_eq!(jar().open(&bytes), None);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "((made|end|1|ff)[ \n]?){0,9}") {
            prop_assert!(Jar::<Toy>::parse(&text).is_none());
            let _ = Jar::<Toy>::parse(&format!("{FIRST_LINE}\nmade 1\n{text}"));
        }
    }
}
