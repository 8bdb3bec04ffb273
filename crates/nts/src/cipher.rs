//! `AEAD_AES_SIV_CMAC_256` (RFC 5297), the cipher that every NTS server has.

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes128Siv;
use ntp::nts::ke::KEY_LENGTH;
use ntp::nts::{Aead, Keyed};

/// A key of one direction.
#[derive(Clone, Copy)]
pub struct AesSiv {
    key: [u8; KEY_LENGTH],
}

impl std::fmt::Debug for AesSiv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesSiv")
    }
}

impl AesSiv {
    /// With this key.
    #[must_use]
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        Self { key }
    }
}

impl Aead for AesSiv {
    fn seal(&self, nonce: &[u8], beside: &[u8], plain: &[u8]) -> Vec<u8> {
        let sealed = Aes128Siv::new(&self.key.into()).encrypt([beside, nonce], plain);
        // It fails where there are more than 126 headers. Should it ever, nobody can read nothing.
        sealed.unwrap_or_default()
    }

    fn open(&self, nonce: &[u8], beside: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        Aes128Siv::new(&self.key.into()).decrypt([beside, nonce], sealed).ok()
    }
}

impl Keyed for AesSiv {
    fn with_key(key: [u8; KEY_LENGTH]) -> Self {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use ntp::keys::hex;
    use proptest::prelude::*;

    use super::*;

    /// RFC 5297, A.2 has two headers and a nonce; ours are one and a nonce, so its A.1 is checked
    /// with the crate itself and A.2 with it too.
    #[test]
    fn the_crate_computes_what_rfc_5297_says() {
        let bytes = |text: &str| hex(&text.replace(' ', "")).unwrap();
        let key: [u8; 32] =
            bytes("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
                .try_into()
                .unwrap();
        let header = bytes("101112131415161718191a1b1c1d1e1f2021222324252627");
        let plain = bytes("112233445566778899aabbccddee");
        let sealed = Aes128Siv::new(&key.into()).encrypt([&header], &plain).unwrap();
        let expected = bytes("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
        assert_eq!(sealed, expected);
        let key: [u8; 32] =
            bytes("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f")
                .try_into()
                .unwrap();
        let first = bytes(
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
        );
        let second = bytes("102030405060708090a0");
        let nonce = bytes("09f911029d74e35bd84156c5635688c0");
        let plain = b"this is some plaintext to encrypt using SIV-AES";
        let sealed = Aes128Siv::new(&key.into()).encrypt([&first, &second, &nonce], plain).unwrap();
        let expected = bytes(
            "7bdb6e3b432667eb06f4d14bff2fbd0f cb900f2fddbe404326601965c889bf17
             dba77ceb094fa663b7a3f748ba8af829 ea64ad544a272e9c485b62a3fd5c0d"
                .replace('\n', "")
                .as_str(),
        );
        assert_eq!(sealed, expected);
    }

    #[test]
    fn the_packet_comes_first_and_the_nonce_last() {
        let key = AesSiv::new([7; 32]);
        let theirs = Aes128Siv::new(&[7; 32].into()).encrypt([&b"packet"[..], b"nonce"], b"x");
        assert_eq!(key.seal(b"nonce", b"packet", b"x"), theirs.unwrap());
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened_and_no_bit_of_it_can_be_changed(
            plain in proptest::collection::vec(any::<u8>(), 0..100),
            at: prop::sample::Index,
            bit in 0..8,
        ) {
            let key = AesSiv::new([7; 32]);
            let mut sealed = key.seal(&[1; 16], b"beside", &plain);
            prop_assert_eq!(key.open(&[1; 16], b"beside", &sealed), Some(plain));
            prop_assert_eq!(key.open(&[2; 16], b"beside", &sealed), None);
            prop_assert_eq!(key.open(&[1; 16], b"besides", &sealed), None);
            prop_assert_eq!(AesSiv::new([8; 32]).open(&[1; 16], b"beside", &sealed), None);
            let at = at.index(sealed.len());
            sealed[at] ^= 1_u8 << bit;
            prop_assert_eq!(key.open(&[1; 16], b"beside", &sealed), None);
        }
    }
}
