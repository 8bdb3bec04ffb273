//! Stamps that people read: `2026-11-23T05:55:27.123456Z `, or local time with its offset
//! (ISO 8601, RFC 3339). Their length never changes, whatever the time.

use tai::{Stamp, UNIX_EPOCH};

use crate::Civil;

/// Where the microseconds begin.
const MICROS_AT: usize = 20;
/// How many digits they have.
const MICROS_LEN: usize = 6;
/// Length of a prefix in UTC, and in local time.
const UTC_LEN: usize = 28;
const LOCAL_LEN: usize = 33;
const SECS_PER_DAY: i64 = 86_400;
/// The days of 400 years: then the calendar begins anew.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
/// 9999-12-30: every zone has four digits for the year.
const UNIX_MAX: i64 = 253_402_128_000;

/// A [`Zone`](crate::Zone) that remembers nothing.
pub type KeptZone = fn(i64) -> Option<Civil>;

/// What is put before each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stamping {
    /// Nothing.
    #[default]
    None,
    /// A TAI64N label.
    Tai,
    /// ISO 8601, UTC.
    Utc,
    /// ISO 8601, local time with its offset from UTC.
    Local,
}

/// The prefix of a line, with the digits that can have changed since the last written anew.
#[derive(Debug)]
pub(crate) struct Iso {
    zone: Option<KeptZone>,
    secs: Option<u64>,
    text: Vec<u8>,
}

impl Iso {
    /// In UTC where no zone is given.
    pub(crate) const fn new(zone: Option<KeptZone>) -> Self {
        Self { zone, secs: None, text: Vec::new() }
    }

    /// How long each prefix is.
    pub(crate) const fn len(&self) -> usize {
        if self.zone.is_some() { LOCAL_LEN } else { UTC_LEN }
    }

    /// The prefix of a line that begins at `now`.
    pub(crate) fn at(&mut self, now: Stamp) -> &[u8] {
        if self.secs != Some(now.secs()) {
            self.begin(now);
        }
        let places = self.text.iter_mut().skip(MICROS_AT).take(MICROS_LEN).rev();
        let mut micros = now.nanos() / 1000;
        for place in places {
            *place = b'0' + u8::try_from(micros % 10).unwrap_or(0);
            micros /= 10;
        }
        &self.text
    }

    fn begin(&mut self, now: Stamp) {
        self.secs = Some(now.secs());
        let unix =
            i64::try_from(now.secs().saturating_sub(UNIX_EPOCH)).unwrap_or(UNIX_MAX).min(UNIX_MAX);
        let local = self.zone.and_then(|zone| zone(unix));
        let offset = local.and_then(Civil::unix_of_utc).map_or(0, |local| local - unix) / 60;
        let (days, second) = (unix.div_euclid(SECS_PER_DAY), unix.rem_euclid(SECS_PER_DAY));
        let (days, second) = match (second + offset * 60).div_euclid(SECS_PER_DAY) {
            0 => (days, second + offset * 60),
            more => (days + more, second + offset * 60 - more * SECS_PER_DAY),
        };
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let sign = if offset < 0 { '-' } else { '+' };
        let zone = match self.zone {
            Some(_) => format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60),
            None => "Z".into(),
        };
        let date = format!("{year:04}-{month:02}-{day:02}");
        self.text = format!("{date}T{hour:02}:{minute:02}:{second:02}.000000{zone} ").into_bytes();
    }
}

/// Year, month and day of a day since 1970-01-01, in a calendar that begins its years in March, so
/// that the leap day is the last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let january = i64::from(month >= 10);
    (era * 400 + year + january, month + 3 - 12 * january, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn stamp(zone: Option<KeptZone>, secs: u64, nanos: u32) -> String {
        let text = Iso::new(zone).at(Stamp::from_unix(Duration::new(secs, nanos))).to_vec();
        String::from_utf8(text).unwrap()
    }

    /// So many minutes east of Greenwich.
    fn east<const MINUTES: i64>(unix: i64) -> Option<Civil> {
        let secs = unix + MINUTES * 60;
        let (year, month, day) = date(secs.div_euclid(SECS_PER_DAY));
        let second = secs.rem_euclid(SECS_PER_DAY);
        let small = |value: i64| u8::try_from(value).unwrap();
        Some(Civil {
            year: u64::try_from(year).ok()?,
            month: small(month),
            day: small(day),
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
        })
    }

    #[test]
    fn known_times_are_written_as_date_says() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00.000007Z "),
            (951_782_399, "2000-02-28T23:59:59.000007Z "),
            (951_782_400, "2000-02-29T00:00:00.000007Z "),
            (1_709_251_199, "2024-02-29T23:59:59.000007Z "),
            (1_795_413_600, "2026-11-23T06:00:00.000007Z "),
            (4_107_542_400, "2100-03-01T00:00:00.000007Z "),
        ] {
            assert_eq!(stamp(None, unix, 7_999), text);
        }
    }

    #[test]
    fn local_time_has_its_offset() {
        let at = 1_795_413_600;
        assert_eq!(stamp(Some(east::<60>), at, 0), "2026-11-23T07:00:00.000000+01:00 ");
        assert_eq!(stamp(Some(east::<-210>), at, 0), "2026-11-23T02:30:00.000000-03:30 ");
        assert_eq!(stamp(Some(east::<-420>), at, 0), "2026-11-22T23:00:00.000000-07:00 ");
        assert_eq!(stamp(Some(east::<845>), at + 36_000, 0), "2026-11-24T06:05:00.000000+14:05 ");
        assert_eq!(stamp(None, at, 0).len(), Iso::new(None).len());
        assert_eq!(stamp(Some(|_| None), at, 0), "2026-11-23T06:00:00.000000+00:00 ");
    }

    proptest! {
        #[test]
        fn a_day_is_what_its_date_says(unix in 0..UNIX_MAX) {
            prop_assert_eq!(east::<0>(unix).and_then(Civil::unix_of_utc), Some(unix));
        }

        #[test]
        fn stamps_do_not_depend_on_those_before(times: Vec<(u64, u32)>) {
            let mut iso = Iso::new(Some(east::<90>));
            for (secs, nanos) in times {
                let (secs, nanos) = (secs % 300_000_000_000, nanos % 1_000_000_000);
                let text = iso.at(Stamp::from_unix(Duration::new(secs, nanos))).to_vec();
                prop_assert_eq!(text.len(), iso.len());
                prop_assert_eq!(text, stamp(Some(east::<90>), secs, nanos).into_bytes());
            }
        }
    }
}
