//! Packets signed with a key that both sides have: four bytes of key number and a code follow the
//! packet (RFC 5905, section 7.3; RFC 8573).
//!
//! How a code is made of a packet is [`Sign`]'s business: ciphers are not written here.

use crate::answer::Refused;
use crate::packet::{HEADER, Malformed, PACKET_MAX};
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

/// The header of an answer to the request with this nonce, if the code says that it is one of
/// somebody who has the key.
///
/// # Errors
/// [`Refused`]. Whoever does not know the nonce is refused with what is not the server's fault.
pub fn open<'a>(
    bytes: &'a [u8],
    nonce: Option<Stamp>,
    id: u32,
    key: &impl Sign,
) -> Result<&'a [u8], Refused> {
    let header = answers(bytes, nonce)?;
    let tail = bytes.len() - HEADER;
    if tail == 0 {
        return Err(Refused::Unsigned);
    }
    if tail == KEY_ID {
        // A crypto-NAK (RFC 5905, section 9.2). Anybody on the way could write it: it ends nothing.
        return Err(Refused::Unknown);
    }
    let length = key.code(&[]).len().min(CODE_MAX);
    let at = bytes.len().checked_sub(KEY_ID + length).filter(|at| *at >= HEADER);
    let (packet, mac) = at.and_then(|at| bytes.split_at_checked(at)).ok_or(Refused::Code)?;
    let (said, code) = mac.split_at_checked(KEY_ID).ok_or(Refused::Code)?;
    let expected = key.code(packet);
    let expected = expected.get(..length).unwrap_or_default();
    if said != id.to_be_bytes() || !same(code, expected) {
        return Err(Refused::Code);
    }
    Ok(header)
}

/// The header of a packet that answers the request with this nonce, signed or not.
pub(crate) fn answers(bytes: &[u8], nonce: Option<Stamp>) -> Result<&[u8], Refused> {
    if bytes.len() > PACKET_MAX {
        return Err(Refused::Malformed(Malformed::Long));
    }
    let header = bytes.get(..HEADER).ok_or(Refused::Malformed(Malformed::Short))?;
    if !bytes.len().is_multiple_of(4) {
        return Err(Refused::Malformed(Malformed::Odd));
    }
    let origin = header.get(24..).and_then(<[u8]>::first_chunk).copied().map(u64::from_be_bytes);
    let is_ours = nonce.is_some_and(|nonce| nonce != Stamp::ZERO && origin == Some(nonce.0));
    if is_ours { Ok(header) } else { Err(Refused::Origin) }
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
    fn an_answer_without_a_code_is_refused() {
        assert_eq!(opened(&answer()), Err(Refused::Unsigned));
    }

    /// CVE-2016-4953 to CVE-2016-4955: what cannot be checked changes nothing, and says so.
    #[test]
    fn a_crypto_nak_is_refused() {
        let nak = [&answer()[..], &[0; 4]].concat();
        assert_eq!(opened(&nak), Err(Refused::Unknown));
        let forged = open(&nak, Some(Stamp(1)), 7, &Sum(16, 1));
        assert_eq!(forged, Err(Refused::Origin), "it is not even an answer to us");
    }

    #[test]
    fn another_key_another_number_another_length_are_refused() {
        assert_eq!(opened(&sign(answer(), 7, &Sum(16, 2))), Err(Refused::Code));
        assert_eq!(opened(&sign(answer(), 8, &Sum(16, 1))), Err(Refused::Code));
        assert_eq!(opened(&sign(answer(), 7, &Sum(20, 1))), Err(Refused::Code));
        assert_eq!(opened(&sign(answer(), 7, &Sum(8, 1))), Err(Refused::Code));
    }

    #[test]
    fn a_request_that_is_not_open_is_answered_by_nobody() {
        let signed = sign(answer(), 7, &Sum(16, 1));
        assert_eq!(open(&signed, None, 7, &Sum(16, 1)), Err(Refused::Origin));
        assert_eq!(open(&signed, Some(Stamp::ZERO), 7, &Sum(16, 1)), Err(Refused::Origin));
    }

    proptest! {
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
