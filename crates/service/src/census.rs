//! How often the processes of a service are counted where the kernel does not limit them, and what
//! is done when there are too many.
//!
//! Nobody tells of a fork, so this is the one thing that is looked at again and again: rarely while
//! there are few and no more come, soon when they are on their way to the limit.

use std::time::Duration;

use crate::time::Monotonic;

/// Never sooner: to count a hundred processes takes a millisecond.
pub const COUNT_MIN: Duration = Duration::from_millis(20);
/// How often those are counted that stay where they are, near their limit.
const COUNT_NEAR: Duration = Duration::from_secs(1);
/// Never later: a fork bomb grows until it is seen.
pub const COUNT_MAX: Duration = Duration::from_secs(4);
/// So many times the limit is no service any more that has a few too many.
const BOMB: u64 = 2;

/// What is to be done with the processes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Nothing.
    None,
    /// So many are too many: the newest are killed.
    Newest(u64),
    /// It is a fork bomb, and all are killed: those that are left would go on.
    All,
}

/// The count of one service's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    limit: u64,
    last: u64,
    interval: Duration,
    at: Monotonic,
}

impl Census {
    /// Of a service that starts now.
    #[must_use]
    pub fn new(now: Monotonic, limit: u64) -> Self {
        Self { limit, last: 0, interval: COUNT_MIN, at: now + COUNT_MIN }
    }

    /// When to count.
    #[must_use]
    pub fn at(&self) -> Monotonic {
        self.at
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// There are so many now, and of those so many could be killed without the main process.
    pub fn counted(&mut self, now: Monotonic, count: u64, others: u64) -> Excess {
        let last = std::mem::replace(&mut self.last, count.min(self.limit));
        let excess = count.saturating_sub(self.limit);
        self.interval = self.next_interval(last, count);
        self.at = now + self.interval;
        if excess == 0 {
            return Excess::None;
        }
        if count >= self.limit.saturating_mul(BOMB) || excess > others {
            Excess::All
        } else {
            Excess::Newest(excess)
        }
    }

    /// Half the time after which the limit would be reached, should it go on like this.
    fn next_interval(&self, last: u64, count: u64) -> Duration {
        if count > self.limit {
            return COUNT_MIN;
        }
        let room = self.limit - count;
        let near = room <= self.limit / 4;
        let most = if near { COUNT_NEAR } else { COUNT_MAX };
        let longer = self.interval.saturating_mul(2).min(most);
        let grown = count.saturating_sub(last);
        if grown == 0 {
            return longer;
        }
        let per_process = self.interval.as_secs_f64() / u64_to_f64(grown);
        let half_way = per_process * u64_to_f64(room) / 2.0;
        Duration::try_from_secs_f64(half_way).unwrap_or(longer).clamp(COUNT_MIN, longer)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rough guess of when to look again")]
fn u64_to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: u64 = 100;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    /// Counts the same again and again; the intervals in milliseconds.
    fn intervals(counts: &[u64]) -> Vec<u128> {
        let mut census = Census::new(at(0), LIMIT);
        let interval = |count: &u64| {
            let now = census.at();
            census.counted(now, *count, *count - 1);
            census.at().since(now).as_millis()
        };
        counts.iter().map(interval).collect()
    }

    #[test]
    fn who_stays_small_is_counted_less_and_less() {
        let seen = intervals(&[2; 10]);
        assert_eq!(seen, [40, 80, 160, 320, 640, 1280, 2560, 4000, 4000, 4000]);
    }

    #[test]
    fn who_stays_near_the_limit_is_counted_each_second_and_at_it_as_well() {
        assert_eq!(intervals(&[100; 8]).last(), Some(&1000));
        assert_eq!(intervals(&[75; 9]).last(), Some(&1000));
    }

    #[test]
    fn who_grows_is_counted_half_way_to_the_limit() {
        let mut counts = vec![2; 9];
        counts.push(42); // 40 in 4 s: the other 58 in 5.8 s
        counts.push(72); // 30 in 2.9 s: the other 28 in 2.7 s
        counts.push(99);
        let seen = intervals(&counts);
        assert_eq!(&seen[9..], [2900, 1353, 25]);
    }

    #[test]
    fn a_few_too_many_are_the_newest_and_many_are_a_bomb() {
        let excess = |count, others| Census::new(at(0), LIMIT).counted(at(1), count, others);
        assert_eq!(excess(100, 99), Excess::None);
        assert_eq!(excess(103, 102), Excess::Newest(3));
        assert_eq!(excess(199, 198), Excess::Newest(99));
        assert_eq!(excess(200, 199), Excess::All);
        assert_eq!(excess(103, 2), Excess::All, "the main process has too many threads");
    }

    #[test]
    fn each_hit_is_followed_by_a_look_soon() {
        let mut census = Census::new(at(0), LIMIT);
        census.counted(at(20), 50, 49);
        for _ in 0..3 {
            census.counted(at(5000), 120, 119);
            assert_eq!(census.at(), at(5000) + COUNT_MIN);
        }
    }

    proptest! {
        #[test]
        fn no_count_is_looked_at_too_soon_or_too_late(
            limit in 0..=u64::MAX, counts in prop::collection::vec(0..=u64::MAX, 1..50)
        ) {
            let mut census = Census::new(at(0), limit);
            for count in counts {
                let now = census.at();
                census.counted(now, count, count.saturating_sub(1));
                let interval = census.at().since(now);
                prop_assert!((COUNT_MIN..=COUNT_MAX).contains(&interval), "{interval:?}");
            }
        }
    }
}
