//! How often something may happen. What a remote can cause must not fill a disk or a network.

use crate::time::{Raw, Span};

/// So many times at once, and then again after a while each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    most: u8,
    spacing: Span,
    left: u8,
    since: Option<Raw>,
}

impl Budget {
    /// `most` times at once; each is earned back in `spacing`.
    #[must_use]
    pub fn new(most: u8, spacing: Span) -> Self {
        Self { most, spacing, left: most, since: None }
    }

    /// Whether it may happen now. If so, it is taken to happen.
    pub fn spend(&mut self, now: Raw) -> bool {
        let mut since = self.since.unwrap_or(now);
        while self.left < self.most && now - since >= self.spacing {
            self.left += 1;
            since = since + self.spacing;
        }
        self.since = Some(if self.left == self.most { now } else { since });
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    /// After how long it may happen; nothing where it may now.
    #[must_use]
    pub fn wait(&self, now: Raw) -> Span {
        let earned = self.since.map_or(now, |since| since + self.spacing);
        if self.left > 0 { Span::ZERO } else { (earned - now).max(Span::ZERO) }
    }
}

/// No piece of work takes longer: a process that was stopped, or did not run, has not worked.
const WORK_MAX: Span = Span::from_secs(1);

/// A part of the time for work that others cause, however they cut it into pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    rests: i64,
    leave: Span,
    /// So much rest is owed, as of `at`.
    owed: Span,
    at: Option<Raw>,
}

impl Share {
    /// For each time of work `rests` times as long of rest, which is taken once more than `leave`
    /// of it is owed.
    #[must_use]
    pub fn new(rests: i64, leave: Span) -> Self {
        Self { rests, leave, owed: Span::ZERO, at: None }
    }

    /// There was work from one time to the other; until when to rest now, if need be.
    pub fn worked(&mut self, from: Raw, to: Raw) -> Option<Raw> {
        let idle = self.at.map_or(Span::ZERO, |at| from - at).max(Span::ZERO);
        let worked = (to - from).clamp(Span::ZERO, WORK_MAX);
        let owed = (self.owed + -idle).max(Span::ZERO).nanos();
        let more = worked.nanos().saturating_mul(self.rests);
        self.owed = Span::from_nanos(owed.saturating_add(more));
        self.at = Some(to);
        (self.owed > self.leave).then(|| to + self.owed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(count: i64) -> Span {
        Span::from_nanos(count * 1000)
    }

    #[test]
    fn a_little_work_now_and_then_needs_no_rest() {
        let mut share = Share::new(1, micros(5000));
        for n in 0..1000 {
            let from = Raw::default() + micros(n * 1000);
            assert_eq!(share.worked(from, from + micros(400)), None, "{n}");
        }
    }

    #[test]
    fn more_than_its_part_is_rested_from_in_one_piece() {
        let mut share = Share::new(3, micros(6000));
        let at = Raw::default();
        assert_eq!(share.worked(at, at + micros(1000)), None);
        assert_eq!(share.worked(at + micros(1000), at + micros(2000)), None);
        let until = share.worked(at + micros(2000), at + micros(2100));
        assert_eq!(until, Some(at + micros(2100 + 6300)));
        assert_eq!(share.worked(until.unwrap(), until.unwrap() + micros(1)), None);
    }

    #[test]
    fn a_clock_that_went_back_or_very_far_owes_no_rest_for_ever() {
        let mut share = Share::new(1, micros(5));
        let at = Raw::default() + micros(1_000_000);
        assert_eq!(share.worked(at, Raw::default()), None);
        let far = Raw::from_nanos(i64::MAX / 2);
        assert_eq!(share.worked(far, far), None);
        assert_eq!(share.worked(far, far + micros(6)), Some(far + micros(12)));
    }

    #[test]
    fn who_was_stopped_for_an_hour_does_not_rest_for_an_hour() {
        let mut share = Share::new(1, micros(1000));
        let (from, to) = (Raw::default(), Raw::default() + Span::from_secs(3600));
        assert_eq!(share.worked(from, to), Some(to + Span::from_secs(1)));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_work_takes_no_more_than_its_part(
            rests in 1_i64..4,
            pieces in prop::collection::vec((0_i64..300, 1_i64..2000), 1..400),
        ) {
            let leave = 5000;
            let mut share = Share::new(rests, micros(leave));
            let (mut now, mut worked, mut longest) = (0, 0, 0);
            for (pause, work) in pieces {
                let from = Raw::default() + micros(now + pause);
                now += pause + work;
                (worked, longest) = (worked + work, longest.max(work));
                prop_assert!(worked * (1 + rests) <= now + leave + longest * rests);
                if let Some(until) = share.worked(from, Raw::default() + micros(now)) {
                    now = (until - Raw::default()).nanos() / 1000;
                }
            }
        }
    }

    fn happened(budget: &mut Budget, seconds: std::ops::Range<i64>) -> usize {
        let may = |second: &i64| budget.spend(Raw::default() + Span::from_secs(*second));
        seconds.filter(may).count()
    }

    #[test]
    fn a_few_come_at_once_and_then_one_in_a_while() {
        let mut budget = Budget::new(6, Span::from_secs(300));
        assert_eq!(happened(&mut budget, 0..60), 6);
        assert_eq!(happened(&mut budget, 60..86_400), 287);
    }

    #[test]
    fn what_is_used_up_says_for_how_long() {
        let (second, at) = (Span::from_secs(1), Raw::default());
        let mut budget = Budget::new(2, second);
        assert_eq!(budget.wait(at), Span::ZERO);
        assert!(budget.spend(at) && budget.spend(at) && !budget.spend(at));
        assert_eq!(budget.wait(at), second);
        let half = Span::from_nanos(second.nanos() / 2);
        assert_eq!(budget.wait(at + half), half);
        for later in [second, second + second] {
            assert_eq!(budget.wait(at + later), Span::ZERO);
        }
        assert!(budget.spend(at + second) && !budget.spend(at + second));
    }

    #[test]
    fn rest_earns_all_back_and_no_more() {
        let mut budget = Budget::new(6, Span::from_secs(300));
        assert_eq!(happened(&mut budget, 0..10), 6);
        assert_eq!(happened(&mut budget, 1_000_000..1_000_010), 6);
    }
}
