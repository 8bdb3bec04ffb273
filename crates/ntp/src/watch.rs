//! Has somebody moved the clock?
//!
//! The system clock and the oscillator are compared at every turn. What they drift apart beyond
//! what the frequency and the slew that we have set can do was a step that we did not make: another
//! program, an operator, a hypervisor, or a resume from a suspend (the oscillator stands still in
//! one).

use crate::client::Steer;
use crate::time::{Now, Raw, Span};

/// How often to look, at least.
const LOOK_EVERY: Span = Span::from_secs(4);

/// A step smaller than this is not told from reading the clocks on a busy machine. It is found all
/// the same, when a server is asked the next time.
const STEP_MIN: Span = Span::from_nanos(100_000_000);

/// The fastest that anybody's slew drives a clock, as a ratio: the kernel's limit for its tick.
const SLEW_RATE_MAX: f64 = 0.1;

/// The fastest that our own does.
const OWN_RATE_MAX: f64 = 0.05;

/// How exactly a kernel runs its clock at the frequency that it was given, as a ratio.
const FREQUENCY_SLACK: f64 = 5e-6;

/// The most that the kernel takes for a frequency, as a ratio.
const FREQUENCY_MAX: f64 = 5e-4;

/// The clocks as they were seen last, and what was done to the system clock since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watch {
    steering: bool,
    announced: bool,
    /// The frequency that we have set, once we have.
    frequency: Option<f64>,
    /// The slew that we have begun last, seconds.
    slewing: f64,
    last: Option<Now>,
}

impl Watch {
    /// `steering`: nobody but us slews this clock. `announced`: the shell wakes us when the clock
    /// is set, so that nobody need look in between.
    #[must_use]
    pub fn new(steering: bool, announced: bool) -> Self {
        Self { steering, announced, frequency: None, slewing: 0.0, last: None }
    }

    /// When to look again, at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Raw> {
        self.last.filter(|_| !self.announced).map(|last| last.raw + LOOK_EVERY)
    }

    /// How far the clock was moved since the last look, if it was.
    pub fn look(&mut self, now: Now) -> Option<Span> {
        let last = self.last.replace(now)?;
        let moved = now.theta() - last.theta();
        let seconds = (now.raw - last.raw).abs().seconds();
        let (expected, slewed) = match self.frequency {
            Some(ratio) => (ratio * seconds, self.slewing + FREQUENCY_SLACK * seconds),
            None if self.steering => (0.0, OWN_RATE_MAX * seconds),
            None => (0.0, SLEW_RATE_MAX * seconds),
        };
        let unexpected = (moved - Span::from_seconds(expected)).abs();
        (unexpected > STEP_MIN + Span::from_seconds(slewed)).then_some(moved)
    }

    /// We are about to do this to it ourselves.
    pub fn foresee(&mut self, steer: Steer) {
        match steer {
            Steer::Step(by) => {
                self.slewing = 0.0;
                if let Some(last) = &mut self.last {
                    last.wall = last.wall + by;
                }
            }
            Steer::Slew { by, .. } => self.slewing = by.abs().seconds(),
            Steer::Frequency(ratio) => {
                self.frequency = Some(ratio.clamp(-FREQUENCY_MAX, FREQUENCY_MAX));
            }
            Steer::Known { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;

    fn now(raw: f64, wall: f64) -> Now {
        Now {
            raw: Raw::default() + Span::from_seconds(raw),
            wall: Wall::default() + Span::from_seconds(wall),
        }
    }

    #[test]
    fn a_slew_is_not_a_step() {
        let mut watch = Watch::new(false, false);
        assert_eq!(watch.look(now(0.0, 0.0)), None);
        assert_eq!(watch.look(now(4.0, 4.4)), None);
        assert_eq!(watch.look(now(8.0, 8.0)), None);
        assert_eq!(watch.look(now(1008.0, 1107.0)), None);
    }

    #[test]
    fn a_step_of_half_a_second_is_seen_at_the_next_look() {
        let mut watch = Watch::new(true, false);
        watch.look(now(0.0, 100.0));
        assert_eq!(watch.look(now(4.0, 104.5)), Some(Span::from_seconds(0.5)));
        assert_eq!(watch.look(now(8.0, 108.5)), None, "it is seen once");
        assert_eq!(watch.look(now(12.0, 112.0)), Some(Span::from_seconds(-0.5)));
    }

    #[test]
    fn our_own_steps_are_expected() {
        let mut watch = Watch::new(true, false);
        watch.look(now(0.0, 100.0));
        watch.foresee(Steer::Step(Span::from_secs(2000)));
        assert_eq!(watch.look(now(4.0, 2104.0)), None);
    }

    #[test]
    fn an_expected_step_that_did_not_happen_is_seen() {
        let mut watch = Watch::new(true, false);
        watch.look(now(0.0, 100.0));
        watch.foresee(Steer::Step(Span::from_secs(10)));
        assert_eq!(watch.look(now(4.0, 104.0)), Some(Span::from_secs(-10)));
    }

    #[test]
    fn half_a_second_is_seen_after_a_quarter_of_an_hour_as_well() {
        let mut watch = Watch::new(true, true);
        watch.foresee(Steer::Frequency(4e-4));
        watch.look(now(0.0, 0.0));
        assert_eq!(watch.deadline(), None, "nobody need look in between");
        watch.foresee(Steer::Slew { by: Span::from_seconds(-0.05), time_constant: 3 });
        assert_eq!(watch.look(now(1000.0, 1000.35)), None, "that is what we have asked for");
        assert!(watch.look(now(2000.0, 2001.25)).is_some());
    }
}
