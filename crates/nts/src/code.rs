//! The codes of symmetric keys: CMAC (RFC 8573), or a hash of key and packet, as ntpd has always
//! made them.

use aes::{Aes128, Aes256};
use cmac::{Cmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use ntp::keys::{Key, Kind};
use ntp::mac::Sign;
use ring::digest;

/// A key that makes codes.
#[derive(Debug, Clone)]
pub struct Signer(pub Key);

impl Sign for Signer {
    fn code(&self, packet: &[u8]) -> Vec<u8> {
        let Key { kind, secret, .. } = &self.0;
        match kind {
            Kind::Md5 => Md5::new().chain_update(secret).chain_update(packet).finalize().to_vec(),
            Kind::Sha1 => hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, secret, packet),
            Kind::Sha256 => hash(&digest::SHA256, secret, packet),
            Kind::Sha384 => hash(&digest::SHA384, secret, packet),
            Kind::Sha512 => hash(&digest::SHA512, secret, packet),
            Kind::Aes128 => {
                let cmac = Cmac::<Aes128>::new_from_slice(secret);
                cmac.map(|cmac| cmac.chain_update(packet).finalize().into_bytes().to_vec())
                    .unwrap_or_default()
            }
            Kind::Aes256 => {
                let cmac = Cmac::<Aes256>::new_from_slice(secret);
                cmac.map(|cmac| cmac.chain_update(packet).finalize().into_bytes().to_vec())
                    .unwrap_or_default()
            }
        }
    }
}

fn hash(how: &'static digest::Algorithm, secret: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut hash = digest::Context::new(how);
    hash.update(secret);
    hash.update(packet);
    hash.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use ntp::keys::hex;

    use super::*;

    fn code(kind: Kind, secret: &[u8], packet: &[u8]) -> Vec<u8> {
        Signer(Key { id: 1, kind, secret: secret.to_vec() }).code(packet)
    }

    /// RFC 4493, section 4, and SP 800-38B, D.3.
    #[test]
    fn cmac_is_the_standards() {
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let message = hex("6bc1bee22e409f96e93d7e117393172a").unwrap();
        let expected = hex("070a16b46b4d4144f79bdd9dd04a287c").unwrap();
        assert_eq!(code(Kind::Aes128, &key, &message), expected);
        let expected = hex("bb1d6929e95937287fa37d129b756746").unwrap();
        assert_eq!(code(Kind::Aes128, &key, b""), expected);
        let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").unwrap();
        let expected = hex("28a7023f452e8f82bd4bf28d8c37c35c").unwrap();
        assert_eq!(code(Kind::Aes256, &key, &message), expected);
    }

    /// The hash of the key and then the packet: `abc` split in two is `abc` (FIPS 180, RFC 1321).
    #[test]
    fn hashes_are_of_key_and_packet_together() {
        for (kind, expected) in [
            (Kind::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Kind::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Kind::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(code(kind, b"a", b"bc"), hex(expected).unwrap(), "{kind:?}");
        }
        assert_eq!(code(Kind::Sha384, b"a", b"bc").len(), 48);
        assert_eq!(code(Kind::Sha512, b"a", b"bc").len(), 64);
    }
}
