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

#[cfg(test)]
mod tests {
    use super::*;

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
