//! TAI64N: a stamp of 12 bytes and its label of 25 characters (`@40000000…`), as daemontools
//! writes them.
//!
//! daemontools keeps no table of leap seconds here: a stamp is the Unix time plus ten seconds plus
//! 2^62 (`tai_now.c`). So do we; leap seconds belong to the time service.
//!
//! Pure: nothing here reads a clock.

use std::fmt;
use std::time::Duration;

/// TAI64 seconds of the Unix epoch: 2^62 plus the ten seconds TAI was ahead of UTC in 1970.
pub const UNIX_EPOCH: u64 = (1 << 62) + 10;

/// Length of a packed stamp: 8 bytes of seconds and 4 of nanoseconds, both big-endian.
pub const PACKED_LEN: usize = 12;

/// Length of a label: `@`, 16 hex digits of seconds, 8 of nanoseconds.
pub const LABEL_LEN: usize = 25;

const NANOS_PER_SEC: u32 = 1_000_000_000;

/// An instant of wall-clock time as daemontools stores it. Orders as time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    secs: u64,
    nanos: u32,
}

impl Stamp {
    /// The stamp of a wall-clock time given as the time since the Unix epoch.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let secs = UNIX_EPOCH.wrapping_add(since_epoch.as_secs());
        Self { secs, nanos: since_epoch.subsec_nanos() }
    }

    /// The time since the Unix epoch; `None` for a stamp before it.
    #[must_use]
    pub fn to_unix(self) -> Option<Duration> {
        let secs = self.secs.checked_sub(UNIX_EPOCH)?;
        Some(Duration::new(secs, self.nanos.min(NANOS_PER_SEC - 1)))
    }

    /// TAI64 seconds.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.secs
    }

    /// Nanoseconds within the second. A hostile label may carry more than 999999999.
    #[must_use]
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// The 12 bytes of `supervise/status` and of s6's files (`taia_pack.c`, without attoseconds).
    #[must_use]
    pub fn pack(self) -> [u8; PACKED_LEN] {
        let mut bytes = [0; PACKED_LEN];
        bytes[..8].copy_from_slice(&self.secs.to_be_bytes());
        bytes[8..].copy_from_slice(&self.nanos.to_be_bytes());
        bytes
    }

    /// The inverse of [`Stamp::pack`]: every 12 bytes are a stamp.
    #[must_use]
    pub fn unpack(bytes: [u8; PACKED_LEN]) -> Self {
        let mut secs = [0; 8];
        let mut nanos = [0; 4];
        secs.copy_from_slice(&bytes[..8]);
        nanos.copy_from_slice(&bytes[8..]);
        Self { secs: u64::from_be_bytes(secs), nanos: u32::from_be_bytes(nanos) }
    }

    /// The label: `@` and 24 lower-case hex digits (`timestamp.c`).
    #[must_use]
    pub fn label(self) -> [u8; LABEL_LEN] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut label = [b'@'; LABEL_LEN];
        for (pair, byte) in label[1..].chunks_exact_mut(2).zip(self.pack()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        label
    }

    /// Reads a label at the start of `text`: `@` and 24 lower-case hex digits, what follows is
    /// not looked at. `None` where it is not one.
    #[must_use]
    pub fn parse_label(text: &[u8]) -> Option<Self> {
        let digits = text.get(..LABEL_LEN)?.strip_prefix(b"@")?;
        let mut packed = [0; PACKED_LEN];
        let mut seen = 0;
        for (byte, pair) in packed.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            *byte = high << 4 | low;
            seen |= high | low;
        }
        if seen > 15 {
            return None;
        }
        Some(Self::unpack(packed))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:016x}{:08x}", self.secs, self.nanos)
    }
}

/// The value of each lower-case hex digit, and more than 15 for all else: `tai64nlocal` takes no
/// capitals. A table has no branch in it: labels are read by the million.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seen live: Debian's supervise wrote these bytes on 2026-11-22.
    const SEEN: [u8; PACKED_LEN] = [0x40, 0, 0, 0, 0x6b, 0x03, 0x46, 0xad, 0x02, 0x4e, 0xef, 0x4c];

    #[test]
    fn the_bytes_of_a_real_status_file_are_a_day_in_november_2026() {
        let unix = Stamp::unpack(SEEN).to_unix().unwrap();
        assert_eq!(unix, Duration::new(0x6b03_46ad - 10, 0x024e_ef4c));
    }

    #[test]
    fn the_epoch_has_the_label_of_djbs_page() {
        let label = Stamp::from_unix(Duration::ZERO).label();
        assert_eq!(&label, b"@400000000000000a00000000");
    }

    #[test]
    fn a_stamp_before_1970_has_no_unix_time() {
        assert_eq!(Stamp::unpack([0; PACKED_LEN]).to_unix(), None);
    }

    #[test]
    fn nanoseconds_of_a_hostile_label_stay_below_a_second() {
        let label = b"@400000000000000affffffff";
        let unix = Stamp::parse_label(label).unwrap().to_unix().unwrap();
        assert_eq!(unix, Duration::from_nanos(999_999_999));
    }

    #[test]
    fn capitals_short_labels_and_other_lines_are_no_labels() {
        for text in ["", "@", "hello", "@400000000000000A00000000", "@40000000", "400000000000000a"]
        {
            assert_eq!(Stamp::parse_label(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn packing_and_labels_lose_nothing(secs: u64, nanos: u32) {
            let stamp = Stamp { secs, nanos };
            prop_assert_eq!(Stamp::unpack(stamp.pack()), stamp);
            prop_assert_eq!(Stamp::parse_label(&stamp.label()), Some(stamp));
            prop_assert_eq!(stamp.to_string().into_bytes(), stamp.label().to_vec());
        }

        #[test]
        fn labels_order_as_time_does(a: (u64, u32), b: (u64, u32)) {
            let (a, b) = (Stamp { secs: a.0, nanos: a.1 }, Stamp { secs: b.0, nanos: b.1 });
            prop_assert_eq!(a.cmp(&b), a.label().cmp(&b.label()));
        }

        #[test]
        fn unix_time_survives(secs in 0u64..1 << 40, nanos in 0u32..NANOS_PER_SEC) {
            let unix = Duration::new(secs, nanos);
            prop_assert_eq!(Stamp::from_unix(unix).to_unix(), Some(unix));
        }
    }
}
