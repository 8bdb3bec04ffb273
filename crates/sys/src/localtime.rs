//! Local time, as the C library knows it: `TZ`, or `/etc/localtime`. Called by `tai64nlocal`.

use std::mem::MaybeUninit;

/// A wall-clock time in the local zone, as `localtime_r(3)` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The year of our calendar; may be far in the future, or negative.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60: some zones know leap seconds.
    pub second: u8,
}

/// Reads the zone anew. [`at`] reads it only once by itself, so a process that outlives a change of
/// the zone calls this.
pub fn load_zone() {
    // SAFETY: tzset only reads the environment, and nothing in our programs changes it (std's
    // set_var is unsafe for this reason, and forbidden everywhere else).
    unsafe { tzset() };
}

// `tzset(3)`; the libc crate has it not for Linux.
unsafe extern "C" {
    fn tzset();
}

/// The local time of `unix` seconds since the epoch; `None` where the C library has no such year.
#[must_use]
pub fn at(unix: i64) -> Option<LocalTime> {
    let mut broken_down = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are to live values of the right types, and nothing keeps them.
    let filled = unsafe { libc::localtime_r(&raw const unix, broken_down.as_mut_ptr()) };
    if filled.is_null() {
        return None;
    }
    // SAFETY: localtime_r returned the address of the structure, so it has filled it.
    let time = unsafe { broken_down.assume_init() };
    let small = |value: i32| u8::try_from(value).ok();
    Some(LocalTime {
        year: 1900 + i64::from(time.tm_year),
        month: small(time.tm_mon.checked_add(1)?)?,
        day: small(time.tm_mday)?,
        hour: small(time.tm_hour)?,
        minute: small(time.tm_min)?,
        second: small(time.tm_sec)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_later_is_the_next_day_at_the_same_second() {
        load_zone();
        let (today, tomorrow) = (at(1_000_000_000).unwrap(), at(1_000_086_400).unwrap());
        assert_eq!((today.year, today.second), (2001, 40));
        assert_eq!((tomorrow.day, tomorrow.second), (today.day + 1, 40));
    }

    #[test]
    fn a_year_that_fits_no_int_is_none() {
        assert_eq!(at(i64::MAX), None);
        assert_eq!(at(i64::MIN), None);
    }
}
