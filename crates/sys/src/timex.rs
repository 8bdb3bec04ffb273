//! Steering the system clock: adjtimex(2).
//!
//! Reading is free for everybody and changes nothing ([`frequency`]). All that changes the clock is
//! a method of [`Steering`], and there is no `Steering` without [`Steering::acquire`]: a program
//! that never calls that cannot touch the clock.
//!
//! Nothing here leaves a clock running fast when its program is killed. A slew is given to the
//! kernel's phase-locked loop, which takes a fixed part of what is left each second and so comes
//! to rest by itself; its frequency is held, so that it learns nothing from our slews.

use std::cell::Cell;
use std::io;

/// `freq` of `struct timex` for one part per million: 16 bits of fraction.
const FREQUENCY_UNIT: f64 = 65536.0;

/// The most that the kernel takes, in parts per million (kernel, `MAXFREQ`).
const FREQUENCY_MAX: f64 = 500.0;

/// Microseconds per tick at `USER_HZ` 100: the clock at its natural speed.
const TICK: libc::c_long = 10_000;

/// The most that one slew may be, in nanoseconds (kernel, `MAXPHASE`).
const SLEW_MAX: i64 = 500_000_000;

/// The largest error bound there is, in microseconds (kernel, `NTP_PHASE_LIMIT`).
const ERROR_MAX: i64 = 16_000_000;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// How fast the clock is set to run beyond its oscillator, in parts per million. Writes nothing.
///
/// # Errors
/// Those of adjtimex(2); a sandbox may forbid even this.
pub fn frequency() -> io::Result<f64> {
    adjust(&mut nothing()).map(|timex| ppm(timex.freq))
}

/// A leap second that the kernel is to make at the end of the UTC day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leap {
    /// None.
    #[default]
    None,
    /// The last minute of the day has 61 seconds: the clock shows its last second twice.
    Insert,
    /// It has 59: the clock leaves its last second out.
    Delete,
}

/// Whether the kernel has just made a leap second, and has not been told since that it is over.
/// Writes nothing.
#[must_use]
pub fn leap_was_made() -> bool {
    let mut timex = nothing();
    // SAFETY: the pointer is to a whole `struct timex` that is ours alone during the call.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    matches!(state, libc::TIME_OOP | libc::TIME_WAIT)
}

/// The status bits that only a program sets.
const STEERED: libc::c_int = libc::STA_PLL
    | libc::STA_FLL
    | libc::STA_FREQHOLD
    | libc::STA_PPSFREQ
    | libc::STA_PPSTIME
    | libc::STA_NANO;

/// How the kernel steers the clock now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Parts per million.
    pub frequency: f64,
    /// Microseconds per tick.
    pub tick: i64,
    /// Those status bits that only a program sets.
    pub status: i32,
    /// What is left of a slew, nanoseconds.
    pub slew: i64,
}

/// How the clock is steered. Writes nothing.
///
/// # Errors
/// Those of adjtimex(2); a sandbox may forbid even this.
pub fn reading() -> io::Result<Reading> {
    let mut timex = nothing();
    let timex = adjust(&mut timex)?;
    let per_unit = if timex.status & libc::STA_NANO == 0 { 1000 } else { 1 };
    Ok(Reading {
        frequency: ppm(timex.freq),
        tick: timex.tick,
        status: timex.status & STEERED,
        slew: timex.offset.saturating_mul(per_unit),
    })
}

/// The right to steer the system clock.
#[derive(Debug)]
pub struct Steering {
    /// What is announced stays announced, whatever else is changed. Only [`Steering::acquire`]
    /// makes one.
    leap: Cell<Leap>,
}

impl Steering {
    /// Takes the clock, if we may: it is asked to run at the frequency it already runs at. Then it
    /// is brought to rest: no slew left over, no leap second announced, the tick as the kernel made
    /// it.
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_TIME`, and all of adjtimex(2).
    pub fn acquire() -> io::Result<Self> {
        let mut probe = nothing();
        let freq = adjust(&mut probe)?.freq;
        adjust(&mut libc::timex { modes: libc::ADJ_FREQUENCY, freq, ..nothing() })?;
        let steering = Self { leap: Cell::new(Leap::None) };
        steering.rest()?;
        Ok(steering)
    }

    /// Ends every slew, ours or not, and leaves the clock running at its frequency.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn rest(&self) -> io::Result<()> {
        let modes = libc::ADJ_STATUS
            | libc::ADJ_NANO
            | libc::ADJ_TICK
            | libc::ADJ_TIMECONST
            | libc::ADJ_OFFSET;
        let status = libc::STA_PLL | libc::STA_FREQHOLD | libc::STA_UNSYNC | self.leap_status();
        adjust(&mut libc::timex { modes, status, tick: TICK, ..nothing() })?;
        // What adjtime(3) has begun is a slew of its own.
        let modes = libc::ADJ_OFFSET_SINGLESHOT;
        adjust(&mut libc::timex { modes, ..nothing() }).map(drop)
    }

    /// Lets the clock run faster than its oscillator by so many parts per million, 500 at most.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn set_frequency(&self, ppm: f64) -> io::Result<()> {
        let freq = whole(ppm.clamp(-FREQUENCY_MAX, FREQUENCY_MAX) * FREQUENCY_UNIT);
        adjust(&mut libc::timex { modes: libc::ADJ_FREQUENCY, freq, ..nothing() }).map(drop)
    }

    /// Brings the clock forward by so many nanoseconds, half a second at most, instead of what
    /// is left of the last slew: each second the part `1 / 2^(2 + time_constant)` of what is left.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn slew(&self, nanos: i64, time_constant: u8) -> io::Result<()> {
        let modes = libc::ADJ_STATUS | libc::ADJ_NANO | libc::ADJ_TIMECONST | libc::ADJ_OFFSET;
        // Not STA_UNSYNC: the kernel may keep the hardware clock right now.
        let status = libc::STA_PLL | libc::STA_FREQHOLD | self.leap_status();
        let offset = nanos.clamp(-SLEW_MAX, SLEW_MAX);
        let constant = time_constant.into();
        adjust(&mut libc::timex { modes, status, constant, offset, ..nothing() }).map(drop)
    }

    /// Sets the clock forward by so many nanoseconds, at once; a slew that is under way ends.
    ///
    /// # Errors
    /// Those of adjtimex(2); `EINVAL` for a time before 1970.
    pub fn step(&self, nanos: i64) -> io::Result<()> {
        self.rest()?;
        // Relative, so that no time is lost between reading the clock and setting it.
        let modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
        let time = libc::timeval {
            tv_sec: nanos.div_euclid(NANOS_PER_SECOND),
            tv_usec: nanos.rem_euclid(NANOS_PER_SECOND),
        };
        adjust(&mut libc::timex { modes, time, ..nothing() }).map(drop)
    }

    /// Has the kernel make a leap second at the end of this UTC day, or makes it forget one.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn announce(&self, leap: Leap) -> io::Result<()> {
        let known = adjust(&mut nothing())?.status;
        self.leap.set(leap);
        let ours = libc::STA_PLL | libc::STA_FREQHOLD | libc::STA_UNSYNC;
        let status = (known & ours) | self.leap_status();
        adjust(&mut libc::timex { modes: libc::ADJ_STATUS, status, ..nothing() }).map(drop)
    }

    /// Tells the kernel by how many seconds TAI is ahead of UTC, for `CLOCK_TAI`.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn set_tai(&self, seconds: i32) -> io::Result<()> {
        let constant = seconds.into();
        adjust(&mut libc::timex { modes: libc::ADJ_TAI, constant, ..nothing() }).map(drop)
    }

    fn leap_status(&self) -> libc::c_int {
        match self.leap.get() {
            Leap::None => 0,
            Leap::Insert => libc::STA_INS,
            Leap::Delete => libc::STA_DEL,
        }
    }

    /// Tells the kernel, and who asks it, how wrong the clock may be: likely and at most, in
    /// microseconds.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn set_errors(&self, likely: i64, most: i64) -> io::Result<()> {
        let modes = libc::ADJ_ESTERROR | libc::ADJ_MAXERROR;
        let (esterror, maxerror) = (likely.clamp(0, ERROR_MAX), most.clamp(0, ERROR_MAX));
        adjust(&mut libc::timex { modes, esterror, maxerror, ..nothing() }).map(drop)
    }
}

/// A `struct timex` that changes nothing.
fn nothing() -> libc::timex {
    // SAFETY: the struct is integers all through, for which all bits zero is a value.
    unsafe { std::mem::zeroed() }
}

fn adjust(timex: &mut libc::timex) -> io::Result<&libc::timex> {
    // SAFETY: the pointer is to a whole `struct timex` that is ours alone during the call.
    let state = unsafe { libc::adjtimex(timex) };
    if state == -1 { Err(io::Error::last_os_error()) } else { Ok(timex) }
}

#[expect(clippy::cast_precision_loss, reason = "the kernel keeps it within 26 bits")]
fn ppm(freq: libc::c_long) -> f64 {
    freq as f64 / FREQUENCY_UNIT
}

#[expect(clippy::cast_possible_truncation, reason = "it was clamped to 26 bits")]
fn whole(freq: f64) -> libc::c_long {
    freq.round() as libc::c_long
}

#[cfg(test)]
mod tests {
    use super::*;

    // There is no test of `Steering` here, nor may there be: the clock is not a test's to set.
    // What it does was tried in a virtual machine.

    #[test]
    fn the_frequency_can_be_read_where_it_may_be() {
        if let Ok(ppm) = frequency() {
            assert!(ppm.abs() <= FREQUENCY_MAX, "{ppm}");
        }
    }

    #[test]
    fn frequencies_are_written_as_the_kernel_reads_them() {
        assert_eq!(whole(500.0 * FREQUENCY_UNIT), 32_768_000);
        assert_eq!(whole(-0.000_01 * FREQUENCY_UNIT), -1);
        assert!((ppm(whole(-12.345 * FREQUENCY_UNIT)) + 12.345).abs() < 1e-5);
    }
}
