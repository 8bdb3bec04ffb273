//! `supervise/status`: 18 bytes that svstat reads (daemontools, `supervise.c: announce`).
//!
//! ```text
//! 40000000 6b0346ad 024eef4c   stamp of the last start or end, TAI64N, big-endian
//! 926a0000                     pid, little-endian; 0 = down
//! 00                           1 = paused
//! 75                           'u' wanted up, 'd' wanted down, 0 wanted once
//! ```

use tai::Stamp;

/// Length of the record. Readers must accept longer ones: runit writes 20 bytes, encore 20 or 40.
pub const LEN: usize = 18;

/// What the operator wants, as the status shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Up, and up again after each end.
    Up,
    /// Down.
    Down,
    /// Nothing: it runs once, and rests when it ends.
    Once,
}

/// The state of a service as daemontools can express it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    /// When `pid` last changed.
    pub since: Stamp,
    /// The running process; 0 = down. Unsigned, as svstat prints it.
    pub pid: u32,
    /// Whether it was stopped by `svc -p`; never true while it is down.
    pub paused: bool,
    /// What the operator wants.
    pub want: Wish,
}

impl Status {
    /// The bytes of `supervise/status`.
    #[must_use]
    pub fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..12].copy_from_slice(&self.since.pack());
        bytes[12..16].copy_from_slice(&self.pid.to_le_bytes());
        bytes[16] = u8::from(self.paused);
        bytes[17] = match self.want {
            Wish::Up => b'u',
            Wish::Down => b'd',
            Wish::Once => 0,
        };
        bytes
    }

    /// Reads a record; bytes beyond the 18th are not looked at. `None` where it is too short.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.first_chunk()?;
        let (stamp, rest) = bytes.split_first_chunk::<{ tai::PACKED_LEN }>()?;
        let (pid, flags) = rest.split_first_chunk::<4>()?;
        Some(Self {
            since: Stamp::unpack(*stamp),
            pid: u32::from_le_bytes(*pid),
            paused: flags.first() != Some(&0),
            want: match flags.get(1) {
                Some(b'u') => Wish::Up,
                Some(b'd') => Wish::Down,
                _ => Wish::Once,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written by Debian's supervise: pid 27282, up and wanted up.
    const SEEN: [u8; LEN] =
        [0x40, 0, 0, 0, 0x6b, 0x03, 0x46, 0xad, 0x02, 0x4e, 0xef, 0x4c, 0x92, 0x6a, 0, 0, 0, b'u'];

    #[test]
    fn a_record_of_the_original_is_read_and_written_to_the_byte() {
        let status = Status::decode(&SEEN).unwrap();
        assert_eq!((status.pid, status.paused, status.want), (0x6a92, false, Wish::Up));
        assert_eq!(status.encode(), SEEN);
    }

    #[test]
    fn a_short_record_is_none_and_a_long_one_is_read() {
        assert_eq!(Status::decode(&SEEN[..17]), None);
        let mut runit = SEEN.to_vec();
        runit.extend([0, 1]);
        assert_eq!(Status::decode(&runit), Status::decode(&SEEN));
    }

    fn any_status() -> impl Strategy<Value = Status> {
        let wish = prop_oneof![Just(Wish::Up), Just(Wish::Down), Just(Wish::Once)];
        (any::<[u8; 12]>(), any::<u32>(), any::<bool>(), wish).prop_map(|(s, pid, paused, want)| {
            Status { since: Stamp::unpack(s), pid, paused, want }
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(status in any_status()) {
            prop_assert_eq!(Status::decode(&status.encode()), Some(status));
        }

        #[test]
        fn no_bytes_are_too_odd_to_read(bytes: [u8; 30]) {
            prop_assert!(Status::decode(&bytes).is_some());
        }
    }
}
