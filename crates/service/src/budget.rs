//! How many restarts all services together may have, and how many starts an operator may ask of
//! one: token buckets.
//!
//! Each service has its own pauses. But what a thousand services need may fail at once, and a
//! thousand restarts a second leave nobody room to mend it. First starts and what an operator asks
//! for cost nothing there. But letters are cheap, and each may be a start: of a service that ends
//! at once a flood of them would be a storm.

use std::time::Duration;

use crate::time::Monotonic;

/// So many restarts may come at once: more than a small machine has services.
pub const RESTARTS_AT_ONCE: u32 = 100;
/// After that, one each so long: a thousand services that back off to a minute need 17 a second.
pub const RESTART_EVERY: Duration = Duration::from_millis(50);

/// So many starts of one service may be asked for at once: more than a person does.
pub const ASKED_AT_ONCE: u32 = 10;
/// After that, one each so long: as often as it may be restarted.
pub const ASKED_EVERY: Duration = crate::pacing::START_SPACING;

/// What is left of it.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    most: u32,
    every: Duration,
    tokens: u32,
    /// Up to when tokens have been given.
    given: Monotonic,
}

impl Budget {
    /// A full one, of the restarts of all services.
    #[must_use]
    pub fn new(now: Monotonic) -> Self {
        Self::full(now, RESTARTS_AT_ONCE, RESTART_EVERY)
    }

    /// A full one, of the starts of a service that are asked for.
    #[must_use]
    pub fn of_letters(now: Monotonic) -> Self {
        Self::full(now, ASKED_AT_ONCE, ASKED_EVERY)
    }

    fn full(now: Monotonic, most: u32, every: Duration) -> Self {
        Self { most, every, tokens: most, given: now }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none; the instant from which on there will be one.
    pub fn take(&mut self, now: Monotonic) -> Result<(), Monotonic> {
        let fresh = now.since(self.given).as_nanos() / self.every.as_nanos();
        let fresh = u32::try_from(fresh).unwrap_or(u32::MAX);
        if fresh >= self.most - self.tokens {
            (self.tokens, self.given) = (self.most, now);
        } else {
            self.tokens += fresh;
            self.given = self.given + self.every * fresh;
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                Ok(())
            }
            None => Err(self.given + self.every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    /// How many restarts there are at `now`.
    fn taken(budget: &mut Budget, now: Monotonic) -> u32 {
        (0..10_000).take_while(|_| budget.take(now).is_ok()).count().try_into().unwrap()
    }

    #[test]
    fn a_burst_is_free_and_then_they_come_at_a_steady_pace() {
        let mut budget = Budget::new(at(0));
        assert_eq!(taken(&mut budget, at(0)), RESTARTS_AT_ONCE);
        assert_eq!(budget.take(at(0)), Err(at(50)));
        assert_eq!(budget.take(at(49)), Err(at(50)));
        assert_eq!(taken(&mut budget, at(50)), 1);
        assert_eq!(taken(&mut budget, at(1_049)), 19);
        assert_eq!(taken(&mut budget, at(1_050)), 1);
    }

    #[test]
    fn what_was_not_used_is_there_again_and_no_more() {
        let mut budget = Budget::new(at(0));
        taken(&mut budget, at(0));
        assert_eq!(taken(&mut budget, at(86_400_000)), RESTARTS_AT_ONCE);
        assert_eq!(budget.take(at(86_400_000)), Err(at(86_400_050)));
    }

    #[test]
    fn a_clock_that_stands_still_or_is_at_its_end_does_no_harm() {
        let mut budget = Budget::new(at(1000));
        taken(&mut budget, at(1000));
        assert_eq!(budget.take(at(0)), Err(at(1050)));
        assert!(budget.take(Monotonic(Duration::MAX)).is_ok());
    }
}
