//! Instants and lengths of time, in types that cannot be mixed by accident.
//!
//! Three scales meet in a time client. [`Raw`] is this machine's oscillator, which nobody steers:
//! all measurements live on it, so that neither our own corrections nor anybody else's disturb the
//! past. [`Wall`] is a time of day, ours or a server's. [`Stamp`] is a time of day as it travels in
//! a packet: 64 bits that wrap in 2036. What a server's clock shows minus what the oscillator has
//! counted is a [`Span`] like any other; the code calls it *theta*.

use std::ops::{Add, Neg, Sub};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The earliest time of day that a stamp can mean, as seconds since the Unix epoch: the start of
/// 2000. A stamp means the one instant in the 136 years from here on that it fits, whatever our own
/// clock says: a dead battery (1970) must not decide the era. Good until 2136.
const ERA_START: i64 = 946_684_800;

/// [`ERA_START`] in NTP's seconds, which begin in 1900 (RFC 5905, section 6).
const ERA_START_STAMP: u32 = 3_155_673_600;

/// A length of time with a sign, in whole nanoseconds; some 292 years each way. Sums saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Of two to the power of `exponent` seconds, as poll intervals are written. Outside of 0 to
    /// 32 it is the nearest of these.
    #[must_use]
    pub const fn from_exponent(exponent: i8) -> Self {
        let shift = if exponent < 0 {
            0
        } else if exponent > 32 {
            32
        } else {
            exponent
        };
        Self::from_secs(1 << shift)
    }

    /// Of so many seconds, to the nanosecond below; as long as possible where it does not fit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, as promised")]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9) as i64)
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// In seconds; exact to the nanosecond for spans up to a hundred days.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "long spans are never needed to the nanosecond")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Half of it.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Span {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// An instant on the oscillator's own scale (`CLOCK_MONOTONIC_RAW`): time since boot, unsteered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Raw(i64);

impl Raw {
    /// So many nanoseconds after the scale's beginning.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The time of day of a clock that shows `theta` more than the oscillator has counted.
    #[must_use]
    pub const fn wall(self, theta: Span) -> Wall {
        Wall(self.0.saturating_add(theta.0))
    }
}

impl Add<Span> for Raw {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Raw {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Raw {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A time of day, as nanoseconds since the Unix epoch: 1677 to 2262.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(i64);

impl Wall {
    /// So many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// What this clock shows more than the oscillator has counted at the same moment.
    #[must_use]
    pub const fn theta(self, raw: Raw) -> Span {
        Span(self.0.saturating_sub(raw.0))
    }
}

impl Add<Span> for Wall {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for Wall {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// Both clocks of this machine, read at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// What the oscillator has counted.
    pub raw: Raw,
    /// What the system clock shows.
    pub wall: Wall,
}

impl Now {
    /// What the system clock shows more than the oscillator has counted.
    #[must_use]
    pub const fn theta(self) -> Span {
        self.wall.theta(self.raw)
    }
}

/// NTP's timestamp format: seconds since 1900 modulo 2^32, and 32 bits of fraction (RFC 5905,
/// section 6). Zero means "not known".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Not known.
    pub const ZERO: Self = Self(0);

    /// The stamp of a time of day; what no stamp can say is said of the same instant in its era.
    #[must_use]
    pub fn from_wall(wall: Wall) -> Self {
        let seconds = wall.0.div_euclid(NANOS_PER_SECOND) - ERA_START + i64::from(ERA_START_STAMP);
        let nanos = wall.0.rem_euclid(NANOS_PER_SECOND).unsigned_abs();
        let fraction = ((nanos << 32) + 500_000_000) / 1_000_000_000;
        Self((seconds.cast_unsigned() << 32) | fraction)
    }

    /// The time of day it means: the one in the 136 years from 2000 on that fits.
    #[must_use]
    pub fn wall(self) -> Wall {
        let seconds = (self.0 >> 32).wrapping_sub(u64::from(ERA_START_STAMP)) & 0xffff_ffff;
        let nanos = ((self.0 & 0xffff_ffff) * 1_000_000_000 + (1 << 31)) >> 32;
        Wall((ERA_START + seconds.cast_signed()) * NANOS_PER_SECOND + nanos.cast_signed())
    }
}

/// NTP's short format: 16 bits of seconds, 16 of fraction (RFC 5905, section 6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Short(pub u32);

impl Short {
    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        f64::from(self.0) / 65536.0
    }

    /// Of so many seconds, rounded up: an error bound must not shrink on its way. Saturates.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, as promised"
    )]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 65536.0).ceil() as u32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seconds between 1900, where NTP begins, and 1970.
    const UNIX_EPOCH_STAMP: u64 = 2_208_988_800;

    fn wall(seconds: i64) -> Wall {
        Wall::from_nanos(seconds * NANOS_PER_SECOND)
    }

    #[test]
    fn a_stamp_of_today_means_today() {
        // 2026-11-22 00:00:00 UTC
        let today = 1_795_305_600;
        let stamp = Stamp((UNIX_EPOCH_STAMP + today) << 32 | 1 << 31);
        let half_past = wall(today.cast_signed()) + Span::from_nanos(500_000_000);
        assert_eq!(stamp.wall(), half_past);
        assert_eq!(Stamp::from_wall(half_past), stamp);
    }

    #[test]
    fn the_second_era_begins_in_2036_without_a_jump() {
        // 2036-02-07 06:28:16 UTC
        let turn = 2_085_978_496;
        let last = Stamp(u64::from(u32::MAX) << 32);
        let first = Stamp(1 << 31);
        assert_eq!(last.wall(), wall(turn - 1));
        assert_eq!(first.wall(), wall(turn) + Span::from_nanos(500_000_000));
        assert_eq!((first.wall() - last.wall()).nanos(), 1_500_000_000);
    }

    #[test]
    fn eras_are_chosen_from_2000_on() {
        assert_eq!(Stamp(u64::from(ERA_START_STAMP) << 32).wall(), wall(ERA_START));
        let before = Stamp(u64::from(ERA_START_STAMP - 1) << 32).wall();
        assert_eq!(before, wall(ERA_START + (1 << 32) - 1));
    }

    #[test]
    fn a_short_bound_never_shrinks() {
        assert_eq!(Short::from_seconds(1.5).0, 0x1_8000);
        assert!(Short::from_seconds(1e-6).seconds() >= 1e-6);
        assert_eq!(Short::from_seconds(1e9).0, u32::MAX);
        assert_eq!(Short::from_seconds(-1.0).0, 0);
    }

    #[test]
    fn a_poll_exponent_is_a_power_of_two() {
        assert_eq!(Span::from_exponent(6), Span::from_secs(64));
        assert_eq!(Span::from_exponent(-3), Span::from_secs(1));
        assert_eq!(Span::from_exponent(127), Span::from_secs(1 << 32));
    }

    proptest! {
        #[test]
        fn a_stamp_comes_back_to_the_nanosecond(nanos in 0..(1_i64 << 32) * NANOS_PER_SECOND) {
            let wall = wall(ERA_START) + Span::from_nanos(nanos);
            prop_assert_eq!(Stamp::from_wall(wall).wall(), wall);
        }

        #[test]
        fn any_stamp_means_a_time_from_2000_to_2136(bits: u64) {
            let meant = Stamp(bits).wall();
            prop_assert!(meant >= wall(ERA_START) && meant <= wall(ERA_START + (1 << 32)));
        }

        #[test]
        fn sums_never_overflow(a: i64, b: i64) {
            let span = Span::from_nanos(a) + Span::from_nanos(b) - Span::from_nanos(a);
            let _ = (-span, span.abs(), span.half(), span.seconds());
            let _ = (Raw::from_nanos(a) - Raw::from_nanos(b), Raw::from_nanos(a).wall(span));
            let _ = (Wall::from_nanos(a) - Wall::from_nanos(b), Wall::from_nanos(a).theta(Raw(b)));
        }
    }
}
