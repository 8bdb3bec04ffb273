//! Does somebody else steer our clock?
//!
//! What the kernel was told last, by us, is compared with what it says now. Nobody but a program
//! that steers clocks changes a frequency; a step alone may have been an operator's, and is
//! [`crate::watch`]'s matter.

use crate::budget::Budget;
use crate::time::{Raw, Span};

/// So often in a row it is said at once what a rival does.
const LINES: u8 = 3;

/// Then once in this time.
const LINE_SPACING: Span = Span::from_secs(3600);

/// A frequency is the same if it differs by less, in parts per million: the kernel's unit is 2^-16.
const FREQUENCY_SAME: f64 = 1e-4;

/// A slew that grows by less is the kernel's arithmetic, nanoseconds.
const SLEW_SAME: i64 = 1000;

/// How the kernel steers a clock (`struct timex`).
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

/// What was changed, if anything, from what we left there.
#[must_use]
pub fn differs(ours: &Reading, found: &Reading) -> Option<String> {
    if (ours.frequency - found.frequency).abs() > FREQUENCY_SAME {
        let (ours, found) = (ours.frequency, found.frequency);
        Some(format!("the frequency was set from {ours:+.3} ppm to {found:+.3} ppm"))
    } else if ours.tick != found.tick {
        Some(format!("the tick was set from {} us to {} us", ours.tick, found.tick))
    } else if ours.status != found.status {
        Some(format!("the status was set from {:#x} to {:#x}", ours.status, found.status))
    } else if found.slew.abs() > ours.slew.abs() + SLEW_SAME {
        Some(format!("a slew of {:+} ns was begun", found.slew))
    } else {
        None
    }
}

/// Looks for rivals, and says little of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    left: Option<Reading>,
    voice: Budget,
}

impl Default for Watch {
    fn default() -> Self {
        Self { left: None, voice: Budget::new(LINES, LINE_SPACING) }
    }
}

impl Watch {
    /// We have steered, and this is how the kernel was left.
    pub fn left(&mut self, reading: Option<Reading>) {
        self.left = reading;
    }

    /// What somebody else has changed since, and whether it is to be said.
    pub fn look(&mut self, found: Reading, now: Raw) -> Option<(String, bool)> {
        let what = differs(self.left.as_ref()?, &found);
        self.left = Some(found);
        what.map(|what| (what, self.voice.spend(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Reading = Reading { frequency: 12.345, tick: 10_000, status: 0x81, slew: -5000 };

    #[test]
    fn what_only_a_program_changes_is_seen_and_what_the_kernel_does_is_not() {
        for (found, part) in [
            (Reading { frequency: 12.346, ..OURS }, Some("from +12.345 ppm to +12.346 ppm")),
            (Reading { tick: 10_001, ..OURS }, Some("tick was set from 10000 us to 10001 us")),
            (Reading { status: 0x1, ..OURS }, Some("status was set from 0x81 to 0x1")),
            (Reading { slew: 7000, ..OURS }, Some("a slew of +7000 ns")),
            (OURS, None),
            (Reading { slew: 0, ..OURS }, None),
            (Reading { frequency: 12.345_02, slew: -4000, ..OURS }, None),
        ] {
            let what = differs(&OURS, &found);
            match part {
                None => assert_eq!(what, None),
                Some(part) => {
                    assert!(what.as_ref().is_some_and(|it| it.contains(part)), "{what:?}");
                }
            }
        }
    }

    #[test]
    fn a_rival_that_never_rests_is_told_of_a_few_times_an_hour() {
        let mut watch = Watch::default();
        let at = |seconds| Raw::default() + Span::from_secs(seconds);
        assert_eq!(watch.look(OURS, at(0)), None, "nothing of ours was there yet");
        let mut said = 0;
        for second in 0..7200_i32 {
            watch.left(Some(OURS));
            let theirs = Reading { frequency: f64::from(second % 100) + 50.0, ..OURS };
            let seen = watch.look(theirs, at(second.into()));
            said += u32::from(seen.unwrap().1);
        }
        assert!((3..=5).contains(&said), "{said}");
    }

    #[test]
    fn what_was_changed_once_is_seen_once() {
        let mut watch = Watch::default();
        watch.left(Some(OURS));
        let theirs = Reading { tick: 9_999, ..OURS };
        assert!(watch.look(theirs, Raw::default()).is_some());
        assert_eq!(watch.look(theirs, Raw::default()), None);
    }
}
