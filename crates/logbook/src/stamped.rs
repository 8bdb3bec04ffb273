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

/// Reads the stamp of a line: a label (`multilog t`, `s6-log t`, `svlogd -t`), or a date (`svlogd
/// -tt` and `-ttt`, which is UTC; `s6-log T`, which is local time, given by `unix_of`).
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
    let secs = match separator {
        b'_' | b'T' => civil.unix_of_utc()?,
        b' ' => unix_of(civil)?,
        _ => return None,
    };
    let fraction = line.get(DATE_LEN..)?;
    let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = fraction.get(count..)?;
    let blanks = rest.iter().take_while(|byte| **byte == b' ').take(2).count();
    let since_epoch = std::time::Duration::new(u64::try_from(secs).ok()?, nanos(fraction, count)?);
    let stamp = Stamp::from_unix(since_epoch);
    Some(Stamped { stamp, len: DATE_LEN + count + blanks, is_label: false })
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
