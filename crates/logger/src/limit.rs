//! How many lines of a log pass in a time: a flood of lines must not push all others out.

use std::time::Duration;

/// The most lines in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Lines.
    pub lines: u64,
    /// In so long.
    pub time: Duration,
}

/// Counts the lines of one log. A span begins with the first line after the last span; the lines
/// that are too many in it are left out and counted.
#[derive(Debug)]
pub(crate) struct Limit {
    rate: Rate,
    now: Duration,
    /// When the span ends.
    until: Option<Duration>,
    passed: u64,
    left_out: u64,
}

impl Limit {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, now: Duration::ZERO, until: None, passed: 0, left_out: 0 }
    }

    /// Ends the span where its time is over; what is then to be said, as a line.
    pub(crate) fn tick(&mut self, now: Duration) -> Option<String> {
        self.now = now;
        if self.until.is_none_or(|until| now < until) {
            return None;
        }
        (self.until, self.passed) = (None, 0);
        self.take_count()
    }

    /// The count of lines that are left out, as a line; it begins anew.
    pub(crate) fn take_count(&mut self) -> Option<String> {
        let Rate { lines, time } = self.rate;
        let count = std::mem::take(&mut self.left_out);
        (count > 0).then(|| {
            let are = lines_are(count);
            format!("multilog: warning: {are} left out: more than {lines} in {time:?}")
        })
    }

    /// Whether the next line passes.
    pub(crate) fn passes(&mut self) -> bool {
        let passes = self.passed < self.rate.lines;
        if passes {
            self.passed += 1;
            self.until = self.until.or(Some(self.now.saturating_add(self.rate.time)));
        } else {
            self.left_out += 1;
        }
        passes
    }

    /// When there will be something to say.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.until.filter(|_| self.left_out > 0)
    }
}

/// `1 line is`, `2 lines are`: what comes next has happened to them.
#[must_use]
pub fn lines_are(count: u64) -> String {
    if count == 1 { "1 line is".into() } else { format!("{count} lines are") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { lines: 2, time: Duration::from_secs(10) };

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn lines_that_are_too_many_are_left_out_and_counted_once() {
        let mut limit = Limit::new(RATE);
        assert_eq!(limit.tick(at(100)), None);
        assert!(limit.passes());
        assert_eq!(limit.tick(at(105)), None);
        assert!(limit.passes());
        assert_eq!(limit.deadline(), None, "nothing to say yet");
        assert_eq!([limit.passes(), limit.passes()], [false, false]);
        assert_eq!(limit.deadline(), Some(at(110)));
        assert_eq!(limit.tick(at(109)), None);
        let said = "multilog: warning: 2 lines are left out: more than 2 in 10s";
        assert_eq!(limit.tick(at(110)).as_deref(), Some(said));
        assert_eq!((limit.tick(at(111)), limit.deadline()), (None, None));
    }

    #[test]
    fn a_span_begins_with_its_first_line() {
        let mut limit = Limit::new(RATE);
        for now in [0, 500] {
            limit.tick(at(now));
            assert_eq!([limit.passes(), limit.passes(), limit.passes()], [true, true, false]);
        }
    }

    proptest! {
        #[test]
        fn every_line_passes_or_is_counted(steps: Vec<(u16, u8)>) {
            let (mut limit, mut now) = (Limit::new(RATE), Duration::ZERO);
            let (mut lines, mut passed, mut counted) = (0, 0, 0);
            let count = |said: Option<String>| {
                said.map_or(0, |said| said.split(' ').nth(2).unwrap().parse::<u64>().unwrap())
            };
            for (pause, more) in steps {
                now += Duration::from_millis(pause.into());
                counted += count(limit.tick(now));
                for _ in 0..more {
                    lines += 1;
                    passed += u64::from(limit.passes());
                }
            }
            prop_assert!(passed <= 2 * (now.as_secs() / 10 + 1));
            prop_assert_eq!(passed + counted + count(limit.take_count()), lines);
        }
    }
}
