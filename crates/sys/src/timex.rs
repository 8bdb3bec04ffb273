//! Steering the system clock: adjtimex(2).
//!
//! Reading is free for everybody and changes nothing ([`frequency`]). All that changes the clock is
//! a method of [`Steering`], and there is no `Steering` without [`Steering::acquire`]: a program
//! that never calls that cannot touch the clock. What is asked of adjtimex(2) is a [`Request`],
//! which only this file makes; whose adjtimex it is ([`Adjtimex`]), the caller says.
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

/// A `struct timex` for adjtimex(2), made here and nowhere else.
#[derive(Debug)]
pub struct Request(libc::timex);

impl Request {
    /// What is asked, and the room for the answer: for who answers it.
    pub fn timex(&mut self) -> &mut libc::timex {
        &mut self.0
    }
}

/// Who answers adjtimex(2): the kernel, or in a test what stands in for it.
pub trait Adjtimex {
    /// Does what is asked and fills in what is so; the state of the clock (`TIME_OK`).
    ///
    /// # Errors
    /// Those of adjtimex(2).
    fn adjtimex(&self, request: &mut Request) -> io::Result<i32>;
}

/// The kernel's own answer.
///
/// # Errors
/// Those of adjtimex(2).
pub fn adjtimex(request: &mut Request) -> io::Result<i32> {
    // SAFETY: the pointer is to a whole `struct timex` that is ours alone during the call.
    let state = unsafe { libc::adjtimex(&raw mut request.0) };
    if state == -1 { Err(io::Error::last_os_error()) } else { Ok(state) }
}

/// How fast the clock is set to run beyond its oscillator, in parts per million. Writes nothing.
///
/// # Errors
/// Those of adjtimex(2); a sandbox may forbid even this.
pub fn frequency(kernel: &dyn Adjtimex) -> io::Result<f64> {
    adjust(kernel, nothing()).map(|timex| ppm(timex.freq))
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
pub fn leap_was_made(kernel: &dyn Adjtimex) -> bool {
    let state = kernel.adjtimex(&mut Request(nothing()));
    matches!(state, Ok(libc::TIME_OOP | libc::TIME_WAIT))
}

/// Whether the kernel has been told, by whoever steers the clock, that it is right; not so where
/// even the question is forbidden. Writes nothing.
#[must_use]
pub fn is_synchronised(kernel: &dyn Adjtimex) -> bool {
    adjust(kernel, nothing()).is_ok_and(|timex| timex.status & libc::STA_UNSYNC == 0)
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
pub fn reading(kernel: &dyn Adjtimex) -> io::Result<Reading> {
    let timex = adjust(kernel, nothing())?;
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
    pub fn acquire(kernel: &dyn Adjtimex) -> io::Result<Self> {
        let freq = adjust(kernel, nothing())?.freq;
        adjust(kernel, libc::timex { modes: libc::ADJ_FREQUENCY, freq, ..nothing() })?;
        let steering = Self { leap: Cell::new(Leap::None) };
        steering.rest(kernel)?;
        Ok(steering)
    }

    /// Ends every slew, ours or not, and leaves the clock running at its frequency.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn rest(&self, kernel: &dyn Adjtimex) -> io::Result<()> {
        let modes = libc::ADJ_STATUS
            | libc::ADJ_NANO
            | libc::ADJ_TICK
            | libc::ADJ_TIMECONST
            | libc::ADJ_OFFSET;
        let status = libc::STA_PLL | libc::STA_FREQHOLD | libc::STA_UNSYNC | self.leap_status();
        adjust(kernel, libc::timex { modes, status, tick: TICK, ..nothing() })?;
        // What adjtime(3) has begun is a slew of its own.
        let modes = libc::ADJ_OFFSET_SINGLESHOT;
        adjust(kernel, libc::timex { modes, ..nothing() }).map(drop)
    }

    /// Lets the clock run faster than its oscillator by so many parts per million, 500 at most.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn set_frequency(&self, kernel: &dyn Adjtimex, ppm: f64) -> io::Result<()> {
        let freq = whole(ppm.clamp(-FREQUENCY_MAX, FREQUENCY_MAX) * FREQUENCY_UNIT);
        adjust(kernel, libc::timex { modes: libc::ADJ_FREQUENCY, freq, ..nothing() }).map(drop)
    }

    /// Brings the clock forward by so many nanoseconds, half a second at most, instead of what
    /// is left of the last slew: each second the part `1 / 2^(2 + time_constant)` of what is left.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn slew(&self, kernel: &dyn Adjtimex, nanos: i64, time_constant: u8) -> io::Result<()> {
        let modes = libc::ADJ_STATUS | libc::ADJ_NANO | libc::ADJ_TIMECONST | libc::ADJ_OFFSET;
        // Not STA_UNSYNC: the kernel may keep the hardware clock right now.
        let status = libc::STA_PLL | libc::STA_FREQHOLD | self.leap_status();
        let offset = nanos.clamp(-SLEW_MAX, SLEW_MAX);
        let constant = time_constant.into();
        adjust(kernel, libc::timex { modes, status, constant, offset, ..nothing() }).map(drop)
    }

    /// Sets the clock forward by so many nanoseconds, at once; a slew that is under way ends.
    ///
    /// # Errors
    /// Those of adjtimex(2); `EINVAL` for a time before 1970.
    pub fn step(&self, kernel: &dyn Adjtimex, nanos: i64) -> io::Result<()> {
        self.rest(kernel)?;
        // Relative, so that no time is lost between reading the clock and setting it.
        let modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
        let time = libc::timeval {
            tv_sec: nanos.div_euclid(NANOS_PER_SECOND),
            tv_usec: nanos.rem_euclid(NANOS_PER_SECOND),
        };
        adjust(kernel, libc::timex { modes, time, ..nothing() }).map(drop)
    }

    /// Has the kernel make a leap second at the end of this UTC day, or makes it forget one.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn announce(&self, kernel: &dyn Adjtimex, leap: Leap) -> io::Result<()> {
        let known = adjust(kernel, nothing())?.status;
        self.leap.set(leap);
        let ours = libc::STA_PLL | libc::STA_FREQHOLD | libc::STA_UNSYNC;
        let status = (known & ours) | self.leap_status();
        adjust(kernel, libc::timex { modes: libc::ADJ_STATUS, status, ..nothing() }).map(drop)
    }

    /// Tells the kernel by how many seconds TAI is ahead of UTC, for `CLOCK_TAI`.
    ///
    /// # Errors
    /// Those of adjtimex(2).
    pub fn set_tai(&self, kernel: &dyn Adjtimex, seconds: i32) -> io::Result<()> {
        let constant = seconds.into();
        adjust(kernel, libc::timex { modes: libc::ADJ_TAI, constant, ..nothing() }).map(drop)
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
    pub fn set_errors(&self, kernel: &dyn Adjtimex, likely: i64, most: i64) -> io::Result<()> {
        let modes = libc::ADJ_ESTERROR | libc::ADJ_MAXERROR;
        let (esterror, maxerror) = (likely.clamp(0, ERROR_MAX), most.clamp(0, ERROR_MAX));
        adjust(kernel, libc::timex { modes, esterror, maxerror, ..nothing() }).map(drop)
    }
}

/// A `struct timex` that changes nothing.
fn nothing() -> libc::timex {
    // SAFETY: the struct is integers all through, for which all bits zero is a value.
    unsafe { std::mem::zeroed() }
}

fn adjust(kernel: &dyn Adjtimex, timex: libc::timex) -> io::Result<libc::timex> {
    let mut request = Request(timex);
    kernel.adjtimex(&mut request)?;
    Ok(request.0)
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

    // There is no test of `Steering` with the kernel's adjtimex, nor may there be: the clock is not
    // a test's to set. It is tried in ntpd's simulated machine, and in a virtual one.

    #[derive(Debug)]
    struct Kernel;

    impl Adjtimex for Kernel {
        fn adjtimex(&self, request: &mut Request) -> io::Result<i32> {
            assert_eq!(request.0.modes, 0, "nothing is written");
            adjtimex(request)
        }
    }

    #[test]
    fn the_frequency_can_be_read_where_it_may_be() {
        if let Ok(ppm) = frequency(&Kernel) {
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
