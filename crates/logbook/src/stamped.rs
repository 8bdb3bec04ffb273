//! The stamp at the start of a line, as multilog, s6-log and svlogd write it.

use logger::Civil;
use tai::{LABEL_LEN, Stamp};

/// When a line was written, and where its text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// The time.
    pub stamp: Stamp,
    /// Length of the stamp and the blanks behind it.
    pub len: usize,
    /// Whether it is a label; else it is a date that a person can read.
    pub is_label: bool,
}

/// Length of `YYYY-MM-DD?HH:MM:SS.`.
const DATE_LEN: usize = 20;

/// Length of `+HH:MM`.
const OFFSET_LEN: usize = 6;

/// Reads the stamp of a line: a label (`multilog t`, `s6-log t`, `svlogd -t`), or a date (`multilog
/// %stamp=utc` and `%stamp=local`, which tell their zone; `svlogd -tt` and `-ttt`, which is UTC;
/// `s6-log T`, which is local time, given by `unix_of`).
pub fn stamped(line: &[u8], unix_of: impl FnOnce(Civil) -> Option<i64>) -> Option<Stamped> {
    match line.first()? {
        b'@' => {
            let stamp = Stamp::parse_label(line)?;
            let blank = usize::from(line.get(LABEL_LEN) == Some(&b' '));
            Some(Stamped { stamp, len: LABEL_LEN + blank, is_label: true })
        }
        b'0'..=b'9' => date(line, unix_of),
        _ => None,
    }
}

fn date(line: &[u8], unix_of: impl FnOnce(Civil) -> Option<i64>) -> Option<Stamped> {
    let text = std::str::from_utf8(line.get(..DATE_LEN)?).ok()?;
    let separator = *line.get(10)?;
    let signs = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':'), (19, b'.')];
    if signs.iter().any(|(at, sign)| line.get(*at) != Some(sign)) {
        return None;
    }
    let part =
        |from: usize, to: usize| -> Option<u8> { digits(text.get(from..to)?)?.try_into().ok() };
    let civil = Civil {
        year: digits(text.get(..4)?)?,
        month: part(5, 7)?,
        day: part(8, 10)?,
        hour: part(11, 13)?,
        minute: part(14, 16)?,
        second: part(17, 19)?,
    };
    let fraction = line.get(DATE_LEN..)?;
    let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = fraction.get(count..)?;
    let zone = zone(rest);
    let secs = match (separator, zone) {
        (b'T', Some((offset, _))) => civil.unix_of_utc()? - offset,
        (b'_' | b'T', _) => civil.unix_of_utc()?,
        (b' ', _) => unix_of(civil)?,
        _ => return None,
    };
    // s6-log writes two blanks.
    let (zone_len, blanks_max) = match zone {
        Some((_, len)) if separator == b'T' => (len, 1),
        _ => (0, 2),
    };
    let behind = rest.iter().skip(zone_len).take(blanks_max);
    let blanks = behind.take_while(|byte| **byte == b' ').count();
    let since_epoch = std::time::Duration::new(u64::try_from(secs).ok()?, nanos(fraction, count)?);
    let stamp = Stamp::from_unix(since_epoch);
    Some(Stamped { stamp, len: DATE_LEN + count + zone_len + blanks, is_label: false })
}

/// The zone that a text begins with, alone or before a blank: by how many seconds its time is ahead
/// of UTC, and its length.
fn zone(text: &[u8]) -> Option<(i64, usize)> {
    let (offset, len) = match *text.first()? {
        b'Z' => (0, 1),
        sign @ (b'+' | b'-') => {
            let text = std::str::from_utf8(text.get(..OFFSET_LEN)?).ok()?;
            let (hours, minutes) = text.get(1..)?.split_once(':')?;
            if hours.len() != 2 {
                return None;
            }
            let (hours, minutes) = (digits(hours)?, digits(minutes)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let ahead = i64::try_from((hours * 60 + minutes) * 60).ok()?;
            (if sign == b'-' { -ahead } else { ahead }, OFFSET_LEN)
        }
        _ => return None,
    };
    text.get(len).is_none_or(|byte| *byte == b' ').then_some((offset, len))
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The nanoseconds of up to nine digits of a fraction.
fn nanos(fraction: &[u8], count: usize) -> Option<u32> {
    if !(1..=9).contains(&count) {
        return None;
    }
    let padded = fraction.iter().take(count).chain(std::iter::repeat(&b'0')).take(9);
    Some(padded.fold(0, |value, byte| value * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(line: &str) -> Option<(u64, u32, &str)> {
        // A zone an hour ahead.
        let unix_of = |civil: Civil| Some(civil.unix_of_utc()? - 3600);
        let found = stamped(line.as_bytes(), unix_of)?;
        let unix = found.stamp.to_unix().unwrap();
        Some((unix.as_secs(), unix.subsec_nanos(), &line[found.len..]))
    }

    #[test]
    fn the_stamps_of_every_logger_are_read() {
        let label = Stamp::from_unix(Duration::new(1_000_000_000, 5)).to_string();
        let table = [
            (format!("{label} a b"), 1_000_000_000, 5, "a b"),
            (label, 1_000_000_000, 5, ""),
            ("2001-09-09_01:46:40.00500 a".into(), 1_000_000_000, 5_000_000, "a"),
            ("2001-09-09T01:46:40.12345 a".into(), 1_000_000_000, 123_450_000, "a"),
            ("2001-09-09 02:46:40.000000007  a".into(), 1_000_000_000, 7, "a"),
        ];
        for (line, secs, nanos, text) in &table {
            assert_eq!(read(line), Some((*secs, *nanos, *text)), "{line}");
        }
    }

    #[test]
    fn a_zone_behind_the_fraction_is_obeyed_and_no_text() {
        let table = [
            ("2001-09-09T01:46:40.204109Z text", 1_000_000_000, "text"),
            ("2001-09-09T01:46:40.204109Z  text", 1_000_000_000, " text"),
            ("2001-09-09T01:46:40.204109Z", 1_000_000_000, ""),
            ("2001-09-09T02:46:40.204109+01:00 text", 1_000_000_000, "text"),
            ("2001-09-09T07:16:40.204109+05:30 text", 1_000_000_000, "text"),
            ("2001-09-08T22:16:40.204109-03:30 text", 1_000_000_000, "text"),
            ("2001-09-09T01:46:40.204109Zebra", 1_000_000_000, "Zebra"),
            ("2001-09-09T01:46:40.204109+99:00 a", 1_000_000_000, "+99:00 a"),
            ("2001-09-09T01:46:40.204109 Z a", 1_000_000_000, "Z a"),
            ("2001-09-09_01:46:40.204109Z a", 1_000_000_000, "Z a"),
        ];
        for (line, secs, text) in table {
            assert_eq!(read(line), Some((secs, 204_109_000, text)), "{line}");
        }
    }

    #[test]
    fn other_lines_have_none() {
        let lines = [
            "",
            "@",
            "@4000 x",
            "plain",
            "2001-09-09",
            "2001-09-09 01:46:40 x",
            "2001-09-09x01:46:40.1 x",
            "2001-99-09_01:46:40.1 x",
            "20é1-09-09 01:46:40.1",
            "2001-09-09_01:46:40. x",
            "2001-09-09_01:46:40.1234567890 x",
        ];
        for line in lines {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
