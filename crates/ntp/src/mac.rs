//! Packets signed with a key that both sides have: four bytes of key number and a code follow the
//! packet (RFC 5905, section 7.3; RFC 8573). As a client we sign requests and [`open`] answers; as
//! a server we check the [`Claim`] of a question, and answer in kind.
//!
//! How a code is made of a packet is [`Sign`]'s business: ciphers are not written here.

use crate::answer::Refused;
use crate::packet::{HEADER, Malformed, PACKET_MAX, Request};
use crate::time::Stamp;

/// The longest code that is sent: more is cut, so that what follows a packet can be told apart by
/// its length (RFC 7822, section 7.5.1.4; so do the servers there are).
pub const CODE_MAX: usize = 20;

/// The number of a key, before the code.
const KEY_ID: usize = 4;

/// Makes codes with one key.
pub trait Sign {
    /// The code of a packet.
    fn code(&self, packet: &[u8]) -> Vec<u8>;
}

/// The packet with its code.
#[must_use]
pub fn sign(mut packet: Vec<u8>, id: u32, key: &impl Sign) -> Vec<u8> {
    let mut code = key.code(&packet);
    code.truncate(CODE_MAX);
    packet.extend_from_slice(&id.to_be_bytes());
    packet.append(&mut code);
    packet
}

/// The header of an answer to this request, if the code says that it is one of
/// somebody who has the key.
///
/// # Errors
/// [`Refused`]. Whoever does not know its nonces is refused with what is not the server's fault.
pub fn open<'a>(
    bytes: &'a [u8],
    asked: Option<impl Into<Request>>,
    id: u32,
    key: &impl Sign,
) -> Result<&'a [u8], Refused> {
    let header = answers(bytes, asked.map(Into::into))?;
    let tail = bytes.len() - HEADER;
    if tail == 0 {
        return Err(Refused::Unsigned);
    }
    if tail == KEY_ID {
        // A crypto-NAK (RFC 5905, section 9.2). Anybody on the way could write it: it ends nothing.
        return Err(Refused::Nak(id));
    }
    let length = key.code(&[]).len().min(CODE_MAX);
    let at = bytes.len().checked_sub(KEY_ID + length).filter(|at| *at >= HEADER);
    let (packet, mac) = at.and_then(|at| bytes.split_at_checked(at)).ok_or(Refused::Key(id))?;
    let (said, code) = mac.split_at_checked(KEY_ID).ok_or(Refused::Key(id))?;
    let expected = key.code(packet);
    let expected = expected.get(..length).unwrap_or_default();
    if said != id.to_be_bytes() || length == 0 || !same(code, expected) {
        return Err(Refused::Key(id));
    }
    Ok(header)
}

/// What a question says of the key it is signed with; nothing is proven by that yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The number of the key.
    pub key: u32,
    /// How long the code is.
    length: usize,
}

impl Claim {
    /// Of a packet whose last `length` bytes are number and code; nothing where there is but the
    /// number.
    #[must_use]
    pub fn of(packet: &[u8], length: usize) -> Option<Self> {
        let mac = packet.get(packet.len().checked_sub(length)?..)?;
        let (key, code) = mac.split_first_chunk::<KEY_ID>()?;
        let key = u32::from_be_bytes(*key);
        (!code.is_empty()).then_some(Self { key, length: code.len() })
    }

    /// Whether the packet's code is one of somebody who has the key. A code is whole or cut to
    /// [`CODE_MAX`]: clients of version 3 do not cut (RFC 5905, section 7.3).
    #[must_use]
    pub fn is_true(self, packet: &[u8], key: &impl Sign) -> bool {
        let Some(end) = packet.len().checked_sub(self.length) else { return false };
        let Some((signed, code)) = packet.split_at_checked(end) else { return false };
        let Some(body) = end.checked_sub(KEY_ID).and_then(|body| signed.get(..body)) else {
            return false;
        };
        let whole = key.code(body);
        let lengths = [whole.len(), whole.len().min(CODE_MAX)];
        let expected = whole.get(..self.length).unwrap_or_default();
        lengths.contains(&self.length) && same(code, expected)
    }

    /// An answer with a code of that key, as long as the question's.
    #[must_use]
    pub fn sign(self, mut answer: Vec<u8>, key: &impl Sign) -> Vec<u8> {
        let mut code = key.code(&answer);
        code.truncate(self.length);
        answer.extend_from_slice(&self.key.to_be_bytes());
        answer.append(&mut code);
        answer
    }
}

/// The header of a packet that answers this request, signed or not.
pub(crate) fn answers(bytes: &[u8], asked: Option<Request>) -> Result<&[u8], Refused> {
    if bytes.len() > PACKET_MAX {
        return Err(Refused::Malformed(Malformed::Long));
    }
    let header = bytes.get(..HEADER).ok_or(Refused::Malformed(Malformed::Short))?;
    if !bytes.len().is_multiple_of(4) {
        return Err(Refused::Malformed(Malformed::Odd));
    }
    let origin = header.get(24..).and_then(<[u8]>::first_chunk).copied().map(u64::from_be_bytes);
    let answered = asked.zip(origin).and_then(|(asked, origin)| asked.answered(Stamp(origin)));
    answered.map(|_| header).ok_or(Refused::Origin)
}

/// Whether two codes are the same, in a time that does not tell how much of them is.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::{Header, Mode, request};

    const NONCE: Stamp = Stamp(0x0123_4567_89ab_cdef);

    /// A code as long as it says: no cipher, but every byte counts.
    struct Sum(usize, u8);

    impl Sign for Sum {
        fn code(&self, packet: &[u8]) -> Vec<u8> {
            let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            let sum = packet.iter().fold(0xcbf2_9ce4_8422_2325 ^ u64::from(self.1), mix);
            sum.to_be_bytes().into_iter().cycle().take(self.0).collect()
        }
    }

    fn answer() -> Vec<u8> {
        let header = Header { version: 4, mode: Mode::Server, origin: NONCE, ..Header::default() };
        header.encode().to_vec()
    }

    fn opened(bytes: &[u8]) -> Result<&[u8], Refused> {
        open(bytes, Some(NONCE), 7, &Sum(16, 1))
    }

    #[test]
    fn what_is_signed_is_opened() {
        for length in [16, 20, 32, 64] {
            let signed = sign(answer(), 7, &Sum(length, 1));
            assert_eq!(signed.len(), HEADER + 4 + length.min(CODE_MAX));
            assert_eq!(open(&signed, Some(NONCE), 7, &Sum(length, 1)), Ok(&answer()[..]));
        }
        assert_eq!(sign(request(NONCE).to_vec(), 7, &Sum(16, 1)).len(), 68);
    }

    #[test]
    fn an_interleaved_answer_is_opened_by_its_own_nonce_and_what_was_shown_opens_nothing() {
        for (asks, opens) in [
            (Request::interleaved(Stamp(1), NONCE, Stamp(2)), true),
            (Request::interleaved(NONCE, Stamp(1), Stamp(2)), false),
        ] {
            let signed = sign(answer(), 7, &Sum(16, 1));
            assert_eq!(open(&signed, Some(asks), 7, &Sum(16, 1)).is_ok(), opens);
            let mut bent = signed.clone();
            bent[40] ^= 1;
            let refused = if opens { Refused::Key(7) } else { Refused::Origin };
            assert_eq!(open(&bent, Some(asks), 7, &Sum(16, 1)), Err(refused));
        }
    }

    #[test]
    fn an_answer_without_a_code_is_refused() {
        assert_eq!(opened(&answer()), Err(Refused::Unsigned));
    }

    /// CVE-2016-4953 to CVE-2016-4955: what cannot be checked changes nothing, and says so.
    #[test]
    fn a_crypto_nak_is_refused() {
        let nak = [&answer()[..], &[0; 4]].concat();
        assert_eq!(opened(&nak), Err(Refused::Nak(7)));
        let forged = open(&nak, Some(Stamp(1)), 7, &Sum(16, 1));
        assert_eq!(forged, Err(Refused::Origin), "it is not even an answer to us");
    }

    #[test]
    fn another_key_another_number_another_length_are_refused() {
        assert_eq!(opened(&sign(answer(), 7, &Sum(16, 2))), Err(Refused::Key(7)));
        assert_eq!(opened(&sign(answer(), 8, &Sum(16, 1))), Err(Refused::Key(7)));
        assert_eq!(opened(&sign(answer(), 7, &Sum(20, 1))), Err(Refused::Key(7)));
        assert_eq!(opened(&sign(answer(), 7, &Sum(8, 1))), Err(Refused::Key(7)));
    }

    #[test]
    fn a_request_that_is_not_open_is_answered_by_nobody() {
        let signed = sign(answer(), 7, &Sum(16, 1));
        assert_eq!(open(&signed, None::<Stamp>, 7, &Sum(16, 1)), Err(Refused::Origin));
        assert_eq!(open(&signed, Some(Stamp::ZERO), 7, &Sum(16, 1)), Err(Refused::Origin));
    }

    /// The claim of a question that this key has signed with a code of `length` bytes.
    fn claimed(key: &Sum, length: usize) -> (Vec<u8>, Claim) {
        let mut question = request(NONCE).to_vec();
        let code = key.code(&question);
        question.extend_from_slice(&7_u32.to_be_bytes());
        question.extend_from_slice(&code[..length]);
        let claim = Claim::of(&question, KEY_ID + length).unwrap();
        assert_eq!((claim.key, claim.length), (7, length));
        (question, claim)
    }

    #[test]
    fn a_question_is_known_by_a_whole_or_a_cut_code_and_answered_in_kind() {
        for (whole, length) in [(16, 16), (20, 20), (32, 20), (32, 32), (64, 20), (64, 64)] {
            let key = Sum(whole, 1);
            let (question, claim) = claimed(&key, length);
            assert!(claim.is_true(&question, &key), "{length} of {whole}");
            let reply = claim.sign(answer(), &key);
            assert_eq!(reply.len(), question.len());
            assert_eq!(reply[HEADER + KEY_ID..], key.code(&answer())[..length]);
            let is_cut = length == whole.min(CODE_MAX);
            assert_eq!(open(&reply, Some(NONCE), 7, &key).is_ok(), is_cut);
        }
    }

    /// A short code is quickly guessed: only the two lengths there are will do.
    #[test]
    fn a_code_of_another_length_or_key_proves_nothing() {
        for length in [1, 4, 15] {
            let (question, claim) = claimed(&Sum(16, 1), length);
            assert!(!claim.is_true(&question, &Sum(16, 1)), "{length}");
        }
        let (question, claim) = claimed(&Sum(32, 1), 24);
        assert!(!claim.is_true(&question, &Sum(32, 1)));
        let (question, claim) = claimed(&Sum(16, 1), 16);
        assert!(!claim.is_true(&question, &Sum(16, 2)));
        assert!(!claim.is_true(&question, &Sum(0, 1)), "a key that makes no code");
        assert!(!claim.is_true(&question[..10], &Sum(16, 1)));
    }

    #[test]
    fn a_number_without_a_code_claims_nothing() {
        let question = [&request(NONCE)[..], &[0, 0, 0, 7]].concat();
        assert_eq!(Claim::of(&question, 4), None);
        assert_eq!(Claim::of(&question[..3], 4), None);
    }

    proptest! {
        #[test]
        fn no_bit_of_a_signed_question_can_be_changed(at in 0_usize..68, bit in 0..8) {
            let (mut question, _) = claimed(&Sum(16, 1), 16);
            question[at] ^= 1_u8 << bit;
            let claim = Claim::of(&question, 20).unwrap();
            prop_assert!(claim.key != 7 || !claim.is_true(&question, &Sum(16, 1)));
        }

        #[test]
        fn any_claim_is_true_or_not(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            length in 0_usize..200,
        ) {
            let claim = Claim::of(&bytes, length);
            prop_assert!(claim.is_none_or(|claim| !claim.is_true(&bytes, &Sum(16, 1))));
        }

        #[test]
        fn no_bit_of_a_signed_packet_can_be_changed(at in 0_usize..68, bit in 0..8) {
            let mut signed = sign(answer(), 7, &Sum(16, 1));
            signed[at] ^= 1_u8 << bit;
            prop_assert!(opened(&signed).is_err());
        }

        #[test]
        fn any_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..1100)) {
            prop_assert!(opened(&bytes).is_err());
            if bytes.len() >= HEADER {
                bytes[24..32].copy_from_slice(&NONCE.0.to_be_bytes());
                prop_assert!(opened(&bytes).is_err());
            }
        }
    }
}
