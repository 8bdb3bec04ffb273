//! The keys that servers and we share: `ntp.keys`, a line `NUMBER KIND SECRET` for each.
//!
//! A secret of up to 20 characters is those characters, a longer one is hexadecimal (ntp.keys(5)).
//! chrony's `ASCII:` and `HEX:` before it say so themselves.

use std::fmt;

/// The most keys: nobody has so many servers.
pub const KEYS_MAX: usize = 1024;

/// A secret as text is no longer (ntp.keys(5)).
const TEXT_MAX: usize = 20;

/// The longest secret that is taken, in bytes: longer than any hash makes use of.
const SECRET_MAX: usize = 256;

/// How a code is made with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Broken since 2004; only for servers that know nothing else.
    Md5,
    /// SHA-1 of key and packet.
    Sha1,
    /// SHA-256 of them.
    Sha256,
    /// SHA-384 of them.
    Sha384,
    /// SHA-512 of them.
    Sha512,
    /// AES-128-CMAC (RFC 8573).
    Aes128,
    /// AES-256-CMAC.
    Aes256,
}

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its number, from 1; both sides know it by that.
    pub id: u32,
    /// How it is used.
    pub kind: Kind,
    /// What nobody else may know.
    pub secret: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its number, from 1.
    pub line: usize,
    what: What,
}

/// A secret is never in it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Number(String),
    Kind(String),
    Incomplete,
    More,
    Secret,
    Length(usize),
    Twice(u32),
    TooMany,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            What::Number(word) => write!(f, "a key's number cannot be {word}"),
            What::Kind(word) => write!(f, "no such kind of key: {word}"),
            What::Incomplete => f.write_str("a key is a number, a kind, and a secret"),
            What::More => f.write_str("something follows the secret"),
            What::Secret => f.write_str("the secret is longer than 20 characters and not hex"),
            What::Length(length) => write!(f, "a secret of this kind has {length} bytes"),
            What::Twice(id) => write!(f, "key {id} is there twice"),
            What::TooMany => write!(f, "more than {KEYS_MAX} keys"),
        }
    }
}

impl std::error::Error for Mistake {}

/// Reads the keys.
///
/// # Errors
/// The first [`Mistake`].
pub fn parse(text: &str) -> Result<Vec<Key>, Mistake> {
    let mut keys: Vec<Key> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mistake = |what| Mistake { line: index + 1, what };
        let Some(key) = parse_line(line).map_err(mistake)? else { continue };
        if keys.iter().any(|known| known.id == key.id) {
            return Err(mistake(What::Twice(key.id)));
        }
        if keys.len() == KEYS_MAX {
            return Err(mistake(What::TooMany));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn parse_line(line: &str) -> Result<Option<Key>, What> {
    let mut words = line.split_ascii_whitespace().take_while(|word| !word.starts_with('#'));
    let Some(number) = words.next() else { return Ok(None) };
    let id = number.parse().ok().filter(|id| *id > 0);
    let id = id.ok_or_else(|| What::Number(number.to_owned()))?;
    let (Some(kind), Some(secret)) = (words.next(), words.next()) else {
        return Err(What::Incomplete);
    };
    if words.next().is_some() {
        return Err(What::More);
    }
    let kind = parse_kind(kind).ok_or_else(|| What::Kind(kind.to_owned()))?;
    let secret = parse_secret(secret).ok_or(What::Secret)?;
    match length(kind) {
        Some(length) if secret.len() != length => Err(What::Length(length)),
        Some(_) | None => Ok(Some(Key { id, kind, secret })),
    }
}

/// Names as ntpd, ntpsec and chrony have them, whatever the case.
fn parse_kind(word: &str) -> Option<Kind> {
    Some(match word.to_ascii_uppercase().replace('-', "").as_str() {
        "M" | "MD5" => Kind::Md5,
        "SHA" | "SHA1" => Kind::Sha1,
        "SHA256" | "SHA2256" => Kind::Sha256,
        "SHA384" | "SHA2384" => Kind::Sha384,
        "SHA512" | "SHA2512" => Kind::Sha512,
        "AES" | "AES128" | "AES128CMAC" | "AESCMAC" => Kind::Aes128,
        "AES256" | "AES256CMAC" => Kind::Aes256,
        _ => return None,
    })
}

fn parse_secret(word: &str) -> Option<Vec<u8>> {
    let secret = if let Some(text) = word.strip_prefix("ASCII:") {
        text.as_bytes().to_vec()
    } else if let Some(digits) = word.strip_prefix("HEX:") {
        hex(digits)?
    } else if word.len() <= TEXT_MAX {
        word.as_bytes().to_vec()
    } else {
        hex(word)?
    };
    (!secret.is_empty() && secret.len() <= SECRET_MAX).then_some(secret)
}

/// Two digits a byte.
#[must_use]
pub fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    let byte = |&[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    if odd.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// The ciphers' secrets have their length.
fn length(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Aes128 => Some(16),
        Kind::Aes256 => Some(32),
        Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha384 | Kind::Sha512 => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mistake(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_ntpds_is_understood() {
        let text = "# a comment\n\n 1 M  secret  # an old one\n\
            2 SHA1 0123456789abcdef0123456789abcdef01234567\n\
            65534 AES 0123456789abcdef\n9 SHA256 ASCII:a-passphrase-of-some-length\n\
            10 aes-256 HEX:000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
        let keys = parse(text).unwrap();
        let seen: Vec<_> = keys.iter().map(|k| (k.id, k.kind, k.secret.len())).collect();
        assert_eq!(
            seen,
            [
                (1, Kind::Md5, 6),
                (2, Kind::Sha1, 20),
                (65534, Kind::Aes128, 16),
                (9, Kind::Sha256, 27),
                (10, Kind::Aes256, 32),
            ]
        );
        assert_eq!(keys[4].secret[31], 0x1f);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        assert_eq!(mistake("0 M x"), "line 1: a key's number cannot be 0");
        assert_eq!(mistake("\nx M x"), "line 2: a key's number cannot be x");
        assert_eq!(mistake("1 RMD160 x"), "line 1: no such kind of key: RMD160");
        assert_eq!(mistake("1 M"), "line 1: a key is a number, a kind, and a secret");
        assert_eq!(mistake("1 M a b"), "line 1: something follows the secret");
        assert_eq!(mistake("1 M a\n1 M b"), "line 2: key 1 is there twice");
        assert_eq!(mistake("1 AES short"), "line 1: a secret of this kind has 16 bytes");
        let secret = "not-hexadecimal-and-too-long";
        let said = mistake(&format!("1 M {secret}"));
        assert_eq!(said, "line 1: the secret is longer than 20 characters and not hex");
    }

    #[test]
    fn a_secret_does_not_get_into_a_debug_line() {
        let keys = parse("1 M tell-nobody").unwrap();
        assert!(!format!("{keys:?}").contains("tell"));
        assert!(!format!("{keys:?}").contains("116"));
    }

    #[test]
    fn there_is_a_limit_to_the_number_of_keys() {
        let lines = |count| (1..=count).map(|id| format!("{id} M x\n")).collect::<Vec<_>>();
        let text = |count| lines(count).concat();
        assert!(parse(&text(KEYS_MAX)).is_ok());
        assert_eq!(mistake(&text(KEYS_MAX + 1)), "line 1025: more than 1024 keys");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9]{1,3} )?(M|AES|SHA1|HEX:|[ -~\n]){0,60}") {
            let _ = parse(&text);
        }
    }
}
