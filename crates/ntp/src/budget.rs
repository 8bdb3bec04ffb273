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
    fn rest_earns_all_back_and_no_more() {
        let mut budget = Budget::new(6, Span::from_secs(300));
        assert_eq!(happened(&mut budget, 0..10), 6);
        assert_eq!(happened(&mut budget, 1_000_000..1_000_010), 6);
    }
}
