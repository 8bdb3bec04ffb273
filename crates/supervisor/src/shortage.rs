//! Whether the machine has room for a start: asked before each, answered from a look that is not
//! old.

use std::time::Duration;

use service::Monotonic;
use service::budget::Budget;
use service::guard::{self, Amount, LOOK_AGAIN, Readings, Scarcity};
use service::words::Cause;
use sys::scarcity::Gauges;

/// A look is as good as new for so long: a thousand starts at boot need a few, not a thousand.
const LOOK_LASTS: Duration = Duration::from_millis(50);

/// Limits of the whole machine are set by people, who wait a moment for what they have set.
const LIMITS_LAST: Duration = Duration::from_secs(10);

/// What stands between a service and its start.
#[derive(Debug)]
pub(crate) struct Shortage {
    restarts: Budget,
    looked: Option<Monotonic>,
    found: Option<Scarcity>,
    gauges: Gauges,
    looked_at_limits: Option<Monotonic>,
}

impl Shortage {
    pub(crate) fn new(now: Monotonic) -> Self {
        Self {
            restarts: Budget::new(now),
            looked: None,
            found: None,
            gauges: Gauges::default(),
            looked_at_limits: None,
        }
    }

    /// With the files open from now on: descriptors may be what there is none of later.
    pub(crate) fn watch(now: Monotonic) -> Self {
        let mut shortage = Self::new(now);
        shortage.look(now);
        shortage
    }

    /// What a start at `now` has to wait for, and until when; what an operator asks for is tried
    /// whatever there is.
    pub(crate) fn delays(&mut self, now: Monotonic, cause: Cause) -> Option<(Scarcity, Monotonic)> {
        if cause == Cause::Asked {
            return None;
        }
        if let Some(what) = self.look(now) {
            return Some((what, now + LOOK_AGAIN));
        }
        match cause {
            Cause::Restart => self.restarts.take(now).err().map(|at| (Scarcity::Restarts, at)),
            Cause::First | Cause::Asked => None,
        }
    }

    fn look(&mut self, now: Monotonic) -> Option<Scarcity> {
        let is_old = |looked: Option<Monotonic>, lasts| {
            looked.is_none_or(|looked| now.since(looked) >= lasts)
        };
        if is_old(self.looked, LOOK_LASTS) {
            if is_old(self.looked_at_limits, LIMITS_LAST) {
                self.looked_at_limits = Some(now);
                self.gauges.look_at_limits();
            }
            self.looked = Some(now);
            self.found = guard::scarce(&readings(&mut self.gauges));
        }
        self.found
    }
}

fn readings(gauges: &mut Gauges) -> Readings {
    let amount = |(free, total)| Amount { free, total };
    Readings {
        pids: gauges.pids().map(amount),
        files: gauges.files().map(amount),
        memory: gauges.memory().map(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Monotonic {
        Monotonic(Duration::from_secs(secs))
    }

    #[test]
    fn who_is_short_of_something_waits_unless_an_operator_asks() {
        let found = Some(Scarcity::Files);
        let mut shortage = Shortage { looked: Some(at(5)), found, ..Shortage::new(at(5)) };
        let until = at(5) + LOOK_AGAIN;
        for cause in [Cause::First, Cause::Restart] {
            assert_eq!(shortage.delays(at(5), cause), Some((Scarcity::Files, until)));
        }
        assert_eq!(shortage.delays(at(5), Cause::Asked), None);
    }

    #[test]
    fn a_boot_costs_nothing_and_restarts_have_a_budget() {
        let mut shortage = Shortage { looked: Some(at(5)), ..Shortage::new(at(5)) };
        assert!((0..10_000).all(|_| shortage.delays(at(5), Cause::First).is_none()));
        let mut delays = (0..1000).filter_map(|_| shortage.delays(at(5), Cause::Restart));
        assert_eq!(delays.next().map(|(what, _)| what), Some(Scarcity::Restarts));
        assert!(delays.count() > 500);
    }
}
