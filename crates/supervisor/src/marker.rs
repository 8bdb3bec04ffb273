//! A service's marker: a secret in the environment of all its processes, by which an orphan is
//! known as its own. Whoever does not know it cannot pass for one of them.

use std::ffi::CString;
use std::num::NonZeroU64;

use sys::spawn::MARKER;

/// A service's marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker(u64);

impl Marker {
    /// A new one. Where the kernel gives no random numbers, `seed` must do.
    pub(crate) fn new(seed: u64) -> Self {
        Self(sys::random::nonce().map_or(seed, NonZeroU64::get))
    }

    /// One that processes carry already.
    pub(crate) const fn kept(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// The entry of the environment.
    pub(crate) fn entry(self) -> CString {
        CString::new(format!("{MARKER}={:016x}", self.0)).unwrap_or_default()
    }

    /// Reads the value of an entry.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() == 16)?;
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_into_the_environment_is_read_from_it() {
        let marker = Marker::new(7);
        let entry = marker.entry();
        let value = entry.to_bytes().strip_prefix(b"KEEPUP_SERVICE=").unwrap();
        assert_eq!(Marker::parse(value), Some(marker));
        assert_ne!(Marker::new(7), marker, "a secret is no constant");
    }

    #[test]
    fn what_others_put_there_is_none() {
        for value in [&b""[..], b"1", b"00000000000000000", b"000000000000000g", b"\xff"] {
            assert_eq!(Marker::parse(value), None);
        }
    }
}
