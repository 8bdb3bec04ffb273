//! How often a line may be said. What a remote can cause must not fill a disk.

use crate::time::{Raw, Span};

/// So many lines may follow each other at once: a start with its troubles fits.
const BURST: u8 = 6;

/// After that, one in this time: at worst 288 lines a day.
const SPACING: Span = Span::from_secs(300);

/// A budget of lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Voice {
    left: u8,
    since: Option<Raw>,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self { left: BURST, since: None }
    }

    /// Takes one line out of the budget, if one is left.
    pub(super) fn may_speak(&mut self, now: Raw) -> bool {
        self.refill(now);
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    fn refill(&mut self, now: Raw) {
        let mut since = self.since.unwrap_or(now);
        while self.left < BURST && now - since >= SPACING {
            self.left += 1;
            since = since + SPACING;
        }
        self.since = Some(if self.left == BURST { now } else { since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(voice: &mut Voice, seconds: std::ops::Range<i64>) -> usize {
        let may = |second: &i64| voice.may_speak(Raw::default() + Span::from_secs(*second));
        seconds.filter(may).count()
    }

    #[test]
    fn a_few_lines_come_at_once_and_then_one_in_five_minutes() {
        let mut voice = Voice::new();
        assert_eq!(spoken(&mut voice, 0..60), 6);
        assert_eq!(spoken(&mut voice, 60..86_400), 287);
    }

    #[test]
    fn silence_earns_the_burst_back_and_no_more() {
        let mut voice = Voice::new();
        assert_eq!(spoken(&mut voice, 0..10), 6);
        assert_eq!(spoken(&mut voice, 1_000_000..1_000_010), 6);
    }
}
