//! Stamps as the logger writes them: the prefix of a line, and the label of an old file.

use tai::{LABEL_LEN, Stamp};

/// Length of a line's prefix: a label and a space.
pub const PREFIX_LEN: usize = LABEL_LEN + 1;

/// Where the nanoseconds begin in a label.
const NANOS_AT: usize = 17;

/// Labels from here on are no times (TAI64 reserves them): an old file that bears one says nothing.
const RESERVED: u64 = 1 << 63;

const NANOS_PER_SEC: u32 = 1_000_000_000;

/// The prefix of a line. Most lines come in the second of the line before, so only the digits that
/// can have changed are written.
#[derive(Debug)]
pub struct Prefix {
    secs: u64,
    text: [u8; PREFIX_LEN],
}

impl Default for Prefix {
    fn default() -> Self {
        let mut prefix = Self { secs: 0, text: [b' '; PREFIX_LEN] };
        prefix.begin(Stamp::unpack([0; tai::PACKED_LEN]));
        prefix
    }
}

impl Prefix {
    /// The prefix of a line that begins at `now`.
    pub fn at(&mut self, now: Stamp) -> &[u8; PREFIX_LEN] {
        if now.secs() == self.secs {
            let digits = self.text.iter_mut().skip(NANOS_AT).zip((0..8).rev());
            for (digit, place) in digits {
                *digit = hex_digit(now.nanos() >> (4 * place));
            }
        } else {
            self.begin(now);
        }
        &self.text
    }

    fn begin(&mut self, now: Stamp) {
        self.secs = now.secs();
        for (place, byte) in self.text.iter_mut().zip(now.label()) {
            *place = byte;
        }
    }
}

/// The last four bits as a digit, without a table: `a` is 39 places after what follows `9`.
const fn hex_digit(bits: u32) -> u8 {
    let value = (bits & 15) as u8;
    b'0' + value + if value > 9 { b'a' - b'0' - 10 } else { 0 }
}

/// The labels of the old files of one directory: each is later than every one before, whatever the
/// clock does, so no two files meet under one name and the order of the names is the order of the
/// files.
#[derive(Debug, Default)]
pub struct Labels {
    last: Option<Stamp>,
}

impl Labels {
    /// Takes note of a name in the directory: labels of an earlier run come before ours.
    pub fn note(&mut self, name: &[u8]) {
        let is_time = |stamp: &Stamp| stamp.secs() < RESERVED && stamp.nanos() < NANOS_PER_SEC;
        let label = Stamp::parse_label(name).filter(is_time);
        self.last = self.last.max(label);
    }

    /// The label of a file that ends at `now`: a nanosecond after the last one where the clock
    /// stands before it.
    pub fn next(&mut self, now: Stamp) -> Stamp {
        let label = match self.last {
            Some(last) if last >= now => after(last),
            Some(_) | None => now,
        };
        self.last = Some(label);
        label
    }
}

fn after(stamp: Stamp) -> Stamp {
    let (secs, nanos) = match stamp.nanos() {
        nanos if nanos < NANOS_PER_SEC - 1 => (stamp.secs(), nanos + 1),
        _ => (stamp.secs().saturating_add(1), 0),
    };
    let mut packed = [0; tai::PACKED_LEN];
    let (high, low) = packed.split_at_mut(size_of::<u64>());
    high.copy_from_slice(&secs.to_be_bytes());
    low.copy_from_slice(&nanos.to_be_bytes());
    Stamp::unpack(packed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn unix(secs: u64, nanos: u32) -> Stamp {
        Stamp::from_unix(Duration::new(secs, nanos))
    }

    fn name(stamp: Stamp) -> Vec<u8> {
        [stamp.label().as_slice(), b".s"].concat()
    }

    #[test]
    fn labels_rise_while_the_clock_stands_or_goes_back() {
        let mut labels = Labels::default();
        assert_eq!(labels.next(unix(100, 5)), unix(100, 5));
        assert_eq!(labels.next(unix(100, 5)), unix(100, 6));
        assert_eq!(labels.next(unix(1, 0)), unix(100, 7));
        assert_eq!(labels.next(unix(100, 8)), unix(100, 8));
    }

    #[test]
    fn a_second_follows_its_last_nanosecond() {
        let mut labels = Labels::default();
        labels.next(unix(100, 999_999_999));
        assert_eq!(labels.next(unix(0, 0)), unix(101, 0));
    }

    #[test]
    fn labels_follow_those_of_an_earlier_run() {
        let mut labels = Labels::default();
        for known in [unix(50, 0), unix(100, 0), unix(70, 0)] {
            labels.note(&name(known));
        }
        labels.note(b"@zzz");
        labels.note(b"current");
        assert_eq!(labels.next(unix(60, 0)), unix(100, 1));
    }

    #[test]
    fn a_name_that_is_no_time_holds_no_label_back() {
        let mut labels = Labels::default();
        labels.note(b"@ffffffffffffffffffffffff.s");
        labels.note(b"@7fffffffffffffffffffffff.s");
        labels.note(b"@7fffffffffffffff3b9aca00.s");
        assert_eq!(labels.next(unix(60, 0)), unix(60, 0));
    }

    proptest! {
        #[test]
        fn a_prefix_is_the_label_and_a_space(stamps: Vec<(u64, u32)>, secs: u64) {
            let mut prefix = Prefix::default();
            for (odd, nanos) in stamps {
                let secs = if odd % 2 == 0 { odd } else { secs };
                let mut packed = [0; 12];
                packed[..8].copy_from_slice(&secs.to_be_bytes());
                packed[8..].copy_from_slice(&nanos.to_be_bytes());
                let stamp = Stamp::unpack(packed);
                let expected = format!("{stamp} ");
                prop_assert_eq!(prefix.at(stamp).as_slice(), expected.as_bytes());
            }
        }

        #[test]
        fn labels_always_rise(clock: Vec<(u64, u32)>, noted: [u8; 12]) {
            let mut labels = Labels::default();
            labels.note(&name(Stamp::unpack(noted)));
            let mut names = Vec::new();
            for (secs, nanos) in clock {
                names.push(name(labels.next(unix(secs >> 2, nanos % 1_000_000_000))));
            }
            prop_assert!(names.is_sorted() && names.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
