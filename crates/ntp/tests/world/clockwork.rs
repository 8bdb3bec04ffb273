//! An oscillator, and the clock that a kernel makes of it.

use ntp::time::{Now, Raw, Span, Wall};

use super::chance::Chance;

#[derive(Debug)]
pub(crate) struct Clockwork {
    /// True seconds since the beginning.
    pub(crate) truth: f64,
    /// True time of the beginning, whole seconds since the Unix epoch.
    pub(crate) start: i64,
    /// What the oscillator has counted, seconds.
    pub(crate) raw: f64,
    /// The oscillator runs fast by this ratio.
    pub(crate) speed: f64,
    /// And by this ratio, for the moment.
    pub(crate) sway: f64,
    /// Standard deviation of the change of speed in a second.
    pub(crate) wander: f64,
    /// The system clock minus the oscillator minus `start`, seconds.
    pub(crate) ahead: f64,
    /// The kernel runs the clock faster than the oscillator by this ratio.
    pub(crate) frequency: f64,
    /// What is left of a slew, seconds.
    pub(crate) slew_left: f64,
    slew_shift: i32,
    slew_rate: f64,
    seconds: f64,
}

impl Clockwork {
    /// It begins at `start` with a clock that is `offset` seconds ahead of true time and an
    /// oscillator that is `fast`, as a ratio.
    pub(crate) fn new(start: i64, offset: f64, fast: f64) -> Self {
        Self {
            truth: 0.0,
            start,
            raw: 100.0,
            speed: fast,
            sway: 0.0,
            wander: 0.0,
            ahead: offset - 100.0,
            frequency: 0.0,
            slew_left: 0.0,
            slew_shift: 2,
            slew_rate: 0.0,
            seconds: 0.0,
        }
    }

    /// Clock minus true time, seconds.
    pub(crate) fn error(&self) -> f64 {
        self.raw + self.ahead - self.truth
    }

    /// How fast the clock runs beyond true time, as a ratio.
    pub(crate) fn rate(&self) -> f64 {
        self.pace() * (1.0 + self.frequency + self.slew_rate) - 1.0
    }

    /// Seconds of the oscillator in a true second.
    pub(crate) fn pace(&self) -> f64 {
        1.0 + self.speed + self.sway
    }

    pub(crate) fn now(&self) -> Now {
        let raw = Raw::default() + Span::from_seconds(self.raw);
        Now { raw, wall: self.wall(self.raw + self.ahead) }
    }

    /// So many seconds after the beginning, as a time of day.
    pub(crate) fn wall(&self, seconds: f64) -> Wall {
        Wall::from_nanos(self.start * 1_000_000_000) + Span::from_seconds(seconds)
    }

    /// When the kernel's next second begins.
    pub(crate) fn next_second(&self) -> f64 {
        self.seconds + 1.0
    }

    pub(crate) fn advance(&mut self, seconds: f64) {
        let raw = seconds * self.pace();
        self.truth += seconds;
        self.raw += raw;
        self.ahead += raw * (self.frequency + self.slew_rate);
    }

    /// What a kernel does each second: it takes its part of what is to be slewed.
    pub(crate) fn second(&mut self, chance: &mut Chance) {
        self.seconds = self.truth;
        let part = self.slew_left / f64::from(1 << self.slew_shift);
        self.slew_left -= part;
        self.slew_rate = part;
        assert!(part.abs() <= 0.05 + 1e-9, "the clock is driven too hard: {part}");
        self.speed += self.wander * chance.normal();
    }

    /// The machine sleeps. The hardware clock is right to the second.
    pub(crate) fn sleep(&mut self, seconds: f64) {
        self.truth += seconds;
        self.ahead += seconds.round();
    }

    /// Brings the clock forward by so many seconds, bit by bit.
    pub(crate) fn slew(&mut self, by: f64, time_constant: i32) {
        assert!(by.abs() <= 0.5, "more than a kernel takes");
        self.slew_left = by;
        self.slew_shift = 2 + time_constant;
    }

    /// Sets the clock forward by so many seconds, and ends a slew.
    pub(crate) fn step(&mut self, by: f64) {
        self.ahead += by;
        self.rest();
    }

    /// Ends a slew.
    pub(crate) fn rest(&mut self) {
        (self.slew_left, self.slew_rate) = (0.0, 0.0);
    }
}
