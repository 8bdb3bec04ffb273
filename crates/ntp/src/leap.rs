//! Leap seconds: when the next one is, what to tell the kernel, and how to smear it for others.
//!
//! The table of the IERS ([`Table`]) is believed until it expires; after that, and without one, the
//! majority of the servers is, on the last day of a month. The kernel puts the second in, or leaves
//! it out, at the end of the day on which it is told to.

use crate::packet::Leap;
use crate::time::{Span, Wall};

pub use table::{Damaged, Table};

mod sha1;
mod table;

/// So long before a leap second it is announced, and the kernel told: less than a day, for the
/// kernel acts at the end of the day.
const ANNOUNCED: Span = Span::from_secs(23 * 3600);

/// Around the leap itself nobody is told a smeared time: the clock shows one second twice.
const AMBIGUOUS: Span = Span::from_secs(1);

const DAY: i64 = 86_400;

/// A leap second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeapSecond {
    /// The midnight before which it is.
    pub at: Wall,
    /// Whether one second is left out; else one is put in.
    pub is_left_out: bool,
}

impl LeapSecond {
    /// What is announced at `now`.
    #[must_use]
    pub fn warning(&self, now: Wall) -> Leap {
        let ahead = self.at - now;
        match (ahead > Span::ZERO && ahead <= ANNOUNCED, self.is_left_out) {
            (false, _) => Leap::None,
            (true, true) => Leap::Delete,
            (true, false) => Leap::Insert,
        }
    }

    /// How far it moves a clock that shows the time of day.
    #[must_use]
    pub fn moves(&self) -> Span {
        Span::from_secs(if self.is_left_out { 1 } else { -1 })
    }
}

/// What others are to be told instead of the time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smear {
    /// The time of day.
    None,
    /// So much more than it.
    By(Span),
    /// Nothing, for about two seconds.
    Ambiguous,
}

/// The smear of a leap second over `length`, half of it before and half after: a cosine, as ntpd's,
/// so that the rate never jumps.
#[must_use]
pub fn smear(leap: &LeapSecond, length: Span, now: Wall) -> Smear {
    let since = now - leap.at;
    if since < -length.half() || since >= length.half() {
        return Smear::None;
    }
    if since.abs() <= AMBIGUOUS {
        return Smear::Ambiguous;
    }
    let part = 0.5 + since.seconds() / length.seconds();
    let done = (1.0 - (part * core::f64::consts::PI).cos()) / 2.0;
    let moved = leap.moves().seconds();
    let already = if since > Span::ZERO { moved } else { 0.0 };
    Smear::By(Span::from_seconds(moved * done - already))
}

/// The reference id of those who smear, as ntpd's: 254 and the smear in seconds, with 22 bits
/// behind the point.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a smear is less than two seconds")]
pub fn smeared_id(by: Span) -> [u8; 4] {
    let [_, high, middle, low] = ((by.seconds() * 4_194_304.0) as i32).to_be_bytes();
    [254, high, middle, low]
}

/// The leap second that the servers announce at `now`, if more than half do: at the end of the
/// month, so only on its last day. `said`: by how many one is put in, by how many left out, and how
/// many servers there are.
#[must_use]
pub fn announced(said: [usize; 3], now: Wall) -> Option<LeapSecond> {
    let [put_in, left_out, of] = said;
    let is_left_out = left_out * 2 > of;
    if !is_left_out && put_in * 2 <= of {
        return None;
    }
    let days = now.nanos().div_euclid(DAY * 1_000_000_000);
    let tomorrow = days + 1;
    let at = Wall::from_nanos(tomorrow.saturating_mul(DAY).saturating_mul(1_000_000_000));
    let leap = LeapSecond { at, is_left_out };
    (day_of_month(tomorrow) == 1 && leap.warning(now) != Leap::None).then_some(leap)
}

/// The day of the month of a day since 1970-01-01, from 1 (the Gregorian calendar, counted from a
/// first of March).
fn day_of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2017-01-01 00:00:00 UTC, before which the last leap second was.
    const MIDNIGHT: i64 = 1_483_228_800;

    fn wall(seconds: f64) -> Wall {
        Wall::from_nanos(MIDNIGHT * 1_000_000_000) + Span::from_seconds(seconds)
    }

    fn leap(is_left_out: bool) -> LeapSecond {
        LeapSecond { at: wall(0.0), is_left_out }
    }

    const LENGTH: Span = Span::from_secs(86_400);

    #[test]
    fn it_is_announced_on_its_day_and_no_longer() {
        let said = |seconds| leap(false).warning(wall(seconds));
        assert_eq!(said(-23.5 * 3600.0), Leap::None);
        assert_eq!((said(-3600.0), said(-0.001)), (Leap::Insert, Leap::Insert));
        assert_eq!((said(0.0), said(3600.0)), (Leap::None, Leap::None));
        assert_eq!(leap(true).warning(wall(-1.0)), Leap::Delete);
    }

    #[test]
    fn a_majority_is_believed_on_the_last_day_of_a_month() {
        assert_eq!(announced([2, 0, 3], wall(-60.0)), Some(leap(false)));
        assert_eq!(announced([0, 1, 1], wall(-60.0)), Some(leap(true)));
        assert_eq!(announced([1, 0, 2], wall(-60.0)), None, "half is no majority");
        assert_eq!(announced([2, 0, 3], wall(-86_460.0)), None, "a day too early");
        assert_eq!(announced([2, 0, 3], wall(60.0)), None, "it is over");
        assert_eq!(announced([0, 0, 0], wall(-60.0)), None);
    }

    #[test]
    fn days_of_the_month_are_those_of_the_calendar() {
        // 1970-01-01, 2000-02-29, 2000-03-01, 2017-01-01, 2026-11-23, 2100-03-01.
        let days = [(0, 1), (11_016, 29), (11_017, 1), (17_167, 1), (20_780, 23), (47_541, 1)];
        for (day, expected) in days {
            assert_eq!(day_of_month(day), expected, "{day}");
        }
    }

    #[test]
    fn a_smear_begins_and_ends_with_nothing_and_is_half_done_at_the_leap() {
        let by = |seconds| match smear(&leap(false), LENGTH, wall(seconds)) {
            Smear::By(by) => by.seconds(),
            other @ (Smear::None | Smear::Ambiguous) => panic!("{other:?}"),
        };
        assert!(by(-43_199.0).abs() < 1e-6);
        assert!((by(-2.0) + 0.5).abs() < 1e-3);
        assert!((by(2.0) - 0.5).abs() < 1e-3);
        assert!(by(43_199.0).abs() < 1e-6);
        assert_eq!(smear(&leap(false), LENGTH, wall(-43_201.0)), Smear::None);
        assert_eq!(smear(&leap(false), LENGTH, wall(43_200.0)), Smear::None);
        assert_eq!(smear(&leap(false), LENGTH, wall(-0.5)), Smear::Ambiguous);
    }

    #[test]
    fn who_smears_says_by_how_much() {
        assert_eq!(smeared_id(Span::from_seconds(0.5)), [254, 0x20, 0, 0]);
        assert_eq!(smeared_id(Span::from_seconds(-0.5)), [254, 0xe0, 0, 0]);
    }

    proptest! {
        /// What is told never goes back, and never faster or slower than by 1 in 1000 for an hour.
        #[test]
        fn smeared_time_runs_evenly(
            is_left_out: bool, length in 3600..86_400_i64, from in -0.6..0.6_f64,
        ) {
            let (leap, length) = (leap(is_left_out), Span::from_secs(length));
            let true_time = from * length.seconds();
            // What the clock shows `true_time` after the middle of the leap second.
            let told = |true_time: f64| {
                let shown = if true_time > 0.0 {
                    true_time + leap.moves().seconds()
                } else {
                    true_time
                };
                match smear(&leap, length, wall(shown)) {
                    Smear::None => Some(shown),
                    Smear::By(by) => Some(shown + by.seconds()),
                    Smear::Ambiguous => None,
                }
            };
            if let Some((first, second)) = told(true_time).zip(told(true_time + 10.0)) {
                prop_assert!((second - first - 10.0).abs() < 0.01, "{first} {second}");
            }
        }
    }
}
