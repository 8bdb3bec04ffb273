//! adjtimex(2) of the played machine, after the kernel's `kernel/time/ntp.c`: what `sys::timex`
//! asks for, and a leap second at midnight.

use std::io;

use libc::timex;

use super::clockwork::Clockwork;

const DAY: f64 = 86_400.0;

/// The most that a phase may be, nanoseconds, and a frequency (`MAXPHASE`, `MAXFREQ_SCALED`).
const PHASE_MAX: i64 = 500_000_000;
const FREQUENCY_MAX: i64 = 500 << 16;

/// Microseconds per tick, as the kernel made it.
const TICK: i64 = 10_000;

/// How a leap second is coming along (`time_state`).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Leap {
    None = libc::TIME_OK as isize,
    Ahead = libc::TIME_INS as isize,
    Under = libc::TIME_OOP as isize,
    Over = libc::TIME_WAIT as isize,
}

#[derive(Debug)]
pub(super) struct Timekeeping {
    /// 2^-16 parts per million.
    frequency: i64,
    tick: i64,
    status: i32,
    pub(super) constant: i64,
    pub(super) tai: i64,
    errors: (i64, i64),
    leap: Leap,
    /// The midnight at which one is put in, on the system clock.
    midnight: f64,
    /// Whether this process may write.
    pub(super) may_steer: bool,
    /// Steps that were made, and when: true seconds, and seconds.
    pub(super) steps: Vec<(f64, f64)>,
    /// So often something was refused.
    pub(super) refused: usize,
    /// So often something was written.
    pub(super) writes: usize,
}

impl Timekeeping {
    pub(super) fn new(may_steer: bool) -> Self {
        Self {
            frequency: 0,
            tick: TICK,
            status: libc::STA_UNSYNC,
            constant: 2,
            tai: 0,
            errors: (16_000_000, 16_000_000),
            leap: Leap::None,
            midnight: f64::INFINITY,
            may_steer,
            steps: Vec::new(),
            refused: 0,
            writes: 0,
        }
    }

    /// The system call.
    pub(super) fn adjtimex(&mut self, clock: &mut Clockwork, asked: &mut timex) -> io::Result<i32> {
        if asked.modes != 0 {
            if !self.may_steer {
                self.refused += 1;
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
            self.writes += 1;
            self.write(clock, asked);
        }
        asked.freq = self.frequency;
        asked.tick = self.tick;
        asked.status = self.status;
        asked.constant = self.constant;
        (asked.esterror, asked.maxerror) = self.errors;
        let left = nanos(clock.slew_left);
        asked.offset = if self.status & libc::STA_NANO == 0 { left / 1000 } else { left };
        let unsure = self.status & libc::STA_UNSYNC != 0;
        Ok(if unsure { libc::TIME_ERROR } else { self.leap as i32 })
    }

    fn write(&mut self, clock: &mut Clockwork, asked: &timex) {
        let has = |mode: libc::c_uint| asked.modes & mode == mode;
        if has(libc::ADJ_OFFSET_SINGLESHOT) {
            return;
        }
        if has(libc::ADJ_SETOFFSET) {
            let unit = if has(libc::ADJ_NANO) { 1e-9 } else { 1e-6 };
            #[expect(clippy::cast_precision_loss, reason = "a world needs no more")]
            let by = asked.time.tv_sec as f64 + asked.time.tv_usec as f64 * unit;
            self.steps.push((clock.truth, by));
            clock.ahead += by;
        }
        if has(libc::ADJ_STATUS) {
            let cleared = self.status & libc::STA_PLL != 0 && asked.status & libc::STA_PLL == 0;
            self.status = asked.status | (self.status & libc::STA_NANO);
            if cleared {
                self.leap = Leap::None;
            }
        }
        if has(libc::ADJ_NANO) {
            self.status |= libc::STA_NANO;
        }
        if has(libc::ADJ_FREQUENCY) {
            assert!(asked.freq.abs() <= FREQUENCY_MAX, "a frequency of {}", asked.freq);
            self.frequency = asked.freq;
        }
        if has(libc::ADJ_TICK) {
            assert!((9_000..=11_000).contains(&asked.tick), "a tick of {}", asked.tick);
            self.tick = asked.tick;
        }
        if has(libc::ADJ_TIMECONST) {
            let more = if self.status & libc::STA_NANO == 0 { 4 } else { 0 };
            self.constant = (asked.constant + more).clamp(0, 10);
        }
        if has(libc::ADJ_TAI) {
            self.tai = asked.constant;
        }
        if has(libc::ADJ_ESTERROR | libc::ADJ_MAXERROR) {
            self.errors = (asked.esterror, asked.maxerror);
        }
        if has(libc::ADJ_OFFSET) && self.status & libc::STA_PLL != 0 {
            let unit = if self.status & libc::STA_NANO == 0 { 1000 } else { 1 };
            let by = seconds((asked.offset * unit).clamp(-PHASE_MAX, PHASE_MAX));
            clock.slew(by, i32::try_from(self.constant).unwrap());
            if asked.offset == 0 {
                clock.rest();
            }
        }
        clock.frequency = self.ratio();
    }

    /// Somebody else sets the frequency, in parts per million.
    pub(super) fn steer_too(&mut self, clock: &mut Clockwork, ppm: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "26 bits")]
        let frequency = (ppm * 65_536.0) as i64;
        self.frequency = frequency;
        clock.frequency = self.ratio();
    }

    fn ratio(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "26 bits")]
        let (frequency, tick) = (self.frequency as f64, (self.tick - TICK) as f64);
        frequency / 65_536.0 * 1e-6 + tick / 1e4
    }

    /// The parts per million that the clock is set to run fast.
    pub(super) fn ppm(&self) -> f64 {
        self.ratio() * 1e6
    }

    /// When the kernel puts in a leap second, seconds from now.
    pub(super) fn leap_in(&self, clock: &Clockwork) -> f64 {
        let left = self.midnight - of_day(clock);
        if self.leap == Leap::Ahead {
            (left / (1.0 + clock.rate())).max(0.0)
        } else {
            f64::INFINITY
        }
    }

    /// What is done when a second begins; whether that has moved the clock.
    pub(super) fn second(&mut self, clock: &mut Clockwork) -> bool {
        let announced = self.status & libc::STA_INS != 0;
        let is_due = of_day(clock) >= self.midnight - 1e-6;
        self.leap = match self.leap {
            Leap::None if announced => {
                self.midnight = DAY * (of_day(clock) / DAY).floor() + DAY;
                Leap::Ahead
            }
            Leap::Ahead if announced && is_due => {
                clock.ahead -= 1.0;
                self.tai += 1;
                Leap::Under
            }
            Leap::Ahead if announced => Leap::Ahead,
            Leap::Over if announced => Leap::Over,
            Leap::Under => Leap::Over,
            Leap::None | Leap::Ahead | Leap::Over => Leap::None,
        };
        self.leap == Leap::Under
    }
}

/// Seconds of the system clock since the midnight before the beginning.
fn of_day(clock: &Clockwork) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "less than a day")]
    let begun = clock.start.rem_euclid(86_400) as f64;
    begun + clock.raw + clock.ahead
}

#[expect(clippy::cast_possible_truncation, reason = "less than a second")]
fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

#[expect(clippy::cast_precision_loss, reason = "less than a second")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}
