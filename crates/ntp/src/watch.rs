//! Has somebody moved the clock?
//!
//! The system clock and the oscillator are compared at every turn. What they drift apart beyond
//! what a frequency correction and a slew can do was a step that we did not make: another program,
//! an operator, a hypervisor, or a resume from a suspend (the oscillator stands still in one).

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

/// The clocks as they were seen last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watch {
    rate: f64,
    last: Option<Now>,
}

impl Watch {
    /// `steering`: nobody but us slews this clock.
    #[must_use]
    pub fn new(steering: bool) -> Self {
        Self { rate: if steering { OWN_RATE_MAX } else { SLEW_RATE_MAX }, last: None }
    }

    /// When to look again, at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Raw> {
        self.last.map(|last| last.raw + LOOK_EVERY)
    }

    /// How far the clock was moved since the last look, if it was.
    pub fn look(&mut self, now: Now) -> Option<Span> {
        let last = self.last.replace(now)?;
        let moved = now.theta() - last.theta();
        let slewed = Span::from_seconds((now.raw - last.raw).abs().seconds() * self.rate);
        (moved.abs() > STEP_MIN + slewed).then_some(moved)
    }

    /// We are about to move it by this much ourselves.
    pub fn expect(&mut self, by: Span) {
        if let Some(last) = &mut self.last {
            last.wall = last.wall + by;
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
        let mut watch = Watch::new(false);
        assert_eq!(watch.look(now(0.0, 0.0)), None);
        assert_eq!(watch.look(now(4.0, 4.4)), None);
        assert_eq!(watch.look(now(8.0, 8.0)), None);
        assert_eq!(watch.look(now(1008.0, 1107.0)), None);
    }

    #[test]
    fn a_step_of_half_a_second_is_seen_at_the_next_look() {
        let mut watch = Watch::new(true);
        watch.look(now(0.0, 100.0));
        assert_eq!(watch.look(now(4.0, 104.5)), Some(Span::from_seconds(0.5)));
        assert_eq!(watch.look(now(8.0, 108.5)), None, "it is seen once");
        assert_eq!(watch.look(now(12.0, 112.0)), Some(Span::from_seconds(-0.5)));
    }

    #[test]
    fn our_own_steps_are_expected() {
        let mut watch = Watch::new(true);
        watch.look(now(0.0, 100.0));
        watch.expect(Span::from_secs(2000));
        assert_eq!(watch.look(now(4.0, 2104.0)), None);
    }

    #[test]
    fn an_expected_step_that_did_not_happen_is_seen() {
        let mut watch = Watch::new(true);
        watch.look(now(0.0, 100.0));
        watch.expect(Span::from_secs(10));
        assert_eq!(watch.look(now(4.0, 104.0)), Some(Span::from_secs(-10)));
    }
}
