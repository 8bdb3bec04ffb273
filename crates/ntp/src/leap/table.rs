//! The table of leap seconds, as the IERS and the NIST publish it (`leap-seconds.list`).

use std::fmt;

use crate::time::{Span, Wall};

use super::{LeapSecond, sha1};

/// Seconds between 1900, where NTP begins, and 1970.
const UNIX_EPOCH: i64 = 2_208_988_800;

/// The most lines; there have been 28 in fifty years.
const ENTRIES_MAX: usize = 512;

/// The largest difference between TAI and UTC to be reckoned with, seconds.
const TAI_MAX: i32 = 1000;

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// From when on TAI is ahead of UTC by how much, seconds; in their order.
    entries: Vec<(Wall, i32)>,
    /// Until when nothing else will come.
    pub expires: Wall,
}

/// Why a text is no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// A line that is not one of it, by its number.
    Line(usize),
    /// Something is missing: lines, the expiry, or the check sum.
    Incomplete,
    /// The check sum is another one.
    CheckSum,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line} is not one of a leap second table"),
            Self::Incomplete => f.write_str("it has no leap seconds, no expiry or no check sum"),
            Self::CheckSum => f.write_str("its check sum is wrong"),
        }
    }
}

impl std::error::Error for Damaged {}

#[derive(Default)]
struct Reading {
    entries: Vec<(Wall, i32)>,
    expires: Option<Wall>,
    sum: Option<Vec<u32>>,
    /// What the sum is of: the digits of update, expiry and all lines.
    update: String,
    expiry: String,
    summed: String,
}

impl Table {
    /// Reads one.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn parse(text: &str) -> Result<Self, Damaged> {
        let mut reading = Reading::default();
        for (index, line) in text.lines().enumerate() {
            reading.line(line).ok_or(Damaged::Line(index + 1))?;
        }
        let Reading { entries, expires, sum, update, expiry, summed } = reading;
        let (Some(expires), Some(sum)) = (expires, sum) else { return Err(Damaged::Incomplete) };
        if entries.is_empty() {
            return Err(Damaged::Incomplete);
        }
        let ours = sha1::digest([update, expiry, summed].concat().as_bytes());
        if sum == ours { Ok(Self { entries, expires }) } else { Err(Damaged::CheckSum) }
    }

    /// By how many seconds TAI is ahead of UTC at `now`.
    #[must_use]
    pub fn tai(&self, now: Wall) -> Option<i32> {
        self.entries.iter().rev().find(|(from, _)| *from <= now).map(|(_, tai)| *tai)
    }

    /// The next leap second after `now`.
    #[must_use]
    pub fn next(&self, now: Wall) -> Option<LeapSecond> {
        let pairs = self.entries.iter().zip(self.entries.iter().skip(1));
        let mut changes = pairs.map(|((_, before), (at, after))| (*at, after - before));
        let (at, by) = changes.find(|(at, by)| *at > now && by.abs() == 1)?;
        Some(LeapSecond { at, is_left_out: by < 0 })
    }

    /// The last leap second before `now`.
    #[must_use]
    pub fn last(&self, now: Wall) -> Option<LeapSecond> {
        let pairs = self.entries.iter().zip(self.entries.iter().skip(1));
        let changes = pairs.map(|((_, before), (at, after))| (*at, after - before));
        let mut past = changes.filter(|(at, by)| *at <= now && by.abs() == 1);
        let (at, by) = past.next_back()?;
        Some(LeapSecond { at, is_left_out: by < 0 })
    }
}

impl Reading {
    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(update) = line.strip_prefix("#$") {
            self.update = digits(update);
        } else if let Some(expires) = line.strip_prefix("#@") {
            self.expires = Some(wall(expires.split_ascii_whitespace().next()?)?);
            self.expiry = digits(expires);
        } else if let Some(sum) = line.strip_prefix("#h") {
            let words = sum.split_ascii_whitespace().map(|word| u32::from_str_radix(word, 16));
            self.sum = Some(words.collect::<Result<_, _>>().ok()?);
        } else {
            let data = line.split('#').next().unwrap_or_default();
            let mut words = data.split_ascii_whitespace();
            if let Some(from) = words.next() {
                self.entry(wall(from)?, words.next()?)?;
                self.summed.push_str(&digits(data));
            }
        }
        Some(())
    }

    fn entry(&mut self, from: Wall, tai: &str) -> Option<()> {
        let tai = tai.parse().ok().filter(|tai: &i32| tai.abs() <= TAI_MAX)?;
        let in_order = self.entries.last().is_none_or(|(last, _)| *last < from);
        (in_order && self.entries.len() < ENTRIES_MAX).then(|| self.entries.push((from, tai)))
    }
}

fn wall(seconds: &str) -> Option<Wall> {
    let since_1900: u32 = seconds.parse().ok()?;
    Some(Wall::default() + Span::from_secs(i64::from(since_1900) - UNIX_EPOCH))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A table as the IERS would write it, with a leap second before 2027-01-01 and one left out
    /// before 2027-07-01.
    pub(crate) fn text() -> String {
        let body = "#$\t 3960057600\n#@\t4070908800\n\
            3692217600\t37\t# 1 Jan 2017\n4007750400 38 # 1 Jan 2027\n4023388800 37\n";
        let sum = sha1::digest(
            b"3960057600407090880036922176003740077504003840233888003\
              7",
        );
        let words: Vec<String> = sum.iter().map(|word| format!("{word:x}")).collect();
        format!("# a comment\n{body}#h\t{}\n", words.join(" "))
    }

    fn unix(seconds: i64) -> Wall {
        Wall::from_nanos(seconds * 1_000_000_000)
    }

    /// 2026-11-23 and 2027-01-01.
    const TODAY: i64 = 1_795_392_000;
    const NEW_YEAR: i64 = 1_798_761_600;

    #[test]
    fn a_table_knows_the_next_leap_seconds_and_tai() {
        let table = Table::parse(&text()).unwrap();
        assert_eq!(table.tai(unix(TODAY)), Some(37));
        assert_eq!(table.tai(unix(NEW_YEAR)), Some(38));
        assert_eq!(table.tai(unix(0)), None);
        let next = LeapSecond { at: unix(NEW_YEAR), is_left_out: false };
        assert_eq!(table.next(unix(TODAY)), Some(next));
        let after = table.next(unix(NEW_YEAR)).unwrap();
        assert_eq!((after.at, after.is_left_out), (unix(4_023_388_800 - UNIX_EPOCH), true));
        assert_eq!(table.next(after.at), None);
        assert_eq!(table.last(unix(TODAY)), None, "the first line is no leap second");
        assert_eq!(table.last(unix(NEW_YEAR)), Some(next));
        assert_eq!(table.expires, unix(4_070_908_800 - UNIX_EPOCH));
    }

    #[test]
    fn a_table_with_another_check_sum_is_refused() {
        let text = text();
        assert_eq!(Table::parse(&text.replace("38 #", "39 #")), Err(Damaged::CheckSum));
        assert_eq!(Table::parse(&text.replace("#@\t4070", "#@\t4071")), Err(Damaged::CheckSum));
        assert!(Table::parse(&text.replace("a comment", "another")).is_ok());
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(Table::parse(""), Err(Damaged::Incomplete));
        assert_eq!(Table::parse("# nothing\n\nleap\n"), Err(Damaged::Line(3)));
        assert_eq!(Table::parse("4007750400\n"), Err(Damaged::Line(1)));
        let backwards = "4007750400 38\n3692217600 37\n";
        assert_eq!(Table::parse(backwards), Err(Damaged::Line(2)));
    }

    /// The one this machine has, if it has one: the real thing.
    #[test]
    fn the_publishers_own_check_sum_comes_out() {
        let Ok(text) = std::fs::read_to_string("/usr/share/zoneinfo/leap-seconds.list") else {
            return;
        };
        let table = Table::parse(&text).unwrap();
        assert!(table.tai(unix(TODAY)).unwrap() >= 36);
        assert!(table.last(unix(TODAY)).is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([#$@h]|[0-9]{1,12}|[ \t\na-f]){0,80}") {
            let _ = Table::parse(&text);
        }
    }
}
