//! Times as people write them: `10m`, `14:00`, `2026-11-22 14:00`, a label.

use std::time::Duration;

use logger::{Civil, Zone};
use tai::Stamp;

/// The time that `text` means at `now`. A duration such as `10m` or `2h 30min` is that long ago,
/// `duration` reads it; a date and a time of day, or either, are those of `zone` unless `Z` or
/// an offset such as `+01:00` follows; a date alone is its first second, a time of day alone is
/// today's. `now`, `today`, `yesterday` and a label are times too.
pub fn parse(
    text: &str,
    now: Stamp,
    zone: Zone<'_>,
    duration: impl FnOnce(&str) -> Option<Duration>,
) -> Option<Stamp> {
    let text = text.trim();
    let unix = now.to_unix()?;
    let today = zone(unix.as_secs().cast_signed())?;
    let midnight = Civil { hour: 0, minute: 0, second: 0, ..today };
    if text == "now" {
        return Some(now);
    }
    if text == "today" {
        return stamp(unix_of(midnight, zone)?, 0);
    }
    if text == "yesterday" {
        let noon = unix_of(midnight, zone)? - 12 * 3600;
        return stamp(unix_of(Civil { hour: 0, minute: 0, second: 0, ..zone(noon)? }, zone)?, 0);
    }
    if let Some(label) = Stamp::parse_label(text.as_bytes()) {
        return (text.len() == tai::LABEL_LEN).then_some(label);
    }
    if let Some(ago) = duration(text) {
        return Some(Stamp::from_unix(unix.saturating_sub(ago)));
    }
    date_and_time(text, midnight, zone)
}

fn date_and_time(text: &str, midnight: Civil, zone: Zone<'_>) -> Option<Stamp> {
    let (text, offset) = split_offset(text)?;
    let (date, time) = match text.split_once(['T', ' ', '_']) {
        Some((date, time)) => (Some(date), Some(time)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let mut civil = match date {
        Some(date) => read_date(date)?,
        None => midnight,
    };
    let mut nanos = 0;
    if let Some(time) = time {
        let (hour, minute, second);
        (hour, minute, second, nanos) = read_time(time)?;
        civil = Civil { hour, minute, second, ..civil };
    }
    let unix = match offset {
        Some(offset) => civil.unix_of_utc()? - offset,
        None => unix_of(civil, zone)?,
    };
    stamp(unix, nanos)
}

/// Takes `Z`, `+HH:MM` or `-HH:MM` off the end of a time: its seconds east of Greenwich.
fn split_offset(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(text) = text.strip_suffix('Z') {
        return Some((text, Some(0)));
    }
    let Some(at) = text.len().checked_sub("+00:00".len()) else { return Some((text, None)) };
    let Some((time, offset)) = text.split_at_checked(at) else { return Some((text, None)) };
    let sign = match offset.as_bytes().first() {
        Some(b'+') => 1,
        // `2026-11-22 14:00` has a minus in its date and none behind it.
        Some(b'-') if time.contains(':') => -1,
        _ => return Some((text, None)),
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let secs = i64::from(two(hours)?) * 3600 + i64::from(two(minutes)?) * 60;
    Some((time, Some(sign * secs)))
}

fn read_date(text: &str) -> Option<Civil> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || parts.next().is_some() {
        return None;
    }
    let (month, day) = (two(month)?, two(day)?);
    let civil = Civil { year: year.parse().ok()?, month, day, hour: 0, minute: 0, second: 0 };
    civil.unix_of_utc().map(|_| civil)
}

fn read_time(text: &str) -> Option<(u8, u8, u8, u32)> {
    let mut parts = text.split(':');
    let (hour, minute) = (two(parts.next()?)?, two(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        Some(rest) => rest.split_once('.').unwrap_or((rest, "0")),
        None => ("00", "0"),
    };
    let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    let second = two(second)?;
    (hour < 24 && minute < 60 && second <= 60).then_some((hour, minute, second, nanos))
}

/// A number of exactly two digits.
fn two(text: &str) -> Option<u8> {
    let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_two.then(|| text.parse().ok())?
}

fn stamp(unix: i64, nanos: u32) -> Option<Stamp> {
    Some(Stamp::from_unix(Duration::new(u64::try_from(unix).ok()?, nanos)))
}

/// Seconds since the Unix epoch of a date and time of the zone. Where the clock is set back it was
/// that time twice: the first is meant. Where it is set forward and never was that time, it is as
/// long after the change as the clock says.
pub fn unix_of(civil: Civil, zone: Zone<'_>) -> Option<i64> {
    let wanted = civil.unix_of_utc()?;
    let mut offset_at = |unix: i64| Some(zone(unix)?.unix_of_utc()? - unix);
    // No zone changes twice in two days: its offsets before and after are all there are.
    let before = wanted - offset_at(wanted - 86_400)?;
    let after = wanted - offset_at(wanted + 86_400)?;
    let is_right = |unix: i64, offset: Option<i64>| offset.is_some_and(|it| unix + it == wanted);
    for unix in [before.min(after), before.max(after)] {
        if is_right(unix, offset_at(unix)) {
            return Some(unix);
        }
    }
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Summer time, two hours ahead, until this; then one hour.
    const AUTUMN: i64 = 1_792_890_000;

    fn zone(unix: i64) -> Option<Civil> {
        civil_of_utc(unix + if unix < AUTUMN { 7200 } else { 3600 })
    }

    fn small(value: i64) -> u8 {
        u8::try_from(value).unwrap()
    }

    fn civil_of_utc(unix: i64) -> Option<Civil> {
        let (days, second) = (unix.div_euclid(86_400) + 719_162, unix.rem_euclid(86_400));
        let (mut year, mut left) = (1 + days / 366, 0);
        let start = |year: i64| {
            let before = year - 1;
            before * 365 + before / 4 - before / 100 + before / 400
        };
        while start(year + 1) <= days {
            year += 1;
        }
        left += days - start(year);
        let mut month = 1;
        let civil = |month, day| Civil {
            year: year.unsigned_abs(),
            month,
            day,
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
        };
        loop {
            let len = (28..32).rev().find(|d| civil(month, *d).unix_of_utc().is_some())?;
            if left < i64::from(len) {
                return Some(civil(month, small(left + 1)));
            }
            left -= i64::from(len);
            month += 1;
        }
    }

    /// 2026-11-23 06:00:00 UTC.
    const NOW: u64 = 1_795_413_600;

    fn read(text: &str) -> Option<(i64, u32)> {
        let now = Stamp::from_unix(Duration::from_secs(NOW));
        let duration = |text: &str| {
            let minutes = text.strip_suffix('m')?.parse::<u64>().ok()?;
            Some(Duration::from_secs(minutes * 60))
        };
        let unix = parse(text, now, &mut zone, duration)?.to_unix()?;
        Some((unix.as_secs().cast_signed(), unix.subsec_nanos()))
    }

    #[test]
    fn each_way_to_write_a_time_is_read() {
        let now = NOW.cast_signed();
        let midnight = now - 7 * 3600;
        let table = [
            ("now", now),
            ("10m", now - 600),
            (" 10m ", now - 600),
            ("today", midnight),
            ("yesterday", midnight - 86_400),
            ("2026-11-23", midnight),
            ("06:30", midnight + 6 * 3600 + 1800),
            ("06:30:07", midnight + 6 * 3600 + 1807),
            ("2026-11-22 14:00", midnight - 10 * 3600),
            ("2026-11-22T14:00:00", midnight - 10 * 3600),
            ("2026-11-22_14:00:00", midnight - 10 * 3600),
            ("2026-11-22T13:00:00Z", midnight - 10 * 3600),
            ("2026-11-22 18:30+05:30", midnight - 10 * 3600),
            ("2026-11-22 10:00-03:00", midnight - 10 * 3600),
            ("1970-01-01T00:00Z", 0),
        ];
        for (text, unix) in table {
            assert_eq!(read(text), Some((unix, 0)), "{text}");
        }
        assert_eq!(read("06:00:00.25"), Some((midnight + 6 * 3600, 250_000_000)));
        let label = Stamp::from_unix(Duration::new(NOW, 9)).to_string();
        assert_eq!(read(&label), Some((now, 9)));
    }

    #[test]
    fn what_is_no_time_is_none() {
        let texts = [
            "",
            "x",
            "2026",
            "2026-11",
            "2026-02-29",
            "2026-13-01",
            "24:00",
            "6:30",
            "06:60",
            "06:30:61",
            "06:30:00.",
            "06:30:00.0000000000",
            "2026-11-22 14",
            "2026-11-22 14:00 +1",
            "2026-11-22-1 14:00",
            "+026-11-22",
            "1900-01-01",
            "é",
            "-00:00",
            "@400000006b0346ad024eef4",
            "@400000006b0346ad024eef4c.s",
            "ééé+00:00",
        ];
        for text in texts {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_its_first_and_one_that_never_comes_is_near() {
        let of = |unix: i64| unix_of(civil_of_utc(unix + 7200).unwrap(), &mut zone);
        assert_eq!(of(AUTUMN - 1), Some(AUTUMN - 1));
        assert_eq!(of(AUTUMN), Some(AUTUMN + 3600));
        let mut spring = |unix: i64| civil_of_utc(unix + if unix < AUTUMN { 0 } else { 3600 });
        assert_eq!(unix_of(civil_of_utc(AUTUMN + 60).unwrap(), &mut spring), Some(AUTUMN + 60));
    }

    proptest! {
        #[test]
        fn a_local_time_leads_back_to_a_second_that_has_it(unix in 0i64..4_000_000_000) {
            let civil = zone(unix).unwrap();
            let found = unix_of(civil, &mut zone).unwrap();
            prop_assert_eq!(zone(found), Some(civil));
            prop_assert!(found == unix || found == unix - 3600);
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,30}", digits in "[0-9T:. Z+-]{0,30}") {
            read(&text);
            read(&digits);
        }
    }
}
